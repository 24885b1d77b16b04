//! The parts of a value, one after the other.

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Problem, ValueDeserializer, visit_text};
use crate::data::{Dict, Text, Value};

pub(super) struct Items<'de> {
    items: std::slice::Iter<'de, Value>,
    depth: usize,
}

impl<'de> Items<'de> {
    pub(super) fn new(items: &'de [Value], depth: usize) -> Items<'de> {
        Items {
            items: items.iter(),
            depth,
        }
    }

    /// Fails if the visitor has left items: a tuple of two does not read as one of one.
    pub(super) fn finish(self, length: usize) -> Result<(), Problem> {
        match self.items.len() {
            0 => Ok(()),
            left => Err(de::Error::invalid_length(
                length,
                &format!("{} items", length - left).as_str(),
            )),
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let depth = self.depth;
        self.items
            .next()
            .map(|value| seed.deserialize(ValueDeserializer { value, depth }))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

pub(super) struct Entries<'de> {
    entries: std::slice::Iter<'de, (Text, Value)>,
    value: Option<(&'de Text, &'de Value)>,
    depth: usize,
    /// The keys that a problem in their values may name.
    fields: &'static [&'static str],
}

impl<'de> Entries<'de> {
    pub(super) fn new(dict: &'de Dict, depth: usize) -> Entries<'de> {
        Entries::of_struct(dict, depth, &[])
    }

    pub(super) fn of_struct(
        dict: &'de Dict,
        depth: usize,
        fields: &'static [&'static str],
    ) -> Entries<'de> {
        Entries {
            entries: dict.keyed().entries().iter(),
            value: None,
            depth,
            fields,
        }
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| Problem::new("a value was asked for before its key"))?;
        let depth = self.depth;
        seed.deserialize(ValueDeserializer { value, depth })
            .map_err(|problem| Problem {
                field: self.fields.iter().copied().find(|field| *key == **field),
                ..problem
            })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A dict's key, which also reads as the integer or bool that its text says.
struct Key<'de>(&'de Text);

macro_rules! parsed {
    ($($method:ident: $type:ty => $visit:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            match self.0.as_str().and_then(|text| text.parse::<$type>().ok()) {
                Some(value) => visitor.$visit(value),
                None => self.deserialize_any(visitor),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visit_text(self.0, visitor)
    }

    parsed! {
        deserialize_bool: bool => visit_bool,
        deserialize_i8: i8 => visit_i8,
        deserialize_i16: i16 => visit_i16,
        deserialize_i32: i32 => visit_i32,
        deserialize_i64: i64 => visit_i64,
        deserialize_i128: i128 => visit_i128,
        deserialize_u8: u8 => visit_u8,
        deserialize_u16: u16 => visit_u16,
        deserialize_u32: u32 => visit_u32,
        deserialize_u64: u64 => visit_u64,
        deserialize_u128: u128 => visit_u128,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0.as_str() {
            Some(text) => visitor.visit_enum(text.into_deserializer()),
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The only entry of a dict as a variant with data.
pub(super) struct Variant<'de> {
    name: &'de Text,
    content: ValueDeserializer<'de>,
}

impl<'de> Variant<'de> {
    pub(super) fn new(name: &'de Text, value: &'de Value, depth: usize) -> Variant<'de> {
        Variant {
            name,
            content: ValueDeserializer { value, depth },
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Problem;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'de>), Problem> {
        Ok((seed.deserialize(Key(self.name))?, Content(self.content)))
    }
}

pub(super) struct Content<'de>(ValueDeserializer<'de>);

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        de::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.0.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

/// A whole value on its way to `Value`'s own visitor, as typed msgpack.
pub(super) struct Whole(pub(super) Vec<u8>);

/// Takes a [`Whole`]'s bytes.
pub(super) struct WholeSeed;

impl<'de> EnumAccess<'de> for Whole {
    type Error = Problem;
    type Variant = NoContent;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, NoContent), Problem> {
        Ok((seed.deserialize(WholeBytes(self.0))?, NoContent))
    }
}

struct WholeBytes(Vec<u8>);

impl<'de> Deserializer<'de> for WholeBytes {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_byte_buf(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any option newtype_struct enum
    }
}

pub(super) struct NoContent;

impl<'de> VariantAccess<'de> for NoContent {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Problem> {
        Err(de::Error::custom(""))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Problem> {
        Err(de::Error::custom(""))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Problem> {
        Err(de::Error::custom(""))
    }
}
