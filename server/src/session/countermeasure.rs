//! In: what a countermeasure makes of a call, and what the operator and the tenant want of it. Out: what follows for the session.
//!
//! A countermeasure (is the voice synthetic, is the call a recording) never decides about a session by itself. It says what it makes of
//! the call ([`Opinion`]), the policy in force for it says what follows ([`CountermeasurePolicy::consequence`]), and
//! [`Response`] joins what follows from all of them:
//!
//! | opinion | `report` | `enforce` | `step-up` |
//! |---|---|---|---|
//! | nothing suspicious | goes on | goes on | goes on |
//! | no judgement | goes on | goes on | one more question |
//! | suspicious | goes on | rejected | one more question |
//!
//! Whoever adds noise to a call is not judged. `step-up` therefore asks where nothing was judged, and `enforce` documents that it does
//! not reject then.
//!
//! A setting is written `report`, `enforce` or `step-up`, with `register.` or `verify.` before it if it is for one kind of session only.
//! Later settings win, the tenant's over the server's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::session::request::{Kind, UnknownKind};

/// A countermeasure, by the name that results have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Countermeasure {
    /// Whether the voice is synthetic.
    Authenticity,
    /// Whether the recording was heard before.
    Replay,
}

impl Countermeasure {
    /// As results say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticity => "authenticity",
            Self::Replay => "replay",
        }
    }
}

/// What a countermeasure makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It found nothing.
    Unsuspicious,
    /// It could not judge.
    None,
    /// It holds the call for an attack.
    Suspicious,
}

/// What is done with what a countermeasure makes of a call.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountermeasurePolicy {
    /// It is told, and changes no result.
    Report,
    /// A suspicious call is rejected: `result-fail-spoof`, no credential. What das-Peak Streaming documents.
    #[default]
    Enforce,
    /// A call that is suspicious, or was not judged, is decided as any other, and flagged: it is not accepted without one more question.
    StepUp,
}

impl CountermeasurePolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Report, Self::Enforce, Self::StepUp];

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Enforce => "enforce",
            Self::StepUp => "step-up",
        }
    }

    /// The policy of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// What follows.
    pub const fn consequence(self, opinion: Opinion) -> Consequence {
        match (self, opinion) {
            (Self::Report, _) | (_, Opinion::Unsuspicious) | (Self::Enforce, Opinion::None) => {
                Consequence::Nothing
            }
            (Self::StepUp, Opinion::None | Opinion::Suspicious) => Consequence::StepUp,
            (Self::Enforce, Opinion::Suspicious) => Consequence::Reject,
        }
    }
}

/// What follows for a session; the later, the graver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consequence {
    /// Nothing: the score decides.
    #[default]
    Nothing,
    /// The score decides, but who would be accepted has to answer one more question.
    StepUp,
    /// `result-fail-spoof`, whatever the score.
    Reject,
}

/// One thing said about one countermeasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicySetting {
    /// For which sessions; `None`: for both kinds.
    pub kind: Option<Kind>,
    /// What is done.
    pub policy: CountermeasurePolicy,
}

impl PolicySetting {
    /// The policy in force: the last one that is said for sessions of this kind, the default if there is none.
    pub fn in_force<'a>(kind: Kind, said: impl IntoIterator<Item = &'a Self>) -> CountermeasurePolicy {
        let for_this = said.into_iter().filter(|said| said.kind.is_none_or(|wanted| wanted == kind));
        for_this.last().map(|said| said.policy).unwrap_or_default()
    }
}

/// A text that is no [`PolicySetting`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePolicyError {
    /// What stands before the dot.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    /// What stands behind it.
    #[error("{0:?} is none of report, enforce, step-up, also after register. or verify.")]
    Policy(String),
}

impl FromStr for PolicySetting {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        let (kind, name) = Kind::prefix_of(text)?;
        let known = CountermeasurePolicy::from_name(name);
        let policy = known.ok_or_else(|| ParsePolicyError::Policy(name.chars().take(64).collect()))?;
        Ok(Self { kind, policy })
    }
}

