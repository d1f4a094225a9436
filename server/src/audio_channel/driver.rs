//! In: one carrier's connection, whatever its transport. Out: its audio in the session's stream, reports, and how to end it.
//!
//! One task owns the socket, the protocol machine (both behind [`Feed`]) and, once the session is found, its end of the
//! session ([`crate::audio_channel::attached`]). Nothing is buffered beyond one message.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use peakstream::{AudioFormat, FormatFields};
use tokio::time::{Instant, sleep_until};

use crate::audio_channel::attached::{Attached, Over, Pace};
use crate::audio_channel::message_socket::WireClose;
use crate::audio_channel::wire::{AudioBytes, CloseCode, MediaFormat, Started};
use crate::ids::{CallId, Tenant};
use crate::session::actor::{Attachment, SessionHandle, SessionServices};
use crate::session::registry::CallKey;

/// How long audio is held for a session that does not exist yet.
const HOLD: Duration = Duration::from_secs(10);
/// How much of it: two seconds of the leanest format (8 kHz, one byte), less of any other. Then reading stops.
const HOLD_BYTES: usize = 16_000;
/// From the connection to the message that begins its stream.
pub const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connection ends.
#[derive(Debug)]
pub enum End {
    /// The server ends it; the text says why.
    Close(CloseCode, &'static str),
    /// The transport's own rules were broken.
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

/// What a connection gives next.
#[derive(Debug)]
pub enum Step {
    /// Its stream begins.
    Started(Started),
    /// Audio, in order.
    Audio(Piece),
    /// The sender ended the stream in one of the regular ways.
    Stopped(End),
    /// The connection has to end.
    Ended(End),
}

/// A piece of a stream, whether it came or not.
#[derive(Debug)]
pub enum Piece {
    /// It came.
    Heard(AudioBytes),
    /// So many packets did not.
    Lost(u64),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Heard(bytes) => bytes.len(),
            Self::Lost(_) => 0,
        }
    }

    /// Passes it to its session. `Some`: the session needs no more.
    async fn pass_to(&self, attached: &mut Attached) -> Option<Over> {
        match self {
            Self::Heard(bytes) => attached.take(bytes).await,
            Self::Lost(packets) => attached.conceal(*packets).await,
        }
    }
}

/// A socket and its protocol machine together.
pub trait Feed: Send {
    /// The next step. Cancelling it loses nothing: the machine keeps what it has not handed out.
    fn next(&mut self) -> impl Future<Output = Step> + Send;

    /// Whether it may bring audio for this call. One that may not learns no more than that the call is unknown.
    fn may_bring(&self, _call_id: &CallId) -> bool {
        true
    }

    /// Tells what the bytes are, once that is known.
    fn decoded_as(&mut self, _format: &AudioFormat) {}

    /// The stream is over: says in the log what it was like.
    fn summarise(&self) {}
}

/// Carries one connection of `tenant` until its end, and returns how to end it.
pub async fn run(feed: &mut impl Feed, tenant: Tenant, services: &Arc<SessionServices>) -> End {
    let started = tokio::select! {
        biased;
        () = services.shutdown.begun() => return Over::Server.into(),
        step = feed.next() => match step {
            Step::Started(started) => started,
            Step::Ended(end) | Step::Stopped(end) => return end,
            // The machines give no audio before the start.
            Step::Audio(_) => return End::Close(CloseCode::Policy, "media before start"),
        },
    };
    let mut held = Held::default();
    let pace = Pace::of(services, &tenant);
    let key = CallKey { tenant, call_id: started.call_id.clone() };
    let session = match find_session(feed, &key, &mut held, services).await {
        Ok(session) => session,
        Err(end) => return end,
    };
    let Ok(attachment) = session.attach().await else {
        return End::Close(CloseCode::Policy, "the call has its audio already");
    };
    stream(feed, attachment, session, &started, held, pace, services).await
}

/// Audio that came before its session.
#[derive(Default)]
struct Held {
    pieces: Vec<Piece>,
    bytes: usize,
    /// The sender ended the stream meanwhile.
    stopped: Option<End>,
}

/// Waits for the session of `key`, keeping what the carrier sends meanwhile.
async fn find_session(
    feed: &mut impl Feed,
    key: &CallKey,
    held: &mut Held,
    services: &Arc<SessionServices>,
) -> Result<SessionHandle, End> {
    let (until, may_bring) = (Instant::now() + HOLD, feed.may_bring(&key.call_id));
    let found = async {
        if may_bring {
            return services.registry.wait_for(key, until).await;
        }
        tracing::info!(tenant = key.tenant.name(), "a stream is not listened to: not signed, and no key");
        services.registry.wait_in_vain(key, until).await;
        None
    };
    tokio::pin!(found);
    loop {
        // A stream that is over, or enough of it held: no more reading.
        let reading = held.stopped.is_none() && held.bytes < HOLD_BYTES;
        tokio::select! {
            biased;
            session = &mut found => return session.ok_or(End::Close(CloseCode::Policy, "unknown call_id")),
            () = services.shutdown.begun() => return Err(Over::Server.into()),
            step = feed.next(), if reading => match step {
                Step::Audio(piece) => {
                    held.bytes += piece.len();
                    held.pieces.push(piece);
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
    feed: &mut impl Feed,
    attachment: Attachment,
    session: SessionHandle,
    started: &Started,
    held: Held,
    pace: Pace,
    services: &Arc<SessionServices>,
) -> End {
    let audio = &attachment.request.audio;
    let format = match &started.media_format {
        Some(announced) => carrier_format(announced, audio.declared.fields()),
        None => Some(audio.format),
    };
    if let Some(format) = &format {
        feed.decoded_as(format);
    }
    let Ok(attached) = Attached::new(services, session, attachment, format, pace).await else {
        return End::Close(CloseCode::Policy, "unsupported media format");
    };
    let end = live(feed, attached, held).await;
    feed.summarise();
    end
}

/// From the first audio to the last.
async fn live(feed: &mut impl Feed, mut attached: Attached, held: Held) -> End {
    for piece in held.pieces {
        if let Some(over) = piece.pass_to(&mut attached).await {
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
            Step::Audio(piece) => {
                if let Some(over) = piece.pass_to(&mut attached).await {
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

/// What bytes are that a carrier has announced; `None`: something that cannot be decoded.
///
/// Where the announcement contradicts signalling it is right, because it comes from the encoder. It mostly does not say how
/// samples are laid out; then that part is taken from signalling where the two go together.
fn carrier_format(announced: &MediaFormat, declared: FormatFields<'_>) -> Option<AudioFormat> {
    let parse = |sample_format| {
        let fields = FormatFields {
            audio_codec: &announced.codec,
            sample_format,
            sample_rate: announced.sample_rate,
            channels: announced.channels,
            // One that the carrier does not send cannot be the caller's.
            channel: if declared.channel > announced.channels { 1 } else { declared.channel },
            ..declared
        };
        AudioFormat::parse(&fields).ok()
    };
    parse(announced.layout.unwrap_or(declared.sample_format)).or_else(|| parse(""))
}

/// Returns when the time has come; never, if there is none.
pub async fn due(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
