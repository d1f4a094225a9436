//! In: a path to a WAV, FLAC, MP3, Ogg Opus or raw file. Out: one channel of it as 16-bit samples, at the rate that is asked for.
//!
//! For the command line only: a file is read whole, bounded by [`MAX_SAMPLES`]. Containers are told by their first
//! bytes, not by their names; a file of no such kind is read as raw samples if the caller says how they are written, and
//! refused otherwise.
//!
//! WAV and Ogg Opus are read by the engine, FLAC and MP3 by symphonia. Symphonia reads WAV too, but refuses G.711 files whose `fmt ` chunk has
//! 16 bytes, as telephony equipment writes them (0.6.1, `malformed fmt_mulaw chunk`), and overflows on damaged headers.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peakstream::audio::wav;
use peakstream::{AudioFormat, Codec, Encoding, FieldError, FormatFields, SampleRate};
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::recording::{Container, ENOUGH_TO_TELL, compressed};

/// The most samples of one channel that are read: 23 minutes at 48 kHz, more than two hours at 8 kHz (128 MiB). A
/// session ends after three minutes.
pub const MAX_SAMPLES: usize = 1 << 26;

/// The largest WAV file that is read: [`MAX_SAMPLES`] of eight channels.
const MAX_WAV_BYTES: u64 = 1 << 30;

/// Rates that can be converted; outside of them a header is more likely broken than right.
pub const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// How the bytes of a file without a header are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawForm {
    /// How one sample is written.
    pub encoding: Encoding,
    /// Samples per second of each channel.
    pub rate: u32,
    /// Interleaved channels.
    pub channels: u16,
}

/// What to take from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// How to read a file that is none of these; `None` refuses it.
    pub raw: Option<RawForm>,
    /// The channel to take, counted from 1.
    pub channel: u16,
}

impl Default for ReadOptions {
    /// The first channel of a file with a header.
    fn default() -> Self {
        Self { raw: None, channel: 1 }
    }
}

/// Why a file gives no audio. Every message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioFileError {
    /// The file cannot be read.
    #[error("{}: cannot be read ({source})", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither a known container nor declared to be raw.
    #[error(
        "{0}: not a WAV, FLAC, MP3, Ogg Opus or raw file; convert it with: ffmpeg -i {0} -ac 1 -ar 16000 {1}, \
         or, if it holds samples without a header, say how they are written, for example --codec mulaw --rate 8000",
        path.display(), path.with_extension("wav").display()
    )]
    NotAudio {
        /// The file.
        path: PathBuf,
    },
    /// A container whose content is damaged or of an unknown codec.
    #[error(
        "{0}: cannot be decoded ({detail}); convert it with: ffmpeg -i {0} -c:a pcm_s16le {1}",
        path.display(), path.with_extension("pcm.wav").display()
    )]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        detail: String,
    },
    /// The file has fewer channels than the one asked for.
    #[error("{}: has {has} channel(s), not a channel {asked}; choose one with --channel", path.display())]
    Channel {
        /// The file.
        path: PathBuf,
        /// The channel asked for, counted from 1.
        asked: u16,
        /// How many there are.
        has: usize,
    },
    /// A header without samples.
    #[error("{}: holds no audio", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// More than [`MAX_SAMPLES`].
    #[error("{0}: longer than {MAX_SAMPLES} samples; cut it with: ffmpeg -i {0} -t 600 {1}", path.display(), path.with_extension("cut.wav").display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A rate that nothing can be made of.
    #[error("{}: a rate of {rate} Hz; between {} and {} Hz can be converted", path.display(), RATES.start(), RATES.end())]
    Rate {
        /// The file.
        path: PathBuf,
        /// The rate.
        rate: u32,
    },
}

/// One channel of a file.
#[derive(Clone, PartialEq)]
pub struct Recording {
    path: PathBuf,
    samples: Vec<i16>,
    rate: u32,
}

/// Says how much there is, never what.
impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({}, {} samples at {} Hz)", self.path.display(), self.samples.len(), self.rate)
    }
}

