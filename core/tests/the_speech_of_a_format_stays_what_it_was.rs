//! Golden speech: what a call of each format that needs no conversion collects, sample by sample, must not change when
//! the decoding in front of it does. The values were computed before rates, containers and codecs came to it (90cbcc6).

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
        (Encoding::MuLaw, SampleRate::Hz8000, 25_088, 0xd41b_e00e_dbd4_22d5),
        (Encoding::ALaw, SampleRate::Hz8000, 25_088, 0xd9b5_a132_5ac5_fa55),
        (Encoding::Linear16Le, SampleRate::Hz8000, 25_088, 0x1170_30ae_3399_eea5),
        (Encoding::Linear16Be, SampleRate::Hz8000, 25_088, 0x1170_30ae_3399_eea5),
        (Encoding::MuLaw, SampleRate::Hz16000, 51_200, 0x6c9c_832a_2fd7_8065),
        (Encoding::ALaw, SampleRate::Hz16000, 51_200, 0xf667_dbe7_df7b_f8b5),
        (Encoding::Linear16Le, SampleRate::Hz16000, 51_200, 0x5d8c_6949_18bd_d925),
        (Encoding::Linear16Be, SampleRate::Hz16000, 51_200, 0x5d8c_6949_18bd_d925),
    ];
    for (encoding, rate, length, expected) in golden {
        let stereo = AudioFormat::stereo(encoding, rate, 1).expect("a channel it has");
        for format in [AudioFormat::mono(encoding, rate), stereo] {
            let audio = bytes(&voice(6.0, 140.0, format.wire_rate()), &format);
            let mut stream = open(format, 3.0);
            audio.chunks(163).for_each(|piece| {
                push_all(&mut stream, piece);
            });
            let speech = stream.finish();
            assert_eq!((speech.samples().len(), hash(speech.samples())), (length, expected), "{format:?}");
        }
    }
}
