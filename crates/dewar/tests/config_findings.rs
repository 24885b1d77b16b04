//! Broken configurations, each with exactly the findings that it must have.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use dewar::ErrorKind;
use dewar::config::{Code, Config, Severity, Stage};
use serde_json::{Value, json};

const KEY: &str = "0f3a9c5e7b1d2468ace013579bdf0246";
const OLD_KEY: &str = "5d7c02b9e4a81f6370c6d2b58e19f4a3";

/// A configuration by name, with its errors and its warnings.
struct Row(
    &'static str,
    Value,
    &'static [&'static str],
    &'static [&'static str],
);

/// `base` and `more` in one table.
fn with(base: Value, more: Value) -> Value {
    let mut all = base;
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    all
}

fn key(more: Value) -> Value {
    with(json!({ "SECRET_KEY": KEY }), more)
}

fn memory(more: Value) -> Value {
    with(json!({ "SESSION_TYPE": "memory" }), more)
}

fn files(more: Value) -> Value {
    with(json!({ "SESSION_TYPE": "filesystem" }), more)
}

fn rows() -> Vec<Row> {
    [
        sound(),
        values(),
        secrets(),
        cookies(),
        lifetimes_and_stores(),
        domains(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Nothing wrong: no finding may appear.
#[rustfmt::skip]
fn sound() -> Vec<Row> {
    vec![
        Row("a key is enough", key(json!({})), &[], &[]),
        Row("a store needs no key", memory(json!({})), &[], &[]),
        Row("the type in any case", json!({ "SESSION_TYPE": "FileSystem" }), &[], &[]),
        Row("null on purpose", json!({ "SESSION_TYPE": "null" }), &[], &[]),
        Row("null takes a value back", key(json!({ "SESSION_COOKIE_NAME": null })), &[], &[]),
        Row("Lax in small letters", key(json!({ "SESSION_COOKIE_SAMESITE": "lax" })), &[], &[]),
        Row("a leading dot", key(json!({ "SESSION_COOKIE_DOMAIN": ".example.org" })), &[], &[]),
        Row("no domain, the old way", key(json!({ "SESSION_COOKIE_DOMAIN": false })), &[], &[]),
        Row("the file threshold", files(json!({ "SESSION_FILE_THRESHOLD": 1000 })), &[], &[]),
        Row("another store's keys", json!({ "SESSION_TYPE": "redis", "SESSION_REDIS": "redis://localhost" }), &[], &[]),
        Row("a short key that signs nothing", memory(json!({ "SECRET_KEY": "dev" })), &[], &[]),
        Row("an http cookie as it must be", key(json!({ "SESSION_COOKIE_NAME": "__Http-id", "SESSION_COOKIE_SECURE": true })), &[], &[]),
        Row("a host cookie as it must be", key(json!({ "SESSION_COOKIE_NAME": "__Host-id", "SESSION_COOKIE_SECURE": true })), &[], &[]),
        Row("absolute as long as idle", key(json!({ "PERMANENT_SESSION_LIFETIME": "1h", "SESSION_ABSOLUTE_LIFETIME": "1h" })), &[], &[]),
        Row("keys of others", key(json!({ "DEBUG": true, "SQLALCHEMY_DATABASE_URI": "sqlite://" })), &[], &[]),
    ]
}

#[rustfmt::skip]
fn values() -> Vec<Row> {
    vec![
        Row("misspelt session key", key(json!({ "SESSION_COOKIE_SECUR": true })), &[], &["DW0101"]),
        Row("misspelt secret key", json!({ "SECRETKEY": KEY }), &[], &["DW0101", "DW0201"]),
        Row("lower case key", key(json!({ "session_cookie_name": "id" })), &[], &["DW0101"]),
        Row("key of nobody", key(json!({ "SESSION_QUUX": 1 })), &[], &["DW0101"]),
        Row("secret as a number", json!({ "SECRET_KEY": 1234 }), &["DW0102"], &[]),
        Row("fallbacks as a text", key(json!({ "SECRET_KEY_FALLBACKS": "old" })), &["DW0102"], &[]),
        Row("fallbacks with a number", key(json!({ "SECRET_KEY_FALLBACKS": [1] })), &["DW0102"], &[]),
        Row("boolean as a word", key(json!({ "SESSION_COOKIE_SECURE": "maybe" })), &["DW0102"], &[]),
        Row("one mistake, one finding", key(json!({ "SESSION_COOKIE_SECURE": "maybe", "SESSION_COOKIE_SAMESITE": "None" })), &["DW0102"], &[]),
        Row("cookie name as a number", key(json!({ "SESSION_COOKIE_NAME": 7 })), &["DW0102"], &[]),
        Row("number as a word", key(json!({ "MAX_COOKIE_SIZE": "big" })), &["DW0102"], &[]),
        Row("lifetime as a list", key(json!({ "PERMANENT_SESSION_LIFETIME": [31] })), &["DW0102"], &[]),
        Row("type as a number", json!({ "SESSION_TYPE": 1 }), &["DW0102"], &[]),
        Row("another store's text", json!({ "SESSION_TYPE": "mongodb", "SESSION_MONGODB_DB": 1 }), &["DW0102"], &[]),
        Row("folder as a URL", key(json!({ "SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": "redis://cache/0" })), &["DW0102"], &[]),
        Row("cachelib's folder as a URL", key(json!({ "SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "redis://cache/0" })), &["DW0102"], &[]),
        Row("memcache", json!({ "SESSION_TYPE": "memcache" }), &["DW0103"], &[]),
        Row("type of nobody", json!({ "SESSION_TYPE": "floppy", "SESSION_FILE_DIR": "/a" }), &["DW0103"], &[]),
        Row("a misspelt type hides nothing", json!({ "SESSION_TYPE": "rediss", "SESSION_ID_LENGTH": 4, "SESSION_USE_SIGNER": true }), &["DW0103", "DW0202", "DW0501"], &[]),
        Row("empty type", json!({ "SESSION_TYPE": "" }), &["DW0103"], &[]),
        Row("pickle", memory(json!({ "SESSION_SERIALIZATION_FORMAT": "pickle" })), &["DW0103"], &[]),
        Row("SameSite of nobody", key(json!({ "SESSION_COOKIE_SAMESITE": "Loose" })), &["DW0103"], &[]),
        Row("md5", key(json!({ "SESSION_SIGNING_DIGEST": "md5" })), &["DW0103"], &[]),
        Row("derivation of nobody", key(json!({ "SESSION_SIGNING_KEY_DERIVATION": "pbkdf2" })), &["DW0103"], &[]),
        Row("failure policy of nobody", memory(json!({ "SESSION_ON_STORE_FAILURE": "ignore" })), &["DW0103"], &[]),
        Row("a month", key(json!({ "PERMANENT_SESSION_LIFETIME": "P1M" })), &["DW0104"], &[]),
        Row("a lifetime in words", key(json!({ "PERMANENT_SESSION_LIFETIME": "a while" })), &["DW0104"], &[]),
        Row("an empty lifetime", key(json!({ "SESSION_ABSOLUTE_LIFETIME": "" })), &["DW0104"], &[]),
        Row("negative cookie size", key(json!({ "MAX_COOKIE_SIZE": -1 })), &["DW0105"], &[]),
        Row("no room in memory", memory(json!({ "SESSION_MEMORY_CAPACITY": 0 })), &["DW0105"], &[]),
        Row("negative cache", memory(json!({ "SESSION_CACHE_FOR": -1 })), &["DW0105"], &[]),
        Row("negative refresh", key(json!({ "SESSION_REFRESH_AFTER": -1 })), &["DW0105"], &[]),
        Row("a store's setting with cookies", key(json!({ "SESSION_KEY_PREFIX": "a:" })), &[], &["DW0106"]),
        Row("the type was forgotten", key(json!({ "SESSION_REDIS": "redis://localhost" })), &[], &["DW0106"]),
        Row("another store's setting", memory(json!({ "SESSION_FILE_DIR": "/tmp/x" })), &[], &["DW0106"]),
        Row("a cookie's setting with a store", memory(json!({ "SESSION_SIGNING_SALT": "s" })), &[], &["DW0106"]),
    ]
}

#[rustfmt::skip]
fn secrets() -> Vec<Row> {
    vec![
        Row("nothing at all", json!({}), &[], &["DW0201"]),
        Row("fallbacks without a key", json!({ "SECRET_KEY_FALLBACKS": ["old"] }), &[], &["DW0201"]),
        Row("cookie without a key", json!({ "SESSION_TYPE": "cookie" }), &["DW0202"], &[]),
        Row("signer without a key", memory(json!({ "SESSION_USE_SIGNER": true })), &["DW0202"], &[]),
        Row("empty key", json!({ "SECRET_KEY": "" }), &["DW0203"], &[]),
        Row("empty key and empty fallback", json!({ "SECRET_KEY": "", "SECRET_KEY_FALLBACKS": [""] }), &["DW0203", "DW0205"], &[]),
        Row("short key", json!({ "SECRET_KEY": "q7Zx" }), &[], &["DW0204"]),
        Row("short key of a signer", memory(json!({ "SESSION_USE_SIGNER": true, "SECRET_KEY": "q7Zx" })), &[], &["DW0204"]),
        Row("short fallback", key(json!({ "SECRET_KEY_FALLBACKS": [OLD_KEY, "q7Zx", "q7Zy"] })), &[], &["DW0204"]),
        Row("key of a tutorial", json!({ "SECRET_KEY": "dev" }), &[], &["DW0208"]),
        Row("key of the documentation", json!({ "SECRET_KEY": "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf" }), &[], &["DW0208"]),
        Row("key of a tutorial that signs ids", memory(json!({ "SESSION_USE_SIGNER": true, "SECRET_KEY": "super secret key" })), &[], &["DW0208"]),
        Row("a long key that asks to be changed", json!({ "SECRET_KEY": "your-secret-key-here-change-in-production" }), &[], &["DW0208"]),
        Row("the hash of a word", json!({ "SECRET_KEY": "5f4dcc3b5aa765d61d8327deb882cf99" }), &[], &["DW0208"]),
        Row("fallback of a tutorial", key(json!({ "SECRET_KEY_FALLBACKS": ["change-me"] })), &[], &["DW0208"]),
        Row("a long key of words", json!({ "SECRET_KEY": "our company name 2024" }), &[], &["DW0207"]),
        Row("a key that repeats", json!({ "SECRET_KEY": "abcabcabcabcabcabcabcabcabcabcabc" }), &[], &["DW0207"]),
        Row("a fallback that repeats", key(json!({ "SECRET_KEY_FALLBACKS": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] })), &[], &["DW0207"]),
        Row("a key with a line's end", json!({ "SECRET_KEY": format!("{KEY}\n") }), &[], &["DW0210"]),
        Row("a key with a carriage return", json!({ "SECRET_KEY": format!("{KEY}\r\n") }), &[], &["DW0210"]),
        Row("a key in quotes", json!({ "SECRET_KEY": format!("'{KEY}'") }), &[], &["DW0210"]),
        Row("a key in double quotes", json!({ "SECRET_KEY": format!("\"{KEY}\"") }), &[], &["DW0210"]),
        Row("a key with quotes in it", json!({ "SECRET_KEY": format!("{KEY}'\"") }), &[], &[]),
        Row("a fallback in quotes", key(json!({ "SECRET_KEY_FALLBACKS": [format!("\"{OLD_KEY}\"")] })), &[], &[]),
        Row("a key of random bytes that look like a line", json!({ "SECRET_KEY": "\u{1}8\u{7f}q\u{2}Zx9\u{5}fLw\u{3}P7kBcVh4\u{6}tG\n" }), &[], &[]),
        Row("empty fallback", key(json!({ "SECRET_KEY_FALLBACKS": [OLD_KEY, ""] })), &["DW0205"], &[]),
        Row("key among its fallbacks", key(json!({ "SECRET_KEY_FALLBACKS": [KEY] })), &[], &["DW0206"]),
    ]
}

#[rustfmt::skip]
fn cookies() -> Vec<Row> {
    vec![
        Row("name with a space", key(json!({ "SESSION_COOKIE_NAME": "my session" })), &["DW0301"], &[]),
        Row("name with an equals sign", key(json!({ "SESSION_COOKIE_NAME": "a=b" })), &["DW0301"], &[]),
        Row("empty name", key(json!({ "SESSION_COOKIE_NAME": "" })), &["DW0301"], &[]),
        Row("domain with scheme", key(json!({ "SESSION_COOKIE_DOMAIN": "https://example.org" })), &["DW0302"], &[]),
        Row("domain with port", key(json!({ "SESSION_COOKIE_DOMAIN": "example.org:8000" })), &[], &[]),
        Row("domain with a port that is none", key(json!({ "SESSION_COOKIE_DOMAIN": "example.org:http" })), &["DW0302"], &[]),
        Row("domain with path", key(json!({ "SESSION_COOKIE_DOMAIN": "example.org/shop" })), &["DW0302"], &[]),
        Row("domain with space", key(json!({ "SESSION_COOKIE_DOMAIN": "example.org " })), &["DW0302"], &[]),
        Row("domain that is not ASCII", key(json!({ "SESSION_COOKIE_DOMAIN": "bücher.example" })), &["DW0302"], &[]),
        Row("domain with an empty label", key(json!({ "SESSION_COOKIE_DOMAIN": "a..b" })), &["DW0302"], &[]),
        Row("domain of many labels", key(json!({ "SESSION_COOKIE_DOMAIN": "a.b.example.co.uk" })), &[], &[]),
        Row("domain of this machine", key(json!({ "SESSION_COOKIE_DOMAIN": "localhost" })), &[], &[]),
        Row("relative path", key(json!({ "SESSION_COOKIE_PATH": "shop" })), &["DW0303"], &[]),
        Row("path with an attribute", key(json!({ "SESSION_COOKIE_PATH": "/; HttpOnly" })), &["DW0303"], &[]),
        Row("relative root", key(json!({ "APPLICATION_ROOT": "shop" })), &["DW0303"], &[]),
        Row("SameSite=None without Secure", key(json!({ "SESSION_COOKIE_SAMESITE": "none" })), &["DW0304"], &[]),
        Row("http prefix open to scripts", key(json!({ "SESSION_COOKIE_NAME": "__Http-id", "SESSION_COOKIE_SECURE": true, "SESSION_COOKIE_HTTPONLY": false })), &["DW0305"], &[]),
        Row("http prefix of a host without Secure", key(json!({ "SESSION_COOKIE_NAME": "__Host-Http-id" })), &["DW0305"], &[]),
        Row("host prefix without Secure", key(json!({ "SESSION_COOKIE_NAME": "__Host-id" })), &["DW0305"], &[]),
        Row("host prefix with a domain", key(json!({ "SESSION_COOKIE_NAME": "__Host-id", "SESSION_COOKIE_SECURE": true, "SESSION_COOKIE_DOMAIN": "example.org" })), &["DW0305"], &[]),
        Row("host prefix with a path", key(json!({ "SESSION_COOKIE_NAME": "__host-id", "SESSION_COOKIE_SECURE": true, "APPLICATION_ROOT": "/shop" })), &["DW0305"], &[]),
        Row("secure prefix without Secure", key(json!({ "SESSION_COOKIE_NAME": "__Secure-id" })), &["DW0305"], &[]),
        Row("partitioned without Secure", key(json!({ "SESSION_COOKIE_PARTITIONED": true })), &[], &["DW0306"]),
        Row("partitioned, from everywhere", key(json!({ "SESSION_COOKIE_PARTITIONED": true, "SESSION_COOKIE_SAMESITE": "None" })), &[], &["DW0306"]),
    ]
}

#[rustfmt::skip]
fn lifetimes_and_stores() -> Vec<Row> {
    vec![
        Row("lifetime of zero", key(json!({ "PERMANENT_SESSION_LIFETIME": 0 })), &["DW0401"], &[]),
        Row("negative lifetime", key(json!({ "PERMANENT_SESSION_LIFETIME": "-5m" })), &["DW0401"], &[]),
        Row("half a second", key(json!({ "PERMANENT_SESSION_LIFETIME": 0.5 })), &["DW0401"], &[]),
        Row("lifetime of ages", key(json!({ "PERMANENT_SESSION_LIFETIME": i64::MAX })), &["DW0401"], &[]),
        Row("absolute lifetime of zero", key(json!({ "SESSION_ABSOLUTE_LIFETIME": 0 })), &["DW0401"], &[]),
        Row("absolute below idle", key(json!({ "SESSION_ABSOLUTE_LIFETIME": "1h" })), &[], &["DW0402"]),
        Row("long cache", memory(json!({ "SESSION_CACHE_FOR": "5m" })), &[], &["DW0105"]),
        Row("no cache", memory(json!({ "SESSION_CACHE_FOR": 0 })), &[], &[]),
        Row("refresh after the end", key(json!({ "SESSION_REFRESH_AFTER": "31d" })), &[], &["DW0403"]),
        Row("browser sessions kept for a month", memory(json!({ "SESSION_PERMANENT": false })), &[], &["DW0404"]),
        Row("browser sessions with a lifetime", memory(json!({ "SESSION_PERMANENT": false, "PERMANENT_SESSION_LIFETIME": "31d" })), &[], &[]),
        Row("browser sessions in cookies", key(json!({ "SESSION_PERMANENT": false })), &[], &[]),
        Row("prefix without an end", memory(json!({ "SESSION_KEY_PREFIX": "shop" })), &[], &["DW0505"]),
        Row("prefix with an end", memory(json!({ "SESSION_KEY_PREFIX": "shop:" })), &[], &[]),
        Row("prefix with an end that ids have as well", memory(json!({ "SESSION_KEY_PREFIX": "shop_" })), &[], &["DW0505"]),
        Row("prefix with a dash", memory(json!({ "SESSION_KEY_PREFIX": "shop-" })), &[], &["DW0505"]),
        Row("prefix with a space", json!({ "SESSION_TYPE": "memcached", "SESSION_KEY_PREFIX": "my shop:" }), &["DW0506"], &[]),
        Row("prefix with a space in Redis", json!({ "SESSION_TYPE": "redis", "SESSION_KEY_PREFIX": "my shop:" }), &[], &[]),
        Row("id too long for memcached", json!({ "SESSION_TYPE": "memcached", "SESSION_ID_LENGTH": 192 }), &["DW0506"], &[]),
        Row("the longest id in memcached", json!({ "SESSION_TYPE": "memcached", "SESSION_ID_LENGTH": 181 }), &[], &[]),
        Row("id too long for a table", json!({ "SESSION_TYPE": "postgresql", "SESSION_ID_LENGTH": 192 }), &["DW0506"], &[]),
        Row("short ids", memory(json!({ "SESSION_ID_LENGTH": 15 })), &["DW0501"], &[]),
        Row("long ids", memory(json!({ "SESSION_ID_LENGTH": 193 })), &["DW0501"], &[]),
        Row("negative ids", memory(json!({ "SESSION_ID_LENGTH": -32 })), &["DW0501"], &[]),
        Row("no prefix", memory(json!({ "SESSION_KEY_PREFIX": "" })), &[], &["DW0502"]),
        Row("no prefix in a table of sessions",
            json!({ "SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL": "postgresql://host/shop", "SESSION_KEY_PREFIX": "" }), &[], &[]),
        Row("files for the group", files(json!({ "SESSION_FILE_MODE": "0640" })), &[], &["DW0503"]),
        Row("mode in decimal", files(json!({ "SESSION_FILE_MODE": 600 })), &["DW0504"], &[]),
        Row("mode that locks the owner out", files(json!({ "SESSION_FILE_MODE": "0400" })), &["DW0504"], &[]),
        Row("mode that is no octal", files(json!({ "SESSION_FILE_MODE": "0688" })), &["DW0504"], &[]),
        Row(
            "everything at once",
            files(json!({ "SESSION_USE_SIGNER": "yes", "SESSION_COOKIE_NAME": "a b", "SESSION_ID_LENGTH": 4, "SESSION_FILE_MODE": 511, "PERMANENT_SESSION_LIFETIME": "soon", "SESSION_TPYE": "x" })),
            &["DW0104", "DW0202", "DW0301", "DW0501"],
            &["DW0101", "DW0503"],
        ),
    ]
}

#[cfg(feature = "public-suffixes")]
#[rustfmt::skip]
fn domains() -> Vec<Row> {
    vec![
        Row("domain of a country", key(json!({ "SESSION_COOKIE_DOMAIN": "co.uk" })), &["DW0307"], &[]),
        Row("public suffix with port", key(json!({ "SESSION_COOKIE_DOMAIN": "co.uk:8000" })), &["DW0307"], &[]),
        Row("domain of everybody", key(json!({ "SESSION_COOKIE_DOMAIN": ".COM" })), &["DW0307"], &[]),
        Row("domain of a host for many", key(json!({ "SESSION_COOKIE_DOMAIN": "github.io" })), &["DW0307"], &[]),
        Row("own domain at a host for many", key(json!({ "SESSION_COOKIE_DOMAIN": "shop.github.io" })), &[], &[]),
    ]
}

#[cfg(not(feature = "public-suffixes"))]
fn domains() -> Vec<Row> {
    Vec::new()
}

fn codes(config: &Config, severity: Severity) -> Vec<&'static str> {
    let report = config.check();
    let same = report
        .problems
        .iter()
        .filter(|problem| problem.severity == severity);
    let mut codes: Vec<_> = same.map(|problem| problem.code.as_str()).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn each_broken_configuration_has_its_findings_and_no_other() {
    for Row(name, values, errors, warnings) in rows() {
        let config = Config::new().merge("table", values);
        assert_eq!(
            codes(&config, Severity::Error),
            errors,
            "{name}: {}",
            config.check()
        );
        assert_eq!(
            codes(&config, Severity::Warning),
            warnings,
            "{name}: {}",
            config.check()
        );
        match config.settings() {
            Ok(checked) => {
                assert!(errors.is_empty(), "{name}");
                assert_eq!(checked.warnings.len(), warnings.len(), "{name}");
            }
            Err(error) => {
                assert!(!errors.is_empty(), "{name}: {error}");
                assert_eq!(error.kind(), ErrorKind::Config);
                assert_eq!(error.to_string(), config.check().to_string());
            }
        }
    }
}

#[test]
fn each_code_has_a_configuration_that_finds_it() {
    let rows = rows();
    let found: BTreeSet<_> = rows
        .iter()
        .flat_map(|row| row.2.iter().chain(row.3))
        .copied()
        .collect();
    // Findings about sources; they are in `config_sources.rs` and `config_files.rs`. Addresses are in `dewar-stores/tests/open.rs`.
    let elsewhere = [
        Code::SecretFileUnreadable,
        Code::SecretGivenTwice,
        Code::SourceNotATable,
        Code::VariableNotUnicode,
        Code::FileUnreadable,
        Code::FileSyntax,
        Code::SectionMissing,
        Code::SectionNotChosen,
        Code::SecretFileOpen,
        Code::AddressMissing,
        // In production.
        Code::CookieOverHttp,
        Code::CookieSameSiteUnset,
        Code::CookieOpenToScripts,
    ];
    let elsewhere = |code: &Code| {
        let off = *code == Code::CookieDomainPublic && !cfg!(feature = "public-suffixes");
        off || elsewhere.contains(code)
    };
    for code in Code::ALL.iter().filter(|code| !elsewhere(code)) {
        assert!(found.contains(code.as_str()), "{code} is never tested");
    }
}

#[test]
fn keys_that_can_be_guessed_are_errors_in_production() {
    for weak in ["dev", "q7Zx", "our company name 2024"] {
        for (values, key) in [
            (json!({ "SECRET_KEY": weak }), "SECRET_KEY"),
            (
                key(json!({ "SECRET_KEY_FALLBACKS": [OLD_KEY, weak] })),
                "SECRET_KEY_FALLBACKS",
            ),
        ] {
            let config = Config::new().merge("table", values);
            assert!(config.settings().is_ok(), "{weak}");
            let live = config.merge("cookie", safe()).stage(Stage::Production);
            let report = live.check();
            assert_eq!(report.problems.len(), 1, "{report}");
            assert_eq!(report.problems[0].key, key);
            assert_eq!(report.problems[0].severity, Severity::Error);
            assert!(!report.to_string().contains(weak), "{report}");
            assert!(live.settings().is_err());
        }
    }
    let sound = Config::new()
        .merge("table", key(json!({ "SECRET_KEY_FALLBACKS": [OLD_KEY] })))
        .merge("cookie", safe());
    assert!(sound.stage(Stage::Production).check().problems.is_empty());
}

#[test]
fn a_url_in_the_wrong_place_shows_no_password() {
    for key in [
        "SESSION_TYPE",
        "SESSION_COOKIE_DOMAIN",
        "SESSION_COOKIE_PATH",
    ] {
        let values = json!({ key: "redis://ada:hunt@er2@db.example/0" });
        let report = Config::new().merge("table", values).check().to_string();
        assert!(report.contains("redis://…@db.example/0"), "{report}");
        assert!(!report.contains("er2"), "{report}");
    }
}

/// What a cookie needs in production.
fn safe() -> Value {
    json!({ "SESSION_COOKIE_SECURE": true, "SESSION_COOKIE_SAMESITE": "Lax" })
}

#[test]
fn a_cookie_that_is_open_is_told_in_production_only() {
    #[rustfmt::skip]
    let rows = [
        (key(json!({})), &["DW0308", "DW0309"][..]),
        (memory(json!({})), &["DW0308", "DW0309"]),
        (json!({ "SESSION_TYPE": "null" }), &[]),
        (key(safe()), &[]),
        (key(json!({ "SESSION_COOKIE_SECURE": false, "SESSION_COOKIE_SAMESITE": "Strict" })), &["DW0308"]),
        (key(json!({ "SESSION_COOKIE_SECURE": true })), &["DW0309"]),
        (key(json!({ "SESSION_COOKIE_SECURE": true, "SESSION_COOKIE_SAMESITE": "None" })), &[]),
        (key(json!({ "SESSION_COOKIE_SECURE": true, "SESSION_COOKIE_SAMESITE": "Lax", "SESSION_COOKIE_HTTPONLY": false })), &["DW0310"]),
        // What is an error for the same reason is not told twice.
        (key(json!({ "SESSION_COOKIE_SAMESITE": "None" })), &["DW0304"]),
        (key(json!({ "SESSION_COOKIE_SAMESITE": "Lax", "SESSION_COOKIE_NAME": "__Host-id" })), &["DW0305"]),
        (key(json!({ "SESSION_COOKIE_SAMESITE": "Lax", "SESSION_COOKIE_PARTITIONED": true })), &["DW0306"]),
    ];
    for (values, expected) in rows {
        let config = Config::new().merge("table", values.clone());
        let codes = |config: &Config| {
            let report = config.check();
            let codes = report.problems.iter().map(|problem| problem.code.as_str());
            codes.collect::<Vec<_>>()
        };
        let early = codes(&config);
        let open = early
            .iter()
            .any(|code| ["DW0308", "DW0309", "DW0310"].contains(code));
        assert!(!open, "{values}: {early:?}");
        let live = config.stage(Stage::Production);
        assert_eq!(codes(&live), expected, "{values}");
        let stops = ["DW0304", "DW0305"];
        let stopped = expected.iter().any(|code| stops.contains(code));
        assert_eq!(live.settings().is_err(), stopped, "{values}");
    }
}

#[test]
fn the_report_says_what_where_and_how_to_put_it_right() {
    let values = json!({ "SESSION_TYPE": "memcache", "SESSION_FILE_MODE": 600, "SESSION_COOKIE_SECUR": true });
    let config = Config::new().merge("settings.toml", values);
    let expected = "\
the configuration has 2 errors and 1 warning

error[DW0103] SESSION_TYPE: 'memcache' is not known
  from: settings.toml
   fix: did you mean 'memcached'? Known are: null, cookie, memory, filesystem, redis, memcached, mongodb, sqlalchemy, sqlite, postgresql, mysql, dynamodb, cachelib
  page: https://github.com/dewar-rs/dewar/blob/main/docs/diagnostics/DW0103.md

error[DW0504] SESSION_FILE_MODE: the decimal number 600 is 0o1130; 0600 was probably meant in octal
  from: settings.toml
   fix: write octal digits as text, \"0600\", or as Python's number 384; the owner must be able to read and write
  page: https://github.com/dewar-rs/dewar/blob/main/docs/diagnostics/DW0504.md

warning[DW0101] SESSION_COOKIE_SECUR: there is no such key, so it has no effect
  from: settings.toml
   fix: did you mean SESSION_COOKIE_SECURE?
  page: https://github.com/dewar-rs/dewar/blob/main/docs/diagnostics/DW0101.md";
    assert_eq!(config.settings().unwrap_err().to_string(), expected);
}

/// An application that reads the same configuration may have it, and must not lose it.
#[test]
fn a_key_that_resembles_none_is_not_said_to_have_no_effect() {
    let values = json!({ "SESSION_TYPE": "memory", "SESSION_SERVER_SIDE": true });
    let report = Config::new().merge("settings.toml", values).check();
    let told: Vec<_> = report
        .problems
        .iter()
        .map(|one| (&*one.what, &*one.fix))
        .collect();
    let expected = (
        "it is no key of sessions, which take nothing from it",
        "leave it if something else reads it, or remove it; all keys are in the documentation",
    );
    assert_eq!(told, [expected]);
}

#[test]
fn a_forgotten_session_type_is_told_as_such() {
    let expected = "\
the configuration has 0 errors and 2 warnings

warning[DW0201] SECRET_KEY: neither SECRET_KEY nor SESSION_TYPE is set: sessions can be read (they are empty), and writing fails
   fix: set SECRET_KEY for sessions in signed cookies (make one with: python3 -c 'import secrets; print(secrets.token_hex())'), or SESSION_TYPE for a store
  page: https://github.com/dewar-rs/dewar/blob/main/docs/diagnostics/DW0201.md

warning[DW0106] SESSION_FILE_DIR: it has no effect: SESSION_TYPE is not set, so sessions live nowhere
  from: app.toml
   fix: set SESSION_TYPE to cachelib or filesystem, or remove SESSION_FILE_DIR
  page: https://github.com/dewar-rs/dewar/blob/main/docs/diagnostics/DW0106.md";
    let config = Config::new().merge("app.toml", json!({ "SESSION_FILE_DIR": "/srv/sessions" }));
    assert_eq!(config.check().to_string(), expected);
}

#[test]
fn what_was_probably_meant_is_suggested() {
    for (wrong, meant) in [
        ("memcache", "memcached"),
        ("mongo", "mongodb"),
        ("postgres", "postgresql"),
        ("file", "filesystem"),
        ("filesytem", "filesystem"),
        ("signed_cookie", "cookie"),
        ("cookies", "cookie"),
        ("none", "null"),
        ("valkey", "redis"),
        ("Rediss", "redis"),
        ("sqlite3", "sqlite"),
    ] {
        let report = Config::new().session_type(wrong).check().to_string();
        assert!(
            report.contains(&format!("did you mean '{meant}'?")),
            "{wrong}: {report}"
        );
    }
    for (wrong, meant) in [
        ("SECRET_KEYS", "SECRET_KEY"),
        ("SESSION_TPYE", "SESSION_TYPE"),
        ("PERMANENT_SESSION_LIFETIMES", "PERMANENT_SESSION_LIFETIME"),
        ("SESSION_COOKIE_SAME_SITE", "SESSION_COOKIE_SAMESITE"),
        (
            "SESSION_LIFETIME",
            "PERMANENT_SESSION_LIFETIME or SESSION_ABSOLUTE_LIFETIME",
        ),
        ("SESSION_HTTPONLY", "SESSION_COOKIE_HTTPONLY"),
    ] {
        let report = Config::new()
            .merge("app.toml", json!({ wrong: 1 }))
            .check()
            .to_string();
        assert!(
            report.contains(&format!("did you mean {meant}?")),
            "{wrong}: {report}"
        );
    }
    let ambiguous = json!({ "SESSION_COOKIE": 1 });
    let report = Config::new().merge("app.toml", ambiguous).check();
    assert!(!report.to_string().contains("did you mean"));
}
