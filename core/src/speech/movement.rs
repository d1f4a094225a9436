//! Whether the spectrum moves: the log spectra of a call enter block by block, a yes or no for the newest block leaves.
//!
//! A voice never holds still, not even for 30 ms; a sung or played note does. The speech detector takes some singers and
//! instruments for speech, and this tells them apart without another transform: it reads the rows made for the authenticity
//! network.
//!
//! # Realtime safety
//! Nothing is allocated after [`Movement::new`].

use zeroize::Zeroize;

use super::spectrum::BINS;

/// Rows between the two spectra that are compared: 30 ms.
const LAG: usize = 3;
/// Rows that a block of 32 ms can complete, at most.
const MOST_ROWS: usize = 4;
/// Nepers of power (a factor of 1,000, 30 dB) under the strongest bin: what is weaker does not count.
const RANGE: f32 = 6.9;
/// A spectrum whose bins change by so many nepers of power (4.3 dB), on average, has moved. Half of the blocks of a voice
/// change by more than 1.5, half of those of a synthesised singer by less than 0.6 (`docs/speech-detection.md`).
const LEAST: f32 = 1.0;
/// What the rows hold before the call: silence.
const SILENCE: f32 = -23.0;
/// Bins that are summed abreast.
const LANES: usize = 16;

/// Follows one call.
pub struct Movement {
    /// The last rows before the block, then its own.
    line: Box<[[f32; BINS]; LAG + MOST_ROWS]>,
    /// How many are its own.
    rows: usize,
}

impl std::fmt::Debug for Movement {
    /// Without the spectra.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Movement").finish_non_exhaustive()
    }
}

impl Drop for Movement {
    fn drop(&mut self) {
        self.line.zeroize();
    }
}

impl Movement {
    /// A call that has not begun.
    pub fn new() -> Self {
        Self { line: Box::new([[SILENCE; BINS]; LAG + MOST_ROWS]), rows: 0 }
    }

    /// Takes the rows of the next block, at most four: natural logarithms of power.
    pub fn push(&mut self, rows: &[f32]) {
        let (rows, _) = rows.as_chunks::<BINS>();
        let rows = &rows[..rows.len().min(MOST_ROWS)];
        self.line.copy_within(self.rows..self.rows + LAG, 0);
        self.line[LAG..LAG + rows.len()].copy_from_slice(rows);
        self.rows = rows.len();
    }

    /// Whether the newest block's spectra differ from those 30 ms before them. Costs about a microsecond.
    pub fn moves(&self) -> bool {
        let changes = (0..self.rows).map(|row| change(&self.line[row], &self.line[row + LAG]));
        self.rows > 0 && changes.sum::<f32>() >= LEAST * self.rows as f32
    }
}

impl Default for Movement {
    fn default() -> Self {
        Self::new()
    }
}

/// Mean distance of two spectra in nepers, their levels apart; a bin weighs the more, the stronger it is.
fn change(before: &[f32; BINS], now: &[f32; BINS]) -> f32 {
    const { assert!(BINS.is_multiple_of(LANES)) };
    let strongest = before.iter().chain(now).fold(f32::MIN, |most, &bin| most.max(bin));
    let (mut weights, mut differences) = ([0.0; BINS], [0.0; BINS]);
    for bin in 0..BINS {
        weights[bin] = (before[bin].max(now[bin]) - (strongest - RANGE)).max(0.0);
        differences[bin] = now[bin] - before[bin];
    }
    let (mut total, mut louder, mut apart) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for (weights, differences) in weights.chunks_exact(LANES).zip(differences.chunks_exact(LANES)) {
        for lane in 0..LANES {
            total[lane] += weights[lane];
            louder[lane] += weights[lane] * differences[lane];
        }
    }
    // The strongest bin has a weight: the sum is never zero.
    let total = total.iter().sum::<f32>();
    let level = louder.iter().sum::<f32>() / total;
    for (weights, differences) in weights.chunks_exact(LANES).zip(differences.chunks_exact(LANES)) {
        for lane in 0..LANES {
            apart[lane] += weights[lane] * (differences[lane] - level).abs();
        }
    }
    apart.iter().sum::<f32>() / total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A spectrum with peaks at every tenth bin from `first` on.
    fn peaks(first: usize, level: f32) -> [f32; BINS] {
        std::array::from_fn(|bin| if bin % 10 == first { level } else { level - 5.0 })
    }

    fn moves(rows: &[[f32; BINS]]) -> Vec<bool> {
        let mut movement = Movement::new();
        let decide = |rows: &[[f32; BINS]]| {
            movement.push(rows.as_flattened());
            movement.moves()
        };
        rows.chunks(3).map(decide).collect()
    }

    #[test]
    fn a_note_that_is_held_does_not_move_however_it_swells() {
        let swelling: Vec<_> = (0..12).map(|row| peaks(2, -10.0 + row as f32)).collect();
        assert_eq!(moves(&swelling)[1..], [false; 3]);
    }

    #[test]
    fn what_glides_moves() {
        let gliding: Vec<_> = (0..12).map(|row| peaks(row % 10, -10.0)).collect();
        assert_eq!(moves(&gliding)[1..], [true; 3]);
    }

    #[test]
    fn what_is_30_db_weaker_does_not_count() {
        let tone = |weak: f32| std::array::from_fn(|bin| if bin == 20 { 0.0 } else { weak });
        let rows: Vec<_> = (0..12).map(|row| tone(if row / 3 % 2 == 0 { -9.0 } else { -23.0 })).collect();
        assert_eq!(moves(&rows)[1..], [false; 3]);
    }

    #[test]
    fn a_block_without_rows_does_not_move() {
        let mut movement = Movement::new();
        movement.push(&[]);
        assert!(!movement.moves());
    }
}
