//! In: a connection of Genesys AudioHook. Out: the caller's audio in a session, and the protocol's end.
//!
//! * [`upgrade`]: who may connect: API key, signature ([`signature`], [`dictionary`], [`nonce`])
//! * [`machine`]: the sans-IO machine, [`exchange`]: what goes in and out of it; [`message`] reads, [`media`] chooses, [`timeline`] counts, [`pace`] limits
//! * [`calls`]: which connection has which call, for the one that continues it
//! * [`driver`]: the task that owns one connection; [`link`]: its way to a session

pub mod calls;
pub mod dictionary;
pub mod driver;
pub mod exchange;
pub mod link;
pub mod machine;
pub mod media;
pub mod message;
pub mod nonce;
pub mod outcome;
pub mod pace;
pub mod signature;
pub mod timeline;
pub mod upgrade;
