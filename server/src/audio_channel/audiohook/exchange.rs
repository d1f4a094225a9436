//! What the AudioHook machine and its driver say to each other: [`Output`]s out of the machine, [`Command`]s into it.

use peakstream::AudioFormat;
use serde_json::Value;

use crate::audio_channel::audiohook::message::{CloseReason, StreamTime};
use crate::audio_channel::wire::{AudioBytes, CloseCode};
use crate::ids::CallId;

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// Send this text message.
    Send(String),
    /// A call begins: look for its session and give an [`Command::Answer`].
    Opening(Box<Opening>),
    /// The caller's audio, in whole samples.
    Audio(AudioBytes),
    /// The client ends the session: finish, then give [`Command::Closed`].
    Closing(CloseReason),
    /// A rule was broken, and the client has been told: the call gives no more audio.
    Failed(&'static str),
    /// End the connection.
    Close(CloseCode, &'static str),
}

/// A call that begins.
#[derive(Debug)]
pub struct Opening {
    /// What joins it with its session.
    pub call_id: CallId,
    /// Earlier connections of the same call.
    pub continued: Vec<String>,
    /// What its audio is.
    pub format: AudioFormat,
}

/// What the driver has decided.
#[derive(Clone, Debug)]
pub enum Command {
    /// Everything before this point of the stream was heard on another connection.
    Known(StreamTime),
    /// The answer to `open`: whether audio is wanted now.
    Answer(bool),
    /// Audio is wanted, or not any more.
    Listen(bool),
    /// Something to tell.
    Event(Value),
    /// The end, in order.
    Disconnect {
        /// Logged by Genesys: no personal data.
        info: &'static str,
        /// For the flow.
        outputs: Option<Value>,
    },
    /// There is no room for this call now; the client tries again.
    Refuse(&'static str),
    /// Everything is finished that the client's `close` waits for.
    Closed {
        /// For the flow.
        outputs: Option<Value>,
    },
    /// Another connection goes on with the call; this one waits for its `close`.
    HandedOver,
    /// The server stops.
    Stop,
}

/// What did not go as it should, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Messages of unknown type, and messages after `close` that are none.
    pub unknown: u64,
    /// Audio messages that came when none should.
    pub untimely_audio: u64,
    /// Messages of ours that had no room.
    pub left_out: u64,
    /// Complaints of the client.
    pub complaints: u64,
}
