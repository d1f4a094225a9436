//! In: events for one membership of one client. Out: frames in its session's queue, as soon as there is room.

use std::fmt;
use std::sync::Arc;

use super::connection::Connection;
use super::packet::{Argument, write_event};
use crate::signalling::engineio::packet::Frame;
use crate::signalling::engineio::session::Session;

/// A client in a namespace, from its CONNECT to the DISCONNECT of either side. Who joins again is another member.
pub struct Member {
    session: Arc<Session<Connection>>,
    number: u32,
    namespace: Box<str>,
}

/// The client has left, or its connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left;

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Member {
    pub(super) fn new(session: &Arc<Session<Connection>>, number: u32, namespace: &str) -> Self {
        Self { session: Arc::clone(session), number, namespace: namespace.into() }
    }

    /// Queues an event; waits for room as long as the client does not take what is before it.
    ///
    /// # Errors
    /// If it has left: nothing was queued.
    pub async fn emit(&self, name: &str, arguments: Vec<Argument>) -> Result<(), Left> {
        let (text, attachments) = write_event(&self.namespace, name, arguments);
        let mut frames = Vec::with_capacity(1 + attachments.len());
        frames.push(Frame::message(&text));
        frames.extend(attachments.into_iter().map(Frame::Binary));
        let mut waiting = Some(frames);
        let queued = self.session.until(|connection, machine| {
            if !connection.has(self.number) {
                return Some(Err(Left));
            }
            waiting = waiting.take().and_then(|frames| machine.push_event(frames).err());
            waiting.is_none().then_some(Ok(()))
        });
        queued.await.unwrap_or(Err(Left))
    }

    /// Ends the membership: nothing of it is queued from now on. The client is told as soon as there is room.
    pub async fn disconnect(&self) {
        let left = self.session.until(|connection, machine| {
            if !connection.has(self.number) {
                return Some(());
            }
            machine.has_room().then(|| {
                if let Some(frame) = connection.leave(self.number) {
                    machine.push_answer(frame);
                }
            })
        });
        // Over: then there is nobody to be told.
        let _ = left.await;
    }

    /// Returns when the client has left.
    pub async fn left(&self) {
        self.session.until(|connection, _| (!connection.has(self.number)).then_some(())).await;
    }
}
