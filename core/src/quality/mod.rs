//! Quality gates: what a call has collected enters, the reasons why it may not carry a decision leave.
//!
//! A gate compares one [`Figures`] figure with a limit. It is off, warns (the reason stands beside the result), or refuses (no
//! decision is made). [`Gates`] holds the limits; their units, ranges and defaults are in the table of [`Gate`]. The defaults were
//! chosen, and their false alarms and misses measured, with `make gates`: `docs/quality-gates.md`.
//!
//! All figures but the one for several speakers come from the samples and features that a call has anyway.

mod band;
mod clipping;
mod gate;
mod music;
mod noise;
mod voices;

use crate::audio::mismatch::Mismatch;
use crate::stream::CollectedSpeech;

pub use gate::{Action, Gate, Gates, ParseGateError, Rule, Setting, Shortfall};
pub(crate) use voices::{Piece, least_alike, pieces};

/// [`Figures::signal_noise_ratio`] alone.
pub(crate) fn signal_noise_ratio(speech: &CollectedSpeech) -> f32 {
    noise::ratio(speech.samples(), speech.rate())
}

/// What was measured of the speech of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Seconds of net speech.
    pub net_speech: f32,
    /// Decibels of the speech over the noise between its words.
    pub signal_noise_ratio: f32,
    /// Share of the samples, 0…1, that crowd at the signal's own limit.
    pub clipping: f32,
    /// Decibels of the steepest edge of the mean spectrum inside the telephone band.
    pub band: f32,
    /// What the bytes look like, if not what was declared. Only of a call that goes on in spite of it.
    pub codec_mismatch: Option<Mismatch>,
    /// Log-likelihood ratio that the two parts of the speech that are least alike are one voice; `None` if it was not asked
    /// for, or there is too little speech to part.
    pub one_voice: Option<f32>,
    /// Share of the speech, 0…1, that stands still like a held note.
    pub music: f32,
}

impl Figures {
    /// Everything but [`Figures::one_voice`].
    pub(crate) fn of(speech: &CollectedSpeech) -> Self {
        Self {
            net_speech: speech.net_speech().seconds() as f32,
            signal_noise_ratio: signal_noise_ratio(speech),
            clipping: clipping::share(speech.samples()),
            band: band::steepest_edge(speech.spectra()),
            codec_mismatch: speech.mismatch(),
            one_voice: None,
            music: music::share(speech.samples(), speech.rate()),
        }
    }
}
