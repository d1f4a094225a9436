//! One call: its bytes enter in pieces of any size, statuses leave while it talks, and its speech at the end.
//!
//! # Realtime safety
//! [`CallStream::push`] and [`CallStream::push_packet`] never allocate, lock, block or panic, for any bytes and any
//! chunking, and cost a bounded time proportional to the bytes. Everything it needs is reserved when the stream opens, but for up to
//! 128 kB of the caller's stack.
//! The signal is worked on in blocks of 32 ms counted from the first sample, so the same audio cut in any way gives
//! bit-identical results. Speech is looked for in four of them at once; every push that completes a fourth block costs
//! the work of all four. Where the next block may complete the speech asked for, it is looked for in each: that speech is
//! there as early as it can be ([`CallStream::take_speech`]), and nothing is looked for behind it.
//!
//! # Delays
//! All streams inside are brought to one time line: at 8 kHz it lies
//! [`Raise::DELAY`](crate::audio::resample::Raise::DELAY) = 10 samples (1.25 ms) behind the carrier, at 16 kHz 82
//! samples (5.1 ms) for the telephone and 62 samples (3.9 ms) for the microphone channel. A status is due when its block
//! has been received; what it says about speech lags by at most 160 ms: the detector's hangover, and the block it is late by.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroize;

use crate::audio::decoder::Decoder;
use crate::audio::mismatch::{Mismatch, Watch};
use crate::audio::polyphase::Filters;
use crate::audio::resample::{NARROW_BLOCK, WIDE_BLOCK};
use crate::audio::wav::{HeaderReader, Layout};
use crate::speech::collector::{Collected, Collector};
use crate::speech::fbank::{Fbank, FbankTables};
use crate::speech::movement::Movement;
use crate::speech::segmenter::{MOST_UNDECIDED, Segmenter};
use crate::speech::silero::{STEPS, Silero, SileroWeights};
use crate::speech::spectrum::{Spectrum, SpectrumTables};
use crate::{AudioFormat, ChannelType, Container, NetSpeech, SampleRate, WireRate};

mod chain;
mod collected;
mod fault;

use chain::{Chain, block_samples};
pub use collected::CollectedSpeech;
pub use fault::StreamFault;

/// Blocks of 32 ms between statuses: 4,096 samples at 8 kHz (spec §2.5.5).
const BLOCKS_PER_STATUS: u32 = 16;
/// Blocks of net speech that one look of [`STEPS`] blocks may add: all that were undecided, and one before and after them.
const MOST_AT_ONCE: usize = MOST_UNDECIDED + STEPS + 2;
/// Most net speech one call may ask for, in seconds.
const MOST_WANTED: f64 = 120.0;

/// What a call is and how much speech it is to give.
#[derive(Clone, Copy, Debug)]
pub struct CallSpec {
    /// Form of the bytes that will be pushed.
    pub format: AudioFormat,
    /// Front end and calibration.
    pub channel_type: ChannelType,
    /// Seconds of net speech that are enough, above 0 and at most 120. Memory is reserved in proportion: about 155 kB
    /// a second, and a fixed 170 kB.
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
    /// Present once, if the call cannot be heard. Everything was consumed and will be, without effect.
    pub fault: Option<StreamFault>,
}

impl Pushed {
    const fn all(bytes: &[u8]) -> Self {
        Self { consumed: bytes.len(), status: None, fault: None }
    }
}

/// How far the collection is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// Speech collected so far; never decreases.
    pub net_speech: NetSpeech,
    /// Seconds of audio received, speech or not.
    pub audio_received_seconds: f64,
    /// Whether the speech asked for is there. Said at status boundaries only.
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
    pub(crate) filters: Arc<Filters>,
    pub(crate) silero: Arc<SileroWeights>,
    pub(crate) fbank: Arc<FbankTables>,
    pub(crate) spectrum: Arc<SpectrumTables>,
}

/// One live call. See the [module's documentation](self) for what pushing costs. Parts of it begin with cache lines, so it wants 64-byte alignment:
/// where another language allocates, put it into a box.
pub struct CallStream {
    /// What was declared.
    declared: AudioFormat,
    /// What is heard: the same, unless a header says something else.
    format: AudioFormat,
    header: Option<HeaderReader>,
    /// Bytes of the recording that have not come, where a header says how many there are.
    left: u64,
    channel_type: ChannelType,
    wanted: NetSpeech,
    wanted_seconds: f64,
    decoder: Decoder,
    watch: Option<Watch>,
    /// Whether the call goes on although its bytes are not what was declared, and what they look like.
    tolerant: bool,
    mismatch: Option<Mismatch>,
    /// Samples of the current block.
    raw: [i16; WIDE_BLOCK],
    filled: usize,
    blocks: u64,
    /// How much speech there is, once it is what was asked for: then no more is collected.
    complete: Option<NetSpeech>,
    /// Whether the complete speech was given away.
    taken: bool,
    enough: bool,
    failed: bool,
    chain: Chain,
    /// The one of the other rate, for a header to choose.
    other_chain: Option<Chain>,
    waiting: Box<Waiting>,
    silero: Silero,
    segmenter: Segmenter,
    fbank: Fbank,
    spectrum: Spectrum,
    movement: Movement,
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
        self.waiting.zeroize();
    }
}

