//! How soon a server answers again after `kill -9`, with many results stored.
//!
//! A child process fills a store and goes on committing until it is killed. Then the real server starts on what is left,
//! and the time until it gives one of the stored results is taken. Models are loaded meanwhile; reading does not wait.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use peakstream::{ChannelType, ModelHash, Threshold};
use peakstream_server::data_dir::DataDir;
use peakstream_server::first_run::ensure_keys;
use peakstream_server::ids::{CallId, DEFAULT_TENANT, SessionId, Tenant, Timestamp};
use peakstream_server::model_dir::{self, Surroundings};
use peakstream_server::session::error::{AudioFault, SessionError};
use peakstream_server::session::event::Event;
use peakstream_server::session::policy::{Policy, Wishes};
use peakstream_server::session::record::SessionRecord;
use peakstream_server::session::request::audio::{AudioSettings, Declared};
use peakstream_server::session::request::{Kind, Purpose, SessionRequest};
use peakstream_server::store::{Change, Store};
use serde_json::{Value, json};

/// The store's name in a data directory.
const STORE: &str = "store.redb";
/// Sessions of one commit while the store is filled.
const AT_ONCE: usize = 1000;
/// Far above what a start takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to measure: target/release/peakstream.
    #[arg(long)]
    bin: PathBuf,
    /// Stored results.
    #[arg(long, default_value_t = 100_000)]
    results: usize,
    /// Starts, each after a kill.
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Fill this data directory and go on until killed; what the measurement starts as a child.
    #[arg(long, hide = true)]
    fill: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = &args.fill {
        return tokio::runtime::Runtime::new()?.block_on(fill(folder, args.results));
    }
    let models = model_dir::find(args.models.as_deref(), &Surroundings::of_process())?;
    let folder = tempfile::Builder::new().prefix("peakstream-bench-").tempdir()?;
    let data = folder.path().join("data");
    let first_run = ensure_keys(&DataDir::open(&data)?)?.ok_or("the data directory is not fresh")?;
    let (mut times, mut stored) = (Vec::new(), 0);
    for start in 0..args.starts.max(1) {
        // The first child fills; the others only commit until they are killed.
        let wanted = if start == 0 { args.results } else { 1 };
        let id = fill_and_kill(&data, wanted)?;
        stored += wanted;
        times.push(answered(args, &models, &data, first_run.api_key.expose(), &id)?.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let report = json!({
        "results": stored,
        "starts": times.len(),
        "minimum_ms": times[0],
        "median_ms": times[times.len() / 2],
        "maximum_ms": times[times.len() - 1],
    });
    println!("{report:#}");
    Ok(())
}

/// Lets a child fill the store, kills it in the middle of a commit, and returns the id of one of its results.
fn fill_and_kill(data: &Path, results: usize) -> Result<String, Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["restart", "--bin", "none", "--results", &results.to_string(), "--fill"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut id = String::new();
    let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut id));
    child.kill()?;
    child.wait()?;
    read.ok_or("the child has no output")??;
    Ok(id.trim().to_owned())
}

async fn fill(folder: &Path, results: usize) -> Result<(), Box<dyn Error>> {
    let store = Store::open(&DataDir::open(folder)?.private_file(STORE)?)?;
    let mut last = None;
    for begin in (0..results).step_by(AT_ONCE) {
        let records: Vec<_> = (begin..results.min(begin + AT_ONCE)).map(|_| ended()).collect();
        last = records.last().map(|record| record.id);
        store
            .commit(records.into_iter().map(|record| Change::PutSession(Box::new(record))).collect())
            .await?;
    }
    println!("{}", last.ok_or("nothing to store")?);
    std::io::stdout().flush()?;
    loop {
        store.commit(vec![Change::PutSession(Box::new(ended()))]).await?;
    }
}

/// A session that is over.
fn ended() -> SessionRecord {
    let (id, now) = (SessionId::random(), Timestamp::now());
    let mut record = SessionRecord::begin(id, &Tenant::new(DEFAULT_TENANT), &request(id), now);
    record.follow(&Event::error(&SessionError::Audio(AudioFault::Cancelled), None), now);
    record.keep_for(Duration::from_secs(3600), now);
    record
}

fn request(id: SessionId) -> SessionRequest {
    let half = Threshold::new(0.5).expect("within 0…1");
    SessionRequest {
        call_id: CallId::new(&id.to_string()).expect("36 characters"),
        audio: AudioSettings::from_declared(Declared::telephone()).expect("the documented settings"),
        audio_settings_id: None,
        wanted: 5.0,
        authenticity_threshold: half,
        score_threshold: half,
        channel_type: ChannelType::Telephone,
        policy: Policy::of(Kind::Register, &Wishes::default(), &Wishes::default()),
        purpose: Purpose::Register { model: ModelHash::from_bytes([7; 28]) },
    }
}

/// From the start of the program to its answer with a stored result.
fn answered(
    args: &Args,
    models: &Path,
    data: &Path,
    key: &str,
    id: &str,
) -> Result<Duration, Box<dyn Error>> {
    // Free at this moment.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let begun = Instant::now();
    let mut server = Command::new(&args.bin)
        .args(["serve", "--json", "--listen", &address.to_string(), "--models"])
        .arg(models)
        .arg("--data-dir")
        .arg(data)
        .stdout(Stdio::null())
        .spawn()?;
    let answer = loop {
        match ask(address, key, id) {
            Ok(answer) => break Ok(answer),
            Err(error) if begun.elapsed() > PATIENCE => break Err(error),
            Err(_) => std::thread::yield_now(),
        }
    };
    let took = begun.elapsed();
    server.kill()?;
    server.wait()?;
    match answer?["finished"] {
        Value::Bool(true) => Ok(took),
        ref other => Err(format!("the stored result is not there: {other}").into()),
    }
}

fn ask(address: SocketAddr, key: &str, id: &str) -> Result<Value, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    let request = format!(
        "GET /dpsrest/v1/register_session/{id} HTTP/1.1\r\nhost: {address}\r\napikey: {key}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(serde_json::from_str(body)?)
}
