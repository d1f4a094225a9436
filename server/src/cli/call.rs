//! `peakstream call`. In: a recording, and the call id of a session. Out: the recording as a live call, and how the server
//! ended it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use peakstream::SampleRate;
use serde_json::json;

use super::output::{self, Answer, CliError};
use crate::audio_file::{self, RawForm, ReadOptions};
use crate::client::media_streams::{self, Call, Dialect, EndedBy, MediaFormat, Outcome, Speed};

/// With `--loop`, a recording is repeated for at most this long; no session waits longer.
const LOOP_LIMIT: Duration = Duration::from_secs(600);

const EXAMPLES: &str = "\
Examples:
  peakstream call --call-id 888806c3-3391-4d73-bb86-e5874e6ed5b4 alice.wav
  peakstream call --url wss://voice.example.com/twilio --call-id CA1 --speed 4 --loop alice.flac
  peakstream call --call-id CA1 --codec pcm --rate 16000 --minimal alice.wav
  peakstream call --call-id CA1 --codec alaw recorded-on-the-line.al

First create a session with that call id (Socket.IO `initialize`, audio_protocol \"twilio\", the
same codec and rate), and start the call when it answers info-consumer-ready. The server closes
the connection when it has heard enough. Exit status 0 says that the server closed normally; the
session says what it made of the call.
";

/// Send a recording to a server as a carrier would
///
/// Speaks Twilio Media Streams, or with --minimal the documented subset of it, in real time or faster.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    /// Recording: WAV, FLAC, or samples without a header in the codec named with --codec
    file: PathBuf,
    /// Audio channel of the server
    #[arg(long, default_value = "ws://127.0.0.1:8080/twilio")]
    url: String,
    /// Call id of the session the call belongs to
    #[arg(long, value_name = "ID")]
    call_id: String,
    /// Times real time; 0 sends as fast as the server reads
    #[arg(long, value_name = "TIMES", default_value = "1", value_parser = speed)]
    speed: Speed,
    /// Audio in each message
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    chunk_ms: u64,
    /// Codec on the wire, as in the session: mulaw, alaw, pcm (16 bit) [default: mulaw]
    #[arg(long)]
    codec: Option<String>,
    /// Sampling rate on the wire, as in the session
    #[arg(long, value_name = "HZ", default_value = "8000", value_parser = rate)]
    rate: SampleRate,
    /// Channel of the recording to send, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    channel: u16,
    /// Interleaved channels of a recording without a header
    #[arg(long, value_name = "N", default_value_t = 1, requires = "codec", value_parser = clap::value_parser!(u16).range(1..=64))]
    channels: u16,
    /// Send only what the subset for other platforms needs: one start, then payloads, no stop
    #[arg(long)]
    minimal: bool,
    /// Repeat the recording until the server closes, for 10 minutes at most
    #[arg(long = "loop")]
    repeat: bool,
    /// After the last message, wait this long for the server to close
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=3600))]
    wait: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Parses times real time.
///
/// # Errors
/// Anything but a finite number from 0.
pub fn speed(text: &str) -> Result<Speed, String> {
    let speed = text.parse().ok().and_then(Speed::new);
    speed.ok_or_else(|| "a number from 0, such as 1 (real time) or 4".to_owned())
}

