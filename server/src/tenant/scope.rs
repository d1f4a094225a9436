//! In: the words `register` and `verify`. Out: what a key or a token is good for.

use crate::session::request::Kind;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing a key may be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Scope {
    /// Registering voices.
    Register,
    /// Verifying them.
    Verify,
}

/// What a key is good for. As text: the words of RFC 6749 §3.3, separated by single spaces.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scopes {
    register: bool,
    verify: bool,
}

/// A word that is no scope, or no word at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scopes are: register, verify")]
pub struct UnknownScope;

impl From<Kind> for Scope {
    /// What sessions of this kind need.
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Register => Self::Register,
            Kind::Verify => Self::Verify,
        }
    }
}

impl Scope {
    const ALL: [Self; 2] = [Self::Register, Self::Verify];

    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Verify => "verify",
        }
    }
}

impl Scopes {
    /// Everything.
    pub const ALL: Self = Self { register: true, verify: true };

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        !self.register && !self.verify
    }

    /// Whether this is among them.
    pub const fn contains(self, scope: Scope) -> bool {
        match scope {
            Scope::Register => self.register,
            Scope::Verify => self.verify,
        }
    }

    /// Whether all of the others are among them.
    pub const fn contain(self, others: Self) -> bool {
        (self.register || !others.register) && (self.verify || !others.verify)
    }

    /// Those that are among both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self { register: self.register && others.register, verify: self.verify && others.verify }
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::default(), |all, scope| match scope {
            Scope::Register => Self { register: true, ..all },
            Scope::Verify => Self { verify: true, ..all },
        })
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            Scope::ALL.into_iter().filter(|scope| self.contains(*scope)).map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let word = |word: &str| Scope::ALL.into_iter().find(|scope| scope.name() == word).ok_or(UnknownScope);
        let scopes: Self = text.split_whitespace().map(word).collect::<Result<_, _>>()?;
        if scopes == Self::default() { Err(UnknownScope) } else { Ok(scopes) }
    }
}

impl TryFrom<String> for Scopes {
    type Error = UnknownScope;

    fn try_from(text: String) -> Result<Self, UnknownScope> {
        text.parse()
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_the_words_of_the_rfc_in_any_order() {
        let both: Scopes = "verify register".parse().unwrap();
        assert_eq!((both, both.to_string()), (Scopes::ALL, "register verify".to_owned()));
        let verify: Scopes = " verify  verify ".parse().unwrap();
        assert!(verify.contains(Scope::Verify) && !verify.contains(Scope::Register));
        assert!(both.contain(verify) && !verify.contain(both) && both.and(verify) == verify);
        for wrong in ["", " ", "admin", "register admin", "Verify"] {
            assert_eq!(wrong.parse::<Scopes>(), Err(UnknownScope), "{wrong:?}");
        }
    }
}
