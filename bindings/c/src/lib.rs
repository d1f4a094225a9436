//! The engine as a C library: what it re-exports is the whole interface, and `peakstream.h` is made of it (`tests/header.rs`).
//!
//! In: pointers, lengths, handles. Out: results. No call panics across the border: a defect becomes [`Outcome::Internal`].

mod border;
mod channel;
mod credential;
mod decision;
mod engine;
mod handles;
mod outcome;
mod speech;
mod stream;
mod text;
mod version;

pub use channel::Channel;
pub use credential::{
    CREDENTIAL_TEXT_BYTES, Credential, CredentialInfo, Key, peakstream_credential_free,
    peakstream_credential_inspect, peakstream_credential_open, peakstream_credential_seal,
    peakstream_key_generate,
};
pub use decision::{
    Decision, QualityGate, peakstream_authenticity, peakstream_compare, peakstream_register,
    peakstream_verify,
};
pub use engine::{
    Engine, Precision, peakstream_engine_free, peakstream_engine_load, peakstream_engine_load_with,
    peakstream_engine_threshold,
};
pub use outcome::{Outcome, peakstream_error_text, peakstream_result_name};
pub use peakstream_bindings::Status;
pub use speech::{Speech, peakstream_speech_free, peakstream_speech_samples};
pub use stream::{
    Call, Stream, peakstream_stream_finish, peakstream_stream_free, peakstream_stream_open,
    peakstream_stream_push, peakstream_stream_status,
};
pub use version::{ABI_VERSION, peakstream_abi_version, peakstream_version};
