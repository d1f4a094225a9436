//! In: what an operator wants changed. Out: a changed key file, or why not and what to do instead.
//!
//! One process at a time changes the file: it reads, changes and replaces it under a lock. A running server notices.

use std::time::Duration;

use crate::data_dir::{DataDir, DataDirError, hex};
use crate::ids::Tenant;
use crate::sensitive::Sensitive;
use crate::similar::similar;
use crate::tenant::file::{KeyFile, StoredKey, StoredTenant};
pub use crate::tenant::kind::KeyKind;
use crate::tenant::scope::Scopes;
use crate::tenant::sealed::Sealer;
use crate::tenant::secret;
use crate::tenant::supplied::{Material, NotUsable};
use crate::tenant::time::UnixTime;

/// Secrets of one key that may work at the same time.
const MAX_SECRETS: usize = 4;

/// Why nothing was changed. Texts say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Not a name that a tenant can have.
    #[error(
        "{0:?} cannot be a tenant's name; use 1 to 63 lower-case letters, digits and hyphens, the first no hyphen"
    )]
    TenantName(String),
    /// No tenant of that name.
    #[error("there is no tenant {name:?}{}; see: peakstream tenant list", suggestion(near))]
    UnknownTenant {
        /// The name.
        name: String,
        /// Names that are like it.
        near: Vec<String>,
    },
    /// A tenant of that name is there.
    #[error("there is a tenant {0:?} already; give it a key with: peakstream key add --tenant {0} --client")]
    TenantExists(String),
    /// The tenant has keys, which would go with it.
    #[error(
        "tenant {name:?} has {keys} clients and keys, which would be removed with it; add --yes to do that, or stop \
         them for now with: peakstream tenant disable {name}"
    )]
    TenantHasKeys {
        /// The tenant.
        name: String,
        /// How many.
        keys: usize,
    },
    /// No client or API key of that id.
    #[error("there is no client or key {id:?}{}; see: peakstream key list", suggestion(near))]
    UnknownKey {
        /// The id.
        id: String,
        /// Ids that are like it.
        near: Vec<String>,
    },
    /// No credential key of that id.
    #[error("there is no credential key {id:?}{}; see: peakstream key list", suggestion(near))]
    UnknownCredentialKey {
        /// The id.
        id: String,
        /// Ids that are like it.
        near: Vec<String>,
    },
    /// Credentials are sealed with this key.
    #[error(
        "credentials are sealed with key {id}; it can go after another has taken over and they were made anew: peakstream key \
         rotate-credential"
    )]
    CredentialKeySeals {
        /// The key.
        id: String,
    },
    /// Credentials would be lost, which somebody has to want.
    #[error(
        "every credential that was sealed with key {id} would never open again: verifying with it would fail with \"Decryption \
         error\", its caller would have to register anew. The server keeps no list of them; a credential names its key in bytes 2 to 9 of its base64url. \
         Secrets of carriers ({sealed_anew}) are sealed anew and stay. Nothing was changed; add --yes to remove the key"
    )]
    CredentialsWouldBeLost {
        /// The key.
        id: String,
        /// Secrets of carriers that would be sealed with the active key.
        sealed_anew: usize,
    },
    /// The key was rotated too often within its overlap.
    #[error(
        "{MAX_SECRETS} secrets of {id} work at the moment; wait until the overlap of the last rotations has passed, or end \
         it for all of them with --overlap 0s"
    )]
    TooManySecrets {
        /// The key.
        id: String,
    },
    /// Secrets that were handed over cannot be used.
    #[error("{0}")]
    NotUsable(NotUsable),
    /// Twilio makes the auth token; nothing is made here.
    #[error(
        "Twilio makes its auth tokens: hand the account's over on standard input with --secret-file -, or in a file with \
         --secret-file FILE"
    )]
    MadeElsewhere,
    /// The AudioHook API key is another entry's.
    #[error("{id} has this AudioHook API key already; each entry needs its own")]
    KnownKey {
        /// The entry.
        id: String,
    },
    /// The key has expired: a new secret of it would not work either.
    #[error(
        "{id} expired at {at}; renew it with --expires-in, for example --expires-in 90d, or add another key"
    )]
    Expired {
        /// The key.
        id: String,
        /// When.
        at: UnixTime,
    },
}

