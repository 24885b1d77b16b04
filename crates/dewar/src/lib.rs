//! Web sessions, wire-compatible with Flask's signed cookies and Flask-Session's stores.
//!
//! Stores move bytes, codecs make bytes, the engine decides, adapters only copy headers.

pub mod clock;
pub mod config;
pub mod cookie;
pub mod data;
mod error;
mod id;
mod random;
pub mod signing;
pub mod store;
mod time;

pub use error::{Error, ErrorKind, Result};
pub use id::SessionId;
pub use random::{OsRandom, Random};
pub use time::UnixTime;
