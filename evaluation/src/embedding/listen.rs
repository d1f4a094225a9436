//! Names of recordings enter, the voice in them leaves: from the cache, or by listening.

use std::collections::HashMap;
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use peakstream::audio::encode;
use peakstream::{
    AudioFormat, CallSpec, ChannelType, CollectedSpeech, Encoding, Engine, OpenError, SampleRate, Template,
};

use super::cache::{Cache, Entry};
use super::fingerprint::{self, Hash};
use super::{Hearing, Library, ListenError, Recording, Voice};
use crate::channel::{Call, Simulation};

/// More than any recording of an evaluation holds, in seconds: everything is collected.
const ALL: f64 = 120.0;

/// Listens to recordings. Shared by threads.
pub struct Listener<'a> {
    engine: &'a Engine,
    library: &'a dyn Library,
    cache: Option<&'a Cache>,
    engines: HashMap<ChannelType, Hash>,
    channels: Mutex<HashMap<Simulation, Hash>>,
}

impl std::fmt::Debug for Listener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("cached", &self.cache.is_some()).finish_non_exhaustive()
    }
}

impl<'a> Listener<'a> {
    /// Prepares to listen; takes a fifth of a second for the engine's fingerprint.
    ///
    /// # Errors
    /// The engine fails.
    pub fn new(
        engine: &'a Engine,
        library: &'a dyn Library,
        cache: Option<&'a Cache>,
    ) -> Result<Self, ListenError> {
        let mut engines = HashMap::new();
        for channel_type in [ChannelType::Telephone, ChannelType::Microphone] {
            engines.insert(channel_type, fingerprint::of_engine(engine, channel_type)?);
        }
        Ok(Self { engine, library, cache, engines, channels: Mutex::default() })
    }

    /// The engine that listens.
    pub const fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The voice in some recordings that are heard as one call, one after the other. `others`: recordings of other
    /// people, for channels with babble.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn hear(&self, names: &[&str], hearing: &Hearing, others: &[&str]) -> Result<Voice, ListenError> {
        let rate = self.rate(names, hearing)?;
        let clip = self.read(names, rate)?;
        let others = if hearing.channel.needs_others() {
            others
                .iter()
                .map(|name| self.read(&[*name], Some(SampleRate::Hz16000)))
                .collect::<Result<Vec<_>, _>>()?
        } else {
            Vec::new()
        };
        let key = self.key(&clip, &others, hearing)?;
        if let Some(entry) = self.cache.and_then(|cache| cache.get(&key)) {
            return Ok(self.voice(&entry, hearing));
        }
        let call = through(&clip, &others, hearing)
            .map_err(|source| ListenError::Channel { name: names.join(", "), source })?;
        let entry = self.embed(&call, hearing, || names.join(", "))?;
        if let Some(cache) = self.cache {
            cache.put(key, &entry)?;
        }
        Ok(self.voice(&entry, hearing))
    }

    /// A clean telephone recording of 8 kHz stays what it is; everything else begins at 16 kHz. `None` if the
    /// recordings decide, all alike.
    fn rate(&self, names: &[&str], hearing: &Hearing) -> Result<Option<SampleRate>, ListenError> {
        if hearing.channel != Simulation::clean() || hearing.channel_type == ChannelType::Microphone {
            return Ok(Some(SampleRate::Hz16000));
        }
        if let [_] = names {
            return Ok(None);
        }
        let all_narrow = names
            .iter()
            .map(|name| self.read(&[*name], None))
            .try_fold(true, |all, one| one.map(|one| all && one.rate == SampleRate::Hz8000))?;
        Ok((!all_narrow).then_some(SampleRate::Hz16000))
    }

    fn read(&self, names: &[&str], rate: Option<SampleRate>) -> Result<Recording, ListenError> {
        let mut joined: Option<Recording> = None;
        for name in names {
            let next = self.library.read(name, rate).map_err(ListenError::Read)?;
            match &mut joined {
                None => joined = Some(next),
                Some(joined) => joined.samples.extend(next.samples),
            }
        }
        Ok(joined.unwrap_or(Recording { samples: Vec::new(), rate: SampleRate::Hz16000 }))
    }

    fn key(&self, clip: &Recording, others: &[Recording], hearing: &Hearing) -> Result<Hash, ListenError> {
        let mut hash = Sha256::new();
        hash.update(self.engines[&hearing.channel_type]);
        hash.update(self.channel(&hearing.channel)?);
        hash.update(hearing.seconds.unwrap_or(0.0).to_le_bytes());
        for recording in std::iter::once(clip).chain(others) {
            hash.update(recording.rate.hz().to_le_bytes());
            hash.update((recording.samples.len() as u64).to_le_bytes());
            let mut bytes = Vec::with_capacity(2 * recording.samples.len());
            encode(&recording.samples, Encoding::Linear16Le, &mut bytes);
            hash.update(&bytes);
        }
        Ok(hash.finalize().into())
    }

    fn channel(&self, channel: &Simulation) -> Result<Hash, ListenError> {
        // A poisoned lock: another thread panicked between two plain map operations, which cannot be.
        let mut known = self.channels.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(hash) = known.get(channel) {
            return Ok(*hash);
        }
        let hash = fingerprint::of_channel(channel)?;
        known.insert(channel.clone(), hash);
        Ok(hash)
    }

    fn embed(&self, call: &Call, hearing: &Hearing, name: impl Fn() -> String) -> Result<Entry, ListenError> {
        let wanted = hearing.seconds.unwrap_or(ALL);
        let speech = collect(self.engine, call, hearing.channel_type, wanted)
            .map_err(|source| ListenError::Open { name: name(), source })?;
        let template = self.engine.template(&speech);
        Ok(Entry::new(speech.evidence(), template.as_ref().map(Template::values)))
    }

    /// Always made of an entry, so that a voice from the cache is the same to the last bit.
    fn voice(&self, entry: &Entry, hearing: &Hearing) -> Voice {
        let template = entry
            .values()
            .and_then(|values| Template::new(self.engine.newest_model(), hearing.channel_type, *values));
        let evidence = entry.evidence();
        Voice { template: template.map(|template| template.with_evidence(Some(evidence))), evidence }
    }
}

