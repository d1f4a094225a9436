//! The documented vectors, and every way a signature can be wrong.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

const API_KEY: &str = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";
const SECRET: &[u8] = b"MySuperSecretKeyTellNo-1!2@3#4$5";
const NONCE: &str = "VGhpc0lzQVVuaXF1ZU5vbmNl";
const TARGET: &str = "/api/v1/voicebiometrics/ws";
const AUTHORITY: &str = "audiohook.example.com";
const CREATED: u64 = 1_641_013_200;
const WINDOW: Window = Window { max_age: Duration::from_secs(60), skew: Duration::from_secs(3) };

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", AUTHORITY),
        ("audiohook-organization-id", "d7934305-0972-4844-938e-9060eef73d05"),
        ("audiohook-session-id", "30b0e395-84d3-4570-ac13-9a62d8f514c0"),
        ("audiohook-correlation-id", "e160e428-53e2-487c-977d-96989bf5c99d"),
        ("x-api-key", API_KEY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn list(components: &[&str]) -> String {
    let quoted: Vec<String> = components.iter().map(|name| format!("\"{name}\"")).collect();
    format!("({})", quoted.join(" "))
}

fn parameters() -> String {
    format!(";keyid=\"{API_KEY}\";nonce=\"{NONCE}\";alg=\"hmac-sha256\";created={CREATED};expires=3282026430")
}

/// A request with these two headers.
fn with(input: &str, signature: &str) -> HeaderMap {
    let mut headers = headers();
    headers.insert("signature-input", HeaderValue::from_str(input).unwrap());
    headers.insert("signature", HeaderValue::from_str(signature).unwrap());
    headers
}

fn checked_at(headers: &HeaderMap, now: u64) -> Option<Right> {
    let request = Signed { target: TARGET, authority: AUTHORITY, headers };
    check(&request, API_KEY, SECRET, WINDOW, UnixTime::from_seconds(now))
}

fn checked(headers: &HeaderMap) -> Option<Right> {
    checked_at(headers, CREATED)
}

/// Signs what `text` lists, as the draft says; written apart from the code that is tested.
fn sign(headers: &HeaderMap, text: &str) -> String {
    let names = text[1..].split(')').next().unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    for name in names.split(' ').map(|name| name.trim_matches('"')).filter(|name| !name.is_empty()) {
        let value = match name {
            "@request-target" => TARGET,
            "@authority" => AUTHORITY,
            name => headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default(),
        };
        lines.push(format!("\"{name}\": {}", value.trim()));
    }
    lines.push(format!("\"@signature-params\": {text}"));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(lines.join("\n").as_bytes());
    format!("sig1=:{}:", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A request signed with that list and those parameters.
fn signed(components: &[&str], parameters: &str) -> HeaderMap {
    let text = format!("{}{parameters}", list(components));
    let signature = sign(&headers(), &text);
    with(&format!("sig1={text}"), &signature)
}

#[test]
fn case_003_both_documented_vectors_verify() {
    let text = format!("{}{}", list(&REQUIRED), parameters());
    let documented = with(&format!("sig1={text}"), "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:");
    assert_eq!(checked(&documented).unwrap().nonce, NONCE);

    // The second covers `host` in place of `@authority`. It is right, and is refused because one of the six is missing.
    let components = REQUIRED.map(|name| if name == "@authority" { "host" } else { name });
    let text = format!("{}{}", list(&components), parameters());
    assert_eq!(sign(&headers(), &text), "sig1=:zupMJUMfd/kMuvKc5zhRyfJPE3jTROuz1S1hn8SCTpE=:");
    let with_host = with(&format!("sig1={text}"), &sign(&headers(), &text));
    let value = base(
        &Signed { target: TARGET, authority: AUTHORITY, headers: &with_host },
        &InnerList {
            items: components.iter().chain(&["@authority"]).map(|&name| name.to_owned()).collect(),
            parameters: Vec::new(),
            text: &text,
        },
    );
    assert!(value.unwrap().contains("\"host\": audiohook.example.com\n"), "the host is what the field says");
    assert_eq!(checked(&with_host), None);
}

#[test]
fn case_004_components_and_parameters_may_come_in_any_order() {
    let mut components = REQUIRED;
    components.reverse();
    assert!(checked(&signed(&components, &parameters())).is_some());
    let shuffled = format!(
        ";created={CREATED};alg=\"hmac-sha256\";keyid=\"{API_KEY}\";expires=3282026430;nonce=\"{NONCE}\""
    );
    assert!(checked(&signed(&REQUIRED, &shuffled)).is_some());
    let more = [&REQUIRED[..], &["host"]].concat();
    assert!(checked(&signed(&more, &parameters())).is_some(), "more than must be covered");
}

#[test]
fn of_several_labels_the_first_that_is_in_both_headers_counts() {
    let text = format!("{}{}", list(&REQUIRED), parameters());
    let right = sign(&headers(), &text);
    let input = format!("other=(\"host\");created=1, sig1={text}");
    assert!(checked(&with(&input, &right)).is_some());
    assert!(checked(&with(&input, &format!("third=:AAAA:, {right}"))).is_some());
    assert!(checked(&with(&input, &format!("other=:AAAA:, {right}"))).is_none());
}

#[test]
fn case_008_whatever_is_wrong_with_a_signature_it_does_not_count() {
    let right = || signed(&REQUIRED, &parameters());
    assert!(checked(&right()).is_some());
    let text = format!("{}{}", list(&REQUIRED), parameters());
    let value = sign(&headers(), &text);
    let parameter = |name: &str, to: &str| {
        let all: Vec<String> = parameters()
            .split(';')
            .skip(1)
            .map(|one| if one.starts_with(&format!("{name}=")) { to.to_owned() } else { one.to_owned() })
            .filter(|one| !one.is_empty())
            .collect();
        signed(&REQUIRED, &format!(";{}", all.join(";")))
    };
    let mut cases = vec![
        ("unsigned", headers()),
        ("label mismatch", with(&format!("sig2={text}"), &value)),
        ("not base64", with(&format!("sig1={text}"), "sig1=:no base64!:")),
        ("no byte sequence", with(&format!("sig1={text}"), "sig1=\"text\"")),
        ("no list", with("sig1=1", &value)),
        ("another value", with(&format!("sig1={text}"), &value.replacen(":N", ":M", 1))),
        ("no nonce", parameter("nonce", "")),
        ("short nonce", parameter("nonce", "nonce=\"VGhpc0lzQVVuaXF1ZU5vb\"")),
        ("keyid of another key", parameter("keyid", "keyid=\"another\"")),
        ("no keyid", parameter("keyid", "")),
        ("another algorithm", parameter("alg", "alg=\"hmac-sha512\"")),
        ("algorithm as a token", parameter("alg", "alg=hmac-sha256")),
        ("no creation", parameter("created", "")),
        ("creation as text", parameter("created", "created=\"1641013200\"")),
        ("creation before 1970", parameter("created", "created=-1")),
        ("unknown parameter", parameter("alg", "tag=\"x\"")),
        ("expired", parameter("expires", &format!("expires={}", CREATED - 4))),
        ("a component twice", signed(&[&REQUIRED[..], &["x-api-key"]].concat(), &parameters())),
        ("an unknown derived component", signed(&[&REQUIRED[..], &["@method"]].concat(), &parameters())),
        ("itself", signed(&[&REQUIRED[..], &["@signature-params"]].concat(), &parameters())),
        ("a field that is not there", signed(&[&REQUIRED[..], &["x-nothing"]].concat(), &parameters())),
        ("a field in another case", signed(&[&REQUIRED[..], &["Host"]].concat(), &parameters())),
    ];
    for missing in REQUIRED {
        let others: Vec<&str> = REQUIRED.into_iter().filter(|name| *name != missing).collect();
        cases.push(("a component missing", signed(&others, &parameters())));
    }
    for (name, value) in
        [("x-api-key", "another"), ("audiohook-session-id", "30b0e395-84d3-4570-ac13-9a62d8f514c1")]
    {
        let mut changed = right();
        changed.insert(name, HeaderValue::from_static(value));
        cases.push(("a field changed on the way", changed));
    }
    for (what, headers) in cases {
        assert_eq!(checked(&headers), None, "{what}: {headers:?}");
    }
    let request = Signed { target: TARGET, authority: AUTHORITY, headers: &right() };
    let now = UnixTime::from_seconds(CREATED);
    assert_eq!(check(&request, API_KEY, b"another secret", WINDOW, now), None);
    let elsewhere = Signed { target: "/elsewhere", ..request };
    assert_eq!(check(&elsewhere, API_KEY, SECRET, WINDOW, now), None);
}

#[test]
fn case_009_a_value_of_another_length_is_refused() {
    let text = format!("sig1={}{}", list(&REQUIRED), parameters());
    for length in [0, 1, 16, 31, 33, 64, 4096] {
        let value = format!("sig1=:{}:", STANDARD.encode(vec![7; length]));
        assert_eq!(checked(&with(&text, &value)), None, "{length} bytes");
    }
}

#[test]
fn case_008_a_signature_counts_from_its_creation_for_as_long_as_the_window_is() {
    let headers = signed(&REQUIRED, &parameters());
    for (now, counts) in [(-4, false), (-3, true), (0, true), (63, true), (64, false), (100_000, false)] {
        let now = CREATED.checked_add_signed(now).unwrap();
        assert_eq!(checked_at(&headers, now).is_some(), counts, "{now}");
    }
    let short = parameters().replace("3282026430", &(CREATED + 30).to_string());
    let headers = signed(&REQUIRED, &short);
    assert!(checked_at(&headers, CREATED + 33).is_some() && checked_at(&headers, CREATED + 34).is_none());
    assert_eq!(checked(&headers).unwrap().until, UnixTime::from_seconds(CREATED + 33));
}

#[test]
fn case_002_the_query_and_repeated_fields_are_part_of_what_is_signed() {
    let headers = signed(&REQUIRED, &parameters());
    let request =
        Signed { target: "/api/v1/voicebiometrics/ws?x=1", authority: AUTHORITY, headers: &headers };
    assert_eq!(check(&request, API_KEY, SECRET, WINDOW, UnixTime::from_seconds(CREATED)), None);
    let mut twice = HeaderMap::new();
    twice.append("x", HeaderValue::from_static(" a "));
    twice.append("x", HeaderValue::from_static("b"));
    assert_eq!(field(&twice, "X").as_deref(), Some("a, b"));
    assert_eq!(field(&twice, "not a name"), None);
}

proptest! {
    #[test]
    fn any_two_headers_are_refused_without_a_panic(input in "[ -~]{0,120}", value in "[ -~]{0,60}") {
        prop_assert_eq!(checked(&with(&input, &value)), None);
    }
}
