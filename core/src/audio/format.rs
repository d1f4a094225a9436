//! What a call's bytes mean. The six documented audio fields enter, a checked [`AudioFormat`] leaves; with it, bytes
//! become samples ([`decode`]) and samples bytes ([`encode`]).

use super::g711;
use crate::SampleRate;

/// How one sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// ITU-T G.711 µ-law, one byte.
    MuLaw,
    /// ITU-T G.711 A-law, one byte.
    ALaw,
    /// 16-bit two's complement, low byte first.
    Linear16Le,
    /// 16-bit two's complement, high byte first (the order of RTP's L16, RFC 3551 §4.5.11).
    Linear16Be,
}

impl Encoding {
    /// Bytes of one sample: 1 or 2.
    pub const fn bytes(self) -> usize {
        match self {
            Self::MuLaw | Self::ALaw => 1,
            Self::Linear16Le | Self::Linear16Be => 2,
        }
    }

    /// The sample written in the first [`Encoding::bytes`] bytes.
    #[inline]
    pub(crate) fn sample(self, bytes: &[u8]) -> i16 {
        match self {
            Self::MuLaw => g711::MULAW[usize::from(bytes[0])],
            Self::ALaw => g711::ALAW[usize::from(bytes[0])],
            Self::Linear16Le => i16::from_le_bytes([bytes[0], bytes[1]]),
            Self::Linear16Be => i16::from_be_bytes([bytes[0], bytes[1]]),
        }
    }
}

/// The audio fields of a request, as the customer wrote them (spec §5).
#[derive(Clone, Copy, Debug)]
pub struct FormatFields<'a> {
    /// Container: `raw`.
    pub audio_format: &'a str,
    /// `mulaw`, `alaw`, `pcm` or one of their aliases, in either case.
    pub audio_codec: &'a str,
    /// Layout of `pcm` samples: empty, `s16le` or `s16be`.
    pub sample_format: &'a str,
    /// Hertz: 8000 or 16000.
    pub sample_rate: u32,
    /// 1, or 2 for interleaved stereo whose first channel is the caller.
    pub channels: u16,
}

/// A field that cannot be used, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// The field's documented name, such as `audio_codec`.
    pub field: &'static str,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl FieldError {
    fn new(field: &'static str, value: &dyn std::fmt::Display, accepted: &str) -> Self {
        // A value may be as long as a request: name its beginning only.
        let shown: String = value.to_string().chars().take(64).collect();
        Self { field, message: format!("{shown:?} is not supported; use {accepted}") }
    }
}

/// The agreed form of a call's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioFormat {
    encoding: Encoding,
    rate: SampleRate,
    channels: usize,
    /// Index of the caller's channel in each frame.
    caller: usize,
}

impl AudioFormat {
    /// A mono format.
    pub const fn mono(encoding: Encoding, rate: SampleRate) -> Self {
        Self { encoding, rate, channels: 1, caller: 0 }
    }

    /// Interleaved stereo; `caller` is the caller's channel, 0 or 1. Other channels do not exist.
    pub const fn stereo(encoding: Encoding, rate: SampleRate, caller: usize) -> Option<Self> {
        if caller > 1 { None } else { Some(Self { encoding, rate, channels: 2, caller }) }
    }

    /// Checks the documented fields.
    ///
    /// # Errors
    /// Every field that cannot be used, not only the first.
    pub fn parse(fields: &FormatFields<'_>) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut keep = |result: Result<(), FieldError>| errors.extend(result.err());

        keep(if fields.audio_format.eq_ignore_ascii_case("raw") {
            Ok(())
        } else {
            Err(FieldError::new("audio_format", &fields.audio_format, "\"raw\""))
        });
        let encoding = parse_encoding(fields.audio_codec, fields.sample_format);
        keep(encoding.as_ref().map(|_| ()).map_err(Clone::clone));
        let rate = SampleRate::from_hz(fields.sample_rate)
            .ok_or_else(|| FieldError::new("sample_rate", &fields.sample_rate, "8000 or 16000"));
        keep(rate.as_ref().map(|_| ()).map_err(Clone::clone));
        keep(match fields.channels {
            1 | 2 => Ok(()),
            other => Err(FieldError::new("channels", &other, "1 or 2")),
        });
        match (encoding, rate) {
            (Ok(encoding), Ok(rate)) if errors.is_empty() => {
                Ok(Self { encoding, rate, channels: usize::from(fields.channels), caller: 0 })
            }
            _ => Err(errors),
        }
    }

    /// How a sample is written.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Samples per second of each channel.
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Bytes of one sample of every channel: 1, 2 or 4.
    pub const fn bytes_per_frame(&self) -> usize {
        self.encoding.bytes() * self.channels
    }

    /// Bytes of one second of audio.
    pub const fn bytes_per_second(&self) -> usize {
        self.bytes_per_frame() * self.rate.hz() as usize
    }

    /// The caller's sample in one whole frame.
    #[inline]
    pub(crate) fn caller_sample(&self, frame: &[u8]) -> i16 {
        self.encoding.sample(&frame[self.caller * self.encoding.bytes()..])
    }
}

