//! In: a configuration, then an engine. Out: a running server, and its orderly end.
//!
//! 1. [`Bound::new`]: the data directory is opened, the port is bound; `/livez` answers, everything else says 503.
//! 2. [`Bound::ready`]: the engine has proved its models; everything answers.
//! 3. [`Running::shutdown`]: no new connections; every session ends with a terminal event, every audio connection with
//!    1001; then, or when the time is up, it returns.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use peakstream::Engine;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::app::{self, AudioChannels};
use crate::audio_channel::audiohook::upgrade::AudioHook;
use crate::audio_channel::audiosocket;
use crate::audio_channel::media_streams;
use crate::biometrics::Biometrics;
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError, DataDirLock};
use crate::first_run::{self, FirstRun};
use crate::ids::{DEFAULT_TENANT, Tenant, Timestamp};
use crate::inference::InferencePool;
use crate::listener::{self, Limits, Slots};
use crate::replay::Replays;
use crate::session::actor::SessionServices;
use crate::session::journal::Journal;
use crate::session::registry::{Counts, Registry};
use crate::shutdown::{Shutdown, Tasks};
use crate::signalling::access::Access;
use crate::signalling::client::Signalling;
use crate::signalling::describe::{self, Place};
use crate::signalling::oauth::TokenEndpoint;
use crate::signalling::rest::{self, InFlight, Rest};
use crate::signalling::socketio::{self, SocketIo, SocketIoConfig};
use crate::store::{Store, StoreError};
use crate::tenant::keyring::{Keyring, Principal};
use crate::tenant::limits::Limiter;

/// Where the store is in the data directory.
const STORE_FILE: &str = "store.redb";
/// Between two looks for what has expired, and how much is removed at once.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
const SWEEP_AT_ONCE: usize = 5_000;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The address.
    #[error("cannot listen on {address}: {source}; choose another with {flag}")]
    Listen {
        /// The setting.
        flag: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The inference threads.
    #[error("inference threads cannot be started: {0}")]
    Threads(std::io::Error),
}

/// A server that listens, but has no engine yet.
#[derive(Debug)]
pub struct Bound {
    config: Config,
    base_url: String,
    keyring: Arc<Keyring>,
    limiter: Arc<Limiter>,
    first_run: Option<FirstRun>,
    lock: DataDirLock,
    app: watch::Sender<Router>,
    rest: Arc<Rest>,
    replays: Arc<Replays>,
    slots: Slots,
    /// The port for Asterisk, if there is one; it is served once the models are loaded.
    audiosocket: Option<(TcpListener, SocketAddr)>,
    shutdown: Shutdown,
}

