//! In: a JSON Schema of the documents. Out: a table of its members.

use serde_json::Value;

use super::documents::resolve;
use super::html::{escape, inline, table};

/// The members of an object, nested ones under their path; nothing for anything else.
pub(super) fn members(document: &Value, schema: &Value) -> String {
    let mut rows = Vec::new();
    collect(document, schema, "", &mut rows);
    table(&["member", "value", ""], rows)
}

fn collect(document: &Value, schema: &Value, prefix: &str, rows: &mut Vec<Vec<String>>) {
    let schema = resolve(document, schema);
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let member = resolve(document, member);
        let path = format!("{prefix}{name}");
        let need = if required.contains(&name.as_str()) { "" } else { " <small>optional</small>" };
        let about = member["description"].as_str().unwrap_or_default();
        rows.push(vec![
            format!("<code>{}</code>{need}", escape(&path)),
            values(document, member),
            inline(about),
        ]);
        collect(document, member, &format!("{path}."), rows);
        collect(document, &member["items"], &format!("{path}[]."), rows);
    }
}

/// What a member may be, in a few words.
fn values(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    let literal = |value: &Value| format!("<code>{}</code>", escape(&value.to_string()));
    if let Some(any) = schema["anyOf"].as_array().filter(|_| schema["type"].is_null()) {
        return any.iter().map(|one| values(document, one)).collect::<Vec<_>>().join(", or ");
    }
    if let Some(all) = schema["enum"].as_array() {
        return all.iter().map(literal).collect::<Vec<_>>().join(" ");
    }
    if let Some(value) = schema.get("const") {
        return literal(value);
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    };
    let detail = match (&schema["minimum"], &schema["maximum"], schema["format"].as_str()) {
        (Value::Number(low), Value::Number(high), _) => format!(", {low} to {high}"),
        (_, _, Some(format)) => format!(", {format}"),
        _ => String::new(),
    };
    escape(&format!("{kind}{detail}"))
}
