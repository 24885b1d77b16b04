use std::fmt;

use super::keyed::Keyed;
use super::{Text, Value};

/// Python's `dict` with text keys, in insertion order; equal to another with the same entries in any order.
///
/// ```
/// use dewar::data::{Dict, Value};
///
/// let mut dict = Dict::new();
/// dict.insert("apples", 3);
/// dict.insert("pears", "two");
/// assert_eq!(dict.get("apples"), Some(&Value::Int(3)));
/// assert_eq!(dict.keys().next().unwrap(), "apples");
/// ```
#[derive(Clone)]
pub struct Dict(Keyed<Value>);

impl Dict {
    /// An empty dict.
    pub const fn new() -> Dict {
        Dict(Keyed::new())
    }

    /// An empty dict with room for `capacity` entries.
    pub fn with_capacity(capacity: usize) -> Dict {
        Dict(Keyed::with_capacity(capacity))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.entries().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key.as_bytes())
    }

    /// The value of a key, for changing it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(key.as_bytes())
    }

    /// The value of a key that may hold lone surrogates.
    pub fn get_text(&self, key: &Text) -> Option<&Value> {
        self.0.get(key.as_wtf8())
    }

    /// Sets a key's value and gives back the one before; a key that was there keeps its place.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key.as_bytes())
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Value)> {
        self.0.entries().iter().map(|(key, value)| (key, value))
    }

    /// The entries in order, for changing the values.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Text, &mut Value)> {
        self.0.values_mut()
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Text> {
        self.0.entries().iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.entries().iter().map(|(_, value)| value)
    }

    pub(super) fn keyed(&self) -> &Keyed<Value> {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Dict {
    type Item = (&'a Text, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        Iter(self.0.entries().iter())
    }
}

/// The entries of a [`Dict`] in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(std::slice::Iter<'a, (Text, Value)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Text, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl Default for Dict {
    fn default() -> Dict {
        Dict::new()
    }
}

impl PartialEq for Dict {
    fn eq(&self, other: &Dict) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, value)| other.get_text(key) == Some(value))
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl IntoIterator for Dict {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_entries().into_iter()
    }
}

impl<K: Into<Text>, V: Into<Value>> FromIterator<(K, V)> for Dict {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Dict {
        let mut dict = Dict::new();
        dict.extend(entries);
        dict
    }
}

impl<K: Into<Text>, V: Into<Value>> Extend<(K, V)> for Dict {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Into<Text>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Dict {
    fn from(entries: [(K, V); N]) -> Dict {
        entries.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_ignores_order_as_in_python() {
        let left = Dict::from([("a", 1), ("b", 2)]);
        let right = Dict::from([("b", 2), ("a", 1)]);
        assert_eq!(left, right);
        assert_ne!(left, Dict::from([("a", 1), ("b", 3)]));
        assert_ne!(left, Dict::from([("a", 1)]));
    }

    #[test]
    fn the_last_value_of_a_key_wins_and_keeps_the_first_ones_place() {
        let dict = Dict::from([("a", 1), ("b", 2), ("a", 3)]);
        assert_eq!(
            dict.into_iter().collect::<Vec<_>>(),
            [("a".into(), 3.into()), ("b".into(), 2.into())]
        );
    }
}
