#![allow(clippy::unwrap_used)]

use super::*;

fn parse(format: Format, bytes: &[u8]) -> Document {
    Document::parse(format, Bytes::copy_from_slice(bytes)).unwrap()
}

/// Reads and writes a document without touching it.
fn again(format: Format, text: &str) -> String {
    String::from_utf8(parse(format, text.as_bytes()).encode(format).unwrap()).unwrap()
}

#[test]
fn what_is_written_exactly_is_copied_and_anything_else_is_written_as_the_original_does() {
    // python -c 'from flask.json.tag import TaggedJSONSerializer as T; print(T().dumps(T().loads(…)))', with sorted keys as in Flask
    for (read, written) in [
        (r#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        (r#" { "a" : [ 1 , 2 ] } "#, r#"{"a":[1,2]}"#),
        (r#"{"a":{"c":1,"b":2}}"#, r#"{"a":{"b":2,"c":1}}"#),
        (r#"{"a":{"b":1,"b":2}}"#, r#"{"a":{"b":2}}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (
            r#"{"a":"é\/\u0041\u00E9\u000a"}"#,
            r#"{"a":"\u00e9/A\u00e9\n"}"#,
        ),
        ("{\"a\":\"\u{7f}\"}", r#"{"a":"\u007f"}"#),
        (r#"{"é":1}"#, r#"{"\u00e9":1}"#),
        (
            r#"{"a":1.50,"b":1E5,"c":1e16,"d":-0}"#,
            r#"{"a":1.5,"b":100000.0,"c":1e+16,"d":0}"#,
        ),
        (r#"{"a":1e400,"b":NaN}"#, r#"{"a":Infinity,"b":NaN}"#),
        (r#"{"a":{" t":[1.50]}}"#, r#"{"a":{" t":[1.5]}}"#),
        (r#"{" di":{" t__":1}}"#, r#"{" di":{" t__":1}}"#),
        (r#"{" t":1,"b":2}"#, r#"{" t":1,"b":2}"#),
    ] {
        assert_eq!(again(Format::TaggedJson, read), written);
        assert_eq!(again(Format::TaggedJson, written), written);
    }
    // python -c 'import msgspec; print(msgspec.json.encode(msgspec.json.decode(…)))'
    for (read, written) in [
        (
            r#"{"b":1, "a":{"d":1,"c":[ ]}}"#,
            r#"{"b":1,"a":{"d":1,"c":[]}}"#,
        ),
        (r#"{"a":{"b":1,"c":2,"b":3}}"#, r#"{"a":{"b":3,"c":2}}"#),
        (r#"{"a":"\u00e9\/\u000B"}"#, r#"{"a":"é/\u000b"}"#),
        (
            r#"{"a":1e-5,"b":1E16,"c":-0}"#,
            r#"{"a":0.00001,"b":1e16,"c":0}"#,
        ),
        (r#"{"a":{" t":[1]}}"#, r#"{"a":{" t":[1]}}"#),
    ] {
        assert_eq!(again(Format::Json, read), written);
        assert_eq!(again(Format::Json, written), written);
    }
}

#[test]
fn msgpack_in_longer_forms_is_written_in_the_shortest() {
    for (read, written) in [
        (&b"\xde\x00\x01\xa1a\xcd\x00\x05"[..], &b"\x81\xa1a\x05"[..]),
        (
            b"\x81\xd9\x01a\xca\x3f\x80\0\0",
            b"\x81\xa1a\xcb\x3f\xf0\0\0\0\0\0\0",
        ),
        (
            b"\x81\xa1a\x82\xa1b\x01\xa1b\x02",
            b"\x81\xa1a\x81\xa1b\x02",
        ),
        (
            b"\x81\xa1a\xc7\x04\xff\0\0\0\x01",
            b"\x81\xa1a\xd6\xff\0\0\0\x01",
        ),
    ] {
        assert_eq!(
            parse(Format::Msgpack, read)
                .encode(Format::Msgpack)
                .unwrap(),
            written
        );
    }
}

#[test]
fn keys_that_are_not_text_survive_where_their_entry_is_not_changed() {
    // {"cart": {1: 2}, 7: "x"}
    let bytes = b"\x82\xa4cart\x81\x01\x02\x07\xa1x";
    let mut document = parse(Format::Msgpack, bytes);
    assert_eq!(document.encode(Format::Msgpack).unwrap(), bytes);
    assert_eq!(document.get("7").as_deref(), Some(&Value::from("x")));

    document.insert("new".into(), Value::Null);
    assert_eq!(
        document.encode(Format::Msgpack).unwrap(),
        b"\x83\xa4cart\x81\x01\x02\x07\xa1x\xa3new\xc0"
    );
}

#[test]
fn a_moment_that_a_timestamp_cannot_hold_is_copied() {
    let bytes = b"\x81\xa1a\xc7\x0c\xff\x3b\x9a\xc6\x18\0\0\0\x3a\xff\xf4\x41\x7f";
    let document = parse(Format::Msgpack, bytes);
    assert_eq!(document.get("a").unwrap().type_name(), "datetime");
    assert_eq!(document.encode(Format::Msgpack).unwrap(), bytes);
}

#[test]
fn detection_reads_every_format_and_the_error_tells_of_all() {
    let json = Document::detect(Format::Msgpack, Bytes::from_static(br#"{"a":1}"#)).unwrap();
    let msgpack = Document::detect(Format::Json, Bytes::from_static(b"\x81\xa1a\x01")).unwrap();
    let pickle =
        Document::detect(Format::Msgpack, Bytes::from_static(b"(dp0\nVa\np1\nI1\ns.")).unwrap();
    for document in [json, msgpack, pickle] {
        assert_eq!(document.to_dict(), Dict::from([("a", 1)]));
    }
    let error = Document::detect(Format::Msgpack, Bytes::from_static(b"secret")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn changes_and_copied_entries_are_written_together() {
    let mut document = parse(Format::TaggedJson, br#"{"b":[1,2],"c":3}"#);
    document.insert("a".into(), Value::Null);
    assert_eq!(document.remove("c"), Some(Value::Int(3)));
    assert_eq!(document.remove("c"), None);
    assert_eq!(
        document.encode(Format::TaggedJson).unwrap(),
        br#"{"a":null,"b":[1,2]}"#
    );
    assert_eq!(
        document.encode(Format::Json).unwrap(),
        br#"{"b":[1,2],"a":null}"#
    );

    document.clear();
    assert!(document.is_empty());
    assert_eq!(document.encode(Format::Msgpack).unwrap(), b"\x80");
}

#[test]
fn debug_shows_neither_keys_nor_values() {
    let document = parse(Format::Json, br#"{"key":"value"}"#);
    assert_eq!(format!("{document:?}"), "Document { len: 1, .. }");
}

#[test]
fn documents_are_compared_by_bytes_and_by_value() {
    let left = parse(Format::Json, br#"{"a":1.0,"b":2,"c":3}"#);
    let right = parse(Format::Json, br#"{"a":1e0,"b":2,"c":4}"#);
    assert!(
        left.same(&right, &"a".into())
            && left.same(&right, &"b".into())
            && left.same(&right, &"d".into())
    );
    assert!(!left.same(&right, &"c".into()) && !left.same(&Document::new(), &"a".into()));
}

#[test]
fn only_dicts_are_sessions() {
    for (format, bytes) in [
        (Format::TaggedJson, &b"[]"[..]),
        (Format::TaggedJson, br#"{" t":[1]}"#),
        (Format::TaggedJson, b"{} x"),
        (Format::TaggedJson, b"{\"a\":\"\xff\"}"),
        (Format::Json, b"null"),
        (Format::Json, br#"{"a":NaN}"#),
        (Format::Json, br#"{"a":1e400}"#),
        (Format::Json, br#"{"a":"\ud800"}"#),
        (Format::Json, br#"{"a":"\ude00"}"#),
        (Format::Msgpack, b"\x90"),
        (Format::Msgpack, b"\x80\x00"),
    ] {
        let error = Document::parse(format, Bytes::from_static(bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
}

#[test]
fn thousands_of_keys_are_read_and_found() {
    let text: Vec<String> = (0..10_000)
        .map(|number| format!("\"key{}\":{number}", 10_000 - number))
        .collect();
    let document = parse(Format::Json, format!("{{{}}}", text.join(",")).as_bytes());
    assert_eq!(document.get("key10000").as_deref(), Some(&Value::Int(0)));
    assert_eq!(document.len(), 10_000);
}
