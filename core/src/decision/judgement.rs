//! Speech enters that may or may not be fit to be judged; evidence that its voice is genuine leaves, or the reason why there is none.
//!
//! Two things are kept apart. [`Judgement`] is what the countermeasure says: evidence, or nothing. [`Judgement::authenticity`] is what
//! it means for a call, given how many calls are attacks: an assumption that whoever runs the calls makes.

use crate::quality::{self, Gate};
use crate::{AttackRate, Authenticity, CollectedSpeech, Llr};

/// What the countermeasure says of some speech.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judgement {
    /// How much likelier the speech is to be genuine than synthetic, as a natural logarithm: 0 speaks for neither, −3.2 is 25 to 1 for
    /// synthetic. A finite number; what speaks for a voice is bounded (the shipped model never says more than 1.95, for some attacks leave no
    /// trace), what speaks against it is not; most lie between −20 and 1.95.
    Evidence(Llr),
    /// It does not judge such speech.
    None(Unjudged),
}

impl Judgement {
    /// The evidence; `None` where nothing was judged, which is not the same as evidence for neither.
    pub const fn llr(self) -> Option<Llr> {
        match self {
            Self::Evidence(llr) => Some(llr),
            Self::None(_) => None,
        }
    }

    /// Why there is no evidence; `None` if there is.
    pub const fn unjudged(self) -> Option<Unjudged> {
        match self {
            Self::Evidence(_) => None,
            Self::None(why) => Some(why),
        }
    }

    /// Posterior probability of a genuine voice. Without evidence it is what was assumed: 1 less the share of attacks.
    pub fn authenticity(self, attacks: AttackRate) -> Authenticity {
        let Llr(evidence) = self.llr().unwrap_or(Llr(0.0));
        Authenticity::from_log_odds(evidence + attacks.log_odds_of_genuine())
    }
}

/// Why the countermeasure does not judge some speech. Each is what a quality gate measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unjudged {
    /// Its bytes are not what was declared.
    CodecMismatch,
    /// There is too little of it.
    NetSpeech,
    /// There is too much noise in it.
    SignalNoiseRatio,
}

impl Unjudged {
    /// The gate that measures it.
    pub const fn gate(self) -> Gate {
        match self {
            Self::CodecMismatch => Gate::CodecMismatch,
            Self::NetSpeech => Gate::NetSpeech,
            Self::SignalNoiseRatio => Gate::SignalNoiseRatio,
        }
    }

    /// The reason in results: the gate's name.
    pub const fn name(self) -> &'static str {
        self.gate().name()
    }
}

/// Which speech the countermeasure judges. Whatever they are, it never judges bytes that are not what was declared.
///
/// They are limits of their own, and not those of [`crate::Gates`]: a gate says which speech may carry a decision, and may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgementLimits {
    /// Seconds of net speech, 1…120. 3 by default: the window that the network was trained on.
    pub net_speech: f64,
    /// Decibels of [`crate::Figures::signal_noise_ratio`], −10…60. 8 by default, as of the gate: calls with white or pink noise at 5 dB
    /// lie below, good calls do not (`docs/quality-gates-figures.md`), and the network was not trained on such noise
    /// (`models/authenticity/CARD.md`).
    pub signal_noise_ratio: f32,
}

impl Default for JudgementLimits {
    fn default() -> Self {
        Self { net_speech: 3.0, signal_noise_ratio: 8.0 }
    }
}

impl JudgementLimits {
    /// Least and greatest [`JudgementLimits::net_speech`]. Less than a second would have to be repeated three times to fill a window.
    pub const SECONDS: [f64; 2] = [1.0, 120.0];
    /// Least and greatest [`JudgementLimits::signal_noise_ratio`]. At the least every speech is judged, however noisy.
    pub const DECIBELS: [f32; 2] = [-10.0, 60.0];

    /// Whether both lie in their ranges.
    pub fn is_sound(&self) -> bool {
        let ([least, most], [quiet, loud]) = (Self::SECONDS, Self::DECIBELS);
        (least..=most).contains(&self.net_speech) && (quiet..=loud).contains(&self.signal_noise_ratio)
    }

    /// Why some speech is not judged, in the order of [`Gate::ALL`]; `None` if it is. Costs one pass over the samples.
    pub fn objection(&self, speech: &CollectedSpeech) -> Option<Unjudged> {
        let (mismatch, net_speech) = (speech.mismatch().is_some(), speech.net_speech().seconds());
        self.objection_to(mismatch, net_speech, quality::signal_noise_ratio(speech))
    }

    /// The same of speech of which this is known.
    pub(crate) fn objection_to(
        &self,
        mismatch: bool,
        net_speech: f64,
        signal_noise_ratio: f32,
    ) -> Option<Unjudged> {
        if mismatch {
            Some(Unjudged::CodecMismatch)
        } else if net_speech < self.net_speech {
            Some(Unjudged::NetSpeech)
        } else if signal_noise_ratio < self.signal_noise_ratio {
            Some(Unjudged::SignalNoiseRatio)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(share: f64) -> AttackRate {
        AttackRate::new(share).expect("a share")
    }

    #[test]
    fn without_a_judgement_the_posterior_is_the_assumed_share_of_genuine_calls() {
        for why in [Unjudged::CodecMismatch, Unjudged::NetSpeech, Unjudged::SignalNoiseRatio] {
            let judgement = Judgement::None(why);
            assert_eq!((judgement.llr(), judgement.unjudged()), (None, Some(why)));
            for share in [0.01, 0.2, 0.5] {
                let authenticity = f64::from(judgement.authenticity(rate(share)).value());
                assert!((authenticity - (1.0 - share)).abs() < 1e-6, "{share}: {authenticity}");
            }
        }
    }

    #[test]
    fn at_one_per_cent_and_a_threshold_of_0_8_it_takes_25_to_1_to_refuse() {
        let at = |odds: f64| Judgement::Evidence(Llr(-odds.ln())).authenticity(AttackRate::default()).value();
        assert!(at(24.74) > 0.8 && at(24.76) < 0.8);
    }

    #[test]
    fn reasons_have_the_names_of_the_quality_gates() {
        let names =
            [Unjudged::CodecMismatch, Unjudged::NetSpeech, Unjudged::SignalNoiseRatio].map(Unjudged::name);
        assert_eq!(names, ["codec_mismatch", "net_speech", "signal_noise_ratio"]);
    }

    #[test]
    fn limits_outside_their_ranges_are_not_sound() {
        let good = JudgementLimits::default();
        assert!(good.is_sound());
        for net_speech in [0.99, 120.1, f64::NAN] {
            assert!(!JudgementLimits { net_speech, ..good }.is_sound(), "{net_speech}");
        }
        for signal_noise_ratio in [-10.1, 60.1, f32::NAN] {
            assert!(!JudgementLimits { signal_noise_ratio, ..good }.is_sound(), "{signal_noise_ratio}");
        }
    }

    proptest! {
        #[test]
        fn more_evidence_is_more_authenticity_and_more_attacks_are_less(
            llrs in (-40.0..40.0f64, -40.0..40.0f64), shares in (0.0001..0.9999f64, 0.0001..0.9999f64),
        ) {
            let of = |llr, share| Judgement::Evidence(Llr(llr)).authenticity(rate(share));
            let ((less, more), (few, many)) = ((llrs.0.min(llrs.1), llrs.0.max(llrs.1)), (shares.0.min(shares.1), shares.0.max(shares.1)));
            prop_assert!(of(less, few) <= of(more, few));
            prop_assert!(of(less, many) <= of(less, few));
        }
    }
}
