//! In: a request with a body. Out: its JSON object, with the bytes it was read from.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Map, Value};

use super::ApiError;

/// The object in the body of a request, which must say that it is JSON.
pub(super) struct JsonObject {
    pub(super) members: Map<String, Value>,
    /// As it came: what an idempotency key is bound to.
    pub(super) bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !declared.is_some_and(is_json) {
            return Err(ApiError::NotJson);
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self { members, bytes }),
            Ok(_) => Err(ApiError::Unreadable("The body must be a JSON object".into())),
            // Line and column, without any of the content.
            Err(error) => Err(ApiError::Unreadable(format!(
                "The body is not JSON (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }
}

fn unread(rejection: BytesRejection) -> ApiError {
    match rejection.into_response().status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Unreadable("The body could not be read to its end".into()),
    }
}

/// `application/json`, with or without parameters, or a `+json` type.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognised_with_parameters_and_in_any_case() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "", "text/json+x", "image/+json"] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
