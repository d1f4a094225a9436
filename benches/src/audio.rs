//! A formula becomes ten seconds of voice, in every form that a stage of the engine takes.

use peakstream::Encoding;
use peakstream::audio::encode;
use peakstream::audio::resample::{NARROW_BLOCK, Raise, WIDE_BLOCK};

/// Blocks of 32 ms in the audio that every stage works on: 10 s.
const BLOCKS: usize = 312;

/// The same ten seconds in every form that a stage takes.
pub(crate) struct Audio {
    pub(crate) mulaw: Vec<u8>,
    pub(crate) narrow: Vec<[f32; NARROW_BLOCK]>,
    pub(crate) wide: Vec<[f32; WIDE_BLOCK]>,
}

impl Audio {
    pub(crate) fn new() -> Self {
        let samples = vowel(BLOCKS * NARROW_BLOCK);
        let mut mulaw = Vec::new();
        encode(&samples, Encoding::MuLaw, &mut mulaw);
        let (blocks, _) = samples.as_chunks::<NARROW_BLOCK>();
        let narrow: Vec<_> = blocks.iter().map(|block| block.map(|s| f32::from(s) / 32_768.0)).collect();
        let mut raise = Raise::new();
        let wide = narrow
            .iter()
            .map(|block| {
                let mut wide = [0.0; WIDE_BLOCK];
                raise.process(block, &mut wide);
                wide
            })
            .collect();
        Self { mulaw, narrow, wide }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.mulaw.len() as f64 / 8_000.0
    }
}

/// A vowel at 140 Hz that swells four times a second: the detector takes it for speech.
fn vowel(samples: usize) -> Vec<i16> {
    let formant = |at: f64| {
        [(300.0, 80.0, 1.0), (2_300.0, 200.0, 0.4), (3_000.0, 200.0, 0.3)]
            .iter()
            .map(|(f, b, g): &(f64, f64, f64)| g / (1.0 + ((at - f) / b).powi(2)))
            .sum::<f64>()
    };
    let tau = std::f64::consts::TAU;
    (0..samples)
        .map(|i| {
            let t = i as f64 / 8_000.0;
            let voice: f64 =
                (1..26).map(f64::from).map(|k| formant(140.0 * k) * (tau * 140.0 * k * t).sin()).sum();
            (6_553.0 * (0.5 + 0.5 * (tau * 4.0 * t).sin()) * voice) as i16
        })
        .collect()
}
