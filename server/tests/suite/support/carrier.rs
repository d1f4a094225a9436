//! A sender of Media Streams on a bare WebSocket, well-behaved or not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{PATIENCE, TestServer};

pub struct Carrier {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the server closed with; 1006 until it has.
    code: u16,
}

impl Carrier {
    pub async fn connect(server: &TestServer) -> Self {
        Self::connect_to(server, "/twilio").await
    }

    async fn connect_to(server: &TestServer, path: &str) -> Self {
        let (socket, _) = connect_async(server.ws(path)).await.unwrap();
        Self { socket, code: 1006 }
    }

    /// Connects with a header of its own; or the status that the server refuses with.
    pub async fn connect_with(
        server: &TestServer,
        path: &str,
        header: Option<(&'static str, &str)>,
    ) -> Result<Self, u16> {
        let mut request = server.ws(path).into_client_request().unwrap();
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket, code: 1006 }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects and begins the stream of a call.
    pub async fn start(server: &TestServer, call_id: &str) -> Self {
        Self::start_at(server, "/twilio", call_id).await
    }

    /// The same at another address.
    pub async fn start_at(server: &TestServer, path: &str, call_id: &str) -> Self {
        let mut carrier = Self::connect_to(server, path).await;
        carrier.send(&json!({"event": "start", "start": {"callSid": call_id}})).await;
        carrier
    }

    /// Sends one message; a connection that the server has closed is no failure here.
    pub async fn send(&mut self, message: &Value) {
        self.send_raw(message.to_string().into()).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }

    /// Returns once the server has read everything that was sent: it answers a ping, in its order.
    pub async fn heard(&mut self) {
        self.send_raw(Message::Ping("heard".into())).await;
        let answered = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if matches!(message, Message::Pong(_)) {
                    return;
                }
            }
            panic!("the server closed");
        };
        timeout(PATIENCE, answered).await.expect("the server does not answer a ping");
    }

    /// Sends audio as one message.
    pub async fn media(&mut self, audio: &[u8]) {
        self.send(&json!({"event": "media", "media": {"payload": STANDARD.encode(audio)}})).await;
    }

    /// Sends audio in pieces, as fast as the server takes it, until it closes. The close code.
    pub async fn play(self, audio: &[u8], piece: usize) -> u16 {
        self.play_all(audio.chunks(piece)).await
    }

    /// The same in messages of given content, such as packets.
    pub async fn play_messages(self, messages: &[Vec<u8>]) -> u16 {
        self.play_all(messages.iter().map(Vec::as_slice)).await
    }

    async fn play_all(mut self, pieces: impl Iterator<Item = &[u8]>) -> u16 {
        for piece in pieces {
            tokio::select! {
                biased;
                code = self.end() => return code,
                () = tokio::task::yield_now() => {}
            }
            self.media(piece).await;
        }
        self.closed().await
    }

    /// Sends audio in real time, 20 ms a message, until the server closes. The close code.
    pub async fn play_in_real_time(mut self, audio: &[u8]) -> u16 {
        let begun = Instant::now();
        for (number, piece) in audio.chunks(160).enumerate() {
            let due = begun + Duration::from_millis(20) * number as u32;
            tokio::select! {
                biased;
                code = self.end() => return code,
                () = sleep_until(due) => {}
            }
            self.media(piece).await;
        }
        self.closed().await
    }

    /// The code the server closes with, which must come.
    pub async fn closed(&mut self) -> u16 {
        timeout(PATIENCE, self.end()).await.expect("the server did not close")
    }

    /// Closes properly; whether the server answered.
    pub async fn close(mut self) -> bool {
        let _ = self.socket.close(None).await;
        self.end().await != 1006
    }

    /// Reads to the end of the connection, which is also what answers the server's close frame.
    async fn end(&mut self) -> u16 {
        while let Some(Ok(message)) = self.socket.next().await {
            match message {
                Message::Close(frame) => self.code = frame.map_or(1005, |frame| frame.code.into()),
                message => {
                    assert!(!message.is_text() && !message.is_binary(), "a listening server sends nothing")
                }
            }
        }
        self.code
    }
}
