//! Serde's way into a [`Value`].

use std::fmt::{self, Display};

use num_bigint::BigInt;
use serde::ser::{self, Serialize, SerializeMap, SerializeStruct, Serializer};

use super::{Dict, Text, Value, token};
use crate::{Error, ErrorKind, Result};

/// Turns any serializable value into a [`Value`].
///
/// Structs and maps become dicts; sequences, tuples and arrays become lists; keys that are integers or bools become text. A
/// [`Value`] inside passes through unchanged.
///
/// ```
/// use dewar::data::{Value, to_value};
///
/// assert_eq!(to_value(&vec![1, 2])?, Value::from([1, 2]));
/// assert_eq!(to_value(&Value::Tuple(vec![1.into()]))?, Value::Tuple(vec![1.into()]));
/// # Ok::<(), dewar::Error>(())
/// ```
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
    value
        .serialize(ValueSerializer { depth: 0 })
        .map_err(|problem| {
            Error::new(
                ErrorKind::Value,
                format!(
                    "{} cannot be a session value: {problem}",
                    std::any::type_name::<T>()
                ),
            )
        })
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::BigInt(value) => serialize_big(value, serializer),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Str(text) => text.serialize(serializer),
            Value::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Value::List(items) => serializer.collect_seq(items),
            Value::Tuple(items) => serializer.serialize_newtype_struct(token::TUPLE, items),
            Value::Set(items) => serializer.serialize_newtype_struct(token::SET, items),
            Value::Dict(dict) => dict.serialize(serializer),
            Value::DateTime(moment) => as_text(serializer, token::DATE_TIME, moment),
            Value::NaiveDateTime(moment) => as_text(serializer, token::NAIVE_DATE_TIME, moment),
            Value::Date(date) => as_text(serializer, token::DATE, date),
            Value::Time(time) => as_text(serializer, token::TIME, time),
            Value::TimeDelta(delta) => as_text(serializer, token::TIME_DELTA, delta),
            Value::Uuid(uuid) => as_text(serializer, token::UUID, uuid),
            Value::Decimal(decimal) => as_text(serializer, token::DECIMAL, decimal),
            Value::Markup(text) => serializer.serialize_newtype_struct(token::MARKUP, text),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_newtype_struct(token::TEXT, &Raw(self.as_wtf8())),
        }
    }
}

impl Serialize for Dict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (Key(key), value)))
    }
}

/// A dict's key, which keeps its type on the way to another [`Value`].
struct Key<'a>(&'a Text);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.key_token() {
            Some(token) => serializer.serialize_newtype_struct(token, self.0),
            None => self.0.serialize(serializer),
        }
    }
}

/// Bytes that are serialized as bytes, not as a sequence of integers.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

fn as_text<S: Serializer>(
    serializer: S,
    token: &'static str,
    value: &impl Display,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(token, &value.to_string())
}

fn serialize_big<S: Serializer>(value: &BigInt, serializer: S) -> Result<S::Ok, S::Error> {
    if let Ok(value) = u64::try_from(value) {
        serializer.serialize_u64(value)
    } else if let Ok(value) = i128::try_from(value) {
        serializer.serialize_i128(value)
    } else {
        serializer.serialize_newtype_struct(token::BIG_INT, &Raw(&value.to_signed_bytes_be()))
    }
}

/// Why a value cannot be a session value.
#[derive(Debug)]
pub(super) struct Problem(String);

impl Problem {
    fn new(what: &str) -> Problem {
        Problem(what.to_owned())
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl ser::Error for Problem {
    // A message from outside may quote the value.
    fn custom<T: Display>(_: T) -> Problem {
        Problem::new("its Serialize implementation failed")
    }
}

#[derive(Clone, Copy)]
struct ValueSerializer {
    depth: usize,
}

impl ValueSerializer {
    fn deeper(self) -> Result<ValueSerializer, Problem> {
        if self.depth >= super::MAX_SERDE_DEPTH {
            return Err(Problem::new("it is nested too deeply"));
        }
        Ok(ValueSerializer {
            depth: self.depth + 1,
        })
    }

    fn variant(self, name: &'static str, value: Value) -> Value {
        Value::Dict(Dict::from([(name, value)]))
    }
}

macro_rules! simple {
    ($($method:ident: $type:ty),+ $(,)?) => {$(
        fn $method(self, value: $type) -> Result<Value, Problem> {
            Ok(Value::from(value))
        }
    )+};
}

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Problem;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    simple! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64,
        serialize_str: &str, serialize_bytes: &[u8],
    }

