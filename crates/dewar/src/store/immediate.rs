use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Capabilities, Created, Cursor, Deleted, Key, Observation, Page, Purged, Record, Replaced,
    Store, Touched, Version,
};
use crate::{Result, UnixTime};

/// A [`Store`] that never waits, such as one in memory: each method is the one of the contract, and returns at once.
///
/// Whatever implements this is a `Store`. The engine calls these methods themselves where it can: a future of the
/// contract is an allocation, and one that may wait has to be kept somewhere.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store of sessions",
    label = "this is no `Store`",
    note = "implement `dewar::store::Store`, or `ImmediateStore` if it never waits; what is in an `Arc` already goes to `shared_store`"
)]
pub trait ImmediateStore: std::fmt::Debug + Send + Sync + 'static {
    /// As [`Store::load`].
    fn load(&self, key: &Key) -> Result<Option<Record>>;

    /// As [`Store::create`].
    fn create(&self, key: &Key, blob: &[u8], expires: UnixTime) -> Result<Created>;

    /// As [`Store::replace`].
    fn replace(
        &self,
        key: &Key,
        blob: &[u8],
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced>;

    /// As [`Store::touch`].
    fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched>;

    /// As [`Store::delete`].
    fn delete(&self, key: &Key) -> Result<()>;

    /// As [`Store::delete_unchanged`].
    fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted>;

    /// As [`Store::delete_expired`].
    fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged>;

    /// As [`Store::list`].
    fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>>;

    /// As [`Store::diagnose`].
    fn diagnose(&self) -> Result<Vec<Observation>> {
        Ok(Vec::new())
    }

    /// As [`Store::capabilities`].
    fn capabilities(&self) -> Capabilities;
}

#[async_trait]
impl<S: ImmediateStore> Store for S {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        ImmediateStore::load(self, key)
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        ImmediateStore::create(self, key, &blob, expires)
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        ImmediateStore::replace(self, key, &blob, expires, seen)
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        ImmediateStore::touch(self, key, expires)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        ImmediateStore::delete(self, key)
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        ImmediateStore::delete_unchanged(self, key, seen)
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        ImmediateStore::delete_expired(self, now, limit)
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        ImmediateStore::list(self, prefix, cursor, limit)
    }

    async fn diagnose(&self) -> Result<Vec<Observation>> {
        ImmediateStore::diagnose(self)
    }

    fn capabilities(&self) -> Capabilities {
        ImmediateStore::capabilities(self)
    }

    fn immediate(&self) -> Option<&dyn ImmediateStore> {
        Some(self)
    }
}