impl CallStream {
    pub(crate) fn new(spec: CallSpec, tables: &SharedTables) -> Result<Self, OpenError> {
        spec.check()?;
        let CallSpec { format, channel_type, wanted: wanted_seconds } = spec;
        // A header may say anything: everything is reserved for the higher rate then.
        let header = (format.container() == Container::Wav).then(HeaderReader::default);
        let reserved = if header.is_some() { SampleRate::Hz16000 } else { format.rate() };
        let block = block_samples(reserved);
        let blocks = NetSpeech::from_seconds(wanted_seconds, reserved).samples() as usize / block;
        let other_rate = match format.rate() {
            SampleRate::Hz8000 => SampleRate::Hz16000,
            SampleRate::Hz16000 => SampleRate::Hz8000,
        };
        Ok(Self {
            declared: format,
            format,
            left: u64::MAX,
            channel_type,
            wanted: NetSpeech::from_seconds(wanted_seconds, format.rate()),
            wanted_seconds,
            decoder: match header {
                None => Decoder::new(&format, &tables.filters),
                Some(_) => Decoder::for_any(&format, &tables.filters),
            },
            // A header says what its recording is.
            watch: if header.is_some() { None } else { Watch::new(&format) },
            tolerant: false,
            mismatch: None,
            raw: [0; WIDE_BLOCK],
            filled: 0,
            blocks: 0,
            complete: None,
            taken: false,
            enough: false,
            failed: false,
            chain: Chain::new(format.rate(), channel_type),
            other_chain: header.is_some().then(|| Chain::new(other_rate, channel_type)),
            header,
            waiting: Box::default(),
            silero: Silero::new(Arc::clone(&tables.silero)),
            segmenter: Segmenter::default(),
            fbank: Fbank::new(Arc::clone(&tables.fbank)),
            spectrum: Spectrum::new(Arc::clone(&tables.spectrum)),
            movement: Movement::new(),
            collector: Collector::new(blocks + 1 + MOST_AT_ONCE, block),
        })
    }

