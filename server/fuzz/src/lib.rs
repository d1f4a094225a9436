//! Bytes from a fuzzer enter one of the server's parsers or machines; what must hold for any input is checked.
//!
//! Each function is a fuzz target. `make fuzz` looks for inputs that break one (libFuzzer, guided by coverage); every
//! input it found worth keeping lies in `corpus/<target>/`, and `cargo test` replays them all.

mod audiohook;

pub use audiohook::{audiohook, audiohook_signature};

use std::time::{Duration, Instant};

use bytes::Bytes;
use peakstream::{ModelHash, Threshold};
use peakstream_server::audio_channel::audiosocket;
use peakstream_server::audio_channel::media_streams::machine::{Machine, Origin};
use peakstream_server::audio_channel::wire::Output;
use peakstream_server::client::packet::Decoder;
use peakstream_server::ids::CallId;
use peakstream_server::session::authenticity::AuthenticityWishes;
use peakstream_server::session::countermeasure::PolicySetting;
use peakstream_server::session::error::{MIN_SPEECH_SECONDS, SessionError};
use peakstream_server::session::policy::{GateSetting, Policy, Wishes};
use peakstream_server::session::request::audio::AudioSettings;
use peakstream_server::session::request::{
    Catalogue, CredentialFacts, CredentialRefusal, Defaults, Kind, MAX_SPEECH_SECONDS, Purpose,
    SessionRequest,
};
use peakstream_server::session::score_threshold::ScoreThreshold;
use peakstream_server::signalling::engineio::packet::{Packet as Transported, Piece, payload};
use peakstream_server::signalling::socketio::packet::{Body, Packet, event};
use serde_json::{Map, Value};

/// The model that the catalogue has.
const MODEL: [u8; 28] = [7; 28];

/// One model, and credentials whose texts say what they are.
struct Shelf;

impl Catalogue for Shelf {
    fn newest_model(&self) -> ModelHash {
        ModelHash::from_bytes(MODEL)
    }

    fn has_model(&self, model: ModelHash) -> bool {
        model == self.newest_model()
    }

    fn policy(&self, kind: Kind) -> Policy {
        Policy::of(kind, &Wishes::default(), &Wishes::default())
    }

    fn inspect(&self, credential: &str) -> Result<CredentialFacts, CredentialRefusal> {
        let model = self.newest_model();
        match credential {
            "telephone" => Ok(CredentialFacts { model, by_telephone: true }),
            "microphone" => Ok(CredentialFacts { model, by_telephone: false }),
            "gone" => Ok(CredentialFacts { model: ModelHash::from_bytes([8; 28]), by_telephone: true }),
            "foreign" => Err(CredentialRefusal::Foreign),
            _ => Err(CredentialRefusal::Malformed),
        }
    }
}

/// The body of `initialize` as JSON text, for both channels, and of a REST request: an accepted request is within every documented range, a
/// refused one names what is wrong, and the same body sent as a JSON string is judged alike.
///
/// # Panics
/// If that does not hold.
pub fn initialize(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let body = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let half = Threshold::new(0.5).expect("in 0…1");
    let defaults = Defaults { authenticity_threshold: half, score_threshold: half };
    for kind in [Kind::Register, Kind::Verify] {
        let judged = SessionRequest::parse(kind, &body, &Shelf, defaults);
        match &judged {
            Ok(request) => {
                assert!((MIN_SPEECH_SECONDS..=MAX_SPEECH_SECONDS).contains(&request.wanted));
                assert!((1..=256).contains(&request.call_id.as_str().chars().count()));
                assert_eq!(matches!(request.purpose, Purpose::Register { .. }), kind == Kind::Register);
            }
            Err(SessionError::Parameters(problems)) => {
                assert!(!problems.is_empty(), "refused without a reason");
                assert!(
                    problems.iter().all(|problem| !problem.field.is_empty() && !problem.message.is_empty())
                );
            }
            Err(_) => {}
        }
        if let Value::Object(flat) = &body {
            rest_body(kind, flat, defaults);
            let as_text = SessionRequest::parse(kind, &Value::String(body.to_string()), &Shelf, defaults);
            assert_eq!(judged, as_text, "sent as a string it is judged otherwise");
        }
    }
}

