//! MariaDB: rows and tables of others, time zones, and what happens when the server breaks.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use dewar::clock::ManualClock;
use dewar::store::{Created, Cursor, Key, Purged, Replaced, Store, Touched};
use dewar::{Error, ErrorKind, UnixTime};
use dewar_stores::mysql::{MysqlBuilder, MysqlStore};
use dewar_stores::sql::{Migrated, Table, Tables};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, from_value};
use support::databases::{Mariadb, PASSWORD};
use support::impostor;
use support::proxy::Proxy;

const ID: &str = "yTvVK3Bq0cOd5R8nCiZYm1cJXs3cWrTMbYbCq6XHqJQ";

/// 2023-11-14 22:13:20 UTC.
const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

/// The table as SQLAlchemy makes it for Flask-Session 0.8.
const FLASK_SESSION: &str = "CREATE TABLE sessions (id INTEGER NOT NULL AUTO_INCREMENT, session_id VARCHAR(255), \
    data BLOB, expiry DATETIME, PRIMARY KEY (id), UNIQUE (session_id))";

macro_rules! server {
    () => {
        match Mariadb::start() {
            Some(server) => server,
            None => return support::absent("mariadb-server"),
        }
    };
}

fn builder(server: &Mariadb) -> MysqlBuilder {
    at_now(&server.url())
}

fn at_now(url: &str) -> MysqlBuilder {
    MysqlStore::builder(url).clock(ManualClock::new(NOW))
}

/// A store that does not wait long.
fn hasty(url: &str) -> MysqlStore {
    let timeout = Duration::from_millis(500);
    let builder = at_now(url).connect_timeout(timeout);
    builder.operation_timeout(timeout).build().unwrap()
}

async fn sql(server: &Mariadb, statements: &str) -> Vec<Vec<Option<String>>> {
    let mut connection = Conn::from_url(server.url()).await.unwrap();
    let mut rows: Vec<Row> = Vec::new();
    for statement in statements.split(';') {
        rows = connection.query(statement).await.unwrap();
    }
    connection.disconnect().await.unwrap();
    rows.into_iter()
        .map(|row| row.unwrap().into_iter().map(from_value).collect())
        .collect()
}

fn key() -> Key {
    Key::new(format!("session:{ID}"))
}

fn later() -> UnixTime {
    NOW + Duration::from_secs(60)
}

/// What every error must be: about the store, about the server, and silent about secrets.
#[track_caller]
fn check_error(error: &Error, address: &str, words: &str) {
    let text = format!("{error}");
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(text.contains(address), "{text}");
    assert!(text.contains(words), "{text}");
    let all = format!("{text} {error:?}");
    assert!(!all.contains(PASSWORD) && !all.contains(ID), "{all}");
}

#[tokio::test]
async fn rows_of_flask_session_are_read_and_replaced_whatever_the_time_zones_are() {
    let server = server!();
    sql(&server, FLASK_SESSION).await;
    let insert = format!(
        "INSERT INTO sessions (session_id, data, expiry) VALUES ('session:{ID}', x'82a1', '2023-11-14 22:13:21')"
    );
    sql(&server, &insert).await;
    let store = builder(&server).connect().await.unwrap();
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(record.blob, &b"\x82\xa1"[..]);
    assert_eq!(record.expires, Some(UnixTime::from_seconds(1_700_000_001)));
    let replaced = store
        .replace(&key(), "new".into(), later(), &record.version)
        .await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    let row = sql(
        &server,
        "SELECT HEX(data), CAST(expiry AS CHAR) FROM sessions",
    )
    .await;
    assert_eq!(row[0][0].as_deref(), Some("6E6577"));
    assert_eq!(row[0][1].as_deref(), Some("2023-11-14 22:14:20"));
}

#[tokio::test]
async fn a_timestamp_holds_the_same_times() {
    let server = server!();
    sql(
        &server,
        &FLASK_SESSION.replace("DATETIME", "TIMESTAMP NULL"),
    )
    .await;
    let store = builder(&server).connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    assert_eq!(
        store.load(&key()).await.unwrap().unwrap().expires,
        Some(later())
    );
    let row = sql(
        &server,
        "SELECT CAST(UNIX_TIMESTAMP(expiry) AS CHAR) FROM sessions",
    )
    .await;
    assert_eq!(row[0][0].as_deref(), Some("1700000060"));
}

