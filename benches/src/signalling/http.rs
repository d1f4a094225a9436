//! HTTP/1.1 on kept connections, with as little work as possible on this side.

use std::error::Error;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

use crate::timing::quantile;

/// More than any answer here.
const LARGEST_ANSWER: usize = 64 << 10;

/// What may cross tasks.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Asks one server with one key.
pub(crate) struct Client {
    address: String,
    key: String,
}

impl Client {
    pub(crate) fn new(base_url: &str, key: &str) -> Self {
        Self { address: base_url.trim_start_matches("http://").to_owned(), key: key.to_owned() }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The bytes of a request.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Vec<u8> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let Self { address, key } = self;
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\napikey: {key}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// Creates one object and returns its id.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> Result<String, Failure> {
        let answer = self.answer("POST", path, Some(body), 201).await?;
        answer["id"].as_str().map(str::to_owned).ok_or_else(|| format!("{path}: {answer}").into())
    }

    /// Reads one object.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer("GET", path, None, 200).await
    }

    async fn answer(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        expected: u16,
    ) -> Result<Value, Failure> {
        let mut connection = Connection::open(&self.address).await?;
        let (status, answer) = connection.ask(&self.request(method, path, body)).await?;
        let answer: Value = serde_json::from_slice(answer)?;
        if status == expected { Ok(answer) } else { Err(format!("{path}: {status} {answer}").into()) }
    }

    /// Sends `request` on `parallel` connections, each as soon as its last one was answered, for so long.
    pub(crate) async fn repeat(
        &self,
        request: &[u8],
        expected: u16,
        parallel: usize,
        time: Duration,
    ) -> Result<Value, Failure> {
        let mut asking = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..parallel {
            let (address, request) = (self.address.clone(), request.to_owned());
            asking.spawn(async move {
                let mut connection = Connection::open(&address).await?;
                let mut times = Vec::new();
                while begun.elapsed() < time {
                    let asked = Instant::now();
                    let (status, _) = connection.ask(&request).await?;
                    if status != expected {
                        return Err(Failure::from(format!("status {status} instead of {expected}")));
                    }
                    times.push(asked.elapsed().as_secs_f64() * 1e3);
                }
                Ok(times)
            });
        }
        let mut times: Vec<f64> = Vec::new();
        while let Some(asked) = asking.join_next().await {
            times.extend(asked??);
        }
        let seconds = begun.elapsed().as_secs_f64();
        times.sort_by(f64::total_cmp);
        Ok(json!({
            "requests": times.len(),
            "parallel": parallel,
            "per_second": times.len() as f64 / seconds,
            "median_ms": quantile(&times, 0.5),
            "p99_ms": quantile(&times, 0.99),
        }))
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; LARGEST_ANSWER] })
    }

    /// Status and body of the answer, which must tell its length.
    async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8]), Failure> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            filled += read;
            let Some(end) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = std::str::from_utf8(&self.buffer[..end])?;
            let status = head.get(9..12).ok_or("no status")?.parse()?;
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok()
                })
                .unwrap_or(0usize);
            let body = end + 4;
            if filled >= body + length {
                return Ok((status, &self.buffer[body..body + length]));
            }
        }
    }
}
