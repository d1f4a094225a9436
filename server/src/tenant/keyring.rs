//! In: API keys and tokens as presented; the key file. Out: who presents them, and what they may do.
//!
//! Everything is answered from memory. Before each answer the file is looked at (one `stat`, about a microsecond) and
//! read again if it has changed, so that a key that was disabled on the command line stops working with the next
//! request, tokens that were issued before included. A file that is damaged or gone changes nothing: the last good keys
//! stay in force, and the log says so once.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use peakstream::credential::CredentialKeys;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::data_dir::{DataDir, DataDirError, unhex};
use crate::ids::Tenant;
use crate::sensitive::Sensitive;
use crate::session::policy::Wishes;
use crate::signalling::token::{Claims, TOKEN_LIFETIME, TokenKey, Unauthorized, key_id};
use crate::tenant::carrier::{AudioHookKey, CarrierKeys, SigningSecret};
use crate::tenant::centre::TenantCentre;
use crate::tenant::failures::{Denied, Source, Sources};
use crate::tenant::file::{KEY_FILE, KeyFile, StoredKey};
use crate::tenant::guard::Lane;
use crate::tenant::limits::TenantLimits;
use crate::tenant::replay::TenantReplay;
use crate::tenant::scope::Scopes;
use crate::tenant::sealed::Sealer;
use crate::tenant::secret;
use crate::tenant::time::UnixTime;

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose calls it works with.
    pub tenant: Tenant,
    /// What it may do.
    pub scopes: Scopes,
    /// How it proved itself.
    pub key: KeyId,
}

/// The public name of what a caller proved itself with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyId {
    /// An OAuth client.
    Client(Arc<str>),
    /// An API key.
    ApiKey(Arc<str>),
    /// Nothing: the operator has switched authentication off.
    Nothing,
}

impl Principal {
    /// Everybody, where the operator has switched authentication off.
    pub const fn anybody(tenant: Tenant) -> Self {
        Self { tenant, scopes: Scopes::ALL, key: KeyId::Nothing }
    }
}

/// The tenants and keys of a data directory, as they are now. Shared by reference counting.
#[derive(Debug)]
pub struct Keyring {
    dir: DataDir,
    state: Mutex<State>,
    /// How many wrong keys came from where.
    sources: Sources,
}

#[derive(Debug)]
struct State {
    keys: Arc<Keys>,
    /// The file they came from, or that was last found to be unusable.
    seen: Option<Stamp>,
    /// Whether the log has been told that the file cannot be read.
    complained: bool,
}

/// What changes when a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().ok(), bytes: metadata.len(), inode }
    }
}

impl Keyring {
    /// The keyring of a data directory.
    ///
    /// # Errors
    /// If it has no keys, or damaged ones.
    pub fn open(dir: &DataDir) -> Result<Arc<Self>, DataDirError> {
        let (seen, file) = open(dir)?;
        let keys = Keys::from_file(dir, &KeyFile::read_open(dir, file)?, None)?;
        let state = State { keys: Arc::new(keys), seen: Some(seen), complained: false };
        let sources = Sources::new(Instant::now().into_std());
        Ok(Arc::new(Self { dir: dir.clone(), state: Mutex::new(state), sources }))
    }

    /// Whose API key it is. One that was right before is always looked at; of others as many as `source` may get wrong.
    ///
    /// # Errors
    /// If it is nobody's, or does not work now, which costs the same; or if it was not looked at.
    pub fn api_key(&self, presented: &str, source: Source) -> Result<Principal, Denied> {
        let digest = secret::api_key_digest(presented);
        let keys = self.keys();
        let found = keys.api_key(&digest, UnixTime::now());
        self.judge(source, found.as_ref().map(|(_, seen)| *seen))?;
        found.map(|(principal, _)| principal.clone()).ok_or(Denied::Wrong)
    }

