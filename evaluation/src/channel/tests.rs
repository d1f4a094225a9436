use super::*;
use filter::tests::tone;
use proptest::prelude::*;

fn parsed(text: &str) -> Simulation {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    text.parse::<Simulation>()
        .map(|s| panic!("{text} is read as {s}"))
        .unwrap_or_else(|error: ChannelError| error.to_string())
}

#[test]
fn every_part_that_help_shows_is_understood_and_written_the_same() {
    for (form, what) in PARTS {
        assert_eq!(parsed(form).to_string(), *form);
        assert!(!what.is_empty());
    }
}

#[test]
fn a_chain_keeps_its_order() {
    let text = "replay:300ms+opus:12k+loss:5%+noise:babble:10dB";
    assert_eq!(parsed(text).to_string(), text);
    assert_eq!(parsed(" opus:12.0k + clip:0.10% ").to_string(), "opus:12k+clip:0.1%");
    assert_ne!(parsed("gsm+mulaw"), parsed("mulaw+gsm"));
}

#[test]
fn an_error_says_what_is_wrong_and_how_it_is_written() {
    assert!(refused("mulow").contains("is mulaw meant"));
    assert!(refused("").contains("there are: clean, band, mulaw"));
    assert!(refused("loss").contains("written like loss:5% or loss:5%:bursts:60ms"));
    assert!(refused("loss:5").contains("no number with % behind it"));
    assert!(refused("loss:60%").contains("60% is not between 0.1% and 50%"));
    assert!(refused("noise:brown:10dB").contains("\"brown\" is none of white, pink, babble, music"));
    assert!(refused("gsm:13k").contains("\"13k\" does not belong there"));
    assert!(refused("clean+gsm").contains("clean stands alone"));
    assert!(refused(&["gsm"; 9].join("+")).contains("at most 8"));
    assert!(refused("opus:1e1k").contains("no number"));
    assert!(refused("noise:white:--3dB").contains("no number"));
}

/// Speech-like in what matters here: noise of the telephone's band over a tone, in syllables.
fn clip() -> Vec<f32> {
    let band =
        filter::Symmetric::new(16_000, 200, |hz| if (400.0..3_000.0).contains(&hz) { 4.0 } else { 0.0 });
    let noise = band.apply(&crate::sound::white(24_000, 1));
    let voice = tone(520.0, 16_000, 24_000).into_iter().zip(noise);
    voice
        .enumerate()
        .map(|(n, (t, noise))| (0.5 + 0.5 * (n as f32 / 1_000.0).sin()) * (0.2 * t + noise))
        .collect()
}

#[test]
fn a_clean_call_is_the_clip_to_half_a_step() {
    let clip = clip();
    let call = Simulation::clean().apply(&clip, &[], 1).expect("nothing can fail");
    assert_eq!(call.rate, SampleRate::Hz16000);
    for (sample, heard) in clip.iter().zip(&call.samples) {
        assert!((sample * 32_768.0 - f32::from(*heard)).abs() <= 0.5);
    }
}

#[test]
fn every_part_leaves_as_much_sound_as_enters_and_other_sound() {
    let clip = clip();
    for (form, _) in &PARTS[1..] {
        let call = parsed(form).apply(&clip, &[&clip], 7).unwrap_or_else(|error| panic!("{form}: {error}"));
        let expected = if call.rate == SampleRate::Hz8000 { 12_000 } else { 24_000 };
        assert_eq!(call.samples.len(), expected, "{form}");
        let before: Vec<_> = match call.rate {
            SampleRate::Hz8000 => filter::to_narrow(&clip),
            SampleRate::Hz16000 => clip.clone(),
        };
        let changed =
            before.iter().zip(&call.samples).any(|(a, b)| (a * 32_768.0 - f32::from(*b)).abs() > 1.0);
        assert!(changed, "{form} changes nothing");
        let power = |samples: &mut dyn Iterator<Item = f32>| samples.map(|s| f64::from(s * s)).sum::<f64>();
        let gain = power(&mut call.samples.iter().map(|s| f32::from(*s) / 32_768.0))
            / power(&mut before.into_iter());
        assert!((0.2..5.0).contains(&gain), "{form} makes {gain} of the power");
    }
}

