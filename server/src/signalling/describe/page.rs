//! In: the documents and the examples. Out: one HTML page.

use super::documents::{Documents, Place};
use super::html::{code, escape, inline, prose};
use super::{channel_reference, rest_reference};

/// The page's style; the policy of the page knows it by its hash.
pub(super) const STYLE: &str = include_str!("page.css");
const TEMPLATE: &str = include_str!("page.html");

/// A program that runs as it is shown.
struct Example {
    file: &'static str,
    title: &'static str,
    needs: &'static str,
    text: &'static str,
}

/// In the order of the page.
const EXAMPLES: [Example; 4] = [
    Example {
        file: "rest.sh",
        title: "REST: register a caller with curl",
        needs: "`curl`, and `send_audio.py` beside it",
        text: include_str!("examples/rest.sh"),
    },
    Example {
        file: "register.py",
        title: "Socket.IO: register a caller with Python",
        needs: "`pip install \"python-socketio[client]\" requests`",
        text: include_str!("examples/register.py"),
    },
    Example {
        file: "verify.mjs",
        title: "Socket.IO: verify a caller with JavaScript",
        needs: "Node.js 18 or newer, `npm install socket.io-client`",
        text: include_str!("examples/verify.mjs"),
    },
    Example {
        file: "send_audio.py",
        title: "Media Streams: send a call's audio",
        needs: "`pip install websockets`",
        text: include_str!("examples/send_audio.py"),
    },
];

/// The page of the server at `place`.
pub(super) fn render(place: &Place<'_>, documents: &Documents) -> String {
    let version = documents.openapi["info"]["version"].as_str().unwrap_or_default();
    let about =
        |document: &serde_json::Value| prose(document["info"]["description"].as_str().unwrap_or_default());
    let parts = [
        ("{{version}}", escape(version)),
        ("{{environment}}", code(&environment(place.base_url))),
        ("{{examples}}", EXAMPLES.iter().map(|example| example.html(place)).collect()),
        ("{{rest-about}}", about(&documents.openapi)),
        ("{{rest}}", rest_reference::render(&documents.openapi)),
        ("{{channels-about}}", about(&documents.asyncapi)),
        ("{{socketio}}", channel_reference::render(&documents.asyncapi, "signalling")),
        ("{{audio}}", channel_reference::render(&documents.asyncapi, "audio")),
    ];
    let page = place.localised(TEMPLATE).replace("{{style}}", STYLE);
    parts.iter().fold(page, |page, (name, html)| page.replace(name, html))
}

/// What the examples read.
fn environment(base_url: &str) -> String {
    format!(
        "export PEAKSTREAM_URL={base_url}\n\
         export PEAKSTREAM_API_KEY=…        # \"api_key\" in first-run.json of the data directory\n\
         export PEAKSTREAM_CLIENT_ID=…      # \"client_id\"\n\
         export PEAKSTREAM_CLIENT_SECRET=…  # \"client_secret\""
    )
}

impl Example {
    fn html(&self, place: &Place<'_>) -> String {
        format!(
            "<details class=\"example\"><summary>{} <code>{}</code></summary><p>Needs {}.</p>\
             <pre data-file=\"{1}\"><code>{}</code></pre></details>",
            escape(self.title),
            escape(self.file),
            inline(self.needs),
            escape(&place.localised(self.text)),
        )
    }
}