    /// Takes bytes, cut anywhere, up to the next status; call again with the rest until everything is consumed. Not for
    /// formats in packets ([`CallStream::push_packet`]). When there is enough speech, or the call cannot be heard, everything is consumed without effect.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        if self.enough || self.failed {
            return Pushed::all(bytes);
        }
        let mut at = 0;
        if let Some(header) = &mut self.header {
            let begun = match header.push(bytes) {
                Ok(None) => return Pushed::all(bytes),
                Ok(Some((taken, layout))) => {
                    at = taken;
                    self.begin(&layout)
                }
                Err(error) => Err(error.into()),
            };
            if let Err(fault) = begun {
                return self.fail(fault, bytes);
            }
        }
        let end = at + usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
        self.collect(bytes, at, end)
    }

    /// Takes all of these bytes and passes over the statuses in them: for recordings, and for who asks [`CallStream::status`]. `Some` if the
    /// call cannot be heard from here on, said once. Costs what [`CallStream::push`] does.
    pub fn push_all(&mut self, mut bytes: &[u8]) -> Option<StreamFault> {
        let mut fault = None;
        while !bytes.is_empty() {
            let pushed = self.push(bytes);
            bytes = &bytes[pushed.consumed..];
            fault = fault.or(pushed.fault);
        }
        fault
    }

    /// Takes one packet of a format whose [`AudioFormat::framing`] is packets; an empty one was lost on the way and is
    /// concealed. Always consumes all of it: a packet is too short for two statuses.
    pub fn push_packet(&mut self, packet: &[u8]) -> Pushed {
        if self.enough || self.failed {
            return Pushed::all(packet);
        }
        if let Err(fault) = self.decoder.packet(packet) {
            return self.fail(fault, packet);
        }
        let pushed = self.collect(&[], 0, 0);
        if pushed.status.is_some_and(|status| !status.enough) {
            // What the packet holds beyond the status; too little for another.
            let _ = self.collect(&[], 0, 0);
        }
        Pushed { consumed: packet.len(), ..pushed }
    }

    /// From now on the call goes on although its bytes look like something else than what was declared; what they look like is in
    /// [`CollectedSpeech::mismatch`]. Otherwise that is a [`StreamFault::Mismatch`].
    pub fn tolerate_mismatch(&mut self) {
        self.tolerant = true;
    }

    fn fail(&mut self, fault: StreamFault, bytes: &[u8]) -> Pushed {
        self.failed = true;
        Pushed { fault: Some(fault), ..Pushed::all(bytes) }
    }

    /// Takes the samples in `bytes[at..end]`, behind which the recording is over.
    fn collect(&mut self, bytes: &[u8], mut at: usize, end: usize) -> Pushed {
        let block = block_samples(self.format.rate());
        loop {
            if self.filled == block {
                self.filled = 0;
                self.process_block();
                if self.blocks.is_multiple_of(u64::from(BLOCKS_PER_STATUS)) {
                    self.enough = self.complete.is_some();
                    return Pushed { consumed: at, status: Some(self.status()), fault: None };
                }
            }
            let decoded = match self.decoder.decode(&bytes[at..end], &mut self.raw[self.filled..block]) {
                Ok(decoded) => decoded,
                Err(fault) => return self.fail(fault, bytes),
            };
            if let Some(watch) = &mut self.watch
                && let Err(mismatch) = watch.look(&bytes[at..at + decoded.bytes])
            {
                if !self.tolerant {
                    return self.fail(mismatch.into(), bytes);
                }
                self.mismatch = Some(mismatch);
            }
            at += decoded.bytes;
            self.left -= decoded.bytes as u64;
            self.filled += decoded.samples;
            if self.filled < block {
                return Pushed::all(bytes);
            }
        }
    }

    /// Begins to hear what a header announces.
    fn begin(&mut self, layout: &Layout) -> Result<(), StreamFault> {
        self.header = None;
        let rate = WireRate::from_hz(layout.rate).ok_or(StreamFault::Rate(layout.rate))?;
        let format = self.declared.as_recorded(layout.encoding, rate, layout.channels);
        let asked = self.declared.caller() + 1;
        let format = format.ok_or(StreamFault::Channel { asked, has: layout.channels })?;
        if self.channel_type == ChannelType::Microphone && format.rate() != SampleRate::Hz16000 {
            return Err(StreamFault::MicrophoneNeeds16k);
        }
        if let (Some(other), true) = (&mut self.other_chain, format.rate() != self.declared.rate()) {
            std::mem::swap(other, &mut self.chain);
        }
        self.left = layout.data_bytes.unwrap_or(u64::MAX);
        self.wanted = NetSpeech::from_seconds(self.wanted_seconds, format.rate());
        self.decoder.set(layout.encoding, &format);
        self.format = format;
        Ok(())
    }

    /// What is heard: what was declared, or what a header says once it has been read.
    pub const fn format(&self) -> &AudioFormat {
        &self.format
    }

    /// What it was opened for.
    pub const fn declared(&self) -> &AudioFormat {
        &self.declared
    }

    /// What a header says, if it contradicts what was declared. The header is right: it comes from the encoder.
    pub fn contradiction(&self) -> Option<&AudioFormat> {
        (self.format != self.declared).then_some(&self.format)
    }

    /// How far the collection is now; also between the boundaries at which [`CallStream::push`] reports. Speech is known up
    /// to the last whole 128 ms.
    pub fn status(&self) -> Status {
        let rate = self.format.rate();
        let received = self.blocks * block_samples(rate) as u64 + self.filled as u64;
        Status {
            net_speech: self.net_speech(),
            audio_received_seconds: received as f64 / f64::from(rate.hz()),
            enough: self.enough,
            wanted: self.wanted,
        }
    }

    fn net_speech(&self) -> NetSpeech {
        let collected = || NetSpeech::from_samples(self.collector.net_samples() as u64, self.format.rate());
        self.complete.unwrap_or_else(collected)
    }

    /// How much audio is missing until [`CallStream::push`] reports the next status; at most 0.512 s.
    pub fn until_status(&self) -> Duration {
        let rate = self.format.rate();
        let block = block_samples(rate) as u64;
        let of_status = u64::from(BLOCKS_PER_STATUS) * block;
        let received = self.blocks * block + self.filled as u64;
        Duration::from_micros((of_status - received % of_status) * 1_000_000 / u64::from(rate.hz()))
    }

    /// Bytes that the call has reserved for its speech and what decisions need of it; what a call holds beside that is below 64 kB.
    pub fn room_for_speech(&self) -> usize {
        self.collector.room()
    }

    /// A copy of the newest speech, at most so many seconds of net speech, for a decision that is repeated while the call goes on. The features
    /// around the words, which a decision needs too, are shared out evenly over the speech.
    ///
    /// Cost: copies and allocates, some 60 kB for each second of speech at 8 kHz; nothing of it on the path of [`CallStream::push`].
    pub fn newest(&self, seconds: f64) -> CollectedSpeech {
        let samples = NetSpeech::from_seconds(seconds, self.format.rate()).samples();
        self.collected(self.collector.newest(samples as usize))
    }

    /// The speech asked for, given away once and without copying it, as soon as it is there: up to 0.48 s before the status that says
    /// so, for whoever wants to have decided by then. Statuses go on as if it had not been taken.
    pub fn take_speech(&mut self) -> Option<CollectedSpeech> {
        if self.complete.is_none() || std::mem::replace(&mut self.taken, true) {
            return None;
        }
        let collected = self.collector.take();
        Some(self.collected(collected))
    }

    /// Ends the call and gives its speech away without copying it; none, if it was taken ([`CallStream::take_speech`]).
    pub fn finish(mut self) -> CollectedSpeech {
        self.decide();
        let collected = self.collector.take();
        self.collected(collected)
    }

    fn collected(&self, collected: Collected) -> CollectedSpeech {
        let (rate, channel_type, mismatch) = (self.format.rate(), self.channel_type, self.mismatch);
        CollectedSpeech { collected, rate, channel_type, mismatch }
    }

    fn process_block(&mut self) {
        self.blocks += 1;
        if self.complete.is_some() {
            return;
        }
        let Waiting { raw, blocks } = &mut *self.waiting;
        raw[*blocks] = self.raw;
        *blocks += 1;
        if *blocks == STEPS || self.is_nearly_complete() {
            self.decide();
        }
    }

    /// Whether four more blocks could complete the speech. Changes with a decision only.
    fn is_nearly_complete(&self) -> bool {
        let most = MOST_AT_ONCE * block_samples(self.format.rate());
        (self.collector.net_samples() + most) as u64 >= self.wanted.samples()
    }

    /// Finds out which of the waiting blocks are speech, and collects what is.
    fn decide(&mut self) {
        let Waiting { raw, blocks } = &mut *self.waiting;
        let mut signals = Signals::default();
        let Signals { narrow, plain, filled } = &mut signals;
        for (block, raw) in raw[..*blocks].iter_mut().enumerate() {
            let own = &mut raw[..block_samples(self.format.rate())];
            self.chain.process(own, &mut narrow[block], &mut plain[block], &mut filled[block]);
        }
        let mut probabilities = [0.0; STEPS];
        self.silero.steps(&plain[..*blocks], &mut probabilities);
        let features = self.fbank.push(filled[..*blocks].as_flattened());
        let spectra = self.spectrum.push(narrow[..*blocks].as_flattened());
        for (block, probability) in probabilities[..*blocks].iter().enumerate() {
            self.collector.begin_block(&raw[block][..block_samples(self.format.rate())]);
            self.collector.add_features(features.of_block(block, WIDE_BLOCK));
            let spectra = spectra.of_block(block, NARROW_BLOCK);
            self.collector.add_spectra(spectra);
            self.movement.push(spectra);
            self.collector.end_block(self.segmenter.step(*probability, || self.movement.moves()));
        }
        *blocks = 0;
        let net_speech = self.net_speech();
        self.complete = (net_speech.samples() >= self.wanted.samples()).then_some(net_speech);
    }
}

