//! In: a session's resource, as REST shows it. Out: what an Architect flow or an integration gets of it over AudioHook.
//!
//! The outcome and its numbers, never a credential: Genesys keeps variables of flows. A registration's credential is for
//! those who asked for it in signalling.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::ids::{SessionId, Tenant};
use crate::session::actor::SessionServices;
use crate::session::journal::Found;
use crate::session::request::Kind;

/// The type of the `event` entity that tells a result. There is no official one for biometrics.
pub const ENTITY_TYPE: &str = "voice_biometrics_result";
/// Members that are told.
const TOLD: [&str; 8] = [
    "event",
    "score",
    "authenticity",
    "authenticity_judged",
    "authenticity_llr",
    "authenticity_reason",
    "step_up",
    "audio_seconds",
];

/// Which session is meant.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Whose it is.
    pub tenant: Tenant,
    /// Registration or verification.
    pub kind: Kind,
    /// Its name.
    pub id: SessionId,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome(Map<String, Value>);

impl Outcome {
    /// Waits for the end of a session. `None`: it cannot be found any more.
    pub async fn of(services: Arc<SessionServices>, subject: Subject) -> Option<Self> {
        let Subject { tenant, kind, id } = subject;
        let found = services.journal.find(&tenant, kind, id).ok()??;
        if let Found::Live(entry) = &found {
            entry.ended().await;
        }
        Some(Self::read(kind, id, &found.resource()))
    }

    fn read(kind: Kind, id: SessionId, resource: &Value) -> Self {
        let mut told = Map::new();
        told.insert("outcome".into(), resource["status"].clone());
        told.insert("operation".into(), kind.name().into());
        told.insert("session_id".into(), json!(id));
        for name in TOLD {
            if let Some(value) = resource.get(name).filter(|value| !value.is_null()) {
                told.insert(name.into(), value.clone());
            }
        }
        Self(told)
    }

    /// As variables of a flow: every value a string, the names of a list with commas between them.
    pub fn variables(&self) -> Value {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        self.0.iter().map(|(name, value)| (name.clone(), Value::String(text(value)))).collect()
    }

    /// As an entity of an `event`.
    pub fn entity(&self) -> Value {
        json!({"type": ENTITY_TYPE, "data": self.0})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_and_its_numbers_are_told_and_no_credential() {
        let id = SessionId::random();
        let resource = json!({"status": "success", "event": "result-success", "score": 0.97, "authenticity": 0.9,
            "authenticity_judged": true, "authenticity_llr": -2.4, "step_up": ["authenticity"],
            "audio_seconds": 5.1, "credential": "secret", "call_id": "private", "vad_percentage": 100});
        let outcome = Outcome::read(Kind::Verify, id, &resource);
        let variables = outcome.variables();
        assert_eq!(variables["outcome"], "success");
        assert_eq!((&variables["operation"], &variables["score"]), (&json!("verify"), &json!("0.97")));
        assert_eq!(variables.as_object().unwrap().len(), 10);
        let told = ["authenticity_judged", "authenticity_llr", "step_up"]
            .map(|name| variables[name].as_str().unwrap());
        assert_eq!(told, ["true", "-2.4", "authenticity"]);
        assert!(variables.as_object().unwrap().values().all(Value::is_string), "{variables}");
        let entity = outcome.entity();
        assert_eq!((&entity["type"], &entity["data"]["score"]), (&json!(ENTITY_TYPE), &json!(0.97)));
        assert_eq!(entity["data"]["step_up"], json!(["authenticity"]));
        assert!(!entity.to_string().contains("secret") && !entity.to_string().contains("private"));
    }

    #[test]
    fn a_session_without_a_result_says_so() {
        let resource = json!({"status": "error", "event": "error-audio", "score": null});
        let outcome = Outcome::read(Kind::Register, SessionId::random(), &resource);
        assert_eq!(outcome.variables()["outcome"], "error");
        assert!(outcome.variables().get("score").is_none());
    }
}