    /// Counts a key that was presented, by whether it is one, and whether it was before.
    fn judge(&self, source: Source, seen: Option<&AtomicBool>) -> Result<(), Denied> {
        if seen.is_some_and(|seen| seen.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let failures = self.sources.of(source);
        failures.attempt(Instant::now().into_std())?;
        if let Some(seen) = seen {
            seen.store(true, Ordering::Relaxed);
            failures.succeeded();
        }
        Ok(())
    }

    /// Whose token it is: signed here, not expired, for a client that still works, with a secret that still works.
    ///
    /// # Errors
    /// If any of that is not so. Deliberately without a reason.
    pub fn token(&self, token: &str) -> Result<Principal, Unauthorized> {
        self.keys().token(token, UnixTime::now()).ok_or(Unauthorized)
    }

    /// Whether it may still start sessions: to be asked at each, on connections that stay open. Sessions that run are
    /// allowed to finish.
    pub fn is_enabled(&self, principal: &Principal) -> bool {
        self.keys().is_enabled(principal, UnixTime::now())
    }

    /// Whose AudioHook API key it is, and what signs its requests. `None`: nobody's, or one that does not work now, which costs
    /// the same; or it was not looked at, as with [`Keyring::api_key`].
    pub fn audiohook_key(&self, presented: &str, source: Source) -> Option<AudioHookKey> {
        let digest = secret::api_key_digest(presented);
        let keys = self.keys();
        let found = keys.carriers.audiohook(&digest, UnixTime::now());
        self.judge(source, found.as_ref().map(|(_, seen)| *seen)).ok()?;
        found.map(|(key, _)| key.clone())
    }

    /// What Twilio signs the requests of a tenant with: more than one during the overlap of a rotation. `None`: the tenant
    /// has no auth token, so its requests cannot be checked. An empty list: it has, but none that works now, and no
    /// signature is right.
    pub fn twilio_tokens(&self, tenant: &Tenant) -> Option<Vec<SigningSecret>> {
        let keys = self.keys();
        keys.carriers.has_twilio(tenant).then(|| keys.carriers.twilio(tenant, UnixTime::now()))
    }

    /// How much a tenant may have.
    pub fn limits(&self, tenant: &Tenant) -> TenantLimits {
        self.keys().limits(tenant)
    }

    /// What a tenant wants of its sessions.
    pub fn wishes(&self, tenant: &Tenant) -> Wishes {
        self.keys().tenants.get(tenant).map(|known| known.wishes.clone()).unwrap_or_default()
    }

    /// What is known of what a tenant's voices have in common; `None`: nothing was asked for.
    pub fn centre(&self, tenant: &Tenant) -> Option<Arc<TenantCentre>> {
        self.keys().tenants.get(tenant).and_then(|known| known.centre.clone())
    }

    /// With what a tenant's verifications are compared; `None`: with nothing.
    pub fn replay(&self, tenant: &Tenant) -> Option<TenantReplay> {
        self.keys().tenants.get(tenant).and_then(|known| known.replay)
    }

    /// What seals that of tenants which the server itself keeps.
    pub(crate) fn sealer(&self) -> Arc<Sealer> {
        Arc::clone(&self.keys().sealer)
    }

    /// Where the file is.
    pub(super) const fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// The keys that seal and open credentials.
    pub fn credential_keys(&self) -> Arc<CredentialKeys> {
        Arc::clone(&self.keys().credential_keys)
    }

    /// Everything, as it is now.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        // Nothing panics while it holds the lock; if it did, the last good keys would still be whole.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = std::fs::metadata(self.dir.file(KEY_FILE)).ok().map(|metadata| Stamp::of(&metadata));
        if now.is_none() || now != state.seen {
            self.read_again(&mut state);
        }
        Arc::clone(&state.keys)
    }

    fn read_again(&self, state: &mut State) {
        match self.read_changed(state) {
            Ok(keys) => {
                tracing::info!(tenants = keys.tenants.len(), "the key file has changed and was read");
                state.keys = Arc::new(keys);
                state.complained = false;
            }
            Err(problem) if !state.complained => {
                state.complained = true;
                tracing::error!(%problem, "the key file cannot be used; the keys read before stay in force");
            }
            Err(_) => {}
        }
    }