/// A server that is ready.
pub struct Running {
    base_url: String,
    audiosocket: Option<SocketAddr>,
    config: Config,
    sessions: Arc<SessionServices>,
    store: Store,
    io: SocketIo,
    slots: Slots,
    /// Keeps the application of the listener alive.
    _app: watch::Sender<Router>,
    _lock: DataDirLock,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Bound {
    /// Opens the data directory and binds the port.
    ///
    /// # Errors
    /// If either is not possible.
    pub async fn new(config: Config) -> Result<Self, StartError> {
        let dir = DataDir::open(&config.data_dir)?;
        let lock = dir.lock()?;
        let first_run = first_run::ensure_keys(&dir)?;
        let keyring = Keyring::open(&dir)?;
        let (listener, local) = bind("--listen", config.listen).await?;
        let audiosocket = match config.audio.audiosocket_listen {
            Some(address) => Some(bind("--audiosocket-listen", address).await?),
            None => None,
        };
        let base_url = config.public_url.clone().unwrap_or_else(|| format!("http://{local}"));
        first_run::note_base_url(&dir, &base_url)?;
        let first_run = first_run.map(|first_run| FirstRun { base_url: base_url.clone(), ..first_run });
        let limiter = Arc::new(Limiter::default());
        let rest = rest(&config, &dir, &keyring, &limiter).await?;
        let (app, current) = watch::channel(app::loading(routes(&rest, &config, &base_url)));
        let slots = Slots::new(config.limits.max_connections);
        let limits = Limits {
            max_connections: config.limits.max_connections,
            header_timeout: config.limits.header_timeout,
            write_timeout: config.limits.write_timeout,
        };
        let shutdown = Shutdown::default();
        tokio::spawn(listener::serve(listener, current, slots.clone(), limits, shutdown.clone()));
        let replays =
            Arc::new(Replays::new(Arc::clone(&keyring), rest.store.clone(), config.store.max_stored));
        let kept = Kept {
            store: rest.store.clone(),
            journal: Arc::clone(&rest.journal),
            replays: Arc::clone(&replays),
        };
        tokio::spawn(sweep(kept, shutdown.clone()));
        Ok(Self {
            config,
            base_url,
            keyring,
            limiter,
            first_run,
            lock,
            app,
            rest,
            replays,
            slots,
            audiosocket,
            shutdown,
        })
    }

    /// Where clients find it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What the first start made; `None` on later ones.
    pub const fn first_run(&self) -> Option<&FirstRun> {
        self.first_run.as_ref()
    }

    /// Opens for business.
    ///
    /// # Errors
    /// If keys or threads cannot be had.
    pub fn ready(self, engine: Engine) -> Result<Running, StartError> {
        let Self {
            config,
            base_url,
            keyring,
            limiter,
            lock,
            app,
            rest,
            replays,
            slots,
            audiosocket,
            shutdown,
            ..
        } = self;
        let limits = &config.limits;
        let sessions = Arc::new(SessionServices {
            biometrics: Arc::new(Biometrics::new(
                engine,
                Arc::clone(&keyring),
                config.sessions.wishes(),
                replays,
            )),
            pool: InferencePool::start(
                limits.inference_threads(),
                limits.inference_queue,
                limits.pin_inference,
            )
            .map_err(StartError::Threads)?,
            registry: Registry::new(limits.max_sessions, limits.max_parked),
            journal: Arc::clone(&rest.journal),
            keyring: Arc::clone(&keyring),
            limiter: Arc::clone(&limiter),
            shutdown,
            tasks: Tasks::default(),
            timeouts: config.sessions.timeouts(),
            accept_short: config.sessions.accept_short,
        });
        let tokens = Arc::new(TokenEndpoint::new(keyring, limiter)?);
        let (socketio, io) = socketio(&config, &sessions);
        let audiohook = AudioHook::new(config.audiohook.settings(config.public_url.as_deref()));
        let audio = AudioChannels {
            tenant: Tenant::new(DEFAULT_TENANT),
            track: config.audio.media_streams_track,
            audiohook: Arc::new(audiohook),
            proofs: Arc::new(media_streams::access::Proofs {
                needed: config.audio.media_streams_need_key,
                public_url: config.public_url.clone(),
            }),
            sessions: Arc::clone(&sessions),
        };
        // Set once: here.
        let _ = rest.services.set(Arc::clone(&sessions));
        let store = rest.store.clone();
        let routes = routes(&rest, &config, &base_url);
        let _loading = app.send_replace(app::ready(&config, tokens, socketio, routes, audio));
        let audiosocket = audiosocket.map(|(listener, address)| {
            let tenant = config.audio.audiosocket_tenant.clone();
            tokio::spawn(audiosocket::listener::serve(
                listener,
                tenant,
                slots.clone(),
                Arc::clone(&sessions),
            ));
            address
        });
        Ok(Running { base_url, audiosocket, config, sessions, store, io, slots, _app: app, _lock: lock })
    }
}

/// A listening socket, and its address with the port that was found.
async fn bind(flag: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { flag, address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let local = listener.local_addr().map_err(refused)?;
    Ok((listener, local))
}

/// What answers from the beginning: the REST channel, and the description of everything.
fn routes(rest: &Arc<Rest>, config: &Config, base_url: &str) -> Router {
    let signalling = &config.signalling;
    let place = Place {
        base_url,
        rest_path: &signalling.rest_path,
        socketio_path: &signalling.socketio_path,
        media_streams_path: signalling.media_streams_paths.first().map_or("", String::as_str),
        audiohook_path: config.audiohook.audiohook_paths.first().map_or("", String::as_str),
    };
    rest::build(Arc::clone(rest), &signalling.rest_path).merge(describe::build(&place))
}

/// The REST channel, with its store and journal; new sessions wait for the models.
async fn rest(
    config: &Config,
    dir: &DataDir,
    keyring: &Arc<Keyring>,
    limiter: &Arc<Limiter>,
) -> Result<Arc<Rest>, StartError> {
    let store = match config.store.memory_only {
        true => Store::in_memory()?,
        false => Store::open(&dir.private_file(STORE_FILE)?)?,
    };
    let journal = Arc::new(Journal::new(store.clone(), config.store.retention()));
    let interrupted = journal.close_interrupted().await?;
    if interrupted > 0 {
        tracing::warn!(sessions = interrupted, "the last run ended without notice; its sessions are over");
    }
    Ok(Arc::new(Rest {
        services: OnceLock::new(),
        journal,
        defaults: config.sessions.defaults(),
        store,
        access: access(config),
        keyring: Arc::clone(keyring),
        limiter: Arc::clone(limiter),
        settings_retention: config.store.audio_settings_retention,
        idempotency_retention: config.store.idempotency_retention,
        max_stored: config.store.max_stored,
        in_flight: InFlight::default(),
    }))
}

/// Where what is kept for a time is.
struct Kept {
    store: Store,
    journal: Arc<Journal>,
    replays: Arc<Replays>,
}

/// Removes what has expired and what nobody wants any more, until the server ends.
async fn sweep(kept: Kept, shutdown: Shutdown) {
    loop {
        tokio::select! {
            biased;
            () = shutdown.begun() => return,
            () = sleep(SWEEP_INTERVAL) => {}
        }
        let now = Timestamp::now();
        kept.journal.sweep_audio(now);
        if let Err(error) = kept.replays.sweep().await {
            tracing::error!(%error, "attempts that nobody wants could not be removed");
        }
        match kept.store.sweep(now, SWEEP_AT_ONCE).await {
            Ok(0) => {}
            Ok(swept) => tracing::debug!(swept, "expired objects were removed"),
            Err(error) => tracing::error!(%error, "expired objects could not be removed"),
        }
    }
}

fn access(config: &Config) -> Access {
    match config.signalling.no_auth {
        true => Access::Open(Principal::anybody(Tenant::new(DEFAULT_TENANT))),
        false => Access::Proven,
    }
}

fn socketio(config: &Config, sessions: &Arc<SessionServices>) -> (Router, SocketIo) {
    let signalling = &config.signalling;
    let clients = Signalling {
        sessions: Arc::clone(sessions),
        defaults: config.sessions.defaults(),
        keep_open: signalling.keep_open,
        disconnect_grace: signalling.disconnect_grace,
    };
    let transport = SocketIoConfig {
        path: signalling.socketio_path.clone(),
        access: access(config),
        alive_needs_token: signalling.alive_needs_token,
        wire: signalling.wire(),
        ping_interval: signalling.ping_interval,
        ping_timeout: signalling.ping_timeout,
        max_sessions: config.limits.max_connections,
    };
    socketio::build(transport, Arc::new(clients))
}

impl Running {
    /// Where clients find it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where Asterisk finds it, if it is to.
    pub const fn audiosocket(&self) -> Option<SocketAddr> {
        self.audiosocket
    }

    /// How many sessions and audio connections there are.
    pub fn counts(&self) -> Counts {
        self.sessions.registry.counts()
    }

    /// Returns once no session, no client that asked for one and no audio connection is being served.
    pub async fn idle(&self) {
        self.sessions.tasks.finished().await;
    }

    /// How many connections of all kinds are open.
    pub fn connections(&self) -> usize {
        self.slots.occupied()
    }

    /// Ends everything in order, within the configured time.
    pub async fn shutdown(self) {
        let deadline = Instant::now() + self.config.limits.shutdown_timeout;
        tracing::info!("stopping");
        self.sessions.shutdown.begin();
        let all = async {
            self.sessions.tasks.finished().await;
            // What is left are clients that joined and asked for nothing.
            self.io.close();
            self.slots.all_free().await;
        };
        if timeout_at(deadline, all).await.is_err() {
            tracing::warn!(connections = self.slots.occupied(), "stopped before every connection had ended");
        }
        self.store.close().await;
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
