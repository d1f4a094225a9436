//! In: a value that must not be written anywhere. Out: the same value, whose `Debug` and `Display` say `[redacted]`.
//!
//! Credentials, tokens, secrets, call ids and audio travel through the server inside this wrapper, so that a `{:?}` of
//! any structure that holds one is harmless by construction. Reading the value takes an explicit [`Sensitive::expose`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value that no log line, metric or error may contain.
///
/// It can be serialised, because what is sensitive has to be stored and sent somewhere; loggers use `Debug` and `Display`.
#[derive(Clone, Default, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; for the wire and for computation, never for a log.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to be changed in place.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_the_value() {
        let secret = Sensitive::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "[redacted] [redacted]");
        assert_eq!(*secret.expose(), "hunter2");
    }
}
