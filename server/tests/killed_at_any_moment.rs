//! `kill -9` at random moments under load: nothing that was acknowledged is lost, no session is stuck.
//!
//! The test starts itself again as a child process that commits as fast as it can and prints what was acknowledged; the
//! parent kills it after a random time, opens what is left, and looks for everything that was printed. Then the same with
//! the real program over HTTP. `PEAKSTREAM_KILLS` sets how often (the store's; the program is killed a tenth as often).
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use peakstream::{ChannelType, ModelHash, Threshold};
use peakstream_server::ids::{CallId, SessionId, Tenant, Timestamp};
use peakstream_server::session::error::{AudioFault, SessionError};
use peakstream_server::session::event::Event;
use peakstream_server::session::journal::{Journal, Retention};
use peakstream_server::session::policy::{Policy, Wishes};
use peakstream_server::session::record::SessionRecord;
use peakstream_server::session::request::audio::{AudioSettings, Declared};
use peakstream_server::session::request::{Kind, Purpose, SessionRequest};
use peakstream_server::store::{Change, Store, StoredAnswer, StoredSettings};
use serde_json::{Value, json};
use uuid::Uuid;

/// Tells the child where its store is.
const CHILD: &str = "PEAKSTREAM_TEST_STORE";
const HOUR: Duration = Duration::from_secs(3600);
/// Tasks of the child that commit at the same time.
const WORKERS: usize = 16;

fn kills() -> usize {
    std::env::var("PEAKSTREAM_KILLS").map_or(60, |kills| kills.parse().expect("PEAKSTREAM_KILLS is a number"))
}

/// Moments that differ from run to run; a failure prints its own.
fn random_below(bound: u64) -> u64 {
    u64::from_le_bytes(Uuid::new_v4().as_bytes()[..8].try_into().unwrap()) % bound
}

fn tenant() -> Tenant {
    Tenant::new("default")
}

fn record(id: SessionId) -> SessionRecord {
    let request = SessionRequest {
        call_id: CallId::new(&id.to_string()).unwrap(),
        audio: AudioSettings::from_declared(Declared::telephone()).unwrap(),
        audio_settings_id: None,
        wanted: 5.0,
        authenticity_threshold: Threshold::new(0.5).unwrap(),
        score_threshold: Threshold::new(0.5).unwrap(),
        channel_type: ChannelType::Telephone,
        purpose: Purpose::Register { model: ModelHash::from_bytes([7; 28]) },
        policy: Policy::of(Kind::Register, &Wishes::default(), &Wishes::default()),
    };
    SessionRecord::begin(id, &tenant(), &request, Timestamp::now())
}

fn acknowledge(what: &str, id: Uuid) {
    let mut out = std::io::stdout().lock();
    // The parent may be reading no more; then it is about to kill.
    let _ = writeln!(out, "ack {what} {id}").and_then(|()| out.flush());
}

/// What the server does for one session, as fast as it can, for ever.
async fn commit_for_ever(store: Store) {
    loop {
        let (id, now) = (Uuid::new_v4(), Timestamp::now());
        let settings =
            StoredSettings { declared: Declared::telephone(), created_at: now, expires_at: now.after(HOUR) };
        let answer = StoredAnswer { fingerprint: "f".into(), id, expires_at: now.after(HOUR) };
        let session = SessionId::random();
        let mut record = record(session);
        let changes = vec![
            Change::PutSettings(tenant(), id, settings),
            Change::PutAnswer(tenant(), id.to_string(), answer),
            Change::PutSession(Box::new(record.clone())),
        ];
        store.commit(changes).await.unwrap();
        acknowledge("settings", id);
        acknowledge("created", session.uuid());
        record.follow(&Event::error(&SessionError::Audio(AudioFault::Cancelled), None), now);
        record.keep_for(HOUR, now);
        store.commit(vec![Change::PutSession(Box::new(record))]).await.unwrap();
        acknowledge("ended", session.uuid());
    }
}

/// The child's part; without the variable it is no test.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&path)).unwrap();
        let workers: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(commit_for_ever(store.clone()))).collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
}

/// Reads what the child prints until it is gone; kills it after `life`, counted from its first acknowledgement.
fn kill_after(mut child: Child, life: Duration) -> Vec<String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let ack = |line: String| line.rsplit_once("ack ").map(|(_, ack)| ack.to_owned());
    for line in lines.by_ref() {
        acknowledged.extend(ack(line.unwrap()));
        if !acknowledged.is_empty() {
            break;
        }
    }
    let killer = std::thread::spawn(move || {
        std::thread::sleep(life);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    for line in lines {
        // The last line may be cut off in the middle.
        acknowledged.extend(line.ok().and_then(ack).filter(|ack| ack.len() > 36));
    }
    killer.join().unwrap();
    acknowledged
}

fn id_of(line: &str) -> Option<(&str, Uuid)> {
    let (what, id) = line.split_once(' ')?;
    Some((what, Uuid::parse_str(id).ok()?))
}

#[tokio::test]
async fn nothing_that_the_store_acknowledged_is_lost_and_no_session_is_stuck() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut all: Vec<(String, Uuid)> = Vec::new();
    for kill in 0..kills() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let life = Duration::from_micros(random_below(80_000));
        let acknowledged = kill_after(child, life);
        let fresh: Vec<_> = acknowledged
            .iter()
            .filter_map(|line| id_of(line))
            .map(|(what, id)| (what.to_owned(), id))
            .collect();
        assert!(!fresh.is_empty(), "kill {kill}: the child did nothing");

        let store = Store::open(&path).unwrap();
        let retention = Retention { results: HOUR, collected_audio: HOUR, collected_audio_bytes: 0 };
        let journal = Journal::new(store.clone(), retention);
        journal.close_interrupted().await.unwrap();
        assert!(store.unfinished().unwrap().is_empty(), "kill {kill}: a session is stuck");
        // Everything of this life, and some of all earlier ones.
        let earlier = (0..all.len().min(50))
            .map(|_| all[random_below(all.len() as u64) as usize].clone())
            .collect::<Vec<_>>();
        for (what, id) in fresh.iter().chain(&earlier) {
            look_for(&store, what, *id)
                .unwrap_or_else(|| panic!("kill {kill} after {life:?}: {what} {id} is lost"));
        }
        all.extend(fresh);
        store.close().await;
    }
    println!("{} kills, {} acknowledged changes, none lost", kills(), all.len());
}

