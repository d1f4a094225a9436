//! In: a recording in the body of a request. Out: its audio in a live session, as if a carrier had sent it.
//!
//! The body is read as the session takes it, never whole: a session that is behind, or a tenant's limit of bytes, stops the
//! reading, and the client's TCP stalls. The recording is told by its first bytes before the session hears of it, so a
//! file of another kind leaves the session as it was; one that turns out to be damaged ends it, as a carrier's would.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt;
use peakstream::{AudioFormat, Encoding, WireRate};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::access::Sender;
use super::params::ResourceId;
use super::sessions::{find, parse_id};
use super::{ApiError, Rest};
use crate::audio_channel::attached::{Attached, Over, Pace};
use crate::recording::{Container, ENOUGH_TO_TELL, compressed};
use crate::session::actor::{Attachment, Report, SessionHandle, SessionServices};
use crate::session::error::{AudioFault, NotReady, SessionError};
use crate::session::event::Progress;
use crate::session::journal::Found;
use crate::session::request::Kind;

/// The largest recording: three minutes, the longest that a session listens, in stereo floats at 48 kHz.
pub(super) const MOST_BYTES: u64 = 72 << 20;
/// The longest pause within a body.
const PAUSE: Duration = Duration::from_secs(10);
/// Pieces of a compressed recording that may wait on each side of its decoder.
const WAITING: usize = 4;

/// The route of one kind of session.
pub(super) fn routes(kind: Kind) -> Router<Arc<Rest>> {
    Router::new().route(
        &format!("/{}_session/{{id}}/audio", kind.name()),
        post(move |state, sender, id, body| upload(kind, state, sender, id, body)),
    )
}

/// `POST /v1/{kind}_session/{id}/audio`
async fn upload(
    kind: Kind,
    State(rest): State<Arc<Rest>>,
    Sender(caller): Sender,
    ResourceId(id): ResourceId,
    body: Body,
) -> Result<Response, ApiError> {
    let tenant = caller.for_kind(kind)?;
    let found = find(&rest, tenant, kind, parse_id(&id)?)?;
    let Found::Live(entry) = &found else { return Err(ApiError::TakesNoAudio) };
    let services = rest.services()?;
    let mut body = Recording { body: body.into_data_stream(), start: Vec::new(), received: 0 };
    let container = body.tell().await?;
    let session = entry.session().clone();
    let attachment = session.attach().await.map_err(|_| ApiError::TakesNoAudio)?;
    let _counted = services.registry.audio_connected();
    let call = Call { services, session, attachment, pace: Pace::of(services, tenant) };
    match container {
        Container::Wav => call.hear(body, Call::wav).await?,
        #[cfg(feature = "opus")]
        Container::OggOpus { channels } => call.hear(body, |call| call.ogg(channels)).await?,
        Container::Flac | Container::Mp3 => call.hear_compressed(body).await?,
    }
    Ok((StatusCode::ACCEPTED, Json(found.resource())).into_response())
}

/// A body and what was read of it to tell what it is.
struct Recording {
    body: BodyDataStream,
    start: Vec<u8>,
    received: u64,
}

impl Recording {
    async fn tell(&mut self) -> Result<Container, ApiError> {
        while self.start.len() < ENOUGH_TO_TELL
            && let Some(bytes) = self.read().await?
        {
            self.start.extend(&bytes);
        }
        Container::of(&self.start).ok_or(ApiError::UnknownContainer)
    }

    /// What comes next; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        if self.start.is_empty() {
            self.read().await
        } else {
            Ok(Some(std::mem::take(&mut self.start).into()))
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, ApiError> {
        let next = timeout(PAUSE, self.body.next()).await.map_err(|_| ApiError::TooSlow)?;
        let Some(bytes) = next else { return Ok(None) };
        let bytes =
            bytes.map_err(|_| ApiError::Unreadable("The body could not be read to its end".into()))?;
        self.received += bytes.len() as u64;
        if self.received > MOST_BYTES {
            return Err(ApiError::RecordingTooLarge);
        }
        Ok(Some(bytes))
    }

    /// Reads what nobody needs any more, so that the client can read the answer.
    async fn finish(mut self) -> Result<(), ApiError> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}

/// A session that waits for its audio.
struct Call<'a> {
    services: &'a Arc<SessionServices>,
    session: SessionHandle,
    attachment: Attachment,
    pace: Pace,
}

impl<'a> Call<'a> {
    /// Samples behind a header, which will say how they are written.
    fn wav(&self) -> Result<AudioFormat, String> {
        let agreed = &self.attachment.request.audio.format;
        let caller = agreed.caller();
        let format = match caller {
            0 => AudioFormat::mono(Encoding::Linear16Le, agreed.rate()),
            _ => self.linear(2, agreed.rate().on_the_wire())?,
        };
        Ok(format.in_wav())
    }

    #[cfg(feature = "opus")]
    fn ogg(&self, channels: u8) -> Result<AudioFormat, String> {
        let caller = self.attachment.request.audio.format.caller();
        AudioFormat::ogg_opus(channels.into(), caller).ok_or_else(|| no_channel(caller, channels.into()))
    }

    /// Samples that our decoder writes.
    fn linear(&self, channels: usize, rate: WireRate) -> Result<AudioFormat, String> {
        let caller = self.attachment.request.audio.format.caller();
        let format = match channels {
            1 if caller == 0 => Some(AudioFormat::mono(Encoding::Linear16Le, rate.call_rate())),
            2 => AudioFormat::stereo(Encoding::Linear16Le, rate.call_rate(), caller),
            _ => None,
        };
        Ok(format.ok_or_else(|| no_channel(caller, channels))?.at(rate))
    }

