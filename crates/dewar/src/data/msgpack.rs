//! Msgpack as msgspec writes it for Flask-Session, and a mode that keeps the types that msgspec loses.
//!
//! Plain: an aware `datetime` is the timestamp extension (-1); a naive `datetime`, `date`, `time`, `timedelta`, UUID and
//! Decimal are text; tuples and sets are arrays; markup is text; integers outside 64 bits and lone surrogates are refused.
//!
//! Typed: these types are extensions, which msgspec's plain decoder reads as `Ext` objects. Everything else is written as plain,
//! so that a record of plain types is the same in both. Numbers are big-endian.
//!
//! | code | type | payload |
//! | --- | --- | --- |
//! | 1 | tuple | a msgpack array |
//! | 2 | set | a msgpack array |
//! | 3 | UUID | 16 bytes |
//! | 4 | Decimal | its text |
//! | 5 | naive datetime | u32 nanoseconds, i64 seconds since 1970-01-01T00:00:00 on the same clock |
//! | 6 | date | i32 days since 1970-01-01 |
//! | 7 | time | u64 nanoseconds since midnight |
//! | 8 | timedelta | i32 nanoseconds, i64 seconds, both of one sign |
//! | 9 | markup | text as in code 11 |
//! | 10 | int outside 64 bits | two's complement |
//! | 11 | text with lone surrogates | UTF-8 in which surrogates take three bytes |
//!
//! Keys that are integers, floats, bools or nil keep their type in the dicts of a session. Others that are not text, and all keys
//! of the session itself, are read as the text that JSON gives them; an entry that is not changed is copied and keeps such keys.

use super::fault::Fault;
use super::{MAX_DEPTH, Value};
use crate::Result;

mod extension;
mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::{encode, write_map_header, write_text};

/// Which of Python's types are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    Typed,
}

/// Decodes a value, validating it.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, Fault> {
    let mut reader = Reader::new(bytes);
    let value = reader.decode(0)?;
    reader.end()?;
    Ok(value)
}

/// One value, every type kept.
pub(super) fn encode_value(value: &Value) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    encode(&mut out, value, Mode::Typed, 0)?;
    Ok(out)
}

/// Reads what [`encode_value`] wrote.
pub(super) fn decode_value(bytes: &[u8]) -> Result<Value> {
    decode(bytes).map_err(|fault| fault.into_error("msgpack"))
}

#[cfg(test)]
mod tests;