    fn serialize_char(self, value: char) -> Result<Value, Problem> {
        Ok(Value::from(&*value.encode_utf8(&mut [0; 4])))
    }

    fn serialize_none(self) -> Result<Value, Problem> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Problem> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Problem> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Problem> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Problem> {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Problem> {
        let plain = value.serialize(self)?;
        if !name.starts_with(token::PREFIX) {
            return Ok(plain);
        }
        token::restore(name, plain)
            .ok_or_else(|| Problem::new("a type uses a name that Dewar keeps for itself"))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Problem> {
        Ok(self.variant(variant, value.serialize(self.deeper()?)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Problem> {
        Items::new(self, None, length.unwrap_or(0))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Problem> {
        Items::new(self, None, length)
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, Problem> {
        Items::new(self, None, length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items, Problem> {
        Items::new(self, Some(variant), length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries, Problem> {
        Entries::new(self, None, length.unwrap_or(0))
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Entries, Problem> {
        Entries::new(self, None, length)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Entries, Problem> {
        Entries::new(self, Some(variant), length)
    }
}

/// A length is a hint from outside; this much of it is believed.
const PREALLOCATED: usize = 1024;

struct Items {
    inner: ValueSerializer,
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn new(
        outer: ValueSerializer,
        variant: Option<&'static str>,
        length: usize,
    ) -> Result<Items, Problem> {
        Ok(Items {
            inner: outer.deeper()?,
            variant,
            items: Vec::with_capacity(length.min(PREALLOCATED)),
        })
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.items.push(value.serialize(self.inner)?);
        Ok(())
    }

    fn finish(self) -> Result<Value, Problem> {
        let list = Value::List(self.items);
        Ok(match self.variant {
            Some(name) => self.inner.variant(name, list),
            None => list,
        })
    }
}

macro_rules! items {
    ($($trait:ident: $method:ident),+ $(,)?) => {$(
        impl ser::$trait for Items {
            type Ok = Value;
            type Error = Problem;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
                self.push(value)
            }

            fn end(self) -> Result<Value, Problem> {
                self.finish()
            }
        }
    )+};
}

items! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

struct Entries {
    inner: ValueSerializer,
    variant: Option<&'static str>,
    dict: Dict,
    key: Option<Text>,
}

impl Entries {
    fn new(
        outer: ValueSerializer,
        variant: Option<&'static str>,
        length: usize,
    ) -> Result<Entries, Problem> {
        Ok(Entries {
            inner: outer.deeper()?,
            variant,
            dict: Dict::with_capacity(length.min(PREALLOCATED)),
            key: None,
        })
    }

    fn finish(self) -> Result<Value, Problem> {
        let dict = Value::Dict(self.dict);
        Ok(match self.variant {
            Some(name) => self.inner.variant(name, dict),
            None => dict,
        })
    }
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = Problem;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Problem> {
        self.key = Some(match key.serialize(self.inner)? {
            Value::Str(text) | Value::Markup(text) => text,
            Value::Int(number) => Text::from(number.to_string()),
            Value::BigInt(number) => Text::from(number.to_string()),
            Value::Bool(value) => Text::from(if value { "true" } else { "false" }),
            Value::Uuid(uuid) => Text::from(uuid.to_string()),
            other => {
                return Err(Problem(format!(
                    "a {} cannot be the key of a dict",
                    other.type_name()
                )));
            }
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        let key = self.key.take().ok_or_else(|| {
            Problem::new("its Serialize implementation gave a value without a key")
        })?;
        self.dict.insert(key, value.serialize(self.inner)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Problem> {
        self.finish()
    }
}

impl SerializeStruct for Entries {
    type Ok = Value;
    type Error = Problem;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Problem> {
        self.dict.insert(key, value.serialize(self.inner)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Problem> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Entries {
    type Ok = Value;
    type Error = Problem;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Problem> {
        SerializeStruct::serialize_field(self, key, value)
    }

    fn end(self) -> Result<Value, Problem> {
        self.finish()
    }
}
