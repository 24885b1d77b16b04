use num_bigint::BigInt;
use uuid::Uuid;

use super::{Decimal, Dict, Text, msgpack};

mod convert;

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
    /// An aware `datetime`, as the moment that it means. The last 26 hours of the year 9999, which [`jiff::Timestamp`]
    /// cannot hold, are read as a [`NaiveDateTime`](Value::NaiveDateTime) in UTC.
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

impl Value {
    /// Whether this is `None`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether this is stored as the other one is. Stricter than equality: a dict's order counts, whether a key is a number or text,
    /// and a float's bits. A set has no order: Python gives it another one each time.
    pub(crate) fn is_same(&self, other: &Value) -> bool {
        let all_same = |these: &[Value], those: &[Value]| {
            these.len() == those.len()
                && these
                    .iter()
                    .zip(those)
                    .all(|(this, that)| this.is_same(that))
        };
        match (self, other) {
            (Value::Float(this), Value::Float(that)) => this.to_bits() == that.to_bits(),
            (Value::List(these), Value::List(those))
            | (Value::Tuple(these), Value::Tuple(those)) => all_same(these, those),
            (Value::Set(these), Value::Set(those)) => {
                all_same(these, those)
                    || (these.len() == those.len()
                        && sorted(these).is_some_and(|these| Some(these) == sorted(those)))
            }
            (Value::Dict(these), Value::Dict(those)) => {
                these.len() == those.len()
                    && these
                        .iter()
                        .zip(those)
                        .all(|((this_key, this), (that_key, that))| {
                            this_key == that_key && this.is_same(that)
                        })
            }
            _ => self == other,
        }
    }

    /// Whether Python takes this for true: neither `None` nor false, not zero and not empty.
    ///
    /// ```
    /// use dewar::data::Value;
    ///
    /// assert!(Value::from("no").is_truthy() && Value::Float(f64::NAN).is_truthy());
    /// assert!(!Value::from("").is_truthy() && !Value::Decimal("-0E+7".parse()?).is_truthy());
    /// # Ok::<(), dewar::Error>(())
    /// ```
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) | Value::Markup(text) => !text.as_wtf8().is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::Tuple(items) | Value::List(items) | Value::Set(items) => !items.is_empty(),
            Value::Dict(dict) => !dict.is_empty(),
            Value::TimeDelta(delta) => !delta.is_zero(),
            Value::Decimal(decimal) => !decimal.is_zero(),
            Value::BigInt(_)
            | Value::DateTime(_)
            | Value::NaiveDateTime(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Uuid(_) => true,
        }
    }

    /// The bool, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if this is one that fits in an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if this is one that fits in a `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Int(value) => u64::try_from(*value).ok(),
            Value::BigInt(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// The float, or an integer as one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text of a `str` or a `Markup`, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.as_text()?.as_str()
    }

    /// The text of a `str` or a `Markup`.
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Value::Str(text) | Value::Markup(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if these are `bytes`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The items of a list, tuple or set.
    pub fn as_items(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a list, for changing them.
    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Value>> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The dict, if this is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The dict, for changing it.
    pub fn as_dict_mut(&mut self) -> Option<&mut Dict> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The moment, if this is an aware `datetime`.
    pub fn as_timestamp(&self) -> Option<jiff::Timestamp> {
        match self {
            Value::DateTime(moment) => Some(*moment),
            _ => None,
        }
    }

    /// The UUID, if this is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Value::Uuid(uuid) => Some(*uuid),
            _ => None,
        }
    }

    /// The name of the type in Python, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "None",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::Tuple(_) => "tuple",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::Dict(_) => "dict",
            Value::DateTime(_) | Value::NaiveDateTime(_) => "datetime",
            Value::Date(_) => "date",
            Value::Time(_) => "time",
            Value::TimeDelta(_) => "timedelta",
            Value::Uuid(_) => "UUID",
            Value::Decimal(_) => "Decimal",
            Value::Markup(_) => "Markup",
        }
    }
}

/// A set's items as they are stored, in an order that is the same for equal sets; `None` if they cannot be stored.
fn sorted(items: &[Value]) -> Option<Vec<Vec<u8>>> {
    let stored = items.iter().map(msgpack::encode_value);
    let mut stored = stored.collect::<Result<Vec<_>, _>>().ok()?;
    stored.sort_unstable();
    Some(stored)
}
