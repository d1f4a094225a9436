//! Fifty calls in real time: all decided right, no status late by more than a block, and the memory back afterwards.
#![allow(clippy::unwrap_used)]

#[path = "suite/support/mod.rs"]
mod support;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::sync::Arc;
use std::time::Duration;

use support::carrier::Carrier;
use support::signalling::Client;
use support::{TestServer, call, mulaw, register_request, serve, verify_request};
use tokio::time::Instant;

const CALLS: usize = 50;
/// 4096 samples at 8 kHz.
const BLOCK: Duration = Duration::from_millis(512);

/// One call in real time: the outcome's name, and how late its latest status was.
async fn one(
    server: &TestServer,
    kind: &str,
    request: serde_json::Value,
    call_id: &str,
    audio: &[u8],
) -> (String, Duration) {
    let mut client = Client::start(server, kind, &request).await;
    let carrier = Carrier::start(server, call_id).await;
    let begun = Instant::now();
    let listening = async {
        let (mut latest, mut blocks) = (Duration::ZERO, 0);
        loop {
            let event = client.event().await;
            if event.name != "info-vad-status" {
                return (event.name, latest);
            }
            blocks += 1;
            latest = latest.max(begun.elapsed().saturating_sub(BLOCK * blocks));
        }
    };
    let (outcome, code) = tokio::join!(listening, carrier.play_in_real_time(audio));
    assert_eq!(code, 1000);
    outcome
}

/// For a decision behind forty-nine others, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a round may leave behind by the allocator's habits, in MiB: half of what its calls hold.
const GROWTH: usize = 16;

/// Resident memory of this process in MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("VmRSS: 0 kB");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

async fn round(
    server: &Arc<TestServer>,
    credential: &str,
    audios: &[Arc<Vec<u8>>; 3],
    calls: usize,
) -> Duration {
    let mut running = tokio::task::JoinSet::new();
    for number in 0..calls {
        let (server, credential) = (Arc::clone(server), credential.to_owned());
        let (kind, audio, expected) = match number % 4 {
            0 | 2 => ("register", &audios[0], "result-success"),
            1 => ("verify", &audios[1], "result-success"),
            _ => ("verify", &audios[2], "result-fail-score"),
        };
        let audio = Arc::clone(audio);
        running.spawn(async move {
            let call_id = format!("call-{number}");
            let request = match kind {
                "register" => register_request(&call_id),
                _ => verify_request(&call_id, &credential),
            };
            let (outcome, late) = one(&server, kind, request, &call_id, &audio).await;
            assert_eq!(outcome, expected, "{kind} {number}");
            late
        });
    }
    let mut latest = Duration::ZERO;
    while let Some(late) = running.join_next().await {
        latest = latest.max(late.unwrap());
    }
    server.becomes_idle().await;
    latest
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_decided_right_none_is_late_and_the_memory_comes_back() {
    // Fifty decisions fall together; how soon a machine computes them is not asked here.
    let server = Arc::new(serve(|config| config.sessions.decision_timeout = PATIENCE).await);
    let ready = resident();
    let audios = ["allison-en-enrol.wav", "allison-en-verify.wav", "other-man-it.wav"]
        .map(|f| Arc::new(mulaw(&call(f))));
    let mut client = Client::start(&server, "register", &register_request("enrol")).await;
    let carrier = Carrier::start(&server, "enrol").await;
    let (outcome, _) = tokio::join!(client.outcome(), carrier.play(&audios[0], 800));
    let credential = outcome.data()["credential"].as_str().unwrap().to_owned();

    // Two rounds make the allocator and the runtime as large as they get; the next must not make them larger.
    round(&server, &credential, &audios, CALLS).await;
    round(&server, &credential, &audios, CALLS).await;
    // But for what a thread makes once, when it first decides while another does: a second round then finds it made.
    let (mut base, mut after) = (0, usize::MAX);
    for _ in 0..3 {
        base = resident();
        let late = round(&server, &credential, &audios, CALLS).await;
        after = resident();
        println!(
            "{CALLS} calls: latest status {late:?} late; {ready} MiB when ready, {base} before, {after} after"
        );
        assert!(late <= BLOCK, "a status was {late:?} late");
        if after <= base + GROWTH {
            break;
        }
    }
    assert!(after <= base + GROWTH, "memory grew from {base} to {after} MiB, and in the rounds before");
}
