//! The signalling of a running server is measured from outside: requests of polling clients, connections and memory of
//! Socket.IO clients; the latter beside a Node server, by the same clients.
//!
//! * [`http`]: a client that costs little, so that the server is what is measured
//! * [`crowd`]: many Socket.IO clients at once
//! * [`emit`]: what telling a client something costs

mod crowd;
mod emit;
pub(crate) mod http;

use std::error::Error;
use std::path::PathBuf;

use peakstream_server::client::token;
use peakstream_server::model_dir::{self, Surroundings};
use peakstream_server::sensitive::Sensitive;
use serde_json::{Value, json};
use tokio::time::Duration;

use crate::cpu;
use crate::server::child::{Child, Other, Program};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    program: Program,
    /// Seconds of each measurement of requests.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections that ask at the same time.
    #[arg(long, default_value_t = 8)]
    parallel: usize,
    /// Idle Socket.IO clients whose memory is read; as many again are connected beside them.
    #[arg(long, default_value_t = 5000)]
    idle: usize,
    /// Idle clients beside which sessions are started.
    #[arg(long, default_value_t = 5000)]
    crowd: usize,
    /// Sessions that are started beside them.
    #[arg(long, default_value_t = 500)]
    active: usize,
    /// Statuses that each of the clients is told whose cost is measured.
    #[arg(long, default_value_t = 2000)]
    statuses: usize,
    #[command(flatten)]
    other: Other,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let models = model_dir::find(args.models.as_deref(), &Surroundings::of_process())?;
    let connections = ((args.crowd + args.active).max(2 * args.idle) + 64).to_string();
    let sessions = (args.active + 64).to_string();
    let more = ["--max-connections", &connections, "--max-sessions", &sessions];
    let server = args.program.start(&models, &more)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(args, &server))?;
    println!("{report:#}");
    Ok(())
}

async fn measure(args: &Args, server: &Child) -> Result<Value, Box<dyn Error>> {
    let rest = rest(args, server).await.map_err(|failure| failure.to_string())?;
    let first_run = server.first_run();
    let authorization =
        token::request(server.base_url(), &first_run.client_id, &first_run.client_secret).await?;
    let ours =
        crowd::measure(server.base_url(), &authorization, args.idle, || server.resident_bytes()).await?;
    // Whom the servers take that are none of the program's own.
    let anybody = Sensitive::new("Bearer bench".to_owned());
    let theirs = match args.other.server() {
        Some((url, process)) => {
            let resident = || cpu::resident_bytes_of(&process.to_string());
            crowd::measure(url, &anybody, args.idle, resident).await?
        }
        _ => Value::Null,
    };
    let told = emit::measure(&emit::serve()?, &anybody, args.statuses).await?;
    let theirs_told = match args.other.server() {
        Some((url, _)) => emit::measure(url, &anybody, args.statuses).await?,
        None => Value::Null,
    };
    let crowd = crowd::start_sessions(server.base_url(), &authorization, args.crowd, args.active).await?;
    Ok(json!({
        "threads": server.threads(),
        "rest": rest,
        "socketio": {"ours": ours, "theirs": theirs},
        "statuses": {"ours": told, "theirs": theirs_told},
        "crowd": crowd,
    }))
}

async fn rest(args: &Args, server: &Child) -> Result<Value, http::Failure> {
    let client = http::Client::new(server.base_url(), server.first_run().api_key.expose());
    let settings = json!({"audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
        "sample_rate": 8000, "channels": 1});
    let id = client.create("/dpsrest/v1/audio_settings", &settings).await?;
    let session = json!({"audio_settings_id": id, "call_id": "polled", "audio_total_duration": 5});
    let session = client.create("/dpsrest/v1/register_session", &session).await?;
    let time = Duration::from_secs(args.seconds);
    let poll = client.request("GET", &format!("/dpsrest/v1/register_session/{session}"), None);
    let create = client.request("POST", "/dpsrest/v1/audio_settings", Some(&settings));
    Ok(json!({
        "poll": client.repeat(&poll, 200, args.parallel, time).await?,
        "create": client.repeat(&create, 201, args.parallel, time).await?,
        "create_alone": client.repeat(&create, 201, 1, time).await?,
    }))
}