    async fn attached(self, format: Result<AudioFormat, String>) -> Result<Attached, ApiError> {
        match format {
            Ok(format) => {
                Attached::new(self.services, self.session, self.attachment, Some(format), self.pace)
                    .await
                    .map_err(|_| unusable("the recording does not go with this session's calibration"))
            }
            Err(why) => {
                let fault = AudioFault::Format(why.clone());
                self.session.report(Report::Failed(fault, Progress::default())).await;
                Err(unusable(&why))
            }
        }
    }

    /// Hears a recording whose bytes the engine reads.
    async fn hear(
        self,
        mut body: Recording,
        format: impl FnOnce(&Self) -> Result<AudioFormat, String>,
    ) -> Result<(), ApiError> {
        let format = format(&self);
        let mut attached = self.attached(format).await?;
        loop {
            match body.next().await {
                Ok(Some(bytes)) => {
                    if let Some(over) = attached.take(&bytes).await {
                        return answer(over, &attached, body).await;
                    }
                }
                Ok(None) => {
                    attached.ended().await;
                    return Ok(());
                }
                // As when a carrier's connection breaks.
                Err(error) => {
                    attached.ended().await;
                    return Err(error);
                }
            }
        }
    }

    /// Hears a recording that is decoded beside, on a thread that may wait.
    async fn hear_compressed(self, mut body: Recording) -> Result<(), ApiError> {
        let (compressed, decoder_reads) = mpsc::channel(WAITING);
        let (decoder_writes, decoded) = mpsc::channel::<Decoded>(WAITING);
        let decoding = tokio::task::spawn_blocking(move || decode(decoder_reads, &decoder_writes));
        let feeding = async {
            while let Some(bytes) = body.next().await? {
                if compressed.send(bytes).await.is_err() {
                    break;
                }
            }
            drop(compressed);
            body.finish().await
        };
        // Whoever ends first lets go of its channel, and the others end too.
        let hearing = self.hear_decoded(decoded);
        let (fed, heard) = tokio::join!(feeding, hearing);
        let damage = match decoding.await {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some("the decoder failed on it".to_owned()),
        };
        match (heard, damage) {
            (Heard::Refused(error), _) => Err(error),
            (Heard::Over(over, attached), _) => outcome(over, &attached).and(fed),
            (Heard::All(attached), None) => {
                attached.ended().await;
                fed
            }
            (Heard::All(attached), Some(why)) => {
                attached.damaged(why.clone()).await;
                Err(unusable(&why))
            }
            (Heard::Nothing(call), why) => {
                let why = why.unwrap_or_else(|| "it holds no audio".to_owned());
                call.attached(Err(why)).await.map(|_| ())
            }
        }
    }

    /// Hears what the decoder writes, until it ends or the session has enough.
    async fn hear_decoded(self, mut decoded: mpsc::Receiver<Decoded>) -> Heard<'a> {
        let Some(first) = decoded.recv().await else { return Heard::Nothing(self) };
        let format = WireRate::from_hz(first.rate)
            .ok_or_else(|| format!("a recording with {} Hz", first.rate))
            .and_then(|rate| self.linear(first.channels, rate));
        let mut attached = match self.attached(format).await {
            Ok(attached) => attached,
            Err(error) => return Heard::Refused(error),
        };
        let mut next = Some(first);
        while let Some(piece) = next {
            if let Some(over) = attached.take(&piece.bytes).await {
                return Heard::Over(over, attached);
            }
            next = decoded.recv().await;
        }
        Heard::All(attached)
    }
}

/// What became of decoded audio.
enum Heard<'a> {
    Nothing(Call<'a>),
    Refused(ApiError),
    Over(Over, Attached),
    All(Attached),
}

/// Decoded audio on its way to the session: interleaved, 16-bit, low byte first.
struct Decoded {
    rate: u32,
    channels: usize,
    bytes: Vec<u8>,
}

fn decode(compressed: mpsc::Receiver<Bytes>, decoded: &mpsc::Sender<Decoded>) -> Result<(), String> {
    let source = Arriving { compressed, bytes: Bytes::new() };
    compressed::decode(source, |piece| {
        let mut bytes = Vec::with_capacity(2 * piece.samples.len());
        peakstream::audio::encode(piece.samples, Encoding::Linear16Le, &mut bytes);
        let piece = Decoded { rate: piece.rate, channels: piece.channels, bytes };
        match decoded.blocking_send(piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })
}

/// A body, read where waiting is allowed.
struct Arriving {
    compressed: mpsc::Receiver<Bytes>,
    bytes: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_empty() {
            match self.compressed.blocking_recv() {
                Some(bytes) => self.bytes = bytes,
                None => return Ok(0),
            }
        }
        let taken = self.bytes.len().min(room.len());
        room[..taken].copy_from_slice(&self.bytes.split_to(taken));
        Ok(taken)
    }
}

async fn answer(over: Over, attached: &Attached, body: Recording) -> Result<(), ApiError> {
    outcome(over, attached)?;
    body.finish().await
}

fn outcome(over: Over, attached: &Attached) -> Result<(), ApiError> {
    match over {
        Over::Enough => Ok(()),
        Over::Session => Err(ApiError::TakesNoAudio),
        Over::Server => Err(ApiError::Session(SessionError::NotReady(NotReady::Draining))),
        Over::Audio => Err(unusable(&attached.fault().map(ToString::to_string).unwrap_or_default())),
    }
}

fn unusable(why: &str) -> ApiError {
    ApiError::Unusable(why.to_owned())
}

fn no_channel(caller: usize, has: usize) -> String {
    format!("a recording with {has} channel(s), of 1 or 2, and the caller declared on channel {}", caller + 1)
}
