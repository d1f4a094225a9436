//! In: the AsyncAPI document. Out: the part of the page that describes it: channels, their messages, how they end.

use serde_json::Value;

use super::documents::resolve;
use super::html::{code, escape, inline, prose, table};
use super::schema;

/// The channels of one server of the document.
pub(super) fn render(document: &Value, server: &str) -> String {
    let server = format!("#/servers/{server}");
    let channels = document["channels"].as_object().into_iter().flatten();
    let of_server = channels.filter(|(_, channel)| channel["servers"][0]["$ref"] == server.as_str());
    of_server.map(|(name, channel)| channel_html(document, name, channel)).collect()
}

fn channel_html(document: &Value, name: &str, channel: &Value) -> String {
    let text = |member: &str| channel[member].as_str().unwrap_or_default();
    format!(
        "<h3>{} <code>{}</code></h3>{}{}{}{}",
        escape(text("title")),
        escape(text("address")),
        prose(text("description")),
        messages(document, &format!("#/channels/{name}")),
        ends("Refused connections (CONNECT_ERROR)", "message", &channel["x-connect-errors"]),
        ends("Close codes", "code", &channel["x-close-codes"]),
    )
}

/// The messages of a channel in the order of its operations: those of a client first, as it goes.
fn messages(document: &Value, channel: &str) -> String {
    let operations = document["operations"].as_object().into_iter().flatten();
    let of_channel = operations.filter(|(_, operation)| operation["channel"]["$ref"] == channel);
    let all = of_channel.flat_map(|(_, operation)| {
        // The document speaks of the server, the reader writes a client.
        let action = if operation["action"] == "send" { "receive" } else { "send" };
        let messages = operation["messages"].as_array().into_iter().flatten();
        messages.map(move |message| message_html(document, action, message))
    });
    all.collect()
}

fn message_html(document: &Value, action: &str, message: &Value) -> String {
    let message = resolve(document, message);
    let text = |name: &str| message[name].as_str().unwrap_or_default();
    let audio = match message["x-collected-audio"].as_str() {
        Some("null") => "<p>Second argument: <code>null</code>.</p>",
        Some(_) => "<p>Second argument: the collected speech, a WAV file.</p>",
        None => "",
    };
    let example = message.pointer("/examples/0/payload").map(|example| code(&format!("{example:#}")));
    format!(
        "<details><summary><b class=\"{action}\">{action}</b> <code>{}</code> <span>{}</span></summary>{}{audio}{}{}</details>",
        escape(text("name")),
        inline(text("title")),
        prose(text("summary")),
        schema::members(document, &message["payload"]),
        example.unwrap_or_default(),
    )
}

fn ends(title: &str, member: &str, list: &Value) -> String {
    let rows = list.as_array().into_iter().flatten().map(|end| {
        let name = end[member].as_str().map_or_else(|| end[member].to_string(), str::to_owned);
        vec![format!("<code>{}</code>", escape(&name)), inline(end["when"].as_str().unwrap_or_default())]
    });
    let table = table(&[member, "when"], rows);
    if table.is_empty() { table } else { format!("<h4>{title}</h4>{table}") }
}
