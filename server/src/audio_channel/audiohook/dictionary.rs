//! In: the text of a structured-field dictionary (RFC 8941 §3.2), as `Signature-Input` and `Signature` are. Out: its
//! members, each with the very text it had.
//!
//! Only the kinds of members that these two headers may have are read: inner lists of strings with parameters, and byte
//! sequences. Anything else is no dictionary of ours. The text is kept because the signature covers it: an inner list is
//! signed as it was written, not as somebody else would write it. Everything is bounded by the length of the text, which
//! HTTP limits; nothing is copied.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A bare item that a parameter may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bare {
    /// A string, its escapes undone.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A token, a byte sequence, a boolean, a decimal: nothing that these headers use.
    Other,
}

/// An inner list with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerList<'a> {
    /// The strings in it.
    pub items: Vec<String>,
    /// What follows it. A name that comes twice has its last value, at its first place (RFC 8941 §4.2.3.2).
    pub parameters: Vec<(&'a str, Bare)>,
    /// List and parameters as they were written.
    pub text: &'a str,
}

/// A member's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `("a" "b");x=1`
    List(InnerList<'a>),
    /// `:AQID:`
    Bytes(Vec<u8>),
}

/// Reads a dictionary. `None`: it is none, or none that these headers may be.
pub fn parse(text: &str) -> Option<Vec<(&str, Value<'_>)>> {
    let mut rest = Rest { text: text.trim_matches(' ') };
    let mut members: Vec<(&str, Value<'_>)> = Vec::new();
    if rest.text.is_empty() {
        return None;
    }
    loop {
        let key = rest.key()?;
        rest.eat('=')?;
        let value = match rest.peek()? {
            '(' => Value::List(rest.inner_list()?),
            ':' => {
                let bytes = rest.bytes()?;
                rest.parameters()?;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        match members.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = value,
            None => members.push((key, value)),
        }
        rest.blank();
        if rest.text.is_empty() {
            return Some(members);
        }
        rest.eat(',')?;
        rest.blank();
    }
}

/// What has not been read yet.
#[derive(Clone, Copy)]
struct Rest<'a> {
    text: &'a str,
}

impl<'a> Rest<'a> {
    fn peek(&self) -> Option<char> {
        self.text.chars().next()
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        self.text = self.text.strip_prefix(wanted)?;
        Some(())
    }

    /// Optional white space between members.
    fn blank(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t']);
    }

    fn spaces(&mut self) {
        self.text = self.text.trim_start_matches(' ');
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.text.find(|c| !fits(c)).unwrap_or(self.text.len());
        let (taken, rest) = self.text.split_at(end);
        self.text = rest;
        taken
    }

    fn key(&mut self) -> Option<&'a str> {
        self.peek().filter(|c| c.is_ascii_lowercase() || *c == '*')?;
        Some(self.take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.*".contains(c)))
    }

    fn inner_list(&mut self) -> Option<InnerList<'a>> {
        let begin = self.text;
        self.eat('(')?;
        let mut items = Vec::new();
        loop {
            self.spaces();
            if self.eat(')').is_some() {
                break;
            }
            items.push(self.string()?);
            if !matches!(self.peek(), Some(' ' | ')')) {
                // An item with parameters is a component that we do not compute.
                return None;
            }
        }
        let parameters = self.parameters()?;
        let text = &begin[..begin.len() - self.text.len()];
        Some(InnerList { items, parameters, text })
    }

    fn parameters(&mut self) -> Option<Vec<(&'a str, Bare)>> {
        let mut all: Vec<(&str, Bare)> = Vec::new();
        while self.eat(';').is_some() {
            self.spaces();
            let name = self.key()?;
            let value = match self.eat('=') {
                Some(()) => self.bare()?,
                // A name alone means true.
                None => Bare::Other,
            };
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => all.push((name, value)),
            }
        }
        Some(all)
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.peek()? {
            '"' => self.string().map(Bare::Text),
            ':' => self.bytes().map(|_| Bare::Other),
            '?' => {
                self.eat('?')?;
                self.eat('0').or_else(|| self.eat('1')).map(|()| Bare::Other)
            }
            '-' | '0'..='9' => self.number(),
            c if c.is_ascii_alphabetic() || c == '*' => {
                self.take_while(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c));
                Some(Bare::Other)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Bare> {
        let negative = self.eat('-').is_some();
        let digits = self.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() || digits.len() > 15 {
            return None;
        }
        if self.eat('.').is_some() {
            let fraction = self.take_while(|c| c.is_ascii_digit());
            return (digits.len() <= 12 && (1..=3).contains(&fraction.len())).then_some(Bare::Other);
        }
        let number: i64 = digits.parse().ok()?;
        Some(Bare::Number(if negative { -number } else { number }))
    }

    fn string(&mut self) -> Option<String> {
        self.eat('"')?;
        let mut string = String::new();
        loop {
            string.push_str(self.take_while(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'));
            if self.eat('"').is_some() {
                return Some(string);
            }
            self.eat('\\')?;
            let escaped = self.peek().filter(|c| matches!(c, '"' | '\\'))?;
            self.eat(escaped)?;
            string.push(escaped);
        }
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.eat(':')?;
        let encoded = self.take_while(|c| c != ':');
        self.eat(':')?;
        STANDARD.decode(encoded).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> InnerList<'_> {
        match parse(text).unwrap().remove(0).1 {
            Value::List(list) => list,
            Value::Bytes(_) => panic!("no list"),
        }
    }

    #[test]
    fn an_inner_list_keeps_its_text_and_its_parameters_their_order() {
        let text =
            r#"sig1=("@authority"  "x-api-key" );created=1641013200;nonce="a\"b\\c";alg="hmac-sha256""#;
        let list = list(text);
        assert_eq!(list.items, ["@authority", "x-api-key"]);
        assert_eq!(list.text, &text[5..]);
        assert_eq!(list.parameters[0], ("created", Bare::Number(1_641_013_200)));
        assert_eq!(list.parameters[1], ("nonce", Bare::Text("a\"b\\c".into())));
    }

    #[test]
    fn several_members_and_optional_white_space_are_read_and_the_last_of_a_name_counts() {
        let members = parse("  a=:AQID: , b=();x , a=:BA==:  ").unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(members[0], ("a", Value::Bytes(vec![4])));
        assert!(matches!(&members[1], ("b", Value::List(list)) if list.text == "();x"));
    }

    #[test]
    fn what_is_no_dictionary_of_lists_and_bytes_is_refused() {
        for text in [
            "",
            " ",
            "sig1",
            "sig1=",
            "sig1=1",
            "sig1=\"a\"",
            "sig1=(",
            "sig1=(a)",
            "sig1=(\"a\"",
            "sig1=(\"a\"\"b\")",
            "sig1=(\"a\";req)",
            "Sig1=()",
            "sig1=:AQI:",
            "sig1=:AQID",
            "sig1=() sig2=()",
            "sig1=(),",
            "sig1=();x=",
            "sig1=();=1",
            "sig1=();x=1234567890123456",
            "sig1=();x=\"\\n\"",
            "sig1=();x=\"é\"",
            "sig1=:éé:",
            "sig1=();x=?2",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z=();:\"\\\\, 0-9?.*é-]{0,80}") {
            let _ = parse(&text);
        }
    }
}
