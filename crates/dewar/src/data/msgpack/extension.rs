//! The payloads of extensions, but for tuples and sets.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use num_bigint::BigInt;
use uuid::Uuid;

use crate::data::tagged_json::big_integer;
use crate::data::{Text, Value, dates};

pub(super) const TIMESTAMP: i8 = -1;
pub(super) const TUPLE: i8 = 1;
pub(super) const SET: i8 = 2;
pub(super) const UUID: i8 = 3;
pub(super) const DECIMAL: i8 = 4;
pub(super) const NAIVE_DATE_TIME: i8 = 5;
pub(super) const DATE: i8 = 6;
pub(super) const TIME: i8 = 7;
pub(super) const TIME_DELTA: i8 = 8;
pub(super) const MARKUP: i8 = 9;
pub(super) const BIG_INT: i8 = 10;
pub(super) const TEXT: i8 = 11;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The value of an extension; `None` if it is unknown or malformed.
pub(super) fn decode(code: i8, payload: &[u8]) -> Option<Value> {
    Some(match code {
        TIMESTAMP => {
            let (seconds, nanoseconds) = timestamp(payload)?;
            dates::moment(seconds, nanoseconds as i32)?
        }
        UUID => Value::Uuid(Uuid::from_slice(payload).ok()?),
        DECIMAL => Value::Decimal(std::str::from_utf8(payload).ok()?.parse().ok()?),
        NAIVE_DATE_TIME => {
            let (nanoseconds, seconds) = pair(payload)?;
            let moment = EPOCH
                .checked_add(SignedDuration::new(seconds, valid(nanoseconds)?))
                .ok()?;
            Value::NaiveDateTime(in_python(moment.date()).then_some(moment)?)
        }
        DATE => {
            let days = i32::from_be_bytes(payload.try_into().ok()?);
            let date = EPOCH
                .date()
                .checked_add(jiff::Span::new().try_days(days).ok()?)
                .ok()?;
            Value::Date(in_python(date).then_some(date)?)
        }
        TIME => Value::Time(time(u64::from_be_bytes(payload.try_into().ok()?))?),
        TIME_DELTA => {
            let (nanoseconds, seconds) = pair(payload)?;
            let nanoseconds = nanoseconds as i32;
            let one_sign = seconds == 0 || nanoseconds == 0 || (seconds < 0) == (nanoseconds < 0);
            let small = nanoseconds.unsigned_abs() < 1_000_000_000;
            Value::TimeDelta(
                (one_sign && small).then(|| SignedDuration::new(seconds, nanoseconds))?,
            )
        }
        MARKUP => Value::Markup(Text::from_wtf8(payload)?),
        BIG_INT => {
            // So many bytes hold the digits that are allowed; more need not be looked at.
            let value = BigInt::from_signed_bytes_be(payload.get(..payload.len().min(1800))?);
            let small = payload.len() < 1800 && big_integer(&value).is_ok();
            small.then(|| Value::from(value))?
        }
        TEXT => Value::Str(Text::from_wtf8(payload)?),
        _ => return None,
    })
}

/// The code and payload of a value that is an extension in typed msgpack; tuples and sets are not among them.
pub(super) fn encode(value: &Value) -> Option<(i8, Vec<u8>)> {
    Some(match value {
        Value::Uuid(uuid) => (UUID, uuid.as_bytes().to_vec()),
        Value::Decimal(decimal) => (DECIMAL, decimal.as_str().as_bytes().to_vec()),
        Value::NaiveDateTime(moment) => {
            let since = moment.duration_since(EPOCH).as_nanos();
            (NAIVE_DATE_TIME, moment_payload(since))
        }
        Value::Date(date) => {
            let days = date.duration_since(EPOCH.date()).as_secs() / 86_400;
            (DATE, (days as i32).to_be_bytes().to_vec())
        }
        Value::Time(time) => {
            let since = time.duration_since(Time::midnight()).as_nanos();
            (TIME, (since as u64).to_be_bytes().to_vec())
        }
        Value::TimeDelta(delta) => {
            let mut payload = delta.subsec_nanos().to_be_bytes().to_vec();
            payload.extend_from_slice(&delta.as_secs().to_be_bytes());
            (TIME_DELTA, payload)
        }
        Value::Markup(text) => (MARKUP, text.as_wtf8().to_vec()),
        Value::BigInt(value) => (BIG_INT, value.to_signed_bytes_be()),
        Value::Str(text) => (TEXT, text.as_wtf8().to_vec()),
        _ => return None,
    })
}

/// A timestamp's seconds and nanoseconds, in any of its three widths and in Python's years.
pub(super) fn timestamp(payload: &[u8]) -> Option<(i64, u32)> {
    let (seconds, nanoseconds) = match payload.len() {
        4 => (i64::from(u32::from_be_bytes(payload.try_into().ok()?)), 0),
        8 => {
            let packed = u64::from_be_bytes(payload.try_into().ok()?);
            ((packed & 0x3_ffff_ffff) as i64, (packed >> 34) as u32)
        }
        12 => {
            let (nanoseconds, seconds) = pair(payload)?;
            (seconds, nanoseconds)
        }
        _ => return None,
    };
    valid(nanoseconds)?;
    (-62_135_596_800..=253_402_300_799)
        .contains(&seconds)
        .then_some((seconds, nanoseconds))
}

/// How many bytes msgspec takes for a timestamp: as few as possible.
pub(super) fn timestamp_length(seconds: i64, nanoseconds: u32) -> usize {
    match seconds {
        0..=0xffff_ffff if nanoseconds == 0 => 4,
        0..=0x3_ffff_ffff => 8,
        _ => 12,
    }
}

/// The payload of a timestamp, from nanoseconds since 1970.
pub(super) fn timestamp_payload(since: i128) -> Vec<u8> {
    let (seconds, nanoseconds) = split(since);
    match timestamp_length(seconds, nanoseconds) {
        4 => (seconds as u32).to_be_bytes().to_vec(),
        8 => (u64::from(nanoseconds) << 34 | seconds as u64)
            .to_be_bytes()
            .to_vec(),
        _ => moment_payload(since),
    }
}

fn moment_payload(since: i128) -> Vec<u8> {
    let (seconds, nanoseconds) = split(since);
    let mut payload = nanoseconds.to_be_bytes().to_vec();
    payload.extend_from_slice(&seconds.to_be_bytes());
    payload
}

/// Whole seconds, rounded down, and the nanoseconds after them.
fn split(since: i128) -> (i64, u32) {
    const SECOND: i128 = 1_000_000_000;
    (
        since.div_euclid(SECOND) as i64,
        since.rem_euclid(SECOND) as u32,
    )
}

fn pair(payload: &[u8]) -> Option<(u32, i64)> {
    let (nanoseconds, seconds) = payload.split_first_chunk::<4>()?;
    Some((
        u32::from_be_bytes(*nanoseconds),
        i64::from_be_bytes(seconds.try_into().ok()?),
    ))
}

fn valid(nanoseconds: u32) -> Option<i32> {
    i32::try_from(nanoseconds)
        .ok()
        .filter(|nanoseconds| *nanoseconds < 1_000_000_000)
}

fn in_python(date: Date) -> bool {
    date.year() >= 1
}

fn time(since: u64) -> Option<Time> {
    let nanoseconds = i32::try_from(since % 1_000_000_000).ok()?;
    let seconds = since / 1_000_000_000;
    let hour = i8::try_from(seconds / 3600).ok()?;
    Time::new(
        hour,
        (seconds / 60 % 60) as i8,
        (seconds % 60) as i8,
        nanoseconds,
    )
    .ok()
}
