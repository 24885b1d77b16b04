//! Serde's way out of a [`Value`].

use std::fmt::{self, Display};

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::{Text, Value, msgpack, token};
use crate::{Error, ErrorKind, Result};

mod access;
mod visit;

/// Reads a deserializable type from a [`Value`].
///
/// Lists, tuples and sets are sequences; dates, UUIDs, decimals and markup read as text or as the types that read from text.
/// An error names the types, never the value.
///
/// ```
/// use dewar::data::{Value, from_value};
///
/// let cart: Vec<u64> = from_value(Value::Tuple(vec![1.into(), 2.into()]))?;
/// assert_eq!(cart, [1, 2]);
///
/// let error = from_value::<u64>(Value::from("secret")).unwrap_err();
/// assert_eq!(error.to_string(), "a str cannot be read as u64: found text, expected u64");
/// # Ok::<(), dewar::Error>(())
/// ```
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T> {
    from_value_ref(&value)
}

/// Reads a deserializable type from a borrowed [`Value`]; text can be borrowed from it.
pub fn from_value_ref<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T> {
    read(value).map_err(|problem| {
        let found = value.type_name();
        unreadable::<T>(&format!("a {found} cannot be read as"), &problem)
    })
}

/// Reads what a session holds under `key`; an error names the key.
pub(crate) fn from_entry<T: DeserializeOwned>(key: &str, value: &Value) -> Result<T> {
    read(value).map_err(|problem| {
        unreadable::<T>(&format!("session[{key:?}] cannot be read as"), &problem)
    })
}

/// Reads a whole session; an error names the field of the struct that does not fit, and no key that only the session knows.
pub(crate) fn from_session<T: DeserializeOwned>(session: &Value) -> Result<T> {
    read(session).map_err(|problem| match problem.field {
        Some(field) => unreadable::<T>(
            &format!("session[{field:?}] cannot be read as that field of"),
            &problem,
        ),
        None => unreadable::<T>("the session cannot be read as", &problem),
    })
}

fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, Problem> {
    T::deserialize(ValueDeserializer { value, depth: 0 })
}

fn unreadable<T>(what: &str, problem: &Problem) -> Error {
    let asked = std::any::type_name::<T>();
    Error::new(ErrorKind::Value, format!("{what} {asked}: {problem}"))
}

/// Why a value cannot be read as the type that was asked for.
#[derive(Debug)]
struct Problem {
    reason: String,
    /// The field of the outermost struct in which it is.
    field: Option<&'static str>,
}

impl Problem {
    fn new(reason: impl Into<String>) -> Problem {
        Problem {
            reason: reason.into(),
            field: None,
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Problem {}

/// Serde's own messages quote the value; these do not.
impl de::Error for Problem {
    fn custom<T: Display>(_: T) -> Problem {
        Problem::new("the type refused the value")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Problem {
        Problem::new(format!("found {}, expected {expected}", kind(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Problem {
        Problem::new(format!(
            "found {} with a value that is not {expected}",
            kind(&found)
        ))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Problem {
        Problem::new(format!("found {length} items, expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Problem {
        Problem::new(format!(
            "found an unknown variant, expected one of {}",
            expected.join(", ")
        ))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Problem {
        Problem::new(format!(
            "found an unknown field, expected {}",
            expected.join(", ")
        ))
    }

    fn missing_field(field: &'static str) -> Problem {
        Problem::new(format!("the field {field:?} is missing"))
    }
}

fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a bool",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit => "None",
        Unexpected::Option => "an optional value",
        Unexpected::Seq => "a sequence",
        Unexpected::Map => "a dict",
        _ => "another type",
    }
}

#[derive(Clone, Copy)]
struct ValueDeserializer<'de> {
    value: &'de Value,
    depth: usize,
}

impl<'de> ValueDeserializer<'de> {
    fn deeper(self) -> Result<usize, Problem> {
        if self.depth >= super::MAX_SERDE_DEPTH {
            return Err(Problem::new("it is nested too deeply"));
        }
        Ok(self.depth + 1)
    }

    fn visit_items<V: Visitor<'de>>(
        self,
        items: &'de [Value],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let mut access = access::Items::new(items, self.deeper()?);
        let value = visitor.visit_seq(&mut access)?;
        access.finish(items.len())?;
        Ok(value)
    }

    /// Hands over a whole value in the one form that keeps every type.
    fn visit_whole<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                visitor.visit_newtype_struct(self)
            }
            value => {
                let bytes = msgpack::encode_value(value)
                    .map_err(|error| Problem::new(error.to_string()))?;
                visitor.visit_enum(access::Whole(bytes))
            }
        }
    }
}

fn visit_text<'de, V: Visitor<'de>>(text: &'de Text, visitor: V) -> Result<V::Value, Problem> {
    match text.as_str() {
        Some(text) => visitor.visit_borrowed_str(text),
        None => visitor.visit_borrowed_bytes(text.as_wtf8()),
    }
}

fn visit_display<'de, V: Visitor<'de>>(
    value: &impl Display,
    visitor: V,
) -> Result<V::Value, Problem> {
    visitor.visit_string(value.to_string())
}

impl<'de> Deserializer<'de> for ValueDeserializer<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::BigInt(value) => {
                if let Ok(value) = u64::try_from(value) {
                    visitor.visit_u64(value)
                } else if let Ok(value) = i128::try_from(value) {
                    visitor.visit_i128(value)
                } else if let Ok(value) = u128::try_from(value) {
                    visitor.visit_u128(value)
                } else {
                    visit_display(value, visitor)
                }
            }
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Str(text) | Value::Markup(text) => visit_text(text, visitor),
            Value::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                self.visit_items(items, visitor)
            }
            Value::Dict(dict) => {
                let mut access = access::Entries::new(dict, self.deeper()?);
                visitor.visit_map(&mut access)
            }
            Value::DateTime(moment) => visit_display(moment, visitor),
            Value::NaiveDateTime(moment) => visit_display(moment, visitor),
            Value::Date(date) => visit_display(date, visitor),
            Value::Time(time) => visit_display(time, visitor),
            Value::TimeDelta(delta) => visit_display(delta, visitor),
            Value::Uuid(uuid) => visit_display(uuid, visitor),
            Value::Decimal(decimal) => visitor.visit_borrowed_str(decimal.as_str()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Bytes(bytes) => {
                visitor.visit_seq(de::value::SeqDeserializer::new(bytes.iter().copied()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match name {
            token::VALUE => self.visit_whole(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.value {
            Value::Dict(dict) if self.depth == 0 => {
                let mut access = access::Entries::of_struct(dict, self.deeper()?, fields);
                visitor.visit_map(&mut access)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.value {
            Value::Dict(dict) if dict.len() == 1 => {
                let depth = self.deeper()?;
                let Some((variant, value)) = dict.iter().next() else {
                    return Err(de::Error::invalid_type(Unexpected::Map, &visitor));
                };
                visitor.visit_enum(access::Variant::new(variant, value, depth))
            }
            Value::Str(text) => match text.as_str() {
                Some(text) => visitor.visit_enum(text.into_deserializer()),
                None => Err(de::Error::invalid_type(Unexpected::Bytes(b""), &visitor)),
            },
            Value::Dict(_) => Err(de::Error::invalid_type(Unexpected::Map, &visitor)),
            other => Err(Problem::new(format!(
                "found {}, expected {}",
                other.type_name(),
                &visitor as &dyn de::Expected
            ))),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        tuple_struct map identifier
    }
}

impl<'de> DeserializeSeed<'de> for access::WholeSeed {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole value")
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
