//! A channel's number enters, the engine's channel type leaves; and back.

use peakstream::ChannelType;

use crate::outcome::{Failure, argument};

/// What the voice comes through: decides the front end and the calibration.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Everything is limited to the telephone band.
    Telephone = 0,
    /// The full band; needs 16 kHz or more.
    Microphone = 1,
}

pub(crate) fn channel_type(channel: u32) -> Result<ChannelType, Failure> {
    match channel {
        channel if channel == Channel::Telephone as u32 => Ok(ChannelType::Telephone),
        channel if channel == Channel::Microphone as u32 => Ok(ChannelType::Microphone),
        other => Err(argument("channel_type", &other, "PEAKSTREAM_CHANNEL_TELEPHONE or _MICROPHONE")),
    }
}

pub(crate) const fn channel(channel_type: ChannelType) -> Channel {
    match channel_type {
        ChannelType::Telephone => Channel::Telephone,
        ChannelType::Microphone => Channel::Microphone,
    }
}
