//! The speech of a call enters, how long it holds still leaves.
//!
//! A room is never quite silent, but a file is: synthesisers and editors leave nothing at all between words, and G.711 carries that to the
//! other end as one value that does not change. Measured here and used nowhere: telephones that send nothing between words do the same
//! (`docs/replay.md`).

use peakstream::CollectedSpeech;

/// Seconds from which on a call is counted as one that holds still: longer than a concealed loss of one frame leaves it so.
pub(super) const STILLNESS: f64 = 0.05;

/// Seconds of the longest stretch of a call's speech in which no sample differs from the one before; 0 if they all do.
pub(super) fn longest(speech: &CollectedSpeech) -> f64 {
    of_samples(speech.samples()) as f64 / f64::from(speech.rate().hz())
}

/// In samples.
fn of_samples(samples: &[i16]) -> usize {
    let still = |(longest, now): (usize, usize), pair: &[i16]| {
        let now = if pair[0] == pair[1] { now.max(1) + 1 } else { 0 };
        (longest.max(now), now)
    };
    samples.windows(2).fold((0, 0), still).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_that_holds_still_counts_whatever_its_value() {
        let mut samples: Vec<i16> = (0..1_000).map(|i| i % 7).collect();
        assert_eq!(of_samples(&samples), 0);
        samples[200..280].fill(8);
        samples[500..540].fill(0);
        assert_eq!(of_samples(&samples), 80);
        assert_eq!(of_samples(&[]), 0);
        assert_eq!(of_samples(&[0; 160]), 160);
    }
}
