//! In: what an operator says of recordings that come again. Out: what a tenant's calls are compared with, and how long that is kept.
//!
//! Off until an operator says `peakstream tenant replay NAME enrolment` or `attempts` (`docs/replay.md`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::countermeasure::CountermeasurePolicy;

/// What the key file says.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TenantReplay {
    /// What verifications are compared with.
    pub with: Heard,
    /// Attempts that are kept of each credential; the oldest goes.
    pub keep: u32,
    /// Seconds they are kept.
    pub keep_for: u64,
    /// What is done with a recording that was heard before.
    pub policy: CountermeasurePolicy,
}

/// Recordings with which verifications are compared.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// The enrolment: its fingerprint is sealed in credentials made from now on.
    Enrolment,
    /// The enrolment, and earlier attempts with the credential, whose fingerprints are kept.
    Attempts,
}

impl TenantReplay {
    /// Attempts that can be kept of each credential. Each is another chance of a false alarm.
    pub const MOST: u32 = 64;
    /// As long as they can be kept, in seconds: 400 days.
    pub const LONGEST: u64 = 400 * 24 * 3_600;

    /// As when nobody says more: eight attempts are kept for 30 days, and what is found is told.
    pub const fn new(with: Heard) -> Self {
        Self { with, keep: 8, keep_for: 30 * 24 * 3_600, policy: CountermeasurePolicy::Report }
    }

    /// Whether it is one that can be meant.
    pub fn is_sound(&self) -> bool {
        (1..=Self::MOST).contains(&self.keep) && (1..=Self::LONGEST).contains(&self.keep_for)
    }

    /// How long attempts are kept.
    pub const fn kept_for(&self) -> Duration {
        Duration::from_secs(self.keep_for)
    }

    /// Whether attempts are kept.
    pub fn keeps_attempts(&self) -> bool {
        self.with == Heard::Attempts
    }
}
