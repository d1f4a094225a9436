use super::*;
use crate::session::error::FieldProblem;
use crate::signalling::describe::strict::{problems, strict};
use crate::tenant::scope::Scope;

/// One of each kind that a request can meet. A new kind does not compile here until it is added to both.
fn every_error() -> Vec<ApiError> {
    let not_ready = [
        NotReady::TooManySessions,
        NotReady::TenantSessions,
        NotReady::TenantRate,
        NotReady::KeyDisabled,
        NotReady::Loading,
        NotReady::Draining,
    ];
    let mut all = vec![
        ApiError::Session(SessionError::Parameters(vec![FieldProblem::new("call_id", "is required")])),
        ApiError::Session(SessionError::CallIdInUse),
        ApiError::Session(SessionError::Engine(EngineFault::InvalidCredential)),
        ApiError::Unreadable("The body must be a JSON object".into()),
        ApiError::NotJson,
        ApiError::TooLarge,
        ApiError::TooSlow,
        ApiError::Refused(BearerRefusal::Missing),
        ApiError::Refused(BearerRefusal::InvalidToken),
        ApiError::Refused(BearerRefusal::InsufficientScope(Scope::Verify)),
        ApiError::NoSuchResource,
        ApiError::NotFound("session"),
        ApiError::MethodNotAllowed,
        ApiError::NotCollectedYet,
        ApiError::TakesNoAudio,
        ApiError::UnknownContainer,
        ApiError::RecordingTooLarge,
        ApiError::Unusable("it holds no audio".into()),
        ApiError::KeyInUse,
        ApiError::KeyReused,
        ApiError::KeySpent,
        ApiError::TooManyRequests(Duration::from_millis(1500)),
        ApiError::Full,
        ApiError::Internal,
    ];
    all.extend(not_ready.map(|why| ApiError::Session(SessionError::NotReady(why))));
    for error in &all {
        match error {
            ApiError::Session(_)
            | ApiError::Unreadable(_)
            | ApiError::NotJson
            | ApiError::TooLarge
            | ApiError::TooSlow
            | ApiError::Refused(_)
            | ApiError::NoSuchResource
            | ApiError::NotFound(_)
            | ApiError::MethodNotAllowed
            | ApiError::NotCollectedYet
            | ApiError::TakesNoAudio
            | ApiError::UnknownContainer
            | ApiError::RecordingTooLarge
            | ApiError::Unusable(_)
            | ApiError::KeyInUse
            | ApiError::KeyReused
            | ApiError::KeySpent
            | ApiError::TooManyRequests(_)
            | ApiError::Full
            | ApiError::Internal => {}
        }
    }
    all
}

#[test]
fn every_error_is_described_under_its_status() {
    let document: Value = serde_json::from_str(include_str!("../describe/openapi.json")).unwrap();
    // Where a session is created, everything can go wrong that does anywhere, except for two that have other places.
    let responses = &document["paths"]["/dpsrest/v1/verify_session"]["post"]["responses"];
    for error in every_error() {
        let status = error.status();
        let described = match status {
            // Of paths and methods that are not there, so that no operation can describe them.
            StatusCode::METHOD_NOT_ALLOWED => continue,
            StatusCode::NOT_FOUND => {
                &document["paths"]["/dpsrest/v1/verify_session/{id}"]["get"]["responses"]["404"]
            }
            status => &responses[status.as_str()],
        };
        let target = described["$ref"].as_str().unwrap_or_else(|| panic!("{status} is not described"));
        let described = document.pointer(target.trim_start_matches('#')).unwrap();
        let schema = &described["content"]["application/json"]["schema"];
        let wrong = problems(&strict(&document, schema), &error.body());
        assert!(wrong.is_empty(), "{error:?}: {wrong:?}");
        let response = error.into_response();
        for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
            let headers = described["headers"].as_object().unwrap();
            let described = headers.keys().any(|key| key.eq_ignore_ascii_case(name.as_str()));
            assert!(!response.headers().contains_key(&name) || described, "{status}: {name}");
        }
    }
}
