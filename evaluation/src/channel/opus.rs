//! Speech at 16 kHz enters, what Opus makes of it leaves, at 16 kHz.
//!
//! The encoder is that of `opus-rs`, compared with the system's libopus by `evaluation/tests/opus_codes_as_libopus_does.rs`;
//! the decoder is the engine's, with its concealment of lost packets. Settings are those of a voice call: application VoIP,
//! variable bit rate, packets of 20 ms, no forward error correction. Libopus chooses the band by the bit rate; `opus-rs` takes
//! that of its input, which is why the choice is made here.

use opus_rs::{Application, OpusEncoder};
use peakstream::audio::opus::{Decoder, LONGEST_PACKET};

use super::ChannelError;
use super::filter;
use super::loss::Losses;
use super::sample;

/// 20 ms at what the decoder leaves.
const PACKET: usize = 320;
/// Below this bit rate libopus codes a voice at 8 kHz (opus_encoder.c, thresholds of a mono voice).
const WIDE_FROM: i32 = 9_000;
/// Samples by which the decoded sound comes late at 16 kHz: measured with chirps, whatever the bit rate.
const DELAY: usize = 104;
/// Libopus' default on all but the smallest machines.
const COMPLEXITY: i32 = 9;

/// Codes and decodes it at that many bits a second.
///
/// # Errors
/// If the encoder refuses its input, which it has no reason to.
pub(super) fn pass(bit_rate: i32, wide: &[f32], losses: &mut Losses) -> Result<Vec<f32>, ChannelError> {
    let mut decoder = Decoder::new(1, 0);
    let mut samples = [0; PACKET];
    let mut heard = Vec::with_capacity(wide.len() + DELAY + PACKET);
    for packet in packets(bit_rate, wide)? {
        let received = if losses.next() { &[] } else { packet.as_slice() };
        decoder.packet(received).map_err(|_| ChannelError::Opus("the decoder failed on its packet"))?;
        let made = decoder.take(&mut samples);
        heard.extend(samples[..made].iter().copied().map(sample::from_linear16));
    }
    heard.drain(..DELAY.min(heard.len()));
    heard.resize(wide.len(), 0.0);
    Ok(heard)
}

/// Packets of it and of the silence behind it that drives out what the codec still holds.
fn packets(bit_rate: i32, wide: &[f32]) -> Result<Vec<Vec<u8>>, ChannelError> {
    let lowered;
    let (input, rate, samples) = if bit_rate < WIDE_FROM {
        lowered = filter::to_narrow(wide);
        (lowered.as_slice(), 8_000, PACKET / 2)
    } else {
        (wide, 16_000, PACKET)
    };
    let mut encoder = OpusEncoder::new(rate, 1, Application::Voip).map_err(ChannelError::Opus)?;
    encoder.bitrate_bps = bit_rate;
    encoder.complexity = COMPLEXITY;
    let (mut frame, mut packet) = (vec![0.0; samples], vec![0; LONGEST_PACKET]);
    (0..input.len() + DELAY)
        .step_by(samples)
        .map(|at| {
            for (n, sample) in frame.iter_mut().enumerate() {
                *sample = input.get(at + n).copied().unwrap_or(0.0).clamp(-1.0, 1.0);
            }
            let length = encoder.encode(&frame, samples, &mut packet).map_err(ChannelError::Opus)?;
            Ok(packet[..length].to_vec())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_take_about_as_many_bits_as_are_asked_for() {
        // At a variable rate noise takes less than a voice.
        let noise: Vec<_> = crate::sound::pink(160_000, 16_000, 1);
        for bit_rate in [6_000, 12_000, 24_000] {
            let bytes: usize = packets(bit_rate, &noise).expect("packets").iter().map(Vec::len).sum();
            let share = bytes as f64 * 8.0 / 10.0 / f64::from(bit_rate);
            assert!((0.6..1.15).contains(&share), "{bit_rate}: {share}");
        }
    }
}
