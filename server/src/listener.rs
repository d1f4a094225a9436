//! In: TCP connections. Out: HTTP requests to the application that is current, within limits of time and number; each says
//! where it comes from ([`Source`]).
//!
//! The server listens before its models are loaded, and goes on while it drains; which application answers is therefore
//! looked up for every request. Each connection occupies one slot, also after it became a WebSocket; without a free slot it
//! is answered with 503. A client that takes nothing of what it is sent loses its connection: libraries that wait for their
//! output to be taken would otherwise wait for ever.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep, timeout};
use tower::Service;

use crate::shutdown::Shutdown;
use crate::tenant::failures::Source;

/// What a connection without a slot gets.
const OVERLOADED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// Connections that are being told so at the same time; more are just dropped.
const MAX_REFUSALS: usize = 64;
/// How long telling so may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// After accepting failed (no file descriptors left), before it is tried again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be, and how slow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections of all kinds.
    pub max_connections: usize,
    /// From a connection's beginning, or its last response, to the complete header of a request.
    pub header_timeout: Duration,
    /// How long a client may take nothing of what it is sent.
    pub write_timeout: Duration,
}

/// The occupied part of a listener: lets the shutdown wait for all connections.
#[derive(Clone, Debug)]
pub struct Slots {
    free: Arc<Semaphore>,
    all: u32,
}

impl Slots {
    /// Slots for as many connections.
    pub fn new(max_connections: usize) -> Self {
        let all = u32::try_from(max_connections.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// A slot, for as long as the permit lives; `None`: none is free.
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// How many are occupied.
    pub fn occupied(&self) -> usize {
        self.all as usize - self.free.available_permits()
    }

    /// Returns when no connection is open.
    pub async fn all_free(&self) {
        // The semaphore is never closed.
        let _ = self.free.acquire_many(self.all).await;
    }
}

/// Accepts connections until the shutdown begins; connections that are open then may finish their request.
pub async fn serve(
    listener: TcpListener,
    app: watch::Receiver<Router>,
    slots: Slots,
    limits: Limits,
    shutdown: Shutdown,
) {
    let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.begun() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, source) = match accepted {
            Ok((stream, peer)) => (stream, Source::from(peer.ip())),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Audio and events are small messages that must not wait for each other; without it they are only slower.
        let _ = stream.set_nodelay(true);
        if let Some(slot) = slots.take() {
            let connection = Connection::new(stream, slot, limits.write_timeout);
            let serving =
                serve_connection(connection, source, app.clone(), limits.header_timeout, shutdown.clone());
            tokio::spawn(serving);
        } else if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
            tokio::spawn(refuse(stream, permit));
        }
    }
}

async fn serve_connection(
    connection: Connection,
    source: Source,
    app: watch::Receiver<Router>,
    header_timeout: Duration,
    shutdown: Shutdown,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(source);
        let mut app = app.borrow().clone();
        async move {
            Ok::<_, Infallible>(app.call(request.map(Body::new)).await.unwrap_or_else(|never| match never {}))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = shutdown.begun() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// Says 503, then reads until the other side has seen it: closing on unread input would reset the connection.
async fn refuse(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let refusal = async {
        stream.write_all(OVERLOADED).await?;
        stream.shutdown().await?;
        let mut scratch = [0u8; 1024];
        while stream.read(&mut scratch).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Whoever does not wait for the answer does not get it.
    let _ = timeout(REFUSAL_TIMEOUT, refusal).await;
}

/// A TCP stream that gives its slot back when it is dropped, whatever it has become by then, and that fails when the other
/// side does not read.
struct Connection {
    stream: TcpStream,
    write_timeout: Duration,
    /// Runs from the moment something cannot be written until it can.
    stalled: Option<Pin<Box<Sleep>>>,
    given_up: bool,
    /// Who waits for input: told when the connection is given up.
    reader: Option<Waker>,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    const fn new(stream: TcpStream, slot: OwnedSemaphorePermit, write_timeout: Duration) -> Self {
        Self { stream, write_timeout, stalled: None, given_up: false, reader: None, _slot: slot }
    }

    /// Passes on what became of a write, unless it has been waiting for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        if stalled.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if !std::mem::replace(&mut self.given_up, true) {
            tracing::warn!("a client takes nothing of what it is sent; its connection is ended");
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.given_up {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.reader = read.is_pending().then(|| cx.waker().clone());
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.in_time(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
