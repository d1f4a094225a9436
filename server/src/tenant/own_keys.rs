//! In: what an operator wants of the keys that the server itself uses. Out: a changed key file, or why not and what to do.
//!
//! Token keys end by themselves: what they sign has a lifetime. Credential keys open for ever, so one goes only when somebody says
//! so, and what was sealed with it then never opens again. Secrets of carriers stand in the same file and are sealed anew instead.

use std::time::Duration;

use crate::data_dir::DataDirError;
use crate::similar::similar;
use crate::tenant::edit::EditError;
use crate::tenant::file::{KeyFile, OwnKey};
use crate::tenant::kind::KeyKind;
use crate::tenant::sealed::{Sealer, key_id};
use crate::tenant::time::UnixTime;

/// What becomes of secrets that were sealed with a credential key when it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Secrets of carriers that are sealed with the active key from now on.
    pub sealed_anew: usize,
    /// Credential keys that are left.
    pub left: usize,
}

impl KeyFile {
    /// Tokens are signed with a new key from now on; what the older ones signed is good for `forget_after`.
    ///
    /// # Errors
    /// If there are no random numbers.
    pub fn rotate_token_key(&mut self, forget_after: Duration) -> Result<String, EditError> {
        let end = UnixTime::now().after(forget_after);
        for key in &mut self.token_keys {
            key.expires_at = Some(key.expires_at.map_or(end, |at| at.min(end)));
        }
        let key = OwnKey::random()?;
        let id = key.id.clone();
        self.token_keys.insert(0, key);
        Ok(id)
    }

    /// Credentials are sealed with a new key from now on; the older ones open theirs until they are removed.
    ///
    /// # Errors
    /// If there are no random numbers.
    pub fn rotate_credential_key(&mut self) -> Result<String, EditError> {
        let key = OwnKey::random()?;
        let id = key.id.clone();
        self.credential_keys.insert(0, key);
        Ok(id)
    }

    /// Removes an older credential key: credentials that were sealed with it never open again. `knowing`: whoever asks knows that.
    ///
    /// # Errors
    /// If there is no such key, if it is the one that seals, or without `knowing`, which tells what would happen.
    pub fn remove_credential_key(&mut self, id: &str, knowing: bool) -> Result<Removal, EditError> {
        let at = self.credential_keys.iter().position(|key| key.id == id).ok_or_else(|| {
            let near = similar(id, self.credential_keys.iter().map(|key| key.id.clone()));
            EditError::UnknownCredentialKey { id: id.to_owned(), near }
        })?;
        if at == 0 {
            return Err(EditError::CredentialKeySeals { id: id.to_owned() });
        }
        let sealed_anew = self.seal_anew(id)?;
        if !knowing {
            return Err(EditError::CredentialsWouldBeLost { id: id.to_owned(), sealed_anew });
        }
        self.credential_keys.remove(at);
        Ok(Removal { sealed_anew, left: self.credential_keys.len() })
    }

    /// Seals what is sealed with this key with the active one. How many secrets those were.
    fn seal_anew(&mut self, id: &str) -> Result<usize, EditError> {
        let unsound = |what: &str| EditError::from(DataDirError::Secrets(what.to_owned()));
        let sealer =
            Sealer::of(&self.credential_keys).ok_or_else(|| unsound("there is no credential key"))?;
        let mut count = 0;
        for kind in KeyKind::ALL {
            for key in self.list_mut(kind) {
                let owner = kind.owner(&key.tenant);
                let secrets = key.secrets.iter_mut().filter_map(|secret| secret.sealed.as_mut());
                for sealed in secrets.filter(|sealed| key_id(sealed.expose()).as_deref() == Some(id)) {
                    let plain = sealer.open(owner, sealed.expose());
                    let plain = plain.ok_or_else(|| unsound("a carrier's secret does not open"))?;
                    *sealed = sealer.seal(owner, &plain)?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
#[path = "own_keys_tests.rs"]
mod tests;
