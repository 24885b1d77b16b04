//! Reads msgpack: skips values and notes whether they are written exactly as msgspec would write them, or decodes them.

use super::{Fault, MAX_DEPTH, Value, extension};
use crate::data::distinct::Distinct;
use crate::data::pieces::{Items, Piece};
use crate::data::{Dict, Text, json};

/// A position in msgpack bytes.
#[derive(Clone)]
pub(in crate::data) struct Reader<'a> {
    bytes: &'a [u8],
    pub(in crate::data) position: usize,
    /// Whether everything since this was set is written as msgspec would write it.
    pub(in crate::data) exact: bool,
    /// Whether an extension other than a timestamp was met since this was unset.
    pub(in crate::data) typed: bool,
}

/// What a value's first bytes say.
#[derive(Clone, Copy)]
enum Head {
    Nil,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Str(usize),
    Bin(usize),
    Array(usize),
    Map(usize),
    Extension(i8, usize),
}

impl<'a> Reader<'a> {
    pub(in crate::data) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            bytes,
            position: 0,
            exact: true,
            typed: false,
        }
    }

    /// The number of entries of the top-level dict.
    pub(in crate::data) fn document(&mut self) -> Result<usize, Fault> {
        match self.head()? {
            Head::Map(count) => Ok(count),
            _ => Err(Fault::new("a session is a dict", 0)),
        }
    }

    /// Nothing may follow.
    pub(in crate::data) fn end(&self) -> Result<(), Fault> {
        match self.position == self.bytes.len() {
            true => Ok(()),
            false => Err(self.fault("something follows the value")),
        }
    }

    /// Reads a dict's key as text.
    pub(in crate::data) fn key(&mut self, depth: usize) -> Result<Text, Fault> {
        let start = self.position;
        if let Head::Str(length) = self.head()? {
            let bytes = self.take(length)?;
            return utf8(bytes)
                .map(Text::from)
                .ok_or_else(|| self.fault("text that is not UTF-8"));
        }
        self.position = start;
        self.other_key(depth)
    }

    #[inline(never)]
    fn other_key(&mut self, depth: usize) -> Result<Text, Fault> {
        let key = self.hashable(depth)?;
        json::key_text(&key).ok_or_else(|| self.fault("a key that has no text"))
    }

    /// Reads the key of a dict inside of the session, which keeps its type if it is a number, a bool or nil.
    fn inner_key(&mut self, depth: usize) -> Result<Text, Fault> {
        let start = self.position;
        if let Head::Str(_) = self.head()? {
            self.position = start;
            return self.key(depth);
        }
        self.position = start;
        let key = self.hashable(depth)?;
        Text::of_key(&key)
            .or_else(|| json::key_text(&key))
            .ok_or_else(|| self.fault("a key that has no text"))
    }

    fn hashable(&mut self, depth: usize) -> Result<Value, Fault> {
        let start = self.position;
        self.skip_hashable(depth)?;
        self.position = start;
        self.decode(depth)
    }

    /// Skips what can be a key in Python: no dict or set, and nothing that holds one. Their text, with the text of their
    /// keys in it, would also double with each level.
    fn skip_hashable(&mut self, depth: usize) -> Result<(), Fault> {
        let start = self.position;
        match self.head()? {
            Head::Array(count) => {
                self.check_depth(depth)?;
                (0..count).try_for_each(|_| self.skip_hashable(depth + 1))
            }
            Head::Map(_) | Head::Extension(extension::TUPLE | extension::SET, _) => {
                Err(self.fault("a key that is not hashable"))
            }
            _ => {
                self.position = start;
                self.skip(depth)
            }
        }
    }

    /// Skips a value that is inside `depth` containers, validating it but for extensions other than timestamps.
    pub(in crate::data) fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        match self.head()? {
            Head::Nil | Head::Bool(_) | Head::Int(_) | Head::Unsigned(_) | Head::Float(_) => Ok(()),
            Head::Str(length) => {
                let bytes = self.take(length)?;
                // Most is ASCII, and that is seen sooner.
                match bytes.is_ascii() || utf8(bytes).is_some() {
                    true => Ok(()),
                    false => Err(self.fault("text that is not UTF-8")),
                }
            }
            Head::Bin(length) => self.take(length).map(|_| ()),
            Head::Array(count) => {
                self.check_depth(depth)?;
                (0..count).try_for_each(|_| self.skip(depth + 1))
            }
            Head::Map(count) => self.skip_map(count, depth),
            Head::Extension(code, length) => self.skip_extension(code, length),
        }
    }

    fn skip_map(&mut self, count: usize, depth: usize) -> Result<(), Fault> {
        self.check_depth(depth)?;
        let mut keys = Distinct::new();
        for _ in 0..count {
            let start = self.position;
            self.skip_hashable(depth + 1)?;
            if self.exact {
                keys.add(&self.bytes[start..self.position]);
            }
            self.skip(depth + 1)?;
        }
        self.exact &= keys.finish();
        Ok(())
    }

    fn skip_extension(&mut self, code: i8, length: usize) -> Result<(), Fault> {
        let payload = self.take(length)?;
        if code != extension::TIMESTAMP {
            self.typed = true;
            return Ok(());
        }
        let Some((seconds, nanoseconds)) = extension::timestamp(payload) else {
            return Err(self.fault("a malformed timestamp"));
        };
        self.exact &= extension::timestamp_length(seconds, nanoseconds) == length;
        Ok(())
    }

    /// Decodes a value that is inside `depth` containers.
    pub(in crate::data) fn decode(&mut self, depth: usize) -> Result<Value, Fault> {
        match self.head()? {
            Head::Array(count) => self.decode_array(count, depth).map(Value::List),
            Head::Map(count) => self.decode_map(count, depth),
            Head::Extension(code @ (extension::TUPLE | extension::SET), length) => {
                self.decode_sequence(code, length, depth)
            }
            leaf => self.decode_leaf(leaf),
        }
    }

    fn decode_array(&mut self, count: usize, depth: usize) -> Result<Vec<Value>, Fault> {
        self.check_depth(depth)?;
        // A count is only believed as far as there are bytes for it, and memory is taken as items come.
        let mut items = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            items.push(self.decode(depth + 1)?);
        }
        Ok(items)
    }

    fn decode_map(&mut self, count: usize, depth: usize) -> Result<Value, Fault> {
        self.check_depth(depth)?;
        let mut dict = Dict::with_capacity(count.min(16));
        for _ in 0..count {
            let key = self.inner_key(depth + 1)?;
            dict.insert(key, self.decode(depth + 1)?);
        }
        Ok(Value::Dict(dict))
    }

    fn decode_sequence(&mut self, code: i8, length: usize, depth: usize) -> Result<Value, Fault> {
        let end = self.position + length;
        if end > self.bytes.len() {
            return Err(self.fault("the data ends too early"));
        }
        let Head::Array(count) = self.head()? else {
            return Err(self.fault("an extension that holds something else than an array"));
        };
        let items = self.decode_array(count, depth)?;
        if self.position != end {
            return Err(self.fault("an extension that holds more or less than an array"));
        }
        Ok(match code {
            extension::TUPLE => Value::Tuple(items),
            _ => Value::Set(items),
        })
    }

    #[inline(never)]
    fn decode_leaf(&mut self, head: Head) -> Result<Value, Fault> {
        Ok(match head {
            Head::Nil => Value::Null,
            Head::Bool(value) => Value::Bool(value),
            Head::Int(value) => Value::Int(value),
            Head::Unsigned(value) => Value::from(value),
            Head::Float(value) => Value::Float(value),
            Head::Str(length) => {
                let bytes = self.take(length)?;
                Value::from(utf8(bytes).ok_or_else(|| self.fault("text that is not UTF-8"))?)
            }
            Head::Bin(length) => Value::from(self.take(length)?),
            Head::Extension(code, length) => {
                let payload = self.take(length)?;
                extension::decode(code, payload)
                    .ok_or_else(|| self.fault("an unknown or malformed extension"))?
            }
            Head::Array(_) | Head::Map(_) => Value::Null,
        })
    }

    /// The bytes of what there is to read, if that is an array or a map.
    pub(in crate::data) fn container_len(&self) -> Option<usize> {
        matches!(self.bytes.first(), Some(0x80..=0x9f | 0xdc..=0xdf)).then_some(self.bytes.len())
    }

    /// What follows as a piece, which was validated.
    pub(in crate::data) fn piece(&mut self) -> Piece<'a> {
        match self.head() {
            Ok(Head::Nil) | Err(_) => Piece::Null,
            Ok(Head::Bool(value)) => Piece::Bool(value),
            Ok(Head::Int(value)) => Piece::Int(value),
            Ok(Head::Float(value)) => Piece::Float(value),
            Ok(Head::Str(length)) => match self.take(length).ok().and_then(utf8) {
                Some(text) => Piece::Str(text),
                None => Piece::Null,
            },
            Ok(Head::Array(count)) => Piece::List(Items::counted(count)),
            Ok(Head::Map(count)) => Piece::Dict(Items::counted(count)),
            Ok(other) => Piece::Value(self.decode_leaf(other).unwrap_or(Value::Null)),
        }
    }

    /// A dict's key as a piece.
    pub(in crate::data) fn piece_of_key(&mut self) -> Piece<'a> {
        let start = self.position;
        if let Ok(Head::Str(length)) = self.head()
            && let Some(text) = self.take(length).ok().and_then(utf8)
        {
            return Piece::Str(text);
        }
        self.position = start;
        match self.inner_key(0) {
            Ok(key) => Piece::from(key.to_key()),
            Err(_) => Piece::Null,
        }
    }

    fn head(&mut self) -> Result<Head, Fault> {
        let [marker] = self.fixed()?;
        Ok(match marker {
            0..=0x7f => Head::Int(i64::from(marker)),
            0x80..=0x8f => Head::Map(usize::from(marker & 0x0f)),
            0x90..=0x9f => Head::Array(usize::from(marker & 0x0f)),
            0xa0..=0xbf => Head::Str(usize::from(marker & 0x1f)),
            0xc0 => Head::Nil,
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4 => Head::Bin(self.length(1, 0)?),
            0xc5 => Head::Bin(self.length(2, 0x100)?),
            0xc6 => Head::Bin(self.length(4, 0x1_0000)?),
            0xc7 => self.extension(1)?,
            0xc8 => self.extension(2)?,
            0xc9 => self.extension(4)?,
            0xca => {
                self.exact = false;
                Head::Float(f64::from(f32::from_be_bytes(self.fixed()?)))
            }
            0xcb => Head::Float(f64::from_be_bytes(self.fixed()?)),
            0xcc => self.unsigned(1, 0x80)?,
            0xcd => self.unsigned(2, 0x100)?,
            0xce => self.unsigned(4, 0x1_0000)?,
            0xcf => self.unsigned(8, 0x1_0000_0000)?,
            0xd0 => {
                let value = i8::from_be_bytes(self.fixed()?);
                self.signed(i64::from(value), -0x20)
            }
            0xd1 => {
                let value = i16::from_be_bytes(self.fixed()?);
                self.signed(i64::from(value), -0x80)
            }
            0xd2 => {
                let value = i32::from_be_bytes(self.fixed()?);
                self.signed(i64::from(value), -0x8000)
            }
            0xd3 => {
                let value = i64::from_be_bytes(self.fixed()?);
                self.signed(value, -0x8000_0000)
            }
            0xd4..=0xd8 => {
                let [code] = self.fixed()?;
                Head::Extension(code as i8, 1 << (marker - 0xd4))
            }
            0xd9 => Head::Str(self.length(1, 0x20)?),
            0xda => Head::Str(self.length(2, 0x100)?),
            0xdb => Head::Str(self.length(4, 0x1_0000)?),
            0xdc => Head::Array(self.length(2, 0x10)?),
            0xdd => Head::Array(self.length(4, 0x1_0000)?),
            0xde => Head::Map(self.length(2, 0x10)?),
            0xdf => Head::Map(self.length(4, 0x1_0000)?),
            0xe0..=0xff => Head::Int(i64::from(marker as i8)),
            0xc1 => return Err(self.fault("an unknown marker")),
        })
    }

    /// A length in so many bytes; shorter forms are used below `least`.
    fn length(&mut self, width: usize, least: u64) -> Result<usize, Fault> {
        let length = self.big_endian(width)?;
        self.exact &= length >= least;
        Ok(length as usize)
    }

    fn unsigned(&mut self, width: usize, least: u64) -> Result<Head, Fault> {
        let value = self.big_endian(width)?;
        self.exact &= value >= least;
        Ok(match i64::try_from(value) {
            Ok(value) => Head::Int(value),
            Err(_) => Head::Unsigned(value),
        })
    }

    /// An integer of a form that is used only below `least`.
    fn signed(&mut self, value: i64, least: i64) -> Head {
        self.exact &= value < least;
        Head::Int(value)
    }

    fn extension(&mut self, width: usize) -> Result<Head, Fault> {
        let length = self.big_endian(width)? as usize;
        let [code] = self.fixed()?;
        // The only timestamp without a form of its own has 12 bytes; lengths like 4 and 8 have one.
        self.exact &= width == 1 && !length.is_power_of_two();
        Ok(Head::Extension(code as i8, length))
    }

    fn big_endian(&mut self, width: usize) -> Result<u64, Fault> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.bytes[self.position..].first_chunk() {
            Some(bytes) => {
                self.position += N;
                Ok(*bytes)
            }
            None => Err(self.fault("the data ends too early")),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        match self.bytes[self.position..].get(..length) {
            Some(bytes) => {
                self.position += length;
                Ok(bytes)
            }
            None => Err(self.fault("the data ends too early")),
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), Fault> {
        match depth >= MAX_DEPTH {
            true => Err(self.fault("nested too deeply")),
            false => Ok(()),
        }
    }

    fn fault(&self, what: &'static str) -> Fault {
        Fault::new(what, self.position)
    }
}

fn utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