fn look_for(store: &Store, what: &str, id: Uuid) -> Option<()> {
    let now = Timestamp::now();
    if what == "settings" {
        store.settings(&tenant(), id, now).unwrap()?;
        let answer = store.answer(&tenant(), &id.to_string(), now).unwrap()?;
        return (answer.id == id).then_some(());
    }
    let resource = store.session(id, now).unwrap()?.resource();
    let content = resource["content"].as_str()?;
    let whole = match what {
        "ended" => content == "Session cancelled",
        _ => ["Session cancelled", "The server was restarted during the session"].contains(&content),
    };
    (whole && resource["finished"] == json!(true)).then_some(())
}

/// The real program on a data directory.
struct Program {
    child: Child,
    base: String,
    key: String,
}

impl Program {
    /// Starts it and waits until it listens; its models are being loaded then.
    fn start(data: &Path) -> Self {
        let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/installed");
        // Free at this moment; nobody else on this machine's loopback asks for one that fast.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_peakstream"))
            .args(["serve", "--json", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--data-dir".as_ref(), data.as_os_str(), "--models".as_ref(), models.as_os_str()])
            .env("PEAKSTREAM_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        Self { child, base, key: String::new() }
    }

    async fn listens(&mut self, data: &Path) {
        let http = reqwest::Client::new();
        while http.get(format!("{}/livez", self.base)).send().await.is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "the program ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let first_run: Value =
            serde_json::from_slice(&std::fs::read(data.join("first-run.json")).unwrap()).unwrap();
        self.key = first_run["api_key"].as_str().unwrap().to_owned();
    }

    fn ready(&mut self) {
        let mut line = [0u8; 1];
        // The line says that it is ready.
        self.child.stdout.as_mut().unwrap().read_exact(&mut line).expect("the program gets ready");
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Creates settings and sessions until the server is gone; what was answered with 201, as paths.
async fn create_for_ever(base: String, key: String, acknowledged: Arc<std::sync::Mutex<Vec<String>>>) {
    let http = reqwest::Client::new();
    let post = async |path: &str, body: Value| {
        let request = http.post(format!("{base}/dpsrest/v1/{path}")).header("apikey", &key).json(&body);
        let answer = request.send().await.ok()?;
        if answer.status() != reqwest::StatusCode::CREATED {
            return Some(None);
        }
        let body: Value = answer.json().await.ok()?;
        let id = body["id"].as_str()?.to_owned();
        acknowledged.lock().unwrap().push(format!("{path}/{id}"));
        Some(Some(id))
    };
    loop {
        let Some(settings) = post("audio_settings", json!(Declared::telephone())).await else { return };
        let session = json!({"audio_settings_id": settings, "call_id": Uuid::new_v4().to_string(), "audio_total_duration": 5});
        if post("register_session", session).await.is_none() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_program_acknowledged_is_lost_and_no_session_is_stuck() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let acknowledged = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut checked = 0;
    for _ in 0..kills().div_ceil(10) {
        let mut program = Program::start(&data);
        program.listens(&data).await;
        // Readable before the models are loaded.
        checked += check(&program, &acknowledged).await;
        let (base, key) = (program.base.clone(), program.key.clone());
        let workers: Vec<_> = (0..4)
            .map(|_| tokio::spawn(create_for_ever(base.clone(), key.clone(), Arc::clone(&acknowledged))))
            .collect();
        // Half of them in the middle of a start.
        if random_below(2) == 0 {
            tokio::task::block_in_place(|| program.ready());
        }
        tokio::time::sleep(Duration::from_millis(random_below(400))).await;
        program.kill();
        for worker in workers {
            worker.await.unwrap();
        }
    }
    let mut program = Program::start(&data);
    program.listens(&data).await;
    checked += check(&program, &acknowledged).await;
    program.kill();
    println!("{checked} acknowledged objects looked for, none lost");
}

/// Looks for everything that was acknowledged since the last look, and forgets it.
async fn check(program: &Program, acknowledged: &std::sync::Mutex<Vec<String>>) -> usize {
    let http = reqwest::Client::new();
    let paths = std::mem::take(&mut *acknowledged.lock().unwrap());
    for path in &paths {
        let request = http.get(format!("{}/dpsrest/v1/{path}", program.base)).header("apikey", &program.key);
        let answer = request.send().await.expect("the program, which says above why it ended, answers");
        assert_eq!(answer.status(), reqwest::StatusCode::OK, "{path} is lost");
        let body: Value = answer.json().await.unwrap();
        if path.starts_with("register_session") {
            assert_eq!(body["finished"], json!(true), "{path} is stuck: {body}");
            assert_eq!(body["content"], "The server was restarted during the session");
        }
    }
    paths.len()
}
