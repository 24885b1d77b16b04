use std::borrow::{Borrow, Cow};
use std::fmt;

use compact_str::{CompactString, ToCompactString};
use num_bigint::BigInt;

use super::json_scan::Dialect;
use super::{Value, json, json_text, token};

/// Python text: UTF-8, or generalized UTF-8 (WTF-8) where it holds lone surrogates.
///
/// Short texts are kept without an allocation. The order is by code point, as in Python.
///
/// ```
/// use dewar::data::Text;
///
/// let text = Text::from("_permanent");
/// assert_eq!(text.as_str(), Some("_permanent"));
/// assert_eq!(text, *"_permanent");
///
/// let lone = Text::from_wtf8(b"\xed\xa0\x80").unwrap();
/// assert_eq!(lone.as_str(), None);
/// assert_eq!(lone.to_string_lossy(), "\u{fffd}");
/// ```
///
/// A dict's key that is a number, a bool or `None` in Python has a text as well, the one that JSON gives it. Msgpack keeps what it
/// is: see [`of_key`](Text::of_key).
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Repr);

#[derive(Clone, PartialEq, Eq)]
enum Repr {
    Utf8(CompactString),
    /// Holds at least one surrogate, so that equal texts have equal representations.
    Surrogates(Box<[u8]>),
    /// The text of a key that is no text.
    Key(Box<Key>),
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    text: CompactString,
    kind: KeyKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Int,
    Float,
    Bool,
    Null,
}