fn parse_encoding(codec: &str, sample_format: &str) -> Result<Encoding, FieldError> {
    let codec_lower = codec.to_ascii_lowercase();
    let layout = sample_format.to_ascii_lowercase();
    let implied = |encoding: Encoding, names: &[&str]| {
        if names.contains(&layout.as_str()) {
            Ok(encoding)
        } else {
            let accepted = format!("an empty sample_format with audio_codec {codec:?}");
            Err(FieldError::new("sample_format", &sample_format, &accepted))
        }
    };
    match codec_lower.as_str() {
        "mulaw" | "ulaw" | "pcmu" | "pcm_mulaw" => implied(Encoding::MuLaw, &["", "mulaw", "ulaw"]),
        "alaw" | "pcma" | "pcm_alaw" => implied(Encoding::ALaw, &["", "alaw"]),
        "pcm_s16le" => implied(Encoding::Linear16Le, &["", "s16", "s16le"]),
        "pcm_s16be" => implied(Encoding::Linear16Be, &["", "s16", "s16be"]),
        "pcm" | "l16" | "linear16" => match layout.as_str() {
            "" | "s16" | "s16le" => Ok(Encoding::Linear16Le),
            "s16be" => Ok(Encoding::Linear16Be),
            _ => Err(FieldError::new("sample_format", &sample_format, "\"\", \"s16le\" or \"s16be\"")),
        },
        _ => Err(FieldError::new("audio_codec", &codec, "\"mulaw\", \"alaw\" or \"pcm\"")),
    }
}

/// Decodes mono bytes; a last incomplete sample is left out. Allocates nothing but room in `samples`.
pub fn decode(bytes: &[u8], encoding: Encoding, samples: &mut Vec<i16>) {
    samples.extend(bytes.chunks_exact(encoding.bytes()).map(|sample| encoding.sample(sample)));
}

/// Encodes mono samples as a carrier would send them.
pub fn encode(samples: &[i16], encoding: Encoding, bytes: &mut Vec<u8>) {
    match encoding {
        Encoding::MuLaw => bytes.extend(samples.iter().map(|&sample| g711::encode_mulaw(sample))),
        Encoding::ALaw => bytes.extend(samples.iter().map(|&sample| g711::encode_alaw(sample))),
        Encoding::Linear16Le => bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
        Encoding::Linear16Be => bytes.extend(samples.iter().flat_map(|sample| sample.to_be_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TELEPHONE: FormatFields<'static> = FormatFields {
        audio_format: "raw",
        audio_codec: "mulaw",
        sample_format: "",
        sample_rate: 8000,
        channels: 1,
    };

    #[test]
    fn the_documented_fields_are_a_telephone_call() {
        let format = AudioFormat::parse(&TELEPHONE).expect("documented values");
        assert_eq!(format, AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000));
        assert_eq!(format.bytes_per_second(), 8000);
    }

    #[test]
    fn every_alias_of_the_specification_is_accepted_in_either_case() {
        let accepted = [
            ("mulaw", "", Encoding::MuLaw),
            ("ULAW", "", Encoding::MuLaw),
            ("pcmu", "", Encoding::MuLaw),
            ("pcm_mulaw", "", Encoding::MuLaw),
            ("alaw", "", Encoding::ALaw),
            ("PCMA", "", Encoding::ALaw),
            ("pcm_alaw", "", Encoding::ALaw),
            ("pcm", "", Encoding::Linear16Le),
            ("L16", "S16LE", Encoding::Linear16Le),
            ("linear16", "s16", Encoding::Linear16Le),
            ("pcm", "s16be", Encoding::Linear16Be),
            ("pcm_s16le", "", Encoding::Linear16Le),
            ("pcm_s16be", "", Encoding::Linear16Be),
        ];
        for (audio_codec, sample_format, encoding) in accepted {
            let fields = FormatFields { audio_codec, sample_format, ..TELEPHONE };
            let format = AudioFormat::parse(&fields).unwrap_or_else(|e| panic!("{audio_codec}: {e:?}"));
            assert_eq!(format.encoding(), encoding);
        }
    }

    #[test]
    fn every_unusable_field_is_named_at_once() {
        let fields = FormatFields {
            audio_format: "mp3",
            audio_codec: "speex",
            sample_format: "",
            sample_rate: 11_025,
            channels: 3,
        };
        let errors = AudioFormat::parse(&fields).expect_err("nothing in it is supported");
        let named: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(named, ["audio_format", "audio_codec", "sample_rate", "channels"]);
    }

    #[test]
    fn a_sample_format_that_contradicts_the_codec_is_refused() {
        let fields = FormatFields { sample_format: "s16le", ..TELEPHONE };
        let errors = AudioFormat::parse(&fields).expect_err("mu-law is no 16-bit layout");
        assert_eq!(errors[0].field, "sample_format");
    }

    #[test]
    fn linear_samples_survive_both_byte_orders() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN, 0x1234];
        for encoding in [Encoding::Linear16Le, Encoding::Linear16Be] {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            encode(&samples, encoding, &mut bytes);
            decode(&bytes, encoding, &mut back);
            assert_eq!(back, samples);
        }
    }
}
