//! Calls enter, where the engine hears speech leaves, and how much it collects.

use std::error::Error;

use peakstream::audio::encode;
use peakstream::audio::resample::NARROW_BLOCK;
use peakstream::speech::silero::STEPS;
use peakstream::{AudioFormat, CallSpec, ChannelType, Encoding, Engine, SampleRate};

/// A call of about a minute: whole groups of the four blocks that are looked at together, and whole frames.
pub(crate) const CALL_SAMPLES: usize = 470 * STEPS * NARROW_BLOCK;
/// 10 ms.
pub(crate) const FRAME: usize = 80;
const _: () = assert!(CALL_SAMPLES.is_multiple_of(FRAME));
const FORMAT: AudioFormat = AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000);
/// Nothing is ever enough.
const WANTED: f64 = 120.0;

/// What was found.
pub(crate) struct Found {
    /// 1 for each 10 ms that count as net speech.
    pub(crate) frames: Vec<u8>,
    /// What the calls collected.
    pub(crate) net_seconds: f64,
}

/// Hears each call from its beginning, as the server does.
pub(crate) fn listen(engine: &Engine, calls: &[Vec<i16>]) -> Result<Found, Box<dyn Error>> {
    let (mut frames, mut net_samples) = (Vec::new(), 0);
    for call in calls {
        let collected = collected(engine, call)?;
        let blocks = engine.speech_blocks(call);
        let counted = NARROW_BLOCK as u64 * blocks.iter().filter(|speech| **speech).count() as u64;
        if counted != collected {
            return Err(format!("{counted} samples are marked, the call collects {collected}").into());
        }
        net_samples += collected;
        let of_frame = |frame: usize| u8::from(blocks[(frame * FRAME + FRAME / 2) / NARROW_BLOCK]);
        frames.extend((0..call.len() / FRAME).map(of_frame));
    }
    Ok(Found { frames, net_seconds: net_samples as f64 / f64::from(SampleRate::Hz8000.hz()) })
}

/// Samples of net speech of a real call.
fn collected(engine: &Engine, call: &[i16]) -> Result<u64, Box<dyn Error>> {
    let mut bytes = Vec::new();
    encode(call, Encoding::Linear16Le, &mut bytes);
    let spec = CallSpec { format: FORMAT, channel_type: ChannelType::Telephone, wanted: WANTED };
    let mut stream = engine.open(spec)?;
    stream.push_all(&bytes);
    Ok(stream.status().net_speech.samples())
}
