//! In: settings that are valid each by itself. Out: what is wrong with them together.
//!
//! Relations between settings stand here and not in their arguments (`requires`, `conflicts_with`), which would see flags
//! only, and not what a file or the environment says.

use std::time::Duration;

use crate::audio_channel::audiohook::upgrade::Address;

use super::{AudioHookConfig, Config, LimitConfig, SessionConfig, SignallingConfig, StoreConfig};

/// Paths of the server's own, which no setting may take, nor anything below them.
const OWN_PATHS: [&str; 3] = ["/livez", "/readyz", "/v1"];

/// The key of a setting, and what is wrong with it.
pub(super) type Finding = (&'static str, String);

/// Everything that is wrong.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    public_url(config, &mut found);
    paths(&config.signalling, &config.audiohook, &mut found);
    audiohook(&config.audiohook, &mut found);
    signalling_times(&config.signalling, &mut found);
    session_times(&config.sessions, &mut found);
    stored(&config.store, &mut found);
    limits(&config.limits, &mut found);
    found
}

fn public_url(config: &Config, found: &mut Vec<Finding>) {
    let Some(url) = &config.public_url else { return };
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        found.push(("public_url", format!("must begin with http:// or https:// and a host, not \"{url}\"")));
    } else if url.ends_with('/') {
        found.push(("public_url", "must not end with /, because paths are appended to it".to_owned()));
    }
}

fn audiohook(audiohook: &AudioHookConfig, found: &mut Vec<Finding>) {
    if let Some(url) = &audiohook.audiohook_url
        && Address::of_channel(url).is_none()
    {
        let what = format!("must begin with wss:// or https:// and a host, and have no query, not \"{url}\"");
        found.push(("audiohook.audiohook_url", what));
    }
    not_zero("audiohook.audiohook_park_timeout", audiohook.audiohook_park_timeout, found);
    not_zero("audiohook.audiohook_signature_age", audiohook.audiohook_signature_age, found);
}

fn paths(signalling: &SignallingConfig, audiohook: &AudioHookConfig, found: &mut Vec<Finding>) {
    const AUDIO: [&str; 2] = ["signalling.media_streams_paths", "audiohook.audiohook_paths"];
    let channels = [
        ("signalling.socketio_path", &signalling.socketio_path),
        ("signalling.rest_path", &signalling.rest_path),
    ];
    let media_streams = signalling.media_streams_paths.iter().map(|path| (AUDIO[0], path));
    let audio = media_streams.chain(audiohook.audiohook_paths.iter().map(|path| (AUDIO[1], path)));
    let mut taken: Vec<(&'static str, &str)> = OWN_PATHS.map(|path| ("the server itself", path)).into();
    for (key, path) in channels.into_iter().chain(audio) {
        // An audio path is one address; all others have addresses below them.
        let collides =
            |(owner, other): &&(&'static str, &str)| match (AUDIO.contains(&key), AUDIO.contains(owner)) {
                (true, true) => path == other,
                (true, false) => is_or_is_below(path, other),
                (false, _) => is_or_is_below(path, other) || is_or_is_below(other, path),
            };
        match taken.iter().find(collides) {
            Some((owner, other)) => found.push((key, format!("{path} collides with {other} of {owner}"))),
            None => taken.push((key, path)),
        }
    }
}

fn is_or_is_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn signalling_times(signalling: &SignallingConfig, found: &mut Vec<Finding>) {
    not_zero("signalling.ping_interval", signalling.ping_interval, found);
    not_zero("signalling.ping_timeout", signalling.ping_timeout, found);
}

fn session_times(sessions: &SessionConfig, found: &mut Vec<Finding>) {
    not_zero("sessions.audio_start_timeout", sessions.audio_start_timeout, found);
    not_zero("sessions.audio_idle_timeout", sessions.audio_idle_timeout, found);
    not_zero("sessions.max_stream_duration", sessions.max_stream_duration, found);
    not_zero("sessions.max_session_age", sessions.max_session_age, found);
    not_zero("sessions.decision_timeout", sessions.decision_timeout, found);
}

fn not_zero(key: &'static str, time: Duration, found: &mut Vec<Finding>) {
    if time.is_zero() {
        found.push((key, "must be more than 0: it would be over before it began".to_owned()));
    }
}

fn stored(store: &StoreConfig, found: &mut Vec<Finding>) {
    // The others may be 0: whoever keeps no results, settings or audio has them in events.
    if store.max_stored == 0 {
        found.push(("store.max_stored", "must be at least 1: nothing could be created".to_owned()));
    }
}

fn limits(limits: &LimitConfig, found: &mut Vec<Finding>) {
    not_zero("limits.header_timeout", limits.header_timeout, found);
    for (key, limit) in [
        ("limits.max_sessions", limits.max_sessions),
        ("limits.max_connections", limits.max_connections),
        ("limits.inference_queue", limits.inference_queue),
    ] {
        if limit == 0 {
            found.push((key, "must be at least 1: a server that takes nothing is of no use".to_owned()));
        }
    }
}
