#![allow(clippy::unwrap_used)]

use super::*;
use crate::ErrorKind;
use crate::data::{Dict, Text};

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plain(value: impl Into<Value>) -> String {
    let mut out = Vec::new();
    encode(&mut out, &value.into(), Mode::Plain, 0).unwrap();
    hexadecimal(&out)
}

#[test]
fn integers_take_the_form_that_msgspec_gives_them() {
    // python -c 'import msgspec; print(msgspec.msgpack.encode(…).hex())'
    for (value, expected) in [
        (0_i128, "00"),
        (127, "7f"),
        (128, "cc80"),
        (255, "ccff"),
        (256, "cd0100"),
        (65_535, "cdffff"),
        (65_536, "ce00010000"),
        (4_294_967_295, "ceffffffff"),
        (4_294_967_296, "cf0000000100000000"),
        (9_223_372_036_854_775_808, "cf8000000000000000"),
        (-1, "ff"),
        (-32, "e0"),
        (-33, "d0df"),
        (-128, "d080"),
        (-129, "d1ff7f"),
        (-32_768, "d18000"),
        (-32_769, "d2ffff7fff"),
        (-2_147_483_648, "d280000000"),
        (-2_147_483_649, "d3ffffffff7fffffff"),
    ] {
        assert_eq!(plain(value), expected);
    }
    let refused = encode(&mut Vec::new(), &Value::from(1_u128 << 64), Mode::Plain, 0);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Value);
}

#[test]
fn lengths_take_the_form_that_msgspec_gives_them() {
    for (length, text, bytes, list) in [
        (15, "af", "c40f", "9f"),
        (16, "b0", "c410", "dc0010"),
        (32, "d920", "c420", "dc0020"),
        (255, "d9ff", "c4ff", "dc00ff"),
        (256, "da0100", "c50100", "dc0100"),
        (65_536, "db00010000", "c600010000", "dd00010000"),
    ] {
        assert!(plain("a".repeat(length)).starts_with(text));
        assert!(plain(Value::Bytes(vec![0; length])).starts_with(bytes));
        assert!(plain(vec![0; length]).starts_with(list));
    }
}

#[test]
fn moments_take_the_shortest_timestamp() {
    for (text, expected) in [
        ("2020-01-02T03:04:05Z", "d6ff5e0d5da5"),
        ("2020-01-02T03:04:05.678901Z", "d7ffa1dcd4205e0d5da5"),
        (
            "1969-12-31T23:59:59.000005Z",
            "c70cff00001388ffffffffffffffff",
        ),
        ("2200-01-01T00:00:00Z", "d7ff00000001b09e1900"),
        ("2600-01-01T00:00:00Z", "c70cff0000000000000004a0fe7280"),
        ("0001-01-01T00:00:00Z", "c70cff00000000fffffff1886e0900"),
    ] {
        let moment: jiff::Timestamp = text.parse().unwrap();
        assert_eq!(plain(moment), expected, "{text}");
        let mut out = Vec::new();
        encode(&mut out, &moment.into(), Mode::Plain, 0).unwrap();
        assert_eq!(decode(&out).unwrap(), moment.into());
    }
}

#[test]
fn typed_keeps_every_type_and_leaves_plain_ones_as_they_are() {
    let surrogate = Text::from_wtf8(b"\xed\xa0\x80").unwrap();
    for value in [
        Value::Tuple(vec![1.into(), Value::Tuple(Vec::new())]),
        Value::Tuple(vec!["long".repeat(100).into()]),
        Value::Set(vec!["a".into()]),
        uuid::Uuid::from_u128(7).into(),
        "1.50".parse::<crate::data::Decimal>().unwrap().into(),
        jiff::civil::DateTime::constant(1, 1, 1, 0, 0, 0, 1_000).into(),
        jiff::civil::DateTime::constant(9999, 12, 31, 23, 59, 59, 999_999_000).into(),
        jiff::civil::date(1, 1, 1).into(),
        jiff::civil::time(23, 59, 59, 999_999_000).into(),
        jiff::SignedDuration::new(-1, -5).into(),
        Value::Markup("<b>".into()),
        Value::Markup(surrogate.clone()),
        (-(1_i128 << 100)).into(),
        Value::Str(surrogate),
    ] {
        assert_eq!(decode_value(&encode_value(&value).unwrap()).unwrap(), value);
    }
    let value = Value::from(Dict::from([("a", Value::from([1, 2])), ("b", Value::Null)]));
    assert_eq!(hexadecimal(&encode_value(&value).unwrap()), plain(value));
}

#[test]
fn keys_that_are_not_text_keep_their_type_and_read_as_json_writes_them() {
    let bytes = b"\x84\x01\xc0\xc3\xc0\xcb\x3f\xf8\0\0\0\0\0\0\xc0\xc0\xc0";
    let value = decode(bytes).unwrap();
    let keys: Vec<&Text> = value.as_dict().unwrap().keys().collect();
    let texts: Vec<String> = keys.iter().map(|key| key.to_string()).collect();
    assert_eq!(texts, ["1", "true", "1.5", "null"]);
    let kept: Vec<Value> = keys.iter().map(|key| key.to_key()).collect();
    assert_eq!(kept, [1.into(), true.into(), 1.5.into(), Value::Null]);
    assert_eq!(plain(value), hexadecimal(bytes));
}

#[test]
fn a_number_and_its_text_are_two_keys_of_a_dict() {
    for count in [1, 40] {
        let numbers = (0..count).map(|number| Text::of_key(&Value::Int(number)).unwrap());
        let texts = (0..count).map(|number| Text::from(number.to_string()));
        let dict: Dict = numbers.chain(texts).map(|key| (key, Value::Null)).collect();
        assert_eq!(dict.len(), 2 * count as usize);
        let encoded = encode_value(&dict.clone().into()).unwrap();
        assert_eq!(decode_value(&encoded).unwrap(), Value::from(dict));
    }
}

#[test]
fn hostile_lengths_fail_without_taking_memory() {
    for bytes in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xc7\x02\x01\x91",
        b"\xc7\x01\x01\x91\x05",
        b"\xc1",
        b"\xa3\xff\xff\xff",
        b"\xd4\x05\x00",
        b"\xd5\xff\x00\x00",
        b"\xd7\xff\xee\x6b\x28\x00\x00\x00\x00\x00",
        b"\x91\x01\xff",
        b"",
    ] {
        assert!(decode(bytes).is_err(), "{bytes:x?}");
    }
}
