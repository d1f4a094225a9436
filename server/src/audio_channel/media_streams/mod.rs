//! In: the text messages of a Media Streams carrier. Out: audio in order, the call's identity, the close code.

pub mod machine;
pub mod message;
