//! The fixed codebook: a few signed pulses on interleaved tracks, found by what they would sound like.

use super::PART;

/// Every fifth place is a track's (TS 26.090, 5.7).
const TRACKS: usize = 5;
/// How often every pulse may look for a better place.
const ROUNDS: usize = 3;

/// Places and signs of so many pulses, which share the tracks among them; with ten, two are on each.
pub(super) fn search(target: &[f64; PART], response: &[f64; PART], pulses: usize) -> Vec<(usize, f64)> {
    let likeness: [f64; PART] =
        std::array::from_fn(|at| target[at..].iter().zip(response).map(|(t, h)| t * h).sum());
    let overlap = overlaps(response);
    let mut chosen: Vec<(usize, f64)> = Vec::with_capacity(pulses);
    for round in 0..=ROUNDS {
        for pulse in 0..pulses {
            if round > 0 {
                // Taken out from the front and put back at the end, the pulses keep their turns.
                chosen.remove(0);
            }
            let best = best_beside(&chosen, tracks_of(pulse, pulses), &likeness, &overlap);
            chosen.push(best);
        }
    }
    chosen
}

fn tracks_of(pulse: usize, pulses: usize) -> std::ops::Range<usize> {
    if pulses < TRACKS {
        pulse * TRACKS / pulses..(pulse + 1) * TRACKS / pulses
    } else {
        pulse % TRACKS..pulse % TRACKS + 1
    }
}

/// The pulse that beside those takes most from the error: (Σ s d)² / Σ Σ s s φ.
fn best_beside(
    others: &[(usize, f64)],
    tracks: std::ops::Range<usize>,
    likeness: &[f64; PART],
    overlap: &[[f64; PART]; PART],
) -> (usize, f64) {
    let sum: f64 = others.iter().map(|(at, sign)| sign * likeness[*at]).sum();
    let beside = |at: usize| others.iter().map(|(other, sign)| sign * overlap[*other][at]).sum::<f64>();
    let power: f64 = others.iter().map(|(at, sign)| sign * beside(*at)).sum();
    let mut best = (f64::NEG_INFINITY, (tracks.start, 1.0));
    for at in (0..PART).filter(|at| tracks.contains(&(at % TRACKS))) {
        for sign in [1.0, -1.0] {
            let product = sum + sign * likeness[at];
            let worth =
                product.max(0.0) * product / (power + 2.0 * sign * beside(at) + overlap[at][at] + 1e-12);
            if worth > best.0 {
                best = (worth, (at, sign));
            }
        }
    }
    best.1
}

/// φ: how much two pulses' sounds overlap.
fn overlaps(response: &[f64; PART]) -> Box<[[f64; PART]; PART]> {
    let mut overlap = Box::new([[0.0; PART]; PART]);
    for a in 0..PART {
        for b in a..PART {
            let sum = (b..PART).map(|n| response[n - a] * response[n - b]).sum();
            overlap[a][b] = sum;
            overlap[b][a] = sum;
        }
    }
    overlap
}

/// The pulses as an excitation.
pub(super) fn vector(pulses: &[(usize, f64)]) -> [f64; PART] {
    let mut vector = [0.0; PART];
    pulses.iter().for_each(|(at, sign)| vector[*at] += sign);
    vector
}

/// How strong they are, in whole steps of dB; 0 for pulses that would not help.
pub(super) fn gain(target: &[f64; PART], sound: &[f64; PART], step_db: f64) -> f64 {
    let product: f64 = sound.iter().zip(target).map(|(a, b)| a * b).sum();
    let power: f64 = sound.iter().map(|s| s * s).sum();
    let exact = product / (power + 1e-12);
    if exact < 1e-6 {
        return 0.0;
    }
    10f64.powf((20.0 * exact.log10() / step_db).round() * step_db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulses_that_are_there_are_found() {
        let mut response = [0.0; PART];
        (response[0], response[1]) = (1.0, 0.5);
        let pulses = [(0, 1.0), (11, -1.0), (22, 1.0), (38, -1.0)];
        let target = super::super::prediction::convolved(&vector(&pulses), &response);
        assert_eq!(search(&target, &response, 4), pulses);
    }

    #[test]
    fn two_pulses_a_track_with_ten() {
        let response = std::array::from_fn(|n| 0.7f64.powi(n as i32));
        let target = std::array::from_fn(|n| ((n * n) % 7) as f64 - 3.0);
        let mut tracks: Vec<_> = search(&target, &response, 10).iter().map(|(at, _)| at % TRACKS).collect();
        tracks.sort_unstable();
        assert_eq!(tracks, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    }
}