/// The same members as the flat body of a REST request: judged by the same rules, and named without a section.
fn rest_body(kind: Kind, flat: &Map<String, Value>, defaults: Defaults) {
    let settings = AudioSettings::parse(flat);
    if let Ok(settings) = &settings {
        let again = AudioSettings::from_declared(settings.declared.clone());
        assert_eq!(again.as_ref(), Some(settings), "settings that were stored are other ones");
    }
    let stored = |_| settings.clone().ok();
    match SessionRequest::parse_flat(kind, flat, &stored, &Shelf, defaults) {
        Ok(request) => assert!(request.audio_settings_id.is_some()),
        Err(SessionError::Parameters(problems)) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.field.contains('.')));
        }
        Err(_) => {}
    }
}

/// What is said about a quality gate, as flags, settings and the command line have it: what is accepted has a limit in its gate's range
/// and survives its text, and what is refused is not repeated at length.
///
/// # Panics
/// If that does not hold.
pub fn gate_setting(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<GateSetting>() {
        Ok(said) => {
            let limit = said.setting.limit;
            let within =
                |limit: f32| said.gate.range().is_some_and(|[low, high]| (low..=high).contains(&limit));
            assert!(limit.is_none_or(within), "{said} is beyond the range");
            assert_eq!(said.to_string().parse(), Ok(said), "it changed when it was written");
            let target = text.split_once('=').map(|(target, _)| GateSetting::parse_target(target));
            assert_eq!(target, Some(Ok((said.kind, said.gate))), "its gate is read otherwise alone");
        }
        // 64 characters, each escaped at the most.
        Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
    }
}

/// What is said about authenticity, as flags have a policy and as it stands in the key file: what is accepted survives being written, and
/// what is refused is not repeated at length.
///
/// # Panics
/// If that does not hold.
pub fn authenticity_wishes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<PolicySetting>() {
        Ok(said) => assert_eq!(said.to_string().parse(), Ok(said), "it changed when it was written"),
        // 64 characters, each escaped at the most.
        Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
    }
    if let Ok(said) = toml::from_str::<AuthenticityWishes>(text) {
        let share = said.assumed_attack_rate.unwrap_or_default().value();
        assert!(share > 0.0 && share < 1.0, "{share} is no share");
        let written = toml::to_string(&said).expect("a number and names");
        assert_eq!(toml::from_str(&written), Ok(said), "it changed in the file: {written}");
    }
}

/// A threshold of scores, as flags and the key file have it: what is accepted means something and survives being written, both ways.
///
/// # Panics
/// If that does not hold.
pub fn score_threshold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let in_file = |text: &str| toml::from_str::<Bound>(text).ok().map(|bound| bound.bound);
    for said in [text.parse().ok(), in_file(&format!("bound = {text}"))].into_iter().flatten() {
        match said {
            ScoreThreshold::Score(score) => assert!((0.0..=1.0).contains(&score.value())),
            ScoreThreshold::At(point) => assert!(point.false_accepts() > 0.0 && point.false_accepts() <= 1.0),
        }
        assert_eq!(said.to_string().parse(), Ok(said), "it changed when it was written");
        let written = toml::to_string(&Bound { bound: said }).expect("a number or a name");
        assert_eq!(in_file(&written), Some(said), "it changed in the file: {written}");
    }
}

/// As it stands in the key file.
#[derive(serde::Deserialize, serde::Serialize)]
struct Bound {
    bound: ScoreThreshold,
}

/// A carrier's messages in any dialect, one a line (a line that is not UTF-8 is a binary message, an empty one lets time
/// pass; a first line `?` is an address that names the call): the stream starts once at most, ends once, nothing follows the
/// end, and no more audio comes out than was sent.
///
/// # Panics
/// If that does not hold.
pub fn media_streams(data: &[u8]) {
    let begin = Instant::now();
    let (named, data) = match data.strip_prefix(b"?\n") {
        Some(rest) => (CallId::new("call"), rest),
        None => (None, data),
    };
    let origin = Origin { call_id: named, ..Origin::default() };
    let mut machine = Machine::new(begin + Duration::from_secs(10), origin);
    let mut seen = Seen::default();
    for (number, line) in data.split(|&byte| byte == b'\n').enumerate() {
        match std::str::from_utf8(line) {
            Ok("") => machine.handle_timeout(begin + Duration::from_secs(number as u64)),
            Ok(text) => machine.handle_text(text),
            Err(_) => machine.handle_binary(line),
        }
        if seen.take(|| machine.poll_output()) {
            // As the driver does, once the session's format is known.
            machine.set_bytes_per_second(8_000);
        }
    }
    machine.handle_disconnect();
    seen.take(|| machine.poll_output());
    assert!(seen.ended, "a connection that is gone has not ended");
    assert!(seen.audio <= data.len(), "{} bytes of audio out of {}", seen.audio, data.len());
    assert!(machine.deadline().is_none(), "a timer is left");
}

