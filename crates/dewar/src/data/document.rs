use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::fault::Fault;
use super::json_scan::{Dialect, Scanner};
use super::keyed::Keyed;
use super::{Dict, Entry, Pieces, Text, Value, json, msgpack, pickle, tagged_json};
use crate::{Error, ErrorKind, Result};

mod encode;
mod read;

/// The formats that sessions are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Flask's signed cookies: JSON with tags for Python's types.
    TaggedJson,
    /// Flask-Session's default: msgpack as msgspec writes it, in which some of Python's types become text or lists.
    Msgpack,
    /// Msgpack that keeps every type; plain types stay as in [`Msgpack`](Format::Msgpack), which reads the same records.
    MsgpackTyped,
    /// Flask-Session's alternative: JSON as msgspec writes it.
    Json,
    /// What cachelib's files hold: a pickle of plain types, which is read without running anything.
    Pickle,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::TaggedJson => "tagged JSON",
            Format::Msgpack | Format::MsgpackTyped => "msgpack",
            Format::Json => "JSON",
            Format::Pickle => "pickle",
        }
    }
}

/// A session's top-level dict: validated when it is read, decoded entry by entry when asked for.
///
/// Entries that were not changed are copied when the document is written in the format that it was read in, if they are written
/// exactly as Flask or msgspec would write them; otherwise they are written anew.
///
/// ```
/// use dewar::data::{Document, Format, Value};
///
/// let mut document = Document::parse(Format::Json, r#"{"user": "ada", "visits": 3}"#.into())?;
/// assert_eq!(document.get("visits").as_deref(), Some(&Value::Int(3)));
///
/// document.insert("visits".into(), Value::Int(4));
/// assert_eq!(document.encode(Format::Json)?, br#"{"user":"ada","visits":4}"#);
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone)]
pub struct Document {
    source: Bytes,
    family: Family,
    entries: Keyed<Slot>,
}

/// Formats that read each other's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    TaggedJson,
    Msgpack,
    Json,
    /// Read as a whole: no entry is raw.
    Pickle,
}

impl From<Format> for Family {
    fn from(format: Format) -> Family {
        match format {
            Format::TaggedJson => Family::TaggedJson,
            Format::Msgpack | Format::MsgpackTyped => Family::Msgpack,
            Format::Json => Family::Json,
            Format::Pickle => Family::Pickle,
        }
    }
}

/// What is known of an entry's value.
#[derive(Clone)]
enum Slot {
    Raw(Raw),
    Value(Value),
}

/// Where an entry is in the source, validated.
#[derive(Clone, Copy)]
struct Raw {
    /// Where its key starts, with the key's quotes.
    start: u32,
    /// Where its value starts.
    value: u32,
    /// Where its value ends.
    end: u32,
    /// Whether these bytes are exactly what would be written.
    exact: bool,
}

impl Document {
    /// An empty document.
    pub fn new() -> Document {
        Document {
            source: Bytes::new(),
            family: Family::TaggedJson,
            entries: Keyed::new(),
        }
    }

    /// Reads and validates a document in exactly this format; the two kinds of msgpack read each other.
    pub fn parse(format: Format, bytes: Bytes) -> Result<Document> {
        let entries = Document::scan(format, &bytes)?;
        Ok(Document::of(format, bytes, entries))
    }

