//! In: one TCP connection of Asterisk. Out: the steps of its stream; at the end, a hangup.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::audio_channel::audiosocket::frame::HANGUP;
use crate::audio_channel::audiosocket::machine::Machine;
use crate::audio_channel::driver::{self, End, Feed, Piece, START_TIMEOUT, Step, due};
use crate::audio_channel::wire::{CloseCode, Output};
use crate::ids::Tenant;
use crate::session::actor::SessionServices;

/// A telephone's 20 ms are 323 bytes; several fit.
const READ_BYTES: usize = 4 << 10;
/// How long Asterisk may take to close after our hangup.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves one connection of `tenant` until its end.
pub async fn serve(socket: TcpStream, tenant: Tenant, services: Arc<SessionServices>) {
    let _counted = services.registry.audio_connected();
    let machine = Machine::new((Instant::now() + START_TIMEOUT).into_std());
    let mut stream = Stream { machine, socket, bytes: Zeroizing::new(vec![0; READ_BYTES]), gone: false };
    let end = driver::run(&mut stream, tenant, &services).await;
    tracing::debug!(?end, "AudioSocket connection ends");
    if !matches!(end, End::Gone) {
        // Whoever does not wait for the hangup does not get it.
        let _ = timeout(CLOSE_TIMEOUT, stream.hang_up()).await;
    }
}

/// Socket and machine together: bytes in, steps out.
struct Stream {
    machine: Machine,
    socket: TcpStream,
    bytes: Zeroizing<Vec<u8>>,
    gone: bool,
}

impl Stream {
    /// Says goodbye, and reads until the other side has seen it: closing on unread input would reset the connection.
    async fn hang_up(&mut self) -> std::io::Result<()> {
        self.socket.write_all(&HANGUP).await?;
        self.socket.shutdown().await?;
        while self.socket.read(&mut self.bytes).await? > 0 {}
        Ok(())
    }
}

impl Feed for Stream {
    async fn next(&mut self) -> Step {
        loop {
            match self.machine.poll_output() {
                Some(Output::Started(started)) => return Step::Started(started),
                Some(Output::Audio(bytes)) => return Step::Audio(Piece::Heard(bytes)),
                Some(Output::Stopped) if self.gone => return Step::Stopped(End::Gone),
                Some(Output::Stopped) => return Step::Stopped(End::Close(CloseCode::Normal, "stream ended")),
                Some(Output::Close(code, reason)) => return Step::Ended(End::Close(code, reason)),
                // Asterisk waits for nothing, and TCP loses nothing.
                Some(Output::Send(_) | Output::Lost(_)) | None => {}
            }
            let deadline = self.machine.deadline().map(Instant::from_std);
            tokio::select! {
                read = self.socket.read(&mut self.bytes) => match read {
                    Ok(length) if length > 0 => {
                        self.machine.handle_bytes(Instant::now().into_std(), &self.bytes[..length]);
                    }
                    _ => {
                        self.gone = true;
                        self.machine.handle_disconnect();
                    }
                },
                () = due(deadline) => self.machine.handle_timeout(Instant::now().into_std()),
            }
        }
    }
}