#[test]
fn sound_stays_where_it_was_in_time() {
    let clip = clip();
    for form in ["band:g712", "mulaw", "gsm", "amr-like:12.2k", "opus:24k", "noise:pink:20dB", "clip:1%"] {
        let call = parsed(form).apply(&clip, &[], 7).unwrap_or_else(|error| panic!("{form}: {error}"));
        let heard: Vec<_> = call.samples.iter().copied().map(sample::from_linear16).collect();
        let (before, lag) = match call.rate {
            SampleRate::Hz8000 => (filter::to_narrow(&clip), 3),
            SampleRate::Hz16000 => (clip.clone(), 6),
        };
        let likeness = |shift: i64| {
            let from = 400..before.len() - 400;
            from.map(|n| before[n] * heard[(n as i64 + shift) as usize]).sum::<f32>()
        };
        let best = (-200i64..=200).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).unwrap_or_default();
        assert!(best.abs() <= lag, "{form} is {best} samples late");
    }
}

#[test]
fn a_seed_decides_everything() {
    let clip = clip();
    for form in ["loss:20%", "gsm+loss:20%", "noise:babble:5dB", "noise:music:5dB", "replay:200ms"] {
        let call = |seed| parsed(form).apply(&clip, &[&clip], seed).expect("it can be had");
        assert!(call(1) == call(1), "{form}");
        assert!(call(1) != call(2), "{form}");
    }
}

#[test]
fn a_codec_loses_its_own_packets() {
    let clip = clip();
    for codec in ["mulaw", "gsm", "amr-like:7.4k", "opus:12k"] {
        let heard = |text: &str| parsed(text).apply(&clip, &[], 3).expect("it can be had");
        assert!(heard(&format!("{codec}+loss:20%")) != heard(codec), "{codec}");
    }
}

#[test]
fn an_empty_or_a_single_sample_is_no_trouble() {
    for (form, _) in PARTS {
        for clip in [&[][..], &[0.5], &[0.0; 500], &[f32::NAN; 100]] {
            let call =
                parsed(form).apply(clip, &[&[0.1; 700]], 1).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert!(call.samples.len() >= clip.len() / 2);
        }
    }
}

/// A part's text, of every kind and with numbers of every form.
fn any_part() -> impl Strategy<Value = String> {
    let number = |low: i32, high: i32| (low..=high).prop_map(|n| part::Hundredths::new(n).to_string());
    prop_oneof![
        prop::sample::select(vec!["band:g712", "band:irs", "mulaw", "alaw", "gsm", "amr-like:7.4k"])
            .prop_map(str::to_owned),
        number(600, 6_400).prop_map(|rate| format!("opus:{rate}k")),
        number(10, 5_000).prop_map(|share| format!("loss:{share}%")),
        (number(10, 5_000), number(2_000, 100_000))
            .prop_map(|(share, ms)| format!("loss:{share}%:bursts:{ms}ms")),
        (prop::sample::select(vec!["white", "pink", "babble", "music"]), number(-1_000, 6_000))
            .prop_map(|(kind, snr)| format!("noise:{kind}:{snr}dB")),
        number(1, 5_000).prop_map(|share| format!("clip:{share}%")),
        number(5_000, 150_000).prop_map(|time| format!("replay:{time}ms")),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(parts in prop::collection::vec(any_part(), 1..=MOST_PARTS)) {
        let text = parts.join("+");
        let simulation = parsed(&text);
        prop_assert_eq!(simulation.to_string(), text);
        prop_assert_eq!(parsed(&simulation.to_string()), simulation);
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".{0,60}") {
        if let Ok(simulation) = text.parse::<Simulation>() {
            prop_assert_eq!(simulation.to_string().parse(), Ok(simulation));
        }
    }

    #[test]
    fn nearly_right_texts_do_not_break_it_either(
        text in "(loss|opus|noise|clip|replay|amr-like|band)(:[0-9.%kdBms-]{0,8}){0,3}(\\+(gsm|mulaw|loss:5%))?",
    ) {
        if let Ok(simulation) = text.parse::<Simulation>() {
            prop_assert_eq!(simulation.to_string().parse(), Ok(simulation));
        }
    }
}
