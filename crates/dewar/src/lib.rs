//! Web sessions, wire-compatible with Flask's signed cookies and Flask-Session's stores.
//!
//! Stores move bytes, codecs make bytes, the engine decides, adapters only copy headers.

pub mod adapter;
pub mod clock;
pub mod config;
pub mod cookie;
pub mod data;
pub mod engine;
mod error;
mod events;
pub mod flash;
mod id;
pub mod plan;
mod random;
mod session;
pub mod signing;
pub mod store;
mod time;

pub use engine::Engine;
pub use error::{Error, ErrorKind, Result};
pub use flash::Flash;
pub use id::SessionId;
pub use random::{OsRandom, Random};
pub use session::{Session, Snapshot};
pub use time::UnixTime;
