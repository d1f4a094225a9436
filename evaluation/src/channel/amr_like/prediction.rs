//! Linear prediction: samples enter, the filter that explains them leaves; and what that filter does to a sound.

use std::array::from_fn;

use super::{FRAME, LOOK_AHEAD, PART};

/// Coefficients.
pub(super) const ORDER: usize = 10;
/// Samples that are analysed, around the frame's last third.
const WINDOW: usize = 240;
/// Widening of every resonance in Hz, and a floor 40 dB under the speech: filters that stay stable when rounded.
const WIDENING_HZ: f64 = 60.0;
const FLOOR: f64 = 1.0001;
/// The perceptual filter A(z/γ₁)/A(z/γ₂) of TS 26.090: errors may be stronger where the speech is.
const GAMMA_1: f64 = 0.94;
const GAMMA_2: f64 = 0.6;

/// The last outputs of a synthesis, newest first.
pub(super) type Memory = [f64; ORDER];

/// A(z) = 1 + Σ aᵢ z⁻ⁱ for the frame at that place; `None` for silence.
pub(super) fn analyse(speech: &[f64], at: usize) -> Option<[f64; ORDER]> {
    let from = (at + FRAME + LOOK_AHEAD) as i64 - WINDOW as i64;
    let windowed: [f64; WINDOW] = from_fn(|n| {
        let sample =
            usize::try_from(from + n as i64).ok().and_then(|i| speech.get(i)).copied().unwrap_or(0.0);
        let phase = std::f64::consts::TAU * (n as f64 + 0.5) / WINDOW as f64;
        sample * (0.54 - 0.46 * phase.cos())
    });
    let mut correlation: [f64; ORDER + 1] =
        from_fn(|lag| windowed[lag..].iter().zip(&windowed).map(|(a, b)| a * b).sum());
    if correlation[0] < 1e-9 {
        return None;
    }
    correlation[0] *= FLOOR;
    for (lag, value) in correlation.iter_mut().enumerate() {
        let shift = std::f64::consts::TAU * WIDENING_HZ * lag as f64 / 8_000.0;
        *value *= (-0.5 * shift * shift).exp();
    }
    Some(levinson(&correlation))
}

/// Levinson and Durbin's recursion.
fn levinson(correlation: &[f64; ORDER + 1]) -> [f64; ORDER] {
    let mut a = [0.0; ORDER];
    let mut error = correlation[0];
    for i in 0..ORDER {
        let predicted: f64 = (0..i).map(|j| a[j] * correlation[i - j]).sum();
        let reflection = -(correlation[i + 1] + predicted) / error;
        let before = a;
        for j in 0..i {
            a[j] = before[j] + reflection * before[i - 1 - j];
        }
        a[i] = reflection;
        error *= 1.0 - reflection * reflection;
    }
    a
}

/// 1/A(z), in place.
pub(super) fn synthesise<const N: usize>(a: &[f64; ORDER], memory: &mut Memory, sound: &mut [f64; N]) {
    for sample in sound {
        *sample -= a.iter().zip(memory.iter()).map(|(a, past)| a * past).sum::<f64>();
        push(memory, *sample);
    }
}

/// A(z/γ), in place.
pub(super) fn analyse_through<const N: usize>(a: &[f64; ORDER], memory: &mut Memory, sound: &mut [f64; N]) {
    for sample in sound {
        let input = *sample;
        *sample += a.iter().zip(memory.iter()).map(|(a, past)| a * past).sum::<f64>();
        push(memory, input);
    }
}

fn push(memory: &mut Memory, newest: f64) {
    memory.copy_within(..ORDER - 1, 1);
    memory[0] = newest;
}

/// A(z/γ).
pub(super) fn widened(a: &[f64; ORDER], gamma: f64) -> [f64; ORDER] {
    from_fn(|i| a[i] * gamma.powi(i as i32 + 1))
}

/// The perceptual filter of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Weighting {
    zeros: Memory,
    poles: Memory,
}

impl Weighting {
    pub(super) fn run(&mut self, a: &[f64; ORDER], sound: &mut [f64; PART]) {
        analyse_through(&widened(a, GAMMA_1), &mut self.zeros, sound);
        synthesise(&widened(a, GAMMA_2), &mut self.poles, sound);
    }
}

/// What one unit of excitation sounds like through synthesis and perceptual filter.
pub(super) fn weighted_response(a: &[f64; ORDER], unquantised: &[f64; ORDER]) -> [f64; PART] {
    let mut response = [0.0; PART];
    response[0] = 1.0;
    synthesise(a, &mut [0.0; ORDER], &mut response);
    Weighting::default().run(unquantised, &mut response);
    response
}

/// The part of a convolution that lies within it.
pub(super) fn convolved(sound: &[f64; PART], response: &[f64; PART]) -> [f64; PART] {
    from_fn(|n| (0..=n).map(|k| sound[k] * response[n - k]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resonance_is_found() {
        let (mut a, mut b) = (0.0, 0.0);
        let speech: Vec<f64> = (0..400)
            .map(|n| {
                let out = if n % 50 == 0 { 1.0 } else { 0.0 } + 1.2 * a - 0.8 * b;
                (b, a) = (a, out);
                out
            })
            .collect();
        let found = analyse(&speech, 100).expect("no silence");
        let mut response = [0.0; 30];
        response[0] = 1.0;
        synthesise(&found, &mut [0.0; ORDER], &mut response);
        assert!((response[1] - 1.2).abs() < 0.25 && (response[2] - (1.44 - 0.8)).abs() < 0.3, "{response:?}");
    }

    #[test]
    fn silence_has_no_filter() {
        assert_eq!(analyse(&[0.0; 400], 0), None);
    }
}
