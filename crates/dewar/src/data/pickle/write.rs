//! Writes pickles of plain types: protocol 4, without frames and memo, which every Python since 3.4 reads.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use num_bigint::BigInt;

use crate::data::tagged_json::{big_integer, check_depth};
use crate::data::{Dict, Text, Value, dates};
use crate::{Error, ErrorKind, Result};

pub(in crate::data) const START: [u8; 2] = [0x80, 4];
pub(in crate::data) const END: u8 = b'.';

const MARK: u8 = b'(';
const REDUCE: u8 = b'R';
const NEW_OBJECT: u8 = 0x81;
const STACK_GLOBAL: u8 = 0x93;

/// How a value is appended that is inside so many containers.
type Encode = fn(&mut Vec<u8>, &Value, usize) -> Result<()>;

/// Appends a value that is inside `depth` containers.
pub(in crate::data) fn encode(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::Null => out.push(b'N'),
        Value::Bool(true) => out.push(0x88),
        Value::Bool(false) => out.push(0x89),
        Value::Int(number) => integer(out, *number),
        Value::BigInt(number) => {
            big_integer(number)?;
            long(out, number);
        }
        Value::Float(number) => {
            out.push(b'G');
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Str(value) => text(out, value),
        Value::Bytes(value) => counted(out, [b'C', b'B', 0x8e], value),
        Value::List(items) => {
            out.push(b']');
            marked(out, items, b'e', depth)?;
        }
        Value::Tuple(items) => tuple(out, items, depth, encode)?,
        Value::Set(items) => {
            out.push(0x8f);
            members(out, items, 0x90, depth)?;
        }
        Value::Dict(dict) => self::dict(out, dict, depth)?,
        Value::DateTime(moment) => {
            let state = date_time_state(dates::utc(*moment))?;
            global(out, "datetime", "datetime");
            counted(out, [b'C', b'B', 0x8e], &state);
            global(out, "datetime", "timezone");
            delta(out, SignedDuration::ZERO)?;
            call(out, 1);
            call(out, 2);
        }
        Value::NaiveDateTime(moment) => state(out, "datetime", &date_time_state(*moment)?),
        Value::Date(date) => state(out, "date", &date_state(*date)?),
        Value::Time(time) => state(out, "time", &time_state(*time)),
        Value::TimeDelta(duration) => delta(out, *duration)?,
        Value::Uuid(id) => {
            global(out, "uuid", "UUID");
            out.extend_from_slice(&[b')', NEW_OBJECT, b'}']);
            text(out, &"int".into());
            long(out, &BigInt::from(id.as_u128()));
            out.extend_from_slice(b"sb");
        }
        Value::Decimal(number) => {
            global(out, "decimal", "Decimal");
            text(out, &number.as_str().into());
            call(out, 1);
        }
        Value::Markup(markup) => {
            global(out, "markupsafe", "Markup");
            text(out, markup);
            out.extend_from_slice(&[0x85, NEW_OBJECT]);
        }
    }
    Ok(())
}

/// Appends text: UTF-8, in which Python lets surrogates pass.
pub(in crate::data) fn text(out: &mut Vec<u8>, text: &Text) {
    counted(out, [0x8c, b'X', 0x8d], text.as_wtf8());
}

/// Appends an integer in its shortest form.
pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    if let Ok(byte) = u8::try_from(number) {
        out.extend_from_slice(&[b'K', byte]);
    } else if let Ok(number) = u16::try_from(number) {
        out.push(b'M');
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        out.push(b'J');
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        long(out, &BigInt::from(number));
    }
}

fn long(out: &mut Vec<u8>, number: &BigInt) {
    let bytes = number.to_signed_bytes_le();
    match u8::try_from(bytes.len()) {
        Ok(length) => out.extend_from_slice(&[0x8a, length]),
        Err(_) => {
            out.push(0x8b);
            // A few thousand bytes at most: integers are bounded.
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        }
    }
    out.extend_from_slice(&bytes);
}

/// Bytes after their length, by the operations for a length of one, four and eight bytes.
fn counted(out: &mut Vec<u8>, [one, four, eight]: [u8; 3], bytes: &[u8]) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        out.extend_from_slice(&[one, length]);
    } else if let Ok(length) = u32::try_from(bytes.len()) {
        out.push(four);
        out.extend_from_slice(&length.to_le_bytes());
    } else {
        out.push(eight);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(bytes);
}

