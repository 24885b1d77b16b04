//! Any value survives any format, as far as the format can hold it, and equal data gives equal bytes.
#![allow(clippy::unwrap_used)]

use dewar::data::{Decimal, Dict, Document, Format, Text, Value, from_value, to_value};
use proptest::prelude::*;

/// Text of all kinds, lone surrogates included.
fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        8 => utf8(),
        1 => (0xa0_u8..0xc0, 0x80_u8..0xc0).prop_map(|(first, second)| Text::from_wtf8(&[b'a', 0xed, first, second]).unwrap()),
    ]
}

/// Text that every format holds, and that is often a tag or in need of escapes.
fn utf8() -> impl Strategy<Value = Text> {
    prop_oneof![
        4 => "[a-z_]{0,12}".prop_map(Text::from),
        2 => any::<String>().prop_map(Text::from),
        1 => prop::sample::select(vec![" t", " di", " d", " b", "__", " t__", "\u{7f}", "\"\\/\n"]).prop_map(Text::from),
    ]
}

fn integer() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i8>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from)
    ]
}

fn float() -> impl Strategy<Value = Value> {
    use prop::num::f64::{INFINITE, NORMAL, SUBNORMAL, ZERO};

    let edges = prop::sample::select(vec![1e15, 1e16, 1e17, 1e-4, 1e-5, 1e-6, 1e22]);
    prop_oneof![NORMAL | SUBNORMAL | ZERO | INFINITE, edges].prop_map(Value::Float)
}

/// Whole seconds of the years 101 to 9999: Flask's dates have no more, and it reads years below 100 as later ones.
fn moment() -> impl Strategy<Value = jiff::Timestamp> {
    (-58_900_000_000_i64..253_402_207_200)
        .prop_map(|seconds| jiff::Timestamp::new(seconds, 0).unwrap())
}

fn utc(moment: jiff::Timestamp) -> jiff::civil::DateTime {
    jiff::tz::Offset::UTC.to_datetime(moment)
}

/// Types that every format keeps.
fn plain() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        float().prop_filter("msgspec's JSON has no infinities", |value| value
            .as_f64()
            .unwrap()
            .is_finite()),
        any::<String>().prop_map(Value::from),
    ]
}

/// Types that Flask's cookies keep.
fn flask() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        integer(),
        float(),
        text().prop_map(Value::Str),
        text().prop_map(Value::Markup),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        any::<u128>().prop_map(|number| Value::Uuid(uuid::Uuid::from_u128(number))),
        moment().prop_map(Value::DateTime),
    ]
}

/// All types.
fn every() -> impl Strategy<Value = Value> {
    let decimal =
        |(digits, exponent): (i64, i32)| format!("{digits}E{exponent}").parse::<Decimal>().unwrap();
    prop_oneof![
        4 => flask(),
        1 => (moment(), 0..1_000_000_000).prop_map(|(moment, nanoseconds)| {
            Value::NaiveDateTime(utc(moment).with().subsec_nanosecond(nanoseconds).build().unwrap())
        }),
        1 => moment().prop_map(|moment| Value::Date(utc(moment).date())),
        1 => (0..86_400_i64, 0..1_000_000_000).prop_map(|(second, nanosecond)| {
            Value::Time(utc(jiff::Timestamp::new(second, nanosecond).unwrap()).time())
        }),
        1 => any::<i64>().prop_map(|microseconds| Value::TimeDelta(jiff::SignedDuration::from_micros(microseconds))),
        1 => (any::<i64>(), -40..40).prop_map(decimal).prop_map(Value::Decimal),
    ]
}

/// Values nested in dicts and these containers.
fn nested(
    leaf: impl Strategy<Value = Value> + 'static,
    containers: &'static [fn(Vec<Value>) -> Value],
) -> impl Strategy<Value = Value> {
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let items = (
            prop::sample::select(containers),
            prop::collection::vec(inner.clone(), 0..6),
        );
        let entries = prop::collection::vec((utf8(), inner), 0..6);
        prop_oneof![
            items.prop_map(|(make, items)| make(items)),
            entries.prop_map(|entries| Value::Dict(entries.into_iter().collect())),
        ]
    })
}

