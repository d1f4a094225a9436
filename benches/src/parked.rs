//! AudioHook calls that wait for a session are opened on a running server. Out: what one of them holds, and what all of them
//! cost while nothing happens.
//!
//! The client is a few lines of WebSocket on plain sockets: ten thousand of them fit into one thread.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use peakstream_server::data_dir::DataDir;
use peakstream_server::model_dir::{self, Surroundings};
use peakstream_server::tenant::edit::{KeyKind, Origin, edit};
use serde_json::{Value, json};

use crate::server::child::Child;

/// Calls opened before memory is read: they fill what the allocator still holds of the server's start.
const WARM_UP: usize = 500;
/// Until allocator and runtime are at rest.
const SETTLE: Duration = Duration::from_secs(1);
/// While this passes, nobody does anything. Clients that are silent for a minute are cut off.
const WATCHED: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to measure: target/release/peakstream.
    #[arg(long)]
    bin: PathBuf,
    /// Calls that wait.
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let models = model_dir::find(args.models.as_deref(), &Surroundings::of_process())?;
    let room = (args.calls + WARM_UP + 16).to_string();
    let flags = ["--max-connections", "--audiohook-max-parked", "--audiohook-max-parked-of-tenant"];
    let flags: Vec<&str> = flags.into_iter().flat_map(|flag| [flag, &room]).collect();
    let server = Child::start(&args.bin, &models, None, &flags)?;
    let unsigned = Origin::Fresh { signed: false };
    let dir = DataDir::existing(server.data_dir())?;
    let key = edit(&dir, |file| file.add_carrier_key(KeyKind::AudioHook, "default", None, unsigned))?;
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let open = |number: usize| park(&address, key.secret.expose(), number);
    let mut calls = (0..WARM_UP).map(open).collect::<Result<Vec<_>, _>>()?;
    sleep(SETTLE);
    let before = server.resident_bytes();
    let begun = Instant::now();
    for number in WARM_UP..WARM_UP + args.calls {
        calls.push(open(number)?);
    }
    let took = begun.elapsed();
    sleep(SETTLE);
    let (parked, used) = (server.resident_bytes(), server.cpu_seconds());
    sleep(WATCHED);
    let busy = server.cpu_seconds().zip(used).map(|(after, before)| (after - before) / WATCHED.as_secs_f64());
    let each =
        parked.zip(before).map(|(after, before)| after.saturating_sub(before) / args.calls.max(1) as u64);
    println!(
        "{:#}",
        json!({
            "calls": args.calls,
            "threads": server.threads(),
            "bytes_per_parked_call": each,
            "share_of_a_core": busy,
            "opened_per_second": args.calls as f64 / took.as_secs_f64(),
        })
    );
    drop(calls);
    Ok(())
}

/// Opens a call that nobody asks for; it stays as long as the stream.
fn park(address: &str, key: &str, number: usize) -> Result<TcpStream, Box<dyn Error>> {
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let headers: String = ["Organization", "Session", "Correlation"]
        .map(|name| format!("Audiohook-{name}-Id: {id}\r\n"))
        .concat();
    write!(
        stream,
        "GET /audiohook HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-API-KEY: {key}\r\n{headers}\r\n"
    )?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 101") {
        return Err(format!("call {number} was not upgraded: {}", line.trim()).into());
    }
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    stream.write_all(&frame(&open_message(&id)))?;
    let opened = receive(&mut reader)?;
    if opened["type"] != "opened" || opened["parameters"]["startPaused"] != true {
        return Err(format!("call {number} was not parked: {opened}").into());
    }
    Ok(stream)
}

fn open_message(id: &str) -> String {
    let media = json!([{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]);
    let participant = json!({"id": id, "ani": "", "aniName": "", "dnis": ""});
    let parameters =
        json!({"organizationId": id, "conversationId": id, "participant": participant, "media": media});
    json!({"version": "2", "id": id, "type": "open", "seq": 1, "serverseq": 0, "position": "PT0S", "parameters": parameters})
        .to_string()
}

/// A text message in one frame (RFC 6455 §5.2), masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0x81, 0x80 | 126], &length[..], &[0; 4], text.as_bytes()].concat()
}

fn receive(reader: &mut impl Read) -> Result<Value, Box<dyn Error>> {
    let mut head = [0; 2];
    reader.read_exact(&mut head)?;
    let length = match head[1] {
        126 => {
            let mut extended = [0; 2];
            reader.read_exact(&mut extended)?;
            usize::from(u16::from_be_bytes(extended))
        }
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload)?;
    Ok(serde_json::from_slice(&payload)?)
}
