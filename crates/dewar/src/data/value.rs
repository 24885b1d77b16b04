use num_bigint::BigInt;
use uuid::Uuid;

use super::{Decimal, Dict, Text};

/// A value in a session: every type that Flask's cookies can hold, and those that Python sessions hold besides.
///
/// JSON and msgpack types have their usual names; Python's types have Python's.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits in 64 bits.
    Int(i64),
    /// An integer that does not; at most 4,300 decimal digits, as Python reads.
    BigInt(BigInt),
    /// A float, NaN and the infinities included.
    Float(f64),
    /// Text; may hold lone surrogates, as Python's can.
    Str(Text),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `tuple`.
    Tuple(Vec<Value>),
    /// `list`.
    List(Vec<Value>),
    /// `set` or `frozenset`, in no meaningful order.
    Set(Vec<Value>),
    /// `dict`, in insertion order.
    Dict(Dict),
    /// An aware `datetime`.
    DateTime(jiff::Timestamp),
    /// A naive `datetime`.
    NaiveDateTime(jiff::civil::DateTime),
    /// `date`.
    Date(jiff::civil::Date),
    /// `time` of day, naive.
    Time(jiff::civil::Time),
    /// `timedelta`.
    TimeDelta(jiff::SignedDuration),
    /// `UUID`.
    Uuid(Uuid),
    /// `Decimal`.
    Decimal(Decimal),
    /// `Markup`: text that is safe to put into HTML as it is.
    Markup(Text),
}
