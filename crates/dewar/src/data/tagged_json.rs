//! Flask's tagged JSON: the content of its signed cookies.
//!
//! A type that JSON does not have is an object with one key, its tag: ` t` tuple, ` b` bytes, ` m` markup, ` u` UUID, ` d`
//! datetime, and ` di` for a dict that would look like one of these. Types that Flask refuses are written as text or lists:
//! a set as a list, a `time` and a `timedelta` as ISO 8601 text. A `date` and a `Decimal` are text for Flask as well.

use base64_simd::STANDARD;

use super::fault::Fault;
use super::json_scan::{Dialect, Scanner};
use super::json_text;
use super::{Dict, MAX_DEPTH, Text, Value, dates};
use crate::{Error, ErrorKind, Result};

mod untag;

const DIALECT: Dialect = Dialect::Python;

/// Whether a dict with this only key needs ` di`.
pub(super) fn is_tag(key: &Text) -> bool {
    matches!(
        key.as_wtf8(),
        b" t" | b" b" | b" m" | b" u" | b" d" | b" di"
    )
}

/// Decodes a value whose syntax was checked; fails only on the content of tags.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, Fault> {
    decode_at(&mut Scanner::checked(bytes, DIALECT), 0)
}

fn decode_at(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, Fault> {
    match scanner.peek_token() {
        Some(b'{') => object(scanner, depth),
        Some(b'[') => array(scanner, depth),
        _ => leaf(scanner),
    }
}

/// Decodes a value that holds no others.
#[inline(never)]
pub(super) fn leaf(scanner: &mut Scanner<'_>) -> Result<Value, Fault> {
    Ok(match scanner.peek() {
        Some(b'"') => {
            let span = scanner.string()?;
            Value::Str(json_text::string(
                &scanner.bytes[span.start..span.end],
                span.escaped,
            ))
        }
        Some(b't') => scanner.word("true").map(|()| Value::Bool(true))?,
        Some(b'f') => scanner.word("false").map(|()| Value::Bool(false))?,
        Some(b'n') => scanner.word("null").map(|()| Value::Null)?,
        _ => {
            let span = scanner.number()?;
            Value::from(json_text::number(
                &scanner.bytes[span.start..span.end],
                span.float,
            ))
        }
    })
}

fn array(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, Fault> {
    let mut more = scanner.open(b']', depth)?;
    let mut items = Vec::new();
    while more {
        items.push(decode_at(scanner, depth + 1)?);
        more = scanner.next_item(b']')?;
    }
    Ok(Value::List(items))
}

fn object(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, Fault> {
    let start = scanner.position;
    let mut more = scanner.open(b'}', depth)?;
    let mut dict = Dict::new();
    while more {
        let key = key(scanner)?;
        dict.insert(key, decode_at(scanner, depth + 1)?);
        more = scanner.next_item(b'}')?;
    }
    untag::untag(dict).map_err(|what| Fault::new(what, start))
}

/// Decodes a key and skips its colon.
#[inline(never)]
pub(super) fn key(scanner: &mut Scanner<'_>) -> Result<Text, Fault> {
    let span = scanner.key()?;
    Ok(json_text::string(
        &scanner.bytes[span.start..span.end],
        span.escaped,
    ))
}

/// Appends a value as Flask writes it, inside `depth` containers.
pub(super) fn encode(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::List(items) | Value::Set(items) => encode_items(out, items, depth),
        Value::Tuple(items) => {
            out.extend_from_slice(b"{\" t\":");
            encode_items(out, items, depth + 1)?;
            out.push(b'}');
            Ok(())
        }
        Value::Dict(dict) => encode_dict(out, dict, depth),
        leaf => encode_leaf(out, leaf),
    }
}

fn encode_items(out: &mut Vec<u8>, items: &[Value], depth: usize) -> Result<()> {
    check_depth(depth)?;
    out.push(b'[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        encode(out, item, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

fn encode_dict(out: &mut Vec<u8>, dict: &Dict, depth: usize) -> Result<()> {
    check_depth(depth)?;
    if dict.len() == 1
        && let Some((key, value)) = dict.iter().next()
        && is_tag(key)
    {
        return encode_like_a_tag(out, key, |out| encode(out, value, depth + 2));
    }
    out.push(b'{');
    if dict.keyed().is_ascending() {
        encode_entries(out, dict.keyed().entries().iter(), depth)?;
    } else {
        encode_entries(out, dict.keyed().sorted().into_iter(), depth)?;
    }
    out.push(b'}');
    Ok(())
}

/// Appends a dict that would look like a tag with what is written as its value.
pub(super) fn encode_like_a_tag(
    out: &mut Vec<u8>,
    key: &Text,
    value: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    out.extend_from_slice(b"{\" di\":{\"");
    out.extend_from_slice(key.as_wtf8());
    out.extend_from_slice(b"__\":");
    value(out)?;
    out.extend_from_slice(b"}}");
    Ok(())
}

fn encode_entries<'a>(
    out: &mut Vec<u8>,
    entries: impl Iterator<Item = &'a (Text, Value)>,
    depth: usize,
) -> Result<()> {
    for (number, (key, value)) in entries.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        json_text::write_string(out, key, DIALECT);
        out.push(b':');
        encode(out, value, depth + 1)?;
    }
    Ok(())
}

#[inline(never)]
fn encode_leaf(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(value) => json_text::write_integer(out, *value),
        Value::BigInt(value) => out.extend_from_slice(big_integer(value)?.as_bytes()),
        Value::Float(value) => json_text::write_float(out, *value, DIALECT),
        Value::Str(text) => json_text::write_string(out, text, DIALECT),
        Value::Bytes(bytes) => {
            out.extend_from_slice(b"{\" b\":\"");
            out.extend_from_slice(STANDARD.encode_to_string(bytes).as_bytes());
            out.extend_from_slice(b"\"}");
        }
        Value::Uuid(uuid) => tag(out, "u", uuid.simple().encode_lower(&mut [0; 32])),
        Value::DateTime(moment) => tag(out, "d", &dates::http(dates::utc(*moment))?),
        Value::NaiveDateTime(moment) => tag(out, "d", &dates::http(*moment)?),
        Value::Markup(text) => {
            out.extend_from_slice(b"{\" m\":");
            json_text::write_string(out, text, DIALECT);
            out.push(b'}');
        }
        Value::Date(date) => quoted(out, &dates::http(date.at(0, 0, 0, 0))?),
        Value::Time(time) => quoted(out, &dates::iso_time(*time)),
        Value::TimeDelta(delta) => quoted(out, &dates::iso_duration(*delta)),
        Value::Decimal(decimal) => quoted(out, decimal.as_str()),
        Value::Tuple(_) | Value::List(_) | Value::Set(_) | Value::Dict(_) => {}
    }
    Ok(())
}

fn tag(out: &mut Vec<u8>, name: &str, text: &str) {
    out.extend_from_slice(b"{\" ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    quoted(out, text);
    out.push(b'}');
}

/// Appends text that needs no escapes.
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// An integer's digits, as many as Python reads.
pub(super) fn big_integer(value: &num_bigint::BigInt) -> Result<String> {
    // 4,300 digits are 14,285 bits; much more would also be slow to print.
    let too_long = || {
        Error::new(
            ErrorKind::Value,
            "an int of more than 4,300 digits cannot be stored",
        )
    };
    if value.bits() > 14_285 {
        return Err(too_long());
    }
    let text = value.to_string();
    if text.trim_start_matches('-').len() > super::MAX_INTEGER_DIGITS {
        return Err(too_long());
    }
    Ok(text)
}

/// Refuses what the readers would refuse.
pub(super) fn check_depth(depth: usize) -> Result<()> {
    if depth >= MAX_DEPTH {
        return Err(Error::new(
            ErrorKind::Value,
            format!("a value nested more than {MAX_DEPTH} levels deep cannot be stored"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