#[tokio::test]
async fn keys_that_differ_in_case_are_told_apart_in_the_table_of_sqlalchemy() {
    let server = server!();
    sql(&server, FLASK_SESSION).await;
    let store = builder(&server).connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    let other = Key::new(key().expose().to_uppercase());
    assert!(store.load(&other).await.unwrap().is_none());
    assert_eq!(store.touch(&other, later()).await.unwrap(), Touched::Gone);
    store.delete(&other).await.unwrap();
    assert_eq!(
        store.create(&other, "data".into(), later()).await.unwrap(),
        Created::Taken
    );
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_that_a_blob_does_not_hold_is_a_clear_error_and_never_cut() {
    let server = server!();
    sql(&server, FLASK_SESSION).await;
    let store = builder(&server).connect().await.unwrap();
    let large = bytes::Bytes::from(vec![7; 65_536]);
    let error = store
        .create(&key(), large.clone(), later())
        .await
        .unwrap_err();
    check_error(&error, "127.0.0.1", "65,535");
    assert!(store.load(&key()).await.unwrap().is_none());

    // A table of our own has room.
    let table = Table::sqlalchemy().named("ours").unwrap();
    let store = builder(&server).table(table).connect().await.unwrap();
    store.create(&key(), large.clone(), later()).await.unwrap();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().blob, large);
}

#[tokio::test]
async fn what_flask_session_overwrote_is_a_conflict() {
    let server = server!();
    let store = builder(&server).connect().await.unwrap();
    let created = store.create(&key(), "data".into(), later()).await.unwrap();
    let Created::Done(seen) = created else {
        panic!("{created:?}")
    };
    sql(&server, "UPDATE sessions SET data = 'theirs'").await;
    let replaced = store.replace(&key(), "new".into(), later(), &seen).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
}

#[tokio::test]
async fn rows_that_count_as_expired_are_absent_make_place_and_are_removed() {
    let server = server!();
    sql(&server, FLASK_SESSION).await;
    let store = builder(&server).connect().await.unwrap();
    for expiry in ["NULL", "'2023-11-14 22:13:20'", "'0000-00-00 00:00:00'"] {
        let insert = format!(
            "DELETE FROM sessions; INSERT INTO sessions (session_id, data, expiry) \
             VALUES ('session:{ID}', 'x', {expiry})"
        );
        sql(&server, &insert).await;
        assert!(store.load(&key()).await.unwrap().is_none(), "{expiry}");
        assert_eq!(store.touch(&key(), later()).await.unwrap(), Touched::Gone);
        let created = store.create(&key(), "data".into(), later()).await.unwrap();
        assert!(matches!(created, Created::Done(_)), "{expiry}");
        sql(&server, &insert).await;
        let page = store.list("", Cursor::start(), 10).await.unwrap().unwrap();
        assert_eq!(page.entries, []);
        assert_eq!(
            store.delete_expired(NOW, 10).await.unwrap(),
            Purged::Finished(1)
        );
    }
}

