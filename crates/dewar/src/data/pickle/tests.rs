#![allow(clippy::unwrap_used)]

use super::*;
use crate::ErrorKind;
use crate::data::{Document, Format, MAX_DEPTH, Text};

/// Python's dict of every plain type; [`GOLDEN`] holds it in all protocols.
fn expected() -> Dict {
    let timestamp = |text: &str| Value::DateTime(text.parse().unwrap());
    let shared = Value::from(["shared"]);
    Dict::from([
        ("none", Value::Null),
        ("bool", Value::from([true, false])),
        (
            "int",
            Value::List(vec![
                0.into(),
                (-1).into(),
                65_536.into(),
                i64::MIN.into(),
                (1_i128 << 64).into(),
                (-(1_i128 << 100)).into(),
            ]),
        ),
        ("float", 1.5.into()),
        ("str", "aé€😀\n\\u0041".into()),
        (
            "lone",
            Value::Str(Text::from_wtf8(b"\xed\xa0\x80").unwrap()),
        ),
        ("bytes", Value::Bytes(vec![0, 0xff])),
        ("empty", Value::Bytes(Vec::new())),
        ("bytearray", Value::Bytes(vec![b'x', 0xff])),
        ("list", Value::List(vec![1.into(), Value::from([2])])),
        (
            "tuple",
            Value::Tuple(vec![
                1.into(),
                Value::Tuple(Vec::new()),
                Value::Tuple(vec![1.into(), 2.into(), 3.into(), 4.into()]),
            ]),
        ),
        ("dict", Dict::from([("a", Dict::from([("b", 1)]))]).into()),
        ("set", Value::Set(vec![1.into()])),
        ("frozenset", Value::Set(vec!["a".into()])),
        (
            "naive",
            Value::NaiveDateTime("2020-01-02T03:04:05.678901".parse().unwrap()),
        ),
        ("aware", timestamp("2020-01-02T03:04:05.678901Z")),
        ("offset", timestamp("2020-01-02T03:04:05-02:30")),
        ("named", timestamp("2020-01-02T00:00:00+01:00")),
        ("date", jiff::civil::date(2020, 1, 2).into()),
        ("time", jiff::civil::time(1, 2, 3, 4_000).into()),
        (
            "delta",
            jiff::SignedDuration::new(-86_394, -999_993_000).into(),
        ),
        ("uuid", uuid::Uuid::from_u128((1 << 127) + 5).into()),
        (
            "decimal",
            "-1.50".parse::<crate::data::Decimal>().unwrap().into(),
        ),
        ("markup", Value::Markup("<b>é".into())),
        ("ordered", Dict::from([("z", 1), ("a", 2)]).into()),
        ("default", Dict::from([("q", Value::from([1]))]).into()),
        (
            "keys",
            [
                (Value::Bool(true), "b"),
                (Value::Null, "c"),
                (Value::Float(1.5), "d"),
            ]
            .map(|(key, value)| (Text::of_key(&key).unwrap(), value))
            .into_iter()
            .collect::<Dict>()
            .into(),
        ),
        ("shared", Value::List(vec![shared.clone(), shared])),
    ])
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u32> = hexadecimal
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| (high << 4 | low) as u8)
        .collect()
}

#[test]
fn every_plain_type_is_read_in_every_protocol() {
    for line in include_str!("golden.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (protocol, hexadecimal) = line.split_once(' ').unwrap();
        assert_eq!(
            read(&bytes(hexadecimal)).unwrap(),
            expected(),
            "protocol {protocol}"
        );
    }
}

#[test]
fn golden_pickles_cut_short_or_changed_are_faults_or_values_but_never_panics() {
    for line in include_str!("golden.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let good = bytes(line.split_once(' ').unwrap().1);
        for position in (0..good.len()).step_by(7) {
            assert!(read(&good[..position]).is_err());
            for change in [1, 0x80, 0xff] {
                let mut changed = good.clone();
                changed[position] ^= change;
                let _ = read(&changed);
            }
        }
    }
}

fn written(dict: Dict) -> crate::Result<Vec<u8>> {
    Document::from(dict).encode(Format::Pickle)
}

#[test]
fn what_is_written_is_read_again() {
    let pickle = written(expected()).unwrap();
    assert_eq!(read(&pickle).unwrap(), expected());
    assert_eq!(written(Dict::new()).unwrap(), b"\x80\x04}.");
    let long = Dict::from([("long", "é".repeat(70_000)), ("middle", "é".repeat(200))]);
    assert_eq!(read(&written(long.clone()).unwrap()).unwrap(), long);
}

#[test]
fn a_set_within_a_set_is_a_frozenset() {
    // {'set': {frozenset(), (frozenset({1}),)}}
    let set = Value::Set(vec![
        Value::Set(Vec::new()),
        Value::Tuple(vec![Value::Set(vec![1.into()])]),
    ]);
    let dict = Dict::from([("set", set)]);
    let pickle = written(dict.clone()).unwrap();
    assert_eq!(
        pickle,
        b"\x80\x04}(\x8c\x03set\x8f((\x91(K\x01\x91\x85\x90u."
    );
    assert_eq!(read(&pickle).unwrap(), dict);
}

