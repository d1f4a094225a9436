//! The carriers: plain connections, messages that are made beforehand, one thread that sends each when it is due.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::websocket::{self, Kind, frame};

/// Between two messages of a call.
pub(crate) const INTERVAL: Duration = Duration::from_millis(20);
/// Samples, which are bytes, of a message.
pub(crate) const MESSAGE_SAMPLES: usize = 160;
/// Samples between two statuses.
pub(crate) const STATUS_SAMPLES: usize = 4096;
/// How long the sender sleeps when nothing is due.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// When each message of each call is due: the calls are spread over the interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) begin: Instant,
    pub(crate) calls: usize,
    /// Between two messages of a call.
    pub(crate) interval: Duration,
    /// Samples of a message.
    pub(crate) samples: usize,
}

impl Schedule {
    pub(crate) fn due(&self, call: usize, message: usize) -> Instant {
        self.begin + self.interval * message as u32 + self.interval * call as u32 / self.calls.max(1) as u32
    }

    /// When the audio that a status is about has been sent; statuses count from 0.
    pub(crate) fn status_due(&self, call: usize, status: usize) -> Instant {
        self.due(call, ((status + 1) * STATUS_SAMPLES).div_ceil(self.samples) - 1)
    }
}

/// One call's connection.
pub(crate) struct Line {
    stream: TcpStream,
    /// What did not fit into the socket.
    waiting: Vec<u8>,
}

/// What the sender noticed.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// How late it was itself, at most.
    pub(crate) latest: Duration,
    /// Messages that did not fit into their socket: the server had not read.
    pub(crate) stalled: usize,
}

/// Opens a connection and sends the message that begins its stream.
pub(crate) fn connect(address: &str, call_id: &str) -> io::Result<Line> {
    let (mut stream, _) = websocket::connect(address, "/twilio", "")?;
    let start = format!(
        r#"{{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{{"streamSid":"MZ1","accountSid":"AC1","callSid":"{call_id}","tracks":["inbound"],"customParameters":{{}},"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}}}}"#
    );
    stream.write_all(&frame(Kind::Text, start.as_bytes()))?;
    stream.set_nonblocking(true)?;
    Ok(Line { stream, waiting: Vec::new() })
}

/// The media messages of so many seconds, the recording again and again; all calls send the same.
pub(crate) fn messages(audio: &[u8], seconds: u32) -> Arc<[Vec<u8>]> {
    let count = (Duration::from_secs(seconds.into()).as_millis() / INTERVAL.as_millis()) as usize;
    let mut bytes = audio.iter().copied().cycle();
    let message = |number: usize| {
        let payload: Vec<u8> = bytes.by_ref().take(MESSAGE_SAMPLES).collect();
        let payload = STANDARD.encode(payload);
        let (sequence, chunk, timestamp) = (number + 2, number + 1, number as u128 * INTERVAL.as_millis());
        let text = format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"MZ1","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
        );
        frame(Kind::Text, text.as_bytes())
    };
    (0..count).map(message).collect()
}

/// Sends every message of every call when it is due.
pub(crate) fn send(lines: &mut [Line], messages: &[Vec<u8>], schedule: Schedule) -> io::Result<Sent> {
    let mut sent = Sent::default();
    let (mut message, mut call) = (0, 0);
    while message < messages.len() {
        let (now, due) = (Instant::now(), schedule.due(call, message));
        if now < due {
            std::thread::sleep(TICK);
            continue;
        }
        sent.latest = sent.latest.max(now - due);
        sent.stalled += usize::from(!lines[call].send(&messages[message])?);
        call += 1;
        if call == lines.len() {
            (call, message) = (0, message + 1);
        }
    }
    Ok(sent)
}

impl Line {
    /// Whether the server has neither said anything nor hung up.
    pub(crate) fn is_open(&self) -> bool {
        self.stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether everything has gone; what has not goes in front of the next message.
    fn send(&mut self, message: &[u8]) -> io::Result<bool> {
        if self.waiting.is_empty() {
            let gone = self.write(message)?;
            self.waiting.extend(&message[gone..]);
        } else {
            self.waiting.extend(message);
            let waiting = std::mem::take(&mut self.waiting);
            let gone = self.write(&waiting)?;
            self.waiting.extend(&waiting[gone..]);
        }
        Ok(self.waiting.is_empty())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}
