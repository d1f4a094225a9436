//! In: the descriptions as they are written. Out: the same with the version, address and paths of this server.

use axum::http::Uri;
use serde_json::{Value, json};

const OPENAPI: &str = include_str!("openapi.json");
const ASYNCAPI: &str = include_str!("asyncapi.json");

/// Where clients find the parts of a server.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Scheme, authority, and what a proxy puts before our paths.
    pub base_url: &'a str,
    /// Prefix of the REST channel.
    pub rest_path: &'a str,
    /// Path of the Socket.IO transport.
    pub socketio_path: &'a str,
    /// Path of the Media Streams audio channel.
    pub media_streams_path: &'a str,
    /// Path of the AudioHook audio channel.
    pub audiohook_path: &'a str,
}

impl Place<'_> {
    /// A text that was written for the default paths, with the configured ones.
    pub(super) fn localised(&self, text: &str) -> String {
        // From the longest to the shortest: none is the beginning of another.
        text.replace("/dpsrest", self.rest_path)
            .replace("/socket.io", self.socketio_path)
            .replace("/twilio", self.media_streams_path)
            .replace("/audiohook", self.audiohook_path)
    }

    fn localise(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.localised(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.localise(item)),
            Value::Object(members) => {
                let renamed = std::mem::take(members).into_iter().map(|(name, mut value)| {
                    self.localise(&mut value);
                    (self.localised(&name), value)
                });
                *members = renamed.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The two documents, ready to be served.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    pub(super) openapi: Value,
    pub(super) asyncapi: Value,
}

impl Documents {
    /// The documents of the server at `place`.
    pub(super) fn of(place: &Place<'_>) -> Self {
        let read = |text: &str| {
            // Compiled in, and read by every test of this module.
            let mut document: Value = serde_json::from_str(text).unwrap_or_default();
            place.localise(&mut document);
            document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
            document
        };
        let mut openapi = read(OPENAPI);
        openapi["servers"] = json!([{"url": place.base_url}]);
        let mut asyncapi = read(ASYNCAPI);
        if let Some(servers) = asyncapi["servers"].as_object_mut() {
            servers.values_mut().for_each(|server| put_address(server, place.base_url));
        }
        Self { openapi, asyncapi }
    }
}

/// AsyncAPI splits an address: host, protocol, path.
fn put_address(server: &mut Value, base_url: &str) {
    let Ok(base) = base_url.parse::<Uri>() else { return };
    let Some(host) = base.authority() else { return };
    server["host"] = json!(host.as_str());
    server["protocol"] = json!(if base.scheme_str() == Some("https") { "wss" } else { "ws" });
    let path =
        format!("{}{}", base.path().trim_end_matches('/'), server["pathname"].as_str().unwrap_or_default());
    if !path.is_empty() {
        server["pathname"] = json!(path);
    }
}

/// What `value` is, or refers to within `document`.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let mut value = value;
    // As deep as references to references go here: a message of an operation, of a channel, of the components.
    for _ in 0..4 {
        match value["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#'))) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}
