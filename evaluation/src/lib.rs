//! How well the engine decides, measured: in go recordings and lists of who speaks in them, out come error rates with their
//! intervals, calibrations and reports.

pub mod channel;
pub mod sound;
