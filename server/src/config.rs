//! In: flags, `PEAKSTREAM_*` variables and a TOML file. Out: one typed configuration.
//!
//! Every setting, its unit, its default and its parser stand here and nowhere else. `--help`, the keys of the file
//! ([`mod@file`]), `peakstream config` and `docs/configuration.md` ([`mod@reference`]) are derived from this file.
//!
//! A new setting is a field with a doc comment of one line and `#[arg(long, env = "PEAKSTREAM_…", value_name = "…", …)]`, in
//! the structure of its group; a new group is a structure with a `next_help_heading`, which is its section in the file. What
//! must hold between settings is said in `config/check.rs`. Then write the reference again: its test says how.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, FromArgMatches};
use peakstream::{AttackRate, EngineOptions, JudgementLimits, Precision, Threshold};

use crate::audio_channel::audiohook::link::Parking;
use crate::audio_channel::audiohook::media::ByteOrder;
use crate::audio_channel::audiohook::signature::Window;
use crate::audio_channel::audiohook::upgrade::{self as audiohook, AfterResult};
use crate::audio_channel::media_streams::message::Track;
use crate::ids::{DEFAULT_TENANT, Tenant};
use crate::session::authenticity::AuthenticityWishes;
use crate::session::countermeasure::PolicySetting;
use crate::session::journal::Retention;
use crate::session::machine::Timeouts;
use crate::session::policy::{GateSetting, Wishes};
use crate::session::registry::ParkedCalls;
use crate::session::request::Defaults;
use crate::signalling::client::{EventArgs, PayloadEncoding, WireFormat};
use crate::telemetry::LogFormat;

mod check;
pub mod file;
pub mod load;
pub mod problem;
pub mod reference;
pub mod setting;
pub(crate) mod values;

#[cfg(test)]
mod requirements;

use values::{
    attack_rate, judged_decibels, judged_seconds, milliseconds, path, precision, seconds, tenant, threshold,
    track,
};

/// Everything that can be set about a server.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, env = "PEAKSTREAM_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Directory of secrets and keys; created by the first start
    #[arg(long, env = "PEAKSTREAM_DATA_DIR", value_name = "DIR", default_value = "peakstream-data")]
    pub data_dir: PathBuf,

    /// Base URL that clients use, if it is not the listening address (behind a proxy)
    #[arg(long, env = "PEAKSTREAM_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// Folder of the installed models, if it is not where `make models` puts them
    #[arg(long, env = "PEAKSTREAM_MODELS", value_name = "DIR")]
    pub models: Option<PathBuf>,

    /// Calibrations made by `peakstream calibrate`, instead of those that came with the models; one for each channel type
    #[arg(long, env = "PEAKSTREAM_CALIBRATION", value_name = "FILE", value_delimiter = ',')]
    pub calibration: Vec<PathBuf>,

    /// What the speaker network is computed in: int8 takes less than half the time of f32, needs AVX-512 VNNI, and moves scores a
    /// little; voices of both can be compared
    #[arg(long, env = "PEAKSTREAM_PRECISION", value_name = "PRECISION", default_value = "f32", value_parser = precision())]
    pub precision: Precision,

    /// How log lines on standard error look; what is logged is set by PEAKSTREAM_LOG
    #[arg(long, env = "PEAKSTREAM_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Signalling
    #[command(flatten)]
    pub signalling: SignallingConfig,

    /// Audio channels
    #[command(flatten)]
    pub audio: AudioConfig,

    /// AudioHook
    #[command(flatten)]
    pub audiohook: AudioHookConfig,

    /// Sessions
    #[command(flatten)]
    pub sessions: SessionConfig,

    /// Store
    #[command(flatten)]
    pub store: StoreConfig,

    /// Limits
    #[command(flatten)]
    pub limits: LimitConfig,
}

/// How clients connect and what they receive.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Signalling")]
pub struct SignallingConfig {
    /// Path of the Socket.IO transport, and prefix of its namespaces and token endpoint
    #[arg(long, env = "PEAKSTREAM_SOCKETIO_PATH", value_name = "PATH", default_value = "/socket.io", value_parser = path)]
    pub socketio_path: String,

    /// Path of the REST channel; its resources are below PATH/v1, and below /v1
    #[arg(long, env = "PEAKSTREAM_REST_PATH", value_name = "PATH", default_value = "/dpsrest", value_parser = path)]
    pub rest_path: String,

