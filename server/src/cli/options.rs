//! In: options that several commands share. Out: checked values.

use std::path::PathBuf;

use peakstream::{
    AttackRate, Authenticity, Calibration, ChannelType, Engine, EngineOptions, Judgement, Precision,
    Threshold,
};
use serde_json::{Map, Value};

use crate::audio_file::{self, RawForm, ReadOptions};
use crate::cli::output::{CliError, two_decimals};
use crate::config::values::{attack_rate, precision, threshold};
use crate::model_dir;
use crate::session::authenticity;
use crate::session::error::MIN_SPEECH_SECONDS;
use crate::session::policy::GateSetting;
use crate::session::request::MAX_SPEECH_SECONDS;
use crate::session::score_threshold::ScoreThreshold;

/// Where the models are.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ModelOptions {
    /// Folder of the installed models [default: $PEAKSTREAM_MODELS, models/installed here or in the program's checkout, or
    /// peakstream/models in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Calibration made by peakstream calibrate, instead of the one that came with the models; one for each channel type
    #[arg(long, value_name = "FILE")]
    pub calibration: Vec<PathBuf>,
    /// What the speaker network is computed in: int8 takes less than half the time of f32, and needs AVX-512 VNNI
    #[arg(long, env = "PEAKSTREAM_PRECISION", value_name = "PRECISION", default_value = "f32", value_parser = precision())]
    pub precision: Precision,
}

impl ModelOptions {
    /// The engine. Takes seconds: the models are checked.
    ///
    /// # Errors
    /// No models or calibrations, or ones that the engine refuses.
    pub fn engine(&self) -> Result<Engine, CliError> {
        let engine = model_dir::load_engine(self.models.as_deref(), self.engine_options())?;
        Ok(model_dir::calibrated(engine, &self.calibration)?)
    }

    /// What the engine is told.
    pub fn engine_options(&self) -> EngineOptions {
        EngineOptions { precision: self.precision, ..EngineOptions::default() }
    }

    /// The engine's calibrations, one for each channel type. Reads no models.
    ///
    /// # Errors
    /// No models or calibrations there.
    pub fn calibrations(&self) -> Result<Vec<Calibration>, CliError> {
        Ok(model_dir::calibrations(self.models.as_deref(), &self.calibration)?)
    }
}

/// Which channel of a file, and how to read one without a header.
#[derive(Clone, Debug, clap::Args)]
pub struct InputOptions {
    /// Channel to take, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub channel: u16,
    /// Read files that are neither WAV nor FLAC as samples of this codec: mulaw, alaw, pcm (16 bit)
    #[arg(long, value_name = "CODEC")]
    pub codec: Option<String>,
    /// Sampling rate of such files
    #[arg(long, value_name = "HZ", default_value_t = 8000, requires = "codec")]
    pub rate: u32,
    /// Interleaved channels of such files
    #[arg(long, value_name = "N", default_value_t = 1, requires = "codec", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub channels: u16,
}

impl InputOptions {
    /// How to read a file.
    ///
    /// # Errors
    /// A codec that does not exist.
    pub fn reading(&self) -> Result<ReadOptions, CliError> {
        let raw = match &self.codec {
            None => None,
            Some(codec) => {
                let encoding = audio_file::parse_codec(codec)
                    .map_err(|text| CliError::Usage(format!("--codec: {text}")))?;
                Some(RawForm { encoding, rate: self.rate, channels: self.channels })
            }
        };
        Ok(ReadOptions { raw, channel: self.channel })
    }
}

/// What recordings count as.
#[derive(Clone, Debug, clap::Args)]
pub struct ChannelOptions {
    /// What the voice came through: telephone (everything is limited to the telephone band) or microphone (16 kHz)
    #[arg(long, value_name = "TYPE", default_value = "telephone", value_parser = channel_type)]
    pub channel_type: ChannelType,
}

/// How much of a recording is used.
#[derive(Clone, Debug, clap::Args)]
pub struct SpeechOptions {
    /// Use at most this much speech
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = speech_seconds)]
    pub seconds: f64,
    /// What the speech must pass, as GATE=off, warn or refuse, with a limit after a colon: music=refuse, clipping=warn:1
    #[arg(long, value_name = "GATE=ACTION", value_delimiter = ',')]
    pub quality_gates: Vec<GateSetting>,
}