fn suggestion(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// A secret that is new; it is kept nowhere in clear.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Which client or key.
    pub id: String,
    /// Of which kind.
    pub kind: KeyKind,
    /// Whose it is.
    pub tenant: String,
    /// The client's secret, the API key itself, the auth token.
    pub secret: Sensitive<String>,
    /// What signs requests with an AudioHook API key.
    pub client_secret: Option<Sensitive<String>>,
    /// It was made elsewhere and handed over.
    pub supplied: bool,
    /// From when on the key does not work.
    pub expires_at: Option<UnixTime>,
}

/// Where a key's secrets come from.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// They are made here.
    Fresh {
        /// Whether an AudioHook key gets a client secret, which then must sign every request with it.
        signed: bool,
    },
    /// They were made elsewhere: a line each.
    Supplied(&'a str),
}

impl Origin<'_> {
    /// The secrets, and whether they were supplied.
    fn material(self, kind: KeyKind) -> Result<(Material, bool), EditError> {
        match self {
            Self::Supplied(text) => {
                Material::parse(kind, text).map(|made| (made, true)).map_err(EditError::NotUsable)
            }
            Self::Fresh { .. } if kind == KeyKind::Twilio => Err(EditError::MadeElsewhere),
            Self::Fresh { signed } => Ok((Material::fresh(kind, signed)?, false)),
        }
    }
}

/// Changes the key file of a data directory.
///
/// # Errors
/// What `change` says, and what the directory says. Then nothing is changed.
pub fn edit<T>(
    dir: &DataDir,
    change: impl FnOnce(&mut KeyFile) -> Result<T, EditError>,
) -> Result<T, EditError> {
    let alone = dir.lock_for_edit()?;
    let no_keys = || DataDirError::NoKeys { path: dir.path().to_owned() };
    let mut file = KeyFile::read(dir)?.ok_or_else(no_keys)?;
    let changed = change(&mut file)?;
    file.forget_expired(UnixTime::now());
    file.write(dir, &alone)?;
    Ok(changed)
}

impl KeyFile {
    /// A tenant of a new name.
    ///
    /// # Errors
    /// If the name cannot be one, or is taken.
    pub fn add_tenant(&mut self, name: &str) -> Result<(), EditError> {
        if Tenant::parse(name).is_none() {
            return Err(EditError::TenantName(name.to_owned()));
        }
        if self.tenants.iter().any(|tenant| tenant.name == name) {
            return Err(EditError::TenantExists(name.to_owned()));
        }
        self.tenants.push(StoredTenant::new(name));
        Ok(())
    }