    /// Paths of the Media Streams audio channel
    #[arg(long, env = "PEAKSTREAM_MEDIA_STREAMS_PATHS", value_name = "PATH", value_delimiter = ',',
          default_values = ["/twilio", "/dpstwilio"], value_parser = path)]
    pub media_streams_paths: Vec<String>,

    /// Let everybody start sessions, without a token. Only behind something that authenticates
    #[arg(long, env = "PEAKSTREAM_NO_AUTH")]
    pub no_auth: bool,

    /// Ask for a token on the namespace `alive` too
    #[arg(long, env = "PEAKSTREAM_ALIVE_NEEDS_TOKEN")]
    pub alive_needs_token: bool,

    /// Arguments of each event: data and audio always, audio on results only, or never audio
    #[arg(long, env = "PEAKSTREAM_EVENT_ARGS", value_name = "WHEN", default_value = "always2")]
    pub event_args: EventArgs,

    /// Data of each event as an object, or as a string that holds one
    #[arg(long, env = "PEAKSTREAM_PAYLOAD_ENCODING", value_name = "TYPE", default_value = "object")]
    pub payload_encoding: PayloadEncoding,

    /// Let a client start another session on the same connection instead of disconnecting it after the result
    #[arg(long, env = "PEAKSTREAM_KEEP_OPEN")]
    pub keep_open: bool,

    /// Milliseconds between the terminal event and the disconnect
    #[arg(long, env = "PEAKSTREAM_DISCONNECT_GRACE_MS", value_name = "MS", default_value = "250", value_parser = milliseconds)]
    pub disconnect_grace: Duration,

    /// Seconds between two pings of a client
    #[arg(long, env = "PEAKSTREAM_PING_INTERVAL", value_name = "S", default_value = "25", value_parser = seconds)]
    pub ping_interval: Duration,

    /// Seconds a client may take to answer a ping
    #[arg(long, env = "PEAKSTREAM_PING_TIMEOUT", value_name = "S", default_value = "20", value_parser = seconds)]
    pub ping_timeout: Duration,
}

/// How calls' audio comes in.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Audio channels")]
pub struct AudioConfig {
    /// Whose voice Media Streams are listened to, where neither the address nor a custom parameter `track` says it
    #[arg(long, env = "PEAKSTREAM_MEDIA_STREAMS_TRACK", value_name = "TRACK", default_value = "inbound", value_parser = track)]
    pub media_streams_track: Track,

    /// Refuse Media Streams that neither present an API key of their tenant nor are signed with its Twilio auth token
    #[arg(long, env = "PEAKSTREAM_MEDIA_STREAMS_NEED_KEY")]
    pub media_streams_need_key: bool,

    /// Address and port for Asterisk's AudioSocket. The protocol has no authentication: a loopback or private address
    #[arg(long, env = "PEAKSTREAM_AUDIOSOCKET_LISTEN", value_name = "ADDRESS")]
    pub audiosocket_listen: Option<SocketAddr>,

    /// Tenant whose calls come in by AudioSocket
    #[arg(long, env = "PEAKSTREAM_AUDIOSOCKET_TENANT", value_name = "NAME", default_value = DEFAULT_TENANT, value_parser = tenant)]
    pub audiosocket_tenant: Tenant,
}

/// How Genesys AudioHook connects.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "AudioHook")]
pub struct AudioHookConfig {
    /// Paths of the AudioHook audio channel
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_PATHS", value_name = "PATH", value_delimiter = ',',
          default_values = ["/audiohook", "/dpsaudiohook", "/api/v1/audiohook/ws"], value_parser = path)]
    pub audiohook_paths: Vec<String>,

    /// Address that Genesys is configured with, if a proxy changes it; signatures cover it [default: from the public URL, else the request]
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_URL", value_name = "URL")]
    pub audiohook_url: Option<String>,

    /// Seconds a signature is good after it was made
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_SIGNATURE_AGE", value_name = "S", default_value = "60", value_parser = seconds)]
    pub audiohook_signature_age: Duration,

    /// Seconds the clock of a signer may be off
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_CLOCK_SKEW", value_name = "S", default_value = "3", value_parser = seconds)]
    pub audiohook_clock_skew: Duration,

    /// What happens to a call whose session has its result: it waits for another session, or is disconnected
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_AFTER_RESULT", value_name = "WHAT", default_value = "pause")]
    pub audiohook_after_result: AfterResult,

    /// Tell results as entities of an AudioHook event
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_RESULT_EVENTS")]
    pub audiohook_result_events: bool,

    /// Which byte of an L16 sample comes first
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_L16_BYTE_ORDER", value_name = "ORDER", default_value = "little")]
    pub audiohook_l16_byte_order: ByteOrder,

    /// AudioHook calls that wait for a session
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_MAX_PARKED", value_name = "N", default_value_t = 10_000)]
    pub audiohook_max_parked: usize,

    /// AudioHook calls of one tenant that wait for a session
    #[arg(
        long,
        env = "PEAKSTREAM_AUDIOHOOK_MAX_PARKED_OF_TENANT",
        value_name = "N",
        default_value_t = 5_000
    )]
    pub audiohook_max_parked_of_tenant: usize,

    /// Seconds an AudioHook call waits for a session at most
    #[arg(long, env = "PEAKSTREAM_AUDIOHOOK_PARK_TIMEOUT", value_name = "S", default_value = "14400", value_parser = seconds)]
    pub audiohook_park_timeout: Duration,
}

