//! What a call's bytes mean: the documented audio fields enter, a checked [`AudioFormat`] leaves.

use super::encoding::Encoding;
use crate::{SampleRate, WireRate};

/// How the signal is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Sample by sample, channels interleaved.
    Samples(Encoding),
}

/// What stands around the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    /// Nothing.
    Raw,
    /// A RIFF/WAVE header at the beginning of the stream (`audio::wav`), then samples.
    Wav,
}

/// The audio fields of a request, as the customer wrote them (spec §5).
#[derive(Clone, Copy, Debug)]
pub struct FormatFields<'a> {
    /// Container: `raw` or `wav`.
    pub audio_format: &'a str,
    /// `mulaw`, `alaw`, `pcm` or one of their aliases, in either case.
    pub audio_codec: &'a str,
    /// Layout of `pcm` samples: empty, `s16le`, `s16be` or `f32le`.
    pub sample_format: &'a str,
    /// Hertz: one of [`WireRate`].
    pub sample_rate: u32,
    /// 1, or 2 for interleaved stereo.
    pub channels: u16,
    /// The caller's channel, counted from 1; 1 if nothing is said.
    pub channel: u16,
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
    container: Container,
    codec: Codec,
    rate: WireRate,
    channels: usize,
    /// Index of the caller's channel in each frame.
    caller: usize,
}

impl AudioFormat {
    /// A mono format at one of the rates that need no conversion.
    pub const fn mono(encoding: Encoding, rate: SampleRate) -> Self {
        Self {
            container: Container::Raw,
            codec: Codec::Samples(encoding),
            rate: rate.on_the_wire(),
            channels: 1,
            caller: 0,
        }
    }

    /// Interleaved stereo; `caller` is the caller's channel, 0 or 1. Other channels do not exist.
    pub const fn stereo(encoding: Encoding, rate: SampleRate, caller: usize) -> Option<Self> {
        if caller > 1 { None } else { Some(Self { channels: 2, caller, ..Self::mono(encoding, rate) }) }
    }

    /// The same format at another rate.
    #[must_use]
    pub const fn at(self, rate: WireRate) -> Self {
        Self { rate, ..self }
    }

    /// The same format behind a WAV header, which may say otherwise.
    #[must_use]
    pub const fn in_wav(self) -> Self {
        Self { container: Container::Wav, ..self }
    }

    /// What a header says; `None` if the caller's channel is not there. May have up to 8 channels.
    pub(crate) fn as_recorded(&self, encoding: Encoding, rate: WireRate, channels: usize) -> Option<Self> {
        let codec = Codec::Samples(encoding);
        (self.caller < channels).then_some(Self { codec, rate, channels, ..*self })
    }

    /// Checks the documented fields.
    ///
    /// # Errors
    /// Every field that cannot be used, not only the first.
    pub fn parse(fields: &FormatFields<'_>) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut keep = |result: Result<(), FieldError>| errors.extend(result.err());

        let container = parse_container(fields.audio_format);
        keep(container.as_ref().map(|_| ()).map_err(Clone::clone));
        let codec = parse_codec(fields.audio_codec, fields.sample_format);
        keep(codec.as_ref().map(|_| ()).map_err(Clone::clone));
        let rate = WireRate::from_hz(fields.sample_rate)
            .ok_or_else(|| FieldError::new("sample_rate", &fields.sample_rate, &WireRate::in_words()));
        keep(rate.as_ref().map(|_| ()).map_err(Clone::clone));
        keep(match fields.channels {
            1 | 2 => Ok(()),
            other => Err(FieldError::new("channels", &other, "1 or 2")),
        });
        keep(match (fields.channel, fields.channels) {
            (1, _) | (2, 2..) => Ok(()),
            (other, 2..) => Err(FieldError::new("channel", &other, "1 or 2")),
            (other, _) => Err(FieldError::new("channel", &other, "1, the only one that 1 channel has")),
        });
        match (container, codec, rate) {
            (Ok(container), Ok(codec), Ok(rate)) if errors.is_empty() => Ok(Self {
                container,
                codec,
                rate,
                channels: usize::from(fields.channels),
                caller: usize::from(fields.channel - 1),
            }),
            _ => Err(errors),
        }
    }

    /// What stands around the signal.
    pub const fn container(&self) -> Container {
        self.container
    }

    /// How the signal is coded.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Samples per second of each channel, as they arrive.
    pub const fn wire_rate(&self) -> WireRate {
        self.rate
    }

    /// Samples per second at which the call is heard.
    pub const fn rate(&self) -> SampleRate {
        self.rate.call_rate()
    }

    /// Interleaved channels: 1 or 2, or up to 8 if a header says so.
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Index of the caller's channel: 0 or 1.
    pub const fn caller(&self) -> usize {
        self.caller
    }

