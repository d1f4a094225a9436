//! Voices enter, sealed texts leave, and back: what the engine's credentials need of the system, its clock and its random numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use peakstream::credential::{self, Credential, CredentialKeys};
use peakstream::{Engine, Template};

use crate::Error;

/// A voice as it is registered now.
pub fn register(engine: &Engine, template: Template) -> Credential {
    let created_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let calibration = engine.calibration(template.channel_type()).identity().to_owned();
    Credential { template, calibration, created_at, fingerprint: None }
}

/// Seals a credential for a tenant.
///
/// # Errors
/// The system has no random numbers.
pub fn seal(keys: &CredentialKeys, tenant: &str, credential: &Credential) -> Result<String, Error> {
    Ok(credential::seal(keys, tenant, credential, random()?))
}

/// Opens a credential of that tenant.
///
/// # Errors
/// A text that is no credential, or none of these keys and this tenant.
pub fn open(keys: &CredentialKeys, tenant: &str, text: &str) -> Result<Credential, Error> {
    Ok(credential::open(keys, tenant, text)?)
}

/// Identity and secret of a new key.
///
/// # Errors
/// The system has no random numbers.
pub fn fresh_key() -> Result<([u8; 8], [u8; 32]), Error> {
    Ok((random()?, random()?))
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Internal(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}
