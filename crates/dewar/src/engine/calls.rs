//! Calls to the store, without a future of the contract where the store answers at once.

use bytes::Bytes;

use super::Server;
use crate::store::{Created, Deleted, Key, Purged, Record, Replaced, Touched, Version};
use crate::{Result, UnixTime};

/// The methods of [`Store`](crate::store::Store), none of which waits if the store is an immediate one.
impl Server {
    /// The record as it is now; its expiry only where that costs nothing.
    pub(super) async fn load(&self, key: &Key) -> Result<Option<Record>> {
        match self.store.immediate() {
            Some(store) => store.load(key),
            None => self.store.load_without_expiry(key).await,
        }
    }

    /// The record as it is now; its expiry, too, if that decides something and is not known well enough
    /// ([`is_not_due`](Server::is_not_due)).
    pub(super) async fn load_first(&self, key: &Key, not_due: bool) -> Result<Option<Record>> {
        match (&self.lately, not_due) {
            (Some(_), false) => self.store.load(key).await,
            _ => self.load(key).await,
        }
    }

    /// Whether this process knows that the session is not due to be extended.
    pub(super) fn is_not_due(&self, key: &Key, now: UnixTime) -> bool {
        let lately = self.lately.as_ref();
        lately.is_some_and(|lately| lately.is_not_due(key, now))
    }

    /// Notes when a session was extended, as was seen now.
    pub(super) fn note_extended(&self, key: &Key, extended: UnixTime, now: UnixTime) {
        if let Some(lately) = &self.lately {
            lately.note(key, extended, now);
        }
    }

    pub(super) async fn create(
        &self,
        key: &Key,
        blob: &[u8],
        expires: UnixTime,
    ) -> Result<Created> {
        match self.store.immediate() {
            Some(store) => store.create(key, blob, expires),
            None => {
                let blob = Bytes::copy_from_slice(blob);
                self.store.create(key, blob, expires).await
            }
        }
    }

    /// What is written is in `sent` until a store that may wait has answered.
    pub(super) async fn replace(
        &self,
        key: &Key,
        blob: Vec<u8>,
        expires: UnixTime,
        seen: &Version,
        sent: &mut Option<Bytes>,
    ) -> Result<Replaced> {
        match self.store.immediate() {
            Some(store) => store.replace(key, &blob, expires, seen),
            None => {
                let blob = Bytes::from(blob);
                *sent = Some(blob.clone());
                let answer = self.store.replace(key, blob, expires, seen).await?;
                *sent = None;
                Ok(answer)
            }
        }
    }

    pub(super) async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        match self.store.immediate() {
            Some(store) => store.touch(key, expires),
            None => self.store.touch(key, expires).await,
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<()> {
        match self.store.immediate() {
            Some(store) => store.delete(key),
            None => self.store.delete(key).await,
        }
    }

    pub(super) async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        match self.store.immediate() {
            Some(store) => store.delete_unchanged(key, seen),
            None => self.store.delete_unchanged(key, seen).await,
        }
    }

    pub(super) async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        match self.store.immediate() {
            Some(store) => store.delete_expired(now, limit),
            None => self.store.delete_expired(now, limit).await,
        }
    }
}