#[tokio::test]
async fn an_id_from_a_sequence_wants_that_sequence_named() {
    let server = server!();
    let table = "CREATE SEQUENCE numbers; CREATE TABLE sessions (id INTEGER NOT NULL, session_id VARCHAR(255), \
        data BLOB, expiry DATETIME, PRIMARY KEY (id), UNIQUE (session_id))";
    sql(&server, table).await;
    let error = builder(&server).connect().await.unwrap_err();
    check_error(&error, "127.0.0.1", "SESSION_SQLALCHEMY_SEQUENCE");
    let table = Table::sqlalchemy().with_sequence("numbers").unwrap();
    let store = builder(&server).table(table).connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn the_table_is_made_when_that_is_asked_for_with_an_index_on_expiry() {
    let server = server!();
    let expecting = || builder(&server).tables(Tables::Expect);
    let error = expecting().connect().await.unwrap_err();
    check_error(&error, "127.0.0.1", "migrate");
    assert_eq!(expecting().migrate().await.unwrap(), Migrated::Created);
    assert_eq!(expecting().migrate().await.unwrap(), Migrated::Unchanged);
    let store = expecting().connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    let index = "SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE COLUMN_NAME = 'expiry'";
    assert_eq!(
        sql(&server, index).await[0][0].as_deref(),
        Some("ix_sessions_expiry")
    );
}

#[tokio::test]
async fn a_table_of_another_kind_is_refused() {
    let server = server!();
    sql(
        &server,
        "CREATE TABLE sessions (sid INTEGER PRIMARY KEY, data TEXT, expiry BIGINT)",
    )
    .await;
    let error = builder(&server).connect().await.unwrap_err();
    for words in [
        "\"session_id\"",
        "\"data\" is \"text\"",
        "\"expiry\" is \"bigint\"",
        "sid, data, expiry",
    ] {
        check_error(&error, "127.0.0.1", words);
    }
}

#[tokio::test]
async fn several_that_start_at_once_make_one_table() {
    let server = server!();
    let starts: Vec<_> = (0..8)
        .map(|_| tokio::spawn(builder(&server).connect()))
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_stopped_server_is_an_error_at_once_and_is_used_again_when_it_is_back() {
    let server = server!();
    let store = hasty(&server.url());
    store.create(&key(), "data".into(), later()).await.unwrap();
    server.kill();
    let begin = Instant::now();
    let error = store.load(&key()).await.unwrap_err();
    check_error(&error, "127.0.0.1", "loading a session");
    assert!(error.is_temporary());
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    server.restart();
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed() {
    let server = server!();
    let store = builder(&server).connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    for _ in 0..3 {
        server.kill();
        server.restart();
        assert!(store.load(&key()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_frozen_server_is_an_error_in_time_and_is_used_again_when_it_goes_on() {
    let server = server!();
    let store = hasty(&server.url());
    store.create(&key(), "data".into(), later()).await.unwrap();
    server.freeze();
    for _ in 0..2 {
        let begin = Instant::now();
        let error = store.load(&key()).await.unwrap_err();
        check_error(&error, "127.0.0.1", "within 500ms");
        assert!(error.is_temporary());
        assert!(
            begin.elapsed() < Duration::from_secs(3),
            "{:?}",
            begin.elapsed()
        );
    }
    server.thaw();
    let end = Instant::now() + Duration::from_secs(10);
    while store.load(&key()).await.is_err() {
        assert!(Instant::now() < end, "the store does not recover");
    }
}

#[tokio::test]
async fn a_lost_answer_makes_no_write_fail_or_happen_twice() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let url = server
        .url()
        .replace(&server.port.to_string(), &proxy.port.to_string());
    let store = at_now(&url).connect().await.unwrap();

    proxy.cut_next_answer();
    let created = store.create(&key(), "one".into(), later()).await.unwrap();
    let Created::Done(seen) = created else {
        panic!("{created:?}")
    };
    proxy.cut_next_answer();
    let replaced = store
        .replace(&key(), "two".into(), later(), &seen)
        .await
        .unwrap();
    assert!(matches!(replaced, Replaced::Done(_)), "{replaced:?}");
    proxy.cut_next_answer();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().blob, &b"two"[..]);
    proxy.cut_next_answer();
    assert_eq!(store.touch(&key(), later()).await.unwrap(), Touched::Done);
    assert!(proxy.cuts() >= 4);
}

#[tokio::test]
async fn a_wrong_password_is_a_clear_error() {
    let server = server!();
    let url = server.url().replace(PASSWORD, "wr0ng-s3cret");
    let error = hasty(&url).load(&key()).await.unwrap_err();
    check_error(&error, "127.0.0.1", "password");
    assert!(!error.is_temporary());
    let url = server.url().replace("/app", "/absent");
    let error = hasty(&url).load(&key()).await.unwrap_err();
    check_error(&error, "127.0.0.1", "database");
}

#[tokio::test]
async fn another_service_on_the_port_is_a_clear_error() {
    for greeting in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"-ERR unknown command\r\n",
        b"",
    ] {
        let port = impostor(greeting);
        let url = format!("mysql://dewar:{PASSWORD}@127.0.0.1:{port}/app");
        let begin = Instant::now();
        let error = hasty(&url).load(&key()).await.unwrap_err();
        check_error(&error, &port.to_string(), "connection");
        assert!(begin.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn more_calls_than_connections_wait_for_their_turn() {
    let server = server!();
    let store = std::sync::Arc::new(builder(&server).connections(2).connect().await.unwrap());
    let calls: Vec<_> = (0..64)
        .map(|at| {
            let store = store.clone();
            let key = Key::new(format!("session:{at}"));
            tokio::spawn(async move { store.create(&key, "data".into(), later()).await })
        })
        .collect();
    for call in calls {
        assert!(matches!(call.await.unwrap().unwrap(), Created::Done(_)));
    }
}

#[tokio::test]
async fn calls_that_are_abandoned_do_no_harm_to_the_next() {
    let server = server!();
    let store = builder(&server).connections(1).connect().await.unwrap();
    for at in 0..50 {
        let name = Key::new(format!("session:{at}"));
        let call = store.create(&name, "data".into(), later());
        let _ = tokio::time::timeout(Duration::from_micros(at * 20), call).await;
        assert!(store.load(&key()).await.unwrap().is_none());
    }
}
