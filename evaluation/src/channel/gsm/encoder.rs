//! 160 samples enter, a frame leaves (clause 5.2).

use super::analysis::{self, Preprocessor};
use super::arithmetic::add;
use super::frame::{Frame, PartOfFrame};
use super::short_term::Lattice;
use super::{FRAME_SAMPLES, LONGEST_LAG, PART_SAMPLES, excitation, long_term};

/// One direction of one call.
#[derive(Clone, Debug)]
pub struct Encoder {
    preprocessor: Preprocessor,
    lattice: Lattice,
    /// The residual as the decoder has it.
    past: [i16; LONGEST_LAG],
}

impl Default for Encoder {
    /// At rest.
    fn default() -> Self {
        Self { preprocessor: Preprocessor::default(), lattice: Lattice::default(), past: [0; LONGEST_LAG] }
    }
}

impl Encoder {
    /// Codes 20 ms at 8 kHz. Of the 16 bits of a sample 13 count.
    pub fn encode(&mut self, samples: &[i16; FRAME_SAMPLES]) -> Frame {
        let mut samples = self.preprocessor.run(samples);
        let ratios = analysis::log_area_ratios(&mut samples);
        self.lattice.analyse(&ratios, &mut samples);
        let mut frame = Frame { ratios, ..Frame::default() };
        let (parts, _) = samples.as_chunks::<PART_SAMPLES>();
        for (residual, part) in parts.iter().zip(&mut frame.parts) {
            let (lag, gain) = long_term::parameters(residual, &self.past);
            let (prediction, rest) = long_term::predicted(lag, gain, residual, &self.past);
            let coded = excitation::code(&rest);
            *part = PartOfFrame { lag, gain, grid: coded.grid, maximum: coded.maximum, pulses: coded.pulses };
            let decoded = excitation::decode(&coded);
            long_term::remember(&mut self.past, &std::array::from_fn(|k| add(decoded[k], prediction[k])));
        }
        frame
    }
}
