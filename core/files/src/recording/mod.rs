//! In: the first bytes of a recording. Out: which container it is, so that the right decoder gets it.
//!
//! | container | read by |
//! |---|---|
//! | WAV, with linear samples, floats or G.711 | the engine |
//! | Ogg with Opus | the engine |
//! | FLAC, MP3 | symphonia ([`compressed`]) |
//!
//! Told by content, never by name or media type.

pub mod compressed;

/// A container that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// RIFF/WAVE.
    Wav,
    /// Ogg whose first stream is Opus.
    #[cfg(feature = "opus")]
    OggOpus {
        /// Channels of the stream, as its header says.
        channels: u8,
    },
    /// FLAC without Ogg.
    Flac,
    /// MPEG layer III, with or without a tag before it.
    Mp3,
}

/// What is accepted, for messages.
#[cfg(feature = "opus")]
pub const ACCEPTED: &str = "WAV, FLAC, MP3 or Ogg Opus";
/// What is accepted, for messages.
#[cfg(not(feature = "opus"))]
pub const ACCEPTED: &str = "WAV, FLAC or MP3";

/// Bytes that are enough to tell.
pub const ENOUGH_TO_TELL: usize = 64;

impl Container {
    /// The container that begins with these bytes.
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Wav),
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            #[cfg(feature = "opus")]
            [b'O', b'g', b'g', b'S', ..] => ogg_opus(start),
            [b'I', b'D', b'3', ..] => Some(Self::Mp3),
            // The sync word of a frame, MPEG 1, 2 or 2.5, layer III (ISO 11172-3 §2.4.2.3).
            [0xFF, second, ..] if second & 0xE6 == 0xE2 => Some(Self::Mp3),
            _ => None,
        }
    }
}

/// The first page of Ogg Opus holds nothing but the identification header (RFC 7845 §3).
#[cfg(feature = "opus")]
fn ogg_opus(start: &[u8]) -> Option<Container> {
    let packet = start.get(28..)?;
    packet
        .starts_with(b"OpusHead")
        .then(|| packet.get(9).copied())?
        .map(|channels| Container::OggOpus { channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_by_their_first_bytes() {
        let mut ogg = b"OggS\0\x02".to_vec();
        ogg.resize(28, 0);
        let vorbis = [&ogg[..], b"\x01vorbis"].concat();
        ogg.extend(b"OpusHead\x01\x02");
        let cases: [(&[u8], Option<Container>); 8] = [
            (b"RIFF\0\0\0\0WAVEfmt ", Some(Container::Wav)),
            (b"RIFF\0\0\0\0AVI ", None),
            (b"fLaC\0\0\0\x22", Some(Container::Flac)),
            (b"ID3\x04", Some(Container::Mp3)),
            (b"\xFF\xFB\x90\x64", Some(Container::Mp3)),
            (b"\xFF\xFF\xFF\xFF\xFF\xFF", None),
            (&vorbis, None),
            (b"", None),
        ];
        for (start, expected) in cases {
            assert_eq!(Container::of(start), expected, "{:?}", start.escape_ascii().to_string());
        }
        #[cfg(feature = "opus")]
        assert_eq!(Container::of(&ogg), Some(Container::OggOpus { channels: 2 }));
    }
}
