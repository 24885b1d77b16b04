//! Where values come from, which one wins, and that no secret among them is ever shown.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;

use dewar::config::{Config, Environment, Interface, KEYS, Origin, Setting};
use dewar::signing::Keyring;
use proptest::prelude::*;
use serde_json::json;

fn from<const N: usize>(variables: [(&str, &str); N]) -> Config {
    Config::new().environment(Environment::of(variables))
}

fn keys(config: &Config) -> Keyring {
    match config.settings().unwrap().settings.interface {
        Interface::SignedCookie(signed) => signed.keys,
        other => panic!("{other:?}"),
    }
}

fn codes(config: &Config) -> Vec<&'static str> {
    config
        .check()
        .problems
        .iter()
        .map(|problem| problem.code.as_str())
        .collect()
}

fn floats(value: f64) -> Setting {
    Setting::Float(value)
}

/// Each row was produced by `flask.Config.from_prefixed_env` of Flask 3.1.3 on CPython 3.11.
#[test]
fn variables_are_parsed_as_flask_parses_them() {
    let table = |items: &[(&str, Setting)]| {
        Setting::Table(
            items
                .iter()
                .map(|(key, value)| ((*key).into(), value.clone()))
                .collect(),
        )
    };
    let rows: Vec<(&str, Setting)> = vec![
        ("abc", "abc".into()),
        ("123", 123.into()),
        ("-5", (-5).into()),
        ("1.5", floats(1.5)),
        ("1e3", floats(1000.0)),
        ("true", true.into()),
        ("True", "True".into()),
        ("FALSE", "FALSE".into()),
        ("None", "None".into()),
        ("\"abc\"", "abc".into()),
        ("[1,2]", [1, 2].into()),
        ("[\"a\"]", ["a"].into()),
        ("{\"a\": 1}", table(&[("a", 1.into())])),
        ("{\"a\":1,\"a\":2}", table(&[("a", 2.into())])),
        (
            "[[1],{\"b\":[true,null]}]",
            Setting::List(vec![
                [1].into(),
                table(&[("b", Setting::List(vec![true.into(), Setting::Null]))]),
            ]),
        ),
        ("", "".into()),
        (" 12 ", 12.into()),
        ("\t[1]\n", [1].into()),
        ("true ", true.into()),
        ("\u{a0}12", "\u{a0}12".into()),
        ("\u{feff}1", "\u{feff}1".into()),
        ("Infinity", floats(f64::INFINITY)),
        (" -Infinity", floats(f64::NEG_INFINITY)),
        ("007", "007".into()),
        ("0600", "0600".into()),
        ("0x10", "0x10".into()),
        ("1_000", "1_000".into()),
        ("1.", "1.".into()),
        (".5", ".5".into()),
        ("+1", "+1".into()),
        ("-", "-".into()),
        ("\"a", "\"a".into()),
        ("\"a\" \"b\"", "\"a\" \"b\"".into()),
        ("\"\t\"", "\"\t\"".into()),
        ("\"\\u00e9\"", "é".into()),
        ("[1,]", "[1,]".into()),
        ("'a'", "'a'".into()),
        ("nulll", "nulll".into()),
        ("9223372036854775807", i64::MAX.into()),
    ];
    for (text, expected) in rows {
        let config = from([("FLASK_SESSION_REDIS", text)]);
        assert!(
            config.get("SESSION_REDIS") == Some(&expected),
            "{text:?}: {config:?}"
        );
    }
    let nan = from([("FLASK_SESSION_REDIS", "NaN")]);
    assert!(matches!(nan.get("SESSION_REDIS"), Some(Setting::Float(value)) if value.is_nan()));
    assert_eq!(
        from([("FLASK_SESSION_REDIS", "null")]).get("SESSION_REDIS"),
        None
    );
}

