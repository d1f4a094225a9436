//! Who may use the signalling channels, both alike.

use crate::tenant::keyring::Principal;

/// Who may ask for sessions.
#[derive(Clone, Debug)]
pub enum Access {
    /// Who proves who it is: with a token, or over REST with an API key as well.
    Proven,
    /// Everybody, as this one: the operator has switched authentication off.
    Open(Principal),
}
