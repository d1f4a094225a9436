//! A whole recording enters, which of its blocks are net speech leaves: what a call decides, told block by block.

use super::movement::Movement;
use super::segmenter::{Segmenter, Verdict};
use super::silero::{STEPS, Silero};
use super::spectrum::Spectrum;
use crate::audio::resample::{NARROW_BLOCK, Raise, WIDE_BLOCK};

/// For each whole block of 32 ms at 8 kHz, whether it is net speech. `detector` and `spectrum` have heard nothing.
pub(crate) fn speech_blocks(samples: &[i16], mut detector: Silero, mut spectrum: Spectrum) -> Vec<bool> {
    let (mut raise, mut movement) = (Raise::new(), Movement::new());
    let (narrow, _) = samples.as_chunks::<NARROW_BLOCK>();
    let wide: Vec<_> = narrow
        .iter()
        .map(|block| {
            let (mut plain, mut filled) = ([0.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
            raise.process(&block.map(|sample| scaled(&sample)), &mut plain, &mut filled);
            plain
        })
        .collect();
    let mut probabilities = vec![0.0; wide.len()];
    for (blocks, probabilities) in wide.chunks(STEPS).zip(probabilities.chunks_mut(STEPS)) {
        detector.steps(blocks, probabilities);
    }
    // On the time line of the raised signal.
    let late: Vec<f32> =
        [0.0; Raise::DELAY].into_iter().chain(narrow.as_flattened().iter().map(scaled)).collect();
    let mut segmenter = Segmenter::default();
    let verdicts: Vec<_> = late
        .chunks(NARROW_BLOCK)
        .zip(probabilities)
        .map(|(block, probability)| {
            movement.push(spectrum.push(block).as_flattened());
            segmenter.step(probability, || movement.moves())
        })
        .collect();
    marked(&verdicts)
}

fn scaled(sample: &i16) -> f32 {
    f32::from(*sample) / 32_768.0
}

/// Speech takes the undecided blocks before it along; all of it is found a block late ([`super::collector`]).
fn marked(verdicts: &[Verdict]) -> Vec<bool> {
    let mut marked = vec![false; verdicts.len()];
    for (at, _) in verdicts.iter().enumerate().filter(|(_, verdict)| **verdict == Verdict::Speech) {
        let undecided =
            verdicts[..at].iter().rev().take_while(|verdict| **verdict == Verdict::Undecided).count();
        marked[(at - undecided).saturating_sub(1)..at].fill(true);
    }
    marked
}
