//! In: a client that listens over HTTP. Out: a session's events as Server-Sent Events, from the first one on.
//!
//! Each has the name and the payload it has over Socket.IO, without audio, and a number as its id: a client that lost the
//! connection says the last number it has (`Last-Event-ID`) and misses nothing. After the terminal event the stream ends; a
//! client that connects again then gets 204, which tells it to stop (WHATWG HTML, "Server-sent events").

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};

use super::access::Caller;
use super::params::ResourceId;
use super::sessions::{find, parse_id};
use super::{ApiError, Rest};
use crate::session::journal::{Found, Listener, Told};
use crate::session::request::Kind;

/// Proxies close connections on which nothing moves.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /v1/{kind}_session/{id}/events`
pub(super) async fn listen(
    kind: Kind,
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    ResourceId(id): ResourceId,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = find(&rest, caller.for_kind(kind)?, kind, parse_id(&id)?)?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match found {
        Found::Live(entry) => {
            let next = last.map_or(0, |last| last.saturating_add(1));
            Ok(respond(live(entry.listen(), next)))
        }
        // The end is all that is left of it.
        Found::Stored(record) => {
            let (number, told) = record.last_event();
            if last == Some(number) {
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
            Ok(respond(stream::iter([Ok::<_, Infallible>(event(number, &told))])))
        }
    }
}

fn respond(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn live(listener: Listener, next: usize) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(Some((listener, next)), async |state| {
        let (mut listener, number) = state?;
        let told = listener.event(number).await?;
        let following = (!told.terminal).then_some((listener, number + 1));
        Some((Ok(event(number, &told)), following))
    })
}

fn event(number: usize, told: &Told) -> Event {
    Event::default().id(number.to_string()).event(told.name.as_ref()).data(told.body.expose())
}
