//! A signal and a frequency response enter, the filtered signal leaves, neither earlier nor later.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

/// Points at which a response is asked for between 0 Hz and half the rate.
const GRID: usize = 4_096;
/// Half the length of the filters between 8 and 16 kHz, in samples at 16 kHz.
const CONVERSION_HALF: usize = 160;
/// −6 dB between the two rates: nothing of what a telephone carries is lost, and nothing folds into it.
const CONVERSION_HZ: f64 = 3_800.0;

/// A symmetric filter: it shifts no phase, and its delay is taken out.
#[derive(Clone, Debug)]
pub(crate) struct Symmetric {
    taps: Vec<f32>,
}

impl Symmetric {
    /// The filter of `2 · half + 1` taps whose gain at each frequency in hertz is closest to `gain`, seen through a Hann
    /// window: edges are about `2 · rate / half` Hz wide.
    pub(crate) fn new(rate: u32, half: usize, gain: impl Fn(f64) -> f64) -> Self {
        let mut spectrum: Vec<_> = (0..=GRID)
            .map(|k| Complex::new(gain(k as f64 * f64::from(rate) / (2 * GRID) as f64), 0.0))
            .collect();
        let mut response = vec![0.0f64; 2 * GRID];
        let transform = RealFftPlanner::new().plan_fft_inverse(2 * GRID);
        // Cannot fail: both lengths are those of the plan, and the spectrum is real.
        let done = transform.process(&mut spectrum, &mut response);
        debug_assert!(done.is_ok());
        let taps = (0..=2 * half)
            .map(|i| {
                let t = i as i64 - half as i64;
                let at = t.rem_euclid(2 * GRID as i64) as usize;
                let window = 0.5 + 0.5 * (std::f64::consts::PI * t as f64 / (half + 1) as f64).cos();
                (response[at] * window / (2 * GRID) as f64) as f32
            })
            .collect();
        Self { taps }
    }

    /// As many samples as enter.
    pub(crate) fn apply(&self, signal: &[f32]) -> Vec<f32> {
        let mut whole = convolve(signal, &self.taps);
        whole.drain(..(self.taps.len() / 2).min(whole.len()));
        whole.truncate(signal.len());
        whole
    }
}

/// The whole convolution: `signal.len() + taps.len() − 1` samples. By overlapping transforms, so that a room's response of
/// a second costs no more than a short filter's.
pub(super) fn convolve(signal: &[f32], taps: &[f32]) -> Vec<f32> {
    if signal.is_empty() || taps.is_empty() {
        return Vec::new();
    }
    let length = (4 * taps.len()).next_power_of_two().max(1_024);
    let step = length - taps.len() + 1;
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
    let mut time = forward.make_input_vec();
    let mut response = forward.make_output_vec();
    time[..taps.len()].copy_from_slice(taps);
    let mut all_fine = forward.process(&mut time, &mut response).is_ok();
    let mut spectrum = forward.make_output_vec();
    let mut out = vec![0.0; signal.len() + taps.len() - 1];
    for (n, piece) in signal.chunks(step).enumerate() {
        time[..piece.len()].copy_from_slice(piece);
        time[piece.len()..].fill(0.0);
        all_fine &= forward.process(&mut time, &mut spectrum).is_ok();
        spectrum.iter_mut().zip(&response).for_each(|(s, r)| *s = *s * r / length as f32);
        all_fine &= inverse.process(&mut spectrum, &mut time).is_ok();
        out[n * step..].iter_mut().zip(&time).for_each(|(sum, part)| *sum += part);
    }
    // The lengths are those of the plans, and products of two real signals' spectra are real at both ends.
    debug_assert!(all_fine);
    out
}

/// 16 kHz to 8 kHz: what lies above the telephone's band is taken away.
pub(crate) fn to_narrow(wide: &[f32]) -> Vec<f32> {
    conversion(1.0).apply(wide).into_iter().step_by(2).collect()
}

/// 8 kHz to 16 kHz: nothing stands above the telephone's band.
pub(super) fn to_wide(narrow: &[f32]) -> Vec<f32> {
    let spread: Vec<_> = narrow.iter().flat_map(|&sample| [sample, 0.0]).collect();
    conversion(2.0).apply(&spread)
}

fn conversion(gain: f64) -> Symmetric {
    Symmetric::new(16_000, CONVERSION_HALF, |hz| if hz <= CONVERSION_HZ { gain } else { 0.0 })
}

/// A gain in dB that runs straight between corners on a logarithmic frequency axis, as Recommendations draw it, and goes
/// on level outside of them; as a factor.
pub(crate) fn between_corners(corners: &[(f64, f64)], hz: f64) -> f64 {
    let after = corners.partition_point(|(corner, _)| *corner <= hz);
    let db = match (after.checked_sub(1).and_then(|before| corners.get(before)), corners.get(after)) {
        (Some((low, from)), Some((high, to))) => from + (to - from) * (hz / low).ln() / (high / low).ln(),
        (Some((_, db)), None) | (None, Some((_, db))) => *db,
        (None, None) => 0.0,
    };
    10f64.powf(db / 20.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tone of amplitude 0.5.
    pub(crate) fn tone(hz: f64, rate: u32, samples: usize) -> Vec<f32> {
        let step = std::f64::consts::TAU * hz / f64::from(rate);
        (0..samples).map(|n| (0.5 * (step * n as f64).sin()) as f32).collect()
    }

    /// Gain in dB of a process for a tone, without the ends of it.
    pub(crate) fn gain_db(before: &[f32], after: &[f32]) -> f64 {
        let power = |samples: &[f32]| {
            let inner = &samples[samples.len() / 4..3 * samples.len() / 4];
            inner.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / inner.len() as f64
        };
        10.0 * (power(after) / power(before)).log10()
    }

    #[test]
    fn a_convolution_is_the_sum_it_stands_for() {
        let signal: Vec<_> = (0..3_000).map(|n| ((n * n) % 17) as f32 - 8.0).collect();
        let taps = [1.0, -2.0, 0.5];
        let out = convolve(&signal, &taps);
        assert_eq!(out.len(), 3_002);
        for n in 0..out.len() {
            let sum: f32 = (0..3).filter(|&k| k <= n && n - k < 3_000).map(|k| taps[k] * signal[n - k]).sum();
            assert!((out[n] - sum).abs() < 1e-3, "{n}: {} instead of {sum}", out[n]);
        }
    }

    #[test]
    fn the_telephones_band_survives_both_conversions_in_place() {
        for hz in [200.0, 1_000.0, 3_400.0] {
            let wide = tone(hz, 16_000, 8_000);
            let back = to_wide(&to_narrow(&wide));
            assert_eq!(back.len(), wide.len());
            for n in 1_000..7_000 {
                assert!((wide[n] - back[n]).abs() < 0.005, "{hz} Hz, sample {n}");
            }
        }
    }

    #[test]
    fn what_lies_above_the_telephones_band_does_not_fold_into_it() {
        for hz in [4_100.0, 5_000.0, 7_500.0] {
            let wide = tone(hz, 16_000, 8_000);
            assert!(gain_db(&wide, &to_narrow(&wide)) < -50.0, "{hz} Hz");
        }
    }
}
