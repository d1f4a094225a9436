//! In: nothing. Out: what kinds of keys there are, and what each is kept as.

use crate::data_dir::{DataDirError, hex};
use crate::sensitive::Sensitive;
use crate::tenant::sealed::Owner;
use crate::tenant::secret;

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// An OAuth client: asks for tokens with its id and secret.
    Client,
    /// A key that HTTP requests carry.
    ApiKey,
    /// What Genesys AudioHook proves itself with: an API key, and usually a client secret that signs.
    AudioHook,
    /// The auth token of a Twilio account, which signs Twilio's requests.
    Twilio,
}

impl KeyKind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Client, Self::ApiKey, Self::AudioHook, Self::Twilio];

    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::ApiKey => "api-key",
            Self::AudioHook => "audiohook",
            Self::Twilio => "twilio",
        }
    }

    /// How ids of this kind begin.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Client => "ps",
            Self::ApiKey => "ak",
            Self::AudioHook => "ah",
            Self::Twilio => "tw",
        }
    }

    /// Whether it belongs to a carrier, and so has no scopes.
    pub const fn is_carrier(self) -> bool {
        matches!(self, Self::AudioHook | Self::Twilio)
    }

    /// Whose its sealed secrets are.
    pub(crate) const fn owner(self, tenant: &str) -> Owner<'_> {
        Owner { purpose: self.name(), tenant }
    }

    /// What is kept of what is presented, or of what signs.
    pub(crate) fn hash(self, made: &str, beside: Option<&str>) -> Result<Sensitive<String>, DataDirError> {
        match self {
            Self::Client => Ok(secret::hash(made, beside)?),
            Self::ApiKey | Self::AudioHook | Self::Twilio => {
                Ok(Sensitive::new(hex(&secret::api_key_digest(made))))
            }
        }
    }
}
