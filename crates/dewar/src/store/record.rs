use std::fmt::{self, Debug};

use bytes::Bytes;

use crate::UnixTime;

/// The whole key of a record: `SESSION_KEY_PREFIX` and the session id. Not shown in `Debug`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<str>);

impl Key {
    /// A key of this text.
    pub fn new(text: impl Into<Box<str>>) -> Key {
        Key(text.into())
    }

    /// The key's text. It holds a session id: keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What [`Store::load`](super::Store::load) found.
#[derive(Clone)]
pub struct Record {
    /// The bytes as they were stored.
    pub blob: Bytes,
    /// What to hand to [`Store::replace`](super::Store::replace).
    pub version: Version,
    /// When the record expires; `None` if never, or if the store cannot say without another round trip.
    pub expires: Option<UnixTime>,
}

impl Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("blob", &format_args!("{} bytes", self.blob.len()))
            .field("version", &self.version)
            .field("expires", &self.expires)
            .finish()
    }
}

/// Which state of a record somebody saw; only the store that gave it can read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Version(Seen);

#[derive(Clone, PartialEq, Eq)]
enum Seen {
    Token(u64),
    Content(Bytes),
}

impl Version {
    /// A number that the store changes with every write (a counter, a CAS token).
    pub fn token(token: u64) -> Version {
        Version(Seen::Token(token))
    }

    /// The stored bytes themselves, for stores that compare them on the server.
    pub fn content(blob: Bytes) -> Version {
        Version(Seen::Content(blob))
    }

    /// The number, if the version is one.
    pub fn as_token(&self) -> Option<u64> {
        match &self.0 {
            Seen::Token(token) => Some(*token),
            Seen::Content(_) => None,
        }
    }

    /// The bytes, if the version is them.
    pub fn as_content(&self) -> Option<&Bytes> {
        match &self.0 {
            Seen::Token(_) => None,
            Seen::Content(blob) => Some(blob),
        }
    }
}

impl Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Version(…)")
    }
}

/// Where a listing goes on; empty at the beginning, otherwise made and read by the store alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(Bytes);

impl Cursor {
    /// The beginning of a listing.
    pub const fn start() -> Cursor {
        Cursor(Bytes::new())
    }

    /// A place that the store will recognise.
    pub fn at(place: impl Into<Bytes>) -> Cursor {
        Cursor(place.into())
    }

    /// What was given to [`Cursor::at`]; empty at the beginning.
    pub fn place(&self) -> &[u8] {
        &self.0
    }
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records of this page; may be empty though more follow.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// A record in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record's key.
    pub key: Key,
    /// The size of its data in bytes, if the store can say without reading it.
    pub size: Option<u64>,
    /// When it expires, if it does and the store can say.
    pub expires: Option<UnixTime>,
}
