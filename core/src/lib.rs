//! peakstream: a call's bytes go in, a calibrated decision comes out.
//!
//! The engine has no IO, no async, no clock, and no global state but which instruction set its inner loops use
//! ([`CpuLevel`]). It has two halves:
//!
//! * [`CallStream`], one for each call, takes the carrier's bytes as they come and collects *net speech* and the
//!   features of it. [`CallStream::push`] never allocates, locks, blocks or panics.
//! * [`Engine`], shared by all calls, holds the models. [`Engine::analyse`] turns collected speech into a voice
//!   template and a judgement of its authenticity, which takes tens of milliseconds: never call it on a network thread.
//!
//! ```text
//! carrier bytes ─ CallStream::push: channel select → decode → resample → speech detection → features
//!               ─ CallStream::take_speech or finish → CollectedSpeech
//!               ─ Engine::analyse → Template, Judgement ─ at an AttackRate → Authenticity
//!               ─ Engine::compare → Score        credential::seal → what the customer keeps
//! ```
//!
//! An engine refuses to exist if one of its models does not reproduce its golden vectors ([`LoadError`]).
#![deny(unsafe_code)]

mod analysis;
pub mod audio;
pub mod credential;
pub mod decision;
mod engine;
pub mod model;
pub mod quality;
pub mod replay;
mod simd;
pub mod speech;
pub mod stream;
mod units;

pub use analysis::{Analysis, AnalysisError, AnalysisSpec, SlidingAnalysis};
pub use audio::encoding::Encoding;
pub use audio::format::{AudioFormat, Codec, Container, FieldError, FormatFields, Framing};
pub use decision::{
    Calibration, Centre, CompareError, Evidence, Judgement, JudgementLimits, NoThreshold, OperatingPoint,
    Unjudged, Voices,
};
pub use engine::{Engine, EngineOptions};
pub use model::{LoadError, ModelInfo, Pause, Precision, PrecisionError, Template};
pub use quality::{Action, Figures, Gate, Gates, Shortfall};
pub use simd::{CPU_VARIABLE, Level as CpuLevel, LevelError as CpuLevelError};
pub use stream::{CallSpec, CallStream, CollectedSpeech, OpenError, Pushed, Status, StreamFault};
pub use units::{
    AttackRate, Authenticity, ChannelType, Llr, ModelHash, NetSpeech, ParseHashError, SampleRate, Score,
    Threshold, UnknownChannelType, WireRate,
};
