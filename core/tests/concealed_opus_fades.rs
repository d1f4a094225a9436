//! What Opus makes up for packets that are lost, measured: why a server conceals five in a row and no more.
#![cfg(feature = "opus")]

mod common;

use common::voice;
use opus_rs::{Application, OpusEncoder};
use peakstream::WireRate;
use peakstream::audio::opus::Decoder;

/// Samples of 20 ms at 16 kHz.
const FRAME: usize = 320;
/// Packets that a decoder has heard before the loss.
const HEARD: usize = 25;

/// Decibels of each concealed packet beside the last that was heard, over all places of a recording where it was loud.
fn fading(application: Application) -> [f64; 8] {
    let samples = voice(6.0, 120.0, WireRate::Hz16000);
    let mut encoder = OpusEncoder::new(16_000, 1, application).expect("a rate of Opus");
    encoder.bitrate_bps = 24_000;
    let encode = |frame: &[i16]| {
        let mut packet = vec![0; 1_500];
        let length = encoder.encode_i16(frame, FRAME, &mut packet).expect("20 ms");
        packet.truncate(length);
        packet
    };
    let packets: Vec<_> = samples.chunks_exact(FRAME).map(encode).collect();
    let (mut heard, mut concealed) = (0.0, [0.0; 8]);
    for before in packets.windows(HEARD) {
        let mut decoder = Decoder::new(1, 0);
        let mut next = |packet: &[u8]| {
            let mut out = [0; FRAME];
            decoder.packet(packet).expect("a codec that works");
            decoder.take(&mut out);
            out.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / FRAME as f64
        };
        let last = before.iter().map(|packet| next(packet)).last().unwrap_or_default();
        if last > 500.0 * 500.0 {
            heard += last;
            concealed.iter_mut().for_each(|sum| *sum += next(&[]));
        }
    }
    assert!(heard > 0.0, "nothing was loud");
    concealed.map(|sum| 10.0 * (sum / heard).log10())
}

#[test]
fn five_packets_fade_and_more_are_silence_or_noise() {
    let speech = fading(Application::Voip);
    let music = fading(Application::RestrictedLowDelay);
    println!("speech mode {speech:.1?} dB, music mode {music:.1?} dB");
    for mode in [speech, music] {
        assert!(mode[..5].is_sorted_by(|earlier, later| earlier > later), "{mode:.1?}");
    }
    assert!(speech[5] < -30.0, "the sixth is silence: {speech:.1?}");
    assert!(music[5] > music[4] + 6.0, "the sixth is noise: {music:.1?}");
}
