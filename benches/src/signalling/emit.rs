//! What it costs a server to tell a client one status: to write it down, to queue it and to hand it to the system.
//!
//! The server is our transport with a handler that can do nothing but that, on a thread of its own, whose processor time is
//! read; a session and its decisions are not in it. The other server does the same (`benches/node/server.js`) and reads its
//! own time. A status goes to each client once per [`TICK`], as sessions do it, never one encoded text to many.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use bytes::Bytes;
use peakstream_server::client::socketio::{SocketIo, data_and_audio};
use peakstream_server::sensitive::Sensitive;
use peakstream_server::signalling::engineio::machine::{Machine, Timing};
use peakstream_server::signalling::engineio::packet::Frame;
use peakstream_server::signalling::engineio::session::{Handler, Session};
use peakstream_server::signalling::engineio::{Config, Engine};
use peakstream_server::signalling::socketio::packet::{
    Argument, Body, Packet, event, write_connect, write_event,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Duration, interval, timeout};

use super::crowd::{NAMESPACE, connect};

const CLIENTS: usize = 50;
const TICK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(60);

/// Microseconds of processor time per status of the server at `url`, which knows the event `statuses`.
pub(super) async fn measure(
    url: &str,
    authorization: &Sensitive<String>,
    rounds: usize,
) -> Result<Value, Box<dyn Error>> {
    let mut clients = connect(url, authorization, CLIENTS).await?;
    clients.last_mut().ok_or("no clients")?.emit("statuses", &json!({"rounds": rounds})).await?;
    let mut hearing = JoinSet::new();
    for client in clients {
        hearing.spawn(async move {
            timeout(PATIENCE, hear(client)).await.map_err(|_| "a server fell silent".to_owned())?
        });
    }
    let (mut heard, mut spent) = (0_usize, Value::Null);
    while let Some(client) = hearing.join_next().await {
        let (statuses, done) = client??;
        heard += statuses;
        spent = done;
    }
    if heard != CLIENTS * rounds {
        return Err(format!("{heard} statuses arrived of {}", CLIENTS * rounds).into());
    }
    let microseconds = spent["cpu_microseconds"].as_f64().map(|spent| spent / heard as f64);
    Ok(json!({"clients": CLIENTS, "statuses": heard, "microseconds_per_status": microseconds}))
}

/// How many statuses came, and what the server said afterwards.
async fn hear(mut client: SocketIo) -> Result<(usize, Value), String> {
    let mut statuses = 0;
    loop {
        let event = client.next().await.map_err(|error| error.to_string())?.ok_or("the server left")?;
        match event.name.as_str() {
            "info-vad-status" => statuses += 1,
            "done" => return Ok((statuses, data_and_audio(&event).0)),
            other => return Err(format!("the server said {other}")),
        }
    }
}

/// Our server, on a thread of its own until the process ends; its address.
pub(super) fn serve() -> Result<String, Box<dyn Error>> {
    let (told, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || -> Result<(), std::io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            drop(told.send(format!("http://{}", listener.local_addr()?)));
            let members = Arc::new(Mutex::new(Vec::new()));
            let second = Duration::from_secs(1);
            let timing = Timing {
                ping_interval: 25 * second,
                ping_timeout: 20 * second,
                connect_timeout: 10 * second,
            };
            let config = Config { timing, max_payload: 256 << 10, max_sessions: CLIENTS };
            let engine = Engine::new(config, move |_| Teller { members: Arc::clone(&members) });
            let router = Router::new().fallback(move |request: Request| Arc::clone(&engine).handle(request));
            axum::serve(listener, router).await
        })
    });
    Ok(address.recv()?)
}

type Members = Arc<Mutex<Vec<Arc<Session<Teller>>>>>;

/// Lets everybody join; tells all of them statuses when asked to.
struct Teller {
    members: Members,
}

impl Handler for Teller {
    fn text(&mut self, message: &str, session: &Arc<Session<Self>>, machine: &mut Machine) {
        let Ok(Packet { namespace, body }) = Packet::decode(message) else { return };
        match body {
            Body::Connect(_) => {
                machine.used();
                machine.push_answer(Frame::message(&write_connect(namespace, r#"{"sid":"x"}"#)));
                self.members.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(session));
            }
            Body::Event(json, _) => {
                let rounds = event(json).ok().and_then(|(_, mut arguments)| {
                    let asked: Value = serde_json::from_str(arguments.next()?.ok()?).ok()?;
                    asked["rounds"].as_u64()
                });
                drop(tokio::spawn(tell(Arc::clone(&self.members), rounds.unwrap_or_default())));
            }
            _ => {}
        }
    }

    fn binary(&mut self, _: Bytes, _: &Arc<Session<Self>>, _: &mut Machine) {}
}

async fn tell(members: Members, rounds: u64) {
    let members = std::mem::take(&mut *members.lock().unwrap_or_else(PoisonError::into_inner));
    let mut tick = interval(TICK);
    let begun = thread_microseconds();
    for round in 0..rounds {
        tick.tick().await;
        let seconds = (round % 1000) as f64 / 100.0;
        for member in &members {
            let data = json!({
                "event": "info-vad-status", "content": "Voice activity detection percentage",
                "audio_seconds": seconds, "vad_percentage": round % 100,
            });
            emit(member, "info-vad-status", data).await;
        }
    }
    // What is queued is written by the tasks of the clients, which run while this one waits.
    tick.tick().await;
    tick.tick().await;
    let spent = thread_microseconds().zip(begun).map(|(after, before)| after - before);
    for member in &members {
        emit(member, "done", json!({"cpu_microseconds": spent})).await;
    }
}

/// As the task of a client does it.
async fn emit(member: &Session<Teller>, name: &str, data: Value) {
    let (text, _) = write_event(NAMESPACE, name, vec![Argument::Json(data), Argument::Json(Value::Null)]);
    let mut waiting = Some(vec![Frame::message(&text)]);
    // A client that has gone is noticed by its silence.
    let _ = member
        .until(|_, machine| {
            waiting = waiting.take().and_then(|frames| machine.push_event(frames).err());
            waiting.is_none().then_some(())
        })
        .await;
}

/// Processor time of this thread; `None` where the system has no `/proc`.
fn thread_microseconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e3)
}
