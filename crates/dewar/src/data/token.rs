//! Names under which Python's types pass through serde. A foreign serializer sees plain text or a plain sequence.

use num_bigint::BigInt;

use super::{Text, Value};

pub(super) const PREFIX: &str = "$dewar::";
pub(super) const TEXT: &str = "$dewar::Text";
pub(super) const BIG_INT: &str = "$dewar::BigInt";
pub(super) const TUPLE: &str = "$dewar::Tuple";
pub(super) const SET: &str = "$dewar::Set";
pub(super) const DATE_TIME: &str = "$dewar::DateTime";
pub(super) const NAIVE_DATE_TIME: &str = "$dewar::NaiveDateTime";
pub(super) const DATE: &str = "$dewar::Date";
pub(super) const TIME: &str = "$dewar::Time";
pub(super) const TIME_DELTA: &str = "$dewar::TimeDelta";
pub(super) const UUID: &str = "$dewar::Uuid";
pub(super) const DECIMAL: &str = "$dewar::Decimal";
pub(super) const MARKUP: &str = "$dewar::Markup";
/// Keys of a dict that are no text in Python.
pub(super) const INT_KEY: &str = "$dewar::IntKey";
pub(super) const FLOAT_KEY: &str = "$dewar::FloatKey";
pub(super) const BOOL_KEY: &str = "$dewar::BoolKey";
pub(super) const NULL_KEY: &str = "$dewar::NullKey";
/// Asks Dewar's deserializer for a whole [`Value`].
pub(super) const VALUE: &str = "$dewar::Value";

/// The value that was serialized under the name as `plain`.
pub(super) fn restore(name: &str, plain: Value) -> Option<Value> {
    Some(match (name, plain) {
        (TEXT, Value::Bytes(bytes)) => Value::Str(Text::from_wtf8(&bytes)?),
        (BIG_INT, Value::Bytes(bytes)) => Value::from(BigInt::from_signed_bytes_be(&bytes)),
        (TUPLE, Value::List(items)) => Value::Tuple(items),
        (SET, Value::List(items)) => Value::Set(items),
        (MARKUP, Value::Str(text)) => Value::Markup(text),
        (name, Value::Str(text)) => from_text(name, text.as_str()?)?,
        _ => return None,
    })
}

fn from_text(name: &str, text: &str) -> Option<Value> {
    Some(match name {
        DATE_TIME => Value::DateTime(text.parse().ok()?),
        NAIVE_DATE_TIME => Value::NaiveDateTime(text.parse().ok()?),
        DATE => Value::Date(text.parse().ok()?),
        TIME => Value::Time(text.parse().ok()?),
        TIME_DELTA => Value::TimeDelta(text.parse().ok()?),
        UUID => Value::Uuid(text.parse().ok()?),
        DECIMAL => Value::Decimal(text.parse().ok()?),
        INT_KEY => key(Value::from(text.parse::<BigInt>().ok()?))?,
        FLOAT_KEY => key(Value::Float(text.parse().ok()?))?,
        BOOL_KEY => key(Value::Bool(text.parse().ok()?))?,
        NULL_KEY => key(Value::Null)?,
        _ => return None,
    })
}

fn key(of: Value) -> Option<Value> {
    Text::of_key(&of).map(Value::Str)
}
