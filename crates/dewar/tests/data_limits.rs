//! Hostile and extreme documents: nesting, sizes, and the stack that they take.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use dewar::data::{Document, Format, MAX_DEPTH, Value, from_value, to_value};

const FORMATS: [Format; 4] = [
    Format::TaggedJson,
    Format::Msgpack,
    Format::MsgpackTyped,
    Format::Json,
];

/// Runs on 1.5 MB of stack: Rust's threads have 2, and the caller needs some of it.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(3 << 19)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

/// A value in so many containers.
fn nested(levels: usize, container: fn(Vec<Value>) -> Value) -> Value {
    (0..levels).fold(Value::Null, |inner, _| container(vec![inner]))
}

fn nested_dicts(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| Value::Dict([("a", inner)].into()))
}

fn document(value: Value) -> Document {
    let mut document = Document::new();
    document.insert("a".into(), value);
    document
}

#[test]
fn the_deepest_values_are_written_read_copied_compared_and_dropped() {
    on_a_small_stack(|| {
        let most = MAX_DEPTH - 1;
        for format in FORMATS {
            for value in [
                nested(most, Value::List),
                nested_dicts(most),
                nested(most / 2, Value::Tuple),
            ] {
                let written = document(value).encode(format).unwrap();
                let read = Document::parse(format, written.clone().into()).unwrap();
                let value = read.get("a").unwrap().into_owned();
                assert!(value.clone() == value);
                assert_eq!(document(value).encode(format).unwrap(), written);
                assert_eq!(read.encode(format).unwrap(), written);
            }
        }
    });
}

#[test]
fn one_level_more_is_refused() {
    on_a_small_stack(|| {
        for format in FORMATS {
            assert!(
                document(nested(MAX_DEPTH, Value::List))
                    .encode(format)
                    .is_err()
            );
        }
        for levels in [MAX_DEPTH, 1_000_000] {
            let lists = format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
            let objects = r#"{"a":"#.repeat(levels + 1);
            let tags = r#"{" t":["#.repeat(levels);
            let mut msgpack = b"\x81\xa1a".to_vec();
            msgpack.resize(3 + levels, 0x91);
            msgpack.push(0xc0);
            for bytes in [
                lists.as_bytes(),
                objects.as_bytes(),
                tags.as_bytes(),
                &msgpack,
            ] {
                for format in FORMATS {
                    assert!(Document::detect(format, bytes.to_vec().into()).is_err());
                }
            }
        }
    });
}

#[test]
fn what_flask_writes_under_pythons_default_recursion_limit_is_read() {
    // The most that Flask 3.1 writes on CPython 3.11: 331 lists, 248 tuples, 331 dicts that look like tags.
    on_a_small_stack(|| {
        for (open, close, levels) in [
            ("[", "]", 331),
            (r#"{" t":["#, "]}", 248),
            (r#"{" di":{" t__":"#, "}}", 331),
        ] {
            let text = format!(
                r#"{{"a":{}1{}}}"#,
                open.repeat(levels),
                close.repeat(levels)
            );
            let read = Document::parse(Format::TaggedJson, text.clone().into()).unwrap();
            assert_eq!(read.encode(Format::TaggedJson).unwrap(), text.as_bytes());
        }
    });
}

#[test]
fn pickles_may_be_as_deep_and_no_deeper() {
    on_a_small_stack(|| {
        let pickle = |levels: usize| {
            let mut bytes = b"}X\x01\0\0\0a".to_vec();
            bytes.extend(std::iter::repeat_n(b']', levels));
            bytes.extend(std::iter::repeat_n(b'a', levels - 1));
            bytes.extend_from_slice(b"s.");
            bytes
        };
        assert!(Document::detect(Format::Json, pickle(MAX_DEPTH - 1).into()).is_ok());
        assert!(Document::detect(Format::Json, pickle(MAX_DEPTH).into()).is_err());
        assert!(Document::detect(Format::Json, pickle(1_000_000).into()).is_err());
    });
}

#[test]
fn serde_refuses_what_would_take_its_stack() {
    on_a_small_stack(|| {
        let deep = nested(MAX_DEPTH - 1, Value::List);
        assert_eq!(from_value::<Value>(deep.clone()).unwrap(), deep);
        assert!(from_value::<serde_json::Value>(deep.clone()).is_err());
        assert!(to_value(&deep).is_err());
        assert!(from_value::<serde_json::Value>(nested(100, Value::List)).is_ok());
        assert!(to_value(&nested(100, Value::Tuple)).is_ok());
    });
}

#[test]
fn large_documents_take_time_in_proportion() {
    let started = Instant::now();
    let entry =
        |number: usize| format!("\"{}\":{{\"{number}\":1,\"{number}\":2}}", 99_999 - number);
    let entries: Vec<String> = (0..20_000).map(entry).collect();
    let text = format!("{{{}}}", entries.join(","));
    for format in [Format::TaggedJson, Format::Json] {
        let mut document = Document::parse(format, text.clone().into()).unwrap();
        for number in 0..20_000 {
            document.insert((99_999 - number).to_string().into(), Value::Null);
        }
        assert_eq!(document.len(), 20_000);
        document.encode(Format::Msgpack).unwrap();
    }
    // Quadratic work would take minutes.
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn a_dict_cannot_be_a_key_however_deep_in_lists() {
    // The text of such a key would hold the text of its own keys, escaped once more at each level.
    for opening in [&b"\x81"[..], b"\x81\x91"] {
        let mut record = opening.repeat(40);
        record.extend(b"\x01".repeat(80));
        let error = Document::parse(Format::Msgpack, record.into()).unwrap_err();
        assert!(error.to_string().contains("not hashable"), "{error}");
    }
    // Nor deep inside of a value, which is validated before anybody asks for it.
    let record = b"\x81\xa1k\x81\x01\x91\x81\x80\x02";
    assert!(Document::parse(Format::Msgpack, record[..].into()).is_err());
    // msgspec reads a list in a key as a tuple, which is hashable.
    let record = b"\x81\xa1k\x81\x92\x01\xa1a\x02";
    assert!(Document::parse(Format::Msgpack, record[..].into()).is_ok());
}
