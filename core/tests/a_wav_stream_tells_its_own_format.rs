//! A stream declared as WAV is heard as its header says, wherever the header is cut and whatever was declared beside it.

mod common;

use common::{bytes, encoding, engine, formats, open, push_all, voice, wav_header};
use peakstream::audio::wav::WavError;
use peakstream::{
    AudioFormat, CallSpec, ChannelType, CollectedSpeech, Encoding, SampleRate, StreamFault, WireRate,
};

const DECLARED: AudioFormat = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);

fn heard(format: AudioFormat, stream: &[u8], chunk: usize) -> CollectedSpeech {
    let mut call = open(format, 1.0);
    stream.chunks(chunk).for_each(|piece| {
        push_all(&mut call, piece);
    });
    call.finish()
}

/// A stream of that format with its own header.
fn recorded(format: &AudioFormat, audio: &[u8], length: u32) -> Vec<u8> {
    let mut stream = wav_header(encoding(format), format.wire_rate().hz(), format.channels() as u16, length);
    stream.extend(audio);
    stream
}

#[test]
fn every_format_with_a_header_gives_the_same_speech_as_without() {
    for format in formats().into_iter().filter(|format| encoding(format) != Encoding::Linear16Be) {
        let audio = bytes(&voice(3.0, 140.0, format.wire_rate()), &format);
        let expected = heard(format, &audio, 160);
        // What is declared is something else, but for the caller's channel.
        let declared = match format.caller() {
            0 => DECLARED,
            caller => {
                AudioFormat::stereo(Encoding::ALaw, SampleRate::Hz8000, caller).expect("a channel it has")
            }
        };
        for (length, chunk) in [(audio.len() as u32, 7), (0, 160), (u32::MAX, 65_536)] {
            let found = heard(declared.in_wav(), &recorded(&format, &audio, length), chunk);
            assert!(found.samples() == expected.samples(), "{format:?}, pieces of {chunk} bytes");
            assert_eq!(found.net_speech(), expected.net_speech());
        }
    }
}

#[test]
fn a_header_that_contradicts_what_was_declared_is_right_and_told() {
    let actual = DECLARED.at(WireRate::Hz48000);
    let mut call = open(DECLARED.in_wav(), 1.0);
    assert_eq!(call.contradiction(), None);
    push_all(&mut call, &recorded(&actual, &[0xFF; 480], 0));
    assert_eq!(call.contradiction(), Some(&actual.in_wav()));
    let mut agreeing = open(DECLARED.in_wav(), 1.0);
    push_all(&mut agreeing, &recorded(&DECLARED, &[0xFF; 480], 0));
    assert_eq!(agreeing.contradiction(), None);
}

#[test]
fn what_follows_the_samples_is_not_heard() {
    let audio = bytes(&voice(3.0, 140.0, WireRate::Hz8000), &DECLARED);
    let mut stream = recorded(&DECLARED, &audio, audio.len() as u32);
    stream.extend(b"LIST\xFF\xFF\0\0");
    stream.extend(&audio);
    let mut call = open(DECLARED.in_wav(), 30.0);
    push_all(&mut call, &stream);
    assert_eq!(call.status().audio_received_seconds, 3.0);
}

#[test]
fn a_header_that_cannot_be_used_ends_the_call_and_says_why() {
    let header = |encoding, hz, channels| wav_header(encoding, hz, channels, 0);
    let second = AudioFormat::stereo(Encoding::MuLaw, SampleRate::Hz8000, 1).expect("a channel it has");
    let cases = [
        (DECLARED, vec![0xFF; 160], StreamFault::Wav(WavError::NotWav)),
        (DECLARED, header(Encoding::MuLaw, 11_025, 1), StreamFault::Rate(11_025)),
        (second, header(Encoding::MuLaw, 8_000, 1), StreamFault::Channel { asked: 2, has: 1 }),
    ];
    for (declared, stream, fault) in cases {
        let mut call = open(declared.in_wav(), 1.0);
        let pushed = call.push(&stream);
        assert_eq!((pushed.consumed, pushed.fault), (stream.len(), Some(fault)));
        let after = call.push(&[0xFF; 100_000]);
        assert_eq!((after.consumed, after.status, after.fault), (100_000, None, None));
    }
    let microphone = CallSpec {
        format: AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz16000).in_wav(),
        channel_type: ChannelType::Microphone,
        wanted: 1.0,
    };
    let mut call = engine().open(microphone).expect("16 kHz");
    let pushed = call.push(&header(Encoding::Linear16Le, 8_000, 1));
    assert_eq!(pushed.fault, Some(StreamFault::MicrophoneNeeds16k));
}
