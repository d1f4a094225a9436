//! In: a WebSocket, for a new session or for one that polls. Out: the session's packets, both ways, until either ends.
//!
//! One task serves a WebSocket for reading, writing and the heartbeat; an idle client costs this task and nothing else.
//! Reading goes on while the client does not take what is written, so that its pongs and its close are heard; what it
//! does not take waits in the session's queue, which has its bounds.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::machine::{End, Probe, Transport};
use super::packet::Frame;
use super::session::{Handler, Session, Sid, Turn};
use super::{Engine, open_packet};
use crate::websocket::{self, PendingSocket, WireSocket};

/// What is reserved for reading; it grows for a longer message, of which a client sends one.
const READ_BUFFER: usize = 512;
/// From the opening of a WebSocket to the end of its probe. The reference implementation waits as long.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// Frames that are written with one system call, if they are there at the same time.
const WRITTEN_AT_ONCE: usize = 16;

/// Serves a WebSocket that begins a session.
pub(super) async fn handshake<H: Handler>(engine: Arc<Engine<H>>, pending: PendingSocket, handler: H) {
    let Some(mut socket) = pending.open(engine.config.max_payload, READ_BUFFER).await else { return };
    let Ok(session) = engine.sessions.open(Transport::WebSocket, engine.config.timing, handler) else {
        return websocket::close(&mut socket, 1013, "no room").await;
    };
    let open = open_packet(&engine.config, session.sid(), Transport::WebSocket);
    let attached = Attached(session);
    if socket.feed(Message::text(open)).await.is_ok() {
        // A task of its own, that holds no more than what it needs from here on.
        tokio::spawn(serve(socket, attached));
    }
}

/// Serves a WebSocket that would take over a session. A name that is nobody's, or that of a session with a WebSocket, is
/// not told apart: the WebSocket closes.
pub(super) async fn upgrade<H: Handler>(engine: Arc<Engine<H>>, pending: PendingSocket, sid: Sid) {
    let Some(mut socket) = pending.open(engine.config.max_payload, READ_BUFFER).await else { return };
    let session = engine.sessions.find(sid);
    match timeout(UPGRADE_TIMEOUT, probe(&mut socket, session)).await {
        Ok(Some(attached)) => drop(tokio::spawn(serve(socket, attached))),
        Ok(None) | Err(_) => websocket::close(&mut socket, 1008, "no upgrade").await,
    }
}

/// Lets the WebSocket prove itself. `None`: it has not; its session, if there is one, goes on without it.
async fn probe<H: Handler>(socket: &mut WireSocket, session: Option<Arc<Session<H>>>) -> Option<Attached<H>> {
    let session = session?;
    let upgrading = session.begin_upgrade()?;
    loop {
        let message = tokio::select! {
            message = socket.next() => message?.ok()?,
            () = upgrading.session_over() => return None,
        };
        match message {
            Message::Text(text) => match upgrading.probe(&text) {
                Probe::Answer(answer) => socket.send(Message::text(answer)).await.ok()?,
                Probe::TakenOver => break,
                Probe::Failed => return None,
            },
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            Message::Binary(_) | Message::Close(_) => return None,
        }
    }
    drop(upgrading);
    Some(Attached(session))
}

/// A session whose WebSocket this task is: they end together, also by a panic.
struct Attached<H: Handler>(Arc<Session<H>>);

impl<H: Handler> Drop for Attached<H> {
    fn drop(&mut self) {
        self.0.close(End::Lost);
    }
}

async fn serve<H: Handler>(mut socket: WireSocket, session: Attached<H>) {
    let over = {
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut written = Written::Buffered;
        poll_fn(|context| run(&mut socket, &session.0, timer.as_mut(), &mut written, context)).await
    };
    drop(session);
    // Rarely used, and larger than the rest.
    Box::pin(leave(socket, over)).await;
}

