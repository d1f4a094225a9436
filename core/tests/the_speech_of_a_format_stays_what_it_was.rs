//! Golden speech: what a call of each format that needs no conversion collects, sample by sample, must not change when
//! the decoding in front of it does. The values were computed when the rules of the segmenter last changed; the decoding was the one that had kept the speech the
//! same since before rates, containers and codecs came to it (90cbcc6).

mod common;

use common::{bytes, open, push_all, voice};
use peakstream::{AudioFormat, Encoding, SampleRate};

/// FNV-1a, 64 bits (Fowler, Noll, Vo 1991).
fn hash(samples: &[i16]) -> u64 {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn collected_speech_is_the_same_to_the_bit() {
    let golden = [
        (Encoding::MuLaw, SampleRate::Hz8000, 24_576, 0x8acf_68c1_6ed7_8658),
        (Encoding::ALaw, SampleRate::Hz8000, 25_088, 0x8e1a_d3ff_4952_7235),
        (Encoding::Linear16Le, SampleRate::Hz8000, 24_576, 0x6eed_f2dd_f243_0c5e),
        (Encoding::Linear16Be, SampleRate::Hz8000, 24_576, 0x6eed_f2dd_f243_0c5e),
        (Encoding::MuLaw, SampleRate::Hz16000, 48_640, 0x9d4e_f8db_75d5_625b),
        (Encoding::ALaw, SampleRate::Hz16000, 48_640, 0xfc34_673d_c5ba_40a4),
        (Encoding::Linear16Le, SampleRate::Hz16000, 48_640, 0xfc71_8f0d_093e_c76c),
        (Encoding::Linear16Be, SampleRate::Hz16000, 48_640, 0xfc71_8f0d_093e_c76c),
    ];
    for (encoding, rate, length, expected) in golden {
        let stereo = AudioFormat::stereo(encoding, rate, 1).expect("a channel it has");
        for format in [AudioFormat::mono(encoding, rate), stereo] {
            let audio = bytes(&voice(6.0, 140.0, format.wire_rate()), &format);
            let mut stream = open(format, length as f64 / f64::from(rate.hz()));
            audio.chunks(163).for_each(|piece| {
                push_all(&mut stream, piece);
            });
            let speech = stream.finish();
            assert_eq!((speech.samples().len(), hash(speech.samples())), (length, expected), "{format:?}");
        }
    }
}
