use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroize;

use crate::signing::SecretKey;

/// A configured value, not yet checked; may be a secret, so `Debug` shows only its type and size.
///
/// ```
/// use dewar::config::Setting;
///
/// assert_eq!(Setting::from("31d"), Setting::Text("31d".into()));
/// assert_eq!(format!("{:?}", Setting::from("hunter2")), "a text of 7 characters");
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Setting {
    /// Python's `None`: as if the key were not set.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes, for keys.
    Bytes(Vec<u8>),
    /// A span of time.
    Duration(Duration),
    /// A list.
    List(Vec<Setting>),
    /// A table.
    Table(BTreeMap<String, Setting>),
}

impl Setting {
    /// The value in words, for keys that are not secret; long text is cut.
    pub(super) fn describe(&self) -> String {
        match self {
            Setting::Bool(value) => value.to_string(),
            Setting::Integer(value) => format!("the number {value}"),
            Setting::Float(value) => format!("the number {value}"),
            Setting::Text(value) => quoted(value),
            Setting::Duration(value) => format!("a duration of {value:?}"),
            other => format!("{other:?}"),
        }
    }

    /// Whether it is a URL that names a user, and may hold a password: it can stand where none is meant.
    ///
    /// ```
    /// use dewar::config::Setting;
    ///
    /// assert!(Setting::from("redis://:hunter2@cache:6379").names_user());
    /// assert!(!Setting::from("redis://cache:6379").names_user());
    /// ```
    pub fn names_user(&self) -> bool {
        matches!(self, Setting::Text(text) if without_user(text).is_some())
    }

    /// Overwrites all text and bytes in it.
    pub(super) fn wipe(&mut self) {
        match self {
            Setting::Text(text) => text.zeroize(),
            Setting::Bytes(bytes) => bytes.zeroize(),
            Setting::List(items) => items.iter_mut().for_each(Setting::wipe),
            Setting::Table(table) => table.values_mut().for_each(Setting::wipe),
            _ => {}
        }
    }
}

/// Text in quotes for a message: escaped, and cut after 60 characters. Of a URL, which may stand where none is meant, user and
/// password are left out.
pub(super) fn quoted(text: &str) -> String {
    let hidden = without_user(text);
    let text = hidden.as_deref().unwrap_or(text);
    let cut = match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text[..at].escape_debug()),
        None => text.escape_debug().to_string(),
    };
    format!("'{cut}'")
}

/// A URL that names a user, with neither user nor password; `None` for any other text.
fn without_user(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (_, place) = rest.rsplit_once('@')?;
    Some(format!("{scheme}://…@{place}"))
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Null => f.write_str("null"),
            Setting::Bool(_) => f.write_str("a boolean"),
            Setting::Integer(_) | Setting::Float(_) => f.write_str("a number"),
            Setting::Text(text) => write!(f, "a text of {} characters", text.chars().count()),
            Setting::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Setting::Duration(_) => f.write_str("a duration"),
            Setting::List(items) => write!(f, "a list of {}", items.len()),
            Setting::Table(table) => write!(f, "a table of {}", table.len()),
        }
    }
}

macro_rules! from {
    ($($variant:ident($type:ty) $convert:expr;)*) => {$(
        impl From<$type> for Setting {
            fn from(value: $type) -> Setting {
                let convert = $convert;
                Setting::$variant(convert(value))
            }
        }
    )*};
}

from! {
    Bool(bool) |value| value;
    Integer(i32) i64::from;
    Integer(u32) i64::from;
    Integer(i64) |value| value;
    Float(f64) |value| value;
    Text(&str) str::to_owned;
    Text(String) |value| value;
    Bytes(&[u8]) <[u8]>::to_vec;
    Bytes(Vec<u8>) |value| value;
    Bytes(SecretKey) |key: SecretKey| key.expose().to_vec();
    Duration(Duration) |value| value;
    Text(&Path) |path: &Path| path.to_string_lossy().into_owned();
    Text(PathBuf) |path: PathBuf| path.to_string_lossy().into_owned();
}

impl<T: Into<Setting>> From<Vec<T>> for Setting {
    fn from(items: Vec<T>) -> Setting {
        Setting::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Setting>, const N: usize> From<[T; N]> for Setting {
    fn from(items: [T; N]) -> Setting {
        Setting::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Setting>> From<Option<T>> for Setting {
    fn from(value: Option<T>) -> Setting {
        value.map_or(Setting::Null, Into::into)
    }
}

impl From<serde_json::Value> for Setting {
    fn from(value: serde_json::Value) -> Setting {
        use serde_json::Value;
        match value {
            Value::Null => Setting::Null,
            Value::Bool(value) => Setting::Bool(value),
            Value::Number(number) => number.as_i64().map_or_else(
                || Setting::Float(number.as_f64().unwrap_or(f64::NAN)),
                Setting::Integer,
            ),
            Value::String(text) => Setting::Text(text),
            Value::Array(items) => Setting::List(items.into_iter().map(Into::into).collect()),
            Value::Object(table) => Setting::Table(
                table
                    .into_iter()
                    .map(|(key, value)| (key, value.into()))
                    .collect(),
            ),
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Setting, D::Error> {
        deserializer.deserialize_any(AnySetting)
    }
}

struct AnySetting;

impl<'de> Visitor<'de> for AnySetting {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a configuration value")
    }

    fn visit_unit<E>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_none<E>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Setting, D::Error> {
        Setting::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Setting, E> {
        Ok(Setting::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Setting, E> {
        Ok(Setting::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Setting, E> {
        Ok(i64::try_from(value).map_or(Setting::Float(value as f64), Setting::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Setting, E> {
        Ok(Setting::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Setting, E> {
        Ok(Setting::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Setting, E> {
        Ok(Setting::Text(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Setting, E> {
        Ok(Setting::Bytes(value.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Setting, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Setting::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Setting, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((key, value)) = map.next_entry()? {
            table.insert(key, value);
        }
        Ok(Setting::Table(table))
    }
}
