use std::f64::consts::TAU;

use proptest::prelude::*;

use super::*;

const LOUD: f64 = 16_000.0;

fn converted() -> impl Iterator<Item = WireRate> {
    WireRate::ALL.into_iter().filter(|rate| rate.call_rate().on_the_wire() != *rate)
}

/// All of `input`, pushed in pieces of the given lengths, over and over.
fn convert(rate: WireRate, input: &[i16], pieces: &[usize]) -> Vec<i16> {
    let mut converter = Converter::new(&Arc::new(Filters::new()), rate).expect("a rate that is converted");
    let (mut output, mut rest) = (Vec::new(), input);
    let mut buffer = [0; 700];
    for &length in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let taken = converter.push(&rest[..length.min(rest.len())]);
        assert!(taken > 0, "a converter whose outputs are taken has room");
        rest = &rest[taken..];
        let made = converter.pull(&mut buffer);
        output.extend(&buffer[..made]);
    }
    output
}

fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<i16> {
    let samples = (seconds * f64::from(rate)) as usize;
    (0..samples).map(|i| (LOUD * (TAU * hz * i as f64 / f64::from(rate)).sin()).round() as i16).collect()
}

/// Amplitude and phase of one frequency in a signal at 16 kHz, relative to [`LOUD`]; by projection on whole periods'
/// worth of Hann-weighted samples.
fn component(signal: &[i16], hz: f64) -> (f64, f64) {
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (i, &sample) in signal.iter().enumerate() {
        let hann = 0.5 - 0.5 * (TAU * i as f64 / signal.len() as f64).cos();
        let angle = TAU * hz * i as f64 / f64::from(OUT_HZ);
        re += hann * f64::from(sample) * angle.sin();
        im += hann * f64::from(sample) * angle.cos();
        weight += hann;
    }
    ((re * re + im * im).sqrt() * 2.0 / weight / LOUD, im.atan2(re))
}

fn decibel(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-12).log10()
}

/// Steps of about 200 Hz that fall on no special frequency.
fn sweep(from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..).map(move |n| from + 197.3 * f64::from(n)).take_while(move |hz| *hz < to)
}

#[test]
fn the_pass_band_is_flat_within_a_hundredth_of_a_decibel_and_without_delay() {
    for rate in converted() {
        let edge = 0.9 * f64::from(rate.hz().min(OUT_HZ)) / 2.0;
        for hz in sweep(50.0, edge) {
            let output = convert(rate, &tone(hz, rate.hz(), 0.3), &[512]);
            let whole = &output[400..4_400];
            let (gain, _) = component(whole, hz);
            assert!(decibel(gain).abs() < 0.01, "{rate:?}: {hz} Hz at {} dB", decibel(gain));
            // The tone's phase at the first sample looked at tells the delay.
            let (_, phase) = component(whole, hz);
            let expected = TAU * hz * 400.0 / f64::from(OUT_HZ);
            let error = (phase - expected + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
            assert!(error.abs() / (TAU * hz) < 1e-6, "{rate:?}: {hz} Hz is {error} rad late");
        }
    }
}

#[test]
fn what_lies_above_half_the_lower_rate_is_80_decibels_down_wherever_it_folds() {
    for rate in converted() {
        let mut worst = -200.0f64;
        for hz in sweep(8_001.0, f64::from(rate.hz()) / 2.0) {
            let output = convert(rate, &tone(hz, rate.hz(), 0.3), &[512]);
            let left: f64 = output[400..4_400].iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 4_000.0;
            worst = worst.max(decibel((2.0 * left).sqrt() / LOUD));
        }
        assert!(worst < -80.0, "{rate:?}: {worst} dB are left of a tone above 8 kHz");
    }
}

#[test]
fn raising_12_khz_leaves_no_image_above_6_khz() {
    let rate = WireRate::Hz12000;
    for hz in sweep(50.0, 5_400.0) {
        let output = convert(rate, &tone(hz, rate.hz(), 0.3), &[512]);
        let image = component(&output[400..4_400], 12_000.0 - hz).0;
        assert!(decibel(image) < -80.0, "{hz} Hz has an image of {} dB", decibel(image));
    }
}

#[test]
fn rates_relate_exactly_however_long_a_call_is() {
    for rate in converted() {
        let seconds = 30;
        let input = vec![0; (seconds * rate.hz()) as usize];
        let made = convert(rate, &input, &[441]).len();
        let expected = (seconds * OUT_HZ) as usize;
        assert!(made <= expected && expected - made < 100, "{rate:?}: {made} instead of {expected}");
    }
}

#[test]
fn the_inputs_asked_for_give_the_outputs_wanted_and_one_less_does_not() {
    for rate in converted() {
        let mut converter = Converter::new(&Arc::new(Filters::new()), rate).expect("converted");
        let mut output = [0; 100];
        for wanted in [1, 2, 3, 7, 100, 1] {
            let inputs = converter.inputs_for(wanted);
            let mut made = 0;
            for _ in 0..inputs {
                assert!(made < wanted, "{rate:?}: {wanted} outputs need fewer than {inputs} inputs");
                assert_eq!(converter.push(&[1]), 1);
                made += converter.pull(&mut output[made..wanted]);
            }
            made += converter.pull(&mut output[made..wanted]);
            assert_eq!(made, wanted, "{rate:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_output_does_not_depend_on_how_the_input_was_cut(
        pieces in proptest::collection::vec(1usize..512, 1..20),
        seed in any::<u32>(),
        rate in proptest::sample::select(converted().collect::<Vec<_>>()),
    ) {
        let mut state = seed;
        let input: Vec<i16> = (0..5_000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        }).collect();
        prop_assert_eq!(convert(rate, &input, &pieces), convert(rate, &input, &[512]));
    }
}
