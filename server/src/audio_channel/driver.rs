//! In: one carrier's connection. Out: its audio in the session's stream, reports, and one close code.
//!
//! One task owns the socket, the protocol machine and, once the session is found, the [`CallStream`]: no audio crosses a
//! thread. Nothing is buffered beyond one message: when the session is behind, the task waits, stops reading, and the
//! sender's TCP stalls; so does a tenant's limit of bytes. After every block of audio (about half a second, a few milliseconds of work) the task yields, so
//! that a file sent at full speed takes turns with the live calls.

use std::sync::Arc;
use std::time::Duration;

use peakstream::{AudioFormat, CallStream, FormatFields};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::audio_channel::media_streams::machine::{CloseCode, Machine, Output, Started};
use crate::audio_channel::media_streams::message::{AudioBytes, MediaFormat};
use crate::audio_channel::websocket::{AudioSocket, Incoming, WireClose};
use crate::ids::Tenant;
use crate::session::actor::{Attachment, Report, SessionHandle, SessionServices};
use crate::session::error::AudioFault;
use crate::session::event::Progress;
use crate::session::registry::CallKey;

/// How long audio is held for a session that does not exist yet.
const HOLD: Duration = Duration::from_secs(10);
/// How much of it: two seconds of the leanest format (8 kHz, one byte), less of any other. Then reading stops.
const HOLD_BYTES: usize = 16_000;
/// From the upgrade to the start message.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a session is told that audio arrived, between blocks.
const HEARD_INTERVAL: Duration = Duration::from_secs(1);

/// How a connection ends.
#[derive(Debug)]
enum End {
    Close(CloseCode, &'static str),
    Broken(WireClose),
    /// The other side closed or vanished.
    Gone,
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

/// How fast the audio of a tenant may come in, if that is limited. Taken when the connection begins.
struct Pace {
    tenant: Tenant,
    bytes_per_second: Option<f64>,
}

impl Pace {
    fn of(services: &SessionServices, tenant: &Tenant) -> Self {
        let bytes_per_second = services.keyring.limits(tenant).bytes_per_second;
        Self { tenant: tenant.clone(), bytes_per_second }
    }

    /// When more may be read, after so many bytes.
    fn after(&self, services: &SessionServices, bytes: usize) -> Option<Instant> {
        let (rate, now) = (self.bytes_per_second?, Instant::now());
        let wait = services.limiter.audio(&self.tenant, rate, bytes, now.into_std());
        (wait > Duration::ZERO).then(|| now + wait)
    }
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
    let Attachment { session: id, request, stream, stop } = attachment;
    let agreed = request.audio.format;
    let stream = match carrier_format(&agreed, &request.audio.declared.sample_format, started) {
        Some(format) if format == agreed => Some(stream),
        Some(format) => {
            tracing::info!(session = %id, "the carrier announced another format than the session; its own is used");
            feed.services.biometrics.open(&request, format).ok().map(Box::new)
        }
        None => None,
    };
    feed.machine.set_bytes_per_second(agreed.bytes_per_second());
    let Some(stream) = stream else {
        let fault = AudioFault::Format("the carrier's mediaFormat is not supported for this session".into());
        session.report(Report::Failed(fault, Progress::default())).await;
        return End::Close(CloseCode::Policy, "unsupported media format");
    };
    let mut call = Call { feed, session, stream: Some(stream), stop, heard: Instant::now(), pace };
    let end = call.run(held).await;
    let continuity = call.feed.machine.continuity();
    tracing::debug!(session = %id, ?continuity, "audio of the session ended");
    end
}

/// Which format the bytes have; `None`: one that cannot be decoded.
///
/// The minimal subset announces nothing: signalling decides. Real Twilio announces what it sends: if that contradicts
/// signalling, the announcement is right, because it comes from the encoder. It does not say how samples are laid out, so
/// that part is taken from signalling where the two go together.
fn carrier_format(agreed: &AudioFormat, sample_format: &str, started: &Started) -> Option<AudioFormat> {
    let Some(MediaFormat { codec, sample_rate, channels }) = &started.media_format else {
        return Some(*agreed);
    };
    let parse = |sample_format| {
        let (audio_format, audio_codec) = ("raw", codec.as_str());
        let fields = FormatFields {
            audio_format,
            audio_codec,
            sample_format,
            sample_rate: *sample_rate,
            channels: *channels,
        };
        AudioFormat::parse(&fields).ok()
    };
    parse(sample_format).or_else(|| parse(""))
}

/// A live call: its connection, its session and its stream.
struct Call<'a> {
    feed: Feed<'a>,
    session: SessionHandle,
    /// `None` once it is given back.
    stream: Option<Box<CallStream>>,
    stop: oneshot::Receiver<()>,
    /// When the session last heard of audio.
    heard: Instant,
    pace: Pace,
}

impl Call<'_> {
    async fn run(&mut self, held: Held) -> End {
        for piece in held.pieces {
            if let Some(end) = self.take(&piece).await {
                return end;
            }
        }
        if let Some(end) = held.stopped {
            return self.ended(end).await;
        }
        loop {
            let step = tokio::select! {
                biased;
                () = self.feed.services.shutdown.begun() => return End::Close(CloseCode::GoingAway, "server is stopping"),
                _ = &mut self.stop => return self.stopped(),
                step = self.feed.next() => step,
            };
            match step {
                Step::Audio(bytes) => {
                    if let Some(end) = self.take(&bytes).await {
                        return end;
                    }
                }
                Step::Stopped(end) => return self.ended(end).await,
                Step::Ended(end) => return self.failed(end).await,
                Step::Started(_) => {}
            }
        }
    }

