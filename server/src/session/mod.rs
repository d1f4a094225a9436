//! In: a validated request, audio progress, measurements, time. Out: the events of one registration or verification.
//!
//! * [`request`]: the one validation of `initialize` for every signalling channel
//! * [`event`]: every event a client can receive; [`error`]: every way a session can fail
//! * [`machine`]: the sans-IO state machine; [`actor`]: the task that gives it a clock, an inbox and a client
//! * [`countermeasure`]: what follows from what a countermeasure makes of a call: report, enforce, step up; [`authenticity`]: the first of them
//! * [`policy`]: quality gates, doubt and authenticity, by tenant; [`score_threshold`]: a threshold as a number or by name
//! * [`record`]: what is kept of a session and shown over REST; [`journal`]: where sessions are found by their id
//! * [`registry`]: which sessions live, by tenant and call id, and which audio connections wait for one

pub mod actor;
pub mod authenticity;
pub mod countermeasure;
pub mod error;
pub mod event;
pub mod journal;
pub mod machine;
pub mod policy;
pub mod record;
pub mod registry;
pub mod request;
pub mod score_threshold;
