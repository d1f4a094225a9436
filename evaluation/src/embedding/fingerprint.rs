//! An engine and a channel enter; a digest leaves that changes when they would hear differently.
//!
//! What a cache holds must be forgotten when the front end, the network or a simulated channel changes. Instead of versions that
//! somebody has to raise, both are asked: a made-up voice goes through them, and what comes out is hashed.

use sha2::{Digest, Sha256};

use peakstream::audio::encode;
use peakstream::{AudioFormat, CallSpec, ChannelType, Encoding, Engine, SampleRate};

use super::ListenError;
use crate::channel::Simulation;
use crate::sound;

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// Seconds of the voice.
const SECONDS: usize = 2;

/// What the engine makes of a known sound, at this processor's level of instructions.
pub(super) fn of_engine(engine: &Engine, channel_type: ChannelType) -> Result<Hash, ListenError> {
    let name = || "the engine's check".to_owned();
    let (encoding, rate) = (Encoding::Linear16Le, SampleRate::Hz16000);
    // Half of what there is: what is collected and not wanted would be heard too.
    let wanted = SECONDS as f64 / 2.0;
    let spec = CallSpec { format: AudioFormat::mono(encoding, rate), channel_type, wanted };
    let mut call = engine.open(spec).map_err(|source| ListenError::Open { name: name(), source })?;
    let sound: Vec<i16> = voice(140.0).iter().map(|x| (x * 32_768.0) as i16).collect();
    let mut bytes = Vec::new();
    encode(&sound, encoding, &mut bytes);
    call.push_all(&bytes);
    let speech = call.finish();
    let template = engine.template(&speech);
    let mut hash = Sha256::new();
    hash.update(channel_type.name());
    hash.update(engine.newest_model().bytes());
    hash.update(speech.net_speech().samples().to_le_bytes());
    for value in template.iter().flat_map(|template| template.values()) {
        hash.update(value.to_le_bytes());
    }
    Ok(hash.finalize().into())
}

/// What a channel makes of a known sound.
pub(super) fn of_channel(channel: &Simulation) -> Result<Hash, ListenError> {
    let others: Vec<_> = (0..6).map(|i| voice(100.0 + 15.0 * f64::from(i))).collect();
    let others: Vec<&[f32]> = others.iter().map(Vec::as_slice).collect();
    let call = channel
        .apply(&voice(140.0), &others, 1)
        .map_err(|source| ListenError::Channel { name: "the channel's check".to_owned(), source })?;
    let mut hash = Sha256::new();
    hash.update(channel.to_string());
    hash.update(call.rate.hz().to_le_bytes());
    call.samples.iter().for_each(|sample| hash.update(sample.to_le_bytes()));
    Ok(hash.finalize().into())
}

/// The speech detector takes it for speech.
fn voice(pitch: f64) -> Vec<f32> {
    sound::voice(SECONDS * 16_000, 16_000, pitch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_fingerprint_of_its_own() {
        let of = |name: &str| of_channel(&name.parse().expect("a channel")).expect("a fingerprint");
        assert_eq!(of("mulaw"), of("mulaw"));
        assert_ne!(of("mulaw"), of("alaw"));
        assert_ne!(of("mulaw"), of("clean"));
    }
}
