//! In: a block of a call's samples. Out: the signals the models read, and the samples, all on one time line.

use crate::audio::resample::{Delay, Lower, NARROW_BLOCK, Raise, WIDE_BLOCK};
use crate::{ChannelType, SampleRate};

/// Samples of 32 ms.
pub(super) const fn block_samples(rate: SampleRate) -> usize {
    match rate {
        SampleRate::Hz8000 => NARROW_BLOCK,
        SampleRate::Hz16000 => WIDE_BLOCK,
    }
}

/// From the call's samples to the signals the models read, all on one time line.
#[derive(Debug)]
pub(super) enum Chain {
    /// 8 kHz.
    Narrow { raise: Raise, raw_delay: Delay<i16>, narrow_delay: Delay<f32> },
    /// 16 kHz limited to the telephone band.
    Limited { lower: Lower, raise: Raise, raw_delay: Delay<i16>, narrow_delay: Delay<f32> },
    /// 16 kHz as it is.
    Wide { lower: Lower, raw_delay: Delay<i16> },
}

impl Chain {
    pub(super) fn new(rate: SampleRate, channel_type: ChannelType) -> Self {
        let narrow_delay = Delay::new(Raise::DELAY, NARROW_BLOCK);
        match (rate, channel_type) {
            (SampleRate::Hz8000, _) => Self::Narrow {
                raise: Raise::new(),
                raw_delay: Delay::new(Raise::DELAY, NARROW_BLOCK),
                narrow_delay,
            },
            (SampleRate::Hz16000, ChannelType::Telephone) => Self::Limited {
                lower: Lower::new(),
                raise: Raise::new(),
                raw_delay: Delay::new(Lower::DELAY + 2 * Raise::DELAY, WIDE_BLOCK),
                narrow_delay,
            },
            (SampleRate::Hz16000, ChannelType::Microphone) => {
                Self::Wide { lower: Lower::new(), raw_delay: Delay::new(Lower::DELAY, WIDE_BLOCK) }
            }
        }
    }

    /// `narrow` (8 kHz) is for the authenticity network, `plain` (16 kHz) for the speech detector, and `filled` for the speaker
    /// network: with faint noise above 4 kHz if the call has nothing there.
    pub(super) fn process(
        &mut self,
        raw: &mut [i16],
        narrow: &mut [f32; NARROW_BLOCK],
        plain: &mut [f32; WIDE_BLOCK],
        filled: &mut [f32; WIDE_BLOCK],
    ) {
        match self {
            Self::Narrow { raise, raw_delay, narrow_delay } => {
                scale(raw, narrow);
                raise.process(narrow, plain, filled);
                narrow_delay.process(narrow);
                raw_delay.process(raw);
            }
            Self::Limited { lower, raise, raw_delay, narrow_delay } => {
                scale(raw, plain);
                lower.process(plain, narrow);
                raise.process(narrow, plain, filled);
                narrow_delay.process(narrow);
                raw_delay.process(raw);
            }
            Self::Wide { lower, raw_delay } => {
                scale(raw, plain);
                lower.process(plain, narrow);
                raw_delay.process(raw);
                scale(raw, plain);
                *filled = *plain;
            }
        }
    }
}

/// 16-bit samples to [-1, 1).
fn scale(samples: &[i16], scaled: &mut [f32]) {
    for (out, &sample) in scaled.iter_mut().zip(samples) {
        *out = f32::from(sample) / 32_768.0;
    }
}