#[test]
fn nested_variables_make_tables() {
    let config = from([
        ("FLASK_SESSION_REDIS__a", "1"),
        ("FLASK_SESSION_REDIS__b__c", "x"),
    ]);
    let inner = Setting::Table(BTreeMap::from([("c".into(), "x".into())]));
    let expected = Setting::Table(BTreeMap::from([
        ("a".into(), 1.into()),
        ("b".into(), inner),
    ]));
    assert_eq!(config.get("SESSION_REDIS"), Some(&expected));
    let deep = format!("FLASK_SESSION_REDIS{}", "__a".repeat(30_000));
    drop(from([(deep.as_str(), "1")]));
}

#[test]
fn a_type_of_null_in_the_environment_means_null() {
    let config = from([
        ("FLASK_SESSION_TYPE", "null"),
        ("FLASK_SECRET_KEY", "long enough for a test"),
    ]);
    let interface = config.settings().unwrap().settings.interface;
    assert!(matches!(interface, Interface::Null { .. }));
}

#[test]
fn what_is_set_later_wins_whatever_it_is() {
    let environment = || Environment::of([("FLASK_SESSION_COOKIE_NAME", "environment")]);
    let file = || json!({ "SESSION_COOKIE_NAME": "file" });
    let name = |config: Config| match config.get("SESSION_COOKIE_NAME") {
        Some(Setting::Text(name)) => name.clone(),
        other => panic!("{other:?}"),
    };
    let code = "SESSION_COOKIE_NAME";
    assert_eq!(
        name(
            Config::new()
                .merge("f", file())
                .environment(environment())
                .set(code, "code")
        ),
        "code"
    );
    assert_eq!(
        name(
            Config::new()
                .set(code, "code")
                .merge("f", file())
                .environment(environment())
        ),
        "environment"
    );
    assert_eq!(
        name(
            Config::new()
                .environment(environment())
                .set(code, "code")
                .merge("f", file())
        ),
        "file"
    );
    let back = Config::new().merge("f", file()).set(code, Setting::Null);
    assert_eq!(back.get(code), None);
}

#[test]
fn every_value_knows_its_origin() {
    let environment = Environment::of([("SHOP_SESSION_TYPE", "memory")]).with_prefix("SHOP");
    let file = json!({ "SESSION_ID_LENGTH": 32 });
    let config = Config::new().environment(environment).merge("a.toml", file);
    let line = line!() + 1;
    let config = config.set("SESSION_COOKIE_NAME", "id");

    assert_eq!(
        config.origin("SESSION_TYPE").to_string(),
        "environment variable SHOP_SESSION_TYPE"
    );
    assert_eq!(config.origin("SESSION_ID_LENGTH").to_string(), "a.toml");
    assert_eq!(
        config.origin("SESSION_COOKIE_NAME").to_string(),
        format!("{}:{line}", file!())
    );
    assert_eq!(*config.origin("SECRET_KEY"), Origin::Default);
}

#[test]
fn plain_names_are_read_only_on_request_and_lose_to_the_prefix() {
    let variables = [
        ("SECRET_KEY", "9f3c1e77a05bd2846cf01b9de35a7482"),
        ("SESSION_COOKIE_NAME", "plain"),
        ("FLASK_SESSION_COOKIE_NAME", "prefixed"),
        ("SESSION_MANAGER", "local/host:@/tmp/.ICE-unix/1"),
        ("SESSION_TPYE", "memory"),
    ];
    let without = Config::new().environment(Environment::of(variables));
    assert_eq!(without.keys().collect::<Vec<_>>(), ["SESSION_COOKIE_NAME"]);
    let with = Config::new().environment(Environment::of(variables).with_plain_names());
    assert_eq!(
        with.keys().collect::<Vec<_>>(),
        ["SECRET_KEY", "SESSION_COOKIE_NAME", "SESSION_TPYE"]
    );
    assert_eq!(with.get("SESSION_COOKIE_NAME"), Some(&"prefixed".into()));
    assert_eq!(codes(&with), ["DW0101"]);
}

