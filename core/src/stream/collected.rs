//! What a call leaves behind: its speech, and the features made of it while it ran.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::chain::{Chain, block_samples};
use crate::audio::mismatch::Mismatch;
use crate::audio::resample::{NARROW_BLOCK, WIDE_BLOCK};
use crate::audio::wav;
use crate::decision::Evidence;
use crate::quality::Figures;
use crate::speech::collector::Collected;
use crate::speech::fbank::{BINS, Fbank, FbankTables};
use crate::{ChannelType, NetSpeech, SampleRate};

/// The speech of a call and the features made of it while the call ran. Wiped when dropped.
pub struct CollectedSpeech {
    pub(super) collected: Collected,
    pub(super) rate: SampleRate,
    pub(super) channel_type: ChannelType,
    pub(super) mismatch: Option<Mismatch>,
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

    /// Samples a second.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// What the call's bytes look like, if not what was declared, and the call went on in spite of it
    /// ([`crate::CallStream::tolerate_mismatch`]).
    pub fn mismatch(&self) -> Option<Mismatch> {
        self.mismatch
    }

    /// The speech, 16-bit, at the call's rate.
    pub fn samples(&self) -> &[i16] {
        &self.collected.samples
    }

    /// The speech as a playable file: RIFF, PCM 16-bit, mono, at the call's rate.
    pub fn to_wav(&self) -> Vec<u8> {
        wav::write(self.samples(), self.rate.hz())
    }

    /// How much speech this is, and its ratio of loud to quiet parts in decibels, 0…96: between the levels that 95 % and
    /// 10 % of its frames of 20 ms do not exceed. The pauses that speech detection keeps hold the line's noise, so it falls with the
    /// noise; it is no exact signal-to-noise ratio. Costs one pass over the samples.
    pub fn evidence(&self) -> Evidence {
        let powers = self.powers();
        let at =
            |share: usize| powers.get(powers.len() * share / 100).map_or(0.0, |power| 10.0 * power.log10());
        Evidence { net_speech: self.net_speech().seconds() as f32, snr: (at(95) - at(10)) as f32 }
    }

    /// How good the speech is, but for [`Figures::one_voice`], which an engine finds out. Costs some milliseconds for 5 s of speech
    /// (`docs/quality-gates.md`).
    pub fn figures(&self) -> Figures {
        Figures::of(self)
    }

    /// The mean squares of frames of 20 ms, the lowest first.
    pub(crate) fn powers(&self) -> &[f64] {
        self.collected.powers(self.rate)
    }

    /// Frames of 10 ms that the speaker network is shown: those in speech, and as far around it as 0.19 s before and 0.51 s behind
    /// (`docs/front-end.md`). More than net speech has, up to twice as many where it comes in short spurts; what an analysis costs
    /// grows with them.
    pub fn frames(&self) -> usize {
        self.features().len() / BINS
    }

    /// Rows of [`crate::speech::fbank::BINS`]. Decoded when they are first asked for.
    pub(crate) fn features(&self) -> &[f32] {
        self.collected.features()
    }

    /// The rows of the same speech as a telephone would have carried it. Costs about half a millisecond for a second of speech.
    pub(crate) fn features_by_telephone(&self, tables: &Arc<FbankTables>) -> Zeroizing<Vec<f32>> {
        let mut chain = Chain::new(self.rate, ChannelType::Telephone);
        let mut fbank = Fbank::new(Arc::clone(tables));
        let mut rows = Zeroizing::new(Vec::with_capacity(self.samples().len() / 2));
        let (mut narrow, mut plain, mut filled) = ([0.0; NARROW_BLOCK], [0.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
        for block in self.samples().chunks_exact(block_samples(self.rate)) {
            let mut raw = Zeroizing::new(block.to_vec());
            chain.process(&mut raw, &mut narrow, &mut plain, &mut filled);
            rows.extend_from_slice(fbank.push(&filled).as_flattened());
        }
        rows
    }

    /// Rows of [`crate::speech::spectrum::BINS`]. Decoded when they are first asked for.
    pub(crate) fn spectra(&self) -> &[f32] {
        self.collected.spectra()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(samples: Vec<i16>) -> CollectedSpeech {
        let (rate, channel_type) = (SampleRate::Hz8000, ChannelType::Telephone);
        CollectedSpeech { collected: Collected::of_samples(samples), rate, channel_type, mismatch: None }
    }

    #[test]
    fn evidence_is_the_time_and_the_level_of_words_over_pauses() {
        // Words at 8,000, pauses at 80: 40 dB; every fourth frame is a pause.
        let samples: Vec<i16> = (0..16_000).map(|i| if i / 160 % 4 == 0 { 80 } else { 8_000 }).collect();
        let evidence = speech(samples).evidence();
        assert_eq!(evidence.net_speech, 2.0);
        assert!((evidence.snr - 40.0).abs() < 0.01, "{}", evidence.snr);
        assert_eq!(speech(vec![0; 8_000]).evidence().snr, 0.0);
        assert_eq!(speech(Vec::new()).evidence(), Evidence { net_speech: 0.0, snr: 0.0 });
    }
}
