use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::Text;

/// Entries with distinct keys in insertion order: scanned while few, with a hash index once there are many.
#[derive(Clone, Debug)]
pub(crate) struct Keyed<V> {
    entries: Vec<(Text, V)>,
    index: Option<Box<Index>>,
    ascending: bool,
}

/// Positions by the hash of the key. Keys may come from outside, so the hash is keyed.
#[derive(Clone, Debug)]
struct Index {
    state: RandomState,
    positions: HashTable<u32>,
}

/// Up to here, comparing every key is faster than hashing one.
const SCANNED: usize = 32;

impl<V> Default for Keyed<V> {
    fn default() -> Keyed<V> {
        Keyed::new()
    }
}

impl<V> Keyed<V> {
    pub(crate) const fn new() -> Keyed<V> {
        Keyed {
            entries: Vec::new(),
            index: None,
            ascending: true,
        }
    }

    pub(crate) fn with_capacity(capacity: usize) -> Keyed<V> {
        Keyed {
            entries: Vec::with_capacity(capacity),
            ..Keyed::new()
        }
    }

    pub(crate) fn entries(&self) -> &[(Text, V)] {
        &self.entries
    }

    pub(crate) fn into_entries(self) -> Vec<(Text, V)> {
        self.entries
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (&Text, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The entries sorted by key, as Python sorts text.
    pub(crate) fn sorted(&self) -> Vec<&(Text, V)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        if !self.ascending {
            entries.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        }
        entries
    }

    /// Whether the keys are in ascending order already.
    pub(crate) fn is_ascending(&self) -> bool {
        self.ascending
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        Some(&self.entries[self.position(key)?].1)
    }

    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let position = self.position(key)?;
        Some(&mut self.entries[position].1)
    }

    /// Sets a key's value; a key that was there keeps its place.
    #[inline]
    pub(crate) fn insert(&mut self, key: Text, value: V) -> Option<V> {
        // Above the last of ascending keys, a key is new without a search.
        if self.ascending && self.entries.len() < SCANNED && self.is_above_the_last(&key) {
            self.entries.push((key, value));
            return None;
        }
        self.insert_searching(key, value)
    }

    #[inline(never)]
    fn insert_searching(&mut self, key: Text, value: V) -> Option<V> {
        let above = self.is_above_the_last(&key);
        if !(self.ascending && above)
            && let Some(position) = self.position_where(key.as_wtf8(), |known| *known == key)
        {
            return Some(std::mem::replace(&mut self.entries[position].1, value));
        }
        self.ascending &= above;
        self.entries.push((key, value));
        self.index_last();
        None
    }

    fn is_above_the_last(&self, key: &Text) -> bool {
        self.entries.last().is_none_or(|(last, _)| last < key)
    }

    /// Takes a key out; the others keep their order.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let position = self.position(key)?;
        let (_, value) = self.entries.remove(position);
        if self.entries.len() <= SCANNED {
            // The next insert that needs it makes it again.
            self.index = None;
        } else if let Some(index) = &mut self.index {
            // Made anew for each of many keys, it would cost far more than they.
            let hash = index.state.hash_one(key);
            let is_it = |at: &u32| *at as usize == position;
            if let Ok(found) = index.positions.find_entry(hash, is_it) {
                found.remove();
            }
            for later in index.positions.iter_mut() {
                if *later as usize > position {
                    *later -= 1;
                }
            }
        }
        Some(value)
    }

    pub(crate) fn clear(&mut self) {
        *self = Keyed::new();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn contains(&self, key: &Text) -> bool {
        self.position(key.as_wtf8()).is_some()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Text> {
        self.entries.iter().map(|(key, _)| key)
    }

    fn position(&self, key: &[u8]) -> Option<usize> {
        self.position_where(key, |known| known.as_wtf8() == key)
    }

    /// The position of the key that is meant, of those with these bytes: a number has the bytes of its text.
    fn position_where(&self, key: &[u8], is_meant: impl Fn(&Text) -> bool) -> Option<usize> {
        match &self.index {
            None => self.entries.iter().position(|(known, _)| is_meant(known)),
            Some(index) => index
                .positions
                .find(index.state.hash_one(key), |&position| {
                    is_meant(&self.entries[position as usize].0)
                })
                .map(|&position| position as usize),
        }
    }

    fn index_last(&mut self) {
        match &mut self.index {
            None if self.entries.len() <= SCANNED => {}
            None => self.build_index(),
            Some(index) => {
                let position = self.entries.len() - 1;
                add(index, &self.entries, position);
            }
        }
    }

    fn build_index(&mut self) {
        let mut index = Box::new(Index {
            state: RandomState::new(),
            positions: HashTable::with_capacity(self.entries.len()),
        });
        for position in 0..self.entries.len() {
            add(&mut index, &self.entries, position);
        }
        self.index = Some(index);
    }
}

fn add<V>(index: &mut Index, entries: &[(Text, V)], position: usize) {
    let Index { state, positions } = index;
    let hash = |position: usize| state.hash_one(entries[position].0.as_wtf8());
    positions.insert_unique(hash(position), position as u32, |&position| {
        hash(position as usize)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Text {
        Text::from(format!("key {number}"))
    }

    #[test]
    fn keys_are_found_below_and_above_the_size_from_which_they_are_indexed() {
        let mut keyed = Keyed::new();
        for number in 0..500 {
            assert_eq!(keyed.insert(key(number), number), None);
            assert_eq!(keyed.insert(key(number / 2), number / 2), Some(number / 2));
        }
        for number in (0..500).step_by(3) {
            assert_eq!(keyed.remove(key(number).as_wtf8()), Some(number));
        }
        for number in 0..500 {
            let expected = (number % 3 != 0).then_some(number);
            assert_eq!(keyed.get(key(number).as_wtf8()).copied(), expected);
        }
        for number in (0..500).rev() {
            assert_eq!(keyed.insert(key(number), number).is_some(), number % 3 != 0);
        }
        for number in 0..500 {
            assert_eq!(keyed.remove(key(number).as_wtf8()), Some(number));
            let next = number + 1;
            assert_eq!(keyed.get(key(next).as_wtf8()).is_some(), next < 500);
        }
        assert!(keyed.entries().is_empty());
    }

    #[test]
    fn many_keys_are_indexed_once_and_not_anew_at_each_change() {
        let mut keyed = Keyed::new();
        for number in 0..500 {
            keyed.insert(key(number), number);
        }
        // The hash of an index that is made anew has another key.
        let mark = |keyed: &Keyed<usize>| Some(keyed.index.as_ref()?.state.hash_one("any text"));
        let made = mark(&keyed);
        assert!(made.is_some());
        for number in 0..500 - SCANNED - 1 {
            keyed.remove(key(number).as_wtf8());
            keyed.insert(key(499), number);
            assert_eq!(mark(&keyed), made, "after {number}");
        }
    }

    #[test]
    fn order_of_insertion_is_kept_and_sorting_is_by_key() {
        let mut keyed = Keyed::new();
        for (name, value) in [("b", 1), ("c", 2), ("a", 3), ("b", 4)] {
            keyed.insert(Text::from(name), value);
        }
        let in_order =
            |entries: Vec<&(Text, i32)>| entries.iter().map(|entry| entry.1).collect::<Vec<_>>();
        assert_eq!(in_order(keyed.entries().iter().collect()), [4, 2, 3]);
        assert_eq!(in_order(keyed.sorted()), [3, 4, 2]);
    }
}
