//! Samples enter, the share of the time in which notes are held leaves.
//!
//! A voice that speaks never stands still: its pitch glides, and the higher a harmonic, the more. A note is held: its partials stay
//! where they are for a quarter of a second and longer. So the spectrum is taken every 16 ms, and a peak between 500 and 3,400 Hz
//! that has stayed in one place of 16 Hz for [`HELD`] of them is a held one; where there are two at once, there is music. It notices
//! instruments, alone or under speech; a single singer with vibrato moves like speech and passes.

use std::f64::consts::PI;

use crate::SampleRate;
use crate::simd::{Abreast, Fourier, PANEL, kernels, room};

/// Frames of 64 ms: places of 15.6 Hz.
const FRAMES_PER_SECOND: f64 = 15.625;
/// Spectra in a frame's time: one every 16 ms.
const HOPS: usize = 4;
/// Places of 500 and 3,400 Hz.
const FIRST: usize = 32;
const LAST: usize = 217;
/// Nats of power (8 dB) by which a peak stands out among the places around it.
const STANDS_OUT: f32 = 1.84;
/// Places before and after a peak that are around it: the window's main lobe is two wide.
const AROUND: [usize; 3] = [3, 4, 5];
/// Spectra through which a peak stays where it is: 0.2 s with their overlap. Vowels change faster.
const HELD: u8 = 10;
/// Held peaks at once: one is a long vowel's.
const TOGETHER: usize = 2;

/// Share of the spectra, 0…1, in which notes are held.
pub(super) fn share(samples: &[i16], rate: SampleRate) -> f32 {
    match rate {
        SampleRate::Hz8000 => held::<512, 257>(samples),
        SampleRate::Hz16000 => held::<1024, 513>(samples),
    }
}

/// With frames of `FRAME` samples, whose spectra have `POWERS` places.
fn held<const FRAME: usize, const POWERS: usize>(samples: &[i16]) -> f32 {
    let hop = FRAME / HOPS;
    let window: Vec<f32> =
        (0..FRAME).map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / (FRAME - 1) as f64).cos()) as f32).collect();
    let transform = Fourier::new(FRAME, &window);
    let signal: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    let begins = std::array::from_fn(|frame| frame * hop);
    let panel = FRAME + (PANEL - 1) * hop;
    let (mut runs, mut spectra, mut musical) = ([0u8; LAST - FIRST], 0, 0);
    let mut start = 0;
    while let Some(line) = signal.get(start..start + panel) {
        let (mut frames, mut power) = (room::<FRAME>(), room::<POWERS>());
        let frames = kernels().lay_abreast(line, &begins, FRAME, &mut frames[..]);
        let power = kernels().power(&transform, frames, &mut power[..]);
        let flat = power.as_flattened_mut();
        flat.iter_mut().for_each(|power| *power += 1.0);
        kernels().ln(flat);
        musical += follow(power, &mut runs);
        spectra += PANEL;
        start += PANEL * hop;
    }
    musical as f32 / spectra.max(1) as f32
}

/// In how many of the spectra notes are held. `runs`: for how many of them there has been a peak at each place.
fn follow(levels: &[Abreast], runs: &mut [u8; LAST - FIRST]) -> usize {
    let mut held = [0u8; PANEL];
    for (place, run) in (FIRST..LAST).zip(runs) {
        let peaks = peaks(levels, place);
        for (held, is_peak) in held.iter_mut().zip(peaks) {
            *run = if is_peak { run.saturating_add(1) } else { 0 };
            *held += u8::from(*run >= HELD);
        }
    }
    held.iter().filter(|held| usize::from(**held) >= TOGETHER).count()
}

/// Which of the spectra have a peak at a place.
#[inline]
fn peaks(levels: &[Abreast], place: usize) -> [bool; PANEL] {
    let [own, before, after] = [place, place - 1, place + 1].map(|place| &levels[place]);
    let mut around = [0.0; PANEL];
    for n in AROUND {
        let pair = levels[place - n].iter().zip(&levels[place + n]);
        around.iter_mut().zip(pair).for_each(|(sum, (before, after))| *sum += before + after);
    }
    std::array::from_fn(|frame| {
        let stands_out = own[frame] - around[frame] / (2 * AROUND.len()) as f32 > STANDS_OUT;
        stands_out & (own[frame] >= before[frame]) & (own[frame] >= after[frame])
    })
}

const _: () = assert!((FIRST as f64 * FRAMES_PER_SECOND) as u32 == 500);

#[cfg(test)]
mod tests {
    use super::*;

    /// Three partials that all move by so many semitones a second.
    fn partials(rate: SampleRate, semitones: f64) -> Vec<i16> {
        let mut phase = 0.0;
        let sample = |n: u32| {
            let t = f64::from(n) / f64::from(rate.hz());
            phase += 2.0 * PI * 310.0 * 2f64.powf(semitones * t / 12.0) / f64::from(rate.hz());
            (4_000.0 * (2..5).map(|k| (f64::from(k) * phase).sin()).sum::<f64>()) as i16
        };
        (0..2 * rate.hz()).map(sample).collect()
    }

    #[test]
    fn a_chord_stands_still_and_a_glide_does_not() {
        for rate in [SampleRate::Hz8000, SampleRate::Hz16000] {
            let (still, gliding) = (share(&partials(rate, 0.0), rate), share(&partials(rate, 6.0), rate));
            assert!(still > 0.9 && gliding < 0.05, "{rate:?}: {still} {gliding}");
        }
    }

    #[test]
    fn silence_and_nothing_are_no_music() {
        for samples in [vec![], vec![0; 16_000]] {
            assert_eq!(share(&samples, SampleRate::Hz8000), 0.0);
        }
    }
}
