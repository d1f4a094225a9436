//! Speech enters, the same speech leaves with its peaks cut off, as by a microphone that is too loud.

/// Cuts that share (0…1) of the samples, those of the largest magnitude, to the magnitude of the largest one that stays.
pub(super) fn cut(samples: &mut [f32], share: f64) {
    let mut magnitudes: Vec<f32> = samples.iter().map(|s| s.abs()).collect();
    let cut = (share * magnitudes.len() as f64).round() as usize;
    let Some(last_kept) = magnitudes.len().checked_sub(cut + 1) else { return };
    let (_, &mut limit, _) = magnitudes.select_nth_unstable_by(last_kept, f32::total_cmp);
    samples.iter_mut().for_each(|s| *s = s.clamp(-limit, limit));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_asked_for_is_cut_and_nothing_else_changes() {
        let ramp: Vec<_> = (0..1_000).map(|n| (n as f32 - 500.0) / 500.0).collect();
        let mut cut_ramp = ramp.clone();
        cut(&mut cut_ramp, 0.1);
        let changed = ramp.iter().zip(&cut_ramp).filter(|(a, b)| a != b).count();
        assert!((98..=100).contains(&changed), "{changed}");
        assert!(cut_ramp.iter().all(|s| s.abs() <= 0.9));
    }

    #[test]
    fn nothing_at_all_is_cut_without_complaint() {
        cut(&mut [], 0.5);
    }
}
