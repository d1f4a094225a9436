//! In: the request that opens a carrier's connection. Out: whether it may, and whose calls it may bring.
//!
//! A proof is Twilio's signature with one of the tenant's auth tokens, or one of the tenant's API keys.
//!
//! | the server asks for keys | without a proof |
//! |---|---|
//! | yes | refused before the upgrade, whatever the tenant has, and whether it exists |
//! | no | accepted. If the tenant has an auth token, a call that is Twilio's is not found; calls of others are |
//!
//! Without the second line's detour, who has proved nothing could ask which tenants have an auth token. And a signature is
//! something that Twilio's requests have: it says nothing about those of other carriers.
//!
//! An API key comes as `Authorization: Bearer KEY` (SignalWire), as the password of `Authorization: Basic` (jambonz, Exotel,
//! Bandwidth), as a header `apikey`, or, where nothing else can be configured, as `?token=KEY`.

use axum::extract::Request;
use axum::http::{HeaderMap, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audio_channel::media_streams::signature::{self, Target};
use crate::ids::Tenant;
use crate::tenant::failures::Denied;
use crate::tenant::keyring::Keyring;

/// What a connection may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every call: it has proved itself, or its tenant has nothing that it could be held against.
    Trusted,
    /// Calls of carriers that do not sign: it has proved nothing, and the tenant's Twilio account signs.
    Unproven,
}

/// What the settings say about proofs.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// Whether every connection needs one.
    pub needed: bool,
    /// The base URL that carriers use, if it is not the one of the request (behind a proxy).
    pub public_url: Option<String>,
}

impl Proofs {
    /// What a connection for calls of `tenant` may bring.
    ///
    /// # Errors
    /// If it may not be opened: without a proof, or with one that was not looked at after too many wrong ones.
    pub fn judge(&self, keyring: &Keyring, tenant: &Tenant, request: &Request) -> Result<Standing, Denied> {
        let (uri, headers) = (request.uri(), request.headers());
        let tokens = keyring.twilio_tokens(tenant);
        if tokens.is_none() && !self.needed {
            return Ok(Standing::Trusted);
        }
        let signed = || {
            let target = self.target(uri, headers).filter(|_| signature::is_present(headers));
            target.zip(tokens).is_some_and(|(target, tokens)| signature::is_right(headers, target, &tokens))
        };
        let source = request.extensions().get().copied().unwrap_or_default();
        let has_key = || {
            let owner = keyring.api_key(&api_key(uri, headers).ok_or(Denied::Wrong)?, source)?;
            (owner.tenant == *tenant).then_some(()).ok_or(Denied::Wrong)
        };
        match if signed() { Ok(()) } else { has_key() } {
            Ok(()) => Ok(Standing::Trusted),
            Err(_) if !self.needed => Ok(Standing::Unproven),
            Err(denied) => Err(denied),
        }
    }

    /// Where the carrier sent the request. A public URL is believed alone: what the carrier signed for another server of
    /// the same account must not open this one.
    fn target<'a>(&'a self, uri: &'a Uri, headers: &'a HeaderMap) -> Option<Target<'a>> {
        let (authority, prefix) = match &self.public_url {
            Some(url) => {
                let rest = url.split_once("://")?.1;
                rest.split_at(rest.find('/').unwrap_or(rest.len()))
            }
            None => (headers.get(header::HOST)?.to_str().ok()?, ""),
        };
        Some(Target { authority, prefix, path: uri.path(), query: uri.query() })
    }
}

/// The key that a request presents, wherever it stands.
fn api_key(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let authorization = || {
        let (scheme, value) = text("authorization")?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(value.trim().to_owned());
        }
        let basic = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(value.trim()).ok())??;
        Some(String::from_utf8(basic).ok()?.split_once(':')?.1.to_owned())
    };
    let query = || {
        let mut members = form_urlencoded::parse(uri.query()?.as_bytes());
        Some(members.find(|(name, _)| name == "token")?.1.into_owned())
    };
    text("apikey").map(str::to_owned).or_else(authorization).or_else(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn presented(uri: &str, name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::try_from(value).unwrap());
        api_key(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn a_key_is_found_wherever_a_carrier_can_put_it() {
        let basic = format!("Basic {}", STANDARD.encode("user:ke:y"));
        assert_eq!(presented("/t", "apikey", "key").as_deref(), Some("key"));
        assert_eq!(presented("/t", "authorization", "bearer key").as_deref(), Some("key"));
        assert_eq!(presented("/t", "authorization", &basic).as_deref(), Some("ke:y"));
        assert_eq!(presented("/t?a=1&token=k%20ey", "host", "x").as_deref(), Some("k ey"));
        for broken in ["Basic", "Basic @@@", "Digest x", "Basic dXNlcg=="] {
            assert_eq!(presented("/t", "authorization", broken), None, "{broken}");
        }
    }

    #[test]
    fn case_077_a_public_url_replaces_host_and_prefix() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("10.0.0.5:8080"));
        let uri = "/twilio?x=1".parse().unwrap();
        let of = |public_url: Option<&str>| {
            let proofs = Proofs { needed: false, public_url: public_url.map(str::to_owned) };
            let target = proofs.target(&uri, &headers).unwrap();
            format!("{}|{}|{}", target.authority, target.prefix, target.path)
        };
        assert_eq!(of(None), "10.0.0.5:8080||/twilio");
        assert_eq!(of(Some("https://voice.example.com")), "voice.example.com||/twilio");
        assert_eq!(of(Some("https://voice.example.com:8443/voice")), "voice.example.com:8443|/voice|/twilio");
    }
}
