//! In: identifiers as they arrive. Out: typed ones: who ([`Tenant`]), which call ([`CallId`]), which session
//! ([`SessionId`]); and when ([`Timestamp`]).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One customer of this server. Tenants do not see each other: every look-up of a call starts with one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// A tenant by its name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// A tenant by a name that somebody chose: lower-case letters, digits and hyphens, 1 to 63, the first no hyphen, so
    /// that it can stand in an address and a file name. `None` for any other.
    pub fn parse(name: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let sound = (1..=63).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-');
        sound.then(|| Self::new(name))
    }

    /// The name: part of tokens and of the data a credential is bound to.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// The tenant of a data directory that was made by a first start.
pub const DEFAULT_TENANT: &str = "default";

/// The longest `call_id` accepted, in characters. UUIDs have 36, Twilio SIDs 34.
pub const MAX_CALL_ID_CHARS: usize = 256;

/// The identifier that joins signalling and audio: opaque, compared exactly, 1 to [`MAX_CALL_ID_CHARS`] characters.
///
/// The customer chooses it, so it may well be a telephone number: `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(Arc<str>);

impl TryFrom<String> for CallId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("a call id has 1 to 256 characters")
    }
}

impl From<CallId> for String {
    fn from(id: CallId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl CallId {
    /// `None` if the text is empty or too long.
    pub fn new(text: &str) -> Option<Self> {
        let chars = text.chars().count();
        (1..=MAX_CALL_ID_CHARS).contains(&chars).then(|| Self(text.into()))
    }

    /// The text, for the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallId([redacted])")
    }
}

/// Our own random identifier of a session: the one that logs may show.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A fresh random one.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id that has this form.
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// As a UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

/// A point in time, in whole milliseconds since 1970-01-01 UTC; what is stored and shown. Time-outs use a monotonic clock.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Now, by the system's clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn milliseconds(self) -> u64 {
        self.0
    }

    /// This long afterwards.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// As an HTTP date (RFC 9110 §5.6.7), whole seconds.
    pub fn http_date(self) -> String {
        // Beyond the year 9999 there is no such date, and no such session.
        let latest = Duration::from_secs(253_402_300_799);
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(self.0).min(latest))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_name_can_stand_in_an_address() {
        for good in ["a", "acme", "acme-2", "0", &"x".repeat(63)] {
            assert!(Tenant::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "Acme", "a b", "a/b", "a.b", "ä", "a_b", &"x".repeat(64)] {
            assert!(Tenant::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_call_id_has_1_to_256_characters_not_bytes() {
        assert!(CallId::new("").is_none());
        assert!(CallId::new("x").is_some());
        assert!(CallId::new(&"ü".repeat(256)).is_some());
        assert!(CallId::new(&"u".repeat(257)).is_none());
    }

    #[test]
    fn debug_of_a_call_id_shows_nothing_of_it() {
        let id = CallId::new("+34600111222").map(|id| format!("{id:?}"));
        assert_eq!(id.as_deref(), Some("CallId([redacted])"));
    }
}
