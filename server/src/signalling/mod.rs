//! In: clients that ask for sessions. Out: tokens, and the events of their sessions.
//!
//! * [`oauth`]: the token endpoint; [`token`]: what a token holds and how it is checked
//! * [`socketio`]: namespaces, who may join them, and how events look on the wire
//! * [`client`]: the task of one client that has sent `initialize`

pub mod client;
pub mod oauth;
pub mod socketio;
pub mod token;
