//! In: one carrier's connection. Out: its audio in the session's stream, reports, and one close code.
//!
//! One task owns the socket, the protocol machine and, once the session is found, its end of the session
//! ([`crate::audio_channel::attached`]). Nothing is buffered beyond one message.

use std::sync::Arc;
use std::time::Duration;

use peakstream::{AudioFormat, FormatFields};
use tokio::time::{Instant, sleep_until};

use crate::audio_channel::attached::{Attached, Over, Pace};
use crate::audio_channel::media_streams::machine::{Machine, Output, Started};
use crate::audio_channel::media_streams::message::MediaFormat;
use crate::audio_channel::websocket::{AudioSocket, Incoming, WireClose};
use crate::audio_channel::wire::{AudioBytes, CloseCode};
use crate::ids::Tenant;
use crate::session::actor::{Attachment, SessionHandle, SessionServices};
use crate::session::registry::CallKey;
use crate::session::request::audio::AudioSettings;

/// How long audio is held for a session that does not exist yet.
const HOLD: Duration = Duration::from_secs(10);
/// How much of it: two seconds of the leanest format (8 kHz, one byte), less of any other. Then reading stops.
const HOLD_BYTES: usize = 16_000;
/// From the upgrade to the start message.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connection ends.
#[derive(Debug)]
enum End {
    Close(CloseCode, &'static str),
    Broken(WireClose),
    /// The other side closed or vanished.
    Gone,
}

impl End {
    /// What the other side is told, if it is still there.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Close(_, reason) => reason,
            Self::Broken(why) => why.reason(),
            Self::Gone => "connection lost",
        }
    }
}

impl From<Over> for End {
    fn from(over: Over) -> Self {
        match over {
            Over::Enough => Self::Close(CloseCode::Normal, "enough audio"),
            Over::Session => Self::Close(CloseCode::Normal, "session over"),
            Over::Server => Self::Close(CloseCode::GoingAway, "server is stopping"),
            Over::Audio => Self::Close(CloseCode::Policy, "audio cannot be decoded"),
        }
    }
}

/// Serves one connection of `tenant` until its end.
pub async fn serve(mut socket: AudioSocket, tenant: Tenant, services: Arc<SessionServices>) {
    let _counted = services.registry.audio_connected();
    let end = run(&mut socket, tenant, &services).await;
    tracing::debug!(?end, "audio connection ends");
    match end {
        End::Close(code, reason) => socket.close(code, reason).await,
        End::Broken(why) => socket.close_broken(why).await,
        End::Gone => socket.finish().await,
    }
}

async fn run(socket: &mut AudioSocket, tenant: Tenant, services: &Arc<SessionServices>) -> End {
    let machine = Machine::new((Instant::now() + START_TIMEOUT).into_std());
    let mut feed = Feed { machine, socket, services, gone: false };
    let started = tokio::select! {
        biased;
        () = services.shutdown.begun() => return End::Close(CloseCode::GoingAway, "server is stopping"),
        step = feed.next() => match step {
            Step::Started(started) => started,
            Step::Ended(end) | Step::Stopped(end) => return end,
            // The machine gives no audio before the start.
            Step::Audio(_) => return End::Close(CloseCode::Policy, "media before start"),
        },
    };
    let mut held = Held::default();
    let pace = Pace::of(services, &tenant);
    let key = CallKey { tenant, call_id: started.call_id.clone() };
    let session = match find_session(&mut feed, &key, &mut held).await {
        Ok(session) => session,
        Err(end) => return end,
    };
    let Ok(attachment) = session.attach().await else {
        return End::Close(CloseCode::Policy, "the call has its audio already");
    };
    stream(feed, attachment, session, &started, held, pace).await
}

/// Audio that came before its session.
#[derive(Default)]
struct Held {
    pieces: Vec<AudioBytes>,
    bytes: usize,
    /// The sender ended the stream meanwhile.
    stopped: Option<End>,
}

/// Waits for the session of `key`, keeping what the carrier sends meanwhile.
async fn find_session(feed: &mut Feed<'_>, key: &CallKey, held: &mut Held) -> Result<SessionHandle, End> {
    let services = feed.services;
    let found = services.registry.wait_for(key, Instant::now() + HOLD);
    tokio::pin!(found);
    loop {
        // A stream that is over, or enough of it held: no more reading.
        let reading = held.stopped.is_none() && held.bytes < HOLD_BYTES;
        tokio::select! {
            biased;
            session = &mut found => return session.ok_or(End::Close(CloseCode::Policy, "unknown call_id")),
            () = services.shutdown.begun() => return Err(End::Close(CloseCode::GoingAway, "server is stopping")),
            step = feed.next(), if reading => match step {
                Step::Audio(bytes) => {
                    held.bytes += bytes.len();
                    held.pieces.push(bytes);
                }
                // The audio may be complete: a short file, sent faster than its session was created.
                Step::Stopped(end) => held.stopped = Some(end),
                Step::Ended(end) => return Err(end),
                Step::Started(_) => {}
            },
        }
    }
}

