//! AudioHook calls in real time: a frame of 200 ms at a time, a ping every five seconds, and how soon its pong comes.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::lines::{Schedule, TICK};
use crate::audiohook::{self, message};
use crate::websocket::{Kind, frame};

/// Between two frames of a call, and between two pings.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);
const PING_EVERY: usize = 25;
/// Samples, which are bytes, of a frame.
pub(super) const FRAME_SAMPLES: usize = 1600;
/// A few pongs.
const BUFFER: usize = 1024;

/// One call.
pub(super) struct Hook {
    id: String,
    stream: TcpStream,
    seq: u32,
    serverseq: u32,
    asked: Option<Instant>,
}

/// What the sender noticed.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) pongs_ms: Vec<f64>,
    pub(super) pings: usize,
    /// Frames that did not fit into their socket: the server had not read. They are left out.
    pub(super) stalled: usize,
}

/// Opens a call whose session waits for it.
pub(super) fn connect(address: &str, key: &str, id: String) -> Result<Hook, Box<dyn Error>> {
    let opened = audiohook::open(address, key, id)?;
    if opened.paused {
        return Err(format!("call {} is not wanted", opened.id).into());
    }
    opened.stream.set_nonblocking(true)?;
    Ok(Hook { id: opened.id, stream: opened.stream, seq: 1, serverseq: 1, asked: None })
}

/// Sends every frame of every call when it is due, and looks for pongs every millisecond.
pub(super) fn send(hooks: &mut [Hook], audio: &[u8], seconds: u32, schedule: Schedule) -> io::Result<Sent> {
    let frames = (Duration::from_secs(seconds.into()).as_millis() / INTERVAL.as_millis()) as usize;
    let mut bytes = audio.iter().copied().cycle();
    let made: Vec<Vec<u8>> = (0..frames)
        .map(|_| frame(Kind::Binary, &bytes.by_ref().take(FRAME_SAMPLES).collect::<Vec<u8>>()))
        .collect();
    let mut sent = Sent::default();
    let (mut number, mut call) = (0, 0);
    let mut looked = Instant::now();
    while number < frames {
        if looked.elapsed() >= TICK {
            for hook in hooks.iter_mut().filter(|hook| hook.asked.is_some()) {
                sent.pongs_ms.extend(hook.answered()?);
            }
            looked = Instant::now();
        }
        if Instant::now() < schedule.due(call, number) {
            std::thread::sleep(TICK);
            continue;
        }
        let hook = &mut hooks[call];
        sent.stalled += usize::from(!hook.write(&made[number])?);
        // The calls' pings are spread as their frames are, and over the frames.
        if number % PING_EVERY == call % PING_EVERY && hook.asked.is_none() {
            hook.ping(number as u64)?;
            sent.pings += 1;
        }
        call += 1;
        if call == hooks.len() {
            (call, number) = (0, number + 1);
        }
    }
    Ok(sent)
}

impl Hook {
    fn ping(&mut self, frames: u64) -> io::Result<()> {
        self.seq += 1;
        let position = (frames + 1) * INTERVAL.as_millis() as u64;
        let text = message(&self.id, "ping", self.seq, self.serverseq, position, json!({}));
        self.asked = Some(Instant::now());
        self.write(&frame(Kind::Text, text.as_bytes())).map(drop)
    }

    /// Milliseconds that the outstanding pong took, if it has come.
    fn answered(&mut self) -> io::Result<Option<f64>> {
        let mut buffer = [0; BUFFER];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::Error::other("the server ended a call")),
            Ok(_) => {
                self.serverseq += 1;
                Ok(self.asked.take().map(|asked| asked.elapsed().as_secs_f64() * 1e3))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there was room. A frame is far smaller than a socket's buffer: it goes whole or not at all.
    fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        match self.stream.write(bytes) {
            Ok(written) if written == bytes.len() => Ok(true),
            Ok(_) => Err(io::Error::other("half of a frame was taken")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
