//! What the stores in SQL databases share: the table, its names, and the check that a table is one of sessions.
//!
//! A row is `(key, data, expiry)`; `expiry` is UTC without a time zone, and is always compared with a time that
//! Dewar passes as a value, never with the server's clock. A row whose `expiry` is NULL (old rows of Flask-Session
//! have it) counts as expired, as it does for Flask-Session 0.8; so does one whose `data` is NULL, until it is written.
//!
//! A row's version is its data: a conditional write sends the bytes that were seen, and the server compares
//! them with those of the one row of that key. So it needs no column of its own and notices what
//! Flask-Session wrote meanwhile; it costs sending the old data along with the new, and no round trip.

#[cfg(any(feature = "sqlite", feature = "mysql"))]
pub(crate) mod datetime;
#[cfg(any(feature = "mysql", feature = "postgresql"))]
pub(crate) mod link;
mod name;
#[cfg(any(feature = "mysql", feature = "postgresql"))]
mod pool;
mod schema;
mod table;

pub use name::Name;
pub(crate) use schema::{Column, Found, Need};
pub(crate) use table::Dialect;
pub use table::{Layout, Table, Tables};

/// The most rows that one step of removing expired ones takes: it holds locks while it runs.
pub(crate) const PURGE_STEP: usize = 200;

/// The most rows that one page of a listing takes.
pub(crate) const PAGE: usize = 1000;

/// The most characters that a key may have: the column is VARCHAR(255).
#[cfg(any(feature = "mysql", feature = "sqlite"))]
pub(crate) const KEY_LENGTH: usize = 255;
