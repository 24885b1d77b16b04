//! A stored value piece by piece, for those who make objects of their own of it, or compare it with theirs, without a
//! [`Value`] in between.

use std::fmt;

use super::Value;
use super::json_scan::{Dialect, Scanner, StringSpan};
use super::json_text::{self, Number};
use super::msgpack::Reader;

/// What a document holds under a key.
#[derive(Clone, Debug)]
pub enum Entry<'a> {
    /// As it is stored, to be taken apart.
    Stored(Pieces<'a>),
    /// Decoded already.
    Value(&'a Value),
}

/// A value without others in it, or the beginning of one that holds others.
#[derive(Debug)]
#[non_exhaustive]
pub enum Piece<'a> {
    /// `None`.
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits in 64 bits.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text that is stored as it is.
    Str(&'a str),
    /// A list: [`next_item`](Pieces::next_item) says whether there is one, [`value`](Pieces::value) gives it.
    List(Items),
    /// A dict: [`next_key`](Pieces::next_key) gives the key of each entry, [`value`](Pieces::value) what is under it.
    Dict(Items),
    /// Everything else, decoded.
    Value(Value),
}

/// How far a list or a dict has been read.
#[derive(Debug)]
pub struct Items {
    begun: bool,
    left: usize,
}

/// A reader of one stored value, which was validated.
///
/// ```
/// use dewar::data::{Document, Entry, Format, Piece};
///
/// let document = Document::parse(Format::Json, r#"{"cart": ["apple", "pear"]}"#.into())?;
/// let Some((_, Entry::Stored(mut pieces))) = document.entries().next() else { unreachable!() };
/// let Piece::List(mut items) = pieces.value() else { unreachable!() };
/// let mut read = Vec::new();
/// while pieces.next_item(&mut items) {
///     if let Piece::Str(text) = pieces.value() {
///         read.push(text);
///     }
/// }
/// assert_eq!(read, ["apple", "pear"]);
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone)]
pub struct Pieces<'a>(Source<'a>);

#[derive(Clone)]
enum Source<'a> {
    /// Where it is read, and the whole of it as text once that is asked for.
    Json(Option<&'a str>, Scanner<'a>),
    Msgpack(Reader<'a>),
}

impl<'a> Pieces<'a> {
    pub(super) fn json(bytes: &'a [u8], dialect: Dialect) -> Pieces<'a> {
        Pieces(Source::Json(None, Scanner::checked(bytes, dialect)))
    }

    pub(super) fn msgpack(bytes: &'a [u8]) -> Pieces<'a> {
        Pieces(Source::Msgpack(Reader::new(bytes)))
    }

    /// How many bytes a list or a dict is stored in; None for every other value. To be asked before anything is read.
    ///
    /// ```
    /// use dewar::data::{Document, Entry, Format};
    ///
    /// let document = Document::parse(Format::Json, r#"{"cart": ["apple", "pear"]}"#.into())?;
    /// let Some((_, Entry::Stored(pieces))) = document.entries().next() else { unreachable!() };
    /// assert_eq!(pieces.container_len(), Some(17));
    /// # Ok::<(), dewar::Error>(())
    /// ```
    pub fn container_len(&self) -> Option<usize> {
        match &self.0 {
            Source::Json(_, scanner) => {
                matches!(scanner.bytes.first(), Some(b'[' | b'{')).then_some(scanner.bytes.len())
            }
            Source::Msgpack(reader) => reader.container_len(),
        }
    }

    /// The next value, or its beginning.
    #[inline]
    pub fn value(&mut self) -> Piece<'a> {
        match &mut self.0 {
            Source::Json(source, scanner) => json(source, scanner),
            Source::Msgpack(reader) => reader.piece(),
        }
    }

    /// Whether a list has another item.
    #[inline]
    pub fn next_item(&mut self, items: &mut Items) -> bool {
        match &mut self.0 {
            Source::Json(_, scanner) => items.next_json(scanner, b']'),
            Source::Msgpack(_) => items.next_counted(),
        }
    }

    /// The key of a dict's next entry: text, or in msgpack what else can be a key.
    #[inline]
    pub fn next_key(&mut self, items: &mut Items) -> Option<Piece<'a>> {
        match &mut self.0 {
            Source::Json(source, scanner) => {
                if !items.next_json(scanner, b'}') {
                    return None;
                }
                let span = scanner.key().ok()?;
                Some(text(source, scanner.bytes, span))
            }
            Source::Msgpack(reader) => items.next_counted().then(|| reader.piece_of_key()),
        }
    }
}

impl fmt::Debug for Pieces<'_> {
    /// Shows nothing of what is stored.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

impl From<Value> for Piece<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Piece::Null,
            Value::Bool(value) => Piece::Bool(value),
            Value::Int(value) => Piece::Int(value),
            Value::Float(value) => Piece::Float(value),
            other => Piece::Value(other),
        }
    }
}

impl Items {
    pub(super) fn counted(left: usize) -> Items {
        Items { begun: false, left }
    }

    fn next_counted(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }

    /// What cannot be read, which does not happen after validation, ends the container.
    fn next_json(&mut self, scanner: &mut Scanner<'_>, close: u8) -> bool {
        if self.begun {
            return scanner.next_item(close).unwrap_or(false);
        }
        self.begun = true;
        self.left > 0
    }
}

fn json<'a>(source: &mut Option<&'a str>, scanner: &mut Scanner<'a>) -> Piece<'a> {
    match scanner.peek_token() {
        Some(b'"') => match scanner.string() {
            Ok(span) => text(source, scanner.bytes, span),
            Err(_) => Piece::Null,
        },
        Some(b'{') => Piece::Dict(opened(scanner, b'}')),
        Some(b'[') => Piece::List(opened(scanner, b']')),
        Some(b't') => word(scanner, "true", Piece::Bool(true)),
        Some(b'f') => word(scanner, "false", Piece::Bool(false)),
        Some(b'n') => word(scanner, "null", Piece::Null),
        _ => number(scanner),
    }
}

fn number<'a>(scanner: &mut Scanner<'a>) -> Piece<'a> {
    let Ok(span) = scanner.number() else {
        return Piece::Null;
    };
    match json_text::number(&scanner.bytes[span.start..span.end], span.float) {
        Number::Int(value) => Piece::Int(value),
        Number::Float(value) => Piece::Float(value),
        Number::Big(value) => Piece::Value(Value::from(value)),
    }
}

fn opened(scanner: &mut Scanner<'_>, close: u8) -> Items {
    // Depth was checked when the document was validated.
    Items::counted(usize::from(scanner.open(close, 0).unwrap_or(false)))
}

fn word<'a>(scanner: &mut Scanner<'a>, word: &'static str, piece: Piece<'a>) -> Piece<'a> {
    scanner.word(word).map_or(Piece::Null, |()| piece)
}

fn text<'a>(source: &mut Option<&'a str>, bytes: &'a [u8], span: StringSpan) -> Piece<'a> {
    if span.escaped {
        let content = &bytes[span.start..span.end];
        return Piece::Value(Value::Str(json_text::string(content, true)));
    }
    // Once for the whole value: what is cut out of it then is UTF-8 as well.
    let whole = *source.get_or_insert_with(|| std::str::from_utf8(bytes).unwrap_or_default());
    Piece::Str(whole.get(span.start..span.end).unwrap_or_default())
}
