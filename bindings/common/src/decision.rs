//! Collected speech enters; the voice, its judgement and the warnings of quality gates leave.

use peakstream::{
    Action, Analysis, AnalysisSpec, AudioFormat, CallSpec, ChannelType, CollectedSpeech, Encoding, Engine,
    Gates, SampleRate, Shortfall,
};

use crate::Error;

/// What some speech says.
#[derive(Debug)]
pub struct Heard {
    /// The voice, and whether it is live and human.
    pub analysis: Analysis,
    /// Quality gates that it does not pass, and that only warn.
    pub warnings: Vec<Shortfall>,
}

/// Judges some speech with the newest model, as the server and the command line do. Costs tens of milliseconds.
///
/// # Errors
/// A gate that refuses, too little speech.
pub fn hear(engine: &Engine, speech: &CollectedSpeech, gates: &Gates) -> Result<Heard, Error> {
    let warnings = engine.judge(speech, gates);
    if let Some(refused) = warnings.iter().find(|shortfall| shortfall.action == Action::Refuse) {
        return Err(Error::Quality(*refused));
    }
    let analysis = engine.analyse(speech, AnalysisSpec { model: engine.newest_model() })?;
    Ok(Heard { analysis, warnings })
}

/// The speech of a whole recording, at most `wanted` seconds of it, as a call of linear samples would collect it.
///
/// # Errors
/// A channel type or a duration that no call can have.
pub fn listen(
    engine: &Engine,
    samples: &[i16],
    rate: SampleRate,
    channel_type: ChannelType,
    wanted: f64,
) -> Result<CollectedSpeech, Error> {
    let format = AudioFormat::mono(Encoding::Linear16Le, rate);
    let mut call = engine.open(CallSpec { format, channel_type, wanted })?;
    let mut bytes = Vec::with_capacity(2 * samples.len());
    peakstream::audio::encode(samples, Encoding::Linear16Le, &mut bytes);
    match crate::push(&mut call, &bytes).fault {
        Some(fault) => Err(fault.into()),
        None => Ok(call.finish()),
    }
}
