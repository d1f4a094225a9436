//! How well the engine decides, measured: in go recordings and lists of who speaks in them, out come error rates with their
//! intervals, calibrations and reports.
//!
//! ```text
//! trial lists ─ trials ─┐
//! recordings ─ channel ─ embedding (a real CallStream each, kept in a cache) ─ run ─ metrics ─ report
//!                                                                                   └─ calibrate
//! recordings ─ channel ─ gates (how often each quality gate stops good calls, and notices bad ones)
//! recordings ─ channel ─ replays (how often a recording that comes again is known, and a new call taken for it)
//! ```
//!
//! Nothing here reads audio files or prints: the program `peakstream` does (`server/src/cli/`).
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod calibrate;
pub mod channel;
pub mod embedding;
pub mod gates;
pub mod metrics;
mod parallel;
pub mod replays;
pub mod report;
pub mod run;
pub mod sound;
pub mod trials;