    /// A tenant, to be looked at.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn tenant(&self, name: &str) -> Result<&StoredTenant, EditError> {
        let unknown = || EditError::UnknownTenant {
            name: name.to_owned(),
            near: similar(name, self.tenants.iter().map(|tenant| tenant.name.clone())),
        };
        self.tenants.iter().find(|tenant| tenant.name == name).ok_or_else(unknown)
    }

    /// A tenant, to be changed.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn tenant_mut(&mut self, name: &str) -> Result<&mut StoredTenant, EditError> {
        let unknown = self.tenant(name).err();
        let found = self.tenants.iter_mut().find(|tenant| tenant.name == name);
        found.ok_or_else(|| unknown.unwrap_or_else(|| EditError::TenantName(name.to_owned())))
    }

    /// Stops all keys of a tenant, or undoes that.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn disable_tenant(&mut self, name: &str, disabled: bool) -> Result<(), EditError> {
        self.tenant_mut(name)?.disabled = disabled;
        Ok(())
    }

    /// Removes a tenant; its keys only if that is said.
    ///
    /// # Errors
    /// If there is none of that name, or it has keys.
    pub fn remove_tenant(&mut self, name: &str, with_keys: bool) -> Result<usize, EditError> {
        self.tenant(name)?;
        let keys = self.keys().filter(|key| key.tenant == name).count();
        if keys > 0 && !with_keys {
            return Err(EditError::TenantHasKeys { name: name.to_owned(), keys });
        }
        self.tenants.retain(|tenant| tenant.name != name);
        for kind in KeyKind::ALL {
            self.list_mut(kind).retain(|key| key.tenant != name);
        }
        Ok(keys)
    }

    /// A new client or key, its secrets made here. An AudioHook key gets a client secret too.
    ///
    /// # Errors
    /// If there is no such tenant, no random numbers, or nothing of that kind is made here.
    pub fn add_key(
        &mut self,
        kind: KeyKind,
        tenant: &str,
        scopes: Scopes,
        expires_at: Option<UnixTime>,
    ) -> Result<NewSecret, EditError> {
        self.add(kind, tenant, scopes, expires_at, Origin::Fresh { signed: true })
    }

    /// A new key of a carrier. Carriers have no scopes: what is done with their audio was asked for in signalling.
    ///
    /// # Errors
    /// As [`KeyFile::add_key`]; and if supplied secrets cannot be used, or are another entry's.
    pub fn add_carrier_key(
        &mut self,
        kind: KeyKind,
        tenant: &str,
        expires_at: Option<UnixTime>,
        origin: Origin<'_>,
    ) -> Result<NewSecret, EditError> {
        self.add(kind, tenant, Scopes::default(), expires_at, origin)
    }

    fn add(
        &mut self,
        kind: KeyKind,
        tenant: &str,
        scopes: Scopes,
        expires_at: Option<UnixTime>,
        origin: Origin<'_>,
    ) -> Result<NewSecret, EditError> {
        self.tenant(tenant)?;
        let (material, supplied) = origin.material(kind)?;
        self.check_unknown(kind, &material)?;
        let id = format!("{}-{}", kind.prefix(), hex(&secret::random::<8>()?));
        let stored = material.stored(kind, tenant, None, &self.sealer()?)?;
        self.list_mut(kind).push(StoredKey {
            id: id.clone(),
            tenant: tenant.to_owned(),
            scopes: if kind.is_carrier() { Scopes::default() } else { scopes },
            created_at: Some(UnixTime::now()),
            expires_at,
            disabled: false,
            secrets: vec![stored],
        });
        let Material { key: secret, client_secret } = material;
        Ok(NewSecret { id, kind, tenant: tenant.to_owned(), secret, client_secret, supplied, expires_at })
    }

    /// New secrets of a client or key, made here; those it has work for as long as `overlap`. With `renewed`, the key as a
    /// whole expires then. Requests with an AudioHook key are signed afterwards if they were before.
    ///
    /// # Errors
    /// If there is no such key, it has expired, or too many secrets of it work.
    pub fn rotate_key(
        &mut self,
        id: &str,
        overlap: Duration,
        renewed: Option<UnixTime>,
    ) -> Result<NewSecret, EditError> {
        let (_, key) = self.key_mut(id)?;
        let signed = key.secrets.iter().any(|secret| secret.sealed.is_some());
        self.rotate_key_to(id, overlap, renewed, Origin::Fresh { signed })
    }

    /// As [`KeyFile::rotate_key`], with what the new secrets are.
    ///
    /// # Errors
    /// As [`KeyFile::rotate_key`] and [`KeyFile::add_carrier_key`].
    pub fn rotate_key_to(
        &mut self,
        id: &str,
        overlap: Duration,
        renewed: Option<UnixTime>,
        origin: Origin<'_>,
    ) -> Result<NewSecret, EditError> {
        let sealer = self.sealer()?;
        let (kind, key) = self.key_mut(id)?;
        let (material, supplied) = origin.material(kind)?;
        key.make_room(overlap, renewed)?;
        let beside = key.secrets.first().map(|secret| secret.hash.expose().as_str());
        let stored = material.stored(kind, &key.tenant, beside, &sealer)?;
        let (tenant, expires_at) = (key.tenant.clone(), key.expires_at);
        self.check_unknown(kind, &material)?;
        self.key_mut(id)?.1.secrets.insert(0, stored);
        let Material { key: secret, client_secret } = material;
        Ok(NewSecret { id: id.to_owned(), kind, tenant, secret, client_secret, supplied, expires_at })
    }

    fn sealer(&self) -> Result<Sealer, DataDirError> {
        let unsound = || DataDirError::Secrets("no sound credential key".to_owned());
        Sealer::of(&self.credential_keys).ok_or_else(unsound)
    }

    /// An AudioHook API key says whose a call is: it must be one entry's only.
    fn check_unknown(&self, kind: KeyKind, material: &Material) -> Result<(), EditError> {
        if kind != KeyKind::AudioHook {
            return Ok(());
        }
        let hash = kind.hash(material.key.expose(), None)?;
        let has = |key: &&StoredKey| key.secrets.iter().any(|secret| secret.hash == hash);
        let known = self.audiohook_keys.iter().find(has);
        known.map_or(Ok(()), |key| Err(EditError::KnownKey { id: key.id.clone() }))
    }

    /// A client or an API key, to be changed.
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn key_mut(&mut self, id: &str) -> Result<(KeyKind, &mut StoredKey), EditError> {
        let near = similar(id, self.keys().map(|key| key.id.clone()));
        let kind = self.kinds().find(|(_, key)| key.id == id).map(|(kind, _)| kind);
        let found =
            kind.and_then(|kind| Some((kind, self.list_mut(kind).iter_mut().find(|key| key.id == id)?)));
        found.ok_or_else(|| EditError::UnknownKey { id: id.to_owned(), near })
    }

    /// Stops a client or an API key, or undoes that.
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn disable_key(&mut self, id: &str, disabled: bool) -> Result<(), EditError> {
        self.key_mut(id)?.1.disabled = disabled;
        Ok(())
    }

    /// Removes a client or an API key.
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn remove_key(&mut self, id: &str) -> Result<(), EditError> {
        let (kind, _) = self.key_mut(id)?;
        self.list_mut(kind).retain(|key| key.id != id);
        Ok(())
    }

    /// Drops secrets and token keys that are over. Keys that are over stay: their owners want to see that.
    fn forget_expired(&mut self, now: UnixTime) {
        let over = |at: Option<UnixTime>| at.is_some_and(|at| at <= now);
        for kind in KeyKind::ALL {
            for key in self.list_mut(kind) {
                key.secrets.retain(|secret| !over(secret.expires_at));
            }
        }
        self.token_keys.retain(|key| !over(key.expires_at));
    }
}

impl StoredKey {
    /// Ends the secrets it has with the overlap, and checks that there is room for another.
    fn make_room(&mut self, overlap: Duration, renewed: Option<UnixTime>) -> Result<(), EditError> {
        let now = UnixTime::now();
        self.expires_at = renewed.or(self.expires_at);
        if let Some(at) = self.expires_at.filter(|at| *at <= now) {
            return Err(EditError::Expired { id: self.id.clone(), at });
        }
        let end = now.after(overlap);
        for secret in &mut self.secrets {
            secret.expires_at = Some(secret.expires_at.map_or(end, |at| at.min(end)));
        }
        self.secrets.retain(|secret| secret.expires_at.is_some_and(|at| at > now));
        if self.secrets.len() >= MAX_SECRETS {
            return Err(EditError::TooManySecrets { id: self.id.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
