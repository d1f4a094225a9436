//! In: a call's bytes and how they were declared. Out: whether they look like something else.
//!
//! A stream of the wrong name still decodes: into noise, in which no voice is found, or a wrong one. Speech is smooth, which
//! means that neighbouring samples are alike, and bytes that are read in a wrong way are not. So each window of the first
//! seconds is read in every way that telephony has; the roughness of a reading is the energy of the samples' differences
//! over that of the samples (2 for white noise, about 0.2 for speech at 8 kHz). A window speaks against what was declared
//! if that is rough where another reading is smooth. Enough such windows, and hardly any that speak for it, are a mismatch.
//!
//! It errs towards silence: noise, tones, pauses and music are rough or smooth in every reading and speak for nothing.
//! Measured with `core/tests/a_stream_of_the_wrong_name_is_noticed.rs`, whose doc says what is missed. What the bytes
//! cannot tell is the rate: speech at half speed is speech.
//!
//! # Realtime safety
//! Works in place on one window; costs some microseconds for each until it has decided, nothing afterwards.

use std::fmt;

use zeroize::Zeroize;

use super::encoding::Encoding;
use super::format::{AudioFormat, Codec};

/// Bytes of one channel in a window: 64 ms of G.711, 16 ms of linear samples at 16 kHz.
const WINDOW: usize = 512;
/// Most channels that are looked at.
const MOST_CHANNELS: usize = 2;
/// Windows that must speak for another reading; a second of speech in G.711 at 8 kHz.
const NEEDED: u32 = 16;
/// How many windows for another reading weigh as much as one for what was declared.
const WEIGHT_OF_OWN: u32 = 4;
/// Windows for what was declared that end the watch.
const SETTLED: u32 = 32;
/// Windows after which it ends without an answer: 13 s of G.711 at 8 kHz.
const LONGEST: u32 = 200;
/// Roughness of a reading that may be speech. Of 4,000 windows of speech in the band of telephony nine in ten are below 0.6.
const SMOOTH: f32 = 0.8;
/// How much rougher what was declared must be. Readings of one law in the other are 1.5 to 4 times as rough.
const ROUGHER: f32 = 1.6;
/// By how much another reading must be rougher to speak for what was declared.
const LESS_SMOOTH: f32 = 1.2;
/// RMS below which a reading is silence, which is rough or smooth by chance.
const SILENCE: f32 = 60.0;

/// The readings that are compared.
const READINGS: [Encoding; 5] =
    [Encoding::MuLaw, Encoding::ALaw, Encoding::Linear16Le, Encoding::Linear16Be, Encoding::Float32Le];

/// What bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    /// Samples written so.
    Samples(Encoding),
    /// A recording with a header: RIFF/WAVE.
    Wav,
    /// Ogg pages.
    Ogg,
    /// A FLAC file.
    Flac,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Samples(Encoding::MuLaw) => "mu-law",
            Self::Samples(Encoding::ALaw) => "A-law",
            Self::Samples(Encoding::Linear16Le) => "16-bit linear, low byte first (s16le)",
            Self::Samples(Encoding::Linear16Be) => "16-bit linear, high byte first (s16be)",
            Self::Samples(Encoding::Linear24Le) => "24-bit linear",
            Self::Samples(Encoding::Linear32Le) => "32-bit linear",
            Self::Samples(Encoding::Float32Le) => "32-bit floats (f32le)",
            Self::Wav => "a WAV file (audio_format \"wav\")",
            Self::Ogg => "Ogg (audio_format \"ogg\")",
            Self::Flac => "a FLAC file",
        })
    }
}

/// Bytes that are not what was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("declared as {declared}, but it looks like {found}")]
pub struct Mismatch {
    /// What was declared.
    pub declared: Look,
    /// What it looks like.
    pub found: Look,
}

/// Watches the first seconds of one call.
#[derive(Debug)]
pub struct Watch {
    declared: Encoding,
    channels: usize,
    caller: usize,
    window: [u8; WINDOW * MOST_CHANNELS],
    filled: usize,
    windows: u32,
    own: u32,
    others: [u32; READINGS.len()],
    over: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.window.zeroize();
    }
}

impl Watch {
    /// Watches a stream of that format; `None` for those that are not compared: G.722, Opus, and recordings whose own
    /// header says what they are.
    pub fn new(format: &AudioFormat) -> Option<Self> {
        let Codec::Samples(declared) = format.codec() else { return None };
        (READINGS.contains(&declared) && format.channels() <= MOST_CHANNELS).then(|| Self {
            declared,
            channels: format.channels(),
            caller: format.caller(),
            window: [0; WINDOW * MOST_CHANNELS],
            filled: 0,
            windows: 0,
            own: 0,
            others: [0; READINGS.len()],
            over: false,
        })
    }

