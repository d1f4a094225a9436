//! In: a FLAC or MP3 recording, read as it comes. Out: its samples, packet by packet, 16-bit and interleaved.

use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;

/// Some decoded audio.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Samples per second.
    pub rate: u32,
    /// Interleaved channels.
    pub channels: usize,
    /// Interleaved samples, whole frames.
    pub samples: &'a [i16],
}

/// Decodes until the recording ends or `each` has enough. Works as fast as it is read: never on a network thread. A recording
/// that was cut off is one as far as it goes.
///
/// # Errors
/// What the decoder says of a recording that it cannot read.
pub fn decode(
    source: impl Read + Send + Sync + 'static,
    mut each: impl FnMut(Piece<'_>) -> ControlFlow<()>,
) -> Result<(), String> {
    let (mut format, mut decoder, track) = open(source)?;
    let mut samples = Vec::<i16>::new();
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => packet,
            Ok(Some(_)) => continue,
            Ok(None) => return Ok(()),
            Err(SymphoniaError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let decoded = decoder.decode(&packet).map_err(|error| error.to_string())?;
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        decoded.copy_to_vec_interleaved(&mut samples);
        if each(Piece { rate, channels, samples: &samples }).is_break() {
            return Ok(());
        }
    }
}

type Opened = (Box<dyn FormatReader>, Box<dyn AudioDecoder>, u32);

fn open(source: impl Read + Send + Sync + 'static) -> Result<Opened, String> {
    let source = MediaSourceStream::new(Box::new(ReadOnlySource::new(source)), Default::default());
    let format = symphonia::default::get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| error.to_string())?;
    let track = format.default_track(TrackType::Audio).ok_or("no audio track")?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters.ok_or("unknown codec")?, &AudioDecoderOptions::default())
        .map_err(|error| error.to_string())?;
    let track = track.id;
    Ok((format, decoder, track))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mp3_frames_decode_as_they_come() {
        // MPEG 1 layer III, 128 kbit/s, 44.1 kHz, joint stereo; without a bit of audio: silence.
        let mut frame = vec![0; 417];
        frame[..4].copy_from_slice(&[0xFF, 0xFB, 0x90, 0x64]);
        let file = std::io::Cursor::new(frame.repeat(40));
        let mut frames = 0;
        decode(file, |piece| {
            assert_eq!((piece.rate, piece.channels), (44_100, 2));
            assert!(piece.samples.iter().all(|&sample| sample == 0));
            frames += piece.samples.len() / 2;
            ControlFlow::Continue(())
        })
        .expect("a recording");
        assert!((39 * 1_152..=40 * 1_152).contains(&frames), "{frames} frames");
    }

    #[test]
    fn what_is_neither_is_an_error() {
        let noise = std::io::Cursor::new(vec![0x5A; 10_000]);
        assert!(decode(noise, |_| ControlFlow::Continue(())).is_err());
    }
}
