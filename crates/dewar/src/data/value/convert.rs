//! Conversions from Rust's types.

use num_bigint::BigInt;
use uuid::Uuid;

use super::Value;
use crate::data::{Decimal, Dict, Text};

macro_rules! from {
    ($($source:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$source> for Value {
            fn from(value: $source) -> Value {
                Value::$variant(value.into())
            }
        }
    )+};
}

from! {
    bool => Bool,
    i8 => Int, i16 => Int, i32 => Int, i64 => Int, u8 => Int, u16 => Int, u32 => Int,
    f32 => Float, f64 => Float,
    &str => Str, String => Str, Text => Str,
    &[u8] => Bytes,
    Dict => Dict,
    jiff::Timestamp => DateTime,
    jiff::civil::DateTime => NaiveDateTime,
    jiff::civil::Date => Date,
    jiff::civil::Time => Time,
    jiff::SignedDuration => TimeDelta,
    Uuid => Uuid,
    Decimal => Decimal,
}

/// Integers that may need more than 64 bits.
macro_rules! from_wide {
    ($($source:ty),+) => {$(
        impl From<$source> for Value {
            fn from(value: $source) -> Value {
                match i64::try_from(value) {
                    Ok(value) => Value::Int(value),
                    Err(_) => Value::BigInt(BigInt::from(value)),
                }
            }
        }
    )+};
}

from_wide!(u64, usize, isize, i128, u128);

impl From<BigInt> for Value {
    /// An integer of any size; one that fits in 64 bits becomes [`Value::Int`].
    fn from(value: BigInt) -> Value {
        match i64::try_from(&value) {
            Ok(value) => Value::Int(value),
            Err(_) => Value::BigInt(value),
        }
    }
}

impl From<()> for Value {
    fn from((): ()) -> Value {
        Value::Null
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    /// A list; for `bytes` use [`Value::Bytes`].
    fn from(items: Vec<T>) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(items: [T; N]) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}
