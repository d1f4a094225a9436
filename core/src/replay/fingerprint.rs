//! Log-mel rows of a call's speech enter, the directions in which its spectrum moves leave; they to bytes, and back.

use std::fmt;

use zeroize::{DefaultIsZeroes, Zeroizing};

use crate::CollectedSpeech;
use crate::speech::fbank;

/// Rows are 10 ms apart. Two of them lie between one frame's beginning and the next one's.
const ROWS_PER_FRAME: usize = 2;
/// Seconds from a frame to the next.
pub(super) const FRAME_SECONDS: f64 = 0.02;
/// What has been is the mean of so many rows, and what has become of it the mean of as many.
const SPAN: usize = 4;
/// Rows between the two: with them a frame looks at 100 ms, a syllable's change. With shorter ones noise decides, with longer ones
/// the same words said twice look more alike.
const GAP: usize = 2;
const ROWS_IN_FRAME: usize = SPAN + GAP + SPAN;

/// Bins 8 to 57, of 250 to 3,590 Hz: what every telephone carries.
const FIRST_BIN: usize = 8;
const BINS_IN_BAND: usize = 2;
const BANDS: usize = 25;
const BINS: usize = BANDS * BINS_IN_BAND;
/// Neighbouring bands.
const CELLS: usize = BANDS - 1;

/// The loud rows are those that 95 % do not exceed.
const LOUD_PERCENT: usize = 95;
/// Power of a bin is counted above this much of a loud row's: 20 dB below it lie the line's noise and what codecs make up.
const FLOOR: f32 = 0.01;
/// A movement of the slope between two bands that survives codecs and noise, in nepers of power: 2.6 dB.
const CLEAR: f32 = 0.6;

/// Most frames of a fingerprint: 30 s of speech and what is around it. Later speech is not in it.
pub const MOST_FRAMES: usize = 1_500;

/// First byte of a kept fingerprint. Another one when any constant above changes: frames made otherwise must not be compared.
const VERSION: u8 = 1;
/// Three bytes of each kind.
const BYTES_IN_FRAME: usize = 2 * CELLS / 8;

/// 20 ms: for each cell whether the slope moved clearly, and, if so, whether it rose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) clear: u32,
    /// Only where it is clear.
    pub(super) rising: u32,
}

impl DefaultIsZeroes for Frame {}

/// What a recording is known by when it comes again. Made by [`Fingerprint::of`]; wiped when dropped.
///
/// Six bytes for each 20 ms, about 1.7 kB for 5 s of net speech. It says how loudness moves between bands, not how the voice
/// sounds; nobody has shown that words or speaker cannot be guessed from it, so it is to be kept as biometric data are.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    frames: Zeroizing<Vec<Frame>>,
}

impl fmt::Debug for Fingerprint {
    /// Without the frames.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprint").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
}

impl Fingerprint {
    /// Of the speech of a call, whatever its channel type. Speech under 0.1 s has an empty one, which is like nothing.
    ///
    /// Asks no network. Costs: `docs/replay.md`.
    pub fn of(speech: &CollectedSpeech) -> Self {
        Self::of_rows(speech.features())
    }

    /// Rows of [`fbank::BINS`].
    pub(super) fn of_rows(rows: &[f32]) -> Self {
        let (rows, _) = rows.as_chunks::<{ fbank::BINS }>();
        let loud = loud(rows);
        let slopes: Zeroizing<Vec<_>> = Zeroizing::new(rows.iter().map(|row| slopes(row, loud)).collect());
        let frames = slopes.windows(ROWS_IN_FRAME).step_by(ROWS_PER_FRAME).take(MOST_FRAMES);
        Self { frames: Zeroizing::new(frames.map(frame).collect()) }
    }

    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// For keeping: a version, then six bytes for each frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + BYTES_IN_FRAME * self.frames.len());
        bytes.push(VERSION);
        for frame in self.frames.iter() {
            bytes.extend_from_slice(&frame.clear.to_le_bytes()[..BYTES_IN_FRAME / 2]);
            bytes.extend_from_slice(&frame.rising.to_le_bytes()[..BYTES_IN_FRAME / 2]);
        }
        bytes
    }

    /// Reads what [`Fingerprint::to_bytes`] wrote; `None` for anything else, fingerprints of another version among it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (frames, []) = rest.as_chunks::<BYTES_IN_FRAME>() else { return None };
        if frames.len() > MOST_FRAMES {
            return None;
        }
        let read = |&[a, b, c, d, e, f]: &[u8; BYTES_IN_FRAME]| {
            let frame =
                Frame { clear: u32::from_le_bytes([a, b, c, 0]), rising: u32::from_le_bytes([d, e, f, 0]) };
            (frame.rising & !frame.clear == 0).then_some(frame)
        };
        let frames: Option<Vec<Frame>> = frames.iter().map(read).collect();
        Some(Self { frames: Zeroizing::new(frames?) })
    }
}

/// Natural logarithm of the mean power of a bin in the loud rows.
fn loud(rows: &[[f32; fbank::BINS]]) -> f32 {
    let power = |row: &[f32; fbank::BINS]| row[FIRST_BIN..FIRST_BIN + BINS].iter().map(|x| x.exp()).sum();
    let mut powers: Vec<f32> = rows.iter().map(power).collect();
    powers.sort_by(f32::total_cmp);
    powers.get(powers.len() * LOUD_PERCENT / 100).map_or(0.0, |power| (power / BINS as f32).ln())
}

