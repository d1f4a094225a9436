//! As little of a WebSocket client as thousands of calls need: plain sockets, frames that can be made beforehand.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// For an answer to an upgrade, and for a first message.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a frame holds (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text = 0x81,
    Binary = 0x82,
}

/// Upgrades a connection; `headers` are whole lines. What the server sends comes from the reader.
///
/// # Errors
/// An answer other than 101 among them.
pub(crate) fn connect(
    address: &str,
    path: &str,
    headers: &str,
) -> io::Result<(TcpStream, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )?;
    let mut reader = BufReader::with_capacity(1 << 10, stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 101") {
        return Err(io::Error::other(format!("a call was not upgraded: {}", line.trim())));
    }
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    Ok((stream, reader))
}

/// A whole message in one frame. The mask is zero, which costs the server what any other does.
pub(crate) fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind as u8];
    match u16::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short as u8),
        Ok(long) => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The payload of the next frame, which is under 64 KiB.
pub(crate) fn receive(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 2];
    reader.read_exact(&mut head)?;
    let length = match head[1] {
        126 => {
            let mut extended = [0; 2];
            reader.read_exact(&mut extended)?;
            usize::from(u16::from_be_bytes(extended))
        }
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload)?;
    Ok(payload)
}
