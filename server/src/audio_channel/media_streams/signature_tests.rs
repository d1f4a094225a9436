//! Vectors of the official library, and every form of a URL.

use std::sync::Arc;

use axum::http::HeaderValue;
use zeroize::Zeroizing;

use super::*;
use crate::sensitive::Sensitive;

fn token(text: &str) -> SigningSecret {
    Arc::new(Sensitive::new(Zeroizing::new(text.as_bytes().to_vec())))
}

fn target(authority: &'static str, path: &'static str) -> Target<'static> {
    Target { authority, prefix: "", path, query: None }
}

fn headers(signature: &str, settings: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, HeaderValue::try_from(signature).unwrap());
    if let Some(settings) = settings {
        headers.insert(SETTINGS, HeaderValue::try_from(settings).unwrap());
    }
    headers
}

fn accepts(signature: &str, target: Target<'_>) -> bool {
    is_right(&headers(signature, None), target, &[token("old"), token("12345")])
}

/// wss://voice.example.com/twilio
const PLAIN: &str = "/9CePW9ateVCsfEI0ovxcY95674=";
/// wss://voice.example.com:8443/twilio/
const PORT_AND_SLASH: &str = "MXdx0YPlSFWC61mQF7XXSU57r8I=";

#[test]
fn case_077_both_vectors_verify_in_every_form_of_their_url() {
    for authority in ["voice.example.com", "voice.example.com:8443", "voice.example.com:443"] {
        for path in ["/twilio", "/twilio/"] {
            // Signed without a port: right whatever port the request shows, for the library drops it too.
            assert!(accepts(PLAIN, target(authority, path)), "{authority}{path}");
            let with_port = accepts(PORT_AND_SLASH, target(authority, path));
            assert_eq!(with_port, authority.ends_with("8443"), "{authority}{path}");
        }
    }
    let signed = |url: &str| STANDARD.encode(Algorithm::Sha1.sign(b"12345", url));
    assert_eq!(signed("wss://voice.example.com/twilio"), PLAIN);
    assert_eq!(signed("wss://voice.example.com:8443/twilio/"), PORT_AND_SLASH);
    assert!(accepts(&signed("wss://voice.example.com:443/twilio"), target("voice.example.com", "/twilio")));
    assert!(accepts(&signed("wss://[2001:db8::1]/twilio"), target("[2001:db8::1]", "/twilio")));
    assert!(accepts(&signed("wss://[2001:db8::1]:8443/twilio"), target("[2001:db8::1]:8443", "/twilio")));
}

#[test]
fn case_077_another_url_scheme_or_token_is_refused() {
    let signed = |url: &str| STANDARD.encode(Algorithm::Sha1.sign(b"12345", url));
    let here = target("voice.example.com", "/twilio");
    for url in [
        "https://voice.example.com/twilio",
        "ws://voice.example.com/twilio",
        "wss://voice.example.com/twilio/acme",
        "wss://voice.example.com/twilio?call_id=1",
        "wss://other.example.com/twilio",
        "wss://voice.example.com:8443/twilio",
    ] {
        assert!(!accepts(&signed(url), here), "{url}");
    }
    assert!(!is_right(&headers(PLAIN, None), here, &[token("54321")]));
    assert!(!is_right(&headers(PLAIN, None), here, &[]));
    for broken in ["", "=", "not base64", "AAAA", &PLAIN.repeat(2), &PLAIN[..26]] {
        assert!(!accepts(broken, here), "{broken}");
    }
    let mut twice = headers(PLAIN, None);
    twice.append(SIGNATURE, HeaderValue::from_static(PLAIN));
    assert!(!is_right(&twice, here, &[token("12345")]), "two signatures are none");
    assert!(!is_right(&HeaderMap::new(), here, &[token("12345")]));
}

#[test]
fn case_077_what_a_proxy_changed_is_put_back() {
    let signed = STANDARD.encode(Algorithm::Sha1.sign(b"12345", "wss://voice.example.com/voice/twilio?x=1"));
    let behind = Target { prefix: "/voice", query: Some("x=1"), ..target("voice.example.com", "/twilio") };
    assert!(accepts(&signed, behind));
}

#[test]
fn case_078_the_settings_header_chooses_the_algorithm() {
    let url = "wss://voice.example.com/twilio";
    // Computed by the official library: RequestValidator("12345").compute_signature(url, {}, "HMAC_SHA256")
    let sha256 = "J8wXTi7iwbMt+WFaF5o+m8vadxri7hpfs/KIfvNXW8Q=";
    assert_eq!(STANDARD.encode(Algorithm::Sha256.sign(b"12345", url)), sha256);
    let here = target("voice.example.com", "/twilio");
    let accepts =
        |signature: &str, settings| is_right(&headers(signature, settings), here, &[token("12345")]);
    assert!(accepts(sha256, Some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256")));
    assert!(accepts(sha256, Some("algorithm = hmac_sha256")));
    assert!(accepts(PLAIN, Some("key=webhooks_sharedkey_1")));
    assert!(accepts(PLAIN, Some("algorithm=HMAC_SHA1")));
    assert!(!accepts(sha256, None));
    assert!(!accepts(PLAIN, Some("algorithm=HMAC_SHA256")));
    assert!(!accepts(PLAIN, Some("algorithm=HMAC_MD5")));
}