    /// Takes audio, and then as long as the tenant's limit wants. `Some`: the call needs no more audio.
    async fn take(&mut self, bytes: &[u8]) -> Option<End> {
        let end = self.push(bytes).await;
        if end.is_some() {
            return end;
        }
        let until = self.pace.after(self.feed.services, bytes.len())?;
        while Instant::now() < until {
            tokio::select! {
                biased;
                () = self.feed.services.shutdown.begun() => return Some(self.stopped()),
                _ = &mut self.stop => return Some(self.stopped()),
                () = sleep_until(until.min(Instant::now() + HEARD_INTERVAL)) => {}
            }
            // There is audio, only we do not read it: the session must not take that for silence.
            self.heard = Instant::now();
            self.session.report(Report::Heard).await;
        }
        None
    }

    /// Pushes audio and reports what comes out of it. `Some`: the call needs no more audio.
    async fn push(&mut self, mut bytes: &[u8]) -> Option<End> {
        while !bytes.is_empty() {
            let stream = self.stream.as_mut()?;
            let pushed = stream.push(bytes);
            bytes = &bytes[pushed.consumed..];
            let Some(status) = pushed.status else { continue };
            let progress = Progress::from(&status);
            self.heard = Instant::now();
            if status.enough {
                let speech = self.stream.take()?.finish();
                self.session.report(Report::Enough(progress, speech)).await;
                return Some(End::Close(CloseCode::Normal, "enough audio"));
            }
            tokio::select! {
                biased;
                _ = &mut self.stop => return Some(self.stopped()),
                () = self.session.report(Report::Progress(progress)) => {}
            }
            tokio::task::yield_now().await;
        }
        if self.heard.elapsed() >= HEARD_INTERVAL {
            self.heard = Instant::now();
            self.session.report(Report::Heard).await;
        }
        None
    }

    /// The session is over, or the server is.
    fn stopped(&self) -> End {
        if self.feed.services.shutdown.has_begun() {
            End::Close(CloseCode::GoingAway, "server is stopping")
        } else {
            End::Close(CloseCode::Normal, "session over")
        }
    }

    async fn ended(&mut self, end: End) -> End {
        if let Some(stream) = self.stream.take() {
            let progress = Progress::from(&stream.status());
            self.session.report(Report::Ended(progress, stream)).await;
        }
        end
    }

    async fn failed(&mut self, end: End) -> End {
        let how = match &end {
            End::Close(_, reason) => reason,
            End::Broken(why) => why.reason(),
            End::Gone => return self.ended(end).await,
        };
        if let Some(stream) = self.stream.take() {
            let progress = Progress::from(&stream.status());
            self.session.report(Report::Failed(AudioFault::Protocol(how), progress)).await;
        }
        end
    }
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