/// By how much each band is louder than the next one, in nepers of power above the floor.
fn slopes(row: &[f32; fbank::BINS], loud: f32) -> [f32; CELLS] {
    let above_floor = |x: &f32| ((x - loud).exp() + FLOOR).ln();
    let mut bands = [0.0; BANDS];
    for (band, bins) in bands.iter_mut().zip(row[FIRST_BIN..].chunks_exact(BINS_IN_BAND)) {
        *band = bins.iter().map(above_floor).sum::<f32>() / BINS_IN_BAND as f32;
    }
    let mut slopes = [0.0; CELLS];
    slopes.iter_mut().zip(bands.windows(2)).for_each(|(slope, pair)| *slope = pair[0] - pair[1]);
    slopes
}

/// Of [`ROWS_IN_FRAME`] rows.
fn frame(slopes: &[[f32; CELLS]]) -> Frame {
    let mut frame = Frame::default();
    for cell in 0..CELLS {
        let mean = |rows: &[[f32; CELLS]]| rows.iter().map(|row| row[cell]).sum::<f32>() / SPAN as f32;
        let movement = mean(&slopes[SPAN + GAP..]) - mean(&slopes[..SPAN]);
        frame.clear |= u32::from(movement.abs() > CLEAR) << cell;
        frame.rising |= u32::from(movement > CLEAR) << cell;
    }
    frame
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows in which every bin wanders by itself, and so slowly that a frame sees it.
    pub(in crate::replay) fn rows(seconds: f64, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut row = [-8.0; fbank::BINS];
        let mut rows = Vec::new();
        for _ in 0..(100.0 * seconds) as usize {
            row.iter_mut().for_each(|x| *x = 0.9 * *x - 0.8 + 2.0 * random());
            rows.extend_from_slice(&row);
        }
        rows
    }

    #[test]
    fn five_seconds_of_speech_and_what_is_around_it_take_less_than_two_kilobytes() {
        assert!(Fingerprint::of_rows(&rows(6.0, 1)).to_bytes().len() < 2_000);
    }

    #[test]
    fn a_gain_changes_nothing_while_speech_is_far_above_the_floor_of_its_features() {
        let quiet: Vec<f32> = rows(3.0, 1).iter().map(|x| x - 1.0).collect();
        let cells = |rows: &[f32]| Fingerprint::of_rows(rows).frames().to_vec();
        let (loud, quiet) = (cells(&rows(3.0, 1)), cells(&quiet));
        let differing = |(a, b): (&Frame, &Frame)| (a.rising ^ b.rising).count_ones();
        // Rounding may turn a cell that is just clear.
        assert!(loud.iter().zip(&quiet).map(differing).sum::<u32>() < 3);
        assert!(loud.iter().any(|frame| frame.clear != 0));
    }

    #[test]
    fn silence_and_a_sound_that_does_not_move_have_no_clear_cell() {
        for level in [-15.9, -3.0] {
            let still = Fingerprint::of_rows(&vec![level; 300 * fbank::BINS]);
            assert_eq!(still.frames().len(), 146);
            assert!(still.frames().iter().all(|frame| *frame == Frame::default()));
        }
    }

    #[test]
    fn too_little_speech_has_an_empty_fingerprint_and_endless_speech_a_bounded_one() {
        assert!(Fingerprint::of_rows(&[]).frames().is_empty());
        assert!(Fingerprint::of_rows(&rows(0.09, 1)).frames().is_empty());
        assert_eq!(Fingerprint::of_rows(&rows(40.0, 1)).frames().len(), MOST_FRAMES);
    }

    #[test]
    fn bytes_of_another_version_or_with_a_direction_that_is_not_clear_are_refused() {
        assert!(Fingerprint::from_bytes(&[1, 3, 0, 0, 1, 0, 0]).is_some());
        assert!(Fingerprint::from_bytes(&[2, 3, 0, 0, 1, 0, 0]).is_none());
        assert!(Fingerprint::from_bytes(&[1, 3, 0, 0, 4, 0, 0]).is_none());
        assert!(Fingerprint::from_bytes(&[1, 3, 0, 0, 1, 0]).is_none());
        assert!(Fingerprint::from_bytes(&[]).is_none());
        assert!(Fingerprint::from_bytes(&vec![1; 1 + 6 * MOST_FRAMES]).is_some());
        assert!(Fingerprint::from_bytes(&vec![1; 1 + 6 * (MOST_FRAMES + 1)]).is_none());
    }

    proptest! {
        #[test]
        fn a_kept_fingerprint_is_the_same_when_it_is_read(seconds in 0.0f64..4.0, seed in any::<u64>()) {
            let made = Fingerprint::of_rows(&rows(seconds, seed));
            prop_assert_eq!(Fingerprint::from_bytes(&made.to_bytes()), Some(made));
        }

        #[test]
        fn any_bytes_are_a_fingerprint_or_none(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Some(read) = Fingerprint::from_bytes(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }

        #[test]
        fn any_rows_have_a_fingerprint(rows in prop::collection::vec(any::<f32>(), 0..20 * fbank::BINS)) {
            let made = Fingerprint::of_rows(&rows);
            prop_assert!(Fingerprint::from_bytes(&made.to_bytes()).is_some());
        }
    }
}
