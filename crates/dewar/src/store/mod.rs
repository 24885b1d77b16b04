//! The store contract: what a place that keeps sessions must do, and nothing about what is in them.
//!
//! A store moves bytes. It knows no session format, and takes no decision: the engine says what to do.
//! The suite in the crate `dewar-store-tests` has a case for each sentence here.

pub mod cached;
#[cfg(unix)]
pub mod filesystem;
mod immediate;
pub mod memory;
mod observation;
mod outcome;
mod record;

use std::fmt::Debug;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Result, UnixTime};

pub use immediate::ImmediateStore;
pub use observation::{Observation, Verdict};
pub use outcome::{Created, Deleted, Purged, Replaced, Touched};
pub use record::{Cursor, Entry, Key, Page, Record, Version};

/// A place that keeps session records under keys.
///
/// * A record whose expiry has passed does not exist, for every method, from the millisecond on (a store may
///   round the expiry up to its own grain, a second at most).
/// * Each method is atomic: of two that race for one key, one comes first.
/// * A live record is never evicted; a bounded store that is full fails in `create` instead.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store of sessions",
    label = "this is no `Store`",
    note = "implement `dewar::store::Store`, or `ImmediateStore` if it never waits; what is in an `Arc` already goes to `shared_store`"
)]
pub trait Store: Debug + Send + Sync + 'static {
    /// The record under `key`, or `None` if there is none that lives.
    async fn load(&self, key: &Key) -> Result<Option<Record>>;

    /// As [`load`](Store::load), for who does without the expiry: a store that has to ask its server for it apart leaves
    /// it out. All others leave out this method.
    async fn load_without_expiry(&self, key: &Key) -> Result<Option<Record>> {
        self.load(key).await
    }

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

    /// Removes at most `limit` records that had expired at `now`.
    ///
    /// One call is a step of bounded work; the next goes on where it stopped, until one answers
    /// [`Purged::Finished`]. Safe to run from several processes at once. A store whose server expires records
    /// by itself has always finished.
    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged>;

    /// A page of at most about `limit` records whose key starts with `prefix`, in no order, each at least once if
    /// it lives throughout; `None` for a store that cannot list (see [`Capabilities`]).
    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>>;

    /// What the server says of itself that matters to sessions: a few questions that change nothing.
    ///
    /// A store that has nothing to say leaves this out; what a server does not let its users ask is left out too.
    async fn diagnose(&self) -> Result<Vec<Observation>> {
        Ok(Vec::new())
    }

    /// Waits this long, before a write is tried again that others were faster with, and for one of this process that is at it.
    ///
    /// Whoever waits for a server has a timer for it. Left out, it lets other tasks go first, without waiting; a store that
    /// never waits itself is better made as an [`ImmediateStore`].
    async fn pause(&self, _time: Duration) {
        let mut yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// What this store can do.
    fn capabilities(&self) -> Capabilities;

    /// The same store without futures, if it never waits; left out by all others. Made by implementing
    /// [`ImmediateStore`] in place of this trait.
    fn immediate(&self) -> Option<&dyn ImmediateStore> {
        None
    }
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
