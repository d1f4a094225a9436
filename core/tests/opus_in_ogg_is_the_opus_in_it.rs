//! Opus comes in packets, or in Ogg cut anywhere: both are the same call, and what is damaged costs what it held.
#![cfg(feature = "opus")]

mod common;

use common::{ogg, open, opus_packets, push_all, voice};
use peakstream::audio::ogg_opus::OggError;
use peakstream::{AudioFormat, CallStream, StreamFault, WireRate};
use proptest::prelude::*;

fn packets() -> Vec<Vec<u8>> {
    opus_packets(&voice(4.0, 140.0, WireRate::Hz16000))
}

fn in_packets(packets: &[Vec<u8>], wanted: f64) -> CallStream {
    let mut call = open(AudioFormat::opus(1, 0).expect("mono"), wanted);
    for packet in packets {
        let pushed = call.push_packet(packet);
        assert_eq!((pushed.consumed, pushed.fault), (packet.len(), None));
    }
    call
}

fn in_ogg(stream: &[u8], chunk: usize, wanted: f64) -> CallStream {
    let mut call = open(AudioFormat::ogg_opus(1, 0).expect("mono"), wanted);
    stream.chunks(chunk).for_each(|piece| {
        push_all(&mut call, piece);
    });
    call
}

#[test]
fn a_packet_stream_gives_a_status_every_8192_samples_and_its_speech() {
    let packets = packets();
    let mut call = open(AudioFormat::opus(1, 0).expect("mono"), 30.0);
    let statuses: Vec<_> = packets.iter().filter_map(|packet| call.push_packet(packet).status).collect();
    assert_eq!(statuses.len(), packets.len() * 320 / 8_192);
    assert!(statuses.last().expect("a status").net_speech.seconds() > 1.5, "the test must hold speech");
    assert_eq!(call.status().audio_received_seconds, packets.len() as f64 * 0.02);
}

#[test]
fn ogg_cut_anywhere_gives_the_same_speech_as_its_packets() {
    let packets = packets();
    let expected = in_packets(&packets, 1.0).finish();
    for (packets_of_page, chunk) in [(1, 1), (1, 4_096), (20, 7), (50, 1_000), (50, 65_536)] {
        let found = in_ogg(&ogg(&packets, 0, packets_of_page), chunk, 1.0).finish();
        assert!(expected.samples() == found.samples(), "{packets_of_page} a page, pieces of {chunk} bytes");
    }
}

#[test]
fn what_the_header_calls_no_audio_is_left_out() {
    let call = in_ogg(&ogg(&packets()[..50], 3_840, 20), 160, 30.0);
    assert_eq!(call.status().audio_received_seconds, 1.0 - 3_840.0 / 48_000.0);
}

#[test]
fn a_page_that_is_missing_or_damaged_costs_what_it_held() {
    let packets = packets();
    let stream = ogg(&packets, 0, 10);
    let pages: Vec<usize> =
        stream.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(at, _)| at).collect();
    let mut missing = stream.clone();
    missing.drain(pages[5]..pages[6]);
    let mut damaged = stream.clone();
    damaged[pages[5]..pages[5] + 4].fill(0);
    for bad in [missing, damaged] {
        // One packet stands for the ten.
        let call = in_ogg(&bad, 500, 30.0);
        assert_eq!((call.status().audio_received_seconds * 50.0).round() as usize, packets.len() - 9);
    }
}

#[test]
fn a_stream_that_is_not_ogg_or_not_opus_ends_the_call_and_says_so() {
    let vorbis = {
        let mut stream = ogg(&[], 0, 1);
        stream[28..36].copy_from_slice(b"\x01vorbis\0");
        stream
    };
    for (stream, error) in [(vec![0xFF; 160], OggError::NotOgg), (vorbis, OggError::NotOpus)] {
        let mut call = open(AudioFormat::ogg_opus(1, 0).expect("mono"), 1.0);
        assert_eq!(call.push(&stream).fault, Some(StreamFault::Ogg(error)));
    }
}

#[test]
fn bytes_are_no_packets_and_packets_no_bytes() {
    let mut call = open(AudioFormat::opus(1, 0).expect("mono"), 1.0);
    assert_eq!(call.push(&[1, 2, 3]).fault, Some(StreamFault::Framing));
    let mut call = open(AudioFormat::g722(), 1.0);
    assert_eq!(call.push_packet(&[1, 2, 3]).fault, Some(StreamFault::Framing));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_to_a_stream_makes_push_panic(
        edits in proptest::collection::vec((0usize..9_000, any::<u8>()), 0..40),
        cut in 1usize..3_000,
    ) {
        let mut stream = ogg(&packets()[..60], 312, 7);
        // Behind the tags, where packets are.
        for (at, value) in edits {
            let at = 20_200 + at;
            if at < stream.len() {
                stream[at] = value;
            }
        }
        in_ogg(&stream, cut, 30.0);
    }
}
