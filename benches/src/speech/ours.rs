//! Calls enter, where the engine hears speech leaves, and how much it collects.

use std::error::Error;
use std::sync::Arc;

use peakstream::audio::encode;
use peakstream::audio::resample::{NARROW_BLOCK, Raise, WIDE_BLOCK};
use peakstream::speech::movement::Movement;
use peakstream::speech::segmenter::{Segmenter, Verdict};
use peakstream::speech::silero::STEPS;
use peakstream::speech::spectrum::{Spectrum, SpectrumTables};
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
    let (mut spectrum, mut movement) = (Spectrum::new(Arc::new(SpectrumTables::new())), Movement::new());
    let (narrow, _) = call.as_chunks::<NARROW_BLOCK>();
    let wide: Vec<_> = narrow
        .iter()
        .map(|block| {
            let (mut plain, mut filled) = ([0.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
            raise.process(&block.map(|sample| scaled(&sample)), &mut plain, &mut filled);
            plain
        })
        .collect();
    let mut probabilities = vec![0.0; wide.len()];
    for (blocks, probabilities) in wide.chunks(STEPS).zip(probabilities.chunks_mut(STEPS)) {
        detector.steps(blocks, probabilities);
    }
    // On the time line of the raised signal.
    let late: Vec<f32> =
        [0.0; Raise::DELAY].into_iter().chain(narrow.as_flattened().iter().map(scaled)).collect();
    let mut segmenter = Segmenter::default();
    let verdicts: Vec<_> = late
        .chunks(NARROW_BLOCK)
        .zip(probabilities)
        .map(|(block, probability)| {
            movement.push(spectrum.push(block).as_flattened());
            segmenter.step(probability, || movement.moves())
        })
        .collect();
    marked(&verdicts)
}

fn scaled(sample: &i16) -> f32 {
    f32::from(*sample) / 32_768.0
}

/// Speech takes the undecided blocks before it along; all of it is found a block late (`core/src/speech/collector.rs`).
fn marked(verdicts: &[Verdict]) -> Vec<bool> {
    let mut marked = vec![false; verdicts.len()];
    for (at, _) in verdicts.iter().enumerate().filter(|(_, verdict)| **verdict == Verdict::Speech) {
        let undecided =
            verdicts[..at].iter().rev().take_while(|verdict| **verdict == Verdict::Undecided).count();
        marked[(at - undecided).saturating_sub(1)..at].fill(true);
    }
    marked
}
