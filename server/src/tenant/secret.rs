//! In: nothing, or a secret. Out: a random secret, or a hash that shows nothing of it.
//!
//! Secrets made here have 256 random bits. API keys come with every request, so they are kept as a plain SHA-256, for
//! which that many bits are enough. Client secrets are presented once in two hours and may have been chosen by a person
//! who edited the file: they are kept as argon2id.

use argon2::password_hash::{Output, PasswordHash, PasswordHasher, Salt, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::data_dir::{DataDirError, hex};
use crate::sensitive::Sensitive;

/// Memory of one hash in KiB, and passes over it. The secrets are 256 random bits, which no hash has to stretch; this is
/// what keeps a chosen, weaker secret from being guessed quickly, at well under 50 ms a verification.
const HASH_MEMORY_KIB: u32 = 8 * 1024;
const HASH_PASSES: u32 = 2;

/// A secret could not be hashed: no random bytes, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("a client secret could not be hashed: {0}")]
pub struct HashError(String);

impl From<HashError> for DataDirError {
    fn from(error: HashError) -> Self {
        Self::Secrets(error.to_string())
    }
}

/// Random bytes of the system.
///
/// # Errors
/// If it has none.
pub fn random<const N: usize>() -> Result<[u8; N], DataDirError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| DataDirError::Secrets(error.to_string()))?;
    Ok(bytes)
}

/// A fresh secret: 256 random bits, base64url.
///
/// # Errors
/// If the system has no random numbers.
pub fn fresh() -> Result<Sensitive<String>, DataDirError> {
    Ok(Sensitive::new(URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// What an API key is kept as, and found by.
pub fn api_key_digest(presented: &str) -> [u8; 32] {
    Sha256::digest(presented).into()
}

/// The short public name of a stored hash: tells which of a client's secrets a token was given for.
pub fn fingerprint(hash: &str) -> String {
    hex(&Sha256::digest(hash)[..8])
}

/// The PHC string of a client secret. The secrets of one client share the salt of the first (`beside`), so that checking
/// what was presented against all of them is one computation.
///
/// # Errors
/// Without random bytes or memory.
pub fn hash(secret: &str, beside: Option<&str>) -> Result<Sensitive<String>, HashError> {
    let failed = |error: argon2::password_hash::Error| HashError(error.to_string());
    let parsed = beside.and_then(|hash| PasswordHash::new(hash).ok());
    let salt = match parsed.as_ref().and_then(|hash| hash.salt) {
        Some(salt) => SaltString::from_b64(salt.as_str()).map_err(failed)?,
        None => {
            let mut salt = [0u8; 16];
            getrandom::fill(&mut salt).map_err(|error| HashError(error.to_string()))?;
            SaltString::encode_b64(&salt).map_err(failed)?
        }
    };
    let params =
        Params::new(HASH_MEMORY_KIB, HASH_PASSES, 1, None).map_err(|error| HashError(error.to_string()))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(Sensitive::new(hasher.hash_password(secret.as_bytes(), &salt).map_err(failed)?.to_string()))
}

/// Which of the hashes is the secret's. Takes milliseconds of a core, once for all hashes of one salt.
pub fn which(secret: &str, hashes: &[Sensitive<String>]) -> Option<usize> {
    let parsed = hashes.iter().map(|hash| PasswordHash::new(hash.expose()).ok());
    let mut last: Option<(Params, Salt<'_>, Output)> = None;
    let mut found = None;
    for (index, hash) in parsed.enumerate() {
        let Some(hash) = hash else { continue };
        // The parameters come from the hash itself: older ones may have others.
        let (Some(salt), Some(stored), Ok(params)) = (hash.salt, hash.hash, Params::try_from(&hash)) else {
            continue;
        };
        if !matches!(&last, Some((p, s, _)) if *p == params && *s == salt) {
            let computed = compute(secret, &hash, params.clone(), salt);
            last = computed.map(|output| (params, salt, output));
        }
        // `Output` compares in constant time. No early end: the position shows nothing either.
        if last.as_ref().is_some_and(|(_, _, output)| *output == stored) {
            found = found.or(Some(index));
        }
    }
    found
}

fn compute(secret: &str, hash: &PasswordHash<'_>, params: Params, salt: Salt<'_>) -> Option<Output> {
    let version = hash.version.and_then(|version| Version::try_from(version).ok()).unwrap_or_default();
    let algorithm = Algorithm::try_from(hash.algorithm).ok()?;
    let hasher = Argon2::new(algorithm, version, params);
    hasher.hash_password(secret.as_bytes(), salt).ok()?.hash
}

/// Whether a text is a hash that [`which`] can compare with.
pub(crate) fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        hash.salt.is_some() && hash.hash.is_some() && Algorithm::try_from(hash.algorithm).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "correct horse+battery/staple";

    #[test]
    fn a_hash_does_not_show_its_secret_and_is_salted() {
        let (one, two) = (hash(SECRET, None).unwrap(), hash(SECRET, None).unwrap());
        assert_ne!(one.expose(), two.expose());
        assert!(one.expose().starts_with("$argon2id$") && !one.expose().contains("horse"));
        assert!(is_hash(one.expose()) && !is_hash("garbage") && !is_hash("$argon2id$v=19"));
    }

    #[test]
    fn the_secret_of_any_of_the_hashes_is_found_and_no_other() {
        let old = hash("old", None).unwrap();
        let new = hash("new", Some(old.expose())).unwrap();
        let salted_otherwise = hash("third", None).unwrap();
        let all = [new, old, Sensitive::new("garbage".into()), salted_otherwise];
        for (secret, index) in [("new", Some(0)), ("old", Some(1)), ("third", Some(3)), ("other", None)] {
            assert_eq!(which(secret, &all), index, "{secret}");
        }
        assert_eq!(which("new", &[]), None);
    }

    #[test]
    fn the_secrets_of_one_client_share_a_salt_so_that_one_computation_checks_them_all() {
        let old = hash("old", None).unwrap();
        let new = hash("new", Some(old.expose())).unwrap();
        let salt = |hash: &Sensitive<String>| hash.expose().split('$').nth(4).unwrap().to_owned();
        assert_eq!(salt(&old), salt(&new));
    }
}
