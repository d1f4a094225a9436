//! In: the audio of a call that has found its session. Out: reports to the session, and whether it wants more.
//!
//! Whoever owns the carrier's connection owns this too: no audio crosses a thread. A session that is behind makes the owner
//! wait, and so does a tenant's limit of bytes; then the owner does not read, and the sender's TCP stalls. After every block
//! of audio (about half a second, a few milliseconds of work) the task yields, so that a file sent at full speed takes turns
//! with the live calls.

use std::sync::Arc;
use std::time::Duration;

use peakstream::{AudioFormat, CallStream, Framing, Pushed, StreamFault};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::ids::{SessionId, Tenant};
use crate::session::actor::{Attachment, Report, SessionHandle, SessionServices};
use crate::session::error::AudioFault;
use crate::session::event::Progress;

/// How often a session is told that audio arrived, between blocks.
const HEARD_INTERVAL: Duration = Duration::from_secs(1);

/// Lost packets in a row that are concealed: 100 ms of a telephone stream. What the codec makes up fades until then; of the
/// sixth on, its music mode makes noise as loud as the speech was, and its speech mode silence
/// (`core/tests/concealed_opus_fades.rs` measures both). More is left out, as everything is that was not heard.
const MOST_CONCEALED: u64 = 5;

/// Why a session takes no more audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// There is enough speech for the decision.
    Enough,
    /// It ended otherwise: cancelled, timed out.
    Session,
    /// The server stops.
    Server,
    /// The audio is not what was declared, or cannot be decoded; the session has been told.
    Audio,
}

/// How fast the audio of a tenant may come in, if that is limited. Taken when the connection begins.
#[derive(Clone, Debug)]
pub struct Pace {
    tenant: Tenant,
    bytes_per_second: Option<f64>,
}

