//! A frame enters, 160 samples leave (clause 5.3).

use super::arithmetic::{add, mult_r};
use super::excitation::{self, Coded};
use super::frame::Frame;
use super::long_term::{self, GAINS};
use super::short_term::Lattice;
use super::{FRAME_SAMPLES, LONGEST_LAG, PART_SAMPLES};

/// By how much the maximum falls with each frame that is lost after the first (TS 46.011): silence after 16.
const FADE: i16 = 4;

/// One direction of one call.
#[derive(Clone, Debug)]
pub struct Decoder {
    lattice: Lattice,
    past: [i16; LONGEST_LAG],
    last_lag: i16,
    last_output: i16,
    /// What was decoded last, for when the next one is lost.
    last_frame: Frame,
    lost: u32,
}

impl Default for Decoder {
    /// At rest.
    fn default() -> Self {
        Self {
            lattice: Lattice::default(),
            past: [0; LONGEST_LAG],
            last_lag: 40,
            last_output: 0,
            last_frame: Frame::default(),
            lost: 0,
        }
    }
}

impl Decoder {
    /// Decodes 20 ms at 8 kHz.
    pub fn decode(&mut self, frame: &Frame) -> [i16; FRAME_SAMPLES] {
        self.last_frame = *frame;
        self.lost = 0;
        self.sound(frame)
    }

    /// Stands in for a frame that is lost: the last one, from the second lost one on weaker each time.
    pub fn conceal(&mut self) -> [i16; FRAME_SAMPLES] {
        if self.lost > 0 {
            for part in &mut self.last_frame.parts {
                part.maximum = (part.maximum - FADE).max(0);
            }
        }
        self.lost += 1;
        let frame = self.last_frame;
        if frame.parts.iter().all(|part| part.maximum == 0) { self.silence() } else { self.sound(&frame) }
    }

    fn silence(&mut self) -> [i16; FRAME_SAMPLES] {
        (self.past, self.last_output) = ([0; LONGEST_LAG], 0);
        self.lattice = Lattice::default();
        [0; FRAME_SAMPLES]
    }

    fn sound(&mut self, frame: &Frame) -> [i16; FRAME_SAMPLES] {
        let mut samples = [0; FRAME_SAMPLES];
        let (parts, _) = samples.as_chunks_mut::<PART_SAMPLES>();
        for (out, part) in parts.iter_mut().zip(&frame.parts) {
            let coded = Coded { grid: part.grid, maximum: part.maximum, pulses: part.pulses };
            let pulses = excitation::decode(&coded);
            // 5.3.2: a lag that no encoder sends is a transmission error; the last one stands.
            if (40..=120).contains(&part.lag) {
                self.last_lag = part.lag;
            }
            let earlier = LONGEST_LAG - self.last_lag as usize;
            let gain = GAINS[part.gain as usize];
            *out = std::array::from_fn(|k| add(pulses[k], mult_r(gain, self.past[earlier + k])));
            long_term::remember(&mut self.past, out);
        }
        self.lattice.synthesise(&frame.ratios, &mut samples);
        samples.map(|sample| {
            // 5.3.5 to 5.3.7: de-emphasis, and 13 bits in the upper part of 16.
            self.last_output = add(sample, mult_r(self.last_output, 28_180));
            add(self.last_output, self.last_output) & !7
        })
    }
}