    /// A damaged file counts as seen and is not read again before it changes; what the file system refuses may work the
    /// next time.
    fn read_changed(&self, state: &mut State) -> Result<Keys, DataDirError> {
        let (stamp, file) = open(&self.dir)?;
        let file = KeyFile::read_open(&self.dir, file);
        if !matches!(file, Err(DataDirError::Io { .. })) {
            state.seen = Some(stamp);
        }
        Keys::from_file(&self.dir, &file?, Some(&state.keys))
    }
}

/// The file, and what it looks like: that of the open file, because its name may lead to another one a moment later.
fn open(dir: &DataDir) -> Result<(Stamp, File), DataDirError> {
    let path = dir.file(KEY_FILE);
    let opened = File::open(&path).and_then(|file| Ok((Stamp::of(&file.metadata()?), file)));
    opened.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DataDirError::NoKeys { path: dir.path().to_owned() },
        _ => DataDirError::Io { path, source },
    })
}

/// What one reading of the file gave.
#[derive(Debug)]
pub(crate) struct Keys {
    tenants: HashMap<Tenant, KnownTenant>,
    clients: HashMap<Arc<str>, Arc<Client>>,
    /// By name: the index is theirs in `api_digests` too.
    api_keys: HashMap<Arc<str>, ApiKey>,
    /// By the first half of the digest: finding one tells nothing that a caller could steer. The other half is compared
    /// in constant time.
    api_digests: HashMap<[u8; 16], ApiDigest>,
    /// The first signs.
    signers: Vec<Signer>,
    credential_keys: Arc<CredentialKeys>,
    carriers: CarrierKeys,
    sealer: Arc<Sealer>,
}

#[derive(Debug)]
struct KnownTenant {
    disabled: bool,
    limits: TenantLimits,
    wishes: Wishes,
    centre: Option<Arc<TenantCentre>>,
    replay: Option<TenantReplay>,
}

#[derive(Debug)]
struct ApiKey {
    principal: Principal,
    validity: Validity,
}

#[derive(Debug)]
struct ApiDigest {
    rest: [u8; 16],
    expires_at: Option<UnixTime>,
    name: Arc<str>,
    /// Whether it was presented.
    seen: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Signer {
    key: TokenKey,
    expires_at: Option<UnixTime>,
}

/// Until when a key works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    /// It or its tenant.
    disabled: bool,
    expires_at: Option<UnixTime>,
}

impl Validity {
    pub(super) fn holds(self, now: UnixTime) -> bool {
        !self.disabled && not_over(self.expires_at, now)
    }
}

pub(super) fn not_over(expires_at: Option<UnixTime>, now: UnixTime) -> bool {
    expires_at.is_none_or(|end| now < end)
}

/// An OAuth client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: Arc<str>,
    pub(crate) tenant: Tenant,
    pub(crate) scopes: Scopes,
    validity: Validity,
    secrets: Vec<ClientSecret>,
    /// Where attempts to prove its secret queue.
    pub(crate) lane: Arc<Lane>,
}

/// One of a client's secrets.
#[derive(Clone, Debug)]
pub(crate) struct ClientSecret {
    /// Which one it is: part of the tokens given for it.
    pub(crate) id: Arc<str>,
    pub(crate) hash: Sensitive<String>,
    expires_at: Option<UnixTime>,
    /// The keyed digest of the secret, once it was presented and found right.
    pub(crate) recognised: Arc<OnceLock<[u8; 32]>>,
}

/// A token, and what it says.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: Sensitive<String>,
    pub(crate) expires_in: Duration,
}

impl Client {
    /// The secrets that prove it now; none if it does not work.
    pub(crate) fn live_secrets(&self, now: UnixTime) -> impl Iterator<Item = &ClientSecret> {
        let works = self.validity.holds(now);
        self.secrets.iter().filter(move |secret| works && not_over(secret.expires_at, now))
    }
}