impl Pace {
    /// What the tenant's limits say now.
    pub fn of(services: &SessionServices, tenant: &Tenant) -> Self {
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

/// A session and the stream that collects its speech.
#[derive(Debug)]
pub struct Attached {
    services: Arc<SessionServices>,
    session: SessionHandle,
    id: SessionId,
    /// `None` once it is given back.
    stream: Option<Box<CallStream>>,
    stop: oneshot::Receiver<()>,
    /// When the session last heard of audio.
    heard: Instant,
    pace: Pace,
    contradiction_told: bool,
    fault: Option<StreamFault>,
}

impl Attached {
    /// Joins a session's attachment with audio of `format`; `None`: audio that cannot be decoded. The stream was opened for
    /// what signalling agreed; a carrier that sends something else gets one of its own.
    ///
    /// # Errors
    /// If there is no decoder for it; the session has been told.
    pub async fn new(
        services: &Arc<SessionServices>,
        session: SessionHandle,
        attachment: Attachment,
        format: Option<AudioFormat>,
        pace: Pace,
    ) -> Result<Self, UnsupportedFormat> {
        let Attachment { session: id, request, stream, stop } = attachment;
        let stream = match format {
            // After a connection that ended early, the stream is the one of that connection.
            Some(format) if format == *stream.declared() => Some(stream),
            Some(format) => {
                tracing::info!(session = %id, "the audio comes in another format than the session declared; its own is used");
                services.biometrics.open(&request, format).ok().map(Box::new)
            }
            None => None,
        };
        let Some(stream) = stream else {
            let fault =
                AudioFault::Format("the format of the audio is not supported for this session".into());
            session.report(Report::Failed(fault, Progress::default())).await;
            return Err(UnsupportedFormat);
        };
        let (services, heard) = (Arc::clone(services), Instant::now());
        Ok(Self {
            services,
            session,
            id,
            stream: Some(stream),
            stop,
            heard,
            pace,
            contradiction_told: false,
            fault: None,
        })
    }

    /// Why the audio cannot be heard, after [`Over::Audio`].
    pub const fn fault(&self) -> Option<&StreamFault> {
        self.fault.as_ref()
    }

    /// Which session this is.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns when the session wants no more audio for a reason that is not the audio. Cancelling it loses nothing.
    pub async fn over(&mut self) -> Over {
        // The end of the server is the session's too; waiting for it here would cost every message a lock that all calls share.
        let _ = (&mut self.stop).await;
        self.stopped()
    }

    /// Takes audio, and then as long as the tenant's limit wants. `Some`: the session needs no more.
    pub async fn take(&mut self, bytes: &[u8]) -> Option<Over> {
        let over = self.push(bytes).await;
        if over.is_some() {
            return over;
        }
        let until = self.pace.after(&self.services, bytes.len())?;
        while Instant::now() < until {
            tokio::select! {
                biased;
                over = self.over() => return Some(over),
                () = sleep_until(until.min(Instant::now() + HEARD_INTERVAL)) => {}
            }
            // There is audio, only we do not read it: the session must not take that for silence.
            self.heard = Instant::now();
            self.session.report(Report::Heard).await;
        }
        None
    }

    async fn push(&mut self, mut bytes: &[u8]) -> Option<Over> {
        while !bytes.is_empty() {
            let stream = self.stream.as_mut()?;
            let pushed = match stream.format().framing() {
                Framing::Bytes => stream.push(bytes),
                // What a carrier's message holds is one packet.
                Framing::Packets => stream.push_packet(bytes),
            };
            bytes = &bytes[pushed.consumed..];
            let over = self.follow(&pushed).await;
            if over.is_some() {
                return over;
            }
        }
        if self.heard.elapsed() >= HEARD_INTERVAL {
            self.heard = Instant::now();
            self.session.report(Report::Heard).await;
        }
        None
    }

    /// Packets were lost on the way: a codec of packets conceals them, `MOST_CONCEALED` in a row. For audio that is not in
    /// packets it changes nothing. `Some`: the session needs no more.
    pub async fn conceal(&mut self, packets: u64) -> Option<Over> {
        for _ in 0..packets.min(MOST_CONCEALED) {
            let stream =
                self.stream.as_mut().filter(|stream| stream.format().framing() == Framing::Packets)?;
            let pushed = stream.push_packet(&[]);
            let over = self.follow(&pushed).await;
            if over.is_some() {
                return over;
            }
        }
        None
    }

    /// Reports what came of the audio that was pushed last. `Some`: the session needs no more.
    async fn follow(&mut self, pushed: &Pushed) -> Option<Over> {
        if let Some(fault) = pushed.fault {
            return Some(self.unheard(fault).await);
        }
        let stream = self.stream.as_mut()?;
        if let Some(speech) = stream.take_speech() {
            // The rest of the block is still to come; meanwhile its decision can be made.
            let wait = if pushed.status.is_some() { Duration::ZERO } else { stream.until_status() };
            let progress = Progress::from(&stream.status());
            let due = Instant::now() + wait;
            self.session.report(Report::Complete(progress, Box::new(speech), due)).await;
        }
        let status = pushed.status?;
        self.tell_contradiction();
        let progress = Progress::from(&status);
        self.heard = Instant::now();
        if status.enough {
            self.stream = None;
            self.session.report(Report::Enough(progress)).await;
            return Some(Over::Enough);
        }
        tokio::select! {
            biased;
            _ = &mut self.stop => return Some(self.stopped()),
            () = self.session.report(Report::Progress(progress)) => {}
        }
        tokio::task::yield_now().await;
        None
    }

    /// The call cannot be heard: its session ends.
    async fn unheard(&mut self, fault: StreamFault) -> Over {
        self.fault = Some(fault);
        if let Some(stream) = self.stream.take() {
            let progress = Progress::from(&stream.status());
            self.session.report(Report::Failed(AudioFault::Format(fault.to_string()), progress)).await;
        }
        Over::Audio
    }

    /// Says once in the log that a header in the stream contradicts signalling.
    fn tell_contradiction(&mut self) {
        let actual = self.stream.as_ref().and_then(|stream| stream.contradiction());
        if let (Some(actual), false) = (actual, self.contradiction_told) {
            tracing::info!(session = %self.id, ?actual, "the stream's header contradicts the session; it is right");
            self.contradiction_told = true;
        }
    }

    fn stopped(&self) -> Over {
        if self.services.shutdown.has_begun() { Over::Server } else { Over::Session }
    }

    /// There is no audio, and that is in order: its sender is on hold.
    pub async fn heard(&mut self) {
        self.heard = Instant::now();
        self.session.report(Report::Heard).await;
    }

    /// The audio ended in one of the regular ways: the session gets its stream back.
    pub async fn ended(self) {
        if let Some(stream) = self.stream {
            let progress = Progress::from(&stream.status());
            self.session.report(Report::Ended(progress, stream)).await;
        }
    }

    /// The audio ended because it is damaged; the text says how.
    pub async fn damaged(self, how: String) {
        if let Some(stream) = self.stream {
            let progress = Progress::from(&stream.status());
            self.session.report(Report::Failed(AudioFault::Format(how), progress)).await;
        }
    }

    /// The audio ended because the sender broke a rule; the text says which.
    pub async fn failed(self, rule: &'static str) {
        if let Some(stream) = self.stream {
            let progress = Progress::from(&stream.status());
            self.session.report(Report::Failed(AudioFault::Protocol(rule), progress)).await;
        }
    }
}

/// Audio that cannot be decoded. Its session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedFormat;
