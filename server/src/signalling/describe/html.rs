//! In: texts of the documents. Out: HTML that shows them, whatever is in them.

/// A text that nothing in HTML mistakes for markup, in content and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}

/// A line of text with its `code` and *emphasis*: all of Markdown that the documents use.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (number, piece) in text.split('`').enumerate() {
        if number % 2 == 1 {
            html += &format!("<code>{}</code>", escape(piece));
            continue;
        }
        for (number, piece) in piece.split('*').enumerate() {
            let escaped = escape(piece);
            html += &if number % 2 == 1 { format!("<em>{escaped}</em>") } else { escaped };
        }
    }
    html
}

/// Paragraphs.
pub(super) fn prose(text: &str) -> String {
    text.split("\n\n")
        .filter(|part| !part.is_empty())
        .map(|part| format!("<p>{}</p>", inline(part)))
        .collect()
}

/// A block of code.
pub(super) fn code(text: &str) -> String {
    format!("<pre><code>{}</code></pre>", escape(text.trim_end()))
}

/// A table; cells are HTML.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: String = rows
        .into_iter()
        .map(|row| {
            format!("<tr>{}</tr>", row.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>())
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head: String = head.iter().map(|name| format!("<th>{name}</th>")).collect();
    format!("<div class=\"wide\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>")
}
