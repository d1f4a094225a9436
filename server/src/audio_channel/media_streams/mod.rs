//! In: the messages of a carrier that streams over WebSocket. Out: audio in order, the call's identity, the close code.
//!
//! * [`access`], [`signature`]: who may connect
//! * [`machine`]: one connection without its socket
//! * [`dialect`]: how each carrier names things; the table of them
//! * [`message`]: what a message says, in no dialect
//! * [`envelope`]: JSON messages with base64 audio, read without building a tree
//! * [`origin`]: what the connection's address says
//! * [`order`]: numbered audio put back into order
//! * [`feed`]: the machine on its WebSocket
//! * [`gaps`]: how much of the caller's audio is missing

pub mod access;
pub mod dialect;
pub mod envelope;
pub mod feed;
pub mod gaps;
pub mod machine;
pub mod message;
pub mod order;
pub mod origin;
pub mod signature;

#[cfg(test)]
mod properties;
