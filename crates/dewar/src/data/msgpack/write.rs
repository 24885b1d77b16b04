//! Writes msgpack in msgspec's forms: always the shortest one.

use super::{MAX_DEPTH, Mode, extension};
use crate::data::tagged_json::{big_integer, check_depth};
use crate::data::{Dict, Text, Value, dates};
use crate::{Error, ErrorKind, Result};

/// Appends a value that is inside `depth` containers.
pub(in crate::data) fn encode(
    out: &mut Vec<u8>,
    value: &Value,
    mode: Mode,
    depth: usize,
) -> Result<()> {
    debug_assert!(depth <= MAX_DEPTH);
    match value {
        Value::List(items) => write_items(out, items, mode, depth),
        Value::Tuple(items) => sequence(out, extension::TUPLE, items, mode, depth),
        Value::Set(items) => sequence(out, extension::SET, items, mode, depth),
        Value::Dict(dict) => write_dict(out, dict, mode, depth),
        leaf => write_leaf(out, leaf, mode),
    }
}

fn write_dict(out: &mut Vec<u8>, dict: &Dict, mode: Mode, depth: usize) -> Result<()> {
    check_depth(depth)?;
    write_map_header(out, dict.len())?;
    for (key, value) in dict.iter() {
        match key.is_text() {
            true => write_text(out, key, mode)?,
            false => write_leaf(out, &key.to_key(), mode)?,
        }
        encode(out, value, mode, depth + 1)?;
    }
    Ok(())
}

fn write_items(out: &mut Vec<u8>, items: &[Value], mode: Mode, depth: usize) -> Result<()> {
    check_depth(depth)?;
    header(out, items.len(), &ARRAY)?;
    items
        .iter()
        .try_for_each(|item| encode(out, item, mode, depth + 1))
}

/// A tuple or set: an array, or an extension that holds one.
fn sequence(out: &mut Vec<u8>, code: i8, items: &[Value], mode: Mode, depth: usize) -> Result<()> {
    if mode == Mode::Plain {
        return write_items(out, items, mode, depth);
    }
    // The payload's length is not known yet. Most are short: room is left for the header of those, and made for others.
    let start = out.len();
    out.extend_from_slice(&[0xc7, 0, code as u8]);
    write_items(out, items, mode, depth)?;
    finish_sequence(out, start, code)
}

fn finish_sequence(out: &mut Vec<u8>, start: usize, code: i8) -> Result<()> {
    let length = out.len() - start - 3;
    if let Ok(length) = u8::try_from(length) {
        out[start + 1] = length;
        return Ok(());
    }
    let length = u32::try_from(length)
        .map_err(|_| too_large())?
        .to_be_bytes();
    let header = [0xc9, length[0], length[1], length[2], length[3], code as u8];
    out.splice(start..start + 3, header);
    Ok(())
}

#[inline(never)]
fn write_leaf(out: &mut Vec<u8>, value: &Value, mode: Mode) -> Result<()> {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(false) => out.push(0xc2),
        Value::Bool(true) => out.push(0xc3),
        Value::Int(value) => write_int(out, *value),
        Value::BigInt(value) => match u64::try_from(value) {
            Ok(value) => {
                out.push(0xcf);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Err(_) if mode == Mode::Typed => {
                big_integer(value)?;
                write_typed(out, &Value::BigInt(value.clone()))?;
            }
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Value,
                    "an int outside -2^63 to 2^64-1 cannot be stored as msgpack (set SESSION_SERIALIZATION_FORMAT to msgpack-typed, which can)",
                ));
            }
        },
        Value::Float(value) => {
            out.push(0xcb);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Bytes(bytes) => {
            header(out, bytes.len(), &BIN)?;
            out.extend_from_slice(bytes);
        }
        Value::DateTime(moment) => {
            dates::iso_date(dates::utc(*moment).date())?;
            write_extension(
                out,
                extension::TIMESTAMP,
                &extension::timestamp_payload(moment.as_nanosecond()),
            )?;
        }
        Value::Str(text) => write_text(out, text, mode)?,
        other if mode == Mode::Typed => write_typed(out, other)?,
        other => write_plain(out, other)?,
    }
    Ok(())
}

