//! In: clients that ask for sessions. Out: tokens, sessions, their events and results.
//!
//! * [`access`]: whether anybody has to prove anything
//! * [`oauth`]: the token endpoint; [`token`]: what a token holds and how it is checked
//! * [`rest`]: the same for clients that poll, or listen to Server-Sent Events
//! * [`describe`]: all of it described, for people and for programs
//! * [`engineio`]: sessions over HTTP long-polling and WebSocket
//! * [`socketio`]: namespaces, who may join them, and how events look on the wire
//! * [`client`]: the task of one client that has sent `initialize`

pub mod access;
pub mod client;
pub mod describe;
pub mod engineio;
pub mod oauth;
pub mod rest;
pub mod socketio;
pub mod token;
