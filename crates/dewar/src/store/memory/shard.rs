//! One shard: a hash table of slot numbers, the slots, and a heap of slot numbers by expiry.
//!
//! The slots lie without gaps; a removed one is filled with the last. Overhead of a record beside its
//! payload: 32 bytes of slot, 2 of heap, 3 to 6 of table.

use std::hash::RandomState;
use std::mem::replace;

use hashbrown::HashTable;

use crate::UnixTime;
use crate::store::{Deleted, Entry, Key, Record, Replaced, Touched, Version};

use super::entry::{Payload, Search};

/// Some of a store's records.
#[derive(Default)]
pub(super) struct Shard {
    table: HashTable<Number>,
    slots: Vec<Slot>,
    /// A binary heap: no slot expires before that of its parent, at `(at - 1) / 2`.
    heap: Vec<Number>,
    /// Never goes back, so a key that is deleted and made anew does not meet an old version.
    last_version: u64,
}

/// Of a slot, or of a place in the heap.
type Number = u16;

/// How many records a shard has room for. A store has so many shards that none comes near.
const MOST: usize = 1 << Number::BITS;

struct Slot {
    payload: Payload,
    /// Where the heap has this slot.
    heap_at: Number,
    version: Short,
    expires: Short,
}

/// Memory that is no longer needed: handed out, to be freed without the lock.
pub(super) type Spare = Payload;

/// What a removed record took up; to be freed without the lock as well. Freeing can take long: glibc gives gigabytes
/// back to the system at once when the last block before them goes.
pub(super) struct Removed {
    _payload: Payload,
    _tables: Option<Box<Outgrown>>,
}

/// Tables that are much too large for what is left in them.
struct Outgrown {
    _table: HashTable<Number>,
    _slots: Vec<Slot>,
    _heap: Vec<Number>,
}

/// What [`Shard::create`] did.
pub(super) enum Made {
    Done(Version, Option<Spare>),
    Taken(Spare),
    /// No place was to be had.
    Full(Payload),
}

impl Shard {
    pub(super) fn load(&self, search: &Search<'_>, now: UnixTime) -> Option<Record> {
        let slot = &self.slots[self.find_live(search, now)?];
        Some(Record {
            blob: slot.payload.blob(),
            version: Version::token(slot.version.number()),
            expires: Some(slot.expires()),
        })
    }

    /// Makes a record, in the place of an expired one or else in one that `take_place` grants.
    pub(super) fn create(
        &mut self,
        search: &Search<'_>,
        payload: Payload,
        expires: UnixTime,
        now: UnixTime,
        take_place: impl FnOnce() -> bool,
        hasher: &RandomState,
    ) -> Made {
        match self.find(search) {
            Some(at) if self.slots[at].expires() > now => Made::Taken(payload),
            Some(at) => {
                let (version, old) = self.overwrite(at, payload, expires);
                Made::Done(version, Some(old))
            }
            None if self.slots.len() == MOST || !take_place() => Made::Full(payload),
            None => Made::Done(self.insert(search, payload, expires, hasher), None),
        }
    }

    pub(super) fn replace(
        &mut self,
        search: &Search<'_>,
        payload: Payload,
        expires: UnixTime,
        seen: &Version,
        now: UnixTime,
    ) -> (Replaced, Spare) {
        match self.find_live(search, now) {
            None => (Replaced::Gone, payload),
            Some(at) if !self.slots[at].is(seen) => (Replaced::Conflict, payload),
            Some(at) => {
                let (version, old) = self.overwrite(at, payload, expires);
                (Replaced::Done(version), old)
            }
        }
    }

    pub(super) fn touch(
        &mut self,
        search: &Search<'_>,
        expires: UnixTime,
        now: UnixTime,
    ) -> Touched {
        let Some(at) = self.find_live(search, now) else {
            return Touched::Gone;
        };
        self.slots[at].expires = Short::of_time(expires);
        self.restore_heap(at);
        Touched::Done
    }