/// What a session may take, and what it uses where a request says nothing.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sessions")]
pub struct SessionConfig {
    /// Authenticity threshold of requests that have none (0 to 1)
    #[arg(long, env = "PEAKSTREAM_AUTHENTICITY_THRESHOLD", value_name = "X", default_value = "0.5", value_parser = threshold)]
    pub authenticity_threshold: Threshold,

    /// Score threshold of verifications that have none (0 to 1)
    #[arg(long, env = "PEAKSTREAM_SCORE_THRESHOLD", value_name = "X", default_value = "0.5", value_parser = threshold)]
    pub score_threshold: Threshold,

    /// Share of calls assumed to be attacks; what an authenticity of 0.5 means depends on it (0 to 1, exclusive). Tenants may say
    /// something else (docs/authenticity.md)
    #[arg(long, env = "PEAKSTREAM_ASSUMED_ATTACK_RATE", value_name = "X", default_value = "0.01", value_parser = attack_rate)]
    pub assumed_attack_rate: AttackRate,

    /// What is done with voices that do not seem genuine: report (told), enforce (rejected) or step-up (decided, and flagged for one
    /// more question); register. or verify. before it for one kind of session only. Tenants may say something else
    /// (docs/authenticity.md)
    #[arg(
        long,
        env = "PEAKSTREAM_AUTHENTICITY_POLICY",
        value_name = "POLICY",
        value_delimiter = ',',
        default_value = "enforce"
    )]
    pub authenticity_policy: Vec<PolicySetting>,

    /// Seconds of net speech below which authenticity is not judged (1 to 120)
    #[arg(long, env = "PEAKSTREAM_AUTHENTICITY_NET_SPEECH", value_name = "S", default_value = "3", value_parser = judged_seconds)]
    pub authenticity_net_speech: f64,

    /// Decibels of signal-to-noise ratio below which authenticity is not judged (-10 to 60; -10: noise is no reason)
    #[arg(
        long,
        env = "PEAKSTREAM_AUTHENTICITY_SIGNAL_NOISE_RATIO",
        value_name = "X",
        default_value = "8",
        value_parser = judged_decibels,
        allow_negative_numbers = true
    )]
    pub authenticity_signal_noise_ratio: f32,

    /// Seconds from readiness to the first audio connection
    #[arg(long, env = "PEAKSTREAM_AUDIO_START_TIMEOUT", value_name = "S", default_value = "60", value_parser = seconds)]
    pub audio_start_timeout: Duration,

    /// Seconds without audio on a live audio connection
    #[arg(long, env = "PEAKSTREAM_AUDIO_IDLE_TIMEOUT", value_name = "S", default_value = "20", value_parser = seconds)]
    pub audio_idle_timeout: Duration,

    /// Seconds of audio received without enough speech in it
    #[arg(long, env = "PEAKSTREAM_MAX_STREAM_DURATION", value_name = "S", default_value = "180", value_parser = seconds)]
    pub max_stream_duration: Duration,

    /// Seconds from the start of a session to its decision
    #[arg(long, env = "PEAKSTREAM_MAX_SESSION_AGE", value_name = "S", default_value = "300", value_parser = seconds)]
    pub max_session_age: Duration,

    /// Seconds a session waits for another audio connection after the first ended early
    #[arg(long, env = "PEAKSTREAM_REATTACH_GRACE", value_name = "S", default_value = "0", value_parser = seconds)]
    pub reattach_grace: Duration,

    /// Seconds a decision may take
    #[arg(long, env = "PEAKSTREAM_DECISION_TIMEOUT", value_name = "S", default_value = "30", value_parser = seconds)]
    pub decision_timeout: Duration,

    /// What speech must pass, as GATE=off, warn or refuse, with a limit after a colon; register. or verify. before it for one kind of
    /// session only (docs/quality-gates.md)
    #[arg(long, env = "PEAKSTREAM_QUALITY_GATES", value_name = "GATE=ACTION", value_delimiter = ',')]
    pub quality_gates: Vec<GateSetting>,

    /// Decide a stream that ended early if it holds at least 3 s of speech
    #[arg(long, env = "PEAKSTREAM_ACCEPT_SHORT")]
    pub accept_short: bool,
}

