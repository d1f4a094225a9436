//! AudioHook calls as Genesys makes them, as far as measuring needs them.

use std::error::Error;
use std::io::Write;
use std::net::TcpStream;

use peakstream_server::data_dir::DataDir;
use peakstream_server::tenant::edit::{KeyKind, Origin, edit};
use serde_json::{Value, json};

use crate::server::child::Child;
use crate::websocket::{self, Kind, frame};

/// An opened call; its conversation has the same id.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) stream: TcpStream,
    /// Whether the server wants no audio yet.
    pub(crate) paused: bool,
}

/// A key for calls of a server's only tenant.
pub(crate) fn key(server: &Child) -> Result<String, Box<dyn Error>> {
    let dir = DataDir::existing(server.data_dir())?;
    let unsigned = Origin::Fresh { signed: false };
    let key = edit(&dir, |file| file.add_carrier_key(KeyKind::AudioHook, "default", None, unsigned))?;
    Ok(key.secret.expose().to_string())
}

/// The id of a measured call's session, conversation and everything else.
pub(crate) fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Opens a call.
pub(crate) fn open(address: &str, key: &str, id: String) -> Result<Opened, Box<dyn Error>> {
    let headers: String = ["Organization", "Session", "Correlation"]
        .map(|name| format!("Audiohook-{name}-Id: {id}\r\n"))
        .concat();
    let (mut stream, mut reader) =
        websocket::connect(address, "/audiohook", &format!("X-API-KEY: {key}\r\n{headers}"))?;
    let media = json!([{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]);
    let participant = json!({"id": id, "ani": "", "aniName": "", "dnis": ""});
    let parameters =
        json!({"organizationId": id, "conversationId": id, "participant": participant, "media": media});
    let message = message(&id, "open", 1, 0, 0, parameters);
    stream.write_all(&frame(Kind::Text, message.as_bytes()))?;
    let opened: Value = serde_json::from_slice(&websocket::receive(&mut reader)?)?;
    if opened["type"] != "opened" {
        return Err(format!("call {id} was not opened: {opened}").into());
    }
    Ok(Opened { id, stream, paused: opened["parameters"]["startPaused"] == true })
}

/// A client's message at a stream position in milliseconds.
pub(crate) fn message(
    id: &str,
    kind: &str,
    seq: u32,
    serverseq: u32,
    position_ms: u64,
    parameters: Value,
) -> String {
    let position = format!("PT{}.{:03}S", position_ms / 1000, position_ms % 1000);
    json!({"version": "2", "id": id, "type": kind, "seq": seq, "serverseq": serverseq, "position": position,
        "parameters": parameters})
    .to_string()
}
