//! A formula becomes ten seconds of voice, in every form that a stage of the engine takes.

use peakstream::Encoding;
use peakstream::audio::encode;
use peakstream::audio::resample::{NARROW_BLOCK, Raise, WIDE_BLOCK};
use peakstream_evaluation::sound;

/// Blocks of 32 ms in the audio that every stage works on: 10 s.
const BLOCKS: usize = 312;

/// The same ten seconds in every form that a stage takes.
pub(crate) struct Audio {
    pub(crate) mulaw: Vec<u8>,
    pub(crate) narrow: Vec<[f32; NARROW_BLOCK]>,
    /// As the speech detector and the speaker network hear it.
    pub(crate) plain: Vec<[f32; WIDE_BLOCK]>,
    pub(crate) filled: Vec<[f32; WIDE_BLOCK]>,
}

impl Audio {
    pub(crate) fn new() -> Self {
        let samples: Vec<i16> = sound::voice(BLOCKS * NARROW_BLOCK, 8_000, 140.0)
            .iter()
            .map(|sample| (sample * 32_768.0) as i16)
            .collect();
        let mut mulaw = Vec::new();
        encode(&samples, Encoding::MuLaw, &mut mulaw);
        let (blocks, _) = samples.as_chunks::<NARROW_BLOCK>();
        let narrow: Vec<_> = blocks.iter().map(|block| block.map(|s| f32::from(s) / 32_768.0)).collect();
        let mut raise = Raise::new();
        let (plain, filled) = narrow
            .iter()
            .map(|block| {
                let (mut plain, mut filled) = ([0.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
                raise.process(block, &mut plain, &mut filled);
                (plain, filled)
            })
            .unzip();
        Self { mulaw, narrow, plain, filled }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.mulaw.len() as f64 / 8_000.0
    }
}
