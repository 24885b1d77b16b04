//! Scans a document once, validating everything, and notes where its entries are.

use super::{
    Dialect, Family, Fault, Keyed, Raw, Scanner, Slot, Text, Value, decode, msgpack as packed,
    tagged_json,
};
use crate::data::json_text;

/// Reads either kind of JSON.
pub(super) fn json(bytes: &[u8], dialect: Dialect) -> Result<Keyed<Slot>, Fault> {
    let family = match dialect {
        Dialect::Python => Family::TaggedJson,
        Dialect::Msgspec => Family::Json,
    };
    let text =
        std::str::from_utf8(bytes).map_err(|error| Fault::new("not UTF-8", error.valid_up_to()))?;
    let mut scanner = Scanner::checked(bytes, dialect);
    if scanner.peek_token() != Some(b'{') {
        return Err(scanner.fault("a session is a dict"));
    }
    let mut entries = Keyed::with_capacity(8);
    let mut more = scanner.open(b'}', 0)?;
    while more {
        let (key, slot) = json_entry(text, &mut scanner, family)?;
        entries.insert(key, slot);
        more = scanner.next_item(b'}')?;
    }
    scanner.end()?;
    match entries.entries() {
        [(key, _)] if dialect == Dialect::Python && tagged_json::is_tag(key) => untagged(bytes),
        _ => Ok(entries),
    }
}

#[inline]
fn json_entry(
    text: &str,
    scanner: &mut Scanner<'_>,
    family: Family,
) -> Result<(Text, Slot), Fault> {
    scanner.peek_token();
    scanner.exact = true;
    scanner.tagged = false;
    let start = scanner.position;
    let span = scanner.key()?;
    let key = match span.escaped {
        false => Text::from(&text[span.start..span.end]),
        true => json_text::string(&scanner.bytes[span.start..span.end], true),
    };
    scanner.peek_token();
    let value = scanner.position;
    scanner.value(1)?;
    let end = scanner.position;
    if scanner.tagged && family == Family::TaggedJson {
        // What is in tags can only be validated by decoding it.
        return Ok((
            key,
            Slot::Value(decode(family, &scanner.bytes[value..end])?),
        ));
    }
    Ok((key, raw(start, value, end, scanner.exact)))
}

/// A whole document that looks like a tag: for Flask too it is what the tag says, which must be a dict.
fn untagged(bytes: &[u8]) -> Result<Keyed<Slot>, Fault> {
    let Value::Dict(dict) = tagged_json::decode(bytes)? else {
        return Err(Fault::new("a session is a dict", 0));
    };
    let mut entries = Keyed::new();
    for (key, value) in dict {
        entries.insert(key, Slot::Value(value));
    }
    Ok(entries)
}

/// Reads either kind of msgpack.
pub(super) fn msgpack(bytes: &[u8]) -> Result<Keyed<Slot>, Fault> {
    let mut reader = packed::Reader::new(bytes);
    let count = reader.document()?;
    let mut entries = Keyed::with_capacity(count.min(32));
    for _ in 0..count {
        reader.exact = true;
        reader.typed = false;
        let start = reader.position;
        let key = reader.key(1)?;
        let value = reader.position;
        reader.skip(1)?;
        let end = reader.position;
        let slot = match reader.typed {
            true => Slot::Value(decode(Family::Msgpack, &bytes[value..end])?),
            false => raw(start, value, end, reader.exact),
        };
        entries.insert(key, slot);
    }
    reader.end()?;
    Ok(entries)
}

/// The source's length is known to fit.
fn raw(start: usize, value: usize, end: usize, exact: bool) -> Slot {
    Slot::Raw(Raw {
        start: start as u32,
        value: value as u32,
        end: end as u32,
        exact,
    })
}
