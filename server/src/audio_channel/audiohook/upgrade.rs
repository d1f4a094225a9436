//! In: an upgrade request's header. Out: whose connection it is, or a refusal that says nothing.
//!
//! | request | answer |
//! |---|---|
//! | without a session id, or with one that is no UUID | 400 at once: it cannot be answered in the protocol |
//! | without a known API key, without a right signature where the key has a secret, or otherwise not authentic | 401, [`REFUSAL_TIME`] after its beginning, always the same |
//! | authentic | 101 at once |
//!
//! An unknown key is checked like a known one, against a secret of nobody's. A key without a secret takes unsigned requests
//! only: a signature that cannot be checked is not a right one. Refusals that wait are limited in number; beyond that they
//! do not wait.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::audio_channel::audiohook::calls::Calls;
use crate::audio_channel::audiohook::link::Parking;
use crate::audio_channel::audiohook::media::ByteOrder;
use crate::audio_channel::audiohook::message::is_uuid;
use crate::audio_channel::audiohook::nonce::Nonces;
use crate::audio_channel::audiohook::signature::{self, Signed, Window};
use crate::ids::Tenant;
use crate::tenant::failures::Source;
use crate::tenant::keyring::Keyring;
use crate::tenant::time::UnixTime;

/// From a request's beginning to its refusal.
pub const REFUSAL_TIME: Duration = Duration::from_millis(500);
/// Refusals that wait at the same time.
const MAX_REFUSALS: usize = 256;

/// What happens when a session of a call has its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AfterResult {
    /// The call is paused and waits for another session.
    #[default]
    Pause,
    /// The call's connection is ended.
    Disconnect,
}

/// How the address of a request looked to the client that signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    authority: String,
    path: SignedPath,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SignedPath {
    /// Before the path we see.
    Prefix(String),
    /// Instead of it.
    Whole(String),
}

/// What can be set about the channel.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How clients see this server; `None`: as the request says.
    pub address: Option<Address>,
    /// How long signatures are good.
    pub window: Window,
    /// Of L16.
    pub byte_order: ByteOrder,
    /// After a result.
    pub after_result: AfterResult,
    /// Whether results are told as entities of an `event`.
    pub result_events: bool,
    /// How calls wait.
    pub parking: Parking,
}

/// What all connections of the channel share.
#[derive(Debug)]
pub struct AudioHook {
    /// What can be set.
    pub settings: Settings,
    /// Which connection has which call.
    pub calls: Arc<Calls>,
    nonces: Nonces,
    refusals: Semaphore,
}

/// A connection that may be.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Whose calls come in.
    pub tenant: Tenant,
    /// The client's name of the connection: part of every message.
    pub session_id: String,
    /// What `open` must name too.
    pub organization_id: String,
    /// For logs.
    pub correlation_id: String,
}

impl Address {
    /// The address of a base URL: paths come after it. `None`: it is none.
    pub fn of_base(url: &str) -> Option<Self> {
        let (authority, path) = split(url)?;
        Some(Self { authority, path: SignedPath::Prefix(path.trim_end_matches('/').to_owned()) })
    }

    /// The one address that clients have. `None`: it is none.
    pub fn of_channel(url: &str) -> Option<Self> {
        let (authority, path) = split(url)?;
        let path = if path.is_empty() { "/".to_owned() } else { path };
        Some(Self { authority, path: SignedPath::Whole(path) })
    }

    fn target(&self, seen: &Uri) -> String {
        let path = match &self.path {
            SignedPath::Prefix(prefix) => format!("{prefix}{}", seen.path()),
            SignedPath::Whole(path) => path.clone(),
        };
        seen.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
    }
}

/// Host in lower case, with its port unless that is the scheme's own; and the path.
fn split(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let own_port = match scheme {
        "https" | "wss" => ":443",
        "http" | "ws" => ":80",
        _ => return None,
    };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(own_port).unwrap_or(&host);
    let plain = !host.is_empty() && !host.contains(['@', ' ', '?', '#']) && !path.contains(['?', '#', ' ']);
    plain.then(|| (host.to_owned(), path.to_owned()))
}

impl AudioHook {
    /// The channel.
    pub fn new(settings: Settings) -> Self {
        let (calls, nonces) = (Arc::default(), Nonces::default());
        Self { settings, calls, nonces, refusals: Semaphore::new(MAX_REFUSALS) }
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// The refusal, when it is time for it.
    pub async fn admit(
        &self,
        keyring: &Keyring,
        source: Source,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Admitted, Response> {
        let begun = Instant::now();
        let Some(session_id) = uuid_of(headers, "audiohook-session-id") else {
            let problem = "the header Audiohook-Session-Id must be a UUID\n";
            return Err((StatusCode::BAD_REQUEST, problem).into_response());
        };
        match self.authenticate(keyring, source, uri, headers, UnixTime::now()) {
            Some(who) => Ok(Admitted { session_id, ..who }),
            None => {
                if let Ok(_waiting) = self.refusals.try_acquire() {
                    sleep_until(begun + REFUSAL_TIME).await;
                }
                Err((StatusCode::UNAUTHORIZED, "unauthorized\n").into_response())
            }
        }
    }

    fn authenticate(
        &self,
        keyring: &Keyring,
        source: Source,
        uri: &Uri,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Option<Admitted> {
        let presented = signature::field(headers, "x-api-key")?;
        let organization_id = uuid_of(headers, "audiohook-organization-id")?;
        let correlation_id = uuid_of(headers, "audiohook-correlation-id")?;
        let key = keyring.audiohook_key(&presented, source);
        let secret = key.as_ref().map(|key| key.secret.clone());
        let right = match secret {
            Some(None) => !signature::is_signed(headers),
            // Nobody's secret, for a key that nobody has: it costs the same, and is refused below.
            None => self.is_right(uri, headers, &presented, b"nobody's secret", now),
            Some(Some(secret)) => self.is_right(uri, headers, &presented, secret.expose(), now),
        };
        let tenant = key.filter(|_| right)?.tenant;
        Some(Admitted { tenant, session_id: String::new(), organization_id, correlation_id })
    }

    fn is_right(&self, uri: &Uri, headers: &HeaderMap, api_key: &str, secret: &[u8], now: UnixTime) -> bool {
        let seen = || uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
        let (target, authority) = match &self.settings.address {
            Some(address) => (address.target(uri), address.authority.clone()),
            None => (
                seen(),
                signature::field(headers, header::HOST.as_str()).unwrap_or_default().to_ascii_lowercase(),
            ),
        };
        let request = Signed { target: &target, authority: &authority, headers };
        let right = signature::check(&request, api_key, secret, self.settings.window, now);
        // Of a right signature only: nobody else fills the memory.
        right.is_some_and(|right| self.nonces.note(api_key, &right.nonce, right.until, now))
    }
}

fn uuid_of(headers: &HeaderMap, name: &str) -> Option<String> {
    signature::field(headers, name).filter(|text| is_uuid(text))
}

#[cfg(test)]
#[path = "upgrade_tests.rs"]
mod tests;
