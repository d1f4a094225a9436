//! What a call leaves behind: its speech, and the features made of it while it ran.

use std::fmt;

use zeroize::Zeroizing;

use crate::audio::wav;
use crate::speech::collector::Collected;
use crate::{ChannelType, NetSpeech, SampleRate};

/// The speech of a call and the features made of it while the call ran. Wiped when dropped.
pub struct CollectedSpeech {
    pub(super) collected: Collected,
    pub(super) rate: SampleRate,
    pub(super) channel_type: ChannelType,
}

impl fmt::Debug for CollectedSpeech {
    /// Without the speech.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectedSpeech").field("net_speech", &self.net_speech()).finish_non_exhaustive()
    }
}

impl CollectedSpeech {
    /// How much speech this is.
    pub fn net_speech(&self) -> NetSpeech {
        NetSpeech::from_samples(self.samples().len() as u64, self.rate)
    }

    /// What the speech came through.
    pub fn channel_type(&self) -> ChannelType {
        self.channel_type
    }

    /// The speech, 16-bit, at the call's rate.
    pub fn samples(&self) -> &[i16] {
        &self.collected.samples
    }

    /// The speech as a playable file: RIFF, PCM 16-bit, mono, at the call's rate.
    pub fn to_wav(&self) -> Vec<u8> {
        wav::write(self.samples(), self.rate.hz())
    }

    /// Rows of [`crate::speech::fbank::BINS`].
    pub(crate) fn features(&self) -> Zeroizing<Vec<f32>> {
        self.collected.features()
    }

    /// Rows of [`crate::speech::spectrum::BINS`].
    pub(crate) fn spectra(&self) -> Zeroizing<Vec<f32>> {
        self.collected.spectra()
    }
}
