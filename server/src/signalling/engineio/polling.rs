//! In: GETs and POSTs. Out: packets for a session; and its packets, as they come or as soon as there are some.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::machine::{End, PollRefused, Transport};
use super::query::Refused;
use super::session::{Handler, NoRoom, Session, Sid};
use super::{Config, Engine, open_packet};

/// What answers are made of. Events must not stay in anybody's cache.
const HEADERS: [(HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "text/plain; charset=UTF-8"), (header::CACHE_CONTROL, "no-store")];

impl IntoResponse for NoRoom {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "too many sessions\n").into_response()
    }
}

/// Begins a session.
pub(super) fn handshake<H: Handler>(engine: &Engine<H>, handler: H) -> Response {
    let opened = engine.sessions.open(Transport::Polling, engine.config.timing, handler);
    match opened {
        Err(refused) => refused.into_response(),
        Ok(session) => {
            let packet = open_packet(&engine.config, session.sid(), Transport::Polling);
            tokio::spawn(async move { session.keep_time().await });
            (HEADERS, packet).into_response()
        }
    }
}

/// Answers with what the session has for its client, or will have.
pub(super) async fn poll<H: Handler>(engine: &Engine<H>, sid: Sid) -> Response {
    let Some(session) = engine.sessions.find(sid) else { return Refused::SidUnknown.into_response() };
    match session.begin_poll() {
        Ok(poll) => (HEADERS, poll.answer(engine.config.max_payload).await).into_response(),
        Err(PollRefused::NotPolling | PollRefused::Overlapping) => Refused::BadRequest.into_response(),
    }
}

/// Takes packets. Each body is taken as a whole, so that two at once cannot mix.
pub(super) async fn post<H: Handler>(engine: &Engine<H>, sid: Sid, body: Body) -> Response {
    let Some(session) = engine.sessions.find(sid) else { return Refused::SidUnknown.into_response() };
    let polling = session.with(|_, machine| machine.transport() == Transport::Polling);
    if polling != Some(true) {
        return Refused::BadRequest.into_response();
    }
    let body = tokio::select! {
        body = text(&engine.config, body) => body,
        // A body that dribbles lasts no longer than its session.
        () = over(&session) => Err(Unreadable::Abandoned),
    };
    match body {
        Ok(text) if session.receive_payload(&text) => (HEADERS, "ok").into_response(),
        Ok(_) | Err(Unreadable::Abandoned) => Refused::BadRequest.into_response(),
        Err(Unreadable::TooLong) => {
            session.close(End::TooLong);
            StatusCode::PAYLOAD_TOO_LARGE.into_response()
        }
        Err(Unreadable::NoText) => {
            session.close(End::Malformed);
            Refused::BadRequest.into_response()
        }
    }
}

/// Why there is no text.
enum Unreadable {
    TooLong,
    NoText,
    /// Nobody waits for the answer any more.
    Abandoned,
}

async fn text(config: &Config, body: Body) -> Result<String, Unreadable> {
    let mut body = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        // A connection that broke: its session goes on without it.
        let piece = piece.map_err(|_| Unreadable::Abandoned)?;
        if bytes.len() + piece.len() > config.max_payload {
            return Err(Unreadable::TooLong);
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| Unreadable::NoText)
}

async fn over<H: Handler>(session: &Arc<Session<H>>) {
    session.until(|_, _| None::<()>).await;
}