/// How it came to an end.
enum Over {
    /// The session ended.
    Session(End),
    /// The client has closed the WebSocket.
    Closed,
    /// The WebSocket layer found something wrong.
    Broken(u16, &'static str),
    /// The connection is gone.
    Gone,
}

/// Writes and reads as much as there is.
fn run<H: Handler>(
    socket: &mut WireSocket,
    session: &Arc<Session<H>>,
    mut timer: Pin<&mut Sleep>,
    written: &mut Written,
    context: &mut Context<'_>,
) -> Poll<Over> {
    loop {
        let waits = match write(socket, session, written, context) {
            Poll::Ready(Ok(deadline)) => Some(deadline),
            Poll::Ready(Err(over)) => return Poll::Ready(over),
            Poll::Pending => None,
        };
        if let Poll::Ready(message) = Pin::new(&mut *socket).poll_next(context) {
            if let Some(over) = receive(message, session) {
                return Poll::Ready(over);
            }
            continue;
        }
        // While the client takes nothing there is the deadline as well: its pong may be missing.
        let deadline = match waits {
            Some(deadline) => deadline,
            None => match session.wait(Instant::now(), context) {
                Ok(deadline) => deadline,
                Err(end) => return Poll::Ready(Over::Session(end)),
            },
        };
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(context));
    }
}

/// How far what was written has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// All of it has been taken.
    Flushed,
    /// It is in the buffer, perhaps with more to come.
    Buffered,
    /// It has to be taken before there may be more.
    Stalled,
}

/// Writes what there is; ready once all of it has been taken, with the deadline until which there is no more.
fn write<H: Handler>(
    socket: &mut WireSocket,
    session: &Arc<Session<H>>,
    written: &mut Written,
    context: &mut Context<'_>,
) -> Poll<Result<Instant, Over>> {
    let mut socket = Pin::new(socket);
    loop {
        if *written == Written::Stalled {
            if ready!(socket.as_mut().poll_flush(context)).is_err() {
                return Poll::Ready(Err(Over::Gone));
            }
            *written = Written::Flushed;
        }
        for _ in 0..WRITTEN_AT_ONCE {
            let frame = match session.turn(Instant::now(), context) {
                Turn::Send(frame) => frame,
                Turn::Wait(deadline) if *written == Written::Flushed => return Poll::Ready(Ok(deadline)),
                Turn::Wait(_) => break,
                Turn::Over(end) => return Poll::Ready(Err(Over::Session(end))),
            };
            if socket.as_mut().start_send(message(frame)).is_err() {
                return Poll::Ready(Err(Over::Gone));
            }
            *written = Written::Buffered;
        }
        *written = Written::Stalled;
    }
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(data) => Message::Binary(data),
    }
}

fn receive<H: Handler>(message: Option<Result<Message, Error>>, session: &Arc<Session<H>>) -> Option<Over> {
    match message {
        Some(Ok(Message::Text(text))) => session.receive_text(&text),
        Some(Ok(Message::Binary(data))) => session.receive_binary(data),
        // The library answers pings.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
        Some(Ok(Message::Close(_))) => return Some(Over::Closed),
        Some(Err(Error::Capacity(_))) => return Some(Over::Broken(1009, "too long")),
        Some(Err(Error::Utf8(_))) => return Some(Over::Broken(1007, "text that is not UTF-8")),
        Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => return Some(Over::Gone),
        Some(Err(Error::Protocol(_))) => return Some(Over::Broken(1002, "WebSocket protocol error")),
        Some(Err(_)) | None => return Some(Over::Gone),
    }
    None
}

/// Closes the WebSocket so that the client learns why.
async fn leave(mut socket: WireSocket, over: Over) {
    match over {
        Over::Gone => {}
        Over::Closed => websocket::finish(&mut socket).await,
        Over::Broken(code, reason) => websocket::close_broken(&mut socket, code, reason).await,
        Over::Session(end) => {
            let (code, reason) = match end {
                End::ClientClosed | End::Lost | End::TwoPolls => (1000, ""),
                End::Shutdown => (1001, "the server ends"),
                End::Malformed | End::Meaningless => (1002, "protocol error"),
                End::NoPong => (1008, "no pong"),
                End::Unused => (1008, "nothing joined"),
                End::Flooded => (1008, "answers are not taken"),
                End::TooLong => (1009, "too long"),
            };
            websocket::close(&mut socket, code, reason).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::machine::Machine;
    use super::*;

    struct Silent;

    impl Handler for Silent {
        fn text(&mut self, _: &str, _: &Arc<Session<Self>>, _: &mut Machine) {}
        fn binary(&mut self, _: Bytes, _: &Arc<Session<Self>>, _: &mut Machine) {}
    }

    fn size_of_future<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// Most of it is the library's WebSocket; a buffer or a second socket in it would be multiplied by every idle client.
    #[test]
    fn the_task_of_a_websocket_is_small() {
        let socket = size_of::<WireSocket>();
        let task = size_of_future(serve::<Silent>);
        assert!(task <= 2 * socket + 512, "{task} bytes, of which the socket is {socket}");
    }
}