    pub(super) fn delete(&mut self, search: &Search<'_>, hasher: &RandomState) -> Option<Removed> {
        let at = self.find(search)?;
        Some(self.remove(at, hasher))
    }

    pub(super) fn delete_unchanged(
        &mut self,
        search: &Search<'_>,
        seen: &Version,
        now: UnixTime,
        hasher: &RandomState,
    ) -> (Deleted, Option<Removed>) {
        match self.find_live(search, now) {
            None => (Deleted::Gone, None),
            Some(at) if !self.slots[at].is(seen) => (Deleted::Conflict, None),
            Some(at) => (Deleted::Done, Some(self.remove(at, hasher))),
        }
    }

    /// Moves at most `limit` records that had expired at `now` to `removed`, which is empty.
    pub(super) fn remove_expired(
        &mut self,
        now: UnixTime,
        limit: usize,
        hasher: &RandomState,
        removed: &mut Vec<Removed>,
    ) {
        while removed.len() < limit
            && let Some(&first) = self.heap.first()
            && self.slots[first as usize].expires() <= now
        {
            removed.push(self.remove(first as usize, hasher));
        }
    }

    /// Looks at `limit` slots below `slots_left`, downwards, and returns how many are left below those.
    ///
    /// Downwards, because a removal moves the last slot to a lower place: what has not been listed yet
    /// stays where it will be.
    pub(super) fn list(
        &self,
        prefix: &str,
        slots_left: usize,
        limit: usize,
        now: UnixTime,
        entries: &mut Vec<Entry>,
    ) -> usize {
        let end = slots_left.min(self.slots.len());
        let start = end.saturating_sub(limit);
        for slot in self.slots[start..end].iter().rev() {
            let key = slot.payload.key();
            if slot.expires() > now && key.starts_with(prefix) {
                entries.push(Entry {
                    key: Key::new(key),
                    size: Some(slot.payload.blob_len() as u64),
                    expires: Some(slot.expires()),
                });
            }
        }
        start
    }

    /// The first millisecond at which a record expires; `i64::MAX` if there is none.
    pub(super) fn earliest_expiry(&self) -> i64 {
        self.heap.first().map_or(i64::MAX, |&first| {
            self.slots[first as usize].expires().millis()
        })
    }

    fn find(&self, search: &Search<'_>) -> Option<usize> {
        self.table
            .find(search.hash(), |&at| {
                self.slots[at as usize].payload.is(search)
            })
            .map(|&at| at as usize)
    }

    fn find_live(&self, search: &Search<'_>, now: UnixTime) -> Option<usize> {
        self.find(search)
            .filter(|&at| self.slots[at].expires() > now)
    }

    fn insert(
        &mut self,
        search: &Search<'_>,
        payload: Payload,
        expires: UnixTime,
        hasher: &RandomState,
    ) -> Version {
        // A sixteenth at a time: doubling would leave a quarter of the memory unused on average.
        if self.slots.len() == self.slots.capacity() {
            let more = (self.slots.len() / 16).max(8);
            self.slots.reserve_exact(more);
            self.heap.reserve_exact(more);
        }
        let at = self.slots.len();
        let version = self.next_version();
        self.slots.push(Slot {
            payload,
            heap_at: self.heap.len() as Number,
            version,
            expires: Short::of_time(expires),
        });
        self.heap.push(at as Number);
        self.restore_heap(at);
        let slots = &self.slots;
        self.table
            .insert_unique(search.hash(), at as Number, |&at| {
                slots[at as usize].payload.hash(hasher)
            });
        Version::token(version.number())
    }

    fn overwrite(&mut self, at: usize, payload: Payload, expires: UnixTime) -> (Version, Payload) {
        let version = self.next_version();
        let slot = &mut self.slots[at];
        let old = replace(&mut slot.payload, payload);
        slot.version = version;
        slot.expires = Short::of_time(expires);
        self.restore_heap(at);
        (Version::token(version.number()), old)
    }

