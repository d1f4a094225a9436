//! Speech of any length into windows of one length: counts of rows enter, the windows' first rows leave.

/// Share of the rows that windows must cover: numerator and denominator.
const COVERED: (usize, usize) = (9, 10);

/// How many windows of `length` cover `count` rows, but for a tenth at most.
pub(super) fn windows_needed(count: usize, length: usize) -> usize {
    (count * COVERED.0).div_ceil(length * COVERED.1).max(1)
}

/// First rows of evenly spaced windows.
pub(super) fn window_starts(count: usize, length: usize, windows: usize) -> impl Iterator<Item = usize> {
    let rest = count.saturating_sub(length);
    (0..windows).map(move |i| if windows == 1 { rest / 2 } else { i * rest / (windows - 1) })
}

/// Mean of each column.
pub(super) fn column_means<const COLUMNS: usize>(rows: &[f32]) -> [f32; COLUMNS] {
    let mut sums = [0.0f64; COLUMNS];
    for row in rows.chunks_exact(COLUMNS) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let count = (rows.len() / COLUMNS).max(1) as f64;
    sums.map(|sum| (sum / count) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_speech_but_for_a_tenth() {
        let starts =
            |count, length| window_starts(count, length, windows_needed(count, length)).collect::<Vec<_>>();
        assert_eq!(starts(298, 298), [0]);
        assert_eq!(starts(320, 298), [11]);
        assert_eq!(starts(400, 298), [0, 102]);
        assert_eq!(starts(3_000, 998), [0, 1_001, 2_002]);
        assert_eq!(starts(50, 98), [0]);
    }
}
