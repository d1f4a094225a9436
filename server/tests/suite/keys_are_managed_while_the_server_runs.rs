//! `peakstream tenant` and `peakstream key` beside a running server: what they change holds with its next request.

use std::process::{Command, Output};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peakstream_server::data_dir::DataDir;
use peakstream_server::tenant::file::KeyFile;
use serde_json::{Value, json};

use crate::support::carrier::Carrier;
use crate::support::signalling::{Client, Introduction, Packet};
use crate::support::{TestServer, call, models, mulaw, register_request, serve, verify_request};

async fn peakstream(server: &TestServer, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peakstream"));
    command.args(args).arg("--data-dir").arg(&server.data_dir);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn json_of(server: &TestServer, args: &[&str]) -> Value {
    let output = peakstream(server, &[args, &["--json"]].concat()).await;
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn first_packet(server: &TestServer, namespace: &str, token: &str) -> Packet {
    let authorization = Some(format!("Bearer {token}"));
    Client::ask(server, namespace, Introduction { authorization, ..Introduction::default() })
        .await
        .next()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_gets_a_key_uses_rotates_and_loses_it_without_a_restart() {
    let server = serve(|_| ()).await;
    json_of(&server, &["tenant", "add", "acme"]).await;
    let made = json_of(&server, &["key", "add", "--tenant", "acme", "--client", "--scope", "verify"]).await;
    let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    let answer: Value = server.ask_for_token(id, secret).await.json().await.unwrap();
    assert_eq!(answer["scope"], "verify");
    let token = answer["access_token"].as_str().unwrap();
    assert!(matches!(first_packet(&server, "/socket.io/verify", token).await, Packet::Connected));
    let packet = first_packet(&server, "/socket.io/register", token).await;
    assert!(matches!(&packet, Packet::Refused(why) if why == "Insufficient scope"), "{packet:?}");

    let rotated = json_of(&server, &["key", "rotate", id, "--overlap", "1h"]).await;
    let new = rotated["client_secret"].as_str().unwrap();
    for secret in [secret, new] {
        assert_eq!(server.ask_for_token(id, secret).await.status(), 200, "both work during the overlap");
    }
    json_of(&server, &["key", "disable", id]).await;
    let refused = server.ask_for_token(id, new).await;
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
    let packet = first_packet(&server, "/socket.io/verify", token).await;
    assert!(matches!(&packet, Packet::Refused(why) if why == "Unauthorized"), "{packet:?}");
    json_of(&server, &["key", "enable", id]).await;
    assert!(matches!(first_packet(&server, "/socket.io/verify", token).await, Packet::Connected));

    let listed = json_of(&server, &["key", "list", "--tenant", "acme"]).await;
    assert_eq!((&listed["keys"][0]["id"], &listed["keys"][0]["secrets"]), (&json!(id), &json!(2)));
    assert!(!listed.to_string().contains(new), "secrets are shown once");
    json_of(&server, &["tenant", "remove", "acme", "--yes"]).await;
    assert_eq!(server.ask_for_token(id, new).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_tables_secrets_once_and_advice() {
    let server = serve(|_| ()).await;
    let text = |output: Output| String::from_utf8(output.stdout).unwrap();
    let added = text(peakstream(&server, &["key", "add", "--tenant", "default", "--api-key"]).await);
    assert!(added.contains("Shown once") && added.contains("api_key"), "{added}");
    let shown = text(peakstream(&server, &["tenant", "show", "default"]).await);
    assert!(shown.contains("api-key") && shown.contains(&server.first_run.client_id), "{shown}");
    assert!(text(peakstream(&server, &["tenant", "list"]).await).contains("default"));
    let cases: [(&[&str], &str); 6] = [
        (&["key", "add", "--tenant", "defualt", "--client"], "did you mean default?"),
        (&["key", "rotate", "ps-0"], "peakstream key list"),
        (&["tenant", "add", "No Name"], "lower-case"),
        (&["tenant", "remove", "default"], "--yes"),
        (&["tenant", "limit", "default", "--live-sessions", "0"], "above 0"),
        (&["key", "add", "--tenant", "default"], "--api-key"),
    ];
    for (args, advice) in cases {
        let output = peakstream(&server, args).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(advice), "{args:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn carriers_get_keys_that_are_shown_once_or_taken_over_from_a_file() {
    let server = serve(|_| ()).await;
    let made = json_of(&server, &["key", "add", "--tenant", "default", "--audiohook"]).await;
    assert!(made["api_key"].is_string() && made["client_secret"].is_string(), "{made}");
    let unsigned =
        json_of(&server, &["key", "add", "--tenant", "default", "--audiohook", "--unsigned"]).await;
    assert!(unsigned["api_key"].is_string() && unsigned.get("client_secret").is_none(), "{unsigned}");

    let token = "0123456789abcdef0123456789abcdef";
    let file = server.data_dir.join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let add = ["key", "add", "--tenant", "default", "--twilio", "--secret-file", file.to_str().unwrap()];
    let taken = json_of(&server, &add).await;
    assert!(!taken.to_string().contains(token), "what was supplied is not shown");
    let id = taken["id"].as_str().unwrap();
    std::fs::write(&file, "fedcba9876543210fedcba9876543210").unwrap();
    json_of(&server, &["key", "rotate", id, "--secret-file", file.to_str().unwrap()]).await;
    let listed = json_of(&server, &["key", "list"]).await;
    let entry = listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == id).unwrap().clone();
    assert_eq!(
        (&entry["kind"], &entry["secrets"], &entry["scopes"]),
        (&json!("twilio"), &json!(2), &Value::Null)
    );

    for (args, advice) in [
        (&["key", "add", "--tenant", "default", "--twilio"][..], "--secret-file"),
        (&["key", "rotate", id], "--secret-file"),
        (&["key", "add", "--tenant", "default", "--client", "--unsigned"], "--client"),
        (&["key", "add", "--tenant", "default", "--audiohook", "--scope", "verify"], "--scope"),
        (&["key", "add", "--tenant", "default", "--audiohook", "--secret-file", "/nowhere"], "/nowhere"),
    ] {
        let output = peakstream(&server, args).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(advice), "{args:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_doubt_goes_by_names_that_the_calibrations_know() {
    let server = serve(|_| ()).await;
    let models = models();
    let doubt = |options: &[&'static str]| {
        [&["tenant", "doubt", "default", "--models", models.to_str().unwrap()], options].concat()
    };
    let said = json_of(&server, &doubt(&["--reject-below", "far=1%", "--accept-from", "far=0.1%"])).await;
    assert_eq!(said["doubt"], json!({"reject_below": "far=1%", "accept_from": "far=0.1%"}));
    for (options, advice) in [
        (
            ["--accept-from", "far=0.01%"],
            "far=0.01%: its trials did not suffice to measure one; there are far=1%",
        ),
        (["--accept-from", "far=0.2%"], "no threshold for far=0.2%; there are far=1%"),
        (["--accept-from", "0,9"], "such as far=0.1%, or none"),
        (["--accept-from", "far=10%"], "must not be above"),
        (["--accept-from", "0.1"], "must not be above"),
    ] {
        let refused = peakstream(&server, &doubt(&options)).await;
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && error.contains(advice), "{options:?}: {error}");
    }
    let file = KeyFile::read(&DataDir::existing(&server.data_dir).unwrap()).unwrap().unwrap();
    let kept = file.tenant("default").unwrap().doubt.unwrap();
    assert_eq!(
        kept.accept_from,
        Some("far=0.1%".parse().unwrap()),
        "by its name, and unchanged by what was refused"
    );
    let shown = peakstream(&server, &["tenant", "show", "default"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("rejected below far=1%, accepted from far=0.1%"), "{shown}");
    let nothing = peakstream(&server, &["tenant", "doubt", "default"]).await;
    assert_eq!(nothing.status.code(), Some(2), "nothing was said");
}

#[test]
fn a_directory_without_keys_is_not_made_by_a_typing_error() {
    let temp = tempfile::tempdir().unwrap();
    let missing = temp.path().join("typo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_peakstream"));
    let output = command.args(["tenant", "list", "--data-dir"]).arg(&missing).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && error.contains("--data-dir"), "{error}");
    assert!(!missing.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_stops_new_sessions_on_open_connections_and_lets_running_ones_finish() {
    let server = serve(|_| ()).await;
    let mut running = Client::start(&server, "register", &register_request("running")).await;
    let mut idle = Client::join(&server, "/register").await;
    let id = server.first_run.client_id.clone();
    server.edit(|file| file.disable_key(&id, true));
    idle.emit("initialize", &register_request("too late")).await;
    let refused = idle.outcome().await;
    assert_eq!(refused.name, "error-consumer-not-ready");
    assert!(refused.content().contains("key does not work any more"), "{}", refused.content());
    let carrier = Carrier::start(&server, "running").await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (outcome, code) = tokio::join!(running.outcome(), carrier.play(&audio, 800));
    assert_eq!((outcome.name.as_str(), code), ("result-success", 1000));
}

async fn register(server: &TestServer, call_id: &str) -> String {
    let mut client = Client::start(server, "register", &register_request(call_id)).await;
    let carrier = Carrier::start(server, call_id).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (outcome, _) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
    outcome.data()["credential"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_seals_with_a_rotated_key_and_opens_what_it_sealed_before() {
    let server = serve(|_| ()).await;
    let token = server.token().await;
    let before = register(&server, "before").await;
    server.edit(KeyFile::rotate_credential_key);
    server.edit(|file| file.rotate_token_key(Duration::from_secs(60)));
    let after = register(&server, "after").await;
    let key_id = |credential: &str| URL_SAFE_NO_PAD.decode(credential).unwrap()[1..9].to_vec();
    assert_ne!(key_id(&before), key_id(&after));
    for credential in [before, after] {
        let request = verify_request("verify", &credential);
        let mut client = Client::start_with(&server, "verify", &request, &token).await;
        let carrier = Carrier::start(&server, "verify").await;
        let audio = mulaw(&call("allison-en-verify.wav"));
        let (outcome, _) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
        assert_eq!(outcome.name, "result-success");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_credential_key_is_removed_knowingly_and_its_credentials_are_refused() {
    let server = serve(|_| ()).await;
    let before = register(&server, "before").await;
    let active = json_of(&server, &["key", "rotate-credential"]).await["id"].as_str().unwrap().to_owned();
    let after = register(&server, "after").await;
    let listed = json_of(&server, &["key", "list"]).await;
    let credential_key = |does: &str| {
        let own = listed["own_keys"].as_array().unwrap().iter();
        let mut found = own.filter(|key| key["of"] == "credential" && key["does"] == does);
        found.next().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let older = credential_key("opens");
    assert_eq!(credential_key("seals"), active);

    for (args, advice) in [
        (&["key", "remove-credential", active.as_str(), "--yes"][..], "key rotate-credential"),
        (&["key", "remove-credential", older.as_str()], "--yes"),
        (&["key", "remove-credential", "0000000000000000", "--yes"], "key list"),
    ] {
        let output = peakstream(&server, args).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(advice), "{args:?}: {error}");
    }
    let told = |credential: &str| {
        let request = verify_request("verify", credential);
        let server = &server;
        async move {
            let mut client = Client::join(server, "/verify").await;
            client.emit("initialize", &request).await;
            let event = client.event().await;
            client.leave().await;
            event
        }
    };
    assert_eq!(told(&before).await.name, "info-consumer-ready", "nothing was changed so far");
    json_of(&server, &["key", "remove-credential", &older, "--yes"]).await;
    let refused = told(&before).await;
    assert_eq!((refused.name.as_str(), refused.content()), ("error-das-Peak", "Decryption error"));
    assert_eq!(told(&after).await.name, "info-consumer-ready");
}
