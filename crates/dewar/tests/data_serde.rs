//! Values to and from the types of Rust programs, through serde.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};

use dewar::ErrorKind;
use dewar::data::{Decimal, Dict, Text, Value, from_value, from_value_ref, to_value};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Cart {
    owner: Option<String>,
    lines: Vec<Line>,
    discount: Discount,
    extra: Value,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line(String, u32);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Discount {
    None,
    Percent(u8),
    Voucher { code: String, cents: u64 },
    Pair(i8, i8),
}

#[test]
fn structs_and_enums_pass_through() {
    for discount in [
        Discount::None,
        Discount::Percent(5),
        Discount::Voucher {
            code: "X".into(),
            cents: 3,
        },
        Discount::Pair(-1, 1),
    ] {
        let cart = Cart {
            owner: None,
            lines: vec![Line("apple".into(), 3)],
            discount,
            extra: Value::Tuple(vec![Value::Markup("<b>".into())]),
        };
        let value = to_value(&cart).unwrap();
        assert_eq!(
            value.as_dict().unwrap().get("lines"),
            Some(&Value::from([Value::List(vec!["apple".into(), 3.into()])]))
        );
        assert_eq!(value.as_dict().unwrap().get("extra"), Some(&cart.extra));
        assert_eq!(from_value::<Cart>(value).unwrap(), cart);
    }
}

#[test]
fn pythons_types_read_as_the_types_that_programs_use() {
    let items = || vec![Value::from("info"), Value::from("hello")];
    for value in [
        Value::Tuple(items()),
        Value::List(items()),
        Value::Set(items()),
    ] {
        assert_eq!(
            from_value::<(String, String)>(value.clone()).unwrap(),
            ("info".into(), "hello".into())
        );
        assert_eq!(from_value::<Vec<String>>(value).unwrap(), ["info", "hello"]);
    }
    assert_eq!(
        from_value::<Vec<u8>>(Value::Bytes(vec![1, 2])).unwrap(),
        [1, 2]
    );
    assert_eq!(
        from_value::<String>(Value::Markup("<b>".into())).unwrap(),
        "<b>"
    );
    assert_eq!(from_value::<u64>(Value::from(u64::MAX)).unwrap(), u64::MAX);
    assert_eq!(
        from_value::<u128>(Value::from(u128::MAX)).unwrap(),
        u128::MAX
    );
    assert_eq!(
        from_value::<i128>(Value::from(i128::MIN)).unwrap(),
        i128::MIN
    );
    assert_eq!(from_value::<u8>(Value::Int(255)).unwrap(), 255);
    assert_eq!(from_value::<f64>(Value::Int(2)).unwrap(), 2.0);
    assert_eq!(from_value::<Option<bool>>(Value::Null).unwrap(), None);
    assert_eq!(
        from_value::<String>(Value::Decimal("1.50".parse().unwrap())).unwrap(),
        "1.50"
    );
    assert_eq!(
        from_value::<String>(Value::Uuid(uuid::Uuid::nil())).unwrap(),
        uuid::Uuid::nil().to_string()
    );
    let moment: jiff::Timestamp = "2020-01-02T03:04:05.5Z".parse().unwrap();
    let text: String = from_value(Value::DateTime(moment)).unwrap();
    assert_eq!(text.parse::<jiff::Timestamp>().unwrap(), moment);
    assert_eq!(
        from_value_ref::<&str>(&Value::from("borrowed")).unwrap(),
        "borrowed"
    );
}

#[test]
fn keys_that_are_no_text_become_text_and_read_back() {
    let counts = HashMap::from([(1_u64, "a"), (20, "b")]);
    let value = to_value(&counts).unwrap();
    assert_eq!(value, Value::from(Dict::from([("1", "a"), ("20", "b")])));
    assert_eq!(
        from_value_ref::<HashMap<u64, &str>>(&value).unwrap(),
        counts
    );

    let flags = BTreeMap::from([(true, 1)]);
    assert_eq!(
        from_value::<BTreeMap<bool, u8>>(to_value(&flags).unwrap()).unwrap(),
        flags
    );
    assert_eq!(
        to_value(&BTreeMap::from([(vec![1], 1)]))
            .unwrap_err()
            .kind(),
        ErrorKind::Value
    );
}

#[test]
fn an_error_names_the_types_and_never_the_value() {
    let secret = "hunter2";
    let dict = Value::from(Dict::from([(secret, secret)]));
    let errors = [
        from_value::<u64>(secret.into()).unwrap_err(),
        from_value::<u8>(Value::Int(777_777)).unwrap_err(),
        from_value::<Vec<u8>>(vec![777_777].into()).unwrap_err(),
        from_value::<bool>(Value::from(1_u128 << 127)).unwrap_err(),
        from_value::<Discount>(secret.into()).unwrap_err(),
        from_value::<Discount>(dict.clone()).unwrap_err(),
        from_value::<Cart>(dict.clone()).unwrap_err(),
        from_value::<std::net::IpAddr>(secret.into()).unwrap_err(),
        from_value::<(u8, u8)>(Value::from([777_777, 1, 2])).unwrap_err(),
        from_value::<HashMap<u8, u8>>(dict).unwrap_err(),
        from_value::<char>(secret.into()).unwrap_err(),
    ];
    for error in errors {
        let message = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::Value);
        assert!(
            !message.contains(secret) && !message.contains("777"),
            "{message}"
        );
        assert!(message.contains("cannot be read as"));
    }
}

