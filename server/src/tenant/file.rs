//! In: `secrets.toml` of a data directory. Out: tenants, clients, API keys and the server's own keys; and back.
//!
//! Everything secret of clients is a hash here, and what carriers sign with is sealed. What the server itself computes with
//! stands in clear, which is why the file is its owner's only. The form without a `version` is read too, and written anew by the first change.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peakstream::credential::{CredentialKey, CredentialKeys};
use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError, EditLock, unhex};
use crate::sensitive::Sensitive;
use crate::session::authenticity::AuthenticityWishes;
use crate::session::policy::{Doubt, GateSetting};
use crate::tenant::centre::TenantCentre;
use crate::tenant::kind::KeyKind;
use crate::tenant::limits::TenantLimits;
use crate::tenant::replay::TenantReplay;
use crate::tenant::scope::Scopes;
use crate::tenant::sealed::Sealer;
use crate::tenant::secret;
use crate::tenant::time::UnixTime;

/// Its name in the data directory.
pub const KEY_FILE: &str = "secrets.toml";
/// The form written here. The form before it had no number.
const VERSION: u32 = 2;

/// The content of the key file.
// A typing error of a person must not go unnoticed: `disabeld = true` would leave a key working.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    version: u32,
    /// Customers of this server.
    #[serde(default)]
    pub tenants: Vec<StoredTenant>,
    /// Who may ask for tokens.
    #[serde(default)]
    pub clients: Vec<StoredKey>,
    /// Who may use the HTTP interfaces.
    #[serde(default)]
    pub api_keys: Vec<StoredKey>,
    /// API keys of Genesys AudioHook, with the client secrets that sign their requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiohook_keys: Vec<StoredKey>,
    /// Auth tokens of Twilio accounts, which sign Twilio's requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twilio_tokens: Vec<StoredKey>,
    /// What tokens are signed with: the first signs, all verify.
    pub(crate) token_keys: Vec<OwnKey>,
    /// What credentials are sealed with: the first seals, all open.
    pub(crate) credential_keys: Vec<OwnKey>,
}

/// A customer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoredTenant {
    /// See [`crate::ids::Tenant::parse`].
    pub name: String,
    /// None of its keys work.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// When it was added; unknown for the first form of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<UnixTime>,
    /// How much it may have.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub limits: TenantLimits,
    /// What it wants of the quality of speech, beside the server's settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateSetting>,
    /// When its results are doubtful.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// What it assumes of attacks, and what follows where a voice does not seem genuine.
    #[serde(default, skip_serializing_if = "AuthenticityWishes::is_empty")]
    pub authenticity: AuthenticityWishes,
    /// What all its voices have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre: Option<TenantCentre>,
    /// With what its verifications are compared; nothing if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<TenantReplay>,
}

/// An OAuth client, an API key, or what a carrier proves itself with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    /// Its public name: the `client_id` of a client.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// What it is good for; a carrier only sends audio and has none.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
    /// When it was added; unknown for the first form of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<UnixTime>,
    /// From when on it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixTime>,
    /// It does not work.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// The newest first; more than one during the overlap of a rotation.
    pub(crate) secrets: Vec<StoredSecret>,
}

/// One secret of a client, one API key, or one of a carrier's secrets.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredSecret {
    /// Of a client secret: a PHC string. Of an API key or a Twilio auth token: SHA-256, hexadecimal.
    pub(crate) hash: Sensitive<String>,
    /// What signatures are checked with ([`crate::tenant::sealed`]): an AudioHook client secret, if requests with this key
    /// are signed; a Twilio auth token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sealed: Option<Sensitive<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<UnixTime>,
}

/// A key the server itself uses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnKey {
    /// 8 bytes, hexadecimal.
    pub(crate) id: String,
    /// 32 bytes, base64url.
    pub(crate) key: Sensitive<String>,
    /// When it was made; unknown for the first forms of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<UnixTime>,
    /// From when on it verifies nothing any more. Credential keys open until they are removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<UnixTime>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn is_unlimited(limits: &TenantLimits) -> bool {
    *limits == TenantLimits::default()
}

