//! One call: its bytes enter in pieces of any size, statuses leave while it talks, and its speech at the end.
//!
//! # Realtime safety
//! [`CallStream::push`] never allocates, locks, blocks or panics, for any bytes and any chunking, and costs a bounded
//! time proportional to the bytes. Everything it needs is reserved when the stream opens. The signal is worked on in
//! blocks of 32 ms counted from the first sample, so the same audio cut in any way gives bit-identical results.
//!
//! # Delays
//! All streams inside are brought to one time line: at 8 kHz it lies [`Raise::DELAY`] = 10 samples (1.25 ms) behind
//! the carrier, at 16 kHz 82 samples (5.1 ms) for the telephone and 62 samples (3.9 ms) for the microphone channel. A
//! status is due when its block has been received; what it says about speech lags by at most the detector's
//! hangover of 128 ms.

use std::fmt;
use std::sync::Arc;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::audio::resample::{Delay, Lower, NARROW_BLOCK, Raise, WIDE_BLOCK};
use crate::audio::wav;
use crate::speech::collector::{Collected, Collector};
use crate::speech::fbank::{Fbank, FbankTables};
use crate::speech::segmenter::Segmenter;
use crate::speech::silero::{Silero, SileroWeights};
use crate::speech::spectrum::{Spectrum, SpectrumTables};
use crate::{AudioFormat, ChannelType, NetSpeech, SampleRate};

/// Blocks of 32 ms between statuses: 4,096 samples at 8 kHz (spec §2.5.5).
const BLOCKS_PER_STATUS: u32 = 16;
/// Blocks that may be collected beyond the speech asked for: one status period, and what waits for a decision.
const SPARE_BLOCKS: usize = BLOCKS_PER_STATUS as usize + 8;
/// Most net speech one call may ask for, in seconds.
const MOST_WANTED: f64 = 120.0;
/// Bytes of the largest frame: two channels of two bytes.
const LARGEST_FRAME: usize = 4;

/// What a call is and how much speech it is to give.
#[derive(Clone, Copy, Debug)]
pub struct CallSpec {
    /// Form of the bytes that will be pushed.
    pub format: AudioFormat,
    /// Front end and calibration.
    pub channel_type: ChannelType,
    /// Seconds of net speech that are enough, above 0 and at most 120. Memory is reserved in proportion: about 155 kB
    /// a second, and a fixed 250 kB.
    pub wanted: f64,
}

impl CallSpec {
    /// Whether such a call can be opened; costs nothing.
    ///
    /// # Errors
    /// Those of opening it.
    pub fn check(&self) -> Result<(), OpenError> {
        if self.channel_type == ChannelType::Microphone && self.format.rate() != SampleRate::Hz16000 {
            return Err(OpenError::MicrophoneNeeds16k);
        }
        if !(self.wanted > 0.0 && self.wanted <= MOST_WANTED) {
            return Err(OpenError::Wanted(self.wanted));
        }
        Ok(())
    }
}

/// Why a call cannot be opened.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The microphone channel is 16 kHz speech; a telephone call holds nothing above 4 kHz.
    #[error("microphone-channel needs a sample_rate of 16000")]
    MicrophoneNeeds16k,
    /// Seconds of speech that no call can give.
    #[error("{0} seconds of net speech cannot be collected; ask for more than 0 and at most 120")]
    Wanted(f64),
}

/// What [`CallStream::push`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Pushed {
    /// Bytes taken; push the rest again.
    pub consumed: usize,
    /// Present at every 4,096th sample at 8 kHz, 8,192nd at 16 kHz.
    pub status: Option<Status>,
}

/// How far the collection is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// Speech collected so far; never decreases.
    pub net_speech: NetSpeech,
    /// Seconds of audio received, speech or not.
    pub audio_received_seconds: f64,
    /// Whether the speech asked for is there. Decided at status boundaries only.
    pub enough: bool,
    wanted: NetSpeech,
}

impl Status {
    /// Net speech in seconds, rounded to 2 decimals, as `info-vad-status` reports it.
    pub fn audio_seconds(&self) -> f64 {
        (self.net_speech.seconds() * 100.0).round() / 100.0
    }

    /// Net speech as a percentage of what was asked for, truncated, not capped.
    pub fn vad_percentage(&self) -> u32 {
        // Whole samples: 100 · net / wanted has no rounding to go wrong.
        u32::try_from(100 * self.net_speech.samples() / self.wanted.samples().max(1)).unwrap_or(u32::MAX)
    }
}

