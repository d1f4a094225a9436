//! In: secrets of a carrier, as text that somebody else made, or nothing. Out: secrets fit to be stored.
//!
//! Twilio makes its auth tokens, so they are always supplied. Of AudioHook both forms exist: an administrator of Genesys
//! types in what was made here, or a key that was agreed before is taken over.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::data_dir::DataDirError;
use crate::sensitive::Sensitive;
use crate::tenant::file::StoredSecret;
use crate::tenant::kind::KeyKind;
use crate::tenant::sealed::Sealer;
use crate::tenant::secret;

/// As Genesys reads client secrets: padding may be missing (security page of the AudioHook documentation).
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// An API key is kept as a plain SHA-256: one that is shorter could be found from it by trying.
const SHORTEST_API_KEY: usize = 20;
const LONGEST: usize = 512;
/// 128 bits.
const SHORTEST_CLIENT_SECRET: usize = 16;

/// Why supplied secrets are not used. Texts say what they have to be.
pub type NotUsable = &'static str;

/// The secrets of one key, in clear.
#[derive(Debug)]
pub(crate) struct Material {
    /// What is presented (a client's secret, an API key), or what signs (a Twilio auth token).
    pub(crate) key: Sensitive<String>,
    /// What signs requests that present an AudioHook API key.
    pub(crate) client_secret: Option<Sensitive<String>>,
}

impl Material {
    /// Fresh ones: 256 random bits each. `signed`: an AudioHook key with a client secret.
    pub(crate) fn fresh(kind: KeyKind, signed: bool) -> Result<Self, DataDirError> {
        let client_secret = match kind {
            KeyKind::AudioHook if signed => Some(Sensitive::new(STANDARD.encode(secret::random::<32>()?))),
            _ => None,
        };
        Ok(Self { key: secret::fresh()?, client_secret })
    }

    /// Reads supplied ones. AudioHook: the API key, and on a line of its own the client secret, if requests are to be
    /// signed. Twilio: the auth token.
    pub(crate) fn parse(kind: KeyKind, text: &str) -> Result<Self, NotUsable> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (key, second) = (lines.next().unwrap_or_default(), lines.next());
        if lines.next().is_some() || key.len() > LONGEST || second.is_some_and(|line| line.len() > LONGEST) {
            return Err("the supplied secrets have more than two lines, or one of more than 512 characters");
        }
        match kind {
            KeyKind::AudioHook => {
                if !is_api_key(key) {
                    return Err(
                        "an AudioHook API key has at least 20 letters, digits, +, /, _ and -, and may end with = or ==",
                    );
                }
                if second.is_some_and(|line| client_secret(line).is_none()) {
                    return Err("an AudioHook client secret is base64 of at least 16 bytes");
                }
            }
            KeyKind::Twilio => {
                if second.is_some()
                    || key.len() < SHORTEST_API_KEY
                    || !key.bytes().all(|b| b.is_ascii_graphic())
                {
                    return Err("a Twilio auth token is one line of at least 20 characters without spaces");
                }
            }
            KeyKind::Client | KeyKind::ApiKey => {
                return Err("secrets of clients and API keys are made here and cannot be supplied");
            }
        }
        let secret = |text: &str| Sensitive::new(text.to_owned());
        Ok(Self { key: secret(key), client_secret: second.map(secret) })
    }

    /// As it is kept. `beside`: a hash of the same key whose salt is shared.
    pub(crate) fn stored(
        &self,
        kind: KeyKind,
        tenant: &str,
        beside: Option<&str>,
        sealer: &Sealer,
    ) -> Result<StoredSecret, DataDirError> {
        let hash = kind.hash(self.key.expose(), beside)?;
        let seal = |plain: &[u8]| sealer.seal(kind.owner(tenant), plain);
        let sealed = match kind {
            KeyKind::Twilio => Some(seal(self.key.expose().as_bytes())?),
            KeyKind::AudioHook => {
                let bytes = self.client_secret.as_ref().and_then(|text| client_secret(text.expose()));
                bytes.map(|bytes| seal(&bytes)).transpose()?
            }
            KeyKind::Client | KeyKind::ApiKey => None,
        };
        Ok(StoredSecret { hash, sealed, expires_at: None })
    }
}

/// `^[a-zA-Z0-9+/_-]+={0,2}$`, and long enough.
fn is_api_key(text: &str) -> bool {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    body.len() >= SHORTEST_API_KEY
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte))
}

/// The bytes that sign.
fn client_secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(LENIENT.decode(text).ok()?);
    (bytes.len() >= SHORTEST_CLIENT_SECRET).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const API_KEY: &str = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";
    const CLIENT_SECRET: &str = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=";

    fn parse(kind: KeyKind, text: &str) -> Result<(String, Option<String>), NotUsable> {
        let material = Material::parse(kind, text)?;
        Ok((material.key.into_inner(), material.client_secret.map(Sensitive::into_inner)))
    }

    #[test]
    fn an_audiohook_key_is_one_line_or_two() {
        let both = format!("{API_KEY}\n{CLIENT_SECRET}\n");
        assert_eq!(parse(KeyKind::AudioHook, &both), Ok((API_KEY.into(), Some(CLIENT_SECRET.into()))));
        assert_eq!(parse(KeyKind::AudioHook, API_KEY), Ok((API_KEY.into(), None)));
        let unpadded = CLIENT_SECRET.trim_end_matches('=');
        assert_eq!(client_secret(unpadded).unwrap()[..], *b"MySuperSecretKeyTellNo-1!2@3#4$5");
    }

    #[test]
    fn secrets_that_cannot_be_ones_are_refused_with_what_they_have_to_be() {
        for (kind, text) in [
            (KeyKind::AudioHook, ""),
            (KeyKind::AudioHook, "short"),
            (KeyKind::AudioHook, "has spaces in it, which no key has"),
            (KeyKind::AudioHook, "aaaaaaaaaaaaaaaaaaaaaaaa==="),
            (KeyKind::AudioHook, "aaaaaaaaaaaaaaaaaaaaaaaa\nnot*base64*at*all*of*any*kind"),
            (KeyKind::AudioHook, "aaaaaaaaaaaaaaaaaaaaaaaa\nc2hvcnQ="),
            (KeyKind::AudioHook, "aaaaaaaaaaaaaaaaaaaaaaaa\nb\nc"),
            (KeyKind::Twilio, "12345"),
            (KeyKind::Twilio, "aaaaaaaaaaaaaaaaaaaaaaaa\nbbbbbbbbbbbbbbbbbbbbbbbb"),
            (KeyKind::Client, "aaaaaaaaaaaaaaaaaaaaaaaa"),
            (KeyKind::ApiKey, "aaaaaaaaaaaaaaaaaaaaaaaa"),
        ] {
            assert!(parse(kind, text).is_err(), "{kind:?} {text:?}");
        }
    }

    #[test]
    fn what_is_made_here_could_have_been_supplied() {
        let material = Material::fresh(KeyKind::AudioHook, true).unwrap();
        let text = format!("{}\n{}", material.key.expose(), material.client_secret.unwrap().expose());
        assert!(parse(KeyKind::AudioHook, &text).is_ok());
        assert!(Material::fresh(KeyKind::AudioHook, false).unwrap().client_secret.is_none());
    }
}
