//! In: a carrier's WebSocket. Out: the steps of its stream; at the end, one close code.

use std::sync::Arc;

use peakstream::AudioFormat;
use tokio::time::Instant;

use crate::audio_channel::driver::{self, End, Feed, Piece, START_TIMEOUT, Step, due};
use crate::audio_channel::media_streams::access::Standing;
use crate::audio_channel::media_streams::machine::{Continuity, Machine, Origin};
use crate::audio_channel::message_socket::{Incoming, MessageSocket};
use crate::audio_channel::wire::{CloseCode, Output};
use crate::ids::{CallId, Tenant};
use crate::session::actor::SessionServices;

/// The longest message accepted: Twilio's own are under 2 kB, a subset client may send seconds at once.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Serves one connection of `tenant` until its end.
pub async fn serve(
    socket: MessageSocket,
    tenant: Tenant,
    standing: Standing,
    origin: Origin,
    services: Arc<SessionServices>,
) {
    let _counted = services.registry.audio_connected();
    let machine = Machine::new((Instant::now() + START_TIMEOUT).into_std(), origin);
    let mut stream = Stream { machine, socket, standing, gone: false };
    let end = driver::run(&mut stream, tenant, &services).await;
    tracing::debug!(?end, dialect = stream.machine.dialect(), "audio connection ends");
    match end {
        End::Close(code, reason) => stream.socket.close(code, reason).await,
        End::Broken(why) => stream.socket.close_broken(why).await,
        End::Gone => stream.socket.finish().await,
    }
}

/// Socket and machine together: messages in, steps out.
struct Stream {
    machine: Machine,
    socket: MessageSocket,
    standing: Standing,
    /// The other side has closed, or vanished.
    gone: bool,
}

impl Feed for Stream {
    async fn next(&mut self) -> Step {
        loop {
            match self.machine.poll_output() {
                Some(Output::Started(started)) => return Step::Started(started),
                Some(Output::Audio(bytes)) => return Step::Audio(Piece::Heard(bytes)),
                Some(Output::Lost(packets)) => return Step::Audio(Piece::Lost(packets)),
                Some(Output::Send(text)) => {
                    // One that cannot be sent means that the connection is gone, which the next read tells.
                    self.socket.send(text).await;
                    continue;
                }
                Some(Output::Stopped) if self.gone => return Step::Stopped(End::Gone),
                Some(Output::Stopped) => return Step::Stopped(End::Close(CloseCode::Normal, "stream ended")),
                Some(Output::Close(code, reason)) => return Step::Ended(End::Close(code, reason)),
                None => {}
            }
            let deadline = self.machine.deadline().map(Instant::from_std);
            tokio::select! {
                incoming = self.socket.receive() => match incoming {
                    Incoming::Text(text) => self.machine.handle_text(&text),
                    Incoming::Binary(bytes) => self.machine.handle_binary(&bytes),
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

    fn may_bring(&self, call_id: &CallId) -> bool {
        self.standing == Standing::Trusted || !self.machine.is_of_one_that_signs(call_id)
    }

    fn decoded_as(&mut self, format: &AudioFormat) {
        // Where that varies, as with Opus, jumps of the timestamps are not measured.
        if let Some(bytes) = format.bytes_per_second() {
            self.machine.set_bytes_per_second(bytes);
        }
    }

    fn summarise(&self) {
        let (dialect, continuity) = (self.machine.dialect(), self.machine.continuity());
        if continuity == Continuity::default() {
            tracing::debug!(dialect, "the stream came complete and in order");
        } else {
            let Continuity { reordered, dropped, missing, lost_ms } = continuity;
            tracing::info!(dialect, reordered, dropped, missing, lost_ms, "the carrier's stream had gaps");
        }
    }
}
