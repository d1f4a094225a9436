//! The pitch: how far back the last residual looks most like the present one (clauses 5.2.11, 5.2.12).

use super::arithmetic::{abs, mult, mult_r, norm, sub};
use super::{LONGEST_LAG, PART_SAMPLES};

const SHORTEST_LAG: usize = 40;
/// Table 5.3: borders between the gains, and the gains.
const BORDERS: [i16; 3] = [6_554, 16_384, 26_214];
pub(super) const GAINS: [i16; 4] = [3_277, 11_469, 21_299, 32_767];

/// The best lag and its coded gain, for a residual and the decoded residuals before it.
pub(super) fn parameters(residual: &[i16; PART_SAMPLES], past: &[i16; LONGEST_LAG]) -> (i16, i16) {
    let loudest = residual.iter().map(|s| abs(*s)).max().unwrap_or(0);
    let room = if loudest == 0 { 0 } else { norm(i32::from(loudest) << 16) };
    let scale = (6 - room).max(0);
    let scaled = residual.map(|sample| sample >> scale);

    let (mut best, mut lag) = (0, SHORTEST_LAG);
    for candidate in SHORTEST_LAG..=LONGEST_LAG {
        let earlier = &past[LONGEST_LAG - candidate..][..PART_SAMPLES];
        let likeness = scaled.iter().zip(earlier).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>();
        if likeness > best {
            (best, lag) = (likeness, candidate);
        }
    }
    let likeness = (best << 1) >> (6 - scale);
    let earlier = &past[LONGEST_LAG - lag..][..PART_SAMPLES];
    let power = earlier.iter().map(|s| i32::from(s >> 3).pow(2)).sum::<i32>() << 1;
    (lag as i16, gain(likeness, power))
}

fn gain(likeness: i32, power: i32) -> i16 {
    if likeness <= 0 {
        return 0;
    }
    if likeness >= power {
        return 3;
    }
    let places = norm(power);
    let (likeness, power) = (((likeness << places) >> 16) as i16, ((power << places) >> 16) as i16);
    BORDERS.iter().position(|border| likeness <= mult(power, *border)).unwrap_or(BORDERS.len()) as i16
}

/// What the past predicts, and what is left of the residual.
pub(super) fn predicted(
    lag: i16,
    gain: i16,
    residual: &[i16; PART_SAMPLES],
    past: &[i16; LONGEST_LAG],
) -> ([i16; PART_SAMPLES], [i16; PART_SAMPLES]) {
    let earlier = &past[LONGEST_LAG - lag as usize..];
    let prediction = std::array::from_fn(|k| mult_r(GAINS[gain as usize], earlier[k]));
    (prediction, std::array::from_fn(|k| sub(residual[k], prediction[k])))
}

/// The newest part enters the past, the oldest leaves it.
pub(super) fn remember(past: &mut [i16; LONGEST_LAG], newest: &[i16; PART_SAMPLES]) {
    past.copy_within(PART_SAMPLES.., 0);
    past[LONGEST_LAG - PART_SAMPLES..].copy_from_slice(newest);
}
