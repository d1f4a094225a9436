//! The server of peakstream: calls and requests come in over the network, events with results go out.
//!
//! Two planes that know each other only through a call id:
//!
//! * **signalling** ([`signalling`]): a client authenticates, starts a session, receives its events;
//! * **audio** ([`audio_channel`]): a carrier sends the call's audio.
//!
//! Between them stands the **session** ([`session`]): a sans-IO state machine in a task of its own. Heavy computation
//! happens in [`inference`]'s threads and nowhere else. The engine is the crate `peakstream`; only [`biometrics`] asks it
//! for models and credentials, and only the audio driver pushes bytes into it.
//!
//! ```text
//! carrier ─ websocket ─ media_streams::machine ─ driver ─ CallStream
//!                                                  │ reports
//! client ─ socketio ─ client ─ request ─────────── session::actor (session::machine) ─ inference ─ biometrics
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod audio_channel;
pub mod biometrics;
pub mod cli;
pub mod client;
pub mod config;
pub mod data_dir;
pub mod first_run;
pub mod ids;
pub mod inference;
pub mod listener;
pub mod replay;
pub mod sensitive;
pub mod server;
pub mod session;
pub mod shutdown;
pub mod signalling;
pub mod similar;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod websocket;

pub use peakstream_files::{audio_file, model_dir, recording};
