//! In: what the countermeasure says of a voice, what the operator and the tenant want, the session's threshold. Out: the authenticity
//! that results tell, and what follows from it.

use peakstream::{AttackRate, Authenticity, Judgement, Threshold};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::session::countermeasure::{Consequence, CountermeasurePolicy, Opinion, PolicySetting};
use crate::session::event::six_decimals;
use crate::session::request::Kind;

/// What an operator or a tenant says of authenticity.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthenticityWishes {
    /// The share of attacks among its calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed_attack_rate: Option<AttackRate>,
    /// What is done with voices that do not seem genuine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<PolicySetting>,
}

impl AuthenticityWishes {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What one session makes of a judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AuthenticityPolicy {
    /// The share of attacks that is assumed.
    pub attacks: AttackRate,
    /// What is done with a voice that does not seem genuine.
    pub policy: CountermeasurePolicy,
}

impl AuthenticityPolicy {
    /// As the operator says it, unless the tenant says something else.
    pub fn of(kind: Kind, server: &AuthenticityWishes, tenant: &AuthenticityWishes) -> Self {
        let attacks = tenant.assumed_attack_rate.or(server.assumed_attack_rate);
        let policy = PolicySetting::in_force(kind, server.policy.iter().chain(&tenant.policy));
        Self { attacks: attacks.unwrap_or_default(), policy }
    }

    /// What the judgement means for a call of this session.
    pub fn authenticity(&self, judgement: Judgement) -> Authenticity {
        judgement.authenticity(self.attacks)
    }

    /// What follows. A voice that was not judged has the authenticity that was assumed, and where that does not reach the threshold,
    /// it counts as suspicious like any other.
    pub fn consequence(&self, judgement: Judgement, threshold: Threshold) -> Consequence {
        let passes = threshold.passes_authenticity(self.authenticity(judgement));
        self.policy.consequence(match judgement {
            _ if !passes => Opinion::Suspicious,
            Judgement::None(_) => Opinion::None,
            Judgement::Evidence(_) => Opinion::Unsuspicious,
        })
    }
}

/// The members that tell of authenticity, in results of every kind.
pub fn members(judgement: Judgement, authenticity: Authenticity) -> Map<String, Value> {
    let mut members = Map::new();
    let mut insert = |name: &str, value: Value| members.insert(name.into(), value);
    insert("authenticity", six_decimals(authenticity.value()).into());
    insert("authenticity_judged", judgement.unjudged().is_none().into());
    match judgement {
        Judgement::Evidence(llr) => insert("authenticity_llr", six_decimals(llr.0).into()),
        Judgement::None(why) => insert("authenticity_reason", why.name().into()),
    };
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use peakstream::{Llr, Unjudged};
    use proptest::prelude::*;
    use serde_json::json;

    fn wishes(rate: Option<f64>, policy: &[&str]) -> AuthenticityWishes {
        let policy = policy.iter().map(|text| text.parse().unwrap()).collect();
        AuthenticityWishes { assumed_attack_rate: rate.and_then(AttackRate::new), policy }
    }

    fn policy(rate: f64, policy: CountermeasurePolicy) -> AuthenticityPolicy {
        AuthenticityPolicy { attacks: AttackRate::new(rate).unwrap(), policy }
    }

    fn threshold(value: f64) -> Threshold {
        Threshold::new(value).unwrap()
    }

    #[test]
    fn each_tenant_states_its_own_share_of_attacks_and_its_own_policy() {
        let server = wishes(Some(0.05), &["report"]);
        let of = |tenant: &AuthenticityWishes| AuthenticityPolicy::of(Kind::Verify, &server, tenant);
        assert_eq!(of(&wishes(None, &[])), policy(0.05, CountermeasurePolicy::Report));
        let tenant = wishes(Some(0.2), &["verify.step-up"]);
        assert_eq!(of(&tenant), policy(0.2, CountermeasurePolicy::StepUp));
        let registration = AuthenticityPolicy::of(Kind::Register, &server, &tenant);
        assert_eq!(registration, policy(0.2, CountermeasurePolicy::Report));
        let silent = AuthenticityPolicy::of(Kind::Verify, &wishes(None, &[]), &wishes(None, &[]));
        assert_eq!(silent, policy(0.01, CountermeasurePolicy::Enforce), "as documented");
    }

    #[test]
    fn without_a_judgement_enforce_goes_by_what_was_assumed_and_step_up_asks() {
        let unjudged = Judgement::None(Unjudged::SignalNoiseRatio);
        let follows = |rate, of| policy(rate, of).consequence(unjudged, threshold(0.8));
        assert_eq!(follows(0.01, CountermeasurePolicy::Enforce), Consequence::Nothing);
        assert_eq!(follows(0.25, CountermeasurePolicy::Enforce), Consequence::Reject, "0.75 is below 0.8");
        assert_eq!(follows(0.01, CountermeasurePolicy::StepUp), Consequence::StepUp);
        assert_eq!(follows(0.25, CountermeasurePolicy::Report), Consequence::Nothing);
        let equal = policy(0.5, CountermeasurePolicy::Enforce).consequence(unjudged, threshold(0.5));
        assert_eq!(equal, Consequence::Nothing, "equality passes");
    }

    #[test]
    fn a_number_that_was_not_measured_is_not_told() {
        let genuine = Judgement::Evidence(Llr(2.000_000_4));
        let told = |judgement: Judgement| {
            Value::Object(members(judgement, judgement.authenticity(AttackRate::default())))
        };
        let evidence =
            json!({"authenticity": 0.998635, "authenticity_judged": true, "authenticity_llr": 2.0});
        assert_eq!(told(genuine), evidence);
        let short =
            json!({"authenticity": 0.99, "authenticity_judged": false, "authenticity_reason": "net_speech"});
        assert_eq!(told(Judgement::None(Unjudged::NetSpeech)), short);
    }

    #[test]
    fn what_is_said_survives_its_file() {
        let said = wishes(Some(0.02), &["enforce", "verify.step-up"]);
        let text = toml::to_string(&said).unwrap();
        assert_eq!(text, "assumed_attack_rate = 0.02\npolicy = [\"enforce\", \"verify.step-up\"]\n");
        assert_eq!(toml::from_str::<AuthenticityWishes>(&text).unwrap(), said);
        for wrong in ["assumed_attack_rate = 1.0", "policy = [\"stepup\"]", "polcy = []"] {
            assert!(toml::from_str::<AuthenticityWishes>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// Whatever is set: only `enforce` rejects, and it rejects exactly what lies below the threshold.
        #[test]
        fn only_enforce_rejects_and_only_below_the_threshold(
            llr in proptest::option::of(-30.0..30.0f64), rate in 0.0001..0.9999f64, bound in 0.0..=1.0f64,
        ) {
            let judgement = llr.map_or(Judgement::None(Unjudged::CodecMismatch), |llr| Judgement::Evidence(Llr(llr)));
            let below = f64::from(judgement.authenticity(AttackRate::new(rate).unwrap()).value()) < bound;
            for of in CountermeasurePolicy::ALL {
                let follows = policy(rate, of).consequence(judgement, threshold(bound));
                prop_assert_eq!(follows == Consequence::Reject, below && of == CountermeasurePolicy::Enforce);
                let asks = of == CountermeasurePolicy::StepUp && (below || llr.is_none());
                prop_assert_eq!(follows == Consequence::StepUp, asks);
            }
        }
    }
}
