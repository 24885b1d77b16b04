//! Reads JSON's syntax: validates a value without making one, and notes whether it is written exactly as Dewar would write it.

use super::distinct::Distinct;
use super::fault::Fault;
use super::json_text;
use super::{MAX_DEPTH, MAX_INTEGER_DIGITS};

/// Whose JSON is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Python's `json`: `NaN`, `Infinity` and lone surrogates are read; keys are written sorted, text as ASCII.
    Python,
    /// msgspec's: none of these are read; keys are written in order, text as UTF-8.
    Msgspec,
}

/// Where a string's content is.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it holds escapes.
    pub(super) escaped: bool,
}

/// Where a number is, and whether it is a float.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) float: bool,
}

/// A position in JSON text.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) position: usize,
    dialect: Dialect,
    /// Whether everything since this was set is written as Dewar would write it.
    pub(super) exact: bool,
    /// Whether a key since this was unset may be one of Flask's tags.
    pub(super) tagged: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner over bytes that are known to be UTF-8, so that positions can be cut anywhere between characters.
    pub(super) fn checked(bytes: &'a [u8], dialect: Dialect) -> Scanner<'a> {
        Scanner {
            bytes,
            position: 0,
            dialect,
            exact: true,
            tagged: false,
        }
    }

    pub(super) fn fault(&self, what: &'static str) -> Fault {
        Fault::new(what, self.position)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// Skips blanks and looks at what follows.
    pub(super) fn peek_token(&mut self) -> Option<u8> {
        while let Some(byte) = self.peek() {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.exact = false;
            self.position += 1;
        }
        None
    }

    /// Skips blanks and then the byte that must follow.
    pub(super) fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), Fault> {
        if self.peek_token() != Some(byte) {
            return Err(self.fault(otherwise));
        }
        self.position += 1;
        Ok(())
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek_token() {
            None => Ok(()),
            Some(_) => Err(self.fault("something follows the value")),
        }
    }

    /// After an item: whether another one follows or the container ends.
    pub(super) fn next_item(&mut self, close: u8) -> Result<bool, Fault> {
        match self.peek_token() {
            Some(b',') => {
                self.position += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.position += 1;
                Ok(false)
            }
            _ => Err(self.fault("a comma or the container's end is missing")),
        }
    }

    /// Skips an opening bracket; whether an item follows.
    pub(super) fn open(&mut self, close: u8, depth: usize) -> Result<bool, Fault> {
        if depth >= MAX_DEPTH {
            return Err(self.fault("nested too deeply"));
        }
        self.position += 1;
        if self.peek_token() == Some(close) {
            self.position += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Skips a key and its colon.
    pub(super) fn key(&mut self) -> Result<StringSpan, Fault> {
        if self.peek_token() != Some(b'"') {
            return Err(self.fault("a key is missing"));
        }
        let key = self.string()?;
        self.expect(b':', "a colon is missing")?;
        Ok(key)
    }

    /// Skips a value that is inside `depth` containers.
    pub(super) fn value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek_token() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => self.exact_number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.fault("a value is missing")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Fault> {
        let mut more = self.open(b']', depth)?;
        while more {
            self.value(depth + 1)?;
            more = self.next_item(b']')?;
        }
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Fault> {
        let mut more = self.open(b'}', depth)?;
        let mut keys = Keys::new(self.dialect);
        while more {
            let key = self.key()?;
            self.note_tag(key);
            // An escaped key is compared when the object is decoded and written again.
            self.exact &= !key.escaped && keys.add(&self.bytes[key.start..key.end]);
            self.value(depth + 1)?;
            more = self.next_item(b'}')?;
        }
        self.exact &= keys.finish();
        Ok(())
    }

    /// All of Flask's tags start with a blank, which may be written as an escape.
    pub(super) fn note_tag(&mut self, key: StringSpan) {
        self.tagged |= matches!(self.bytes[key.start], b' ' | b'\\');
    }

    /// Skips one of the words.
    pub(super) fn word(&mut self, word: &'static str) -> Result<(), Fault> {
        if !self.bytes[self.position..].starts_with(word.as_bytes()) {
            return Err(self.fault("a value is missing"));
        }
        self.position += word.len();
        Ok(())
    }

    fn exact_number(&mut self) -> Result<(), Fault> {
        let number = self.number()?;
        if self.exact {
            let text = &self.bytes[number.start..number.end];
            self.exact = match number.float {
                false => text != b"-0",
                true => json_text::is_exact_float(text, self.dialect),
            };
        }
        Ok(())
    }

    /// Skips a number.
    #[inline]
    pub(super) fn number(&mut self) -> Result<NumberSpan, Fault> {
        let start = self.position;
        let float = self.skip_number()?;
        let end = self.position;
        Ok(NumberSpan { start, end, float })
    }

    /// Skips a number; whether it is a float.
    fn skip_number(&mut self) -> Result<bool, Fault> {
        let start = self.position;
        if self.dialect == Dialect::Python
            && let Some(length) = special_float(&self.bytes[start..])
        {
            self.position += length;
            return Ok(true);
        }
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        let whole = match self.peek() {
            Some(b'0') => {
                self.position += 1;
                1
            }
            _ => self.digits()?,
        };
        let fraction = self.fraction()?;
        let exponent = self.exponent()?;
        let float = fraction || exponent;
        if !float && whole > MAX_INTEGER_DIGITS {
            return Err(self.fault("an integer has too many digits"));
        }
        // No float of up to 308 digits without an exponent is out of range.
        let may_be_infinite = float && (exponent || whole > 308);
        if may_be_infinite
            && self.dialect == Dialect::Msgspec
            && json_text::is_infinite(&self.bytes[start..self.position])
        {
            return Err(self.fault("a number is out of range"));
        }
        Ok(float)
    }

    fn digits(&mut self) -> Result<usize, Fault> {
        let rest = &self.bytes[self.position..];
        let count = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        if count == 0 {
            return Err(self.fault("a digit is missing"));
        }
        self.position += count;
        Ok(count)
    }

    fn fraction(&mut self) -> Result<bool, Fault> {
        if self.peek() != Some(b'.') {
            return Ok(false);
        }
        self.position += 1;
        self.digits().map(|_| true)
    }

    fn exponent(&mut self) -> Result<bool, Fault> {
        if !matches!(self.peek(), Some(b'e' | b'E')) {
            return Ok(false);
        }
        self.position += 1;
        if matches!(self.peek(), Some(b'-' | b'+')) {
            self.position += 1;
        }
        self.digits().map(|_| true)
    }

    /// Skips a string.
    #[inline]
    pub(super) fn string(&mut self) -> Result<StringSpan, Fault> {
        let start = self.position + 1;
        let escaped = self.skip_string()?;
        let end = self.position - 1;
        Ok(StringSpan {
            start,
            end,
            escaped,
        })
    }

    /// Skips a string; whether it holds escapes.
    fn skip_string(&mut self) -> Result<bool, Fault> {
        self.position += 1;
        let mut escaped = false;
        loop {
            self.position += plain_length(&self.bytes[self.position..]);
            match self.peek() {
                None => return Err(self.fault("a string does not end")),
                Some(b'"') => {
                    self.position += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..0x20) => return Err(self.fault("a control character in a string")),
                Some(0x7f..) => {
                    self.exact &= self.dialect == Dialect::Msgspec;
                    self.position += 1;
                }
                Some(_) => self.position += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.bytes.get(self.position + 1) {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => self.position += 2,
            Some(b'/') => {
                self.exact = false;
                self.position += 2;
            }
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.fault("an unknown escape")),
        }
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<(), Fault> {
        let unit = self.unit()?;
        self.exact &= match self.dialect {
            Dialect::Python => json_text::needs_unicode_escape(unit) || unit > 0x7e,
            Dialect::Msgspec => json_text::needs_unicode_escape(unit),
        };
        if self.dialect == Dialect::Msgspec && (0xd800..0xe000).contains(&unit) {
            let low = if self.peek() == Some(b'\\') {
                self.unit()?
            } else {
                0
            };
            if unit >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
                return Err(self.fault("a lone surrogate"));
            }
        }
        Ok(())
    }

    /// Skips `\uXXXX` and gives its code unit.
    fn unit(&mut self) -> Result<u32, Fault> {
        let rest = &self.bytes[self.position..];
        let Some(unit) = json_text::unicode_escape(rest) else {
            return Err(self.fault("a malformed unicode escape"));
        };
        self.exact &= !rest[2..6].iter().any(u8::is_ascii_uppercase);
        self.position += 6;
        Ok(unit)
    }
}

/// The length of Python's text for a float that is not finite, if that is at the start.
fn special_float(text: &[u8]) -> Option<usize> {
    match text {
        [b'N', b'a', b'N', ..] => Some(3),
        [b'-', b'I', rest @ ..] => rest.starts_with(b"nfinity").then_some(9),
        [b'I', rest @ ..] => rest.starts_with(b"nfinity").then_some(8),
        _ => None,
    }
}

/// How many bytes at the start are printable ASCII without a quote or a backslash.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut length = 0;
    // Eight bytes at once: a high bit is set for every byte that is not plain. A borrow can set one too many above a byte that
    // is not plain, never below it, so the lowest one counts.
    while let Some(chunk) = bytes[length..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let equal = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
        let control = word.wrapping_sub(ONES * 0x20);
        let not_plain = (control | equal(b'"') | equal(b'\\') | equal(0x7f) | word) & HIGH;
        if not_plain != 0 {
            return length + not_plain.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = &bytes[length..];
    length
        + rest
            .iter()
            .position(|byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\'))
            .unwrap_or(rest.len())
}

/// The keys of one object, to see whether they are as Dewar would write them.
struct Keys<'a> {
    dialect: Dialect,
    last: Option<&'a [u8]>,
    distinct: Distinct<'a>,
}

impl<'a> Keys<'a> {
    fn new(dialect: Dialect) -> Keys<'a> {
        Keys {
            dialect,
            last: None,
            distinct: Distinct::new(),
        }
    }

    /// Adds a key; false if it is known already that it should not be there.
    fn add(&mut self, key: &'a [u8]) -> bool {
        if self.dialect == Dialect::Msgspec {
            self.distinct.add(key);
            return true;
        }
        let ascending = self.last.is_none_or(|last| last < key);
        self.last = Some(key);
        ascending
    }

    /// Whether no key was there twice.
    fn finish(self) -> bool {
        // Ascending keys are distinct.
        self.dialect == Dialect::Python || self.distinct.finish()
    }
}
