//! What the tests of the whole server share: an engine with the installed models, a server on a free port, and two small
//! clients of our own (the real client libraries are tested elsewhere).
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod carrier;
pub mod description;
pub mod rest;
pub mod signalling;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use peakstream::{Engine, EngineOptions};
use peakstream_server::config::Config;
use peakstream_server::data_dir::DataDir;
use peakstream_server::first_run::FirstRun;
use peakstream_server::server::{Bound, Running};
use peakstream_server::tenant::edit::{EditError, edit};
use peakstream_server::tenant::file::KeyFile;
use serde_json::{Value, json};

/// Nothing in these tests takes longer, on any machine; what does is reported instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/installed")
}

/// One engine for all tests of a program.
pub fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let load = || {
        let read = |name: &str| std::fs::read(models().join(name));
        Engine::load(&read, EngineOptions::default()).unwrap_or_else(|error| {
            panic!("no engine from {}: {error}; run `make models`", models().display())
        })
    };
    ENGINE.get_or_init(load).clone()
}

/// A real recorded call, as 16-bit samples at 8 kHz.
pub fn call(name: &str) -> Vec<i16> {
    let path = models().join("demo").join(name);
    let wav =
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `make models`", path.display()));
    let data = wav.windows(4).position(|w| w == b"data").unwrap() + 8;
    wav[data..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// G.711 µ-law, written from the recommendation, so that the engine's decoder is checked against something else.
pub fn mulaw(samples: &[i16]) -> Vec<u8> {
    let encode = |sample: &i16| {
        let (sign, magnitude) = if *sample < 0 { (0x80u8, !*sample) } else { (0, *sample) };
        let biased = (i32::from(magnitude) >> 2).min(8158) + 33;
        let exponent = 31 - biased.leading_zeros() as i32 - 5;
        let mantissa = (biased >> (exponent + 1)) & 0x0f;
        !(sign | ((exponent as u8) << 4) | mantissa as u8)
    };
    samples.iter().map(encode).collect()
}

/// Silence of a telephone line.
pub fn silence(seconds: usize) -> Vec<u8> {
    vec![0xff; 8000 * seconds]
}

/// A server on a free port of this machine, with a data directory that vanishes with it.
pub struct TestServer {
    pub running: Running,
    pub first_run: FirstRun,
    pub data_dir: PathBuf,
    pub data: tempfile::TempDir,
}

/// Starts a server with changed settings.
pub async fn serve(change: impl FnOnce(&mut Config)) -> TestServer {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::defaults().unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir = data.path().join("data");
    change(&mut config);
    let data_dir = config.data_dir.clone();
    let bound = Bound::new(config).await.unwrap();
    let first_run = bound.first_run().unwrap().clone();
    let engine = tokio::task::spawn_blocking(engine).await.unwrap();
    TestServer { running: bound.ready(engine).unwrap(), first_run, data_dir, data }
}

impl TestServer {
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.base_url())
    }

    pub fn ws(&self, path: &str) -> String {
        self.url(path).replacen("http", "ws", 1)
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.running.base_url().replacen("http://", "", 1)
    }

    pub async fn token(&self) -> String {
        self.token_of(&self.first_run.client_id, self.first_run.client_secret.expose()).await
    }

    pub async fn token_of(&self, client_id: &str, client_secret: &str) -> String {
        let answer: Value = self.ask_for_token(client_id, client_secret).await.json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    pub async fn ask_for_token(&self, client_id: &str, client_secret: &str) -> reqwest::Response {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret),
        ];
        reqwest::Client::new().post(self.url("/socket.io/oauth2/token")).form(&form).send().await.unwrap()
    }

    /// Changes the keys, as the command line does: beside the running server.
    pub fn edit<T>(&self, change: impl FnOnce(&mut KeyFile) -> Result<T, EditError>) -> T {
        edit(&DataDir::existing(&self.data_dir).unwrap(), change).unwrap()
    }

    /// Returns once nothing is served any more, which must be soon.
    pub async fn becomes_idle(&self) {
        tokio::time::timeout(PATIENCE, self.running.idle()).await.expect("something is still being served");
        assert_eq!(self.running.counts(), Default::default());
    }
}

/// The documented `initialize` of a registration.
pub fn register_request(call_id: &str) -> Value {
    json!({"metadata": metadata(call_id), "register_request": {"authenticity_threshold": 0.0, "audio_total_duration": 5.0}})
}

/// The documented `initialize` of a verification.
pub fn verify_request(call_id: &str, credential: &str) -> Value {
    json!({"metadata": metadata(call_id), "verify_request":
        {"credential": credential, "authenticity_threshold": 0.0, "audio_total_duration": 5.0}})
}

fn metadata(call_id: &str) -> Value {
    json!({"audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
        "sample_rate": "8000", "channels": "1", "call_id": call_id})
}
