//! In: a WebSocket that is to end. Out: a close that the other side really receives, within a time.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::WireSocket;

/// How long the other side may take to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How much may still arrive after our close before the connection is cut: what a kernel may have buffered.
const CLOSE_DRAIN_BYTES: usize = 16 << 20;
/// How much of it is read at a time.
const DRAINED_AT_ONCE: usize = 8 << 10;

/// Sends the close frame, then discards whatever still comes until the other side has answered it or the time is up.
pub async fn close(stream: &mut WireSocket, code: u16, reason: &'static str) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    if send_close(stream, deadline, code, reason).await {
        while let Ok(Some(Ok(_))) = timeout_at(deadline, stream.next()).await {}
    }
}

/// Closes a WebSocket whose input is not at a frame's boundary any more, so that the other side's answer cannot be
/// recognised: our half of the connection is shut, which a client answers with its own end, and until then its bytes are
/// read away unparsed. Without that they would be answered by a reset, and the client would never see the close code.
pub async fn close_broken(stream: &mut WireSocket, code: u16, reason: &'static str) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    if !send_close(stream, deadline, code, reason).await {
        return;
    }
    let raw = stream.get_mut();
    if !matches!(timeout_at(deadline, raw.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let mut scratch = vec![0u8; DRAINED_AT_ONCE];
    let mut left = CLOSE_DRAIN_BYTES;
    while left > 0 {
        match timeout_at(deadline, raw.read(&mut scratch)).await {
            Ok(Ok(n)) if n > 0 => left = left.saturating_sub(n),
            _ => return,
        }
    }
}

/// Finishes a closing handshake that the other side began: the library has the answer ready, and reading sends it.
pub async fn finish(stream: &mut WireSocket) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    // A connection that broke instead has nothing to finish; the error says only that.
    while let Ok(Some(Ok(_))) = timeout_at(deadline, stream.next()).await {}
}

async fn send_close(stream: &mut WireSocket, deadline: Instant, code: u16, reason: &'static str) -> bool {
    let frame = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) };
    matches!(timeout_at(deadline, stream.close(Some(frame))).await, Ok(Ok(())))
}