impl StoredTenant {
    pub(crate) fn new(name: &str) -> Self {
        let created_at = Some(UnixTime::now());
        Self {
            name: name.to_owned(),
            disabled: false,
            created_at,
            limits: TenantLimits::default(),
            gates: Vec::new(),
            doubt: None,
            authenticity: AuthenticityWishes::default(),
            centre: None,
            replay: None,
        }
    }
}

impl StoredKey {
    /// How many of its secrets work now, if it does: more than one during the overlap of a rotation.
    pub fn live_secrets(&self, now: UnixTime) -> usize {
        self.secrets.iter().filter(|secret| secret.expires_at.is_none_or(|end| now < end)).count()
    }
}

impl OwnKey {
    pub(crate) fn random() -> Result<Self, DataDirError> {
        let id = crate::data_dir::hex(&secret::random::<8>()?);
        Ok(Self { id, key: secret::fresh()?, created_at: Some(UnixTime::now()), expires_at: None })
    }

    pub(crate) fn bytes(&self) -> Option<[u8; 32]> {
        URL_SAFE_NO_PAD.decode(self.key.expose()).ok()?.try_into().ok()
    }
}

impl KeyFile {
    /// Own keys, and nobody who may use them.
    pub(crate) fn fresh() -> Result<Self, DataDirError> {
        Ok(Self {
            version: VERSION,
            tenants: Vec::new(),
            clients: Vec::new(),
            api_keys: Vec::new(),
            audiohook_keys: Vec::new(),
            twilio_tokens: Vec::new(),
            token_keys: vec![OwnKey::random()?],
            credential_keys: vec![OwnKey::random()?],
        })
    }

    /// What is in a data directory; `None` before the first start.
    ///
    /// # Errors
    /// If the file is damaged or cannot be read.
    pub fn read(dir: &DataDir) -> Result<Option<Self>, DataDirError> {
        match File::open(dir.file(KEY_FILE)) {
            Ok(file) => Self::read_open(dir, file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataDirError::Io { path: dir.file(KEY_FILE), source }),
        }
    }

    pub(crate) fn read_open(dir: &DataDir, mut file: File) -> Result<Self, DataDirError> {
        let path = dir.file(KEY_FILE);
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        read.map_err(|source| DataDirError::Io { path: path.clone(), source })?;
        let text = String::from_utf8(bytes).map_err(|_| "is not text");
        text.and_then(|text| Self::parse(&text)).map_err(|what| DataDirError::Damaged { path, what })
    }

    /// Writes the file, whole. Who holds the edit lock is alone in doing so.
    pub(crate) fn write(&self, dir: &DataDir, _alone: &EditLock) -> Result<(), DataDirError> {
        let text = toml::to_string(self).map_err(|error| DataDirError::Secrets(error.to_string()))?;
        dir.replace(KEY_FILE, text.as_bytes())
    }