impl Text {
    /// The text as UTF-8, or `None` where it holds lone surrogates.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Utf8(text) => Some(text),
            Repr::Key(key) => Some(&key.text),
            Repr::Surrogates(_) => None,
        }
    }

    /// The text with every lone surrogate replaced by U+FFFD.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Utf8(text) => Cow::Borrowed(text),
            Repr::Key(key) => Cow::Borrowed(&key.text),
            Repr::Surrogates(bytes) => Cow::Owned(
                code_points(bytes)
                    .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            ),
        }
    }

    /// The text's bytes: UTF-8, in which a lone surrogate takes three bytes as any other code point of its size.
    pub fn as_wtf8(&self) -> &[u8] {
        match &self.0 {
            Repr::Utf8(text) => text.as_bytes(),
            Repr::Key(key) => key.text.as_bytes(),
            Repr::Surrogates(bytes) => bytes,
        }
    }

    /// Reads bytes as [`as_wtf8`](Text::as_wtf8) gives them; `None` if they are not that.
    pub fn from_wtf8(bytes: &[u8]) -> Option<Text> {
        if let Ok(text) = CompactString::from_utf8(bytes) {
            return Some(Text(Repr::Utf8(text)));
        }
        is_wtf8(bytes).then(|| Text(Repr::Surrogates(bytes.into())))
    }

    /// The key of a dict that in Python is this `int`, finite `float`, `bool` or `None`; `None` for every other value.
    ///
    /// It reads as the text that JSON gives it, and is another key than that text.
    ///
    /// ```
    /// use dewar::data::{Dict, Text, Value};
    ///
    /// let one = Text::of_key(&Value::Int(1)).unwrap();
    /// assert_eq!(one.as_str(), Some("1"));
    /// assert_eq!(one.to_key(), Value::Int(1));
    ///
    /// let dict = Dict::from([(one, "number"), (Text::from("1"), "text")]);
    /// assert_eq!(dict.len(), 2);
    /// ```
    pub fn of_key(key: &Value) -> Option<Text> {
        let (text, kind) = match key {
            Value::Int(number) => (number.to_compact_string(), KeyKind::Int),
            Value::BigInt(number) => (number.to_compact_string(), KeyKind::Int),
            Value::Float(number) if number.is_finite() => {
                let mut text = Vec::new();
                json_text::write_float(&mut text, *number, Dialect::Python);
                (CompactString::from_utf8_lossy(&text), KeyKind::Float)
            }
            Value::Bool(truth) => (truth.to_compact_string(), KeyKind::Bool),
            Value::Null => (CompactString::const_new("null"), KeyKind::Null),
            _ => return None,
        };
        Some(Text(Repr::Key(Box::new(Key { text, kind }))))
    }

    /// The key of a dict that in Python is this value: as [`of_key`](Text::of_key), or else the text of it, which for types that JSON
    /// does not have is the one that it is stored as. `None` for what holds other values.
    ///
    /// ```
    /// use dewar::data::{Text, Value};
    ///
    /// let day: jiff::civil::Date = "2024-01-02".parse()?;
    /// assert_eq!(Text::of_any_key(&Value::Date(day)).unwrap(), "2024-01-02");
    /// assert_eq!(Text::of_any_key(&Value::List(Vec::new())), None);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn of_any_key(key: &Value) -> Option<Text> {
        match key {
            Value::Tuple(_) | Value::List(_) | Value::Set(_) | Value::Dict(_) => None,
            leaf => Text::of_key(leaf).or_else(|| json::key_text(leaf)),
        }
    }

    /// What the text stands for as a dict's key: itself, or what it was made [of](Text::of_key).
    pub fn to_key(&self) -> Value {
        let Repr::Key(key) = &self.0 else {
            return Value::Str(self.clone());
        };
        match key.kind {
            KeyKind::Int => match key.text.parse() {
                Ok(number) => Value::Int(number),
                Err(_) => Value::from(key.text.parse::<BigInt>().unwrap_or_default()),
            },
            KeyKind::Float => Value::Float(key.text.parse().unwrap_or_default()),
            KeyKind::Bool => Value::Bool(key.text == "true"),
            KeyKind::Null => Value::Null,
        }
    }

    /// The name under which a key that is no text passes through serde.
    pub(super) fn key_token(&self) -> Option<&'static str> {
        let Repr::Key(key) = &self.0 else {
            return None;
        };
        Some(match key.kind {
            KeyKind::Int => token::INT_KEY,
            KeyKind::Float => token::FLOAT_KEY,
            KeyKind::Bool => token::BOOL_KEY,
            KeyKind::Null => token::NULL_KEY,
        })
    }

    /// Whether it is text, and no key of another type.
    pub fn is_text(&self) -> bool {
        !matches!(self.0, Repr::Key(_))
    }

    /// The code points, surrogates included.
    pub(super) fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        code_points(self.as_wtf8())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(Repr::Utf8(CompactString::new(text)))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Repr::Utf8(CompactString::from(text)))
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Text {
        text.clone()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Text) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Text) -> std::cmp::Ordering {
        self.as_wtf8().cmp(other.as_wtf8())
    }
}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_wtf8().hash(state);
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self.as_wtf8()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Utf8(text) => fmt::Debug::fmt(text.as_str(), f),
            Repr::Key(key) => f.write_str(&key.text),
            Repr::Surrogates(bytes) => write!(f, "wtf8\"{}\"", bytes.escape_ascii()),
        }
    }
}

/// Collects text from code points; surrogates that make a pair stay two code points.
#[derive(Default)]
pub(super) struct TextBuilder {
    bytes: Vec<u8>,
    surrogates: bool,
}

impl TextBuilder {
    /// A builder with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> TextBuilder {
        TextBuilder {
            bytes: Vec::with_capacity(capacity),
            surrogates: false,
        }
    }

    /// Appends text that is known to be UTF-8.
    pub(super) fn push_str(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends a code point, which may be a surrogate.
    pub(super) fn push(&mut self, point: u32) {
        match char::from_u32(point) {
            Some(character) => self.push_str(character.encode_utf8(&mut [0; 4])),
            None => {
                self.surrogates = true;
                self.bytes.extend_from_slice(&[
                    0xe0 | (point >> 12) as u8,
                    0x80 | (point >> 6 & 0x3f) as u8,
                    0x80 | (point & 0x3f) as u8,
                ]);
            }
        }
    }

    /// The finished text.
    pub(super) fn finish(self) -> Text {
        if self.surrogates {
            return Text(Repr::Surrogates(self.bytes.into_boxed_slice()));
        }
        // Everything that was pushed was UTF-8; checking again costs less than a second type of text.
        Text(Repr::Utf8(CompactString::from_utf8_lossy(&self.bytes)))
    }
}

