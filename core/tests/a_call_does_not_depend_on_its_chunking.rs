//! The same audio cut in any way gives the same statuses, the same speech and the same template, to the bit.

mod common;

use common::{bytes, engine, formats, open, push_all, voice};
use peakstream::{AnalysisSpec, AudioFormat, Encoding, SampleRate};
use proptest::prelude::*;

#[test]
fn statuses_come_every_4096_samples_at_8_khz_and_every_8192_at_16_khz() {
    // Converted rates lag by half a filter.
    for format in formats().into_iter().filter(|f| f.rate().on_the_wire() == f.wire_rate()) {
        let audio = bytes(&voice(3.0, 140.0, format.wire_rate()), &format);
        let mut stream = open(format, 30.0);
        let period = format.bytes_per_second().expect("samples") * 512 / 1_000;
        let (mut at, mut boundaries) = (0, Vec::new());
        while at < audio.len() {
            let pushed = stream.push(&audio[at..]);
            at += pushed.consumed;
            boundaries.extend(pushed.status.map(|_| at));
        }
        let expected: Vec<_> = (1..=audio.len() / period).map(|n| n * period).collect();
        assert_eq!(boundaries, expected, "{format:?}");
    }
}

#[test]
fn the_template_does_not_depend_on_the_chunking() {
    let format = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);
    let audio = bytes(&voice(6.0, 140.0, format.wire_rate()), &format);
    let spec = AnalysisSpec { model: engine().newest_model() };
    let template = |chunk: usize| {
        let mut stream = open(format, 3.0);
        audio.chunks(chunk).for_each(|piece| {
            push_all(&mut stream, piece);
        });
        let analysis = engine().analyse(&stream.finish(), spec).expect("three seconds of speech");
        (*analysis.template.values(), analysis.judgement)
    };
    let whole = template(audio.len());
    assert_eq!(template(160), whole);
    assert_eq!(template(7), whole);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn speech_and_statuses_do_not_depend_on_the_chunking(
        cuts in proptest::collection::vec(1usize..5_000, 1..60),
        format in proptest::sample::select(formats()),
    ) {
        let audio = bytes(&voice(3.0, 140.0, format.wire_rate()), &format);
        let (mut whole, mut cut) = (open(format, 2.0), open(format, 2.0));
        let expected = push_all(&mut whole, &audio);
        let (mut at, mut found) = (0, Vec::new());
        for length in cuts.iter().cycle() {
            if at == audio.len() {
                break;
            }
            let end = (at + length).min(audio.len());
            found.extend(push_all(&mut cut, &audio[at..end]));
            at = end;
        }
        prop_assert_eq!(expected, found);
        let (whole, cut) = (whole.finish(), cut.finish());
        prop_assert_eq!(whole.samples(), cut.samples());
    }

    #[test]
    fn no_bytes_make_push_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..40_000),
        format in proptest::sample::select(formats()),
    ) {
        let mut stream = open(format, 0.1);
        push_all(&mut stream, &noise);
        let received = stream.status().audio_received_seconds;
        prop_assert!(received <= noise.len() as f64 / format.bytes_per_second().expect("samples") as f64);
    }
}
