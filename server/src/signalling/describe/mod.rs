//! In: where this server is reached. Out: `/docs`, a page that describes it, and the two documents the page is made of.
//!
//! | address | what |
//! |---|---|
//! | `/docs` | one page without scripts and without anything from elsewhere: it works offline and when saved |
//! | `/docs/openapi.json` | REST, tokens, health: OpenAPI 3.1 |
//! | `/docs/asyncapi.json` | Socket.IO and the audio channels: AsyncAPI 3 |
//!
//! The documents are written by hand (`openapi.json`, `asyncapi.json`) and held against the code by tests: every route and
//! method, every answer of every REST test, every error, event and close code. The examples are files (`examples/`), which
//! a test takes from the served page and runs. All of it is made once, when the server starts, and needs no key.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::data_dir::hex;
use documents::Documents;
pub use documents::Place;

mod channel_reference;
mod documents;
mod html;
mod page;
mod rest_reference;
mod schema;
#[cfg(test)]
pub(crate) mod strict;
#[cfg(test)]
mod tests;

/// The page and the documents of the server at `place`.
pub fn build(place: &Place<'_>) -> Router {
    let documents = Documents::of(place);
    let json = |document: &serde_json::Value| {
        published("application/json", format!("{document:#}\n"), "default-src 'none'".to_owned())
    };
    Router::new()
        .route("/docs/openapi.json", json(&documents.openapi))
        .route("/docs/asyncapi.json", json(&documents.asyncapi))
        .route("/docs", published("text/html; charset=utf-8", page::render(place, &documents), page_policy()))
}

/// Nothing is loaded, nothing runs, nothing is sent: only the page's own style, which is known by its hash.
fn page_policy() -> String {
    let style = STANDARD.encode(Sha256::digest(page::STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// A text that stays the same as long as this server runs.
struct Published {
    body: Bytes,
    headers: [(header::HeaderName, HeaderValue); 5],
}

fn published(content_type: &'static str, text: String, policy: String) -> MethodRouter {
    let tag = format!("\"{}\"", hex(&Sha256::digest(&text)));
    // Base64 and hexadecimal digits in texts of ours: always valid in a header.
    let value = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    let published = Arc::new(Published {
        body: text.into(),
        headers: [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::ETAG, value(tag)),
            // Another version of the server may be here tomorrow: a cache asks each time.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::CONTENT_SECURITY_POLICY, value(policy)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ],
    });
    get(async move |headers: HeaderMap| published.answer(&headers))
}

impl Published {
    fn answer(&self, request: &HeaderMap) -> Response {
        let known =
            request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let tag = &self.headers[1].1;
        let fresh =
            known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*");
        if fresh {
            return (StatusCode::NOT_MODIFIED, self.headers.clone()).into_response();
        }
        (self.headers.clone(), self.body.clone()).into_response()
    }
}