/// `--authenticity-threshold`, and what authenticity means.
#[derive(Clone, Debug, clap::Args)]
pub struct AuthenticityOptions {
    /// Least authenticity of a voice that counts as live, 0 to 1
    #[arg(long, value_name = "0..1", default_value = "0.5", value_parser = threshold)]
    pub authenticity_threshold: Threshold,
    /// Share of recordings assumed to be attacks, between 0 and 1: the more, the lower the authenticity of the same voice
    #[arg(long, value_name = "X", default_value = "0.01", value_parser = attack_rate)]
    pub assumed_attack_rate: AttackRate,
}

impl AuthenticityOptions {
    /// What a judgement means.
    pub fn authenticity(&self, judgement: Judgement) -> Authenticity {
        judgement.authenticity(self.assumed_attack_rate)
    }

    /// Whether a voice counts as live. One that was not judged has the authenticity that was assumed.
    pub fn is_live(&self, judgement: Judgement) -> bool {
        self.authenticity_threshold.passes_authenticity(self.authenticity(judgement))
    }

    /// The members that tell of it in JSON.
    pub fn members(&self, judgement: Judgement) -> Map<String, Value> {
        authenticity::members(judgement, self.authenticity(judgement))
    }

    /// As tables show it.
    pub fn cell(&self, judgement: Judgement) -> String {
        let value = two_decimals(self.authenticity(judgement).value());
        judgement
            .unjudged()
            .map_or_else(|| value.clone(), |why| format!("{value} (not judged: {})", why.name()))
    }
}

/// `--score-threshold`.
#[derive(Clone, Debug, clap::Args)]
pub struct ScoreOptions {
    /// Least score at which two voices count as one, 0 to 1; or far=1%, far=0.1%: the score that so many impostors reach, as the
    /// calibration says
    #[arg(long, value_name = "0..1|far=X%", default_value = "0.5")]
    pub score_threshold: ScoreThreshold,
}

/// Parses an amount of speech that one operation can use.
///
/// # Errors
/// Less than a decision needs, or more than a session may ask for.
pub fn speech_seconds(text: &str) -> Result<f64, String> {
    let limits = MIN_SPEECH_SECONDS..=MAX_SPEECH_SECONDS;
    let value = text.parse().ok().filter(|seconds| limits.contains(seconds));
    value.ok_or_else(|| format!("between {MIN_SPEECH_SECONDS} and {MAX_SPEECH_SECONDS} seconds of speech"))
}

/// Parses a channel type by its name on the wire (`telephone-channel`) or without its ending.
pub(super) fn channel_type(text: &str) -> Result<ChannelType, String> {
    let full = if text.ends_with("-channel") { text.to_owned() } else { format!("{text}-channel") };
    full.parse().map_err(|_| "telephone or microphone".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_type_is_named_with_or_without_its_ending() {
        assert_eq!(channel_type("telephone"), Ok(ChannelType::Telephone));
        assert_eq!(channel_type("microphone-channel"), Ok(ChannelType::Microphone));
        assert!(channel_type("radio").is_err());
    }

    #[test]
    fn a_voice_that_is_not_judged_says_why_and_is_as_live_as_was_assumed() {
        let options = |share| AuthenticityOptions {
            authenticity_threshold: Threshold::new(0.8).expect("in 0…1"),
            assumed_attack_rate: AttackRate::new(share).expect("a share"),
        };
        let judgement = Judgement::None(peakstream::Unjudged::SignalNoiseRatio);
        assert_eq!(options(0.01).cell(judgement), "0.99 (not judged: signal_noise_ratio)");
        assert!(options(0.01).is_live(judgement) && !options(0.3).is_live(judgement));
        let judged = Judgement::Evidence(peakstream::Llr(0.0));
        assert_eq!(options(0.3).cell(judged), "0.70");
    }

    #[test]
    fn thresholds_and_seconds_out_of_range_are_refused() {
        assert!(threshold("0.8").is_ok() && threshold("1").is_ok());
        assert!(threshold("1.01").is_err() && threshold("NaN").is_err() && threshold("x").is_err());
        assert!(
            speech_seconds("3").is_ok() && speech_seconds("2.9").is_err() && speech_seconds("NaN").is_err()
        );
    }

    #[test]
    fn an_unknown_codec_is_answered_with_the_known_ones() {
        let options = InputOptions { channel: 1, codec: Some("speex".into()), rate: 8000, channels: 1 };
        let error = options.reading().expect_err("no such codec").to_string();
        assert!(error.contains("--codec") && error.contains("mulaw"), "{error}");
    }
}
