//! In: the request that opens a carrier's connection. Out: what it says about the call.
//!
//! | in the address's query | or header | means |
//! |---|---|---|
//! | `call_id=…` | `X-Call-Id: …` | the session's `call_id`, for carriers whose messages do not name the call |
//! | `track=inbound` or `outbound` | | whose voice is listened to |
//!
//! Twilio allows no query; there custom parameters of the same names do the same.

use axum::extract::Request;

use crate::audio_channel::media_streams::machine::Origin;
use crate::audio_channel::media_streams::message::Track;
use crate::ids::CallId;

const CALL_ID_HEADER: &str = "x-call-id";

/// The address says something that has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Empty, too long, or not UTF-8.
    #[error("call_id must have 1 to 256 characters")]
    CallId,
    /// Neither of the two.
    #[error("track must be inbound or outbound")]
    Track,
}

impl Origin {
    /// Reads the request; `track` holds where it says nothing.
    ///
    /// # Errors
    /// If a parameter has no meaning. Unknown ones are ignored: customers put their own into the address.
    pub fn of(request: &Request, track: Track) -> Result<Self, BadAddress> {
        let mut origin = Self { call_id: None, subprotocol: None, track };
        if let Some(value) = request.headers().get(CALL_ID_HEADER) {
            let text = std::str::from_utf8(value.as_bytes()).ok();
            origin.call_id = Some(text.and_then(CallId::new).ok_or(BadAddress::CallId)?);
        }
        for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "call_id" => origin.call_id = Some(CallId::new(&value).ok_or(BadAddress::CallId)?),
                "track" => origin.track = Track::chosen(&value).ok_or(BadAddress::Track)?,
                _ => {}
            }
        }
        Ok(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn of(uri: &str, header: Option<&str>) -> Result<(Option<String>, Track), BadAddress> {
        let mut request = Request::builder().uri(uri);
        if let Some(value) = header {
            request = request.header("X-Call-Id", value);
        }
        let origin = Origin::of(&request.body(Body::empty()).unwrap(), Track::Inbound)?;
        Ok((origin.call_id.map(|id| id.as_str().to_owned()), origin.track))
    }

    #[test]
    fn query_and_header_name_the_call() {
        assert_eq!(of("/twilio", None), Ok((None, Track::Inbound)));
        assert_eq!(of("/twilio?call_id=a%20b&other=1", None), Ok((Some("a b".into()), Track::Inbound)));
        assert_eq!(of("/twilio?track=outbound", Some("c")), Ok((Some("c".into()), Track::Outbound)));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert_eq!(of("/twilio?call_id=", None), Err(BadAddress::CallId));
        assert_eq!(of(&format!("/twilio?call_id={}", "x".repeat(257)), None), Err(BadAddress::CallId));
        assert_eq!(of("/twilio?track=both", None), Err(BadAddress::Track));
    }
}