#[test]
fn what_python_could_not_read_again_is_not_written() {
    let set = |item: Value| Dict::from([("set", Value::Set(vec![item]))]);
    for item in [
        Value::List(Vec::new()),
        Dict::new().into(),
        Value::Tuple(vec![Value::List(Vec::new())]),
        Value::Set(vec![Value::List(Vec::new())]),
    ] {
        assert_eq!(written(set(item)).unwrap_err().kind(), ErrorKind::Value);
    }
    let early = Dict::from([("date", jiff::civil::date(-1, 1, 1))]);
    assert_eq!(written(early).unwrap_err().kind(), ErrorKind::Value);
    let long = Dict::from([("delta", jiff::SignedDuration::MAX)]);
    assert_eq!(written(long).unwrap_err().kind(), ErrorKind::Value);
    let mut deep = Value::Null;
    for _ in 0..crate::data::MAX_DEPTH {
        deep = Value::List(vec![deep]);
    }
    let error = written(Dict::from([("deep", deep)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
}

#[test]
fn counts_are_read_and_written() {
    for count in [0, 1, 255, 256, 65_535, 65_536, 1 << 40, -1] {
        assert_eq!(read_count(&write_count(count)), Some(count));
    }
    assert_eq!(read_count(b"\x80\x04}."), None);
    assert_eq!(read_count(b""), None);
}

#[test]
fn any_other_name_is_refused() {
    for pickle in [
        &b"cos\nsystem\n(S'true'\ntR."[..],
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"cbuiltins\ngetattr\n.",
        b"}(X\x01\0\0\0acdatetime\ntzinfo\n)Ru.",
        b"}(X\x01\0\0\0acdatetime\ndatetime\nu.",
        b"(S'true'\nios\nsystem\n.",
    ] {
        assert!(read(pickle).is_err());
    }
}

#[test]
fn what_contains_itself_is_refused() {
    // d = {}; d['d'] = d
    assert!(read(b"\x80\x04}\x94\x8c\x01d\x94h\x00s.").is_err());
    // l = []; l.append(l); {'l': l}
    assert!(read(b"\x80\x04}\x8c\x01l]\x94h\x00as.").is_err());
}

#[test]
fn sharing_again_and_again_is_refused_before_it_takes_memory() {
    // l = []; for _ in range(40): l = [l, l]
    let mut bomb = b"\x80\x04}\x8c\x01l]\x94".to_vec();
    for level in 0..40_u8 {
        bomb.extend_from_slice(&[b'0', b']', 0x94, b'h', level, b'a', b'h', level, b'a']);
    }
    bomb.extend_from_slice(b"s.");
    assert!(read(&bomb).is_err());
    // The same through sets, which are made at once.
    let mut bomb = b"}\x8c\x01l]\x94".to_vec();
    for level in 0..40_u8 {
        bomb.extend_from_slice(b"0cbuiltins\nset\n(]");
        bomb.extend_from_slice(&[b'h', level, b'a', b'h', level, b'a']);
        bomb.extend_from_slice(b"tR\x94");
    }
    bomb.extend_from_slice(b"s.");
    assert!(read(&bomb).is_err());
    // And with a dict in each set.
    let mut bomb = b"}\x8c\x01l]\x94".to_vec();
    for level in 0..20_u8 {
        bomb.extend_from_slice(b"0cbuiltins\nset\n(](}K\x01");
        bomb.extend_from_slice(&[b'h', level, b's', b'K', 2, b'h', level, b's', b'e']);
        bomb.extend_from_slice(b"tR\x94");
    }
    bomb.extend_from_slice(b"s.");
    assert!(read(&bomb).is_err());
    // One list is made into a set again and again.
    let mut bomb = b"}\x8c\x01l](cbuiltins\nset\n\x94".to_vec();
    bomb.extend_from_slice(b"](".as_slice());
    bomb.extend(std::iter::repeat_n(b'N', 10_000));
    bomb.extend_from_slice(b"e\x85\x94");
    for _ in 0..10_000 {
        bomb.extend_from_slice(b"h\x00h\x01R");
    }
    bomb.extend_from_slice(b"es.");
    assert!(read(&bomb).is_err());
}

#[test]
fn sets_in_sets_are_as_deep_as_other_containers_at_most() {
    let nested = |levels: usize| {
        let mut pickle = b"}\x8c\x01lcbuiltins\nfrozenset\n\x940".to_vec();
        pickle.extend(b"h\x00".repeat(levels));
        pickle.extend_from_slice(b")R");
        // frozenset((inner,))
        pickle.extend(b"\x85\x85R".repeat(levels - 1));
        pickle.extend_from_slice(b"s");
        // The longer a pickle is, the more values may it make.
        pickle.extend(b"B\x00\x00\x10\x00");
        pickle.extend(std::iter::repeat_n(0, 1 << 20));
        pickle.extend_from_slice(b"0.");
        read(&pickle)
    };
    assert!(nested(MAX_DEPTH - 1).is_ok());
    assert!(nested(MAX_DEPTH).is_err());
}

#[test]
fn lengths_and_integers_are_bounded() {
    for pickle in [
        // LONG4 of 100 MB that are not there, and of 2 KB that are.
        [&b"\x8b\x00\xe1\xf5\x05"[..], &[1; 8]].concat(),
        [&b"}\x8c\x01a\x8b\xd0\x07\x00\x00"[..], &[1; 2000], b"s."].concat(),
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"X\xff\xff\xff\xff".to_vec(),
        b"\x80\x09}.".to_vec(),
        [&b"}I1\nI"[..], &[b'1'; 5000], b"\ns."].concat(),
        b"0.".to_vec(),
        b"(0.".to_vec(),
        b"}(I1\nu.".to_vec(),
        b"e.".to_vec(),
        b"h\x00.".to_vec(),
        b"}r\xff\xff\xff\x03.".to_vec(),
        b"}p1000000000\n.".to_vec(),
        b"]. ".to_vec(),
    ] {
        assert!(read(&pickle).is_err());
    }
}