impl Recording {
    /// The samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Samples per second.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate))
    }

    /// The same audio at `rate`.
    ///
    /// # Errors
    /// None that a recording made by [`read`] can meet: its rate has been checked.
    pub fn at(self, rate: SampleRate) -> Result<Self, AudioFileError> {
        if self.rate == rate.hz() {
            return Ok(self);
        }
        match resample(&self.samples, self.rate, rate.hz()) {
            Some(samples) => Ok(Self { samples, rate: rate.hz(), ..self }),
            None => Err(AudioFileError::Rate { path: self.path, rate: self.rate }),
        }
    }

    /// The samples as a carrier would send them.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.samples.len() * encoding.bytes());
        peakstream::audio::encode(&self.samples, encoding, &mut bytes);
        bytes
    }
}

/// The encoding that a customer calls `codec`, or what is wrong with the name. The engine knows the names.
///
/// # Errors
/// A name that is not one of the accepted ones, which the text lists.
pub fn parse_codec(codec: &str) -> Result<Encoding, String> {
    let fields = FormatFields {
        audio_format: "raw",
        audio_codec: codec,
        sample_format: "",
        sample_rate: SampleRate::Hz8000.hz(),
        channels: 1,
        channel: 1,
    };
    AudioFormat::parse(&fields)
        .and_then(|format| match format.codec() {
            Codec::Samples(encoding) => Ok(encoding),
            _ => Err(vec![FieldError {
                field: "audio_codec",
                message: format!(
                    "{codec:?} is not written sample by sample; use \"mulaw\", \"alaw\" or \"pcm\""
                ),
            }]),
        })
        .map_err(|errors| errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "))
}

/// Reads one channel of `path`.
///
/// # Errors
/// See [`AudioFileError`].
pub fn read(path: &Path, options: &ReadOptions) -> Result<Recording, AudioFileError> {
    let io = |source| AudioFileError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let mut start = Vec::new();
    (&mut file).take(ENOUGH_TO_TELL as u64).read_to_end(&mut start).map_err(io)?;
    file.rewind().map_err(io)?;
    let (samples, rate) = match (Container::of(&start), options.raw) {
        // Samples without a header may begin like a frame of MP3: who says that they are samples is right.
        (Some(Container::Mp3), Some(form)) if !is_compressed(&start) => {
            (read_raw(path, file, &form, options.channel)?, form.rate)
        }
        (Some(Container::Wav), _) => read_wav(path, file, options.channel)?,
        (Some(Container::Flac | Container::Mp3), _) => read_compressed(path, file, options.channel)?,
        #[cfg(feature = "opus")]
        (Some(Container::OggOpus { channels }), _) => read_ogg(path, file, channels, options.channel)?,
        // Compressed audio played as samples is noise: better refused, whatever the options say.
        (None, Some(form)) if !is_compressed(&start) => {
            (read_raw(path, file, &form, options.channel)?, form.rate)
        }
        (None, _) => return Err(AudioFileError::NotAudio { path: path.to_owned() }),
    };
    if samples.is_empty() {
        return Err(AudioFileError::Empty { path: path.to_owned() });
    }
    if !RATES.contains(&rate) {
        return Err(AudioFileError::Rate { path: path.to_owned(), rate });
    }
    Ok(Recording { path: path.to_owned(), samples, rate })
}

/// MP3 (with and without a tag), Ogg, MP4, Matroska, AMR, AIFF, ASF.
fn is_compressed(start: &[u8]) -> bool {
    let magics: [&[u8]; 8] = [
        b"ID3",
        b"OggS",
        b"\x1aE\xdf\xa3",
        b"#!AMR",
        b"FORM",
        b"\x30\x26\xb2\x75",
        b"\xff\xfb\x90",
        b"\xff\xf3\x40",
    ];
    magics.iter().any(|magic| start.starts_with(magic)) || start.get(4..8) == Some(b"ftyp")
}

fn read_raw(path: &Path, file: File, form: &RawForm, channel: u16) -> Result<Vec<i16>, AudioFileError> {
    let channels = usize::from(form.channels);
    let wanted = channel_index(path, channel, channels)?;
    let frame = channels * form.encoding.bytes();
    let limit = (MAX_SAMPLES + 1).saturating_mul(frame);
    let mut bytes = Vec::new();
    file.take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(|source| AudioFileError::Io { path: path.to_owned(), source })?;
    if bytes.len() >= limit {
        return Err(AudioFileError::TooLong { path: path.to_owned() });
    }
    let whole = bytes.len() / frame * frame;
    let mut samples = Vec::with_capacity(whole / form.encoding.bytes());
    peakstream::audio::decode(&bytes[..whole], form.encoding, &mut samples);
    Ok(samples.into_iter().skip(wanted).step_by(channels).collect())
}

fn channel_index(path: &Path, asked: u16, has: usize) -> Result<usize, AudioFileError> {
    match usize::from(asked).checked_sub(1) {
        Some(index) if index < has => Ok(index),
        _ => Err(AudioFileError::Channel { path: path.to_owned(), asked, has }),
    }
}

fn read_wav(path: &Path, file: File, channel: u16) -> Result<(Vec<i16>, u32), AudioFileError> {
    let mut bytes = Vec::new();
    file.take(MAX_WAV_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| AudioFileError::Io { path: path.to_owned(), source })?;
    if bytes.len() as u64 > MAX_WAV_BYTES {
        return Err(AudioFileError::TooLong { path: path.to_owned() });
    }
    let wav = wav::read(&bytes)
        .map_err(|error| AudioFileError::Undecodable { path: path.to_owned(), detail: error.to_string() })?;
    let wanted = channel_index(path, channel, wav.channels)?;
    if wav.samples.len() / wav.channels > MAX_SAMPLES {
        return Err(AudioFileError::TooLong { path: path.to_owned() });
    }
    Ok((wav.samples.into_iter().skip(wanted).step_by(wav.channels).collect(), wav.rate))
}

fn read_compressed(path: &Path, file: File, channel: u16) -> Result<(Vec<i16>, u32), AudioFileError> {
    let (mut samples, mut rate, mut problem) = (Vec::new(), 0, None);
    let decoded = compressed::decode(file, |piece| {
        match channel_index(path, channel, piece.channels) {
            Ok(wanted) => samples.extend(piece.samples.iter().skip(wanted).step_by(piece.channels)),
            Err(error) => problem = Some(error),
        }
        rate = piece.rate;
        if samples.len() > MAX_SAMPLES {
            problem = Some(AudioFileError::TooLong { path: path.to_owned() });
        }
        if problem.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    decoded.map_err(|detail| AudioFileError::Undecodable { path: path.to_owned(), detail })?;
    Ok((samples, rate))
}

#[cfg(feature = "opus")]
fn read_ogg(path: &Path, file: File, channels: u8, channel: u16) -> Result<(Vec<i16>, u32), AudioFileError> {
    let wanted = channel_index(path, channel, channels.into())?;
    let mut bytes = Vec::new();
    file.take(MAX_WAV_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|source| AudioFileError::Io { path: path.to_owned(), source })?;
    let samples = peakstream::audio::ogg_opus::read(&bytes, channels.into(), wanted)
        .map_err(|error| AudioFileError::Undecodable { path: path.to_owned(), detail: error.to_string() })?;
    if samples.len() > MAX_SAMPLES {
        return Err(AudioFileError::TooLong { path: path.to_owned() });
    }
    Ok((samples, SampleRate::Hz16000.hz()))
}

/// Frames of one block of the converter at the input's rate: its filter is as steep as the block is long. A multiple of
/// 4 × 441, so that half a block is a whole number of frames in the 44.1 kHz family too; otherwise the output would lie
/// half a frame off.
const RESAMPLER_BLOCK: usize = 1764;

/// Converts all of `samples` without delay; `None` for rates that rubato cannot relate.
pub fn resample(samples: &[i16], from: u32, to: u32) -> Option<Vec<i16>> {
    let mut converter = Fft::<f32>::new_custom(
        from as usize,
        to as usize,
        RESAMPLER_BLOCK,
        1,
        1,
        rubato::WindowFunction::BlackmanHarris2,
        FixedSync::Both,
    )
    .ok()?;
    let input: Vec<f32> = samples.iter().map(|&sample| f32::from(sample)).collect();
    let input = SequentialSlice::new(&input, 1, input.len()).ok()?;
    let output = converter.process_all(&input, samples.len(), None).ok()?;
    // `as` saturates: what overshoots at the filter's edges is clipped, as in any 16-bit recording.
    Some(output.take_data().into_iter().map(|sample| sample.round() as i16).collect())
}

#[cfg(test)]
#[path = "audio_file_tests.rs"]
mod tests;
