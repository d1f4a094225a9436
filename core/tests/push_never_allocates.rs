//! `CallStream::push` allocates nothing and frees nothing: every encoding, rate, channel count and container, chunks of
//! 1 byte to 64 kB.

mod common;

use allocation_counter::AllocationInfo;
use common::{bytes, encoding, engine, formats, open, voice, wav_header};
use peakstream::audio::g722;
use peakstream::{AnalysisSpec, AudioFormat, CallStream, ChannelType, Encoding, SampleRate, WireRate};

fn push_counted(stream: &mut CallStream, audio: &[u8], chunk: usize) -> AllocationInfo {
    allocation_counter::measure(|| {
        for piece in audio.chunks(chunk) {
            stream.push_all(piece);
        }
    })
}

/// Pushes a call of `declared`, which is really in `format`, in chunks of so many bytes.
fn costs_nothing(declared: AudioFormat, audio: &[u8], chunk: usize, format: &AudioFormat) {
    let mut stream = open(declared, 1.0);
    let counted = push_counted(&mut stream, audio, chunk);
    assert_eq!((counted.count_total, counted.count_current), (0, 0), "{format:?}, chunks of {chunk} bytes");
    assert!(stream.status().net_speech.seconds() > 0.9, "{format:?}: the test must hold speech");
}

#[test]
fn push_never_allocates() {
    engine();
    for format in formats() {
        let audio = bytes(&voice(4.0, 140.0, format.wire_rate()), &format);
        for chunk in [1, 3, 20, 160, 163, 320, 1_600, 4_096, 65_536] {
            costs_nothing(format, &audio, chunk, &format);
        }
    }
}

/// Hundreds of calls stay in a processor's cache.
#[test]
fn what_a_call_holds_beside_its_speech_is_below_64_kb() {
    engine();
    for format in formats() {
        let mut stream = None;
        let counted = allocation_counter::measure(|| stream = Some(open(format, 5.0)));
        let room = stream.map_or(0, |stream| stream.room_for_speech() as i64);
        let held = counted.bytes_current - room + size_of::<CallStream>() as i64;
        assert!((0..64_000).contains(&held), "{format:?}: {held} bytes beside {room}");
    }
}

#[test]
fn a_header_in_the_stream_costs_no_allocation_whatever_it_says() {
    let declared = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000).in_wav();
    for format in formats().into_iter().filter(|f| encoding(f) != Encoding::Linear16Be && f.caller() == 0) {
        let mut audio = wav_header(encoding(&format), format.wire_rate().hz(), format.channels() as u16, 0);
        audio.extend(bytes(&voice(4.0, 140.0, format.wire_rate()), &format));
        for chunk in [1, 160, 65_536] {
            costs_nothing(declared, &audio, chunk, &format);
        }
    }
}

#[test]
fn an_embedding_costs_no_allocation_once_there_was_one_as_long() {
    let rows: Vec<f32> = (0..300 * 80).map(|i| (i as f32 * 0.37).sin()).collect();
    let embed = |rows: &[f32]| {
        let embedded = || assert!(engine().template_of_features(rows, ChannelType::Telephone).is_some());
        allocation_counter::measure(embedded).count_total
    };
    embed(&rows);
    assert_eq!([embed(&rows), embed(&rows[..100 * 80]), embed(&rows)], [0; 3]);
}

/// Of the same speech, whose rows the first has decoded.
#[test]
fn an_analysis_costs_no_allocation_once_there_was_one_as_long() {
    let mut stream = open(AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000), 4.0);
    let format = AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000);
    push_counted(&mut stream, &bytes(&voice(8.0, 140.0, format.wire_rate()), &format), 1_600);
    let speech = stream.finish();
    let spec = AnalysisSpec { model: engine().newest_model() };
    let analyse = || {
        let analysed = || assert!(engine().analyse(&speech, spec).expect("speech").judgement.llr().is_some());
        allocation_counter::measure(analysed).count_total
    };
    analyse();
    assert_eq!([analyse(), analyse()], [0; 2]);
}

#[test]
fn g722_costs_no_allocation() {
    let mut audio = Vec::new();
    g722::Encoder::new().encode_all(&voice(4.0, 140.0, WireRate::Hz16000), &mut audio);
    for chunk in [1, 3, 160, 65_536] {
        costs_nothing(AudioFormat::g722(), &audio, chunk, &AudioFormat::g722());
    }
}

/// Every mode of Opus: of which band and how long a packet is says its first byte.
#[test]
#[cfg(feature = "opus")]
fn opus_costs_no_allocation_clean_lost_or_damaged() {
    let packets = common::opus_packets(&voice(4.0, 140.0, WireRate::Hz16000));
    let mut mixed = packets.clone();
    for (n, packet) in mixed.iter_mut().enumerate() {
        match n % 9 {
            3 => packet.clear(),
            5 => packet[0] = (n as u8).wrapping_mul(37),
            7 => packet.truncate(1 + n % 5),
            _ => {}
        }
    }
    for (packets, talks) in [(&packets, true), (&mixed, false)] {
        for (channels, caller) in [(1, 0), (2, 1)] {
            let mut stream = open(AudioFormat::opus(channels, caller).expect("a channel it has"), 1.0);
            let counted = allocation_counter::measure(|| {
                for packet in packets {
                    assert_eq!(stream.push_packet(packet).fault, None);
                }
            });
            assert_eq!((counted.count_total, counted.count_current), (0, 0), "{channels} channels");
            assert!(!talks || stream.status().net_speech.seconds() > 0.9, "the test must hold speech");
        }
    }
    let audio = common::ogg(&packets, 312, 20);
    for chunk in [1, 160, 65_536] {
        let mut stream = open(AudioFormat::ogg_opus(1, 0).expect("mono"), 1.0);
        let counted = push_counted(&mut stream, &audio, chunk);
        assert_eq!((counted.count_total, counted.count_current), (0, 0), "Ogg, chunks of {chunk} bytes");
    }
}
