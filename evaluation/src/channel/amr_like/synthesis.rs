//! Coded parameters enter, speech leaves.

use std::array::from_fn;

use super::prediction::{self, Memory, ORDER};
use super::{Coded, CodedPart, FRAME, PART, PARTS, PAST, fixed, lines, pitch};
use crate::sound::random::Random;

/// The postfilter A(z/γₙ)/A(z/γ_d) of TS 26.090, 6.2.1, how much of the tilt it brings is taken back, and how many samples of
/// its response tell that tilt.
const GAMMA_N: f64 = 0.7;
const GAMMA_D: f64 = 0.75;
const TILT: f64 = 0.8;
const RESPONSE: usize = 22;
/// How fast the postfilter's loudness follows.
const FOLLOW: f64 = 0.9;
/// What every lost frame leaves of the pitch's and the pulses' gain (TS 26.091 in its later states).
const PITCH_FADE: f64 = 0.8;
const PULSE_FADE: f64 = 0.7;
/// How far a lost frame's spectrum goes towards a flat one.
const FLATTEN: f64 = 0.05;

/// One direction of one call.
pub(super) struct Decoder {
    lines: [f64; ORDER],
    past: [f64; PAST],
    memory: Memory,
    zeros: Memory,
    poles: Memory,
    before: f64,
    loudness: f64,
    last: Option<Coded>,
    random: Random,
}

impl Decoder {
    /// At rest; the seed decides where the pulses of lost frames are.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            lines: lines::FLAT,
            past: [0.0; PAST],
            memory: [0.0; ORDER],
            zeros: [0.0; ORDER],
            poles: [0.0; ORDER],
            before: 0.0,
            loudness: 1.0,
            last: None,
            random: Random::new(seed, 0xA3),
        }
    }

    pub(super) fn decode(&mut self, coded: &Coded) -> [f64; FRAME] {
        self.last = Some(coded.clone());
        self.sound(coded)
    }

    /// Stands in for a frame that is lost: the last spectrum and pitch, weaker, with pulses anywhere.
    pub(super) fn conceal(&mut self) -> [f64; FRAME] {
        let Some(mut frame) = self.last.take() else { return [0.0; FRAME] };
        frame.lines = lines::between(&frame.lines, &lines::FLAT, FLATTEN);
        let last = frame.parts[PARTS - 1].clone();
        for part in &mut frame.parts {
            let anywhere = |_: &(usize, f64)| {
                (self.random.below(PART), if self.random.below(2) == 0 { 1.0 } else { -1.0 })
            };
            *part = CodedPart {
                lag: last.lag,
                pitch_gain: PITCH_FADE * last.pitch_gain.min(1.0),
                pulses: last.pulses.iter().map(anywhere).collect(),
                pulse_gain: PULSE_FADE * last.pulse_gain,
            };
        }
        self.last = Some(frame.clone());
        self.sound(&frame)
    }

    fn sound(&mut self, coded: &Coded) -> [f64; FRAME] {
        let before = std::mem::replace(&mut self.lines, coded.lines);
        let mut frame = [0.0; FRAME];
        let (parts, _) = frame.as_chunks_mut::<PART>();
        for (n, (out, part)) in parts.iter_mut().zip(&coded.parts).enumerate() {
            let share = (n + 1) as f64 / PARTS as f64;
            let a = lines::to_prediction(&lines::between(&before, &coded.lines, share));
            *out = excite(&mut self.past, part);
            prediction::synthesise(&a, &mut self.memory, out);
            self.postfilter(&a, out);
        }
        frame
    }

    /// Deepens the valleys between formants, where the noise of coding is, without a change of loudness.
    fn postfilter(&mut self, a: &[f64; ORDER], sound: &mut [f64; PART]) {
        let power = |sound: &[f64; PART]| sound.iter().map(|s| s * s).sum::<f64>() + 1e-9;
        let before = power(sound);
        let (numerator, denominator) = (prediction::widened(a, GAMMA_N), prediction::widened(a, GAMMA_D));
        let tilt = tilt(&numerator, &denominator);
        prediction::analyse_through(&numerator, &mut self.zeros, sound);
        prediction::synthesise(&denominator, &mut self.poles, sound);
        let tilted = from_fn(|n| sound[n] - tilt * if n == 0 { self.before } else { sound[n - 1] });
        self.before = sound[PART - 1];
        let gain = (before / power(&tilted)).sqrt();
        *sound = tilted.map(|sample| {
            self.loudness = FOLLOW * self.loudness + (1.0 - FOLLOW) * gain;
            self.loudness * sample
        });
    }
}

/// How much the postfilter favours low frequencies, as the tap that takes it back.
fn tilt(numerator: &[f64; ORDER], denominator: &[f64; ORDER]) -> f64 {
    let mut response = [0.0; RESPONSE];
    response[0] = 1.0;
    prediction::analyse_through(numerator, &mut [0.0; ORDER], &mut response);
    prediction::synthesise(denominator, &mut [0.0; ORDER], &mut response);
    let correlation = |lag: usize| response[lag..].iter().zip(&response).map(|(a, b)| a * b).sum::<f64>();
    TILT * (correlation(1) / correlation(0)).max(0.0)
}

/// The excitation of a part, which becomes the newest of the past.
pub(super) fn excite(past: &mut [f64; PAST], part: &CodedPart) -> [f64; PART] {
    let adaptive = if part.lag == 0 { [0.0; PART] } else { pitch::vector(past, part.lag) };
    let pulses = fixed::vector(&part.pulses);
    let excitation = from_fn(|n| part.pitch_gain * adaptive[n] + part.pulse_gain * pulses[n]);
    past.copy_within(PART.., 0);
    past[PAST - PART..].copy_from_slice(&excitation);
    excitation
}
