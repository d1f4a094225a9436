//! Log area ratios become the lattice filter of the vocal tract, forwards and backwards (clauses 5.2.8 to 5.2.10, 5.3.3,
//! 5.3.4).

use super::FRAME_SAMPLES;
use super::analysis::{LEAST, OFFSET};
use super::arithmetic::{abs, add, mult_r, sub};

/// Table 5.2: 1 / factor of the quantiser.
const INVERSE_FACTOR: [i16; 8] = [13_107, 13_107, 13_107, 13_107, 19_223, 17_476, 31_454, 29_708];
/// Samples until which the interpolation of 5.2.9.1 keeps a mixture of the old and the new frame.
const INTERPOLATED_UNTIL: [usize; 4] = [13, 27, 40, FRAME_SAMPLES];

/// The ratios of the last frame, and the lattice's state.
#[derive(Clone, Debug, Default)]
pub(super) struct Lattice {
    ratios: [i16; 8],
    state: [i16; 9],
}

impl Lattice {
    /// Speech becomes what cannot be predicted from it, in place (5.2.10).
    pub(super) fn analyse(&mut self, codes: &[i16; 8], samples: &mut [i16; FRAME_SAMPLES]) {
        self.filter(codes, samples, |reflections, state, sample| {
            let (mut forward, mut passed_on) = (sample, sample);
            for (reflection, stored) in reflections.iter().zip(state) {
                let held = *stored;
                *stored = passed_on;
                passed_on = add(held, mult_r(*reflection, forward));
                forward = add(forward, mult_r(*reflection, held));
            }
            forward
        });
    }

    /// The excitation becomes speech, in place (5.3.4).
    pub(super) fn synthesise(&mut self, codes: &[i16; 8], samples: &mut [i16; FRAME_SAMPLES]) {
        self.filter(codes, samples, |reflections, state, sample| {
            let mut out = sample;
            for i in (0..8).rev() {
                out = sub(out, mult_r(reflections[i], state[i]));
                state[i + 1] = add(state[i], mult_r(reflections[i], out));
            }
            state[0] = out;
            out
        });
    }

    fn filter(
        &mut self,
        codes: &[i16; 8],
        samples: &mut [i16; FRAME_SAMPLES],
        step: impl Fn(&[i16; 8], &mut [i16; 9], i16) -> i16,
    ) {
        let before = std::mem::replace(&mut self.ratios, decoded(codes));
        let mut from = 0;
        for (piece, until) in INTERPOLATED_UNTIL.into_iter().enumerate() {
            let reflections = std::array::from_fn(|i| reflection(mixed(piece, before[i], self.ratios[i])));
            for sample in &mut samples[from..until] {
                *sample = step(&reflections, &mut self.state, *sample);
            }
            from = until;
        }
    }
}

/// 5.2.8.
fn decoded(codes: &[i16; 8]) -> [i16; 8] {
    std::array::from_fn(|i| {
        let coded = sub((codes[i] + LEAST[i]) << 10, OFFSET[i] << 1);
        let ratio = mult_r(INVERSE_FACTOR[i], coded);
        add(ratio, ratio)
    })
}

/// 5.2.9.1.
fn mixed(piece: usize, before: i16, now: i16) -> i16 {
    match piece {
        0 => add(add(before >> 2, now >> 2), before >> 1),
        1 => add(before >> 1, now >> 1),
        2 => add(add(before >> 2, now >> 2), now >> 1),
        _ => now,
    }
}

/// 5.2.9.2: back from the three straight pieces.
fn reflection(ratio: i16) -> i16 {
    let magnitude = match abs(ratio) {
        small @ ..11_059 => small << 1,
        middle @ 11_059..20_070 => middle + 11_059,
        large => add(large >> 2, 26_112),
    };
    if ratio < 0 { -magnitude } else { magnitude }
}