#[test]
fn where_sessions_live_nowhere_variables_without_the_prefix_are_named() {
    let said = |config: Config| {
        let report = config.check();
        assert_eq!(report.problems.len(), 1, "{report}");
        report.to_string()
    };
    let plain = from([
        ("SECRET_KEY", "hunter2"),
        ("SESSION_COOKIE_NAME", "hunter2"),
        ("SESSION_MANAGER", "hunter2"),
        ("SESSION_TYPE", "hunter2"),
    ]);
    let report = said(plain);
    for name in ["SECRET_KEY", "SESSION_TYPE", "SESSION_COOKIE_NAME"] {
        let expected =
            format!("the environment variable {name} is there, but only FLASK_{name} is read");
        assert!(report.contains(&expected), "{report}");
    }
    assert!(
        report.contains("fix: write FLASK_SECRET_KEY and FLASK_SESSION_TYPE and"),
        "{report}"
    );
    assert!(
        !report.contains("hunter2") && !report.contains("MANAGER"),
        "{report}"
    );

    let shop = Environment::of([("SECRET_KEY_FILE", "/k")]).with_prefix("SHOP");
    let report = said(Config::new().environment(shop));
    assert!(
        report.contains("only SHOP_SECRET_KEY_FILE is read"),
        "{report}"
    );
    let found = from([("SESSION_TYPE", "redis"), ("FLASK_SESSION_TYPE", "memory")]);
    assert!(found.check().problems.is_empty());
}

#[cfg(feature = "files")]
#[test]
fn a_dotenv_file_without_the_prefix_is_named_with_its_line() {
    use dewar::config::ConfigFile;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, "A=1\nSESSION_TYPE=memory\n").unwrap();
    let nothing = Environment::of([("", ""); 0]);
    let report = Config::new()
        .file(ConfigFile::at(&path).environment(nothing))
        .check();
    let expected = format!(
        "SESSION_TYPE is there ({}:2), but only FLASK_SESSION_TYPE is read",
        path.display()
    );
    assert!(report.to_string().contains(&expected), "{report}");
}

#[test]
fn a_secret_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (content, key) in [
        (&b"a key of a file\n"[..], &b"a key of a file"[..]),
        (b"a key of a file\r\n", b"a key of a file"),
        (b"a key of a file\n\n", b"a key of a file\n"),
        (b" spaces are part of it ", b" spaces are part of it "),
        (b"1234567890123456", b"1234567890123456"),
        (
            b"bytes \xff\xfe that are no text",
            b"bytes \xff\xfe that are no text",
        ),
    ] {
        let file = path("key", content);
        let config = from([("FLASK_SECRET_KEY_FILE", &file)]);
        assert_eq!(keys(&config), Keyring::new(key));
        assert!(
            config
                .origin("SECRET_KEY")
                .to_string()
                .contains("FLASK_SECRET_KEY_FILE")
        );
    }
    let fallbacks = path("old", b"the first\nthe second\n");
    let config = from([
        ("FLASK_SECRET_KEY", "9f3c1e77a05bd2846cf01b9de35a7482"),
        ("FLASK_SECRET_KEY_FALLBACKS_FILE", &fallbacks),
    ]);
    assert_eq!(
        keys(&config),
        Keyring::new("9f3c1e77a05bd2846cf01b9de35a7482")
            .with_fallbacks(["the first", "the second"])
    );
}

