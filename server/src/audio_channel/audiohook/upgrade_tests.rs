//! Who gets in, and what everybody else is told.

use axum::body::to_bytes;
use axum::http::HeaderValue;

use super::*;
use crate::data_dir::DataDir;
use crate::first_run::ensure_keys;
use crate::session::registry::ParkedCalls;
use crate::tenant::edit::{KeyKind, Origin, edit};

const UUID: &str = "30b0e395-84d3-4570-ac13-9a62d8f514c0";

fn settings() -> Settings {
    Settings {
        address: None,
        window: Window { max_age: Duration::from_secs(60), skew: Duration::from_secs(3) },
        byte_order: ByteOrder::Little,
        after_result: AfterResult::Pause,
        result_events: false,
        parking: Parking { limits: ParkedCalls { most: 1, most_of_tenant: 1 }, most: Duration::from_secs(1) },
    }
}

/// A keyring with one key without a secret, and that key.
fn place() -> (tempfile::TempDir, Arc<Keyring>, String) {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    let unsigned = Origin::Fresh { signed: false };
    let made =
        edit(&dir, |file| file.add_carrier_key(KeyKind::AudioHook, "default", None, unsigned)).unwrap();
    (temp, Keyring::open(&dir).unwrap(), made.secret.into_inner())
}

fn headers(api_key: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ["audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id"] {
        headers.insert(name, HeaderValue::from_static(UUID));
    }
    headers.insert("x-api-key", HeaderValue::from_str(api_key).unwrap());
    headers
}

async fn asked(
    audiohook: &AudioHook,
    keyring: &Keyring,
    headers: &HeaderMap,
) -> Result<Admitted, (u16, String)> {
    match audiohook.admit(keyring, Source::default(), &Uri::from_static("/audiohook"), headers).await {
        Ok(admitted) => Ok(admitted),
        Err(refusal) => {
            let status = refusal.status().as_u16();
            let body = to_bytes(refusal.into_body(), 1000).await.unwrap();
            Err((status, String::from_utf8(body.to_vec()).unwrap()))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn case_011_case_014_a_key_without_a_secret_takes_unsigned_requests_with_whole_headers() {
    let (_temp, keyring, key) = place();
    let audiohook = AudioHook::new(settings());
    let admitted = asked(&audiohook, &keyring, &headers(&key)).await.unwrap();
    assert_eq!((admitted.tenant.name(), admitted.session_id.as_str()), ("default", UUID));
    let mut signed = headers(&key);
    signed.insert("signature", HeaderValue::from_static("sig1=:AAAA:"));
    assert_eq!(asked(&audiohook, &keyring, &signed).await.unwrap_err().0, 401);
    for (name, status) in [
        ("audiohook-session-id", 400),
        ("audiohook-organization-id", 401),
        ("audiohook-correlation-id", 401),
        ("x-api-key", 401),
    ] {
        for value in [None, Some(""), Some("not-a-uuid")] {
            let mut wrong = headers(&key);
            match value {
                None => drop(wrong.remove(name)),
                Some(value) => drop(wrong.insert(name, HeaderValue::from_static(value))),
            }
            assert_eq!(asked(&audiohook, &keyring, &wrong).await.unwrap_err().0, status, "{name} {value:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn case_010_refusals_take_the_same_time_and_say_the_same() {
    let (_temp, keyring, key) = place();
    let audiohook = AudioHook::new(settings());
    let mut signed = headers(&key);
    signed.insert("signature", HeaderValue::from_static("sig1=:AAAA:"));
    let mut said = Vec::new();
    for headers in [
        headers("unknown"),
        signed,
        HeaderMap::from_iter([("audiohook-session-id".parse().unwrap(), HeaderValue::from_static(UUID))]),
    ] {
        let begun = Instant::now();
        said.push(asked(&audiohook, &keyring, &headers).await.unwrap_err());
        assert_eq!(begun.elapsed().as_millis().abs_diff(REFUSAL_TIME.as_millis()), 0);
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_that_wait_are_limited_in_number() {
    let (_temp, keyring, _) = place();
    let audiohook = AudioHook::new(settings());
    let _all = audiohook.refusals.try_acquire_many(MAX_REFUSALS as u32).unwrap();
    let begun = Instant::now();
    assert_eq!(asked(&audiohook, &keyring, &headers("unknown")).await.unwrap_err().0, 401);
    assert!(begun.elapsed() < REFUSAL_TIME);
}

#[test]
fn case_016_the_address_that_clients_see_is_what_they_sign() {
    let seen = Uri::from_static("/audiohook?connector=7");
    let of = |address: Option<Address>| address.map(|a| (a.authority.clone(), a.target(&seen)));
    let is = |authority: &str, target: &str| Some((authority.to_owned(), target.to_owned()));
    assert_eq!(
        of(Address::of_base("https://Voice.Example.com")),
        is("voice.example.com", "/audiohook?connector=7")
    );
    assert_eq!(
        of(Address::of_base("https://voice.example.com:443/ps/")),
        is("voice.example.com", "/ps/audiohook?connector=7")
    );
    assert_eq!(
        of(Address::of_channel("wss://voice.example.com:8443/hook")),
        is("voice.example.com:8443", "/hook?connector=7")
    );
    assert_eq!(of(Address::of_channel("wss://voice.example.com")), is("voice.example.com", "/?connector=7"));
    for wrong in ["voice.example.com", "ftp://x", "wss://", "wss:///path", "wss://user@host", "wss://h/p?q=1"]
    {
        assert_eq!(Address::of_channel(wrong), None, "{wrong}");
    }
}
