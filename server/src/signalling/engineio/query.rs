//! In: method and query of a request. Out: what it asks of which session, or the error that the protocol has for it.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::machine::Transport;
use super::session::Sid;

/// The version of the protocol that is spoken here.
const VERSION: &str = "4";

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A new session.
    Handshake(Transport),
    /// What was sent, or will be.
    Poll(Sid),
    /// To be told something.
    Post(Sid),
    /// A WebSocket for a session that polls.
    Upgrade(Sid),
}

/// The errors of the protocol, numbered as the reference implementation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `transport` is missing or another one.
    TransportUnknown,
    /// `sid` is nobody's.
    SidUnknown,
    /// A handshake is a GET.
    BadHandshakeMethod,
    /// The session has another transport, or the request makes no sense.
    BadRequest,
    /// `EIO` is missing or another one.
    UnsupportedVersion,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = match self {
            Self::TransportUnknown => r#"{"code":0,"message":"Transport unknown"}"#,
            Self::SidUnknown => r#"{"code":1,"message":"Session ID unknown"}"#,
            Self::BadHandshakeMethod => r#"{"code":2,"message":"Bad handshake method"}"#,
            Self::BadRequest => r#"{"code":3,"message":"Bad request"}"#,
            Self::UnsupportedVersion => r#"{"code":5,"message":"Unsupported protocol version"}"#,
        };
        (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// Reads a request's method and query.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(method: &Method, query: Option<&str>) -> Result<Asked, Refused> {
    let query = query.ok_or(Refused::TransportUnknown)?;
    let member =
        |name| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    if member("EIO").is_none_or(|version| version != VERSION) {
        return Err(Refused::UnsupportedVersion);
    }
    // A name that nobody can have is not the same as none, which would begin a new session.
    let sid = member("sid").map(|sid| Sid::parse(&sid).ok_or(Refused::SidUnknown)).transpose()?;
    let transport = match member("transport").as_deref() {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::WebSocket,
        _ => return Err(Refused::TransportUnknown),
    };
    match (sid, transport, method) {
        (None, transport, &Method::GET) => Ok(Asked::Handshake(transport)),
        (None, ..) => Err(Refused::BadHandshakeMethod),
        (Some(sid), Transport::Polling, &Method::GET) => Ok(Asked::Poll(sid)),
        (Some(sid), Transport::Polling, &Method::POST) => Ok(Asked::Post(sid)),
        (Some(sid), Transport::WebSocket, &Method::GET) => Ok(Asked::Upgrade(sid)),
        (Some(_), ..) => Err(Refused::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "AbCd_-0123456789";

    fn sid() -> Sid {
        Sid::parse(SID).expect("one of ours")
    }

    #[test]
    fn what_is_asked_follows_from_method_transport_and_sid() {
        let named = |transport| format!("EIO=4&transport={transport}&t=xyz&sid={SID}");
        let cases = [
            (Method::GET, "EIO=4&transport=polling".to_owned(), Ok(Asked::Handshake(Transport::Polling))),
            (Method::GET, "transport=websocket&EIO=4".to_owned(), Ok(Asked::Handshake(Transport::WebSocket))),
            (Method::GET, named("polling"), Ok(Asked::Poll(sid()))),
            (Method::POST, named("polling"), Ok(Asked::Post(sid()))),
            (Method::GET, named("websocket"), Ok(Asked::Upgrade(sid()))),
            (Method::POST, named("websocket"), Err(Refused::BadRequest)),
            (Method::DELETE, named("polling"), Err(Refused::BadRequest)),
            (Method::POST, "EIO=4&transport=polling".to_owned(), Err(Refused::BadHandshakeMethod)),
        ];
        for (method, query, asked) in cases {
            assert_eq!(read(&method, Some(&query)), asked, "{method} {query}");
        }
    }

    #[test]
    fn the_first_thing_that_is_wrong_is_told() {
        let cases = [
            ("", Refused::UnsupportedVersion),
            ("EIO=3&transport=polling", Refused::UnsupportedVersion),
            ("EIO=4&transport=polling&sid=", Refused::SidUnknown),
            ("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAA!", Refused::SidUnknown),
            ("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAA", Refused::SidUnknown),
            ("EIO=4&transport=polling&sid=%C3%A9", Refused::SidUnknown),
            ("EIO=4&transport=jsonp", Refused::TransportUnknown),
            ("EIO=4", Refused::TransportUnknown),
        ];
        for (query, refused) in cases {
            assert_eq!(read(&Method::GET, Some(query)), Err(refused), "{query}");
        }
        assert_eq!(read(&Method::GET, None), Err(Refused::TransportUnknown));
    }

    #[test]
    fn a_session_id_is_written_as_it_is_read() {
        assert_eq!(sid().to_string(), SID);
        let random = Sid::random().expect("a random one");
        assert_eq!(Sid::parse(&random.to_string()), Some(random));
    }
}