#[test]
fn a_secret_file_that_cannot_be_used_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let config = from([
        ("FLASK_SECRET_KEY_FILE", missing.to_str().unwrap()),
        ("FLASK_SESSION_TYPE", "memory"),
    ]);
    assert_eq!(codes(&config), ["DW0001"]);
    let endless = from([
        ("FLASK_SECRET_KEY_FILE", "/dev/zero"),
        ("FLASK_SESSION_TYPE", "memory"),
    ]);
    assert_eq!(codes(&endless), ["DW0001"]);
    let twice = from([
        ("FLASK_SECRET_KEY_FILE", "/dev/null"),
        ("FLASK_SECRET_KEY", "9f3c1e77a05bd2846cf01b9de35a7482"),
    ]);
    assert_eq!(codes(&twice), ["DW0002"]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_an_error_only_where_it_matters() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let raw = || OsString::from_vec(vec![0xff, 0xfe]);
    let variables = [
        (OsString::from("FLASK_SECRET_KEY"), raw()),
        (OsString::from("LS_COLORS"), raw()),
        (raw(), raw()),
    ];
    let config = Config::new()
        .session_type("memory")
        .environment(Environment::of(variables));
    assert_eq!(codes(&config), ["DW0004"]);
}

#[test]
fn a_configuration_is_deserialized() {
    let text = r#"{ "SESSION_TYPE": "memory", "SESSION_COOKIE_SECURE": true, "SESSION_ID_LENGTH": 24, "DEBUG": [1.5, null] }"#;
    let config: Config = serde_json::from_str(text).unwrap();
    assert_eq!(
        config.keys().collect::<Vec<_>>(),
        ["SESSION_COOKIE_SECURE", "SESSION_ID_LENGTH", "SESSION_TYPE"]
    );
    assert!(config.settings().unwrap().settings.cookie.secure);
}

const MARKER: &str = "Xq7MARKERq7X";

fn all_output(config: &Config) -> String {
    let settings = match config.settings() {
        Ok(checked) => format!("{checked:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    format!(
        "{config:?} {config:#?} {} {:?} {settings}",
        config.check(),
        config.check()
    )
}

fn with_marker() -> impl Strategy<Value = Setting> {
    let text = "[a-z]{0,20}".prop_map(|rest| format!("{MARKER}{rest}"));
    prop_oneof![
        text.clone().prop_map(Setting::Text),
        text.clone()
            .prop_map(|text| Setting::Bytes(text.into_bytes())),
        text.clone()
            .prop_map(|text| Setting::from([text.as_str(), "", MARKER])),
        text.clone()
            .prop_map(|text| Setting::List(vec![Setting::from([text])])),
        text.prop_map(|text| Setting::Table(BTreeMap::from([(text, Setting::from(MARKER))]))),
    ]
}

proptest! {
    /// Every secret, and every value whose key is unknown, is a marker, alone and together, with other settings wrong.
    #[test]
    fn no_secret_is_ever_shown(
        value in with_marker(),
        present in proptest::collection::vec(any::<bool>(), KEYS.len()),
        kind in proptest::sample::select(vec!["", "cookie", "memory", "redis", "memcache"]),
        signer in any::<bool>(),
    ) {
        let mut config = Config::new().set("SESSION_USE_SIGNER", signer);
        if !kind.is_empty() {
            config = config.session_type(kind);
        }
        for (key, present) in KEYS.iter().zip(present) {
            if key.is_secret() && present {
                config = config.set(key.name, value.clone());
            }
        }
        for misspelt in ["SECRET_KEYS", "SECRETKEY", "secret_key", "SESSION_SECRET"] {
            config = config.set(misspelt, value.clone());
        }
        let output = all_output(&config);
        prop_assert!(!output.contains(MARKER), "{output}");
        let bytes = format!("{:?}", MARKER.as_bytes());
        prop_assert!(!output.contains(&bytes[1..bytes.len() - 1]));
    }

    /// Any value under any key gives a report, never a panic.
    #[test]
    fn any_environment_is_checked_without_a_panic(
        values in proptest::collection::vec((0..KEYS.len(), "\\PC{0,40}"), 0..8),
        name in "[A-Z_]{0,80}",
    ) {
        let known = values.iter().map(|(at, value)| (format!("FLASK_{}", KEYS[*at].name), value.clone()));
        let unknown = std::iter::once((format!("FLASK_SESSION_{name}"), "1".to_owned()));
        let config = Config::new().environment(Environment::of(known.chain(unknown)));
        all_output(&config);
    }
}
