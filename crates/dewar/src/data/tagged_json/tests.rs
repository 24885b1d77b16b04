#![allow(clippy::unwrap_used)]

use super::*;
use crate::data::{Document, Format};

fn encoded(value: impl Into<Value>) -> String {
    let mut out = Vec::new();
    encode(&mut out, &value.into(), 0).unwrap();
    String::from_utf8(out).unwrap()
}

/// Reads a value through a document, as everything from outside is read.
fn read(text: &str) -> Result<Value> {
    let document = Document::parse(Format::TaggedJson, format!(r#"{{"k":{text}}}"#).into())?;
    Ok(document.get("k").unwrap().into_owned())
}

fn dict(key: &str, value: impl Into<Value>) -> Value {
    Value::Dict(Dict::from([(key, value)]))
}

#[test]
fn every_type_is_written_as_flask_writes_it() {
    // python -c 'from flask.json.tag import TaggedJSONSerializer as T; print(T().dumps(…))'
    let moment: jiff::Timestamp = "2020-01-02T03:04:05.678901+02:00".parse().unwrap();
    assert_eq!(encoded(moment), r#"{" d":"Thu, 02 Jan 2020 01:04:05 GMT"}"#);
    let naive = jiff::civil::DateTime::constant(9999, 12, 31, 23, 59, 59, 999_999_000);
    assert_eq!(encoded(naive), r#"{" d":"Fri, 31 Dec 9999 23:59:59 GMT"}"#);
    assert_eq!(
        encoded(jiff::civil::date(2020, 1, 2)),
        r#""Thu, 02 Jan 2020 00:00:00 GMT""#
    );
    assert_eq!(
        encoded("1.50".parse::<crate::data::Decimal>().unwrap()),
        r#""1.50""#
    );
    assert_eq!(
        encoded(uuid::Uuid::from_u128(5)),
        r#"{" u":"00000000000000000000000000000005"}"#
    );
    assert_eq!(encoded(&b"\xff\xfe"[..]), r#"{" b":"//4="}"#);
    assert_eq!(encoded(Value::Markup("<b>".into())), r#"{" m":"<b>"}"#);
    assert_eq!(encoded(Value::Tuple(vec![1.into()])), r#"{" t":[1]}"#);
    assert_eq!(encoded(dict(" t", 1)), r#"{" di":{" t__":1}}"#);
    assert_eq!(
        encoded(dict(" t", dict(" t", 1))),
        r#"{" di":{" t__":{" di":{" t__":1}}}}"#
    );
    assert_eq!(encoded(dict(" zz", 1)), r#"{" zz":1}"#);
    assert_eq!(encoded(1_u128 << 70), "1180591620717411303424");
    assert_eq!(
        encoded(Dict::from([("b", 1), ("a", 2)])),
        r#"{"a":2,"b":1}"#
    );
}

#[test]
fn types_that_flask_refuses_are_written_as_lists_and_text() {
    assert_eq!(encoded(Value::Set(vec![1.into()])), "[1]");
    assert_eq!(encoded(jiff::civil::time(1, 2, 3, 0)), r#""01:02:03""#);
    assert_eq!(
        encoded(jiff::SignedDuration::from_secs(86_405)),
        r#""P1DT5S""#
    );
}

#[test]
fn tags_are_read_as_flask_reads_them() {
    // python -c 'from flask.json.tag import TaggedJSONSerializer as T; print(repr(T().loads(…)))'
    let tuple = |items: Vec<Value>| Value::Tuple(items);
    for (text, expected) in [
        (r#"{" t":[1]}"#, tuple(vec![1.into()])),
        (r#" {" t" : [ 1 ] } "#, tuple(vec![1.into()])),
        (r#"{"\u0020t":[1]}"#, tuple(vec![1.into()])),
        (r#"{" t":"ab"}"#, tuple(vec!["a".into(), "b".into()])),
        (r#"{" t":{"a":1}}"#, tuple(vec!["a".into()])),
        (r#"{" t":1," t":[2]}"#, tuple(vec![2.into()])),
        (
            r#"{" t":[1],"a":2}"#,
            Dict::from([(" t", Value::from([1])), ("a", 2.into())]).into(),
        ),
        (r#"{" b":"/+8="}"#, Value::Bytes(vec![0xff, 0xef])),
        (r#"{" b":"YQ==YQ=="}"#, Value::Bytes(vec![b'a'])),
        (r#"{" b":"Y!Q\n=="}"#, Value::Bytes(vec![b'a'])),
        (r#"{" m":5}"#, Value::Markup("5".into())),
        (r#"{" m":null}"#, Value::Markup("None".into())),
        (
            r#"{" u":"{urn:uuid:0000-0000000000000000000000000005}"}"#,
            uuid::Uuid::from_u128(5).into(),
        ),
        (r#"{" d":"nope"}"#, Value::Null),
        (r#"{" d":null}"#, Value::Null),
        (
            r#"{" d":"Thu, 01 Jan 1970 00:00:01 GMT"}"#,
            jiff::Timestamp::constant(1, 0).into(),
        ),
        (r#"{" di":{" t__":1}}"#, dict(" t", 1)),
        (r#"{" di":{"x":1}}"#, dict("", 1)),
        (r#"{" zz":1}"#, dict(" zz", 1)),
    ] {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_flask_fails_on_is_refused() {
    for text in [
        r#"{" t":5}"#,
        r#"{" t":null}"#,
        r#"{" b":"abc"}"#,
        r#"{" b":"_-8="}"#,
        r#"{" b":"é"}"#,
        r#"{" b":5}"#,
        r#"{" u":"123"}"#,
        r#"{" u":5}"#,
        r#"{" d":5}"#,
        r#"{" di":5}"#,
        r#"{" di":{}}"#,
        r#"{" di":{" t":1}}"#,
    ] {
        assert_eq!(read(text).unwrap_err().kind(), ErrorKind::Decode, "{text}");
    }
}

#[test]
fn json_is_read_as_python_reads_it() {
    assert_eq!(read("[1E400,-1e400,1e5,-0,-0.0]").unwrap(), {
        let infinite = f64::INFINITY;
        Value::List(vec![
            infinite.into(),
            (-infinite).into(),
            1e5.into(),
            0.into(),
            (-0.0).into(),
        ])
    });
    assert!(matches!(read("NaN").unwrap(), Value::Float(value) if value.is_nan()));
    assert_eq!(read("-Infinity").unwrap(), f64::NEG_INFINITY.into());
    assert_eq!(read(&"1".repeat(4300)).unwrap().type_name(), "int");
    assert_eq!(
        read(r#"{"a":1,"b":2,"a":3}"#).unwrap(),
        Dict::from([("a", 3), ("b", 2)]).into()
    );
    assert_eq!(read(r#""\ud83d\ude00\/""#).unwrap(), "😀/".into());
    assert_eq!(
        read(r#""\ud800""#).unwrap().as_text().unwrap().as_wtf8(),
        b"\xed\xa0\x80"
    );
    for bad in [
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "-NaN",
        "nan",
        "tru",
        "[1,]",
        r#"{"a":1,}"#,
        "\"\t\"",
        r#""\u12""#,
        r#""\x""#,
        r#""\u+123""#,
        "\u{b}1",
        "\u{a0}1",
        "",
        "[",
        "\"",
        "[1 2]",
        "{1:2}",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert!(read(&"1".repeat(4301)).is_err());
}
