//! Speech that the networks have heard enters, what it says about its speaker leaves: of one piece, or of the newest windows of a call
//! that is decided again and again ([`SlidingAnalysis`]).

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use crate::model::authenticity::{AuthenticityModel, Listened};
use crate::quality;
use crate::{CollectedSpeech, Judgement, JudgementLimits, ModelHash, Template};

/// Which network analyses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnalysisSpec {
    /// One of [`Engine::models`](crate::Engine::models).
    pub model: ModelHash,
}

/// What speech says about its speaker.
#[derive(Debug)]
pub struct Analysis {
    /// The voice.
    pub template: Template,
    /// Whether it is live and human: evidence, or why there is none.
    pub judgement: Judgement,
}

/// Why speech gave no analysis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// Under 0.3 s of speech.
    #[error("too little speech: {0:.2} s")]
    TooLittleSpeech(f64),
    /// Not one of [`Engine::models`](crate::Engine::models).
    #[error("unknown model {0}")]
    UnknownModel(ModelHash),
}

/// A call that goes on and is decided again after each further second or so: its speech is analysed window by window, each of them once, and
/// every decision is of the newest windows together, by the mean of their directions and of what authenticity heard in them.
/// [`Engine::analyse_window`](crate::Engine::analyse_window) adds one.
///
/// Five windows of 1 s have fewer errors than one analysis of the newest 3 s, for a third of its frames (`docs/engine.md`). A voice that
/// takes another's place is heard alone when all windows are its own. 1.7 kB a window; wiped when dropped.
#[derive(Debug)]
pub struct SlidingAnalysis {
    pub(crate) spec: AnalysisSpec,
    most: NonZeroUsize,
    /// Oldest first.
    windows: VecDeque<Heard>,
}

impl SlidingAnalysis {
    /// Of so many windows.
    pub fn new(spec: AnalysisSpec, windows: NonZeroUsize) -> Self {
        Self { spec, most: windows, windows: VecDeque::with_capacity(windows.get()) }
    }

    /// How many windows the newest decision was of.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Adds the newest and tells what all of them say together; `None` if their directions cancel each other.
    pub(crate) fn add(
        &mut self,
        newest: Heard,
        limits: &JudgementLimits,
        network: &AuthenticityModel,
    ) -> Option<Analysis> {
        // Voices of different bands have no mean.
        self.windows.retain(|window| window.template.channel_type() == newest.template.channel_type());
        if self.windows.len() == self.most.get() {
            self.windows.pop_front();
        }
        self.windows.push_back(newest);
        together(self.windows.make_contiguous(), limits, network)
    }
}

/// A piece of speech that the networks have heard.
#[derive(Debug)]
pub(crate) struct Heard {
    template: Template,
    listened: Listened,
    mismatch: bool,
    net_speech: f64,
    signal_noise_ratio: f32,
}

impl Heard {
    pub(crate) fn new(template: Template, listened: Listened, speech: &CollectedSpeech) -> Self {
        Self {
            template: template.with_evidence(Some(speech.evidence())),
            listened,
            mismatch: speech.mismatch().is_some(),
            net_speech: speech.net_speech().seconds(),
            signal_noise_ratio: quality::signal_noise_ratio(speech),
        }
    }
}

/// What pieces of one call say together; `None` for none.
pub(crate) fn together(
    pieces: &[Heard],
    limits: &JudgementLimits,
    network: &AuthenticityModel,
) -> Option<Analysis> {
    let template = Template::mean(pieces.iter().map(|piece| &piece.template))?;
    let mismatch = pieces.iter().any(|piece| piece.mismatch);
    let net_speech = pieces.iter().map(|piece| piece.net_speech).sum();
    let noise = pieces.iter().map(|piece| piece.signal_noise_ratio).sum::<f32>() / pieces.len() as f32;
    let judgement = match limits.objection_to(mismatch, net_speech, noise) {
        Some(why) => Judgement::None(why),
        None => network.judge(pieces.iter().map(|piece| piece.listened).sum()),
    };
    Some(Analysis { template, judgement })
}
