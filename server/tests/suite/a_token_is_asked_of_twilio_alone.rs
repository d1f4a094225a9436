//! A tenant whose Twilio account signs: what is asked of whom, and what somebody learns who has proved nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use peakstream_server::tenant::edit::{KeyKind, Origin};
use peakstream_server::tenant::scope::Scopes;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::support::carrier::Carrier;
use crate::support::signalling::Client;
use crate::support::{TestServer, call, mulaw, register_request, serve};

const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
/// A call id as Twilio makes them.
const CALL_SID: &str = "CA63f2f7c1ae3f4b0dbb8a1e9d9d1c1f11";
const SIGNATURE: &str = "x-twilio-signature";

/// What a tenant has.
struct Tenant {
    token: String,
    api_key: String,
}

async fn tenant(server: &TestServer, name: &str, signs: bool) -> Tenant {
    let (client, api_key) = server.edit(|file| {
        file.add_tenant(name)?;
        if signs {
            file.add_carrier_key(KeyKind::Twilio, name, None, Origin::Supplied(TOKEN))?;
        }
        let client = file.add_key(KeyKind::Client, name, Scopes::ALL, None)?;
        Ok((client, file.add_key(KeyKind::ApiKey, name, Scopes::ALL, None)?))
    });
    let token = server.token_of(&client.id, client.secret.expose()).await;
    Tenant { token, api_key: api_key.secret.expose().clone() }
}

/// As Twilio signs the request of a connection (twilio.com/docs/usage/security).
fn signature(server: &TestServer, path: &str, token: &str) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(format!("wss://{}{path}", server.address()).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn twilio_start(call_id: &str) -> Value {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {"streamSid": "MZ1", "accountSid": "AC1",
        "callSid": call_id, "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
}

fn telnyx_start(call_id: &str) -> Value {
    json!({"event": "start", "stream_id": "s", "start": {"call_control_id": call_id,
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}}})
}

/// A call from its session to its result.
async fn is_heard(
    server: &TestServer,
    token: &str,
    mut carrier: Carrier,
    call_id: &str,
    start: &Value,
) -> bool {
    let mut client = Client::start_with(server, "register", &register_request(call_id), token).await;
    carrier.send(start).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (result, code) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
    result.name == "result-success" && code == 1000
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_what_twilio_signed_is_heard_and_so_is_who_has_a_key_and_whoever_is_not_twilio() {
    let server = serve(|_| ()).await;
    let signed = tenant(&server, "signed", true).await;
    let path = "/twilio/signed";
    let right = signature(&server, path, TOKEN);
    let bearer = format!("Bearer {}", signed.api_key);
    for (header, call_id, start) in [
        (Some((SIGNATURE, right.as_str())), CALL_SID, twilio_start(CALL_SID)),
        (Some(("authorization", bearer.as_str())), CALL_SID, twilio_start(CALL_SID)),
        (Some((SIGNATURE, right.as_str())), "named", twilio_start("named")),
        (None, "of-telnyx", telnyx_start("of-telnyx")),
        (None, "of-anybody", json!({"event": "start", "start": {"callSid": "of-anybody"}})),
    ] {
        let carrier = Carrier::connect_with(&server, path, header).await.ok().unwrap();
        assert!(is_heard(&server, &signed.token, carrier, call_id, &start).await, "{call_id}: {start}");
    }
    server.becomes_idle().await;
}

/// What an unproven connection gets to see: the code it is closed with, and after how many whole seconds.
async fn seen(
    server: &TestServer,
    path: &str,
    header: Option<(&'static str, &str)>,
    start: Value,
) -> (u16, u64) {
    let begun = tokio::time::Instant::now();
    let mut carrier = Carrier::connect_with(server, path, header).await.ok().unwrap();
    carrier.send(&start).await;
    (carrier.closed().await, begun.elapsed().as_secs())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_who_has_proved_nothing_cannot_tell_a_tenant_that_signs_from_any_other() {
    let server = serve(|_| ()).await;
    let signed = tenant(&server, "signed", true).await;
    tenant(&server, "open", false).await;
    // The session that is to be protected is there all the time.
    let mut client =
        Client::start_with(&server, "register", &register_request(CALL_SID), &signed.token).await;
    let wrong = signature(&server, "/twilio/signed", "another token of thirty-two char");
    let paths = ["/twilio/signed", "/twilio/open", "/twilio/nobody"];
    let starts = [
        twilio_start(CALL_SID),
        telnyx_start(CALL_SID),
        json!({"event": "start", "start": {"callSid": CALL_SID}}),
    ];
    let headers = [None, Some((SIGNATURE, wrong.as_str())), Some((SIGNATURE, ""))];
    let mut attempts = Vec::new();
    for (path, header) in paths.iter().flat_map(|path| headers.map(|header| (path, header))) {
        attempts.extend(starts.clone().map(|start| Box::pin(seen(&server, path, header, start))));
    }
    for (number, seen) in join_all(attempts).await.into_iter().enumerate() {
        assert_eq!(seen, (1008, 10), "attempt {number}");
    }
    client.leave().await;
    drop(client);
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_a_server_that_needs_keys_refuses_what_is_not_proved_and_says_the_same_for_every_tenant() {
    let server = serve(|config| config.audio.media_streams_need_key = true).await;
    let signed = tenant(&server, "signed", true).await;
    let open = tenant(&server, "open", false).await;
    let right = signature(&server, "/twilio/signed", TOKEN);
    let wrong = signature(&server, "/twilio/signed", "another token of thirty-two char");
    let status = async |path, header| Carrier::connect_with(&server, path, header).await.err().unwrap_or(101);
    for path in ["/twilio/signed", "/twilio/open", "/twilio/nobody"] {
        for header in [
            None,
            Some((SIGNATURE, wrong.as_str())),
            Some((SIGNATURE, "not base64")),
            Some(("apikey", "wrong")),
        ] {
            assert_eq!(status(path, header).await, 403, "{path}, {header:?}");
        }
    }
    assert_eq!(status("/twilio/signed", Some((SIGNATURE, &right))).await, 101);
    assert_eq!(status("/twilio/open", Some((SIGNATURE, &right))).await, 403, "signed for another tenant");
    for (path, key, expected) in
        [("/twilio/signed", &signed, 101), ("/twilio/open", &open, 101), ("/twilio/open", &signed, 403)]
    {
        assert_eq!(status(path, Some(("apikey", &key.api_key))).await, expected, "{path}");
    }
    server.becomes_idle().await;
}
