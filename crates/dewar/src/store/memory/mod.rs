//! Sessions in this process' memory: bounded, sharded, gone with the process.

mod entry;
mod shard;

use std::fmt::{self, Debug};
use std::hash::RandomState;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::{Error, ErrorKind, Result, UnixTime};

use super::{
    Capabilities, Created, Cursor, Deleted, Entry, Expiry, ImmediateStore, Key, Listing, Page,
    Purged, Record, Replaced, Sharing, Touched, Version,
};
use entry::{Payload, Search};
use shard::{Made, Shard};

/// How many records one lock is held for, at most, where many are removed or listed.
const STEP: usize = 64;
/// How many sessions a shard holds when the store is full: so few that its tables grow in microseconds, and so many that
/// a hash table of 2048 places, of which 1792 are used at most, is well filled in nearly every shard.
const SHARD_SIZE: usize = 1664;
/// Seven megabytes of empty shards, for a hundred million sessions; beyond, shards are larger.
const MOST_SHARDS: usize = 1 << 16;

/// A store in memory, for one process, of at most a fixed number of sessions.
///
/// A live session is never evicted: when the store is full of them, `create` fails. Expired ones make room.
/// Clones share the sessions.
///
/// ```
/// use std::sync::Arc;
/// use dewar::UnixTime;
/// use dewar::clock::SystemClock;
/// use dewar::store::{Created, Key, Store, memory::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> dewar::Result<()> {
/// let store = MemoryStore::new(100_000, Arc::new(SystemClock));
/// let key = Key::new("session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo");
/// let expires = UnixTime::from_seconds(4_000_000_000);
///
/// assert!(matches!(store.create(&key, "data".into(), expires).await?, Created::Done(_)));
/// assert_eq!(store.load(&key).await?.map(|record| record.blob), Some("data".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    shards: Box<[Slice]>,
    // Randomly keyed, so that nobody outside can make keys that collide.
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    capacity: usize,
    count: AtomicUsize,
}

/// A shard with its lock, and beside it what is worth knowing without taking the lock.
struct Slice {
    shard: Mutex<Shard>,
    earliest_expiry: AtomicI64,
}

impl MemoryStore {
    /// An empty store of at most `capacity` sessions (`SESSION_MEMORY_CAPACITY`).
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> MemoryStore {
        let shards = capacity.div_ceil(SHARD_SIZE).clamp(16, MOST_SHARDS);
        MemoryStore(Arc::new(Shared {
            shards: (0..shards).map(|_| Slice::default()).collect(),
            hasher: RandomState::new(),
            clock,
            capacity,
            count: AtomicUsize::new(0),
        }))
    }

    /// How many sessions take up room: those that live, and the expired ones that nothing has removed yet.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    fn slice(&self, search: &Search<'_>) -> &Slice {
        // The table inside the shard uses the lowest and the highest bits: those between, as a share of the shards.
        let share = (search.hash() >> 16) & 0xffff_ffff;
        &self.0.shards[((share * self.0.shards.len() as u64) >> 32) as usize]
    }

    /// Takes one of the places for a new session, if one is left.
    fn take_place(&self) -> bool {
        let taken = self
            .0
            .count
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < self.0.capacity).then_some(count + 1)
            });
        taken.is_ok()
    }

    fn free_places(&self, places: usize) {
        self.0.count.fetch_sub(places, Ordering::Relaxed);
    }

    /// Removes up to `limit` records that had expired at `now`, a few under each lock.
    fn purge(&self, now: UnixTime, limit: usize) -> usize {
        let (mut removed, mut gone) = (0, Vec::new());
        for slice in &self.0.shards {
            while removed < limit && slice.has_expired(now) {
                let step = STEP.min(limit - removed);
                gone.reserve_exact(step);
                slice
                    .lock()
                    .remove_expired(now, step, &self.0.hasher, &mut gone);
                self.free_places(gone.len());
                removed += gone.len();
                gone.clear();
            }
            if removed == limit {
                break;
            }
        }
        removed
    }

    fn full(&self) -> Error {
        let message = format!(
            "the memory store is full: all of its {} places are taken by live sessions, none of which is evicted. \
             Raise SESSION_MEMORY_CAPACITY, shorten PERMANENT_SESSION_LIFETIME, or choose another SESSION_TYPE",
            self.0.capacity
        );
        Error::new(ErrorKind::Store, message).temporary()
    }
}

impl ImmediateStore for MemoryStore {
    fn load(&self, key: &Key) -> Result<Option<Record>> {
        let search = Search::new(key, &self.0.hasher);
        let now = self.0.clock.now();
        Ok(self.slice(&search).lock().load(&search, now))
    }

