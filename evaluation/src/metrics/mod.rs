//! Scores of trials enter, error rates and costs leave, each with an interval.
//!
//! A trial asks whether two recordings are of one speaker. Its score is higher the more they seem to be; a decision
//! accepts where the score reaches a threshold. Terms as in ISO/IEC 19795-1: a *false accept* is an accepted trial of two
//! speakers, a *false reject* a rejected one of the same speaker.

mod bootstrap;
mod cost;
mod hull;
mod levels;
mod random;
mod rates;

pub use bootstrap::{Bootstrap, Estimate, FEWEST_SPEAKERS, Interval, Pair};
pub use cost::OperatingPoint;
pub(crate) use cost::softplus;
pub use hull::probit;
pub use levels::{Decision, Level, Levels, ScoresError, Trial};
pub(crate) use random::SplitMix;
pub use rates::{ENOUGH_ERRORS, Rates, Share, ThresholdAt};
