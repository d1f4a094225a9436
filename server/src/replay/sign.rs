//! In: a call's fingerprint, the cosine of its voice and the enrolment's. Out: signs that it is a recording, though none that was heard before.

use peakstream::replay::{Agreement, Fingerprint, Similarity, TOO_SIMILAR};
use serde_json::{Value, json};

/// A sign that a call is no live speech. It is told, and nothing follows from it: how often genuine calls show it,
/// `docs/replay-figures.md` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sign {
    /// The voice is closer to the enrolment's than another utterance ever is: the cosine.
    TooSimilar(f64),
    /// A piece of the call comes again in it.
    Repetition(Agreement),
}

impl Sign {
    /// Those of a call. The cosine: of its voice and the enrolment's, if both came through the same channel type.
    pub fn of(call: &Fingerprint, cosine: Option<f64>) -> Vec<Self> {
        let similar = cosine.filter(|cosine| *cosine >= TOO_SIMILAR).map(Self::TooSimilar);
        let repetition = call.repetition();
        let repeats = repetition.similarity() >= Similarity::REPETITION;
        similar.into_iter().chain(repeats.then_some(Self::Repetition(repetition))).collect()
    }

    /// As results tell it: the reason, what was measured, and the limit that it reaches.
    pub fn as_json(&self) -> Value {
        match self {
            Self::TooSimilar(cosine) => {
                let value = (cosine * 1e4).round() / 1e4;
                json!({"reason": "too_similar", "value": value, "limit": TOO_SIMILAR})
            }
            Self::Repetition(found) => json!({
                "reason": "repetition",
                "value": found.similarity().0,
                "limit": Similarity::REPETITION.0,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{loop_of, recording};
    use super::*;

    #[test]
    fn a_loop_and_a_voice_that_is_too_close_are_told_and_a_live_call_is_not() {
        assert_eq!(Sign::of(&recording(1), Some(TOO_SIMILAR - 0.001)), []);
        assert_eq!(Sign::of(&recording(1), None), []);
        let signs = Sign::of(&loop_of(1), Some(0.991_26));
        let told: Vec<Value> = signs.iter().map(Sign::as_json).collect();
        assert_eq!(told[0], json!({"reason": "too_similar", "value": 0.9913, "limit": TOO_SIMILAR}));
        assert_eq!((&told[1]["reason"], &told[1]["limit"]), (&json!("repetition"), &json!(250)));
        assert!(told[1]["value"].as_u64().is_some_and(|value| value >= 250), "{told:?}");
    }
}