    fn create(&self, key: &Key, blob: &[u8], expires: UnixTime) -> Result<Created> {
        let search = Search::new(key, &self.0.hasher);
        let mut payload = Payload::new(&search, blob);
        let slice = self.slice(&search);
        loop {
            let now = self.0.clock.now();
            let mut gone = Vec::new();
            let made = {
                let mut shard = slice.lock();
                // Two at most for each that comes, so that what has expired never piles up.
                shard.remove_expired(now, 2, &self.0.hasher, &mut gone);
                self.free_places(gone.len());
                let place = || self.take_place();
                shard.create(&search, payload, expires, now, place, &self.0.hasher)
            };
            drop(gone);
            match made {
                Made::Done(version, _spare) => return Ok(Created::Done(version)),
                Made::Taken(_spare) => return Ok(Created::Taken),
                Made::Full(unused) => payload = unused,
            }
            if self.purge(now, STEP) == 0 {
                return Err(self.full());
            }
        }
    }

    fn replace(
        &self,
        key: &Key,
        blob: &[u8],
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let search = Search::new(key, &self.0.hasher);
        let payload = Payload::new(&search, blob);
        let now = self.0.clock.now();
        let (replaced, _spare) = self
            .slice(&search)
            .lock()
            .replace(&search, payload, expires, seen, now);
        Ok(replaced)
    }

    fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let search = Search::new(key, &self.0.hasher);
        let now = self.0.clock.now();
        Ok(self.slice(&search).lock().touch(&search, expires, now))
    }

    fn delete(&self, key: &Key) -> Result<()> {
        let search = Search::new(key, &self.0.hasher);
        let gone = self.slice(&search).lock().delete(&search, &self.0.hasher);
        self.free_places(gone.iter().len());
        Ok(())
    }

    fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let search = Search::new(key, &self.0.hasher);
        let now = self.0.clock.now();
        let (deleted, spare) =
            self.slice(&search)
                .lock()
                .delete_unchanged(&search, seen, now, &self.0.hasher);
        self.free_places(spare.iter().len());
        Ok(deleted)
    }

    fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let removed = self.purge(now, limit);
        Ok(if removed == limit {
            Purged::More(removed as u64)
        } else {
            Purged::Finished(removed as u64)
        })
    }

    fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        let now = self.0.clock.now();
        let mut place = Place::read(&cursor);
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(slice) = self.0.shards.get(place.shard) {
            if entries.len() >= limit {
                let next = Some(place.cursor());
                return Ok(Some(Page { entries, next }));
            }
            let room = STEP.min(limit - entries.len());
            let rest = slice
                .lock()
                .list(prefix, place.slots_left, room, now, &mut entries);
            place = match rest {
                0 => Place::at_shard(place.shard + 1),
                slots_left => Place {
                    slots_left,
                    ..place
                },
            };
        }
        Ok(Some(Page {
            entries,
            next: None,
        }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            expiry: Expiry::Purged,
            listing: Listing::Supported,
            sharing: Sharing::Process,
        }
    }
}

impl Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("capacity", &self.0.capacity)
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl Slice {
    fn lock(&self) -> Locked<'_> {
        Locked {
            // A panic elsewhere must not end all sessions of this shard.
            shard: self.shard.lock().unwrap_or_else(PoisonError::into_inner),
            earliest_expiry: &self.earliest_expiry,
        }
    }

    fn has_expired(&self, now: UnixTime) -> bool {
        self.earliest_expiry.load(Ordering::Acquire) <= now.millis()
    }
}

impl Default for Slice {
    fn default() -> Slice {
        Slice {
            shard: Mutex::default(),
            earliest_expiry: AtomicI64::new(i64::MAX),
        }
    }
}

/// A shard under its lock; notes the earliest expiry for everybody before the lock is given back.
struct Locked<'a> {
    shard: MutexGuard<'a, Shard>,
    earliest_expiry: &'a AtomicI64,
}

impl std::ops::Deref for Locked<'_> {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let earliest = self.shard.earliest_expiry();
        if self.earliest_expiry.load(Ordering::Relaxed) != earliest {
            self.earliest_expiry.store(earliest, Ordering::Release);
        }
    }
}

/// How far a listing has come.
struct Place {
    shard: usize,
    /// The slots below this number are still to be listed.
    slots_left: usize,
}

impl Place {
    fn at_shard(shard: usize) -> Place {
        let slots_left = usize::MAX;
        Place { shard, slots_left }
    }

    fn read(cursor: &Cursor) -> Place {
        let Ok(bytes) = <[u8; 16]>::try_from(cursor.place()) else {
            return Place::at_shard(0);
        };
        let number = u128::from_le_bytes(bytes);
        Place {
            shard: (number >> 64) as usize,
            slots_left: number as u64 as usize,
        }
    }

    fn cursor(&self) -> Cursor {
        let number = (self.shard as u128) << 64 | self.slots_left as u128;
        Cursor::at(number.to_le_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests;
