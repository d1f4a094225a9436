//! In: an engine, calls and recordings, keys. Out: decisions, credentials, or one of the [`Reason`]s why not.
//!
//! What the C library and the Python package have in common; each adds the manners of its language and nothing else.
#![forbid(unsafe_code)]

mod call;
mod credential;
mod decision;
mod error;

pub use call::{Pushed, Status, push};
pub use credential::{fresh_key, open, register, seal};
pub use decision::{Heard, hear, listen};
pub use error::{Error, Reason};
pub use peakstream_files::{audio_file, model_dir};

/// The tenant whose name is sealed into credentials when none is named: the server's first.
pub const DEFAULT_TENANT: &str = "default";