/// Tables and weights that all calls share.
#[derive(Clone, Debug)]
pub(crate) struct SharedTables {
    pub(crate) silero: Arc<SileroWeights>,
    pub(crate) fbank: Arc<FbankTables>,
    pub(crate) spectrum: Arc<SpectrumTables>,
}

/// One live call. See the [module's documentation](self) for what pushing costs.
pub struct CallStream {
    format: AudioFormat,
    channel_type: ChannelType,
    wanted: NetSpeech,
    /// The beginning of a frame whose end has not come.
    partial: [u8; LARGEST_FRAME],
    partial_bytes: usize,
    /// Samples of the current block.
    raw: [i16; WIDE_BLOCK],
    filled: usize,
    blocks: u64,
    enough: bool,
    chain: Chain,
    narrow: [f32; NARROW_BLOCK],
    wide: [f32; WIDE_BLOCK],
    silero: Silero,
    segmenter: Segmenter,
    fbank: Fbank,
    spectrum: Spectrum,
    collector: Collector,
}

impl fmt::Debug for CallStream {
    /// Without the audio.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStream")
            .field("format", &self.format)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        self.raw.zeroize();
        self.narrow.zeroize();
        self.wide.zeroize();
    }
}

impl CallStream {
    pub(crate) fn new(spec: CallSpec, tables: &SharedTables) -> Result<Self, OpenError> {
        spec.check()?;
        let CallSpec { format, channel_type, wanted } = spec;
        let wanted = NetSpeech::from_seconds(wanted, format.rate());
        let block = block_samples(format.rate());
        let blocks = wanted.samples() as usize / block + 1 + SPARE_BLOCKS;
        Ok(Self {
            format,
            channel_type,
            wanted,
            partial: [0; LARGEST_FRAME],
            partial_bytes: 0,
            raw: [0; WIDE_BLOCK],
            filled: 0,
            blocks: 0,
            enough: false,
            chain: Chain::new(format.rate(), channel_type),
            narrow: [0.0; NARROW_BLOCK],
            wide: [0.0; WIDE_BLOCK],
            silero: Silero::new(Arc::clone(&tables.silero)),
            segmenter: Segmenter::default(),
            fbank: Fbank::new(Arc::clone(&tables.fbank)),
            spectrum: Spectrum::new(Arc::clone(&tables.spectrum)),
            collector: Collector::new(blocks, block),
        })
    }

    /// Takes bytes up to the next status; call again with the rest until everything is consumed. When there is
    /// enough speech, everything is consumed without effect.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        if self.enough {
            return Pushed { consumed: bytes.len(), status: None };
        }
        let mut at = self.complete_partial(bytes);
        let frame_bytes = self.format.bytes_per_frame();
        let block = block_samples(self.format.rate());
        loop {
            if self.filled == block {
                self.filled = 0;
                self.process_block();
                if self.blocks.is_multiple_of(u64::from(BLOCKS_PER_STATUS)) {
                    let status = self.status();
                    self.enough = status.net_speech.samples() >= self.wanted.samples();
                    return Pushed { consumed: at, status: Some(Status { enough: self.enough, ..status }) };
                }
            }
            let whole = (bytes.len() - at) / frame_bytes;
            if whole == 0 {
                break;
            }
            let taken = whole.min(block - self.filled);
            let frames = bytes[at..at + taken * frame_bytes].chunks_exact(frame_bytes);
            for (sample, frame) in self.raw[self.filled..].iter_mut().zip(frames) {
                *sample = self.format.caller_sample(frame);
            }
            self.filled += taken;
            at += taken * frame_bytes;
        }
        let rest = &bytes[at..];
        self.partial[self.partial_bytes..self.partial_bytes + rest.len()].copy_from_slice(rest);
        self.partial_bytes += rest.len();
        Pushed { consumed: bytes.len(), status: None }
    }

    /// What its bytes are.
    pub const fn format(&self) -> AudioFormat {
        self.format
    }

    /// How far the collection is now; also between the boundaries at which [`CallStream::push`] reports.
    pub fn status(&self) -> Status {
        let rate = self.format.rate();
        let received = self.blocks * block_samples(rate) as u64 + self.filled as u64;
        Status {
            net_speech: NetSpeech::from_samples(self.collector.net_samples() as u64, rate),
            audio_received_seconds: received as f64 / f64::from(rate.hz()),
            enough: self.enough,
            wanted: self.wanted,
        }
    }

    /// Ends the call and gives its speech away without copying it.
    pub fn finish(mut self) -> CollectedSpeech {
        let Collected { samples, features, spectra } = self.collector.take();
        CollectedSpeech {
            samples,
            features,
            spectra,
            rate: self.format.rate(),
            channel_type: self.channel_type,
        }
    }

    /// Completes the frame that the last push began; returns the bytes taken.
    fn complete_partial(&mut self, bytes: &[u8]) -> usize {
        if self.partial_bytes == 0 {
            return 0;
        }
        let frame_bytes = self.format.bytes_per_frame();
        let taken = (frame_bytes - self.partial_bytes).min(bytes.len());
        self.partial[self.partial_bytes..self.partial_bytes + taken].copy_from_slice(&bytes[..taken]);
        self.partial_bytes += taken;
        if self.partial_bytes == frame_bytes {
            self.partial_bytes = 0;
            self.raw[self.filled] = self.format.caller_sample(&self.partial[..frame_bytes]);
            self.filled += 1;
        }
        taken
    }

    fn process_block(&mut self) {
        let Self { raw, narrow, wide, collector, .. } = self;
        let raw = &mut raw[..block_samples(self.format.rate())];
        self.chain.process(raw, narrow, wide);
        let probability = self.silero.step(wide);
        collector.begin_block(raw);
        self.fbank.push(wide, |row| collector.add_features(row));
        self.spectrum.push(narrow, |row| collector.add_spectrum(row));
        collector.end_block(self.segmenter.step(probability));
        self.blocks += 1;
    }
}

