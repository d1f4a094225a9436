//! Features of speech enter, the pieces in which one voice is looked for leave; and of their voices, how sure it is that the two
//! groups of pieces that are least alike are one person.
//!
//! Where two people talked, some way of parting the pieces into two groups puts one into each: turns, or one half each. So all ways
//! are tried, and the least log-likelihood ratio of two groups being one voice decides. As the least of several it is lower than
//! that of a comparison of two calls: its limit is one of its own.

use crate::decision::{Calibration, Conditions};
use crate::speech::fbank::BINS;
use crate::{Evidence, Template};

/// Seconds of net speech in a piece, at least: less says little of a voice.
const LEAST_SECONDS: f32 = 1.5;
/// Most pieces: 16 ways to part them.
const MOST: usize = 5;
/// How far from equal parts a cut may be, as a part of a piece, to fall into a pause.
const SHIFT: usize = 4;
/// Rows over which a pause is looked for: 100 ms.
const PAUSE: usize = 10;

/// The voice of some of the speech.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) template: Template,
    /// Seconds of net speech.
    pub(crate) seconds: f32,
}

/// Cuts rows of [`BINS`] logarithms, in which there are so many seconds of net speech, into two to five pieces of at least 1.5 s, at the
/// quietest moments near equal parts. Each piece's rows are `rows[cuts[i]..cuts[i + 1]]`, in numbers; `None` if there is too little.
pub(crate) fn pieces(rows: &[f32], seconds: f32) -> Option<Vec<usize>> {
    let count = ((seconds / LEAST_SECONDS) as usize).min(MOST);
    let length = rows.len() / BINS;
    if count < 2 || length < count * PAUSE * SHIFT {
        return None;
    }
    let loudness: Vec<f32> = rows.chunks_exact(BINS).map(|row| row.iter().sum()).collect();
    let reach = length / count / SHIFT;
    let quietest = |near: usize| {
        let around = |at: &usize| loudness[at - PAUSE / 2..at + PAUSE / 2].iter().sum::<f32>();
        (near - reach..near + reach).min_by(|a, b| around(a).total_cmp(&around(b))).unwrap_or(near)
    };
    let inner = (1..count).map(|part| quietest(part * length / count));
    Some(std::iter::once(0).chain(inner).chain([length]).collect())
}

/// The least log-likelihood ratio, over all ways to part the pieces into two groups, that both are one voice.
pub(crate) fn least_alike(pieces: &[Piece], snr: f32, calibration: &Calibration) -> Option<f32> {
    // The last piece is always in the second group: the other half of the ways are the same.
    let ways = 1..1usize << pieces.len().checked_sub(1)?;
    ways.filter_map(|way| ratio(pieces, way, snr, calibration)).min_by(f32::total_cmp)
}

fn ratio(pieces: &[Piece], way: usize, snr: f32, calibration: &Calibration) -> Option<f32> {
    let group = |wanted: bool| {
        let members = pieces.iter().enumerate().filter(|(n, _)| (way >> n & 1 == 1) == wanted);
        let (mut sum, mut seconds) = ([0.0f32; crate::model::speaker::DIMENSIONS], 0.0);
        for (_, piece) in members {
            sum.iter_mut().zip(piece.template.values()).for_each(|(sum, x)| *sum += piece.seconds * x);
            seconds += piece.seconds;
        }
        let template = &pieces.first()?.template;
        Some((
            Template::new(template.model(), template.channel_type(), sum)?,
            Evidence { net_speech: seconds, snr },
        ))
    };
    let ((a, of_a), (b, of_b)) = (group(true)?, group(false)?);
    Some(calibration.llr(a.cosine(&b), Conditions::of(Some(of_a), Some(of_b))).0 as f32)
}
