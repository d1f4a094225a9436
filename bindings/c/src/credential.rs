//! A registered voice: its text, sealed with the caller's keys, enters and leaves.

use std::ffi::c_char;
use std::fmt;
use std::sync::Arc;

use peakstream::credential as sealed;
use zeroize::{Zeroize, Zeroizing};

use crate::border::{characters, clear, copy_out, needed, number, optional, pointer, slice, write};
use crate::channel::channel;
use crate::handles::{Handles, Kind};
use crate::outcome::{Failure, Outcome, argument, guard};

/// Bytes that are always enough for the text of a credential, with its final zero.
pub const CREDENTIAL_TEXT_BYTES: usize = 16_385;

/// A registered voice. Shared by all threads, never changes. Biometric data: wiped when freed.
#[derive(Debug)]
pub struct Credential {
    _private: [u8; 0],
}

/// A secret that seals credentials, and the identity by which they find it again. Both random; the identity is not secret.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Key {
    /// Identity.
    pub id: [u8; 8],
    /// Secret.
    pub secret: [u8; 32],
}

impl fmt::Debug for Key {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a credential says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CredentialInfo {
    /// Seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// One of peakstream_channel.
    pub channel_type: u32,
    /// The model that made it: 56 hexadecimal digits and a zero.
    pub model: [c_char; 57],
    /// The calibration in force at registration, such as "telephone-channel@1f3a90c2", and a zero.
    pub calibration: [c_char; 64],
}

pub(crate) static CREDENTIALS: Handles<Arc<sealed::Credential>> =
    Handles::new(Kind { name: "credential", number: 4 });

/// Makes a new key of the system's random numbers. Keep it: without it no credential that it seals can be opened again.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// key: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_key_generate(key: *mut Key) -> Outcome {
    guard(|| {
        let (id, mut secret) = peakstream_bindings::fresh_key()?;
        // SAFETY: the caller's promise.
        let written = unsafe { write(key, Key { id, secret }, "key") };
        secret.zeroize();
        written
    })
}

/// # Safety
/// As of [`slice`].
unsafe fn keys(keys: *const Key, count: usize) -> Result<sealed::CredentialKeys, Failure> {
    // SAFETY: the caller's promise.
    let keys = unsafe { slice(keys, count, "keys") }?;
    let Some((first, older)) = keys.split_first() else {
        return Err(argument("key_count", &0, "at least 1"));
    };
    let key = |key: &Key| sealed::CredentialKey::new(key.id, key.secret);
    Ok(sealed::CredentialKeys::new(key(first), older.iter().map(key).collect()))
}

/// Writes a credential as a text that only these keys open again, for this tenant.
///
/// keys: the first seals; at least one. tenant: the name of the tenant it belongs to; NULL is "default", the server's first. text: NULL, or
/// room for *length bytes. length: the room, and afterwards the bytes of the text with its final zero, at most
/// PEAKSTREAM_CREDENTIAL_TEXT_BYTES. Each call gives another text for the same voice.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// As said of each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_credential_seal(
    credential: *const Credential,
    keys: *const Key,
    key_count: usize,
    tenant: *const c_char,
    text: *mut c_char,
    length: *mut usize,
) -> Outcome {
    guard(|| {
        let credential = CREDENTIALS.shared(number(credential))?;
        // SAFETY: the caller's promises.
        let (keys, tenant) = unsafe { (self::keys(keys, key_count)?, optional(tenant, "tenant")?) };
        let tenant = tenant.unwrap_or(peakstream_bindings::DEFAULT_TENANT);
        let mut sealed = Zeroizing::new(peakstream_bindings::seal(&keys, tenant, &credential)?);
        sealed.push('\0');
        // SAFETY: the caller's promises; `char` has one byte.
        unsafe { copy_out(sealed.as_bytes(), text.cast(), length) }
    })
}

/// Opens the text of a credential. keys: those that may have sealed it. tenant: as of peakstream_credential_seal.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// keys: key_count of them. tenant: NULL or ended by a zero. text: ended by a zero. credential: room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_credential_open(
    keys: *const Key,
    key_count: usize,
    tenant: *const c_char,
    text: *const c_char,
    credential: *mut *mut Credential,
) -> Outcome {
    guard(|| {
        // SAFETY: the caller's promises.
        let (keys, tenant, text) = unsafe {
            clear(credential, "credential")?;
            (self::keys(keys, key_count)?, optional(tenant, "tenant")?, needed(text, "text")?)
        };
        let tenant = tenant.unwrap_or(peakstream_bindings::DEFAULT_TENANT);
        let opened = peakstream_bindings::open(&keys, tenant, text)?;
        let handle = CREDENTIALS.insert(Arc::new(opened))?;
        // SAFETY: the caller's promise.
        unsafe { write(credential, pointer(handle), "credential") }
    })
}

/// What a credential says of itself.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// info: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_credential_inspect(
    credential: *const Credential,
    info: *mut CredentialInfo,
) -> Outcome {
    guard(|| {
        let credential = CREDENTIALS.shared(number(credential))?;
        let found = CredentialInfo {
            created_at: credential.created_at,
            channel_type: channel(credential.template.channel_type()) as u32,
            model: characters(&credential.template.model().to_string()),
            calibration: characters(&credential.calibration),
        };
        // SAFETY: the caller's promise.
        unsafe { write(info, found, "info") }
    })
}

/// Gives a credential back, wiped; NULL is nothing.
///
/// Any thread, also while others use it. Not real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_credential_free(credential: *mut Credential) -> Outcome {
    guard(|| {
        if !credential.is_null() {
            drop(CREDENTIALS.take_shared(number(credential))?);
        }
        Ok(())
    })
}
