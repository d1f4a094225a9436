//! In: what Twilio signed and how, and the auth tokens of a tenant. Out: whether one of them signed it.
//!
//! The signature is the HMAC of the full URL in `<Stream url>`, base64; an upgrade has no parameters. SHA-1 unless
//! `X-Twilio-Webhooks-Signature-Settings` names SHA-256. Sources: twilio.com/docs/usage/security, and the vectors of the
//! official library (`twilio` 9.13 on PyPI, `RequestValidator`).
//!
//! What URL it was shows the request only in part, so every form that means this resource is tried: with the port and
//! without it, with 443 written out, with a slash at the end and without. The scheme is always `wss`: Twilio streams to
//! nothing else.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::tenant::carrier::SigningSecret;

const SIGNATURE: &str = "x-twilio-signature";
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha1,
    Sha256,
}

impl Algorithm {
    /// What the settings header names; `None`: an algorithm that we do not know.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let Some(settings) = headers.get(SETTINGS) else { return Some(Self::Sha1) };
        let named = settings.to_str().ok()?.split(',').filter_map(|part| part.split_once('='));
        let named = named.map(|(name, value)| (name.trim(), value.trim()));
        match named.into_iter().find(|(name, value)| *name == "algorithm" && !value.is_empty()) {
            None => Some(Self::Sha1),
            Some((_, name)) if name.eq_ignore_ascii_case("HMAC_SHA1") => Some(Self::Sha1),
            Some((_, name)) if name.eq_ignore_ascii_case("HMAC_SHA256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }

    fn sign(self, token: &[u8], url: &str) -> Vec<u8> {
        match self {
            Self::Sha1 => hmac::<Hmac<Sha1>>(token, url),
            Self::Sha256 => hmac::<Hmac<Sha256>>(token, url),
        }
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], url: &str) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(url.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Where a request went, as far as it tells.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Host and, if it is written, port.
    pub authority: &'a str,
    /// What a proxy put before the path, without a slash at its end.
    pub prefix: &'a str,
    /// As in the request line.
    pub path: &'a str,
    /// As in the request line, without `?`.
    pub query: Option<&'a str>,
}

impl Target<'_> {
    /// Every spelling of the URL.
    fn urls(&self) -> Vec<String> {
        let port_at = self.authority.rfind(':').filter(|&at| !self.authority[at..].contains(']'));
        let bare = port_at.map_or(self.authority, |at| &self.authority[..at]);
        let other = if port_at.is_some() { bare.to_owned() } else { format!("{bare}:443") };
        let path = self.path.strip_suffix('/').unwrap_or(self.path);
        let query = self.query.map(|query| format!("?{query}")).unwrap_or_default();
        let authorities = [self.authority, &other];
        let forms = authorities.iter().flat_map(|authority| ["", "/"].map(|slash| (authority, slash)));
        forms
            .map(|(authority, slash)| format!("wss://{authority}{}{path}{slash}{query}", self.prefix))
            .collect()
    }
}

/// Whether the request carries a signature at all.
pub fn is_present(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE)
}

/// Whether one of `tokens` signed the request. Computes every possibility whatever is found, and compares in constant time.
pub fn is_right(headers: &HeaderMap, target: Target<'_>, tokens: &[SigningSecret]) -> bool {
    let mut presented = headers.get_all(SIGNATURE).into_iter();
    let (Some(signature), None, Some(algorithm)) =
        (presented.next(), presented.next(), Algorithm::of(headers))
    else {
        return false;
    };
    let Ok(signature) = STANDARD.decode(signature.as_bytes()) else { return false };
    let urls = target.urls();
    let signed = tokens.iter().flat_map(|token| urls.iter().map(move |url| (token, url)));
    // Slices of different lengths are never equal, and an empty one is never made.
    let right = signed.map(|(token, url)| algorithm.sign(token.expose(), url).ct_eq(&signature));
    right.fold(subtle::Choice::from(0), |any, this| any | this).into()
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
