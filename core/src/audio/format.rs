//! What a call's bytes mean: the documented audio fields enter, a checked [`AudioFormat`] leaves.

use super::encoding::Encoding;
use super::g722;
use crate::{SampleRate, WireRate};

/// How the signal is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Sample by sample, channels interleaved.
    Samples(Encoding),
    /// ITU-T G.722 at 64 kbit/s, one channel at 16 kHz (`audio::g722`).
    G722,
    /// Opus, RFC 6716, at 16 kHz (`audio::opus`).
    #[cfg(feature = "opus")]
    Opus,
}

/// How a stream's bytes belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// They may be cut anywhere: [`crate::CallStream::push`].
    Bytes,
    /// In packets, of which each must be pushed alone and whole: [`crate::CallStream::push_packet`].
    Packets,
}

/// What stands around the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    /// Nothing.
    Raw,
    /// A RIFF/WAVE header at the beginning of the stream (`audio::wav`), then samples.
    Wav,
    /// Ogg pages (`audio::ogg_opus`).
    #[cfg(feature = "opus")]
    Ogg,
}

/// The audio fields of a request, as the customer wrote them (spec §5).
#[derive(Clone, Copy, Debug)]
pub struct FormatFields<'a> {
    /// Container: `raw`, `wav` or `ogg`.
    pub audio_format: &'a str,
    /// `mulaw`, `alaw`, `pcm` or one of their aliases, `g722` or `opus`, in either case.
    pub audio_codec: &'a str,
    /// Layout of `pcm` samples: empty, `s16le`, `s16be` or `f32le`.
    pub sample_format: &'a str,
    /// Hertz: one of [`WireRate`]. G.722 is 16 kHz although RTP calls it 8000 (RFC 3551 §4.5.2): either is accepted. Opus
    /// streams have no rate of their own; whatever is said, they are heard at 16 kHz.
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

    /// G.722.
    pub const fn g722() -> Self {
        Self { codec: Codec::G722, ..Self::mono(Encoding::Linear16Le, SampleRate::Hz16000) }
    }

    /// Opus in packets; of two channels, `caller` is the caller's, 0 or 1. With one, a stereo stream is heard as its mix.
    /// `None` for other numbers.
    #[cfg(feature = "opus")]
    pub const fn opus(channels: usize, caller: usize) -> Option<Self> {
        if channels < 1 || channels > 2 || caller >= channels {
            return None;
        }
        let mono = Self::mono(Encoding::Linear16Le, SampleRate::Hz16000);
        Some(Self { codec: Codec::Opus, channels, caller, ..mono })
    }

    /// The same Opus in Ogg.
    #[cfg(feature = "opus")]
    pub const fn ogg_opus(channels: usize, caller: usize) -> Option<Self> {
        match Self::opus(channels, caller) {
            Some(packets) => Some(Self { container: Container::Ogg, ..packets }),
            None => None,
        }
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
            (Ok(container), Ok(codec), Ok(rate)) if errors.is_empty() => {
                let channels = usize::from(fields.channels);
                let format =
                    Self { container, codec, rate, channels, caller: usize::from(fields.channel - 1) };
                format.combine(fields).map_err(|error| vec![error])
            }
            _ => Err(errors),
        }
    }

    /// What goes with what.
    fn combine(self, fields: &FormatFields<'_>) -> Result<Self, FieldError> {
        let container = |accepted: &str| Err(FieldError::new("audio_format", &fields.audio_format, accepted));
        match (self.container, self.codec) {
            (Container::Raw | Container::Wav, Codec::Samples(_)) => Ok(self),
            (Container::Raw, Codec::G722) if self.channels > 1 => {
                Err(FieldError::new("channels", &fields.channels, "1 with audio_codec \"g722\""))
            }
            (Container::Raw, Codec::G722) => match self.rate {
                WireRate::Hz8000 | WireRate::Hz16000 => Ok(Self::g722()),
                _ => {
                    let accepted = "16000 (or RTP's 8000) with audio_codec \"g722\"";
                    Err(FieldError::new("sample_rate", &fields.sample_rate, accepted))
                }
            },
            (_, Codec::G722) => container("\"raw\" with audio_codec \"g722\""),
            #[cfg(feature = "opus")]
            (Container::Raw | Container::Ogg, Codec::Opus) => Ok(self.at(WireRate::Hz16000)),
            #[cfg(feature = "opus")]
            (Container::Wav, Codec::Opus) => {
                container("\"raw\" (packets) or \"ogg\" with audio_codec \"opus\"")
            }
            #[cfg(feature = "opus")]
            (Container::Ogg, _) => container("\"raw\" or \"wav\", or audio_codec \"opus\" with it"),
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

    /// Whether bytes may be cut anywhere.
    pub const fn framing(&self) -> Framing {
        match (self.container, self.codec) {
            #[cfg(feature = "opus")]
            (Container::Raw, Codec::Opus) => Framing::Packets,
            _ => Framing::Bytes,
        }
    }

    /// Bytes of one second of audio; `None` where that varies.
    pub const fn bytes_per_second(&self) -> Option<usize> {
        match self.codec {
            Codec::Samples(encoding) => Some(encoding.bytes() * self.channels * self.rate.hz() as usize),
            Codec::G722 => Some(g722::BYTES_PER_SECOND),
            #[cfg(feature = "opus")]
            Codec::Opus => None,
        }
    }
}

#[cfg(feature = "opus")]
const CONTAINERS: &str = "\"raw\", \"wav\" or \"ogg\"";
#[cfg(not(feature = "opus"))]
const CONTAINERS: &str = "\"raw\" or \"wav\"";
#[cfg(feature = "opus")]
const CODECS: &str = "\"mulaw\", \"alaw\", \"pcm\", \"g722\" or \"opus\"";
#[cfg(not(feature = "opus"))]
const CODECS: &str = "\"mulaw\", \"alaw\", \"pcm\" or \"g722\"";

fn parse_container(name: &str) -> Result<Container, FieldError> {
    match name.to_ascii_lowercase().as_str() {
        "raw" => Ok(Container::Raw),
        "wav" => Ok(Container::Wav),
        #[cfg(feature = "opus")]
        "ogg" => Ok(Container::Ogg),
        _ => Err(FieldError::new("audio_format", &name, CONTAINERS)),
    }
}

fn parse_codec(codec: &str, sample_format: &str) -> Result<Codec, FieldError> {
    let codec_lower = codec.to_ascii_lowercase();
    let layout = sample_format.to_ascii_lowercase();
    let implied = |codec_found: Codec, names: &[&str]| {
        if names.contains(&layout.as_str()) {
            Ok(codec_found)
        } else {
            let accepted = format!("an empty sample_format with audio_codec {codec:?}");
            Err(FieldError::new("sample_format", &sample_format, &accepted))
        }
    };
    match codec_lower.as_str() {
        "mulaw" | "ulaw" | "pcmu" | "pcm_mulaw" => {
            implied(Codec::Samples(Encoding::MuLaw), &["", "mulaw", "ulaw"])
        }
        "alaw" | "pcma" | "pcm_alaw" => implied(Codec::Samples(Encoding::ALaw), &["", "alaw"]),
        "pcm_s16le" => implied(Codec::Samples(Encoding::Linear16Le), &["", "s16", "s16le"]),
        "pcm_s16be" => implied(Codec::Samples(Encoding::Linear16Be), &["", "s16", "s16be"]),
        "pcm_f32le" => implied(Codec::Samples(Encoding::Float32Le), &["", "f32", "f32le"]),
        "pcm" | "l16" | "linear16" => match layout.as_str() {
            "" | "s16" | "s16le" => Ok(Codec::Samples(Encoding::Linear16Le)),
            "s16be" => Ok(Codec::Samples(Encoding::Linear16Be)),
            // "L16" and "linear16" say that a sample has 16 bits.
            "f32" | "f32le" if codec_lower == "pcm" => Ok(Codec::Samples(Encoding::Float32Le)),
            _ => {
                let accepted = match codec_lower.as_str() {
                    "pcm" => "\"\", \"s16le\", \"s16be\" or \"f32le\"",
                    _ => "\"\", \"s16le\" or \"s16be\"",
                };
                Err(FieldError::new("sample_format", &sample_format, accepted))
            }
        },
        "g722" => implied(Codec::G722, &[""]),
        #[cfg(feature = "opus")]
        "opus" => implied(Codec::Opus, &[""]),
        _ => Err(FieldError::new("audio_codec", &codec, CODECS)),
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
        channel: 1,
    };

    #[test]
    fn the_documented_fields_are_a_telephone_call() {
        let format = AudioFormat::parse(&TELEPHONE).expect("documented values");
        assert_eq!(format, AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000));
        assert_eq!(format.bytes_per_second(), Some(8000));
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
    fn g722_is_16_khz_whatever_rtp_calls_it_and_mono() {
        for sample_rate in [8_000, 16_000] {
            let fields = FormatFields { audio_codec: "G722", sample_rate, ..TELEPHONE };
            assert_eq!(AudioFormat::parse(&fields), Ok(AudioFormat::g722()));
        }
        let g722 = FormatFields { audio_codec: "g722", ..TELEPHONE };
        for (fields, field) in [
            (FormatFields { sample_rate: 24_000, ..g722 }, "sample_rate"),
            (FormatFields { channels: 2, ..g722 }, "channels"),
            (FormatFields { audio_format: "wav", ..g722 }, "audio_format"),
            (FormatFields { sample_format: "s16le", ..g722 }, "sample_format"),
        ] {
            assert_eq!(AudioFormat::parse(&fields).expect_err("no such G.722")[0].field, field);
        }
    }

    #[test]
    #[cfg(feature = "opus")]
    fn opus_comes_in_packets_or_in_ogg_at_any_rate() {
        for rate in WireRate::ALL {
            let fields = FormatFields { audio_codec: "opus", sample_rate: rate.hz(), ..TELEPHONE };
            let packets = AudioFormat::parse(&fields).expect("packets");
            assert_eq!((Some(packets), packets.framing()), (AudioFormat::opus(1, 0), Framing::Packets));
            let ogg = AudioFormat::parse(&FormatFields { audio_format: "Ogg", ..fields }).expect("in Ogg");
            assert_eq!((Some(ogg), ogg.framing()), (AudioFormat::ogg_opus(1, 0), Framing::Bytes));
        }
        for fields in [
            FormatFields { audio_format: "ogg", ..TELEPHONE },
            FormatFields { audio_format: "wav", audio_codec: "opus", ..TELEPHONE },
        ] {
            assert_eq!(AudioFormat::parse(&fields).expect_err("no such thing")[0].field, "audio_format");
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
