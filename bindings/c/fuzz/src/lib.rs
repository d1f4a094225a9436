//! Bytes from a fuzzer enter as calls of the C library, in any order and with any handle; what must hold for any of them is checked.
//!
//! `make fuzz` looks for inputs that break it (libFuzzer, guided by coverage); every input it found worth keeping lies in
//! `corpus/c_calls/`, and `cargo test` replays them all. Needs installed models and the demonstration calls.

use std::ffi::{CStr, CString, c_char};
use std::fs;
use std::path::Path;
use std::ptr;
use std::slice;
use std::sync::OnceLock;

use peakstream_c::{
    ABI_VERSION, CREDENTIAL_TEXT_BYTES, Call, CredentialInfo, Decision, Key, Outcome, Status, Stream,
    peakstream_authenticity, peakstream_compare, peakstream_credential_free, peakstream_credential_inspect,
    peakstream_credential_open, peakstream_credential_seal, peakstream_engine_free, peakstream_engine_load,
    peakstream_engine_threshold, peakstream_error_text, peakstream_key_generate, peakstream_register,
    peakstream_speech_free, peakstream_speech_samples, peakstream_stream_finish, peakstream_stream_free,
    peakstream_stream_open, peakstream_stream_push, peakstream_stream_status, peakstream_verify,
};

/// Handles that an input may hold at a time; each stream reserves half a megabyte.
const MOST: usize = 12;
/// Bytes of a WAV file before its samples.
const HEADER: usize = 44;

/// What all inputs share: an engine, somebody's voice, and a credential's text with its key.
pub struct Shared {
    /// As a number, which is what it is.
    engine: usize,
    voice: Vec<u8>,
    key: Key,
    text: CString,
}

/// Loads the models, once.
///
/// # Panics
/// There are none, or no demonstration calls.
pub fn load() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../models/installed");
        let recording = installed.join("demo/allison-en-enrol.wav");
        let voice = fs::read(recording).expect("make demo-audio").split_off(HEADER);
        let models = CString::new(installed.to_str().expect("a path in UTF-8")).expect("a path");
        let mut engine = ptr::null_mut();
        let mut key = Key { id: [0; 8], secret: [0; 32] };
        let call = linear(5.0);
        let (mut stream, mut speech, mut credential) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let mut text = vec![0u8; CREDENTIAL_TEXT_BYTES];
        let mut length = text.len();
        // SAFETY: every pointer is to a local of its type, every length is that of its buffer.
        let outcomes = unsafe {
            [
                peakstream_engine_load(ABI_VERSION, models.as_ptr(), &raw mut engine),
                peakstream_stream_open(engine, &raw const call, &raw mut stream),
                peakstream_stream_push(stream, voice.as_ptr(), voice.len(), ptr::null_mut()),
                peakstream_stream_finish(stream, &raw mut speech),
                peakstream_register(engine, speech, 0.0, ptr::null_mut(), &raw mut credential),
                peakstream_key_generate(&raw mut key),
                peakstream_credential_seal(
                    credential,
                    &raw const key,
                    1,
                    ptr::null(),
                    text.as_mut_ptr().cast(),
                    &raw mut length,
                ),
                peakstream_credential_free(credential),
                peakstream_speech_free(speech),
            ]
        };
        assert_eq!(outcomes, [Outcome::Ok; 9], "make models");
        text.truncate(length);
        let text = CString::from_vec_with_nul(text).expect("a text with its zero");
        Shared { engine: engine.addr(), voice, key, text }
    })
}

fn linear(seconds: f64) -> Call {
    Call {
        container: ptr::null(),
        codec: c"pcm".as_ptr(),
        sample_format: ptr::null(),
        sample_rate: 8000,
        channels: 0,
        channel: 0,
        channel_type: 0,
        tolerate_mismatch: false,
        seconds,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Engine,
    Stream,
    Speech,
    Credential,
}

/// A handle that was given, and whether it still lives.
struct Held {
    kind: Kind,
    handle: usize,
    lives: bool,
}

/// An input on its way: what is left of it, and the handles it was given.
struct Calls<'a> {
    shared: &'static Shared,
    rest: slice::Iter<'a, u8>,
    held: Vec<Held>,
}

/// Calls, one after the other: a byte says which function, those behind it with what. Nothing crashes; a handle that lives is served or
/// refused for another reason, one that was freed, is of another kind or was never given is not served; what fails gives no handle and says
/// why. At the end everything that lives can be freed, once.
///
/// # Panics
/// If that does not hold.
pub fn c_calls(data: &[u8]) {
    let shared = load();
    let engine = Held { kind: Kind::Engine, handle: shared.engine, lives: true };
    let mut calls = Calls { shared, rest: data.iter(), held: vec![engine] };
    while let Some(function) = calls.rest.next() {
        calls.one(*function);
    }
    calls.end();
}

