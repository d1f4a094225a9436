//! The small clients that `peakstream call` and `peakstream demo` play customers with: addresses, events and audio
//! enter, what the server answered leaves.
//!
//! * [`token`]: the OAuth 2.0 token a Socket.IO client begins with
//! * [`socketio`]: one Socket.IO namespace over a WebSocket; [`packet`] is its wire format without IO
//! * [`media_streams`]: a carrier that sends a call's audio
//!
//! Nothing in here knows our server beyond the documented protocols, so the same commands work against any compatible one.

pub mod media_streams;
pub mod packet;
pub mod socketio;
pub mod token;
mod websocket;

pub use websocket::ConnectError;