fn rate(text: &str) -> Result<SampleRate, String> {
    let rate = text.parse().ok().and_then(SampleRate::from_hz);
    rate.ok_or_else(|| "8000 or 16000".to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(place(args), args.json)
}

fn place(args: &Args) -> Result<Answer, CliError> {
    let codec = args.codec.as_deref().unwrap_or("mulaw");
    let encoding =
        audio_file::parse_codec(codec).map_err(|text| CliError::Usage(format!("--codec: {text}")))?;
    // A recording without a header is on the wire as it is in the file. Only a codec that was named can vouch for that.
    let raw =
        args.codec.as_ref().map(|_| RawForm { encoding, rate: args.rate.hz(), channels: args.channels });
    let recording =
        audio_file::read(&args.file, &ReadOptions { raw, channel: args.channel })?.at(args.rate)?;
    let format = MediaFormat {
        encoding: format!("audio/x-{codec}"),
        rate: args.rate.hz(),
        sample_bytes: encoding.bytes(),
    };
    let call = Call {
        url: args.url.clone(),
        call_id: args.call_id.clone(),
        dialect: if args.minimal { Dialect::Subset } else { Dialect::Twilio },
        format,
        chunk: Duration::from_millis(args.chunk_ms),
        speed: args.speed,
        repeat_until: args.repeat.then_some(LOOP_LIMIT),
        patience: Duration::from_secs(args.wait),
    };
    let length = recording.duration();
    let bar = progress_bar(if args.repeat { None } else { Some(length) }, args.json);
    let runtime = super::runtime()?;
    let audio = recording.encode(encoding);
    let sending = media_streams::send(&call, &audio, |sent| {
        bar.set_position(sent.as_millis() as u64);
        bar.set_message(format!("{:.1} s", sent.as_secs_f64()));
    });
    let outcome = runtime.block_on(sending);
    bar.finish_and_clear();
    let outcome = outcome?;
    if args.json {
        output::print_json(&as_json(&outcome))?;
    } else {
        output::print(&in_words(&outcome))?;
    }
    Ok(Answer::from(closed_normally(&outcome.ended_by)))
}

fn progress_bar(length: Option<Duration>, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => {
            let end = format!("of {:.1} s", length.as_secs_f64());
            let bar = ProgressBar::new(length.as_millis() as u64).with_prefix(end);
            (bar, "sending {bar:40.cyan} {msg} {prefix}")
        }
        None => (ProgressBar::new_spinner(), "{spinner:.cyan} sending, {msg}"),
    };
    // The template is a constant; the default style is as good if it were wrong.
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// 1000 is what the server closes with when it has heard enough; 1001 and 1005 are what proxies make of it.
fn closed_normally(end: &EndedBy) -> bool {
    matches!(end, EndedBy::Server { code: 1000 | 1001 | 1005, .. })
}

fn in_words(outcome: &Outcome) -> String {
    let end = match &outcome.ended_by {
        EndedBy::Server { code, reason } => {
            let meaning = match code {
                1000 | 1001 | 1005 if outcome.stopped => {
                    "the call was sent to its end, and the server closed it"
                }
                1000 | 1001 | 1005 => "the server has heard enough and closed the call",
                1008 => {
                    "the server refused the call: is there a session with this call id, and not another call?"
                }
                _ => "the server closed the call with an error",
            };
            let reason = if reason.is_empty() { String::new() } else { format!(", \"{reason}\"") };
            format!("{meaning} (code {code}{reason})")
        }
        EndedBy::Dropped { detail } => format!("the connection broke: {detail}"),
        EndedBy::Sender => {
            "all was sent, and the server still wanted more: try --loop, or a longer recording".to_owned()
        }
    };
    let (audio, elapsed) = (outcome.audio.as_secs_f64(), outcome.elapsed.as_secs_f64());
    format!("{end}\nsent {audio:.2} s of audio in {} messages within {elapsed:.2} s", outcome.messages)
}

fn as_json(outcome: &Outcome) -> serde_json::Value {
    let (ended_by, code, reason) = match &outcome.ended_by {
        EndedBy::Server { code, reason } => ("server", Some(*code), reason.as_str()),
        EndedBy::Dropped { detail } => ("dropped", None, detail.as_str()),
        EndedBy::Sender => ("sender", None, ""),
    };
    json!({
        "closed_normally": closed_normally(&outcome.ended_by), "stop_sent": outcome.stopped, "ended_by": ended_by, "code": code, "reason": reason,
        "messages": outcome.messages, "audio_seconds": outcome.audio.as_secs_f64(),
        "elapsed_seconds": outcome.elapsed.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ended_by: EndedBy) -> Outcome {
        Outcome {
            ended_by,
            stopped: false,
            messages: 50,
            audio: Duration::from_secs(1),
            elapsed: Duration::from_secs(2),
        }
    }

    #[test]
    fn only_a_server_that_closes_normally_is_a_yes() {
        let server = |code| EndedBy::Server { code, reason: String::new() };
        assert!(closed_normally(&server(1000)));
        assert!(!closed_normally(&server(1008)) && !closed_normally(&server(1011)));
        assert!(!closed_normally(&EndedBy::Sender));
        assert!(!closed_normally(&EndedBy::Dropped { detail: String::new() }));
    }

    #[test]
    fn every_end_is_told_with_what_to_do_about_it() {
        let unknown = EndedBy::Server { code: 1008, reason: "unknown call_id".into() };
        let text = in_words(&outcome(unknown));
        assert!(text.contains("session with this call id") && text.contains("unknown call_id"), "{text}");
        assert!(in_words(&outcome(EndedBy::Sender)).contains("--loop"));
        let enough = outcome(EndedBy::Server { code: 1000, reason: String::new() });
        assert!(in_words(&enough).contains("heard enough"));
        assert!(
            !in_words(&Outcome { stopped: true, ..enough }).contains("heard enough"),
            "or the call was over"
        );
        assert_eq!(as_json(&outcome(EndedBy::Sender))["code"], serde_json::Value::Null);
    }
}
