//! What Flask makes of an object with one key that is a tag.

use base64_simd::STANDARD;
use uuid::Uuid;

use super::dates;
use crate::data::text::TextBuilder;
use crate::data::{Dict, Text, Value};

/// The value of a decoded object, whose parts are untagged already.
pub(super) fn untag(dict: Dict) -> Result<Value, &'static str> {
    let is_tagged = dict.len() == 1 && dict.keys().next().is_some_and(super::is_tag);
    if !is_tagged {
        return Ok(Value::Dict(dict));
    }
    let Some((key, value)) = dict.into_iter().next() else {
        return Ok(Value::Null);
    };
    match key.as_wtf8() {
        b" t" => tuple(value).ok_or("a tuple's tag on something else"),
        b" b" => bytes(&value).ok_or("a bytes tag on something else than base64"),
        b" m" => markup(value).ok_or("a markup tag on something else than text"),
        b" u" => uuid(&value).ok_or("a UUID's tag on something else"),
        b" d" => date(&value).ok_or("a datetime's tag on something else than text"),
        _ => dict_like_a_tag(value).ok_or("a dict's tag on something else"),
    }
}

/// Python's `tuple(value)`.
fn tuple(value: Value) -> Option<Value> {
    let items = match value {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Dict(dict) => dict.into_iter().map(|(key, _)| Value::Str(key)).collect(),
        Value::Bytes(bytes) => bytes.into_iter().map(Value::from).collect(),
        Value::Str(text) | Value::Markup(text) => text
            .code_points()
            .map(|point| Value::Str(character(point)))
            .collect(),
        _ => return None,
    };
    Some(Value::Tuple(items))
}

fn character(point: u32) -> Text {
    let mut builder = TextBuilder::default();
    builder.push(point);
    builder.finish()
}

/// Python's `b64decode`, which skips what is not in the alphabet.
fn bytes(value: &Value) -> Option<Value> {
    let text = match value {
        Value::Str(text) | Value::Markup(text) => text.as_str()?.as_bytes(),
        Value::Bytes(bytes) => bytes,
        _ => return None,
    };
    if matches!(value, Value::Str(_)) && !text.is_ascii() {
        return None;
    }
    STANDARD
        .decode_to_vec(text)
        .ok()
        .or_else(|| lenient_base64(text))
        .map(Value::Bytes)
}

fn lenient_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut collected, mut count, mut padding) = (0_u32, 0, 0);
    for &byte in text {
        if byte == b'=' {
            padding += 1;
            if count >= 2 && count + padding >= 4 {
                return Some(out);
            }
            continue;
        }
        let Some(value) = base64_value(byte) else {
            continue;
        };
        padding = 0;
        collected = collected << 6 | value;
        match count {
            0 => {}
            1 => out.push((collected >> 4) as u8),
            2 => out.push((collected >> 2) as u8),
            _ => out.push(collected as u8),
        }
        count = (count + 1) % 4;
    }
    (count == 0).then_some(out)
}

fn base64_value(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Python's `Markup(value)`, of what has the same text in every Python.
fn markup(value: Value) -> Option<Value> {
    let text = match value {
        Value::Str(text) | Value::Markup(text) => text,
        Value::Null => Text::from("None"),
        Value::Bool(true) => Text::from("True"),
        Value::Bool(false) => Text::from("False"),
        Value::Int(value) => Text::from(value.to_string()),
        _ => return None,
    };
    Some(Value::Markup(text))
}

/// Python's `UUID(hex=value)`.
fn uuid(value: &Value) -> Option<Value> {
    let text = value.as_str()?.replace("urn:", "").replace("uuid:", "");
    let digits = text.trim_matches(['{', '}']).replace('-', "");
    let valid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid
        .then(|| Uuid::parse_str(&digits).ok())
        .flatten()
        .map(Value::Uuid)
}

/// `None` for text that is no date, and for everything that Python takes for false.
fn date(value: &Value) -> Option<Value> {
    let empty = match value {
        Value::Str(text) | Value::Markup(text) => {
            return Some(
                text.as_str()
                    .and_then(dates::parse_http)
                    .unwrap_or(Value::Null),
            );
        }
        Value::Null | Value::Bool(false) | Value::Int(0) => true,
        Value::Float(value) => *value == 0.0,
        Value::List(items) | Value::Tuple(items) => items.is_empty(),
        Value::Dict(dict) => dict.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    };
    empty.then_some(Value::Null)
}

/// The dict whose key lost the two characters that were added to it.
fn dict_like_a_tag(value: Value) -> Option<Value> {
    let Value::Dict(dict) = value else {
        return None;
    };
    let (key, value) = dict.into_iter().next()?;
    let mut characters: Vec<u32> = key.code_points().collect();
    characters.truncate(characters.len().saturating_sub(2));
    let mut builder = TextBuilder::default();
    characters.into_iter().for_each(|point| builder.push(point));
    Some(Value::Dict(Dict::from([(builder.finish(), value)])))
}