    fn next_version(&mut self) -> Short {
        self.last_version += 1;
        Short::of_number(self.last_version)
    }

    fn remove(&mut self, at: usize, hasher: &RandomState) -> Removed {
        self.forget(at, hasher);
        self.remove_from_heap(self.slots[at].heap_at as usize);
        let last = self.slots.len() - 1;
        if at != last {
            let hash = self.slots[last].payload.hash(hasher);
            if let Some(moved) = self.table.find_mut(hash, |&slot| slot as usize == last) {
                *moved = at as Number;
            }
            self.heap[self.slots[last].heap_at as usize] = at as Number;
        }
        Removed {
            _payload: self.slots.swap_remove(at).payload,
            _tables: self.shrink(hasher),
        }
    }

    fn forget(&mut self, at: usize, hasher: &RandomState) {
        let hash = self.slots[at].payload.hash(hasher);
        if let Ok(entry) = self.table.find_entry(hash, |&slot| slot as usize == at) {
            entry.remove();
        }
    }

    /// Moves to smaller tables when three quarters are unused.
    fn shrink(&mut self, hasher: &RandomState) -> Option<Box<Outgrown>> {
        let wanted = self.slots.len() * 2;
        if self.slots.capacity() <= 64 || self.slots.capacity() <= 2 * wanted {
            return None;
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(wanted);
        slots.append(&mut self.slots);
        let mut heap = Vec::with_capacity(wanted);
        heap.append(&mut self.heap);
        let mut table = HashTable::with_capacity(wanted);
        let hash = |&at: &Number| slots[at as usize].payload.hash(hasher);
        for at in (0..slots.len()).map(|at| at as Number) {
            table.insert_unique(hash(&at), at, hash);
        }
        Some(Box::new(Outgrown {
            _table: replace(&mut self.table, table),
            _slots: replace(&mut self.slots, slots),
            _heap: replace(&mut self.heap, heap),
        }))
    }

    fn remove_from_heap(&mut self, heap_at: usize) {
        self.heap.swap_remove(heap_at);
        if let Some(&moved) = self.heap.get(heap_at) {
            self.slots[moved as usize].heap_at = heap_at as Number;
            self.restore_heap(moved as usize);
        }
    }

    /// Moves a slot up or down in the heap until it is in its place.
    fn restore_heap(&mut self, slot: usize) {
        let mut at = self.slots[slot].heap_at as usize;
        while at > 0 && self.expires_at(at) < self.expires_at((at - 1) / 2) {
            self.swap_in_heap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut first = at;
            for child in [left, right] {
                if child < self.heap.len() && self.expires_at(child) < self.expires_at(first) {
                    first = child;
                }
            }
            if first == at {
                return;
            }
            self.swap_in_heap(at, first);
            at = first;
        }
    }

    fn expires_at(&self, heap_at: usize) -> u64 {
        self.slots[self.heap[heap_at] as usize].expires.number()
    }

    fn swap_in_heap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for at in [one, other] {
            let slot = self.heap[at] as usize;
            self.slots[slot].heap_at = at as Number;
        }
    }
}

impl Slot {
    fn expires(&self) -> UnixTime {
        UnixTime::from_millis(self.expires.number() as i64)
    }

    fn is(&self, seen: &Version) -> bool {
        seen.as_token() == Some(self.version.number())
    }
}

/// A number in six bytes: milliseconds up to the year 10889, or 281 million million versions.
#[derive(Clone, Copy)]
struct Short([u8; 6]);

impl Short {
    fn of_number(number: u64) -> Short {
        let [a, b, c, d, e, f, _, _] = number.to_le_bytes();
        Short([a, b, c, d, e, f])
    }

    fn of_time(time: UnixTime) -> Short {
        Short::of_number(time.millis().clamp(0, (1 << 48) - 1) as u64)
    }

    fn number(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }
}