impl fmt::Display for PolicySetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{}.", kind.name())?;
        }
        f.write_str(self.policy.name())
    }
}

impl Serialize for PolicySetting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PolicySetting {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What follows from all countermeasures of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Those from which something follows, in the order in which they were asked.
    consequences: Vec<(Countermeasure, Consequence)>,
}

impl Response {
    /// The same, with what follows from one more countermeasure.
    #[must_use]
    pub fn with(mut self, countermeasure: Countermeasure, consequence: Consequence) -> Self {
        if consequence != Consequence::Nothing {
            self.consequences.push((countermeasure, consequence));
        }
        self
    }

    /// The gravest.
    pub fn consequence(&self) -> Consequence {
        self.consequences.iter().map(|(_, consequence)| *consequence).max().unwrap_or_default()
    }

    /// Whether the session ends as `result-fail-spoof`.
    pub fn rejects(&self) -> bool {
        self.consequence() == Consequence::Reject
    }

    /// The countermeasures that want one more question; none if the session is rejected anyway.
    pub fn step_up(&self) -> Vec<Countermeasure> {
        if self.rejects() {
            return Vec::new();
        }
        self.consequences.iter().map(|(countermeasure, _)| *countermeasure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(texts: &[&str]) -> Vec<PolicySetting> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn every_policy_does_with_every_opinion_what_the_table_says() {
        use Consequence::{Nothing, Reject, StepUp};
        let opinions = [Opinion::Unsuspicious, Opinion::None, Opinion::Suspicious];
        let of = |policy: CountermeasurePolicy| opinions.map(|opinion| policy.consequence(opinion));
        assert_eq!(of(CountermeasurePolicy::Report), [Nothing; 3]);
        assert_eq!(of(CountermeasurePolicy::Enforce), [Nothing, Nothing, Reject]);
        assert_eq!(of(CountermeasurePolicy::StepUp), [Nothing, StepUp, StepUp]);
    }

    #[test]
    fn the_last_word_for_a_kind_of_session_is_in_force_and_without_one_the_documented_behaviour() {
        let said = settings(&["report", "verify.step-up", "register.enforce"]);
        assert_eq!(PolicySetting::in_force(Kind::Verify, &said), CountermeasurePolicy::StepUp);
        assert_eq!(PolicySetting::in_force(Kind::Register, &said), CountermeasurePolicy::Enforce);
        assert_eq!(PolicySetting::in_force(Kind::Register, &said[..2]), CountermeasurePolicy::Report);
        assert_eq!(PolicySetting::in_force(Kind::Verify, &[]), CountermeasurePolicy::Enforce);
    }

    #[test]
    fn a_setting_survives_its_text_and_wrong_ones_are_told() {
        for policy in CountermeasurePolicy::ALL {
            for prefix in ["", "register.", "verify."] {
                let text = format!("{prefix}{}", policy.name());
                assert_eq!(text.parse::<PolicySetting>().unwrap().to_string(), text);
            }
        }
        for (text, hint) in [
            ("stepup", "step-up"),
            ("", "enforce"),
            ("enrol.report", "register nor verify"),
            ("verify.", "report"),
        ] {
            let error = text.parse::<PolicySetting>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn the_gravest_consequence_counts_and_who_is_rejected_is_asked_nothing_more() {
        let of = |consequence| Response::default().with(Countermeasure::Authenticity, consequence);
        assert_eq!((of(Consequence::Nothing), Response::default().rejects()), (Response::default(), false));
        let asked = of(Consequence::StepUp);
        assert_eq!((asked.rejects(), asked.step_up()), (false, vec![Countermeasure::Authenticity]));
        let rejected = asked.with(Countermeasure::Authenticity, Consequence::Reject);
        assert_eq!((rejected.rejects(), rejected.step_up()), (true, vec![]));
    }
}
