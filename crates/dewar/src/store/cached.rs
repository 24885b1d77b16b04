//! A bounded cache in this process before another store, for those who accept stale sessions for a stated time.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Capabilities, Created, Cursor, Deleted, Key, Observation, Page, Purged, Record, Replaced,
    Store, Touched, Version,
};
use crate::clock::{Clock, SystemClock};
use crate::{Result, UnixTime};

/// A store that answers loads from memory for a while.
///
/// For `staleness` after a load, a session that another process changed, replaced or destroyed may still be shown as
/// it was; never for longer, counted from before it was read. Within this process a change is seen at once. Writes
/// always go to the store, which compares versions there: a cached session never overwrites a newer one, and whoever meets
/// a conflict, or a session that is gone, drops it here.
///
/// It takes at most `entries` sessions; the ones loaded longest ago make place. One above 64 KB is not kept.
///
/// ```
/// use std::{num::NonZeroUsize, sync::Arc, time::Duration};
/// use dewar::clock::SystemClock;
/// use dewar::store::{cached::CachedStore, memory::MemoryStore};
///
/// let store = Arc::new(MemoryStore::new(100_000, Arc::new(SystemClock)));
/// let entries = NonZeroUsize::new(10_000).unwrap();
/// let cached = CachedStore::new(store, Duration::from_secs(2), entries);
/// # let _ = cached;
/// ```
pub struct CachedStore {
    store: Arc<dyn Store>,
    staleness: Duration,
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

/// Loads of one key do not wait for those of most others.
const SHARDS: usize = 16;

/// The largest session that is kept.
const LARGEST: usize = 64 * 1024;

impl CachedStore {
    /// A cache of at most `entries` sessions before `store`, each for at most `staleness`.
    pub fn new(store: Arc<dyn Store>, staleness: Duration, entries: NonZeroUsize) -> CachedStore {
        // No more shards than entries, so that the bound holds.
        let shards = SHARDS.min(entries.get());
        let room = entries.get() / shards;
        CachedStore {
            store,
            staleness,
            clock: Arc::new(SystemClock),
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| Mutex::new(Shard::new(room))).collect(),
        }
    }

    /// The clock that staleness and expiry are counted by; the system's unless set.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> CachedStore {
        self.clock = Arc::new(clock);
        self
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let at = self.hasher.hash_one(key) % self.shards.len() as u64;
        // Nothing in there panics half-way.
        let shard = self.shards[at as usize].lock();
        shard.unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a record that is about to change, and what others are just loading of it; again when what is given is dropped.
    fn begin<'c>(&'c self, key: &'c Key) -> Turn<'c> {
        let mut shard = self.shard(key);
        shard.forget(key);
        shard.changes += 1;
        Turn {
            cache: self,
            key,
            changes: shard.changes,
            since: self.clock.now(),
            written: None,
        }
    }
}

#[async_trait]
impl Store for CachedStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let now = self.clock.now();
        let changes = {
            let mut shard = self.shard(key);
            if let Some(record) = shard.find(key, now, self.staleness) {
                return Ok(Some(record));
            }
            shard.changes
        };
        let found = self.store.load(key).await?;
        if let Some(record) = &found {
            let mut shard = self.shard(key);
            if shard.changes == changes {
                shard.keep(key, now, record.clone());
            }
        }
        Ok(found)
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let mut turn = self.begin(key);
        let created = self.store.create(key, blob.clone(), expires).await;
        if let Ok(Created::Done(version)) = &created {
            turn.written = Some(written(blob, version, expires));
        }
        created
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let mut turn = self.begin(key);
        let replaced = self.store.replace(key, blob.clone(), expires, seen).await;
        if let Ok(Replaced::Done(version)) = &replaced {
            turn.written = Some(written(blob, version, expires));
        }
        replaced
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let _turn = self.begin(key);
        self.store.touch(key, expires).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let _turn = self.begin(key);
        self.store.delete(key).await
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let _turn = self.begin(key);
        self.store.delete_unchanged(key, seen).await
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        self.store.delete_expired(now, limit).await
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        self.store.list(prefix, cursor, limit).await
    }

    async fn diagnose(&self) -> Result<Vec<Observation>> {
        self.store.diagnose().await
    }

    async fn pause(&self, time: Duration) {
        self.store.pause(time).await;
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

impl Debug for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStore")
            .field("store", &self.store)
            .field("staleness", &self.staleness)
            .finish_non_exhaustive()
    }
}

/// A call to the store that changes a record, until it is over or given up.
struct Turn<'c> {
    cache: &'c CachedStore,
    key: &'c Key,
    changes: u64,
    since: UnixTime,
    /// What is known to be in the store then, unless others wrote meanwhile.
    written: Option<Record>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut shard = self.cache.shard(self.key);
        let alone = shard.changes == self.changes;
        // Whoever loaded it in between may have seen it as it was before.
        shard.forget(self.key);
        shard.changes += 1;
        if let (true, Some(record)) = (alone, self.written.take()) {
            shard.keep(self.key, self.since, record);
        }
    }
}

/// Some of the records, with the order in which they were loaded.
struct Shard {
    room: usize,
    /// Goes up with every write through this process.
    changes: u64,
    /// Goes up with every record that is kept.
    count: u64,
    records: HashMap<Key, Kept>,
    order: BTreeMap<u64, Key>,
}

struct Kept {
    number: u64,
    since: UnixTime,
    record: Record,
}

impl Shard {
    fn new(room: usize) -> Shard {
        Shard {
            room,
            changes: 0,
            count: 0,
            records: HashMap::new(),
            order: BTreeMap::new(),
        }
    }

    fn find(&mut self, key: &Key, now: UnixTime, staleness: Duration) -> Option<Record> {
        let kept = self.records.get(key)?;
        // A clock that was set back must not keep it alive.
        let fresh = now >= kept.since && now < kept.since + staleness;
        if fresh && kept.record.expires.is_none_or(|expires| expires > now) {
            return Some(kept.record.clone());
        }
        self.forget(key);
        None
    }

    fn keep(&mut self, key: &Key, since: UnixTime, record: Record) {
        self.forget(key);
        if record.blob.len() > LARGEST {
            return;
        }
        if self.records.len() >= self.room
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.records.remove(&oldest);
        }
        self.count += 1;
        let number = self.count;
        self.order.insert(number, key.clone());
        let kept = Kept {
            number,
            since,
            record,
        };
        self.records.insert(key.clone(), kept);
    }

    fn forget(&mut self, key: &Key) {
        if let Some(kept) = self.records.remove(key) {
            self.order.remove(&kept.number);
        }
    }
}

fn written(blob: Bytes, version: &Version, expires: UnixTime) -> Record {
    Record {
        blob,
        version: version.clone(),
        expires: Some(expires),
    }
}