/// Whether the bytes are UTF-8 apart from surrogates; at least one surrogate is assumed to be there.
fn is_wtf8(mut bytes: &[u8]) -> bool {
    loop {
        let Err(error) = std::str::from_utf8(bytes) else {
            return true;
        };
        match &bytes[error.valid_up_to()..] {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => bytes = rest,
            _ => return false,
        }
    }
}

/// The code points of generalized UTF-8 that was checked before.
fn code_points(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&first, tail) = rest.split_first()?;
        let (length, mut point) = match first {
            0..0x80 => (0, u32::from(first)),
            0x80..0xe0 => (1, u32::from(first & 0x1f)),
            0xe0..0xf0 => (2, u32::from(first & 0x0f)),
            0xf0.. => (3, u32::from(first & 0x07)),
        };
        for &byte in tail.iter().take(length) {
            point = point << 6 | u32::from(byte & 0x3f);
        }
        rest = tail.get(length..).unwrap_or_default();
        Some(point)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lone_surrogates_survive_and_anything_else_that_is_not_utf8_is_refused() {
        for good in [
            &b"a\xed\xa0\x80b"[..],
            b"\xed\xbf\xbf",
            b"\xed\xa0\xbd\xed\xb8\x80",
            b"\xc3\xa9\xed\xa0\x80",
        ] {
            assert_eq!(Text::from_wtf8(good).unwrap().as_wtf8(), good);
        }
        for bad in [&b"\xff"[..], b"\xed\xa0", b"\xc0\x80", b"\xed\xa0\x80\xff"] {
            assert!(Text::from_wtf8(bad).is_none());
        }
    }

    #[test]
    fn a_builder_gives_equal_text_for_equal_code_points() {
        let mut builder = TextBuilder::default();
        [0x61, 0xe9, 0x20ac, 0x1f600]
            .into_iter()
            .for_each(|point| builder.push(point));
        assert_eq!(builder.finish(), Text::from("aé€😀"));

        let mut builder = TextBuilder::with_capacity(3);
        builder.push(0xd800);
        let text = builder.finish();
        assert_eq!(text, Text::from_wtf8(b"\xed\xa0\x80").unwrap());
        assert_eq!(text.code_points().collect::<Vec<_>>(), [0xd800]);
    }

    #[test]
    fn a_key_that_is_no_text_keeps_its_type() {
        let big: BigInt = "-123456789012345678901234567890".parse().unwrap();
        for (key, text) in [
            (Value::Int(-7), "-7"),
            (Value::BigInt(big), "-123456789012345678901234567890"),
            (Value::Float(1e16), "1e+16"),
            (Value::Float(-0.5), "-0.5"),
            (Value::Bool(true), "true"),
            (Value::Bool(false), "false"),
            (Value::Null, "null"),
        ] {
            let made = Text::of_key(&key).unwrap();
            assert_eq!((made.to_key(), made.as_str()), (key, Some(text)));
            assert_ne!(made, Text::from(text));
        }
        assert_eq!(Text::from("7").to_key(), Value::from("7"));
        assert!(Text::of_key(&Value::from("7")).is_none());
        assert!(Text::of_key(&Value::Float(f64::NAN)).is_none());
    }

    #[test]
    fn order_is_by_code_point() {
        let surrogate = Text::from_wtf8(b"\xed\xbf\xbf").unwrap();
        let texts = [
            Text::from("a"),
            surrogate,
            Text::from("\u{ffff}"),
            Text::from("\u{10000}"),
        ];
        assert!(texts.is_sorted());
    }
}
