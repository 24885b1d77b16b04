//! JSON as msgspec writes it for Flask-Session: keys in order, text as UTF-8, Python's types as text.
//!
//! NaN and the infinities become `null`, bytes base64, an aware `datetime` ISO 8601 in UTC with `Z`, a `timedelta` an ISO 8601
//! duration, markup plain text, tuples and sets lists.

use base64_simd::STANDARD;

use super::fault::Fault;
use super::json_scan::{Dialect, Scanner};
use super::tagged_json::{big_integer, check_depth, key, leaf, quoted};
use super::{Dict, Text, Value, dates, json_text};
use crate::{Error, ErrorKind, Result};

const DIALECT: Dialect = Dialect::Msgspec;

/// Decodes a value whose syntax was checked.
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
    let mut more = scanner.open(b'}', depth)?;
    let mut dict = Dict::new();
    while more {
        let key = key(scanner)?;
        dict.insert(key, decode_at(scanner, depth + 1)?);
        more = scanner.next_item(b'}')?;
    }
    Ok(Value::Dict(dict))
}

/// Appends a value as msgspec writes it, inside `depth` containers.
pub(super) fn encode(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
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
        Value::Dict(dict) => {
            check_depth(depth)?;
            out.push(b'{');
            for (number, (key, value)) in dict.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                string(out, key)?;
                out.push(b':');
                encode(out, value, depth + 1)?;
            }
            out.push(b'}');
            Ok(())
        }
        leaf => encode_leaf(out, leaf),
    }
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
        Value::Str(text) | Value::Markup(text) => string(out, text)?,
        Value::Bytes(bytes) => quoted(out, &STANDARD.encode_to_string(bytes)),
        Value::DateTime(moment) => quoted(
            out,
            &format!("{}Z", dates::iso_date_time(dates::utc(*moment))?),
        ),
        Value::NaiveDateTime(moment) => quoted(out, &dates::iso_date_time(*moment)?),
        Value::Date(date) => quoted(out, &dates::iso_date(*date)?),
        Value::Time(time) => quoted(out, &dates::iso_time(*time)),
        Value::TimeDelta(delta) => quoted(out, &dates::iso_duration(*delta)),
        Value::Uuid(uuid) => quoted(out, uuid.hyphenated().encode_lower(&mut [0; 36])),
        Value::Decimal(decimal) => quoted(out, decimal.as_str()),
        Value::Tuple(_) | Value::List(_) | Value::Set(_) | Value::Dict(_) => {}
    }
    Ok(())
}

/// Appends text or a key; msgspec refuses lone surrogates.
pub(super) fn string(out: &mut Vec<u8>, text: &Text) -> Result<()> {
    if text.as_str().is_none() {
        return Err(Error::new(
            ErrorKind::Value,
            "a str with lone surrogates cannot be stored as JSON in UTF-8",
        ));
    }
    json_text::write_string(out, text, DIALECT);
    Ok(())
}

/// The text of a dict's key: text as it is, anything else as JSON writes it, without quotes.
pub(super) fn key_text(key: &Value) -> Option<Text> {
    if let Value::Str(text) = key {
        return Some(text.clone());
    }
    let mut text = Vec::new();
    encode(&mut text, key, 0).ok()?;
    let text = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(&text);
    Text::from_wtf8(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::data::Decimal;

    fn encoded(value: impl Into<Value>) -> String {
        let mut out = Vec::new();
        encode(&mut out, &value.into(), 0).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_type_is_written_as_msgspec_writes_it() {
        // python -c 'import msgspec; print(msgspec.json.encode(…))'
        let moment: jiff::Timestamp = "2020-01-02T03:04:05.678901Z".parse().unwrap();
        assert_eq!(encoded(moment), r#""2020-01-02T03:04:05.678901Z""#);
        assert_eq!(
            encoded(jiff::civil::DateTime::constant(1, 1, 1, 0, 0, 0, 0)),
            r#""0001-01-01T00:00:00""#
        );
        assert_eq!(encoded(&b"\xff\xfe"[..]), r#""//4=""#);
        assert_eq!(encoded("1E+5".parse::<Decimal>().unwrap()), r#""1E+5""#);
        assert_eq!(
            encoded(uuid::Uuid::from_u128(5)),
            r#""00000000-0000-0000-0000-000000000005""#
        );
        assert_eq!(
            encoded(Value::Tuple(vec![1.into(), "a".into()])),
            r#"[1,"a"]"#
        );
        assert_eq!(
            encoded(Dict::from([("b", 1), ("a", 2)])),
            r#"{"b":1,"a":2}"#
        );
        assert_eq!(encoded(u128::from(u64::MAX) + 1), "18446744073709551616");
        assert_eq!(encoded(Value::Markup("<b>".into())), r#""<b>""#);
    }

    #[test]
    fn lone_surrogates_are_refused() {
        let text = Text::from_wtf8(b"\xed\xa0\x80").unwrap();
        assert_eq!(
            encode(&mut Vec::new(), &Value::Str(text), 0)
                .unwrap_err()
                .kind(),
            ErrorKind::Value
        );
    }
}
