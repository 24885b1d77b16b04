//! Values as the tests describe them: JSON that says every type, as `tests/interop/neutral.py` does.

use dewar::data::{Dict, Text, Value};
use num_bigint::BigInt;
use serde_json::{Value as Json, json};

/// Describes a dict.
pub(crate) fn describe_dict(dict: &Dict) -> Json {
    let entries: Vec<_> = dict
        .iter()
        .map(|(key, value)| json!([["str", to_hex(key.as_wtf8())], describe(value)]))
        .collect();
    json!(["dict", entries])
}

/// Describes a value.
pub(crate) fn describe(value: &Value) -> Json {
    match value {
        Value::Null => json!(["null"]),
        Value::Bool(value) => json!(["bool", value]),
        Value::Int(value) => describe_integer(&BigInt::from(*value)),
        Value::BigInt(value) => describe_integer(value),
        Value::Float(value) if value.is_nan() => json!(["float", "nan"]),
        Value::Float(value) => json!(["float", to_hex(&value.to_be_bytes())]),
        Value::Str(text) => json!(["str", to_hex(text.as_wtf8())]),
        Value::Markup(text) => json!(["markup", to_hex(text.as_wtf8())]),
        Value::Bytes(bytes) => json!(["bytes", to_hex(bytes)]),
        Value::Tuple(items) => json!(["tuple", describe_all(items)]),
        Value::List(items) => json!(["list", describe_all(items)]),
        Value::Set(items) => {
            let mut items = describe_all(items);
            items.sort_by_key(Json::to_string);
            json!(["set", items])
        }
        Value::Dict(dict) => describe_dict(dict),
        Value::DateTime(time) => json!(["datetime", time.as_microsecond().to_string()]),
        Value::NaiveDateTime(time) => json!(["naive_datetime", format!("{time:.6}")]),
        Value::Date(date) => json!(["date", date.to_string()]),
        Value::Time(time) => json!(["time", format!("{time:.6}")]),
        Value::TimeDelta(delta) => json!(["timedelta", delta.as_micros().to_string()]),
        Value::Uuid(uuid) => json!(["uuid", uuid.simple().to_string()]),
        Value::Decimal(decimal) => json!(["decimal", decimal.as_str()]),
        other => json!(["unknown", format!("{other:?}")]),
    }
}

/// The dict that is described.
pub(crate) fn read_dict(description: &Json) -> Option<Dict> {
    match read(description)? {
        Value::Dict(dict) => Some(dict),
        _ => None,
    }
}

/// The value that is described.
pub(crate) fn read(description: &Json) -> Option<Value> {
    let content = description.get(1);
    let text = || content?.as_str();
    let bytes = || from_hex(text()?);
    let items = || {
        content?
            .as_array()?
            .iter()
            .map(read)
            .collect::<Option<Vec<_>>>()
    };
    Some(match description.get(0)?.as_str()? {
        "null" => Value::Null,
        "bool" => Value::Bool(content?.as_bool()?),
        "int" => read_integer(text()?)?,
        "float" if text()? == "nan" => Value::Float(f64::NAN),
        "float" => Value::Float(f64::from_be_bytes(bytes()?.try_into().ok()?)),
        "str" => Value::Str(Text::from_wtf8(&bytes()?)?),
        "markup" => Value::Markup(Text::from_wtf8(&bytes()?)?),
        "bytes" => Value::Bytes(bytes()?),
        "tuple" => Value::Tuple(items()?),
        "list" => Value::List(items()?),
        "set" => Value::Set(items()?),
        "dict" => Value::Dict(
            content?
                .as_array()?
                .iter()
                .map(read_entry)
                .collect::<Option<_>>()?,
        ),
        "datetime" => {
            Value::DateTime(jiff::Timestamp::from_microsecond(text()?.parse().ok()?).ok()?)
        }
        "naive_datetime" => Value::NaiveDateTime(text()?.parse().ok()?),
        "date" => Value::Date(text()?.parse().ok()?),
        "time" => Value::Time(text()?.parse().ok()?),
        "timedelta" => Value::TimeDelta(jiff::SignedDuration::from_micros(text()?.parse().ok()?)),
        "uuid" => Value::Uuid(text()?.parse().ok()?),
        "decimal" => Value::Decimal(text()?.parse().ok()?),
        _ => return None,
    })
}

fn read_entry(entry: &Json) -> Option<(Text, Value)> {
    match read(entry.get(0)?)? {
        Value::Str(key) => Some((key, read(entry.get(1)?)?)),
        _ => None,
    }
}

fn read_integer(text: &str) -> Option<Value> {
    let number = BigInt::parse_bytes(text.replacen("0x", "", 1).as_bytes(), 16)?;
    Some(i64::try_from(&number).map_or(Value::BigInt(number), Value::Int))
}

fn describe_integer(value: &BigInt) -> Json {
    let digits = format!("{:x}", value.magnitude());
    let sign = if value.sign() == num_bigint::Sign::Minus {
        "-"
    } else {
        ""
    };
    json!(["int", format!("{sign}0x{digits}")])
}

fn describe_all(items: &[Value]) -> Vec<Json> {
    items.iter().map(describe).collect()
}

/// Bytes as lower-case hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from hex.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}
