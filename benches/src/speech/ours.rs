//! Calls enter, where the engine hears speech leaves, and how much it collects.

use std::error::Error;

use peakstream::audio::encode;
use peakstream::audio::resample::{NARROW_BLOCK, Raise, WIDE_BLOCK};
use peakstream::speech::segmenter::{Segmenter, Verdict};
use peakstream::speech::silero::STEPS;
use peakstream::{AudioFormat, CallSpec, ChannelType, Encoding, Engine, SampleRate};

/// A call of about a minute: whole groups of the four blocks that are looked at together, and whole frames.
pub(crate) const CALL_SAMPLES: usize = 470 * STEPS * NARROW_BLOCK;
/// 10 ms.
pub(crate) const FRAME: usize = 80;
const _: () = assert!(CALL_SAMPLES.is_multiple_of(FRAME));
/// Blocks around speech that count as net speech (`core/src/speech/collector.rs`).
const MARGIN: usize = 1;
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
        let blocks = blocks(engine, call);
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
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        rest = &rest[stream.push(rest).consumed..];
    }
    Ok(stream.status().net_speech.samples())
}

/// The same decisions block by block: a call tells only how much there is.
fn blocks(engine: &Engine, call: &[i16]) -> Vec<bool> {
    let (mut raise, mut detector) = (Raise::new(), engine.speech_detector());
    let (narrow, _) = call.as_chunks::<NARROW_BLOCK>();
    let wide: Vec<_> = narrow
        .iter()
        .map(|block| {
            let mut wide = [0.0; WIDE_BLOCK];
            raise.process(&block.map(|sample| f32::from(sample) / 32_768.0), &mut wide);
            wide
        })
        .collect();
    let mut probabilities = vec![0.0; wide.len()];
    for (blocks, probabilities) in wide.chunks(STEPS).zip(probabilities.chunks_mut(STEPS)) {
        detector.steps(blocks, probabilities);
    }
    let mut segmenter = Segmenter::default();
    marked(&probabilities.iter().map(|probability| segmenter.step(*probability)).collect::<Vec<_>>())
}

/// Speech takes the undecided blocks before it along, and a margin on both sides.
fn marked(verdicts: &[Verdict]) -> Vec<bool> {
    let mut marked = vec![false; verdicts.len()];
    for (at, _) in verdicts.iter().enumerate().filter(|(_, verdict)| **verdict == Verdict::Speech) {
        let undecided =
            verdicts[..at].iter().rev().take_while(|verdict| **verdict == Verdict::Undecided).count();
        // Undecided blocks behind speech belong to it; before the others lies a margin.
        let first = (at - undecided).saturating_sub(MARGIN);
        marked[first..(at + 1 + MARGIN).min(verdicts.len())].fill(true);
    }
    marked
}