impl Keys {
    /// Takes over from `before` what clients have proved and used up, so that a change of one tenant's keys costs the
    /// others nothing.
    fn from_file(dir: &DataDir, file: &KeyFile, before: Option<&Self>) -> Result<Self, DataDirError> {
        // A file that was read has been checked for what could be wrong here.
        let what = "has keys that cannot be used";
        Self::of(file, before).ok_or_else(|| DataDirError::Damaged { path: dir.file(KEY_FILE), what })
    }

    fn of(file: &KeyFile, before: Option<&Self>) -> Option<Self> {
        let tenants: HashMap<Tenant, KnownTenant> = file
            .tenants
            .iter()
            .map(|t| {
                let authenticity = t.authenticity.clone();
                let wishes = Wishes { gates: t.gates.clone(), doubt: t.doubt, authenticity };
                let known = KnownTenant {
                    disabled: t.disabled,
                    limits: t.limits,
                    wishes,
                    centre: t.centre.clone().map(Arc::new),
                    replay: t.replay,
                };
                (Tenant::new(&t.name), known)
            })
            .collect();
        let validity = |key: &StoredKey| {
            let tenant = tenants.get(&Tenant::new(&key.tenant));
            let disabled = key.disabled || tenant.is_none_or(|tenant| tenant.disabled);
            Validity { disabled, expires_at: key.expires_at }
        };
        let client = |key: &StoredKey| {
            let known = before.and_then(|keys| keys.clients.get(key.id.as_str()));
            let client = Client::from_stored(key, validity(key), known);
            (Arc::clone(&client.id), Arc::new(client))
        };
        let clients = file.clients.iter().map(client).collect();
        let (mut api_keys, mut api_digests) = (HashMap::new(), HashMap::new());
        for key in &file.api_keys {
            let name: Arc<str> = key.id.as_str().into();
            for secret in &key.secrets {
                let digest: [u8; 32] = unhex(secret.hash.expose())?;
                let (first, rest) = halves(&digest);
                let known =
                    before.and_then(|keys| keys.api_digests.get(&first)).filter(|old| old.rest == rest);
                let seen = known.map(|old| Arc::clone(&old.seen)).unwrap_or_default();
                let digest = ApiDigest { rest, expires_at: secret.expires_at, name: Arc::clone(&name), seen };
                api_digests.insert(first, digest);
            }
            let principal = Principal {
                tenant: Tenant::new(&key.tenant),
                scopes: key.scopes,
                key: KeyId::ApiKey(Arc::clone(&name)),
            };
            api_keys.insert(name, ApiKey { principal, validity: validity(key) });
        }
        let signer = |key: &crate::tenant::file::OwnKey| {
            Some(Signer { key: TokenKey::new(&key.id, &key.bytes()?), expires_at: key.expires_at })
        };
        let signers: Option<Vec<Signer>> = file.token_keys.iter().map(signer).collect();
        let credential_keys = Arc::new(file.credential_keys()?);
        let carriers = CarrierKeys::of(file, validity, before.map(|keys| &keys.carriers))?;
        Some(Self {
            tenants,
            clients,
            api_keys,
            api_digests,
            signers: signers.filter(|signers| !signers.is_empty())?,
            credential_keys,
            carriers,
            sealer: Arc::new(Sealer::of(&file.credential_keys)?),
        })
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    pub(crate) fn limits(&self, tenant: &Tenant) -> TenantLimits {
        self.tenants.get(tenant).map(|known| known.limits).unwrap_or_default()
    }

    /// Whose API key it is, and whether it was presented before.
    fn api_key(&self, digest: &[u8; 32], now: UnixTime) -> Option<(&Principal, &AtomicBool)> {
        let (first, rest) = halves(digest);
        let known = self.api_digests.get(&first)?;
        let same = bool::from(known.rest.ct_eq(&rest));
        let key = self.api_keys.get(&known.name)?;
        let works = same && not_over(known.expires_at, now) && key.validity.holds(now);
        works.then_some((&key.principal, &*known.seen))
    }

    fn token(&self, token: &str, now: UnixTime) -> Option<Principal> {
        let named = key_id(token)?;
        let mut signers = self.signers.iter().filter(|signer| not_over(signer.expires_at, now));
        // Tokens of the version before name no key.
        let fits = |signer: &&Signer| named.as_deref().is_none_or(|id| id == signer.key.id());
        let claims = signers.by_ref().filter(fits).find_map(|signer| signer.key.check(token).ok())?;
        let client = self.clients.get(claims.sub.as_str())?;
        let mut secrets = client.live_secrets(now);
        let proved = match &claims.sid {
            Some(id) => secrets.any(|secret| *secret.id == **id),
            None => secrets.next().is_some(),
        };
        if !proved || client.tenant.name() != claims.tenant {
            return None;
        }
        let scopes = match &claims.scope {
            // What the client has lost since then, its tokens have lost too.
            Some(scope) => scope.parse::<Scopes>().ok()?.and(client.scopes),
            None => client.scopes,
        };
        let key = KeyId::Client(Arc::clone(&client.id));
        Some(Principal { tenant: client.tenant.clone(), scopes, key })
    }

    fn is_enabled(&self, principal: &Principal, now: UnixTime) -> bool {
        let tenant = &principal.tenant;
        match &principal.key {
            KeyId::Client(id) => self
                .clients
                .get(id)
                .is_some_and(|client| client.tenant == *tenant && client.validity.holds(now)),
            KeyId::ApiKey(id) => self
                .api_keys
                .get(id)
                .is_some_and(|key| key.principal.tenant == *tenant && key.validity.holds(now)),
            KeyId::Nothing => self.tenants.get(tenant).is_none_or(|known| !known.disabled),
        }
    }

    /// A token for a client that proved itself with one of its secrets. It is good for two hours, but not for longer
    /// than the client and that secret.
    pub(crate) fn issue(
        &self,
        client: &Client,
        secret: &ClientSecret,
        scopes: Scopes,
        now: UnixTime,
    ) -> Result<Issued, Unauthorized> {
        let ends = [Some(now.after(TOKEN_LIFETIME)), client.validity.expires_at, secret.expires_at];
        let end = ends.into_iter().flatten().min().unwrap_or(now);
        let claims = Claims {
            aud: String::new(),
            sub: client.id.as_ref().to_owned(),
            tenant: client.tenant.name().to_owned(),
            scope: Some(scopes.to_string()),
            sid: Some(secret.id.as_ref().to_owned()),
            iat: now.seconds(),
            exp: end.seconds(),
        };
        let signer = self.signers.first().ok_or(Unauthorized)?;
        let expires_in = Duration::from_secs(end.seconds().saturating_sub(now.seconds()));
        Ok(Issued { token: signer.key.issue(claims)?, expires_in })
    }
}

impl Client {
    fn from_stored(key: &StoredKey, validity: Validity, known: Option<&Arc<Self>>) -> Self {
        let secret = |stored: &crate::tenant::file::StoredSecret| {
            let same = |old: &&ClientSecret| old.hash == stored.hash;
            let recognised = known.and_then(|client| client.secrets.iter().find(same));
            ClientSecret {
                id: secret::fingerprint(stored.hash.expose()).into(),
                hash: stored.hash.clone(),
                expires_at: stored.expires_at,
                recognised: recognised.map(|old| Arc::clone(&old.recognised)).unwrap_or_default(),
            }
        };
        Self {
            id: key.id.as_str().into(),
            tenant: Tenant::new(&key.tenant),
            scopes: key.scopes,
            validity,
            secrets: key.secrets.iter().map(secret).collect(),
            lane: known.map(|client| Arc::clone(&client.lane)).unwrap_or_default(),
        }
    }
}

pub(super) fn halves(digest: &[u8; 32]) -> ([u8; 16], [u8; 16]) {
    let (mut first, mut rest) = ([0; 16], [0; 16]);
    first.copy_from_slice(&digest[..16]);
    rest.copy_from_slice(&digest[16..]);
    (first, rest)
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
