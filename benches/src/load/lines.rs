//! The carriers: plain connections, messages that are made beforehand, one thread that sends each when it is due.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Between two messages of a call.
const INTERVAL: Duration = Duration::from_millis(20);
/// Samples, which are bytes, of a message.
pub(super) const MESSAGE_SAMPLES: usize = 160;
/// Samples between two statuses.
pub(super) const STATUS_SAMPLES: usize = 4096;
/// How long the sender sleeps when nothing is due.
const TICK: Duration = Duration::from_millis(1);
/// More than an answer to an upgrade.
const ANSWER: usize = 4096;

/// When each message of each call is due: the calls are spread over the interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) begin: Instant,
    pub(super) calls: usize,
}

impl Schedule {
    pub(super) fn due(&self, call: usize, message: usize) -> Instant {
        self.begin + INTERVAL * message as u32 + INTERVAL * call as u32 / self.calls.max(1) as u32
    }

    /// When the audio that a status is about has been sent; statuses count from 0.
    pub(super) fn status_due(&self, call: usize, status: usize) -> Instant {
        self.due(call, ((status + 1) * STATUS_SAMPLES).div_ceil(MESSAGE_SAMPLES) - 1)
    }
}

/// One call's connection.
pub(super) struct Line {
    stream: TcpStream,
    /// What did not fit into the socket.
    waiting: Vec<u8>,
}

/// What the sender noticed.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How late it was itself, at most.
    pub(super) latest: Duration,
    /// Messages that did not fit into their socket: the server had not read.
    pub(super) stalled: usize,
}

/// Opens a connection and sends the message that begins its stream.
pub(super) fn connect(address: &str, call_id: &str) -> io::Result<Line> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    write!(
        stream,
        "GET /twilio HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut answer = [0; ANSWER];
    let read = stream.read(&mut answer)?;
    if !answer[..read].starts_with(b"HTTP/1.1 101") {
        let told = String::from_utf8_lossy(&answer[..read]).into_owned();
        return Err(io::Error::other(format!("the server does not take a call: {told}")));
    }
    let start = format!(
        r#"{{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{{"streamSid":"MZ1","accountSid":"AC1","callSid":"{call_id}","tracks":["inbound"],"customParameters":{{}},"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}}}}"#
    );
    stream.write_all(&frame(start.as_bytes()))?;
    stream.set_nonblocking(true)?;
    Ok(Line { stream, waiting: Vec::new() })
}

/// The media messages of so many seconds, the recording again and again; all calls send the same.
pub(super) fn messages(audio: &[u8], seconds: u32) -> Arc<[Vec<u8>]> {
    let count = (Duration::from_secs(seconds.into()).as_millis() / INTERVAL.as_millis()) as usize;
    let mut bytes = audio.iter().copied().cycle();
    let message = |number: usize| {
        let payload: Vec<u8> = bytes.by_ref().take(MESSAGE_SAMPLES).collect();
        let payload = STANDARD.encode(payload);
        let (sequence, chunk, timestamp) = (number + 2, number + 1, number as u128 * INTERVAL.as_millis());
        let text = format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"MZ1","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
        );
        frame(text.as_bytes())
    };
    (0..count).map(message).collect()
}

/// A whole text message as a client sends it (RFC 6455 §5.2). The mask is zero, which costs the server what any other does.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short as u8),
        Ok(long) => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}

/// Sends every message of every call when it is due.
pub(super) fn send(lines: &mut [Line], messages: &[Vec<u8>], schedule: Schedule) -> io::Result<Sent> {
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