/// Types that msgspec writes as text.
fn write_plain(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    let text = match value {
        Value::NaiveDateTime(moment) => dates::iso_date_time(*moment)?,
        Value::Date(date) => dates::iso_date(*date)?,
        Value::Time(time) => dates::iso_time(*time),
        Value::TimeDelta(delta) => dates::iso_duration(*delta),
        Value::Uuid(uuid) => uuid.hyphenated().to_string(),
        Value::Decimal(decimal) => decimal.as_str().to_owned(),
        Value::Markup(text) => return write_text(out, text, Mode::Plain),
        _ => String::new(),
    };
    write_str(out, text.as_bytes())
}

fn write_typed(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    if let Value::NaiveDateTime(moment) = value {
        dates::iso_date(moment.date())?;
    }
    if let Value::Date(date) = value {
        dates::iso_date(*date)?;
    }
    match extension::encode(value) {
        Some((code, payload)) => write_extension(out, code, &payload),
        None => Ok(()),
    }
}

/// Appends text or a key.
pub(in crate::data) fn write_text(out: &mut Vec<u8>, text: &Text, mode: Mode) -> Result<()> {
    if text.as_str().is_some() {
        return write_str(out, text.as_wtf8());
    }
    match mode {
        Mode::Typed => write_extension(out, extension::TEXT, text.as_wtf8()),
        Mode::Plain => Err(Error::new(
            ErrorKind::Value,
            "a str with lone surrogates cannot be stored as msgpack (set SESSION_SERIALIZATION_FORMAT to msgpack-typed, which can)",
        )),
    }
}

fn write_str(out: &mut Vec<u8>, text: &[u8]) -> Result<()> {
    header(out, text.len(), &STR)?;
    out.extend_from_slice(text);
    Ok(())
}

/// Appends the start of a dict.
pub(in crate::data) fn write_map_header(out: &mut Vec<u8>, length: usize) -> Result<()> {
    header(out, length, &MAP)
}

/// The markers of one kind of value, from the shortest form to the longest.
struct Markers {
    /// The marker for lengths below the second number.
    fixed: (u8, usize),
    one: Option<u8>,
    two: u8,
    four: u8,
}

const STR: Markers = Markers {
    fixed: (0xa0, 0x20),
    one: Some(0xd9),
    two: 0xda,
    four: 0xdb,
};
const BIN: Markers = Markers {
    fixed: (0, 0),
    one: Some(0xc4),
    two: 0xc5,
    four: 0xc6,
};
const ARRAY: Markers = Markers {
    fixed: (0x90, 0x10),
    one: None,
    two: 0xdc,
    four: 0xdd,
};
const MAP: Markers = Markers {
    fixed: (0x80, 0x10),
    one: None,
    two: 0xde,
    four: 0xdf,
};

fn header(out: &mut Vec<u8>, length: usize, markers: &Markers) -> Result<()> {
    let (fixed, limit) = markers.fixed;
    if length < limit {
        out.push(fixed | length as u8);
    } else if let (Ok(length), Some(one)) = (u8::try_from(length), markers.one) {
        out.extend_from_slice(&[one, length]);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(markers.two);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        let length = u32::try_from(length).map_err(|_| too_large())?;
        out.push(markers.four);
        out.extend_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn write_int(out: &mut Vec<u8>, value: i64) {
    let (marker, width) = match value {
        -0x20..=0x7f => return out.push(value as u8),
        0x80..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-0x21 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(marker);
    out.extend_from_slice(&value.to_be_bytes()[8 - width..]);
}

fn write_extension(out: &mut Vec<u8>, code: i8, payload: &[u8]) -> Result<()> {
    let code = code as u8;
    match payload.len() {
        length @ (1 | 2 | 4 | 8 | 16) => {
            out.extend_from_slice(&[0xd4 + length.trailing_zeros() as u8, code])
        }
        length => match u8::try_from(length) {
            Ok(length) => out.extend_from_slice(&[0xc7, length, code]),
            Err(_) => {
                out.push(0xc9);
                out.extend_from_slice(
                    &u32::try_from(length)
                        .map_err(|_| too_large())?
                        .to_be_bytes(),
                );
                out.push(code);
            }
        },
    }
    out.extend_from_slice(payload);
    Ok(())
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::Value,
        "a value of 4 GiB or more cannot be stored",
    )
}