    /// Looks at bytes as they come.
    ///
    /// # Errors
    /// Once there is enough against what was declared.
    pub fn look(&mut self, mut bytes: &[u8]) -> Result<(), Mismatch> {
        let length = WINDOW * self.channels;
        while !self.over && !bytes.is_empty() {
            let taken = (length - self.filled).min(bytes.len());
            self.window[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == length {
                self.filled = 0;
                self.judge(length)?;
            }
        }
        Ok(())
    }

    fn judge(&mut self, length: usize) -> Result<(), Mismatch> {
        let mismatch = |found| Err(Mismatch { declared: Look::Samples(self.declared), found });
        if self.windows == 0
            && let Some(container) = container(&self.window)
        {
            self.over = true;
            return mismatch(container);
        }
        self.windows += 1;
        let window = &self.window[..length];
        let readings = READINGS.map(|encoding| Reading::of(window, encoding, self.channels, self.caller));
        match verdict(&readings, self.declared) {
            Verdict::Own => self.own += 1,
            Verdict::Other(reading) => {
                self.others[reading] += 1;
                let votes = self.others[reading];
                if votes >= NEEDED && votes > WEIGHT_OF_OWN * self.own {
                    self.over = true;
                    return mismatch(Look::Samples(READINGS[reading]));
                }
            }
            Verdict::None => {}
        }
        self.over = self.own >= SETTLED || self.windows >= LONGEST;
        Ok(())
    }
}

/// What a stream begins with, if it is a container. Twelve bytes that speech does not begin with.
fn container(window: &[u8]) -> Option<Look> {
    match window {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Look::Wav),
        [b'O', b'g', b'g', b'S', 0, 2, 0, 0, 0, 0, 0, 0, ..] => Some(Look::Ogg),
        [b'f', b'L', b'a', b'C', 0, 0, 0, 34, ..] => Some(Look::Flac),
        _ => None,
    }
}

enum Verdict {
    Own,
    /// For the reading at that place.
    Other(usize),
    None,
}

/// What a window says.
fn verdict(readings: &[Reading; READINGS.len()], declared: Encoding) -> Verdict {
    let place = |encoding| READINGS.iter().position(|reading| *reading == encoding).unwrap_or_default();
    let own = &readings[place(declared)];
    // Quiet samples are smooth in both byte orders: if one is silence, the other is nothing.
    let twin_is_silent = |encoding| match encoding {
        Encoding::Linear16Le => readings[place(Encoding::Linear16Be)].is_silence(),
        Encoding::Linear16Be => readings[place(Encoding::Linear16Le)].is_silence(),
        _ => false,
    };
    let other = (0..READINGS.len())
        .filter(|&at| READINGS[at] != declared && !readings[at].is_silence() && !twin_is_silent(READINGS[at]))
        .min_by(|&a, &b| readings[a].roughness.total_cmp(&readings[b].roughness));
    let roughness = other.map_or(f32::INFINITY, |at| readings[at].roughness);
    // What is no float is mostly as good as nothing, read as one.
    let nothing = declared == Encoding::Float32Le && own.rms < 2.0;
    let rougher = !own.is_silence() && own.roughness > ROUGHER * roughness;
    match other {
        Some(at) if roughness < SMOOTH && (rougher || nothing) => Verdict::Other(at),
        _ if !own.is_silence() && own.roughness < SMOOTH && roughness > LESS_SMOOTH * own.roughness => {
            Verdict::Own
        }
        _ => Verdict::None,
    }
}

/// A window, read in one way.
struct Reading {
    roughness: f32,
    rms: f32,
}

impl Reading {
    fn of(window: &[u8], encoding: Encoding, channels: usize, caller: usize) -> Self {
        let (bytes, mut room) = (encoding.bytes(), [0; WINDOW]);
        let count = encoding.samples(window, bytes * channels, bytes * caller, &mut room);
        let samples = &room[..count];
        // Whole numbers: what is left of a loud constant is nothing. 512 squares of 16 bits fit many times.
        let square = |x: i32| i64::from(x) * i64::from(x);
        let sum: i64 = samples.iter().map(|&sample| i64::from(sample)).sum();
        let squares: i64 = samples.iter().map(|&sample| square(sample.into())).sum();
        let pairs = samples.iter().zip(samples.iter().skip(1));
        let differences: i64 = pairs.map(|(&last, &next)| square(i32::from(next) - i32::from(last))).sum();
        let count = count as i64;
        let energy = (squares * count - sum * sum) as f32 / count as f32;
        Self { roughness: differences as f32 / energy.max(1e-6), rms: (energy / count as f32).sqrt() }
    }

    fn is_silence(&self) -> bool {
        self.rms < SILENCE
    }
}