    /// Bytes of one second of audio.
    pub const fn bytes_per_second(&self) -> usize {
        match self.codec {
            Codec::Samples(encoding) => encoding.bytes() * self.channels * self.rate.hz() as usize,
        }
    }
}

fn parse_container(name: &str) -> Result<Container, FieldError> {
    match name.to_ascii_lowercase().as_str() {
        "raw" => Ok(Container::Raw),
        "wav" => Ok(Container::Wav),
        _ => Err(FieldError::new("audio_format", &name, "\"raw\" or \"wav\"")),
    }
}

fn parse_codec(codec: &str, sample_format: &str) -> Result<Codec, FieldError> {
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
    let encoding = match codec_lower.as_str() {
        "mulaw" | "ulaw" | "pcmu" | "pcm_mulaw" => implied(Encoding::MuLaw, &["", "mulaw", "ulaw"]),
        "alaw" | "pcma" | "pcm_alaw" => implied(Encoding::ALaw, &["", "alaw"]),
        "pcm_s16le" => implied(Encoding::Linear16Le, &["", "s16", "s16le"]),
        "pcm_s16be" => implied(Encoding::Linear16Be, &["", "s16", "s16be"]),
        "pcm_f32le" => implied(Encoding::Float32Le, &["", "f32", "f32le"]),
        "pcm" | "l16" | "linear16" => match layout.as_str() {
            "" | "s16" | "s16le" => Ok(Encoding::Linear16Le),
            "s16be" => Ok(Encoding::Linear16Be),
            // "L16" and "linear16" say that a sample has 16 bits.
            "f32" | "f32le" if codec_lower == "pcm" => Ok(Encoding::Float32Le),
            _ => {
                let accepted = match codec_lower.as_str() {
                    "pcm" => "\"\", \"s16le\", \"s16be\" or \"f32le\"",
                    _ => "\"\", \"s16le\" or \"s16be\"",
                };
                Err(FieldError::new("sample_format", &sample_format, accepted))
            }
        },
        _ => Err(FieldError::new("audio_codec", &codec, "\"mulaw\", \"alaw\" or \"pcm\"")),
    };
    encoding.map(Codec::Samples)
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
        channel: 1,
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
            ("pcm", "f32le", Encoding::Float32Le),
            ("PCM", "F32", Encoding::Float32Le),
            ("pcm_f32le", "", Encoding::Float32Le),
        ];
        for (audio_codec, sample_format, encoding) in accepted {
            let fields = FormatFields { audio_codec, sample_format, ..TELEPHONE };
            let format = AudioFormat::parse(&fields).unwrap_or_else(|e| panic!("{audio_codec}: {e:?}"));
            assert_eq!(format.codec(), Codec::Samples(encoding));
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
            channel: 4,
        };
        let errors = AudioFormat::parse(&fields).expect_err("nothing in it is supported");
        let named: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(named, ["audio_format", "audio_codec", "sample_rate", "channels", "channel"]);
        assert!(errors[2].message.ends_with("44100 or 48000"), "{}", errors[2].message);
    }

    #[test]
    fn a_sample_format_that_contradicts_the_codec_is_refused() {
        let fields = FormatFields { sample_format: "s16le", ..TELEPHONE };
        let errors = AudioFormat::parse(&fields).expect_err("mu-law is no 16-bit layout");
        assert_eq!(errors[0].field, "sample_format");
    }

    #[test]
    fn floats_are_no_16_bit_layout() {
        let fields = FormatFields { audio_codec: "l16", sample_format: "f32le", ..TELEPHONE };
        let errors = AudioFormat::parse(&fields).expect_err("L16 has 16 bits");
        assert_eq!(errors[0].field, "sample_format");
    }

    #[test]
    fn the_callers_channel_is_the_first_unless_said_otherwise_and_must_exist() {
        let stereo = FormatFields { channels: 2, ..TELEPHONE };
        for channel in [1, 2] {
            let format = AudioFormat::parse(&FormatFields { channel, ..stereo }).expect("a channel it has");
            assert_eq!(format.caller(), usize::from(channel - 1));
        }
        for fields in [
            FormatFields { channel: 3, ..stereo },
            FormatFields { channel: 0, ..stereo },
            FormatFields { channel: 2, ..TELEPHONE },
        ] {
            let errors = AudioFormat::parse(&fields).expect_err("a channel it has not");
            assert_eq!(errors[0].field, "channel");
        }
    }

    #[test]
    fn every_rate_is_heard_at_8_or_16_khz() {
        for rate in WireRate::ALL {
            let fields = FormatFields { sample_rate: rate.hz(), ..TELEPHONE };
            let format = AudioFormat::parse(&fields).expect("an accepted rate");
            assert_eq!(format.wire_rate(), rate);
            assert_eq!(format.rate() == SampleRate::Hz8000, rate == WireRate::Hz8000);
        }
    }
}