/// What is kept, and for how long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Store")]
pub struct StoreConfig {
    /// Keep audio settings, sessions and results in memory only: they are lost when the server ends
    #[arg(long, env = "PEAKSTREAM_MEMORY_ONLY")]
    pub memory_only: bool,

    /// Seconds a session's result can be read after its end
    #[arg(long, env = "PEAKSTREAM_RESULT_RETENTION", value_name = "S", default_value = "3600", value_parser = seconds)]
    pub result_retention: Duration,

    /// Seconds audio settings are kept after their last use
    #[arg(long, env = "PEAKSTREAM_AUDIO_SETTINGS_RETENTION", value_name = "S", default_value = "86400", value_parser = seconds)]
    pub audio_settings_retention: Duration,

    /// Seconds an Idempotency-Key is remembered
    #[arg(long, env = "PEAKSTREAM_IDEMPOTENCY_RETENTION", value_name = "S", default_value = "86400", value_parser = seconds)]
    pub idempotency_retention: Duration,

    /// Seconds the speech a session collected can be fetched after its end; it is kept in memory only
    #[arg(long, env = "PEAKSTREAM_COLLECTED_AUDIO_RETENTION", value_name = "S", default_value = "300", value_parser = seconds)]
    pub collected_audio_retention: Duration,

    /// MiB of collected speech of all sessions; beyond it the oldest goes first
    #[arg(long, env = "PEAKSTREAM_COLLECTED_AUDIO_MIB", value_name = "MIB", default_value_t = 64)]
    pub collected_audio_mib: usize,

    /// Objects of each kind that are kept; beyond it no new ones are created
    #[arg(long, env = "PEAKSTREAM_MAX_STORED", value_name = "N", default_value_t = 1_000_000)]
    pub max_stored: u64,
}

/// How much the server takes on.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitConfig {
    /// Live sessions
    #[arg(long, env = "PEAKSTREAM_MAX_SESSIONS", value_name = "N", default_value_t = 1000)]
    pub max_sessions: usize,

    /// Audio connections that wait for their session
    #[arg(long, env = "PEAKSTREAM_MAX_PARKED", value_name = "N", default_value_t = 256)]
    pub max_parked: usize,

    /// Open connections of all kinds, and Socket.IO clients that poll; more are answered with 503
    #[arg(long, env = "PEAKSTREAM_MAX_CONNECTIONS", value_name = "N", default_value_t = 4096)]
    pub max_connections: usize,

    /// Threads of each kind: for connections and live audio, and for decisions; 0 means one for each core
    #[arg(long, env = "PEAKSTREAM_THREADS", value_name = "N", default_value_t = 0)]
    pub threads: usize,

    /// Threads that compute decisions, if they are to be another number than --threads; 0 means as many
    #[arg(long, env = "PEAKSTREAM_INFERENCE_THREADS", value_name = "N", default_value_t = 0)]
    pub inference_threads: usize,

    /// Bind each thread that computes decisions to a core of its own (Linux): for machines that do nothing else
    #[arg(long, env = "PEAKSTREAM_PIN_INFERENCE")]
    pub pin_inference: bool,

    /// Decisions that wait for a thread; more are refused at once
    #[arg(long, env = "PEAKSTREAM_INFERENCE_QUEUE", value_name = "N", default_value_t = 128)]
    pub inference_queue: usize,

    /// Seconds a client may take to send the header of a request
    #[arg(long, env = "PEAKSTREAM_HEADER_TIMEOUT", value_name = "S", default_value = "10", value_parser = seconds)]
    pub header_timeout: Duration,

    /// Seconds a client may take nothing of what it is sent before its connection is ended
    #[arg(long, env = "PEAKSTREAM_WRITE_TIMEOUT", value_name = "S", default_value = "20", value_parser = seconds)]
    pub write_timeout: Duration,

    /// Seconds the server may take to end its sessions and connections when it is stopped
    #[arg(long, env = "PEAKSTREAM_SHUTDOWN_TIMEOUT", value_name = "S", default_value = "10", value_parser = seconds)]
    pub shutdown_timeout: Duration,
}

