//! Stores that are opened from a configuration: every key reaches its builder, every mistake names its key.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use dewar::UnixTime;
use dewar::config::{Config, Setting, Severity};
use dewar::store::{Created, Key, Store};
use dewar_stores::Place;
use dewar_stores::sql::{Table, Tables};
use dewar_stores::sqlite::SqliteStore;

/// The place that a configuration means, as messages name it.
fn place(config: &Config) -> String {
    Place::of_config(config).unwrap().unwrap().to_string()
}

fn mistake(config: &Config) -> String {
    let opened = dewar_stores::open(config);
    let error = opened.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), dewar::ErrorKind::Config);
    error.to_string()
}

fn of_type(name: &str) -> Config {
    Config::new().session_type(name)
}

#[test]
fn the_address_is_a_url_a_host_or_a_list_of_hosts() {
    let redis = |address: &str| place(&of_type("redis").set("SESSION_REDIS", address));
    assert_eq!(
        redis("rediss://app:secret@cache.example:6380/1?x=1"),
        "redis at cache.example:6380/1"
    );
    assert_eq!(redis("cache.example:6380"), "redis at cache.example:6380");
    assert_eq!(redis("cache.example"), "redis at cache.example");

    let servers = ["10.0.0.1:11211", "10.0.0.2:11211"]
        .map(Setting::from)
        .to_vec();
    let memcached = of_type("Memcached").set("SESSION_MEMCACHED", Setting::List(servers));
    assert_eq!(
        place(&memcached),
        "memcached at 10.0.0.1:11211,10.0.0.2:11211"
    );
    assert!(dewar_stores::open(&memcached).unwrap().is_some());

    let sql = |address: &str| place(&of_type("sqlalchemy").set("SESSION_SQLALCHEMY", address));
    assert_eq!(
        sql("postgresql+psycopg2://app:secret@db.example/shop"),
        "postgresql at db.example/shop"
    );
    assert_eq!(
        sql("mysql+pymysql://app:secret@db.example/shop"),
        "mysql at db.example/shop"
    );
    assert_eq!(sql("sqlite:///shop.db"), "sqlite at shop.db");
}

#[test]
fn an_address_that_is_assumed_says_so() {
    let assumed = |config: Config| Place::of_config(&config).unwrap().unwrap().assumed();
    assert_eq!(assumed(of_type("redis")), Some("SESSION_REDIS"));
    assert_eq!(assumed(of_type("memcached")), Some("SESSION_MEMCACHED"));
    assert_eq!(
        assumed(of_type("redis").set("SESSION_REDIS", "redis://cache.example")),
        None
    );
    assert_eq!(place(&of_type("redis")), "redis at 127.0.0.1:6379");
}

#[test]
fn an_address_that_no_key_says_is_told_with_its_key() {
    let unsaid = |config: Config| Place::unsaid(&config).unwrap().map(|unsaid| unsaid.key);
    assert_eq!(unsaid(of_type("postgresql")), Some("SESSION_POSTGRESQL"));
    assert_eq!(unsaid(of_type("redis")), Some("SESSION_REDIS"));
    let other = of_type("sqlite").set("SESSION_SQLALCHEMY", "sqlite:///shop.db");
    assert_eq!(unsaid(other), None);
    assert_eq!(unsaid(of_type("memory")), None);
}

#[test]
fn a_check_finds_an_address_that_no_key_says() {
    let found = |config: Config| {
        let problems = dewar_stores::check(&config).problems.into_iter();
        let found = problems.map(|found| (found.code.as_str(), found.severity, found.key));
        found.collect::<Vec<_>>()
    };
    for (name, key) in [
        ("dynamodb", "SESSION_DYNAMODB"),
        ("mysql", "SESSION_MYSQL"),
        ("postgresql", "SESSION_POSTGRESQL"),
        ("sqlalchemy", "SESSION_SQLALCHEMY"),
        ("sqlite", "SESSION_SQLITE"),
    ] {
        let error = ("DW0107", Severity::Error, key.to_owned());
        assert_eq!(found(of_type(name)), [error], "{name}");
        let refused = dewar_stores::engine(of_type(name)).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("error[DW0107] {key}: ")),
            "{name}"
        );
    }
    for (name, key) in [
        ("memcached", "SESSION_MEMCACHED"),
        ("mongodb", "SESSION_MONGODB"),
        ("redis", "SESSION_REDIS"),
    ] {
        let warning = ("DW0107", Severity::Warning, key.to_owned());
        assert_eq!(found(of_type(name)), [warning], "{name}");
    }
    assert_eq!(found(of_type("memory")), []);
    assert_eq!(
        found(of_type("sqlite").set("SESSION_SQLITE", "shop.db")),
        []
    );
    let no_text = dewar_stores::check(&Config::new().set("SESSION_TYPE", 1));
    assert_eq!(no_text.problems.len(), 1);
}