/// The bytes of an AudioSocket connection, in pieces: each begins with its length, and a length of 0 lets 3 seconds pass.
/// The same holds as for [`media_streams`].
///
/// # Panics
/// If that does not hold.
pub fn audiosocket(data: &[u8]) {
    let mut now = Instant::now();
    let mut machine = audiosocket::machine::Machine::new(now + Duration::from_secs(10));
    let (mut seen, mut rest) = (Seen::default(), data);
    while let Some((&length, more)) = rest.split_first() {
        let (piece, more) = more.split_at(usize::from(length).min(more.len()));
        rest = more;
        if piece.is_empty() {
            now += Duration::from_secs(3);
            machine.handle_timeout(now);
        }
        machine.handle_bytes(now, piece);
        seen.take(|| machine.poll_output());
        assert!(machine.deadline().is_none_or(|deadline| deadline > now), "a deadline was missed");
    }
    machine.handle_disconnect();
    seen.take(|| machine.poll_output());
    assert!(seen.ended && seen.audio <= data.len() && machine.deadline().is_none());
}

#[derive(Default)]
struct Seen {
    started: bool,
    ended: bool,
    audio: usize,
}

impl Seen {
    /// Looks at what the machine puts out; whether the stream has just begun.
    fn take(&mut self, mut poll_output: impl FnMut() -> Option<Output>) -> bool {
        let before = self.started;
        while let Some(output) = poll_output() {
            assert!(!self.ended, "{output:?} after the end");
            match output {
                Output::Started(_) => assert!(!std::mem::replace(&mut self.started, true), "started twice"),
                Output::Audio(bytes) => {
                    assert!(self.started, "audio before the start");
                    self.audio += bytes.len();
                }
                Output::Lost(packets) => {
                    assert!(self.audio > 0 && packets > 0, "lost before the first");
                }
                Output::Send(_) => assert!(!self.started, "a message into a stream"),
                Output::Stopped | Output::Close(..) => self.ended = true,
            }
        }
        self.started != before
    }
}

/// A server's Engine.IO messages as our own Socket.IO client reads them, one a line, a line that begins with a zero byte
/// being binary: never a panic.
pub fn socketio_packets(data: &[u8]) {
    let mut decoder = Decoder::new("/socket.io/register");
    for line in data.split(|&byte| byte == b'\n') {
        let read = match (line.split_first(), std::str::from_utf8(line)) {
            (Some((0, attachment)), _) => decoder.binary(Bytes::copy_from_slice(attachment)),
            (_, Ok(text)) => decoder.text(text),
            (_, Err(_)) => decoder.binary(Bytes::copy_from_slice(line)),
        };
        if read.is_err() {
            return;
        }
    }
}

/// The body of a POST as the server reads it, down to the arguments of events: what is taken for an event is an array that
/// begins with a name, and whatever is one is taken for it, unless it nests too deep to say.
///
/// # Panics
/// If that does not hold.
pub fn client_packets(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for piece in payload(text) {
        let Ok(Piece::Packet(Transported::Message(message))) = piece else { continue };
        let Ok(Packet { namespace, body }) = Packet::decode(message) else { continue };
        assert!(namespace.starts_with('/'), "{namespace} is no namespace");
        let Body::Event(json, _) = body else { continue };
        let arguments = event(json).and_then(|(name, arguments)| {
            let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
            Ok(std::iter::once(Value::from(name))
                .chain(arguments.into_iter().filter_map(parsed))
                .collect::<Vec<_>>())
        });
        match (serde_json::from_str::<Vec<Value>>(json), arguments) {
            (Ok(whole), Ok(arguments)) => assert_eq!(whole, arguments, "read otherwise"),
            (Ok(whole), Err(_)) => {
                assert!(!whole.first().is_some_and(Value::is_string), "an event was refused")
            }
            // Its syntax is sound, and it still has no value: too deep, or a number beyond every range.
            (Err(_), _) => {}
        }
    }
}

fn parsed(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}