/// A session with few or many keys.
fn session(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Dict> {
    prop::collection::vec((utf8(), value), 0..50).prop_map(|entries| entries.into_iter().collect())
}

/// Writes, reads and compares; what was read is written again in the same bytes, copied or from its values.
fn check(format: Format, dict: Dict) {
    let written = Document::from(dict.clone()).encode(format).unwrap();
    let read = Document::parse(format, written.clone().into()).unwrap();
    assert_eq!(read.to_dict(), dict);
    assert_eq!(read.encode(format).unwrap(), written);
    assert_eq!(
        Document::from(read.to_dict()).encode(format).unwrap(),
        written
    );
    assert_eq!(
        Document::detect(format, written.into()).unwrap().to_dict(),
        dict
    );
}

proptest! {
    #[test]
    fn tagged_json_keeps_flasks_types(dict in session(nested(flask(), &[Value::List, Value::Tuple]))) {
        check(Format::TaggedJson, dict);
    }

    #[test]
    fn typed_msgpack_keeps_every_type(dict in session(nested(every(), &[Value::List, Value::Tuple, Value::Set]))) {
        check(Format::MsgpackTyped, dict);
    }

    #[test]
    fn msgpack_and_json_keep_plain_types(dict in session(nested(plain(), &[Value::List]))) {
        let typed = Document::from(dict.clone()).encode(Format::MsgpackTyped).unwrap();
        assert_eq!(Document::from(dict.clone()).encode(Format::Msgpack).unwrap(), typed);
        check(Format::Msgpack, dict.clone());
        check(Format::Json, dict);
    }

    #[test]
    fn every_value_passes_through_serde(value in nested(every(), &[Value::List, Value::Tuple, Value::Set])) {
        assert_eq!(to_value(&value).unwrap(), value.clone());
        assert_eq!(from_value::<Value>(value.clone()).unwrap(), value.clone());
        let list: Vec<Value> = from_value(Value::Tuple(vec![value.clone()])).unwrap();
        assert_eq!(list, [value]);
    }

    #[test]
    fn bytes_from_outside_never_panic_and_what_is_read_can_be_written(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for format in [Format::TaggedJson, Format::Msgpack, Format::Json] {
            if let Ok(document) = Document::detect(format, bytes.clone().into()) {
                document.encode(Format::TaggedJson).unwrap();
            }
        }
    }

    #[test]
    fn json_in_any_style_is_written_in_one(
        entries in prop::collection::vec((r#"[a-c é]|\\u00e9|\\n|\\/"#, json(), "[ \n]?"), 0..5),
    ) {
        let entries: Vec<String> = entries.iter().map(|(key, value, blank)| format!("\"{key}\"{blank}:{blank}{value}")).collect();
        let text = format!("{{{}}}", entries.join(","));
        for format in [Format::TaggedJson, Format::Json] {
            if let Ok(document) = Document::parse(format, text.clone().into()) {
                let copied = document.encode(format).unwrap();
                assert_eq!(Document::from(document.to_dict()).encode(format).unwrap(), copied, "{text}");
                let again = Document::parse(format, copied.clone().into()).unwrap();
                assert_eq!(again.encode(format).unwrap(), copied);
                assert_eq!(again.to_dict(), document.to_dict());
            }
        }
    }
}

/// JSON in the styles of other writers.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        r#""([a-z/é\x7f]|\\["\\/bfnrt]|\\u00[0-7][0-9a-fA-F]|\\u[eE]9[0-9a-f]{2}|\\ud83d\\ude0[0-9])*""#,
        "-?(0|[1-9][0-9]{0,25})",
        "-?(0|[1-9][0-9]{0,3})[.][0-9]{1,4}([eE][+-]?[0-9]{1,2})?",
        "-?[1-9][eE][+-]?[0-9]{1,2}",
        "true|false|null|Infinity",
        r#"\{" ?[tbmud]":"[A-Za-z0-9+/=]{0,8}"\}"#,
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let key = r#"[a-c]|é|\\u00e9| t| d"#;
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), " ?")
                .prop_map(|(items, blank)| format!("[{}]", items.join(&format!(",{blank}")))),
            (prop::collection::vec((key, inner), 0..4), " ?").prop_map(|(entries, blank)| {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{blank}{value}"))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}