#[test]
fn a_check_finds_an_address_that_cannot_be() {
    for (name, key, address, why) in [
        (
            "redis",
            "SESSION_REDIS",
            "http://user:hunter2@host",
            "must begin with redis://",
        ),
        (
            "redis",
            "SESSION_REDIS",
            "redis://host:99999",
            "cannot be read",
        ),
        (
            "sqlalchemy",
            "SESSION_SQLALCHEMY",
            "oracle://host/db",
            "not the URL",
        ),
        ("sqlite", "SESSION_SQLITE", "sqlite://", "need a file"),
        (
            "sqlite",
            "SESSION_SQLITE",
            "sqlite:shop.db",
            "three slashes",
        ),
    ] {
        let config = of_type(name).set(key, address);
        let problems = dewar_stores::check(&config).problems;
        let [found] = &problems[..] else {
            panic!("{name} at {address}: {problems:?}")
        };
        assert_eq!((found.code.as_str(), &*found.key), ("DW0107", key));
        assert!(found.what.contains(why), "{}", found.what);
        assert!(!found.to_string().contains("hunter2"));
        let refused = dewar_stores::engine(config).unwrap_err().to_string();
        assert!(refused.contains("error[DW0107]"), "{refused}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let config = of_type("sqlite").set("SESSION_SQLITE", file.display().to_string());
    assert!(dewar_stores::check(&config).problems.is_empty());
    assert!(!file.exists());
    let config = of_type("redis").set("SESSION_REDIS", "redis://127.0.0.1:1");
    assert!(dewar_stores::check(&config).problems.is_empty());
}

#[test]
fn its_page_shows_what_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/diagnostics/DW0107.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = |language: &str| {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let file = scratch.path().join("session.toml");
    std::fs::write(&file, block("toml")).unwrap();
    let report = dewar_stores::check(&Config::new().file(&file));
    let said: Vec<_> = report
        .problems
        .iter()
        .map(|found| format!("{found}\n"))
        .collect();
    assert_eq!(said.concat(), block("text"));
}

#[test]
fn an_empty_address_is_one_that_is_not_said() {
    for (name, key) in [
        ("dynamodb", "SESSION_DYNAMODB"),
        ("memcached", "SESSION_MEMCACHED"),
        ("mongodb", "SESSION_MONGODB"),
        ("mysql", "SESSION_MYSQL"),
        ("postgresql", "SESSION_POSTGRESQL"),
        ("redis", "SESSION_REDIS"),
        ("sqlalchemy", "SESSION_SQLALCHEMY"),
        ("sqlite", "SESSION_SQLITE"),
    ] {
        let missing = of_type(name);
        for empty in [
            "".into(),
            " \n".into(),
            Setting::List(Vec::new()),
            [""].into(),
        ] {
            let empty = of_type(name).set(key, empty);
            let unsaid = Place::unsaid(&empty).unwrap();
            assert_eq!(unsaid, Place::unsaid(&missing).unwrap(), "{name}");
            assert_eq!(unsaid.map(|unsaid| unsaid.key), Some(key));
            let opened = |config: &Config| {
                let place = Place::of_config(config).map_err(|error| error.to_string());
                place.map(|place| place.map(|place| (place.to_string(), place.assumed())))
            };
            assert_eq!(opened(&empty), opened(&missing), "{name}");
        }
    }
    let other = of_type("sqlite")
        .set("SESSION_SQLITE", "")
        .set("SESSION_SQLALCHEMY", "sqlite:///shop.db");
    assert_eq!(place(&other), "sqlite at shop.db");
}

#[test]
fn the_file_of_a_store_is_known() {
    let file = |url: &str| Place::of_url(url).unwrap().file();
    assert_eq!(
        file("sqlite:////srv/shop.db?timeout=3"),
        Some("/srv/shop.db".into())
    );
    assert_eq!(file("redis://localhost"), None);
}

#[test]
fn the_engine_makes_the_others_itself() {
    for name in ["null", "cookie", "memory", "filesystem", "cachelib"] {
        assert!(
            dewar_stores::open(&of_type(name)).unwrap().is_none(),
            "{name}"
        );
    }
    assert!(dewar_stores::open(&Config::new()).unwrap().is_none());
    assert!(
        dewar_stores::engine(of_type("memory"))
            .unwrap()
            .store()
            .is_some()
    );
}

#[test]
fn mistakes_name_their_key_and_no_password() {
    let missing = mistake(&of_type("postgresql"));
    assert!(
        missing.contains("SESSION_POSTGRESQL is not set"),
        "{missing}"
    );

    let other_service =
        mistake(&of_type("sqlalchemy").set("SESSION_SQLALCHEMY", "redis://:secret@cache.example"));
    assert!(
        other_service.starts_with("SESSION_SQLALCHEMY is not the URL"),
        "{other_service}"
    );

    let wrong_scheme =
        mistake(&of_type("redis").set("SESSION_REDIS", "https://:secret@cache.example"));
    assert!(
        wrong_scheme.starts_with("SESSION_REDIS (") && wrong_scheme.contains("open.rs:"),
        "{wrong_scheme}"
    );

    for mistyped in [
        "redis//cache.example",
        "redis//cache.example:6379",
        "redis:/cache.example:6379",
    ] {
        let said = mistake(&of_type("redis").set("SESSION_REDIS", mistyped));
        assert!(
            said.contains("redis://") || said.contains("lacks //"),
            "{said}"
        );
        assert!(!said.contains("database"), "{said}");
    }

    let table = of_type("sqlite")
        .set("SESSION_SQLITE", "sqlite:///x.db")
        .set("SESSION_SQLALCHEMY_TABLE", "a\0b");
    assert!(
        mistake(&table).contains("SESSION_SQLALCHEMY_TABLE"),
        "{}",
        mistake(&table)
    );

    let zero = of_type("redis")
        .set("SESSION_REDIS", "redis://cache.example")
        .set("SESSION_CONNECT_TIMEOUT", 0);
    assert!(
        mistake(&zero).contains("more than zero") || mistake(&zero).contains("longer than zero"),
        "{}",
        mistake(&zero)
    );

    for message in [other_service, wrong_scheme] {
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn a_place_shows_its_address_and_no_part_of_a_password() {
    for kind in ["memcached", "redis", "postgresql", "mysql"] {
        for password in [
            "S3cret#rest",
            "S3cret?rest",
            "S3cret/rest",
            "S3cret?a=b",
            "a@S3cret#b",
        ] {
            let place = Place::of_url(format!("{kind}://app:{password}@db.example")).unwrap();
            let shown = format!("{place} {place:?}");
            assert!(shown.contains(kind) && !shown.contains("S3cret"), "{shown}");
        }
    }
    for (url, shown) in [
        (
            "redis://app:secret@db:6379/1?user=a@b",
            "redis at db:6379/1",
        ),
        ("redis://db/1?user=a@b", "redis at db/1"),
        (
            "mongodb://a:b%40@c:1/?ssl=true&appName=@a@",
            "mongodb at c:1/",
        ),
        ("redis+unix:///run/redis?pass=a@b", "redis at /run/redis"),
        ("sqlite:///app.db", "sqlite at app.db"),
    ] {
        assert_eq!(Place::of_url(url).unwrap().to_string(), shown);
    }
}

#[test]
fn all_problems_of_the_configuration_come_before_those_of_the_store() {
    let wrong = of_type("postgresql")
        .set("SESSION_ID_LENGTH", 8)
        .set("SESSION_USE_SIGNER", true);
    let report = dewar_stores::engine(wrong)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        report.contains("SESSION_ID_LENGTH") && report.contains("SECRET_KEY"),
        "{report}"
    );
}

#[tokio::test]
async fn table_and_column_reach_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let config = of_type("sqlite")
        .set("SESSION_SQLITE", file.as_path())
        .set("SESSION_SQLALCHEMY_TABLE", "logins")
        .set("SESSION_SQLALCHEMY_KEY_COLUMN", "login");
    let expires = UnixTime::now() + Duration::from_secs(60);
    let key = Key::new("session:a".to_owned());

    let expecting = config.clone().set("SESSION_TABLE_EXISTS", true);
    let refused = dewar_stores::open(&expecting).map(|_| ());
    assert!(
        refused.is_err() && !file.exists(),
        "a table that must exist was made"
    );

    let store = dewar_stores::open(&config).unwrap().unwrap();
    let created = store
        .create(&key, Bytes::from_static(b"x"), expires)
        .await
        .unwrap();
    assert!(matches!(created, Created::Done(_)));

    let table = Table::sqlalchemy()
        .named("logins")
        .unwrap()
        .key_column("login")
        .unwrap();
    let same = SqliteStore::builder(file.to_str().unwrap())
        .table(table)
        .tables(Tables::Expect)
        .open()
        .unwrap();
    assert!(same.load(&key).await.unwrap().is_some());
}
