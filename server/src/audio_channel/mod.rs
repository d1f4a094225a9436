//! In: a carrier's connection. Out: audio pushed into the call's stream, reports to its session, one close code.
//!
//! * [`attached`]: a session's end of the connection: audio in, statuses and results out
//! * [`audiosocket`]: Asterisk's AudioSocket over TCP
//! * [`audiohook`]: Genesys AudioHook
//! * [`driver`]: the task that owns one connection of any kind
//! * [`media_streams`]: Twilio Media Streams, its minimal subset, and other carriers that stream over WebSocket
//! * [`message_socket`]: a carrier's WebSocket
//! * [`wire`]: the words all channels share

pub mod attached;
pub mod audiohook;
pub mod audiosocket;
pub mod driver;
pub mod media_streams;
pub mod message_socket;
pub mod wire;

#[cfg(test)]
mod faulted_calls;
#[cfg(test)]
mod faulted_hooks;