/// What a call collects, with at most so many seconds of net speech.
pub(crate) fn collect(
    engine: &Engine,
    call: &Call,
    channel_type: ChannelType,
    wanted: f64,
) -> Result<CollectedSpeech, OpenError> {
    let format = AudioFormat::mono(Encoding::Linear16Le, call.rate);
    let mut stream = engine.open(CallSpec { format, channel_type, wanted })?;
    let mut bytes = Vec::new();
    encode(&call.samples, Encoding::Linear16Le, &mut bytes);
    stream.push_all(&bytes);
    Ok(stream.finish())
}

fn through(
    clip: &Recording,
    others: &[Recording],
    hearing: &Hearing,
) -> Result<Call, crate::channel::ChannelError> {
    if hearing.channel == Simulation::clean() {
        return Ok(Call { samples: clip.samples.clone(), rate: clip.rate });
    }
    let wide = |recording: &Recording| -> Vec<f32> {
        recording.samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
    };
    let others: Vec<_> = others.iter().map(wide).collect();
    let others: Vec<&[f32]> = others.iter().map(Vec::as_slice).collect();
    hearing.channel.apply(&wide(clip), &others, seed(clip, &hearing.channel))
}

/// Noise and losses differ between recordings, but not between runs, durations or engines: what is compared hears the same line.
fn seed(clip: &Recording, channel: &Simulation) -> u64 {
    let mut hash = Sha256::new();
    hash.update(channel.to_string());
    clip.samples.iter().for_each(|sample| hash.update(sample.to_le_bytes()));
    let hash: Hash = hash.finalize().into();
    u64::from_le_bytes(std::array::from_fn(|i| hash[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_meets_the_same_line_whoever_hears_it_and_however_long() {
        let clip = |first| Recording { samples: vec![first, 2, 3], rate: SampleRate::Hz16000 };
        let noisy: Simulation = "mulaw+noise:white:10dB".parse().expect("a channel");
        let lossy: Simulation = "opus:12k+loss:5%".parse().expect("a channel");
        assert_eq!(seed(&clip(1), &noisy), seed(&clip(1), &noisy));
        assert_ne!(seed(&clip(1), &noisy), seed(&clip(2), &noisy));
        assert_ne!(seed(&clip(1), &noisy), seed(&clip(1), &lossy));
    }
}