impl Calls<'_> {
    fn byte(&mut self) -> u8 {
        self.rest.next().copied().unwrap_or_default()
    }

    /// One of the handles given, NULL, or any number.
    fn any(&mut self) -> usize {
        match self.byte() {
            0 => 0,
            1 => usize::from_le_bytes(std::array::from_fn(|_| self.byte())),
            // A living one's place with another generation or kind.
            2 => self.any() ^ 1 << (self.byte() % 64),
            choice => self.held[usize::from(choice) % self.held.len()].handle,
        }
    }

    fn lives(&self, kind: Kind, handle: usize) -> bool {
        self.held.iter().any(|held| (held.kind, held.handle, held.lives) == (kind, handle, true))
    }

    /// What came of a call that was given this handle.
    fn check(&self, outcome: Outcome, kind: Kind, handle: usize) {
        let lives = self.lives(kind, handle);
        assert!(lives || outcome != Outcome::Ok, "a dead {kind:?} was served");
        assert!(!lives || outcome != Outcome::Busy, "nobody else uses this {kind:?}");
        assert_ne!(outcome, Outcome::Internal, "a defect");
        if outcome != Outcome::Ok {
            // SAFETY: a text that ends with a zero, until this thread fails again.
            let words = unsafe { CStr::from_ptr(peakstream_error_text()) };
            assert!(!words.is_empty() && words.to_str().is_ok(), "no words for {outcome:?}");
        }
    }

    /// As [`Calls::check`], where all handles are all that can be wrong.
    fn check_all(&self, outcome: Outcome, handles: &[(Kind, usize)]) {
        let all_live = handles.iter().all(|(kind, handle)| self.lives(*kind, *handle));
        assert_eq!(outcome == Outcome::InvalidHandle, !all_live, "{outcome:?} for {handles:?}");
        handles.iter().for_each(|(kind, handle)| self.check(outcome, *kind, *handle));
    }

    /// Keeps a handle that was given.
    fn given<T>(&mut self, outcome: Outcome, kind: Kind, handle: *mut T) {
        assert_eq!(outcome == Outcome::Ok, !handle.is_null(), "{outcome:?} with {handle:?}");
        if !handle.is_null() {
            assert!(self.held.iter().all(|held| held.handle != handle.addr()), "a number comes again");
            self.held.push(Held { kind, handle: handle.addr(), lives: true });
        }
    }

    /// After a call that frees: the handle is dead. NULL may always be freed.
    fn freed(&mut self, outcome: Outcome, kind: Kind, handle: usize) {
        if handle == 0 {
            assert_eq!(outcome, Outcome::Ok, "NULL is nothing");
            return;
        }
        self.check_all(outcome, &[(kind, handle)]);
        for held in self.held.iter_mut().filter(|held| held.kind == kind && held.handle == handle) {
            held.lives = false;
        }
    }

    fn has_room(&self) -> bool {
        self.held.iter().filter(|held| held.lives).count() < MOST
    }

    fn one(&mut self, function: u8) {
        match function % 16 {
            0 if self.has_room() => self.open_stream(),
            1 | 2 => self.push(),
            3 => {
                let (stream, mut status) = (self.any(), no_status());
                // SAFETY: room for one.
                let outcome = unsafe { peakstream_stream_status(handle::<Stream>(stream), &raw mut status) };
                self.check_all(outcome, &[(Kind::Stream, stream)]);
            }
            4 => {
                let (stream, mut speech) = (self.any(), ptr::null_mut());
                // SAFETY: room for a pointer.
                let outcome = unsafe { peakstream_stream_finish(handle(stream), &raw mut speech) };
                self.freed_or_null(outcome, stream);
                self.given(outcome, Kind::Speech, speech);
            }
            5 => {
                let stream = self.any();
                self.freed(peakstream_stream_free(handle(stream)), Kind::Stream, stream);
            }
            6 => self.samples(),
            7 => {
                let speech = self.any();
                self.freed(peakstream_speech_free(handle(speech)), Kind::Speech, speech);
            }
            8 => self.decide(),
            9 if self.has_room() => self.open_credential(),
            10 => self.seal(),
            11 => {
                let credential = self.any();
                self.freed(peakstream_credential_free(handle(credential)), Kind::Credential, credential);
            }
            12 => self.inspect(),
            13 => {
                let (engine, one, other, mut score) = (self.any(), self.any(), self.any(), 0.0);
                // SAFETY: room for a double.
                let outcome =
                    unsafe { peakstream_compare(handle(engine), handle(one), handle(other), &raw mut score) };
                self.check_all(
                    outcome,
                    &[(Kind::Engine, engine), (Kind::Credential, one), (Kind::Credential, other)],
                );
                assert!((0.0..=1.0).contains(&score), "{score}");
            }
            14 => {
                let engine = self.any();
                let point = CString::new(vec![self.byte().max(1); 3]).expect("no zeros");
                let (registered, heard, mut score) = (self.byte().into(), self.byte().into(), 0.0);
                // SAFETY: a text that ends with a zero, room for a double.
                let outcome = unsafe {
                    peakstream_engine_threshold(
                        handle(engine),
                        point.as_ptr(),
                        registered,
                        heard,
                        &raw mut score,
                    )
                };
                self.check(outcome, Kind::Engine, engine);
            }
            15 => {
                // The one engine is everybody's.
                let engine = self.any();
                if engine != self.shared.engine {
                    self.freed(peakstream_engine_free(handle(engine)), Kind::Engine, engine);
                }
            }
            _ => {}
        }
    }

    fn freed_or_null(&mut self, outcome: Outcome, stream: usize) {
        if stream == 0 {
            assert_eq!(outcome, Outcome::InvalidHandle);
        } else {
            self.freed(outcome, Kind::Stream, stream);
        }
    }

    fn open_stream(&mut self) {
        const CONTAINERS: [*const c_char; 5] =
            [ptr::null(), c"raw".as_ptr(), c"wav".as_ptr(), c"ogg".as_ptr(), c"".as_ptr()];
        const CODECS: [*const c_char; 8] = [
            c"pcm".as_ptr(),
            c"mulaw".as_ptr(),
            c"alaw".as_ptr(),
            c"g722".as_ptr(),
            c"opus".as_ptr(),
            c"speex".as_ptr(),
            c"\xff".as_ptr(),
            ptr::null(),
        ];
        const FORMATS: [*const c_char; 4] =
            [ptr::null(), c"s16be".as_ptr(), c"f32le".as_ptr(), c"u8".as_ptr()];
        const RATES: [u32; 8] = [8000, 16_000, 48_000, 44_100, 12_000, 11_025, 0, u32::MAX];
        // Too little for a decision, which would take longer than everything else together; tests/suite.c decides.
        const SECONDS: [f64; 8] = [1.0, 0.25, 2.0, 0.0, -1.0, f64::NAN, f64::INFINITY, 121.0];
        let engine = self.any();
        let mut call = linear(SECONDS[usize::from(self.byte()) % SECONDS.len()]);
        let other = self.byte();
        if other % 2 == 1 {
            let format = self.byte();
            call.container = CONTAINERS[usize::from(format) % CONTAINERS.len()];
            call.codec = CODECS[usize::from(format >> 4) % CODECS.len()];
            call.sample_format = FORMATS[usize::from(other >> 1) % FORMATS.len()];
            call.sample_rate = RATES[usize::from(self.byte()) % RATES.len()];
            call.channels = u16::from(other >> 3 & 3);
            call.channel = u16::from(other >> 5 & 3);
            call.channel_type = u32::from(self.byte() % 3);
            call.tolerate_mismatch = other >> 7 == 1;
        }
        let mut stream = ptr::null_mut();
        // SAFETY: texts that are NULL or end with a zero, and room for a pointer.
        let outcome = unsafe { peakstream_stream_open(handle(engine), &raw const call, &raw mut stream) };
        self.check(outcome, Kind::Engine, engine);
        self.given(outcome, Kind::Stream, stream);
    }

    fn push(&mut self) {
        let (stream, how) = (self.any(), self.byte());
        let length = 250 * usize::from(self.byte());
        let bytes: Vec<u8> = match how % 4 {
            // Somebody talks.
            0 | 1 => self.shared.voice.iter().skip(1000 * usize::from(how)).take(length).copied().collect(),
            // The input itself.
            2 => self.rest.by_ref().take(length).copied().collect(),
            _ => vec![how; length],
        };
        let mut status = no_status();
        // SAFETY: the bytes of a vector, room for one.
        let outcome =
            unsafe { peakstream_stream_push(handle(stream), bytes.as_ptr(), bytes.len(), &raw mut status) };
        self.check_all(outcome, &[(Kind::Stream, stream)]);
        if outcome == Outcome::Ok {
            assert!((0.0..=status.audio).contains(&status.net_speech), "{status:?}");
        }
        // SAFETY: NULL is refused, unless there is nothing there.
        let nothing = unsafe { peakstream_stream_push(handle(stream), ptr::null(), 1, ptr::null_mut()) };
        assert_eq!(nothing, Outcome::InvalidArgument);
    }

    fn samples(&mut self) {
        let speech = self.any();
        let mut samples = vec![0i16; 64 * usize::from(self.byte())];
        let (mut count, mut rate) = (samples.len(), 0);
        // SAFETY: room for so many, for a number and for another.
        let outcome = unsafe {
            peakstream_speech_samples(handle(speech), samples.as_mut_ptr(), &raw mut count, &raw mut rate)
        };
        self.check_all(outcome, &[(Kind::Speech, speech)]);
        assert_eq!(
            outcome == Outcome::BufferTooSmall,
            outcome != Outcome::InvalidHandle && count > samples.len()
        );
    }

    fn decide(&mut self) {
        let (engine, speech, credential) = (self.any(), self.any(), self.any());
        let rate = [0.0, 0.5, 1.0, -0.1, f64::NAN][usize::from(self.byte()) % 5];
        let mut decision = Decision {
            score: 0.0,
            authenticity: 0.0,
            authenticity_llr: 0.0,
            net_speech: 0.0,
            unjudged: 0,
            warnings: 0,
        };
        let (to, mut registered) = (&raw mut decision, ptr::null_mut());
        let what = self.byte() % 3;
        // SAFETY: room for a decision and for a pointer.
        let outcome = unsafe {
            match what {
                0 => peakstream_verify(handle(engine), handle(speech), handle(credential), rate, to),
                1 => peakstream_authenticity(handle(engine), handle(speech), rate, to),
                _ => peakstream_register(handle(engine), handle(speech), rate, to, &raw mut registered),
            }
        };
        let handles = [(Kind::Engine, engine), (Kind::Speech, speech), (Kind::Credential, credential)];
        self.check_all(outcome, if what == 0 { &handles } else { &handles[..2] });
        self.given(outcome, Kind::Credential, registered);
    }

    fn open_credential(&mut self) {
        let shared = self.shared;
        let mut text = shared.text.as_bytes().to_vec();
        let changed = self.byte() % 2 == 1;
        if changed {
            let at = usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % text.len();
            text[at] ^= self.byte();
            text.retain(|byte| *byte != 0);
        }
        let same = text == shared.text.as_bytes();
        let text = CString::new(text).expect("no zeros");
        let mut credential = ptr::null_mut();
        // SAFETY: one key, texts that are NULL or end with a zero, room for a pointer.
        let outcome = unsafe {
            peakstream_credential_open(
                &raw const shared.key,
                1,
                ptr::null(),
                text.as_ptr(),
                &raw mut credential,
            )
        };
        assert_eq!(outcome == Outcome::Ok, same, "{outcome:?}: a credential that was changed");
        self.given(outcome, Kind::Credential, credential);
    }

    fn seal(&mut self) {
        let credential = self.any();
        let mut text = vec![0u8; 64 * usize::from(self.byte())];
        let (room, count) = (text.len(), usize::from(self.byte() % 2));
        let mut length = room;
        // SAFETY: one key or none of it, a text that ends with a zero, room for so many.
        let outcome = unsafe {
            let tenant = c"anna".as_ptr();
            let key = &raw const self.shared.key;
            peakstream_credential_seal(
                handle(credential),
                key,
                count,
                tenant,
                text.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        self.check(outcome, Kind::Credential, credential);
        if outcome == Outcome::Ok {
            assert!(length <= CREDENTIAL_TEXT_BYTES && text[length - 1] == 0, "{length} bytes");
        }
        assert!(outcome != Outcome::BufferTooSmall || length > room, "{length} bytes do fit into {room}");
    }

    fn inspect(&mut self) {
        let credential = self.any();
        let mut info =
            CredentialInfo { created_at: 0, channel_type: 0, model: [0; 57], calibration: [0; 64] };
        // SAFETY: room for one.
        let outcome = unsafe { peakstream_credential_inspect(handle(credential), &raw mut info) };
        self.check_all(outcome, &[(Kind::Credential, credential)]);
    }

    /// Frees what lives, and tries it once more.
    fn end(mut self) {
        for held in std::mem::take(&mut self.held) {
            let free = || match held.kind {
                Kind::Engine => Outcome::InvalidHandle,
                Kind::Stream => peakstream_stream_free(handle(held.handle)),
                Kind::Speech => peakstream_speech_free(handle(held.handle)),
                Kind::Credential => peakstream_credential_free(handle(held.handle)),
            };
            if held.lives && held.kind != Kind::Engine {
                assert_eq!(free(), Outcome::Ok, "{:?}", held.kind);
            }
            assert_eq!(free(), Outcome::InvalidHandle, "{:?} is freed", held.kind);
        }
    }
}

fn handle<T>(number: usize) -> *mut T {
    ptr::without_provenance_mut(number)
}

fn no_status() -> Status {
    Status { net_speech: 0.0, audio: 0.0, percentage: 0, enough: false, boundary: false }
}
