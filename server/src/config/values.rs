//! In: the text of one value. Out: what it is, or what it has to be.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use peakstream::{AttackRate, JudgementLimits, Precision, Threshold};

use crate::audio_channel::media_streams::message::Track;
use crate::ids::Tenant;

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "must be a number of seconds, 0 or more".to_owned())
}

pub(crate) fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| "must be a whole number of milliseconds".to_owned())
}

pub(crate) fn threshold(text: &str) -> Result<Threshold, String> {
    text.parse().ok().and_then(Threshold::new).ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

pub(crate) fn attack_rate(text: &str) -> Result<AttackRate, String> {
    let rate = text.parse().ok().and_then(AttackRate::new);
    rate.ok_or_else(|| "must be a number between 0 and 1".to_owned())
}

pub(crate) fn judged_seconds(text: &str) -> Result<f64, String> {
    within(text, JudgementLimits::SECONDS)
}

pub(crate) fn judged_decibels(text: &str) -> Result<f32, String> {
    within(text, JudgementLimits::DECIBELS)
}

fn within<T: FromStr + PartialOrd + Display>(text: &str, [least, most]: [T; 2]) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| format!("must be a number from {least} to {most}"))
}

/// Of the precisions by name.
pub(crate) fn precision() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::ALL.map(Precision::name)).try_map(|name| name.parse::<Precision>())
}

pub(crate) fn tenant(text: &str) -> Result<Tenant, String> {
    Tenant::parse(text)
        .ok_or_else(|| "must be a tenant's name: lower-case letters, digits and hyphens".to_owned())
}

pub(crate) fn track(text: &str) -> Result<Track, String> {
    Track::chosen(text).ok_or_else(|| "must be inbound or outbound".to_owned())
}

pub(crate) fn path(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    if path.len() > 1 && path.starts_with('/') && !path.contains(['{', '}', '*', '?', '#', ' ']) {
        Ok(path.to_owned())
    } else {
        Err("must begin with / and be a plain path".to_owned())
    }
}
