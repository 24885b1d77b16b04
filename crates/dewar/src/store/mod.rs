//! The store contract: what a place that keeps sessions must do, and nothing about what is in them.
//!
//! A store moves bytes. It knows no session format, and takes no decision: the engine says what to do.
//! The suite in the crate `dewar-store-tests` has a case for each sentence here.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Result, UnixTime};

/// A place that keeps session records under keys.
///
/// * A record whose expiry has passed does not exist, for every method, from the millisecond on (a store may
///   round the expiry up to its own grain, a second at most).
/// * Each method is atomic: of two that race for one key, one comes first.
/// * A live record is never evicted; a bounded store that is full fails in `create` instead.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// The record under `key`, or `None` if there is none that lives.
    async fn load(&self, key: &Key) -> Result<Option<Record>>;

    /// Makes a record where there is none.
    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created>;

    /// Overwrites the record if it is still the one that was `seen`; never makes one.
    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced>;

    /// Moves the expiry; never changes data or version, never revives.
    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched>;

    /// Removes the record; one that is absent is a success.
    async fn delete(&self, key: &Key) -> Result<()>;

    /// Removes the record if it is still the one that was `seen`.
    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted>;

    /// Removes at most `limit` records that had expired at `now`, and says how many; 0 means that none is left.
    ///
    /// Safe to run from several processes at once. A store whose server expires records by itself returns 0.
    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<u64>;

    /// A page of at most about `limit` records whose key starts with `prefix`, in no order, each at least once if
    /// it lives throughout; `None` for a store that cannot list (see [`Capabilities`]).
    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>>;

    /// What this store can do.
    fn capabilities(&self) -> Capabilities;
}

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

/// What [`Store::load`] found.
#[derive(Clone)]
pub struct Record {
    /// The bytes as they were stored.
    pub blob: Bytes,
    /// What to hand to [`Store::replace`].
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

/// What [`Store::create`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The record is there, in this version.
    Done(Version),
    /// Another record lives under that key; it was left alone.
    Taken,
}

/// What [`Store::replace`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The record is overwritten; this is its version now.
    Done(Version),
    /// Somebody else wrote since; nothing was changed.
    Conflict,
    /// The record is no longer there; nothing was made.
    Gone,
}

/// What [`Store::touch`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The expiry is moved.
    Done,
    /// There is no such record; nothing was made.
    Gone,
}

/// What [`Store::delete_unchanged`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The record is removed.
    Done,
    /// Somebody else wrote since; nothing was changed.
    Conflict,
    /// There was no such record.
    Gone,
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

/// What a store can do; the conformance suite and the command line choose by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Who removes expired records.
    pub expiry: Expiry,
    /// Whether [`Store::list`] works.
    pub listing: Listing,
    /// Who sees the records.
    pub sharing: Sharing,
}

/// Who removes expired records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The server, by itself.
    Native,
    /// [`Store::delete_expired`].
    Purged,
}

/// Whether a store can list its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// It can, without harm to those who use it meanwhile.
    Supported,
    /// It cannot.
    Unsupported,
}

/// Who sees the records of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The handles in this process that were made from one.
    Process,
    /// All processes of this machine.
    Machine,
    /// All machines that reach the server.
    Network,
}
