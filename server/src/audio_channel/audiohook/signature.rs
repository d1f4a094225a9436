//! HTTP message signatures as Genesys AudioHook uses them. In: a request's header and target, a key's secret, the time.
//! Out: whether the request is signed with it.
//!
//! The scheme is draft-ietf-httpbis-message-signatures-11 with `@request-target` and HMAC-SHA256 (RFC 2104), which the final
//! RFC 9421 defines alike. The signed text is, for each component in the order listed, a line `"name": value`, then
//! `"@signature-params": ` and the list as it was written. What is checked, and refused without saying which:
//!
//! 1. both headers parse, have a label in common, and its parameters are among `alg`, `created`, `expires`, `keyid`, `nonce`;
//! 2. `created` is not in the future, `expires` not in the past, and the signature not older than [`Window::max_age`];
//! 3. each component is listed once and can be computed; [`REQUIRED`] are all there;
//! 4. the nonce has at least 22 characters (128 bits), `keyid` is the API key, `alg` is `hmac-sha256` if it is there;
//! 5. the value has 32 bytes and is the right one, compared in constant time.
//!
//! Of several labels the first that is in both headers counts.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::audio_channel::audiohook::dictionary::{self, Bare, InnerList, Value};
use crate::tenant::time::UnixTime;

/// Components that every signature must cover.
pub const REQUIRED: [&str; 6] = [
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
];
/// 128 bits in base64.
const SHORTEST_NONCE: usize = 22;
/// Bytes of HMAC-SHA256.
const LENGTH: usize = 32;

/// How much time a signature has.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// From its creation; the signer's own limit (`expires`, 30 s at Genesys) holds besides.
    pub max_age: Duration,
    /// How far the signer's clock may be off, in either direction.
    pub skew: Duration,
}

/// What is signed of a request.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Path and query, as the signer saw them.
    pub target: &'a str,
    /// Host and, unless it is the scheme's own, port; as the signer saw them.
    pub authority: &'a str,
    /// The request's header fields.
    pub headers: &'a HeaderMap,
}

/// A signature that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// To be used once.
    pub nonce: String,
    /// Until when it counts at most.
    pub until: UnixTime,
}

/// Whether a request has any of the two headers.
pub fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key("signature") || headers.contains_key("signature-input")
}

/// Checks a request's signature.
///
/// `None`: it has none, or one that is not right. Does the same work for every secret, right or wrong.
pub fn check(
    request: &Signed<'_>,
    api_key: &str,
    secret: &[u8],
    window: Window,
    now: UnixTime,
) -> Option<Right> {
    let input = field(request.headers, "signature-input")?;
    let value = field(request.headers, "signature")?;
    let (inputs, values) = (dictionary::parse(&input)?, dictionary::parse(&value)?);
    let (list, given) = inputs.iter().find_map(|(label, input)| {
        let value = values.iter().find(|(other, _)| other == label)?;
        match (input, &value.1) {
            (Value::List(list), Value::Bytes(bytes)) => Some((list, bytes)),
            _ => None,
        }
    })?;
    let base = base(request, list)?;
    let parameters = Parameters::of(list)?;
    let until = parameters.holds(window, now)?;
    if parameters.keyid.as_deref() != Some(api_key) || given.len() != LENGTH {
        return None;
    }
    let nonce = parameters.nonce.filter(|nonce| nonce.len() >= SHORTEST_NONCE)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(base.as_bytes());
    mac.verify_slice(given).ok()?;
    Some(Right { nonce, until })
}

#[derive(Debug, Default)]
struct Parameters {
    created: Option<u64>,
    expires: Option<u64>,
    keyid: Option<String>,
    nonce: Option<String>,
}

impl Parameters {
    fn of(list: &InnerList<'_>) -> Option<Self> {
        let mut all = Self::default();
        for (name, value) in &list.parameters {
            match (*name, value) {
                ("created", Bare::Number(seconds)) => all.created = Some(u64::try_from(*seconds).ok()?),
                ("expires", Bare::Number(seconds)) => all.expires = Some(u64::try_from(*seconds).ok()?),
                ("keyid", Bare::Text(text)) => all.keyid = Some(text.clone()),
                ("nonce", Bare::Text(text)) => all.nonce = Some(text.clone()),
                ("alg", Bare::Text(text)) if text == "hmac-sha256" => {}
                _ => return None,
            }
        }
        Some(all)
    }

    /// Until when the signature counts, if it does now. One that says neither when it was made nor when it ends never does:
    /// it could be replayed for ever.
    fn holds(&self, window: Window, now: UnixTime) -> Option<UnixTime> {
        let created = UnixTime::from_seconds(self.created?);
        let by_age = created.after(window.max_age);
        let by_signer = self.expires.map_or(by_age, UnixTime::from_seconds);
        let until = by_age.min(by_signer).after(window.skew);
        (created <= now.after(window.skew) && now <= until).then_some(until)
    }
}

/// What is signed.
fn base(request: &Signed<'_>, list: &InnerList<'_>) -> Option<String> {
    if !REQUIRED.iter().all(|name| list.items.iter().any(|item| item == name)) {
        return None;
    }
    let mut base = String::with_capacity(512);
    for (index, name) in list.items.iter().enumerate() {
        if list.items[..index].contains(name) {
            return None;
        }
        let value = match name.as_str() {
            "@request-target" => request.target.to_owned(),
            "@authority" => request.authority.to_owned(),
            name if name.starts_with('@') => return None,
            // A component's name is in lower case; a header's would be found in any.
            name if name.bytes().any(|byte| byte.is_ascii_uppercase()) => return None,
            name => field(request.headers, name)?,
        };
        base.extend(["\"", name, "\": ", &value, "\n"]);
    }
    base.extend(["\"@signature-params\": ", list.text]);
    Some(base)
}

/// A header field's value: the fields of one name in their order, each without the space around it, joined.
pub fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    let name = HeaderName::try_from(name).ok()?;
    let mut values = headers.get_all(name).into_iter().map(|value| value.to_str().map(str::trim));
    let mut joined = values.next()?.ok()?.to_owned();
    for value in values {
        joined.push_str(", ");
        joined.push_str(value.ok()?);
    }
    Some(joined)
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