#[test]
fn the_keys_of_a_dict_inside_of_a_value_keep_their_types() {
    let big = Value::from(1_i128 << 64);
    let keys = [
        1.into(),
        1.5.into(),
        1e16.into(),
        true.into(),
        Value::Null,
        big,
    ];
    let keys = keys.iter().map(|key| Text::of_key(key).unwrap());
    let dict: Dict = keys
        .chain([Text::from("1"), "true".into()])
        .map(|key| (key, 7))
        .collect();
    let value = Value::List(vec![dict.into()]);
    assert_eq!(to_value(&value).unwrap(), value);
    assert_eq!(from_value::<Value>(value.clone()).unwrap(), value);
    let json = serde_json::to_string(&value).unwrap();
    assert!(
        json.starts_with(r#"[{"1":7,"1.5":7,"1e+16":7,"true":7,"null":7,"1844"#),
        "{json}"
    );
}

#[test]
fn a_tuple_does_not_read_as_a_shorter_one() {
    assert!(from_value::<(u8,)>(Value::from([1, 2])).is_err());
    assert!(from_value::<(u8, u8, u8)>(Value::from([1, 2])).is_err());
}

#[test]
fn other_formats_see_plain_data() {
    let value = Value::from(Dict::from([
        (
            "tuple",
            Value::Tuple(vec![1.into(), Value::Set(vec!["a".into()])]),
        ),
        ("uuid", Value::Uuid(uuid::Uuid::nil())),
        (
            "decimal",
            Value::Decimal("1.50".parse::<Decimal>().unwrap()),
        ),
        ("big", Value::from(u64::MAX)),
    ]));
    let json = serde_json::json!({"tuple": [1, ["a"]], "uuid": uuid::Uuid::nil().to_string(), "decimal": "1.50", "big": u64::MAX});
    assert_eq!(serde_json::to_value(&value).unwrap(), json);

    let read: Value = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(
        read.as_dict().unwrap().get("big"),
        Some(&Value::from(u64::MAX))
    );
    assert_eq!(
        serde_json::from_str::<Dict>(&json.to_string())
            .unwrap()
            .len(),
        4
    );
    assert_eq!(serde_json::from_str::<Text>("\"a\"").unwrap(), *"a");
    assert_eq!(to_value(&json).unwrap(), read);
}

#[test]
fn untagged_and_flattened_types_read_pythons_types() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
        Many(Vec<Value>),
    }
    assert_eq!(
        from_value::<Either>(Value::Markup("x".into())).unwrap(),
        Either::Text("x".into())
    );
    assert_eq!(
        from_value::<Either>(Value::Int(1)).unwrap(),
        Either::Number(1)
    );
    assert_eq!(
        from_value::<Either>(Value::Tuple(vec![1.into()])).unwrap(),
        Either::Many(vec![1.into()])
    );

    #[derive(Deserialize)]
    struct Rest {
        #[serde(flatten)]
        rest: HashMap<String, Value>,
    }
    let rest: Rest = from_value(Dict::from([("a", 1)]).into()).unwrap();
    assert_eq!(rest.rest["a"], Value::Int(1));
}
