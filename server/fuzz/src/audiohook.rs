//! Genesys AudioHook: the machine with everything that can happen to it, and signatures.

use std::time::{Duration, Instant};

use peakstream_server::audio_channel::audiohook::exchange::{Command, Output};
use peakstream_server::audio_channel::audiohook::machine::Machine;
use peakstream_server::audio_channel::audiohook::media::ByteOrder;
use peakstream_server::audio_channel::audiohook::message::StreamTime;
use peakstream_server::audio_channel::audiohook::signature::{Signed, Window, check};
use peakstream_server::tenant::time::UnixTime;
use serde_json::{Value, json};

const ID: &str = "30b0e395-84d3-4570-ac13-9a62d8f514c0";
/// Long enough for every time-out of the machine, one after the other.
const EVER: Duration = Duration::from_secs(600);

/// What happens to a connection, one a line. The first byte says what: `m` a message (its type, a space, its parameters)
/// in a right envelope, `w` so many tenths of a second, `c` a command, `b` audio of so many bytes, anything else a text
/// message as it is. Whatever it is: the protocol is kept, and a connection that is left alone ends by itself.
///
/// # Panics
/// If that does not hold.
pub fn audiohook(data: &[u8]) {
    let mut call = Call::new();
    for line in data.split(|&byte| byte == b'\n') {
        call.happen(line);
        call.look();
    }
    call.wait(EVER);
    assert!(call.ended, "a connection that is left alone does not end");
    assert!(call.machine.deadline().is_none(), "a timer is left");
}

struct Call {
    machine: Machine,
    now: Instant,
    seq: u64,
    sent: u64,
    kinds: Vec<String>,
    audio: usize,
    heard: usize,
    ended: bool,
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let machine = Machine::new(ID, ID, ByteOrder::Big, now);
        Self { machine, now, seq: 0, sent: 0, kinds: Vec::new(), audio: 0, heard: 0, ended: false }
    }

    fn happen(&mut self, line: &[u8]) {
        let number = line.iter().skip(1).fold(0u64, |all, byte| all.wrapping_mul(31) + u64::from(*byte));
        match (line.first(), std::str::from_utf8(line)) {
            (Some(b'm'), Ok(text)) => self.say(&text[1..]),
            (Some(b'w'), _) => self.wait(Duration::from_millis(100 * (number % 700))),
            (Some(b'c'), _) => self.machine.handle_command(self.now, command(number)),
            (Some(b'b'), _) | (_, Err(_)) => {
                let bytes = vec![0xff; (number % 70_000) as usize];
                self.audio += bytes.len();
                self.machine.handle_binary(self.now, &bytes);
            }
            (_, Ok(text)) => self.machine.handle_text(self.now, text),
        }
    }

    fn say(&mut self, text: &str) {
        let (kind, parameters) = text.split_once(' ').unwrap_or((text, "{}"));
        let parameters: Value = serde_json::from_str(parameters).unwrap_or_else(|_| json!({}));
        self.seq += 1;
        let message = json!({"version": "2", "id": ID, "type": kind, "seq": self.seq, "serverseq": self.sent,
            "position": "PT0S", "parameters": parameters});
        self.machine.handle_text(self.now, &message.to_string());
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.machine.handle_timeout(self.now);
            self.look();
            turns += 1;
            assert!(turns < 100_000, "a deadline that does not pass");
        }
        self.now = end;
    }

    fn look(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            assert!(!self.ended, "{output:?} after the end");
            match output {
                Output::Send(text) => self.sent(&text),
                Output::Audio(bytes) => self.heard += bytes.len(),
                Output::Close(..) => self.ended = true,
                Output::Opening(_) | Output::Closing(_) | Output::Failed(_) => {}
            }
        }
        assert!(self.heard <= self.audio, "more audio than came");
    }

    fn sent(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).expect("JSON");
        self.sent += 1;
        assert_eq!((message["seq"].as_u64(), message["id"].as_str()), (Some(self.sent), Some(ID)));
        let kind = message["type"].as_str().expect("a type").to_owned();
        let before = |kind: &str| self.kinds.iter().any(|one| one == kind);
        assert!(!before("closed"), "{kind} after closed");
        match kind.as_str() {
            "opened" | "closed" | "disconnect" => assert!(!before(&kind), "{kind} twice"),
            "pause" | "resume" | "event" | "updated" => {
                assert!(before("opened") && !before("disconnect"), "{kind} out of place");
            }
            "pong" => {}
            other => panic!("{other} is not of the protocol"),
        }
        self.kinds.push(kind);
    }
}

fn command(number: u64) -> Command {
    let outputs = Some(json!({"outcome": "success"}));
    match number % 10 {
        0 => Command::Answer(true),
        1 => Command::Answer(false),
        2 => Command::Known(StreamTime::of_samples(number)),
        3 => Command::Listen(true),
        4 => Command::Listen(false),
        5 => Command::Event(json!({"type": "x", "data": number})),
        6 => Command::Disconnect { info: "result", outputs },
        7 => Command::Closed { outputs },
        8 => Command::HandedOver,
        _ => Command::Stop,
    }
}

/// The two headers of a signed request, one a line: they are read or refused, and never right without the secret.
///
/// # Panics
/// If a signature counts.
pub fn audiohook_signature(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let mut headers = axum::http::HeaderMap::new();
    for name in ["signature-input", "signature"] {
        let Ok(value) = axum::http::HeaderValue::from_bytes(lines.next().unwrap_or_default()) else { return };
        headers.insert(name, value);
    }
    for name in ["audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id", "x-api-key"]
    {
        headers.insert(name, axum::http::HeaderValue::from_static(ID));
    }
    let request = Signed { target: "/audiohook", authority: "localhost", headers: &headers };
    let window = Window { max_age: Duration::from_secs(60), skew: Duration::from_secs(3) };
    let now = UnixTime::from_seconds(1_641_013_200);
    assert!(check(&request, ID, b"a secret that no input knows", window, now).is_none());
}