    /// The errors say nothing of the content, which the parser's own would quote.
    fn parse(text: &str) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Form {
            version: Option<u32>,
        }
        let form: Form = toml::from_str(text).map_err(|_| "is not a secrets file")?;
        let file = match form.version {
            None => toml::from_str::<FirstForm>(text).map_err(|_| "is not a secrets file")?.into(),
            Some(VERSION) => {
                toml::from_str::<Self>(text).map_err(|_| "is not a secrets file of version 2")?
            }
            Some(_) => return Err("was written by a newer peakstream"),
        };
        file.check()?;
        Ok(file)
    }

    /// What everything that uses a key file relies on.
    fn check(&self) -> Result<(), &'static str> {
        if self.token_keys.is_empty() || self.token_keys.iter().any(|key| key.bytes().is_none()) {
            return Err("has no token key of 32 bytes");
        }
        if self.credential_keys().is_none() {
            return Err("has no credential key of 8 and 32 bytes");
        }
        let tenants: HashSet<&str> = self.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
        if tenants.len() != self.tenants.len() {
            return Err("has a tenant twice");
        }
        if !self.tenants.iter().all(|tenant| tenant.limits.is_sound()) {
            return Err("has a limit that is not a number above zero");
        }
        if !self.tenants.iter().filter_map(|tenant| tenant.doubt).all(|doubt| doubt.is_sound()) {
            return Err("has a doubt that is not two scores in order and seconds of speech");
        }
        if !self.tenants.iter().filter_map(|tenant| tenant.replay).all(|replay| replay.is_sound()) {
            return Err("keeps no attempts of calls, too many or for too long");
        }
        let ids: HashSet<&str> = self.keys().map(|key| key.id.as_str()).collect();
        if ids.len() != self.keys().count() {
            return Err("has a client or a key twice");
        }
        if !self.keys().all(|key| tenants.contains(key.tenant.as_str())) {
            return Err("has a client or a key of a tenant that it does not have");
        }
        if self.clients.iter().chain(&self.api_keys).any(|key| key.scopes.is_empty()) {
            return Err("has a client or an API key without scopes");
        }
        let hashes = |keys: &[StoredKey], sound: fn(&str) -> bool| {
            keys.iter().flat_map(|key| &key.secrets).all(|secret| sound(secret.hash.expose()))
        };
        if !hashes(&self.clients, secret::is_hash) {
            return Err("has a client secret that is not an argon2 hash");
        }
        let is_digest: fn(&str) -> bool = |hash| unhex::<32>(hash).is_some();
        if ![&self.api_keys, &self.audiohook_keys, &self.twilio_tokens]
            .iter()
            .all(|keys| hashes(keys, is_digest))
        {
            return Err("has an API key or a token that is not a SHA-256");
        }
        self.check_carriers()
    }

    fn check_carriers(&self) -> Result<(), &'static str> {
        let sealer = Sealer::of(&self.credential_keys).ok_or("has no credential key of 8 and 32 bytes")?;
        for (kind, key) in self.kinds() {
            for StoredSecret { sealed, .. } in &key.secrets {
                let sound = match (kind, sealed) {
                    (KeyKind::Client | KeyKind::ApiKey, Some(_)) | (KeyKind::Twilio, None) => false,
                    (_, None) => true,
                    (_, Some(sealed)) => sealer.open(kind.owner(&key.tenant), sealed.expose()).is_some(),
                };
                if !sound {
                    return Err("has a carrier's secret that its own keys do not open");
                }
            }
        }
        let digests = self.audiohook_keys.iter().flat_map(|key| &key.secrets);
        let mut seen = HashSet::new();
        if !digests.map(|secret| secret.hash.expose()).all(|hash| seen.insert(hash)) {
            return Err("has an AudioHook API key twice");
        }
        Ok(())
    }

    /// Clients and keys of all kinds.
    pub fn keys(&self) -> impl Iterator<Item = &StoredKey> {
        self.kinds().map(|(_, key)| key)
    }

    /// Clients and keys, with what they are.
    pub fn kinds(&self) -> impl Iterator<Item = (KeyKind, &StoredKey)> {
        let lists = [
            (KeyKind::Client, &self.clients),
            (KeyKind::ApiKey, &self.api_keys),
            (KeyKind::AudioHook, &self.audiohook_keys),
            (KeyKind::Twilio, &self.twilio_tokens),
        ];
        lists.into_iter().flat_map(|(kind, keys)| keys.iter().map(move |key| (kind, key)))
    }

    /// The list of one kind.
    pub(crate) const fn list_mut(&mut self, kind: KeyKind) -> &mut Vec<StoredKey> {
        match kind {
            KeyKind::Client => &mut self.clients,
            KeyKind::ApiKey => &mut self.api_keys,
            KeyKind::AudioHook => &mut self.audiohook_keys,
            KeyKind::Twilio => &mut self.twilio_tokens,
        }
    }

    /// The keys that seal and open credentials; a file that was read has them.
    pub fn credential_keys(&self) -> Option<CredentialKeys> {
        let mut keys = self
            .credential_keys
            .iter()
            .map(|stored| Some(CredentialKey::new(unhex(&stored.id)?, stored.bytes()?)));
        let current = keys.next()??;
        Some(CredentialKeys::new(current, keys.collect::<Option<Vec<_>>>()?))
    }
}

/// The file before there were several tenants.
#[derive(Deserialize)]
struct FirstForm {
    token_key: Sensitive<String>,
    credential_keys: Vec<OwnKey>,
    clients: Vec<FirstClient>,
    api_keys: Vec<FirstApiKey>,
}

#[derive(Deserialize)]
struct FirstClient {
    tenant: String,
    client_id: String,
    secret_hash: Sensitive<String>,
}

#[derive(Deserialize)]
struct FirstApiKey {
    tenant: String,
    sha256: Sensitive<String>,
}

