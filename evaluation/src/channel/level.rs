//! A signal enters, how loud its speech is leaves, or the signal at another level.

/// 20 ms at 16 kHz, 40 ms at 8 kHz: long enough for a pitch period, short enough for a pause.
const FRAME: usize = 320;
/// Frames that are more than so much weaker than the loudest ones are pauses.
const PAUSE_DB: f64 = 20.0;

/// Mean power of the frames that are not pauses (in the spirit of ITU-T P.56, whose margin of 15.9 dB follows a smoothed
/// envelope); 0 for silence.
pub(super) fn active_power(samples: &[f32]) -> f64 {
    let mut powers: Vec<f64> = samples
        .chunks(FRAME)
        .map(|frame| frame.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / frame.len() as f64)
        .collect();
    powers.sort_by(f64::total_cmp);
    // The 95th percentile: a click does not decide what is loud.
    let Some(&loud) = powers.get(powers.len() * 95 / 100) else { return 0.0 };
    let floor = loud / 10f64.powf(PAUSE_DB / 10.0);
    let active = &powers[powers.partition_point(|power| *power < floor)..];
    active.iter().sum::<f64>() / active.len() as f64
}

/// Makes it so many decibels louder. What then exceeds full scale is cut off by the next codec.
pub(super) fn change(decibels: f64, samples: &mut [f32]) {
    let gain = 10f64.powf(decibels / 20.0) as f32;
    samples.iter_mut().for_each(|sample| *sample *= gain);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_do_not_count() {
        let speech = super::super::filter::tests::tone(500.0, 16_000, 16_000);
        let with_pause: Vec<_> = speech.iter().copied().chain(std::iter::repeat_n(0.0, 48_000)).collect();
        assert!((active_power(&with_pause) / active_power(&speech) - 1.0).abs() < 0.01);
        assert!((active_power(&speech) - 0.125).abs() < 0.001);
    }

    #[test]
    fn six_decibels_are_four_times_the_power_and_can_be_taken_back() {
        let speech = super::super::filter::tests::tone(500.0, 16_000, 16_000);
        let mut changed = speech.clone();
        change(6.02, &mut changed);
        assert!((active_power(&changed) / active_power(&speech) - 4.0).abs() < 0.01);
        change(-6.02, &mut changed);
        assert!(changed.iter().zip(&speech).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn silence_has_no_power() {
        assert_eq!(active_power(&[]), 0.0);
        assert_eq!(active_power(&[0.0; 1_000]), 0.0);
    }
}