impl Config {
    /// The defaults, untouched by flags and environment.
    ///
    /// # Errors
    /// None in practice: the defaults are valid, which a test proves.
    pub fn defaults() -> Result<Self, clap::Error> {
        let command =
            Self::augment_args(clap::Command::new("peakstream")).mut_args(|arg| arg.env(None::<&str>));
        Self::from_arg_matches(&command.try_get_matches_from(["peakstream"])?)
    }
}

impl SignallingConfig {
    /// How events look.
    pub const fn wire(&self) -> WireFormat {
        WireFormat { args: self.event_args, encoding: self.payload_encoding }
    }
}

impl AudioHookConfig {
    /// What the channel is told. `public_url`: how clients see this server.
    pub fn settings(&self, public_url: Option<&str>) -> audiohook::Settings {
        let own = self.audiohook_url.as_deref().and_then(audiohook::Address::of_channel);
        audiohook::Settings {
            address: own.or_else(|| public_url.and_then(audiohook::Address::of_base)),
            window: Window { max_age: self.audiohook_signature_age, skew: self.audiohook_clock_skew },
            byte_order: self.audiohook_l16_byte_order,
            after_result: self.audiohook_after_result,
            result_events: self.audiohook_result_events,
            parking: Parking {
                limits: ParkedCalls {
                    most: self.audiohook_max_parked,
                    most_of_tenant: self.audiohook_max_parked_of_tenant,
                },
                most: self.audiohook_park_timeout,
            },
        }
    }
}

impl SessionConfig {
    /// The times of the session machine.
    pub const fn timeouts(&self) -> Timeouts {
        Timeouts {
            audio_start: self.audio_start_timeout,
            audio_idle: self.audio_idle_timeout,
            max_stream: self.max_stream_duration,
            max_age: self.max_session_age,
            reattach_grace: self.reattach_grace,
            decision: self.decision_timeout,
        }
    }

    /// The values of members that a request leaves out.
    pub const fn defaults(&self) -> Defaults {
        Defaults {
            authenticity_threshold: self.authenticity_threshold,
            score_threshold: self.score_threshold,
        }
    }

    /// What the operator says of sessions.
    pub fn wishes(&self) -> Wishes {
        let authenticity = AuthenticityWishes {
            assumed_attack_rate: Some(self.assumed_attack_rate),
            policy: self.authenticity_policy.clone(),
        };
        Wishes { gates: self.quality_gates.clone(), doubt: None, authenticity }
    }
}

impl Config {
    /// What the engine is told.
    pub const fn engine_options(&self) -> EngineOptions {
        let judgement = JudgementLimits {
            net_speech: self.sessions.authenticity_net_speech,
            signal_noise_ratio: self.sessions.authenticity_signal_noise_ratio,
        };
        EngineOptions { judgement, precision: self.precision }
    }
}

impl StoreConfig {
    /// How long the journal keeps what it has.
    pub const fn retention(&self) -> Retention {
        Retention {
            results: self.result_retention,
            collected_audio: self.collected_audio_retention,
            collected_audio_bytes: self.collected_audio_mib << 20,
        }
    }
}

impl LimitConfig {
    /// How many threads serve connections and live audio.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// How many threads compute decisions.
    pub fn inference_threads(&self) -> usize {
        match self.inference_threads {
            0 => self.threads(),
            threads => threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        Program::try_parse_from([&["peakstream"], args].concat()).map(|program| program.config)
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let config = Config::defaults().unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        let times = config.sessions.timeouts();
        let seconds =
            [times.audio_start, times.audio_idle, times.max_stream, times.max_age, times.reattach_grace];
        assert_eq!(seconds.map(|d| d.as_secs()), [60, 20, 180, 300, 0]);
        assert_eq!(config.limits.max_sessions, 1000);
        assert_eq!(config.signalling.disconnect_grace, Duration::from_millis(250));
        assert_eq!(config.signalling.wire(), WireFormat::default());
        assert_eq!(config.signalling.media_streams_paths, ["/twilio", "/dpstwilio"]);
        assert!(!config.signalling.no_auth && !config.signalling.keep_open && !config.sessions.accept_short);
        assert!(config.limits.inference_threads() >= 1);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for args in [
            ["--score-threshold", "1.1"],
            ["--authenticity-threshold", "x"],
            ["--assumed-attack-rate", "0"],
            ["--max-session-age=-1", "--keep-open"],
            ["--socketio-path", "socket.io"],
            ["--media-streams-paths", "/{any}"],
            ["--event-args", "three"],
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
        assert_eq!(
            parse(&["--media-streams-paths", "/a,/b/"]).unwrap().signalling.media_streams_paths,
            ["/a", "/b"]
        );
    }
}
