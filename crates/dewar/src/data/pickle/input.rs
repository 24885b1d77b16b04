//! The bytes of a pickle, and the text in which protocol 0 writes its arguments.

use num_bigint::BigInt;

use crate::data::fault::Fault;
use crate::data::text::TextBuilder;
use crate::data::{MAX_INTEGER_DIGITS, Text, Value};

pub(super) struct Input<'a> {
    bytes: &'a [u8],
    pub(super) position: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, position: 0 }
    }

    pub(super) fn fault(&self, what: &'static str) -> Fault {
        Fault::new(what, self.position)
    }

    /// How many bytes there are, read or not.
    pub(super) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// A little-endian number of so many bytes, at most eight.
    pub(super) fn number(&mut self, width: usize) -> Result<u64, Fault> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.take(N)?;
        bytes
            .try_into()
            .map_err(|_| self.fault("the data ends too early"))
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        match self.bytes[self.position..].get(..length) {
            Some(bytes) => {
                self.position += length;
                Ok(bytes)
            }
            None => Err(self.fault("the data ends too early")),
        }
    }

    /// Bytes after their length, which takes so many bytes itself.
    pub(super) fn counted(&mut self, width: usize) -> Result<&'a [u8], Fault> {
        let length = self.number(width)?;
        let length = usize::try_from(length).map_err(|_| self.fault("the data ends too early"))?;
        self.take(length)
    }

    /// Text after its length: UTF-8, with surrogates.
    pub(super) fn text(&mut self, width: usize) -> Result<Text, Fault> {
        let bytes = self.counted(width)?;
        Text::from_wtf8(bytes).ok_or_else(|| self.fault("text that is not UTF-8"))
    }

    /// The bytes up to the line's end.
    pub(super) fn line(&mut self) -> Result<&'a [u8], Fault> {
        let rest = &self.bytes[self.position..];
        let Some(length) = memchr::memchr(b'\n', rest) else {
            return Err(self.fault("the data ends too early"));
        };
        self.position += length + 1;
        Ok(&rest[..length])
    }

    /// A line of ASCII text.
    pub(super) fn ascii_line(&mut self) -> Result<&'a str, Fault> {
        let line = self.line()?;
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|text| text.is_ascii());
        text.ok_or_else(|| self.fault("a line that is not ASCII"))
    }

    /// A line with a memo's number.
    pub(super) fn memo_line(&mut self) -> Result<u64, Fault> {
        let line = self.ascii_line()?;
        line.parse().map_err(|_| self.fault("a malformed number"))
    }

    /// A line with an integer; `00` and `01` are bools.
    pub(super) fn int_line(&mut self) -> Result<Value, Fault> {
        match self.ascii_line()? {
            "00" => Ok(Value::Bool(false)),
            "01" => Ok(Value::Bool(true)),
            line => self.integer(line),
        }
    }

    /// A line with an integer that may end with `L`.
    pub(super) fn long_line(&mut self) -> Result<Value, Fault> {
        let line = self.ascii_line()?;
        self.integer(line.strip_suffix('L').unwrap_or(line))
    }

    fn integer(&self, text: &str) -> Result<Value, Fault> {
        if text.len() > MAX_INTEGER_DIGITS + 1 {
            return Err(self.fault("an integer has too many digits"));
        }
        let value: Result<BigInt, _> = text.parse();
        value
            .map(Value::from)
            .map_err(|_| self.fault("a malformed number"))
    }

    /// A line with a float.
    pub(super) fn float_line(&mut self) -> Result<Value, Fault> {
        let line = self.ascii_line()?;
        line.parse()
            .map(Value::Float)
            .map_err(|_| self.fault("a malformed number"))
    }

    /// An integer in two's complement, little-endian, after its length.
    pub(super) fn long(&mut self, width: usize) -> Result<Value, Fault> {
        let bytes = self.counted(width)?;
        // So many bytes hold the digits that are allowed; more are not looked at.
        if bytes.len() > 1800 {
            return Err(self.fault("an integer has too many digits"));
        }
        let value = BigInt::from_signed_bytes_le(bytes);
        match crate::data::tagged_json::big_integer(&value) {
            Ok(_) => Ok(Value::from(value)),
            Err(_) => Err(self.fault("an integer has too many digits")),
        }
    }

    /// A line in Python's `raw-unicode-escape`.
    pub(super) fn unicode_line(&mut self) -> Result<Text, Fault> {
        let mut rest = self.line()?;
        let mut builder = TextBuilder::with_capacity(rest.len());
        while let Some((&byte, tail)) = rest.split_first() {
            let width = match tail.first() {
                Some(b'u') if byte == b'\\' => 4,
                Some(b'U') if byte == b'\\' => 8,
                _ => {
                    builder.push(u32::from(byte));
                    rest = tail;
                    continue;
                }
            };
            let digits = tail.get(1..=width).and_then(hexadecimal);
            builder.push(
                digits
                    .filter(|point| *point < 0x11_0000)
                    .ok_or_else(|| self.fault("a malformed unicode escape"))?,
            );
            rest = &tail[1 + width..];
        }
        Ok(builder.finish())
    }

    /// A line with a quoted text of Python 2, which Python 3 reads if it is ASCII.
    pub(super) fn quoted_line(&mut self) -> Result<Text, Fault> {
        let line = self.ascii_line()?;
        let content = ['\'', '"']
            .iter()
            .find_map(|quote| line.strip_prefix(*quote)?.strip_suffix(*quote));
        match content {
            Some(content) if !content.contains('\\') => Ok(Text::from(content)),
            _ => Err(self.fault("a malformed quoted text")),
        }
    }

    /// A text of Python 2, which Python 3 reads if it is ASCII.
    pub(super) fn ascii_text(&mut self, width: usize) -> Result<Text, Fault> {
        let bytes = self.counted(width)?;
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.is_ascii());
        text.map(Text::from)
            .ok_or_else(|| self.fault("a text of Python 2 that is not ASCII"))
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, &digit| {
        Some(value << 4 | char::from(digit).to_digit(16)?)
    })
}