impl From<FirstForm> for KeyFile {
    fn from(old: FirstForm) -> Self {
        // Names that did not exist then are made from hashes: the same with each reading.
        let named = |id: String, tenant: String, hash: Sensitive<String>| StoredKey {
            id,
            tenant,
            scopes: Scopes::ALL,
            created_at: None,
            expires_at: None,
            disabled: false,
            secrets: vec![StoredSecret { hash, sealed: None, expires_at: None }],
        };
        let clients: Vec<StoredKey> =
            old.clients.into_iter().map(|c| named(c.client_id, c.tenant, c.secret_hash)).collect();
        let api_key = |key: FirstApiKey| {
            let id = format!("ak-{}", secret::fingerprint(key.sha256.expose()));
            named(id, key.tenant, key.sha256)
        };
        let api_keys: Vec<StoredKey> = old.api_keys.into_iter().map(api_key).collect();
        let mut tenants: Vec<StoredTenant> = Vec::new();
        for key in clients.iter().chain(&api_keys) {
            if !tenants.iter().any(|tenant| tenant.name == key.tenant) {
                tenants.push(StoredTenant { created_at: None, ..StoredTenant::new(&key.tenant) });
            }
        }
        let token_key = OwnKey {
            id: secret::fingerprint(old.token_key.expose()),
            key: old.token_key,
            created_at: None,
            expires_at: None,
        };
        let token_keys = vec![token_key];
        Self {
            version: VERSION,
            tenants,
            clients,
            api_keys,
            audiohook_keys: Vec::new(),
            twilio_tokens: Vec::new(),
            token_keys,
            credential_keys: old.credential_keys,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the version before wrote it.
    const OLD: &str = r#"token_key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"

[[credential_keys]]
id = "0011223344556677"
key = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"

[[clients]]
tenant = "default"
client_id = "ps-0123456789abcdef"
secret_hash = "$argon2id$v=19$m=8192,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$q1BMT2yGUfMkf6YvVEWR7gAMSBHuQkcb/Ynu2hwoWHo"

[[api_keys]]
tenant = "default"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"#;

    #[test]
    fn the_form_before_there_were_several_tenants_is_read_and_written_anew() {
        let file = KeyFile::parse(OLD).unwrap();
        assert_eq!(file.tenants.len(), 1);
        assert_eq!(
            (file.clients[0].id.as_str(), file.clients[0].scopes),
            ("ps-0123456789abcdef", Scopes::ALL)
        );
        let text = toml::to_string(&file).unwrap();
        assert!(text.starts_with("version = 2\n"), "{text}");
        let again = KeyFile::parse(&text).unwrap();
        assert_eq!(again.api_keys[0].id, KeyFile::parse(OLD).unwrap().api_keys[0].id, "stable names");
        assert_eq!(again.token_keys[0].bytes(), Some([7; 32]));
        assert_eq!(again.credential_keys[0].bytes(), Some([9; 32]));
    }

    #[test]
    fn a_file_that_does_not_hold_together_is_refused_without_showing_its_content() {
        let good = toml::to_string(&KeyFile::parse(OLD).unwrap()).unwrap();
        assert!(KeyFile::parse(&good).is_ok());
        let tenant = "[[tenants]]\nname = \"default\"\n";
        let cases = [
            ("hunter2".to_owned(), "is not a secrets file"),
            (good.replace("version = 2", "version = 3"), "newer"),
            (good.replace("BwcH", "Bwc"), "token key"),
            (good.replace("0011223344556677", "00"), "credential key"),
            (
                good.replace(tenant, &format!("{tenant}disabeld = true\n")),
                "is not a secrets file of version 2",
            ),
            (good.replace(tenant, &format!("{tenant}\n{tenant}")), "tenant twice"),
            (good.replace("name = \"default\"", "name = \"other\""), "a tenant that it does not have"),
            (good.replace("$argon2id", "argon"), "argon2"),
            (good.replace("e3b0", "zzzz"), "SHA-256"),
            (good.replacen("scopes = \"register verify\"\n", "", 1), "without scopes"),
            (good.replace(tenant, &format!("{tenant}limits = {{ bytes_per_second = -1.0 }}\n")), "limit"),
        ];
        for (text, why) in cases {
            let refused = KeyFile::parse(&text).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("hunter2"), "{why}: {refused}");
        }
    }
}