/// Blocks that wait for the speech detector: it reads its weights once for several. A whole number of times in a status.
#[derive(Zeroize)]
struct Waiting {
    raw: [[i16; WIDE_BLOCK]; STEPS],
    blocks: usize,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { raw: [[0; WIDE_BLOCK]; STEPS], blocks: 0 }
    }
}

const _: () = assert!((BLOCKS_PER_STATUS as usize).is_multiple_of(STEPS));

/// What the models read of the waiting blocks: 20 kB on the stack, so that no call has to hold them. Wiped when dropped.
struct Signals {
    narrow: [[f32; NARROW_BLOCK]; STEPS],
    plain: [[f32; WIDE_BLOCK]; STEPS],
    filled: [[f32; WIDE_BLOCK]; STEPS],
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            narrow: [[0.0; NARROW_BLOCK]; STEPS],
            plain: [[0.0; WIDE_BLOCK]; STEPS],
            filled: [[0.0; WIDE_BLOCK]; STEPS],
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let Self { narrow, plain, filled } = self;
        let all = [narrow.as_flattened_mut(), plain.as_flattened_mut(), filled.as_flattened_mut()];
        all.into_iter().for_each(|signal| {
            signal.fill(0.0);
            // Seen from here on: the zeros must be written.
            black_box(signal);
        });
    }
}
