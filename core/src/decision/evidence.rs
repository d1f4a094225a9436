//! How much speech two voices were made of, and how clean it was, enter; what a calibration depends on leaves.

/// What a template was made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Seconds of net speech.
    pub net_speech: f32,
    /// Decibels between the loud and the quiet parts of the speech: see [`crate::CollectedSpeech::evidence`].
    pub snr: f32,
}

/// Taken for a template of which nothing is known: what sessions ask for by default, on a good line.
const TYPICAL: Evidence = Evidence { net_speech: 5.0, snr: 30.0 };

/// Durations beyond these, in seconds, are taken for these: nothing was learnt there.
const SECONDS: [f64; 2] = [1.0, 20.0];
/// From this many decibels on, noise does not matter.
const CLEAN: f64 = 30.0;
/// Most steps of 10 dB below that.
const STEPS: f64 = 3.0;

/// Covariates of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    duration: f64,
    quality: f64,
}

impl Conditions {
    /// Least and greatest value of the two covariates.
    pub const RANGES: [[f64; 2]; 2] = [[2.0 / SECONDS[1], 2.0 / SECONDS[0]], [0.0, STEPS]];

    /// Of two sides; a side of which nothing is known counts as 5 s of clean speech.
    pub fn of(a: Option<Evidence>, b: Option<Evidence>) -> Self {
        let known = |side: &Evidence| side.net_speech.is_finite() && side.snr.is_finite();
        let sides = [a, b].map(|side| side.filter(known).unwrap_or(TYPICAL));
        let seconds = |side: Evidence| f64::from(side.net_speech).clamp(SECONDS[0], SECONDS[1]);
        let noise = |side: Evidence| ((CLEAN - f64::from(side.snr)) / 10.0).clamp(0.0, STEPS);
        Self {
            duration: sides.iter().map(|side| 1.0 / seconds(*side)).sum(),
            quality: noise(sides[0]).max(noise(sides[1])),
        }
    }

    /// Sum of the two sides' reciprocal seconds, 0.1…2: the noise of an embedding shrinks with the time it is averaged over.
    pub const fn duration(self) -> f64 {
        self.duration
    }

    /// Steps of 10 dB by which the noisier side is below 30 dB, 0…3.
    pub const fn quality(self) -> f64 {
        self.quality
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covariates_stay_in_their_ranges_whatever_the_evidence() {
        for net_speech in [f32::NAN, f32::NEG_INFINITY, 0.0, 3.0, 1e9] {
            for snr in [f32::NAN, f32::NEG_INFINITY, -10.0, 20.0, f32::INFINITY] {
                let evidence = Some(Evidence { net_speech, snr });
                let conditions = Conditions::of(evidence, None);
                let [durations, qualities] = Conditions::RANGES;
                assert!((durations[0]..=durations[1]).contains(&conditions.duration()), "{evidence:?}");
                assert!((qualities[0]..=qualities[1]).contains(&conditions.quality()), "{evidence:?}");
            }
        }
    }

    #[test]
    fn the_noisier_side_decides_and_both_durations_do() {
        let side = |net_speech, snr| Some(Evidence { net_speech, snr });
        let conditions = Conditions::of(side(4.0, 25.0), side(2.0, 10.0));
        assert!((conditions.duration() - 0.75).abs() < 1e-12 && (conditions.quality() - 2.0).abs() < 1e-12);
    }
}