/// Samples of 32 ms.
const fn block_samples(rate: SampleRate) -> usize {
    match rate {
        SampleRate::Hz8000 => NARROW_BLOCK,
        SampleRate::Hz16000 => WIDE_BLOCK,
    }
}

/// From the call's samples to the two signals the models read, all on one time line.
#[derive(Debug)]
enum Chain {
    /// 8 kHz.
    Narrow { raise: Raise, raw_delay: Delay<i16>, narrow_delay: Delay<f32> },
    /// 16 kHz limited to the telephone band.
    Limited { lower: Lower, raise: Raise, raw_delay: Delay<i16>, narrow_delay: Delay<f32> },
    /// 16 kHz as it is.
    Wide { lower: Lower, raw_delay: Delay<i16> },
}

impl Chain {
    fn new(rate: SampleRate, channel_type: ChannelType) -> Self {
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

    fn process(&mut self, raw: &mut [i16], narrow: &mut [f32; NARROW_BLOCK], wide: &mut [f32; WIDE_BLOCK]) {
        match self {
            Self::Narrow { raise, raw_delay, narrow_delay } => {
                scale(raw, narrow);
                raise.process(narrow, wide);
                narrow_delay.process(narrow);
                raw_delay.process(raw);
            }
            Self::Limited { lower, raise, raw_delay, narrow_delay } => {
                scale(raw, wide);
                lower.process(wide, narrow);
                raise.process(narrow, wide);
                narrow_delay.process(narrow);
                raw_delay.process(raw);
            }
            Self::Wide { lower, raw_delay } => {
                scale(raw, wide);
                lower.process(wide, narrow);
                raw_delay.process(raw);
                scale(raw, wide);
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

/// The speech of a call and the features made of it while the call ran. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct CollectedSpeech {
    samples: Vec<i16>,
    features: Vec<f32>,
    spectra: Vec<f32>,
    #[zeroize(skip)]
    rate: SampleRate,
    #[zeroize(skip)]
    channel_type: ChannelType,
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
        NetSpeech::from_samples(self.samples.len() as u64, self.rate)
    }

    /// What the speech came through.
    pub fn channel_type(&self) -> ChannelType {
        self.channel_type
    }

    /// The speech, 16-bit, at the call's rate.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The speech as a playable file: RIFF, PCM 16-bit, mono, at the call's rate.
    pub fn to_wav(&self) -> Vec<u8> {
        wav::write(&self.samples, self.rate.hz())
    }

    /// Rows of [`crate::speech::fbank::BINS`].
    pub(crate) fn features(&self) -> &[f32] {
        &self.features
    }

    /// Rows of [`crate::speech::spectrum::BINS`].
    pub(crate) fn spectra(&self) -> &[f32] {
        &self.spectra
    }
}
