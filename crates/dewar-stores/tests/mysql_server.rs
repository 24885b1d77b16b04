//! MariaDB: rows and tables of others, time zones, and what happens when the server breaks.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::{Created, Cursor, Key, Purged, Replaced, Store, Touched};
use dewar_stores::Migrated;
use dewar_stores::mysql::{MysqlBuilder, MysqlStore};
use dewar_stores::sql::{Table, Tables};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, from_value};
use support::databases::Mariadb;
use support::disk::{self, SmallDisk};
use support::faults::{self, HASTE, ID, NOW, SECRET, check_error, key, later};
use support::proxy::Proxy;
use support::{Freeze, connections_make_room, runtime, store_on_a_busy_runtime};

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
    let builder = at_now(url).connect_timeout(HASTE);
    builder.operation_timeout(HASTE).build().unwrap()
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
    check_error(&error, "65,535");
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
    check_error(&error, "SESSION_SQLALCHEMY_SEQUENCE");
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
    check_error(&error, "migrate");
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
        check_error(&error, words);
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
    let store = Arc::new(hasty(&server.url()));
    faults::begin(&*store).await;
    server.kill();
    faults::fails_in_time(&store, "listening there").await;
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
    let store = Arc::new(hasty(&server.url()));
    faults::begin(&*store).await;
    server.freeze();
    faults::fails_in_time(&store, "within 2s").await;
    server.thaw();
    faults::recovers(&*store).await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_write_fail_or_happen_twice() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let store = at_now(&Mariadb::url_at(proxy.port))
        .connect()
        .await
        .unwrap();
    faults::bears_lost_answers(&store, &proxy).await;
}

#[tokio::test]
async fn a_wrong_password_is_a_clear_error() {
    let server = server!();
    let url = server.url().replace(SECRET, "wr0ng-s3cret");
    let error = hasty(&url).load(&key()).await.unwrap_err();
    check_error(&error, "password");
    assert!(!error.is_temporary());
    let url = server.url().replace("/app", "/absent");
    let error = hasty(&url).load(&key()).await.unwrap_err();
    check_error(&error, "database");
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::of(1024) else {
        return disk::forbidden();
    };
    let server = server!();
    let table = FLASK_SESSION.replace("sessions", "app.sessions");
    let place = disk.path().display();
    server.as_root(&format!("{table} DATA DIRECTORY = '{place}'"));
    let store = builder(&server).connect().await.unwrap();
    let error = disk::fill(&store, &disk, later()).await;
    check_error(&error, "is full");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_read_only_server_is_named_as_one_and_used_again_when_it_may_write() {
    let server = server!();
    let store = builder(&server).connect().await.unwrap();
    let created = store.create(&key(), "data".into(), later()).await.unwrap();
    let Created::Done(seen) = created else {
        panic!("{created:?}")
    };
    server.as_root("SET GLOBAL read_only = ON");
    let replaced = store.replace(&key(), "new".into(), later(), &seen).await;
    let deleted = store.delete(&key()).await;
    for error in [replaced.unwrap_err(), deleted.unwrap_err()] {
        check_error(&error, "read-only");
        assert!(error.is_temporary());
    }
    assert!(store.load(&key()).await.unwrap().is_some());
    server.as_root("SET GLOBAL read_only = OFF");
    store.delete(&key()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_became_read_only_is_left_for_the_one_that_the_address_leads_to() {
    let (old, new) = (server!(), server!());
    builder(&new).connect().await.unwrap();
    let proxy = Proxy::to(old.port).await;
    let store = at_now(&Mariadb::url_at(proxy.port))
        .connect()
        .await
        .unwrap();
    old.as_root("SET GLOBAL read_only = ON");
    proxy.lead_to(new.port);
    store.create(&key(), "data".into(), later()).await.unwrap();
    let rows = "SELECT CAST(COUNT(*) AS CHAR) FROM sessions";
    assert_eq!(sql(&new, rows).await[0][0].as_deref(), Some("1"));
    assert_eq!(sql(&old, rows).await[0][0].as_deref(), Some("0"));
}

#[tokio::test]
async fn another_service_on_the_port_is_a_clear_error() {
    faults::knows_impostors(|port| hasty(&Mariadb::url_at(port)), "connection").await;
}

#[tokio::test]
async fn more_calls_than_connections_wait_for_their_turn() {
    let server = server!();
    let store = builder(&server).connections(2).connect().await.unwrap();
    faults::queues(store).await;
}

#[tokio::test]
async fn calls_that_are_abandoned_do_no_harm_to_the_next() {
    let server = server!();
    let store = builder(&server).connections(1).connect().await.unwrap();
    faults::bears_abandoned_calls(store).await;
}

#[test]
fn a_busy_runtime_holds_up_no_other_one() {
    let server = server!();
    store_on_a_busy_runtime(&hasty(&server.url()), &key());
}

#[test]
fn connections_of_other_runtimes_make_room() {
    let server = server!();
    let store = builder(&server).connections(2).build().unwrap();
    let count =
        "SELECT CAST(count(*) AS CHAR) FROM information_schema.processlist WHERE user = 'dewar'";
    let open = || {
        let rows = runtime().block_on(sql(&server, count));
        rows[0][0].as_ref().unwrap().parse().unwrap()
    };
    connections_make_room(&store, &key(), open);
}
