//! What may be wrong with a call: a genuine call enters, the bytes of a defective one leave.

use std::fmt;

use peakstream::audio::encode;
use peakstream::{AudioFormat, Encoding, Gate, SampleRate};

use crate::channel::{ChannelError, Simulation};

/// Seconds of one speaker's turn where two take turns.
const TURN: f64 = 2.5;
/// Seconds of audio of a call that holds too little speech.
const SHORT: f64 = 2.5;

/// One thing wrong with a call, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Defect {
    /// What comes of the line: noise, cut peaks, a missing band, music. A good line, if no gate is named.
    Line(Option<Gate>, Simulation),
    /// The line, with a second speaker of the same corpus for the last part of it, 0…1.
    SecondSpeaker(Simulation, f64),
    /// Two speakers who take turns of 2.5 s.
    Turns(Simulation),
    /// Sent in the first encoding, declared as the second.
    Declared(Encoding, Encoding),
    /// The first 2.5 s only.
    Short(Simulation),
}

/// A call as it arrives.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) bytes: Vec<u8>,
    pub(super) format: AudioFormat,
}

impl Defect {
    /// The gate that should notice it; `None` of a good line.
    pub const fn gate(&self) -> Option<Gate> {
        match self {
            Self::Line(gate, _) => *gate,
            Self::SecondSpeaker(..) | Self::Turns(_) => Some(Gate::MultipleSpeakers),
            Self::Declared(..) => Some(Gate::CodecMismatch),
            Self::Short(_) => Some(Gate::NetSpeech),
        }
    }

    /// The call (16 kHz, full scale ±1) with the defect. `second`: a call of somebody else; `others`: clips of other people, for a
    /// babble.
    pub(super) fn arrive(
        &self,
        clip: &[f32],
        second: &[f32],
        others: &[&[f32]],
        seed: u64,
    ) -> Result<Arriving, ChannelError> {
        let at = |seconds: f64| (seconds * 16_000.0) as usize;
        let both = clip.len().min(second.len());
        let (line, clip) = match self {
            Self::Line(_, line) => (line, clip.to_vec()),
            Self::Short(line) => (line, clip[..clip.len().min(at(SHORT))].to_vec()),
            Self::SecondSpeaker(line, part) => {
                let cut = ((1.0 - part) * both as f64) as usize;
                (line, [&clip[..cut], &second[cut..both]].concat())
            }
            Self::Turns(line) => {
                let turn = |n: usize| if (n / at(TURN)).is_multiple_of(2) { clip[n] } else { second[n] };
                (line, (0..both).map(turn).collect())
            }
            Self::Declared(sent, declared) => return Ok(misnamed(clip, *sent, *declared)),
        };
        let call = line.apply(&clip, others, seed)?;
        let mut bytes = Vec::new();
        encode(&call.samples, Encoding::Linear16Le, &mut bytes);
        Ok(Arriving { bytes, format: AudioFormat::mono(Encoding::Linear16Le, call.rate) })
    }
}

fn misnamed(clip: &[f32], sent: Encoding, declared: Encoding) -> Arriving {
    let narrow = crate::channel::filter::to_narrow(clip);
    let samples: Vec<i16> = narrow.iter().map(|x| (x * 32_768.0).clamp(-32_768.0, 32_767.0) as i16).collect();
    let mut bytes = Vec::new();
    encode(&samples, sent, &mut bytes);
    Arriving { bytes, format: AudioFormat::mono(declared, SampleRate::Hz8000) }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(_, line) => write!(f, "{line}"),
            Self::SecondSpeaker(line, part) => {
                write!(f, "a second speaker in the last {:.0} %, {line}", 100.0 * part)
            }
            Self::Turns(line) => write!(f, "two speakers in turns of {TURN} s, {line}"),
            Self::Declared(sent, declared) => write!(f, "{} declared as {}", name(*sent), name(*declared)),
            Self::Short(line) => write!(f, "{SHORT} s of audio, {line}"),
        }
    }
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::MuLaw => "µ-law",
        Encoding::ALaw => "A-law",
        Encoding::Linear16Le => "s16le",
        Encoding::Linear16Be => "s16be",
        Encoding::Linear24Le => "s24le",
        Encoding::Linear32Le => "s32le",
        Encoding::Float32Le => "f32le",
    }
}

/// Defects of every gate, on G.711 lines where nothing else is said.
///
/// # Errors
/// None in practice: the lines are written here, which a test proves.
pub fn defects() -> Result<Vec<Defect>, ChannelError> {
    let mulaw = || "mulaw".parse::<Simulation>();
    let mut all = vec![Defect::Short(mulaw()?)];
    for (gate, line) in [
        (Gate::SignalNoiseRatio, "noise:white:5dB+mulaw"),
        (Gate::SignalNoiseRatio, "noise:pink:5dB+mulaw"),
        (Gate::SignalNoiseRatio, "noise:pink:0dB+mulaw"),
        (Gate::SignalNoiseRatio, "noise:babble:0dB+mulaw"),
        (Gate::Clipping, "clip:1%+mulaw"),
        (Gate::Clipping, "clip:3%+mulaw"),
        (Gate::Clipping, "clip:3%+gsm"),
        (Gate::Clipping, "clip:10%+mulaw"),
        (Gate::BandLimitation, "band:muffled+mulaw"),
        (Gate::BandLimitation, "band:thin+mulaw"),
        (Gate::Music, "noise:music:5dB+mulaw"),
        (Gate::Music, "noise:music:0dB+mulaw"),
        (Gate::Music, "noise:music:-5dB+mulaw"),
    ] {
        all.push(Defect::Line(Some(gate), line.parse()?));
    }
    for part in [0.5, 0.33] {
        all.push(Defect::SecondSpeaker(mulaw()?, part));
    }
    all.push(Defect::SecondSpeaker("gsm".parse()?, 0.5));
    all.push(Defect::Turns(mulaw()?));
    for (sent, declared) in [
        (Encoding::MuLaw, Encoding::ALaw),
        (Encoding::ALaw, Encoding::MuLaw),
        (Encoding::Linear16Le, Encoding::MuLaw),
        (Encoding::Linear16Be, Encoding::Linear16Le),
    ] {
        all.push(Defect::Declared(sent, declared));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gate_has_a_defect_of_its_own() {
        let all = defects().expect("lines that can be read");
        for gate in Gate::ALL {
            assert!(all.iter().any(|defect| defect.gate() == Some(gate)), "{gate}");
        }
    }

    #[test]
    fn the_second_speaker_has_the_part_that_is_said() {
        let (one, two) = (vec![0.25; 32_000], vec![-0.25; 48_000]);
        let defect = Defect::SecondSpeaker(Simulation::clean(), 0.25);
        let arriving = defect.arrive(&one, &two, &[], 1).expect("a clean line");
        let negative = arriving.bytes.chunks_exact(2).filter(|sample| sample[1] & 0x80 != 0).count();
        assert_eq!((arriving.bytes.len() / 2, negative), (32_000, 8_000));
    }
}
