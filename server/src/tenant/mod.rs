//! In: what a caller presents. Out: who it is, what it may do, and how much of it.
//!
//! * [`mod@file`]: tenants, clients, API keys and the server's own keys, as they stand in the data directory
//! * [`edit`]: changes of them, one process at a time; what `peakstream tenant` and `peakstream key` do
//! * [`centre`]: what all voices of a tenant have in common, learnt and kept
//! * [`keyring`]: the running server's view; notices a changed file at the next authentication
//! * [`failures`]: how many wrong secrets and keys are looked at
//! * [`guard`]: client secrets proved slowly, refused cheaply, and never at another tenant's cost
//! * [`kind`]: what kinds of keys there are; [`supplied`]: secrets that were made elsewhere
//! * [`carrier`]: what carriers prove themselves with; `sealed`: how it is kept
//! * [`limits`]: how many requests and bytes a tenant may send
//! * [`own_keys`]: the server's own keys rotated and removed
//! * [`scope`]: what a key is good for; [`secret`]: secrets and their hashes; [`time`]: seconds since 1970

pub mod carrier;
pub mod centre;
pub mod edit;
pub mod failures;
pub mod file;
pub mod guard;
pub mod keyring;
pub mod kind;
pub mod limits;
pub mod own_keys;
pub mod replay;
pub mod scope;
pub(crate) mod sealed;
pub mod secret;
pub mod supplied;
pub mod time;
