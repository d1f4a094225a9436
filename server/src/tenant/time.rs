//! In: the system's clock. Out: seconds since 1970, as tokens and the key file have them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 UTC. `Display` is RFC 3339.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct UnixTime(u64);

/// The last second that RFC 3339 can write: the year 9999.
const LAST: u64 = 253_402_300_799;

impl UnixTime {
    /// Now; a clock that stands before 1970 counts as 1970.
    pub fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    /// So many seconds after 1970.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// So many seconds after 1970.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// That much later; whole seconds.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.0.min(LAST))).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_rfc_3339_whatever_a_file_says() {
        assert_eq!(UnixTime::from_seconds(1_700_000_000).to_string(), "2023-11-14T22:13:20Z");
        assert_eq!(UnixTime::from_seconds(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(UnixTime::from_seconds(u64::MAX).after(Duration::MAX), UnixTime::from_seconds(u64::MAX));
    }
}