fn dict(out: &mut Vec<u8>, dict: &Dict, depth: usize) -> Result<()> {
    check_depth(depth)?;
    out.push(b'}');
    if dict.is_empty() {
        return Ok(());
    }
    out.push(MARK);
    for (key, value) in dict.iter() {
        match key.is_text() {
            true => text(out, key),
            false => encode(out, &key.to_key(), depth + 1)?,
        }
        encode(out, value, depth + 1)?;
    }
    out.push(b'u');
    Ok(())
}

/// Items for the container below them, which `operation` takes in.
fn marked(out: &mut Vec<u8>, items: &[Value], operation: u8, depth: usize) -> Result<()> {
    check_depth(depth)?;
    if items.is_empty() {
        return Ok(());
    }
    out.push(MARK);
    for item in items {
        encode(out, item, depth + 1)?;
    }
    out.push(operation);
    Ok(())
}

fn tuple(out: &mut Vec<u8>, items: &[Value], depth: usize, item_by: Encode) -> Result<()> {
    check_depth(depth)?;
    let operation = match items.len() {
        0 => b')',
        length @ 1..=3 => 0x84 + length as u8,
        _ => {
            out.push(MARK);
            b't'
        }
    };
    for item in items {
        item_by(out, item, depth + 1)?;
    }
    out.push(operation);
    Ok(())
}

/// The members of a set, which `operation` takes in.
fn members(out: &mut Vec<u8>, items: &[Value], operation: u8, depth: usize) -> Result<()> {
    check_depth(depth)?;
    out.push(MARK);
    for item in items {
        member(out, item, depth + 1)?;
    }
    out.push(operation);
    Ok(())
}

/// Appends what is in a set, which must not change in Python: a set in it is a `frozenset`.
fn member(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::List(_) | Value::Dict(_) => Err(Error::new(
            ErrorKind::Value,
            "a set that holds a list or a dict is none in Python, and cannot be stored as a pickle",
        )),
        Value::Tuple(items) => tuple(out, items, depth, member),
        Value::Set(items) => members(out, items, 0x91, depth),
        leaf => encode(out, leaf, depth),
    }
}

fn global(out: &mut Vec<u8>, module: &str, name: &str) {
    text(out, &module.into());
    text(out, &name.into());
    out.push(STACK_GLOBAL);
}

/// Calls what lies below so many arguments, one to three.
fn call(out: &mut Vec<u8>, arguments: u8) {
    out.extend_from_slice(&[0x84 + arguments, REDUCE]);
}

/// A type of `datetime` by its state, as Python's own pickles have it.
fn state(out: &mut Vec<u8>, name: &str, state: &[u8]) {
    global(out, "datetime", name);
    counted(out, [b'C', b'B', 0x8e], state);
    call(out, 1);
}

fn delta(out: &mut Vec<u8>, duration: SignedDuration) -> Result<()> {
    const DAY: i128 = 86_400_000_000;
    let microseconds = duration.as_nanos().div_euclid(1000);
    let days = microseconds.div_euclid(DAY);
    if days.abs() > 999_999_999 {
        return Err(Error::new(
            ErrorKind::Value,
            "a duration that Python's timedelta does not hold cannot be stored as a pickle",
        ));
    }
    let rest = microseconds.rem_euclid(DAY);
    global(out, "datetime", "timedelta");
    for part in [days, rest / 1_000_000, rest % 1_000_000] {
        integer(out, part as i64);
    }
    call(out, 3);
    Ok(())
}

fn date_state(date: Date) -> Result<[u8; 4]> {
    dates::python_year(date)?;
    let year = date.year().to_be_bytes();
    Ok([year[0], year[1], date.month() as u8, date.day() as u8])
}

fn time_state(time: Time) -> [u8; 6] {
    let microseconds = (time.subsec_nanosecond() / 1000).to_be_bytes();
    let [_, first, second, third] = microseconds;
    let clock = [time.hour(), time.minute(), time.second()].map(|part| part as u8);
    [clock[0], clock[1], clock[2], first, second, third]
}

fn date_time_state(moment: DateTime) -> Result<[u8; 10]> {
    let mut state = [0; 10];
    state[..4].copy_from_slice(&date_state(moment.date())?);
    state[4..].copy_from_slice(&time_state(moment.time()));
    Ok(state)
}