/// The attached part of a connection.
async fn stream(
    mut feed: Feed<'_>,
    attachment: Attachment,
    session: SessionHandle,
    started: &Started,
    held: Held,
    pace: Pace,
) -> End {
    let agreed = attachment.request.audio.format;
    let format = carrier_format(&attachment.request.audio, started);
    feed.machine.set_bytes_per_second(agreed.bytes_per_second());
    let Ok(attached) = Attached::new(feed.services, session, attachment, format, pace).await else {
        return End::Close(CloseCode::Policy, "unsupported media format");
    };
    let session = attached.id();
    let end = live(&mut feed, attached, held).await;
    let continuity = feed.machine.continuity();
    tracing::debug!(%session, ?continuity, "audio of the session ended");
    end
}

/// From the first audio to the last.
async fn live(feed: &mut Feed<'_>, mut attached: Attached, held: Held) -> End {
    for piece in held.pieces {
        if let Some(over) = attached.take(&piece).await {
            return over.into();
        }
    }
    if let Some(end) = held.stopped {
        attached.ended().await;
        return end;
    }
    loop {
        let step = tokio::select! {
            biased;
            over = attached.over() => return over.into(),
            step = feed.next() => step,
        };
        match step {
            Step::Audio(bytes) => {
                if let Some(over) = attached.take(&bytes).await {
                    return over.into();
                }
            }
            Step::Stopped(end) | Step::Ended(end @ End::Gone) => {
                attached.ended().await;
                return end;
            }
            Step::Ended(end) => {
                attached.failed(end.reason()).await;
                return end;
            }
            Step::Started(_) => {}
        }
    }
}

/// Which format the bytes have; `None`: one that cannot be decoded.
///
/// The minimal subset announces nothing: signalling decides. Real Twilio announces what it sends: if that contradicts
/// signalling, the announcement is right, because it comes from the encoder. It does not say how samples are laid out, so
/// that part is taken from signalling where the two go together.
fn carrier_format(agreed: &AudioSettings, started: &Started) -> Option<AudioFormat> {
    let Some(MediaFormat { codec, sample_rate, channels }) = &started.media_format else {
        return Some(agreed.format);
    };
    let declared = agreed.declared.fields();
    let announced = FormatFields {
        audio_codec: codec,
        sample_rate: *sample_rate,
        channels: *channels,
        // One that the carrier does not send cannot be the caller's.
        channel: if declared.channel > *channels { 1 } else { declared.channel },
        ..declared
    };
    AudioFormat::parse(&announced)
        .or_else(|_| AudioFormat::parse(&FormatFields { sample_format: "", ..announced }))
        .ok()
}

/// What the connection gives next.
enum Step {
    Started(Started),
    Audio(AudioBytes),
    /// The sender ended the stream in one of the regular ways.
    Stopped(End),
    /// The connection has to end because a rule was broken.
    Ended(End),
}

/// Socket and machine together: messages in, steps out.
struct Feed<'a> {
    machine: Machine,
    socket: &'a mut AudioSocket,
    services: &'a Arc<SessionServices>,
    /// The other side has closed, or vanished.
    gone: bool,
}

impl Feed<'_> {
    /// The next step. Cancelling it loses nothing: the machine keeps what it has not handed out.
    async fn next(&mut self) -> Step {
        loop {
            match self.machine.poll_output() {
                Some(Output::Started(started)) => return Step::Started(started),
                Some(Output::Audio(bytes)) => return Step::Audio(bytes),
                Some(Output::Stopped) if self.gone => return Step::Stopped(End::Gone),
                Some(Output::Stopped) => return Step::Stopped(End::Close(CloseCode::Normal, "stream ended")),
                Some(Output::Close(code, reason)) => return Step::Ended(End::Close(code, reason)),
                None => {}
            }
            let deadline = self.machine.deadline().map(Instant::from_std);
            tokio::select! {
                incoming = self.socket.receive() => match incoming {
                    Incoming::Text(text) => self.machine.handle_text(&text),
                    Incoming::Binary(_) => self.machine.handle_binary(),
                    Incoming::Gone => {
                        self.gone = true;
                        self.machine.handle_disconnect();
                    }
                    Incoming::Broken(why) => return Step::Ended(End::Broken(why)),
                },
                () = due(deadline) => self.machine.handle_timeout(Instant::now().into_std()),
            }
        }
    }
}

async fn due(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