    fn scan(format: Format, bytes: &[u8]) -> Result<Keyed<Slot>> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Error::new(ErrorKind::Decode, "a session of 4 GiB or more"));
        }
        let entries = match Family::from(format) {
            Family::TaggedJson => read::json(bytes, Dialect::Python),
            Family::Json => read::json(bytes, Dialect::Msgspec),
            Family::Msgpack => read::msgpack(bytes),
            Family::Pickle => pickle::read(bytes).map(|dict| Document::from(dict).entries),
        };
        entries.map_err(|fault| fault.into_error(format.name()))
    }

    fn of(format: Format, source: Bytes, entries: Keyed<Slot>) -> Document {
        Document {
            source,
            family: format.into(),
            entries,
        }
    }

    /// Reads a document as Flask-Session does: in the preferred format, else in the other ones, else as a legacy pickle.
    ///
    /// A pickle is read by a small machine that knows plain types only and runs nothing.
    pub fn detect(preferred: Format, bytes: Bytes) -> Result<Document> {
        // The bytes are not shared, which for a vector of them would be an allocation.
        let error = match Document::scan(preferred, &bytes) {
            Ok(entries) => return Ok(Document::of(preferred, bytes, entries)),
            Err(error) => error,
        };
        for other in [Format::Msgpack, Format::Json] {
            if Family::from(other) != Family::from(preferred)
                && let Ok(entries) = Document::scan(other, &bytes)
            {
                return Ok(Document::of(other, bytes, entries));
            }
        }
        match pickle::read(&bytes) {
            Ok(dict) => Ok(Document::from(dict)),
            Err(fault) => {
                let message =
                    format!("{error}; nor is it msgpack, JSON or a pickle of plain types");
                Err(Error::new(ErrorKind::Decode, message).with_source(fault.into_error("pickle")))
            }
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.entries().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys, in the order in which they were read and inserted.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Text> {
        self.entries.entries().iter().map(|(key, _)| key)
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.get(key.as_bytes()).is_some()
    }

    /// The value of a key; decoded now unless it was inserted.
    pub fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        self.entries
            .get(key.as_bytes())
            .map(|slot| self.value(slot))
    }

    /// The value of a key that may hold lone surrogates.
    pub fn get_text(&self, key: &Text) -> Option<Cow<'_, Value>> {
        self.entries.get(key.as_wtf8()).map(|slot| self.value(slot))
    }

    /// Whether the key is there with a value that counts as true in Python; bools are not decoded for that.
    pub(crate) fn is_truthy(&self, key: &str) -> bool {
        self.entries.get(key.as_bytes()).is_some_and(|slot| {
            let bytes = match slot {
                Slot::Raw(raw) => self.raw_value(*raw),
                Slot::Value(_) => &[],
            };
            match bytes {
                b"true" | b"\xc3" => true,
                b"false" | b"\xc2" => false,
                _ => self.value(slot).is_truthy(),
            }
        })
    }

    /// Sets a key's value; a key that was there keeps its place.
    pub fn insert(&mut self, key: Text, value: Value) {
        self.entries.insert(key, Slot::Value(value));
    }

    /// Takes a key out and gives its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let slot = self.entries.remove(key.as_bytes())?;
        Some(self.take(slot))
    }

    /// Takes a key that may hold lone surrogates out and gives its value.
    pub fn remove_text(&mut self, key: &Text) -> Option<Value> {
        let slot = self.entries.remove(key.as_wtf8())?;
        Some(self.take(slot))
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// All entries, decoded.
    pub fn to_dict(&self) -> Dict {
        let entries = self.entries.entries().iter();
        entries
            .map(|(key, slot)| (key.clone(), self.value(slot).into_owned()))
            .collect()
    }

    /// The entries in order, undecoded as far as they are.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&Text, Entry<'_>)> {
        let entries = self.entries.entries().iter();
        entries.map(|(key, slot)| (key, self.entry(slot)))
    }

    /// What is under a key, undecoded if it is.
    pub fn entry_of(&self, key: &Text) -> Option<Entry<'_>> {
        let slot = self.entries.get(key.as_wtf8())?;
        Some(self.entry(slot))
    }

    fn entry<'a>(&'a self, slot: &'a Slot) -> Entry<'a> {
        match slot {
            Slot::Value(value) => Entry::Value(value),
            Slot::Raw(raw) => Entry::Stored(match self.family {
                Family::TaggedJson => Pieces::json(self.raw_value(*raw), Dialect::Python),
                Family::Json => Pieces::json(self.raw_value(*raw), Dialect::Msgspec),
                Family::Msgpack => Pieces::msgpack(self.raw_value(*raw)),
                Family::Pickle => unreachable!("a pickle is read as a whole"),
            }),
        }
    }

    /// Whether the key has the same stored bytes in both documents, or values that are equal; neither need have it.
    ///
    /// Nothing is decoded where the bytes say enough.
    pub fn same(&self, other: &Document, key: &Text) -> bool {
        match (
            self.entries.get(key.as_wtf8()),
            other.entries.get(key.as_wtf8()),
        ) {
            (None, None) => true,
            (Some(left), Some(right)) => {
                let bytes = match (left, right) {
                    (Slot::Raw(left), Slot::Raw(right)) if self.family == other.family => {
                        self.raw_value(*left) == other.raw_value(*right)
                    }
                    _ => false,
                };
                bytes || self.value(left) == other.value(right)
            }
            _ => false,
        }
    }

    /// The document in a format, byte for byte as Flask or msgspec writes it.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>> {
        encode::encode(self, format)
    }

    fn raw_value(&self, raw: Raw) -> &[u8] {
        &self.source[raw.value as usize..raw.end as usize]
    }

    fn raw_entry(&self, raw: Raw) -> &[u8] {
        &self.source[raw.start as usize..raw.end as usize]
    }

    fn value<'a>(&'a self, slot: &'a Slot) -> Cow<'a, Value> {
        match slot {
            Slot::Value(value) => Cow::Borrowed(value),
            Slot::Raw(raw) => Cow::Owned(self.decode(*raw)),
        }
    }

    fn take(&self, slot: Slot) -> Value {
        match slot {
            Slot::Value(value) => value,
            Slot::Raw(raw) => self.decode(raw),
        }
    }

    fn decode(&self, raw: Raw) -> Value {
        let value = decode(self.family, self.raw_value(raw));
        debug_assert!(
            value.is_ok(),
            "an entry that was validated cannot be decoded"
        );
        // Validation and decoding agree; should they ever not, the entry reads as None rather than bringing the process down.
        value.unwrap_or(Value::Null)
    }
}

fn decode(family: Family, bytes: &[u8]) -> Result<Value, Fault> {
    match family {
        Family::TaggedJson => tagged_json::decode(bytes),
        Family::Json => json::decode(bytes),
        Family::Msgpack => msgpack::decode(bytes),
        Family::Pickle => Err(Fault::new("a pickle is read as a whole", 0)),
    }
}

impl Default for Document {
    fn default() -> Document {
        Document::new()
    }
}

impl From<Dict> for Document {
    fn from(dict: Dict) -> Document {
        let mut document = Document::new();
        for (key, value) in dict {
            document.insert(key, value);
        }
        document
    }
}

impl fmt::Debug for Document {
    /// Shows neither keys nor values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
