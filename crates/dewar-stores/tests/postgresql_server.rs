//! PostgreSQL: rows and tables of others, time zones, and what happens when the server breaks.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::{Created, Cursor, Key, Purged, Replaced, Store, Touched, Version};
use dewar_stores::Migrated;
use dewar_stores::postgresql::{PostgresqlBuilder, PostgresqlStore};
use dewar_stores::sql::{Table, Tables};
use support::databases::{Postgresql, give};
use support::disk::{self, SmallDisk};
use support::faults::{self, HASTE, ID, NOW, SECRET, check_error, key, later};
use support::proxy::Proxy;
use support::{Freeze, connections_make_room, runtime, store_on_a_busy_runtime};
use tokio_postgres::NoTls;

/// The table as SQLAlchemy makes it for Flask-Session 0.8.
const FLASK_SESSION: &str = "CREATE TABLE sessions (id SERIAL NOT NULL, session_id VARCHAR(255), data BYTEA, \
    expiry TIMESTAMP WITHOUT TIME ZONE, PRIMARY KEY (id), UNIQUE (session_id))";

macro_rules! server {
    () => {
        match Postgresql::start() {
            Some(server) => server,
            None => return support::absent("postgresql"),
        }
    };
}

fn builder(server: &Postgresql) -> PostgresqlBuilder {
    at_now(&server.url())
}

fn at_now(url: &str) -> PostgresqlBuilder {
    let builder = PostgresqlStore::builder(url).table(Table::sqlalchemy());
    builder.clock(ManualClock::new(NOW))
}

/// A store that does not wait long.
fn hasty(url: &str) -> PostgresqlStore {
    let builder = at_now(url).connect_timeout(HASTE);
    builder.operation_timeout(HASTE).build().unwrap()
}

async fn sql(server: &Postgresql, text: &str) -> Vec<Vec<Option<String>>> {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let messages = client.simple_query(text).await.unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| {
        (0..row.len())
            .map(|at| row.get(at).map(str::to_owned))
            .collect()
    })
    .collect()
}

/// The version of the session, once a standby has it.
async fn replicated(standby: &PostgresqlStore) -> Version {
    let end = Instant::now() + support::PATIENCE;
    loop {
        if let Some(record) = standby.load(&key()).await.unwrap() {
            return record.version;
        }
        assert!(Instant::now() < end, "the standby does not follow");
    }
}

/// The server's ends of the connections of stores.
async fn connections(server: &Postgresql) -> Vec<Vec<Option<String>>> {
    let pids = "SELECT pid FROM pg_stat_activity WHERE application_name = 'dewar'";
    sql(server, pids).await
}

#[tokio::test]
async fn rows_of_flask_session_are_read_and_replaced_whatever_the_time_zones_are() {
    let server = server!();
    sql(&server, FLASK_SESSION).await;
    for zone in ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"] {
        let expiry = "2023-11-14 22:13:20.001000";
        let insert = format!(
            "DELETE FROM sessions; INSERT INTO sessions (session_id, data, expiry) \
             VALUES ('session:{ID}', '\\x82a1', '{expiry}')"
        );
        sql(&server, &insert).await;
        let url = format!(
            "{}?options=-c%20TimeZone%3D{}",
            server.url(),
            zone.replace('/', "%2F")
        );
        let store = at_now(&url).connect().await.unwrap();
        let record = store.load(&key()).await.unwrap().unwrap();
        assert_eq!(record.blob, &b"\x82\xa1"[..]);
        assert_eq!(
            record.expires,
            Some(UnixTime::from_millis(1_700_000_000_001))
        );
        let replaced = store
            .replace(&key(), "new".into(), later(), &record.version)
            .await;
        assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
        let row = sql(&server, "SELECT data, expiry FROM sessions").await;
        assert_eq!(row[0][0].as_deref(), Some("\\x6e6577"));
        assert_eq!(row[0][1].as_deref(), Some("2023-11-14 22:14:20"), "{zone}");
    }
}

#[tokio::test]
async fn a_column_with_a_time_zone_holds_the_same_times() {
    let server = server!();
    sql(&server, &FLASK_SESSION.replace("WITHOUT", "WITH")).await;
    let store = builder(&server).connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    assert_eq!(
        store.load(&key()).await.unwrap().unwrap().expires,
        Some(later())
    );
    let row = sql(
        &server,
        "SELECT extract(epoch FROM expiry)::bigint FROM sessions",
    )
    .await;
    assert_eq!(row[0][0].as_deref(), Some("1700000060"));
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
    for expiry in ["NULL", "'2023-11-14 22:13:20'", "'-infinity'"] {
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
        data BYTEA, expiry TIMESTAMP, PRIMARY KEY (id), UNIQUE (session_id))";
    sql(&server, table).await;
    let error = builder(&server).connect().await.unwrap_err();
    check_error(&error, "SESSION_SQLALCHEMY_SEQUENCE");
    let table = Table::sqlalchemy().with_sequence("numbers").unwrap();
    let store = builder(&server).table(table).connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn tables_are_made_as_flask_session_makes_them_with_an_index_on_expiry() {
    let server = server!();
    let made_by_sequence = Table::sqlalchemy()
        .named("numbered")
        .unwrap()
        .with_sequence("numbers");
    for (table, name, columns) in [
        (Table::sqlalchemy(), "sessions", "id session_id data expiry"),
        (
            Table::postgresql(),
            "flask_sessions",
            "session_id created data expiry",
        ),
        (
            made_by_sequence.unwrap(),
            "numbered",
            "id session_id data expiry",
        ),
    ] {
        let expecting = || builder(&server).table(table.clone()).tables(Tables::Expect);
        let error = expecting().connect().await.unwrap_err();
        check_error(&error, "migrate");
        assert_eq!(expecting().migrate().await.unwrap(), Migrated::Created);
        assert_eq!(expecting().migrate().await.unwrap(), Migrated::Unchanged);
        let store = expecting().connect().await.unwrap();
        store.create(&key(), "data".into(), later()).await.unwrap();
        let found = format!(
            "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns \
             WHERE table_name = '{name}'"
        );
        assert_eq!(sql(&server, &found).await[0][0].as_deref(), Some(columns));
        let index = format!("SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_{name}_expiry'");
        assert_eq!(sql(&server, &index).await[0][0].as_deref(), Some("1"));
    }
}

#[tokio::test]
async fn a_table_of_another_kind_is_refused() {
    let server = server!();
    sql(
        &server,
        "CREATE TABLE sessions (sid TEXT PRIMARY KEY, data TEXT, expiry BIGINT)",
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
async fn what_was_prepared_before_a_change_of_the_table_is_prepared_anew() {
    let server = server!();
    let url = server.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let by_url = format!("{url}{separator}prepared_statement_cache_size=100");
    for (digits, builder) in [(3, at_now(&url).prepared(true)), (4, at_now(&by_url))] {
        let store = builder.connections(1).connect().await.unwrap();
        let data = async || store.load(&key()).await.unwrap().map(|record| record.blob);
        store.create(&key(), "data".into(), later()).await.unwrap();
        assert_eq!(data().await.unwrap(), "data");
        let prepared = connections(&server).await;
        let change = format!("ALTER TABLE sessions ALTER expiry TYPE timestamp({digits})");
        sql(&server, &change).await;
        assert_eq!(data().await.unwrap(), "data");
        assert_ne!(connections(&server).await, prepared);
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
    let url = format!("{}?sslmode=disable", Postgresql::url_at(proxy.port));
    let store = at_now(&url).connect().await.unwrap();
    faults::bears_lost_answers(&store, &proxy).await;
}

#[tokio::test]
async fn a_wrong_password_is_a_clear_error() {
    let server = server!();
    let url = server.url().replace(SECRET, "wr0ng-s3cret");
    let error = hasty(&url).load(&key()).await.unwrap_err();
    check_error(&error, "password");
    assert!(!error.is_temporary());
    let url = server.url().replace("/postgres", "/absent");
    let error = hasty(&url).load(&key()).await.unwrap_err();
    check_error(&error, "no such database");
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::of(1024) else {
        return disk::forbidden();
    };
    let server = server!();
    give("postgres", disk.path());
    let place = disk.path().display();
    for setting in [
        format!("CREATE TABLESPACE small LOCATION '{place}'"),
        "ALTER ROLE dewar SET default_tablespace = small".to_owned(),
    ] {
        sql(&server, &setting).await;
    }
    let store = builder(&server).connect().await.unwrap();
    let error = disk::fill(&store, &disk, later()).await;
    check_error(&error, "disk is full");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_read_only_server_is_named_as_one_and_goes_on_reading() {
    let server = server!();
    let store = builder(&server).connect().await.unwrap();
    store.create(&key(), "data".into(), later()).await.unwrap();
    let url = format!(
        "{}?options=-c%20default_transaction_read_only%3Don",
        server.url()
    );
    let store = at_now(&url).connect().await.unwrap();
    let seen = store.load(&key()).await.unwrap().unwrap().version;
    let replaced = store.replace(&key(), "new".into(), later(), &seen).await;
    let deleted = store.delete(&key()).await;
    for error in [replaced.unwrap_err(), deleted.unwrap_err()] {
        check_error(&error, "read-only");
        assert!(error.is_temporary());
    }
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_standby_is_named_as_read_only_and_written_to_at_once_when_it_is_promoted() {
    let primary = server!();
    let writer = builder(&primary).connect().await.unwrap();
    let standby = primary.standby();
    let store = builder(&standby).connect().await.unwrap();
    writer.create(&key(), "data".into(), later()).await.unwrap();
    let seen = replicated(&store).await;
    let (key, other) = (key(), Key::new("session:other"));
    let longer = later() + Duration::from_secs(60);
    let create = || store.create(&other, "data".into(), later());
    let replace = || store.replace(&key, "new".into(), later(), &seen);
    for refused in [
        create().await.map(drop),
        replace().await.map(drop),
        store.touch(&key, longer).await.map(drop),
        store.delete(&key).await,
        store.delete_unchanged(&key, &seen).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        check_error(&error, "read-only");
        assert!(error.is_temporary());
    }
    for store in [&writer, &store] {
        let record = store.load(&key).await.unwrap().unwrap();
        assert_eq!(record.blob, &b"data"[..]);
        assert_eq!(record.expires, Some(later()));
    }
    primary.kill();
    let (one, two) = tokio::join!(store.load(&key), store.load(&key));
    assert!(one.unwrap().is_some() && two.unwrap().is_some());
    let before = connections(&standby).await;
    standby.promote();
    let (created, replaced) = tokio::join!(create(), replace());
    assert!(matches!(created.unwrap(), Created::Done(_)));
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    // Those that were read-only when they were made.
    let after = connections(&standby).await;
    assert!(after.iter().all(|connection| before.contains(connection)));
}

#[tokio::test]
async fn a_standby_is_left_for_the_primary_when_the_address_leads_there() {
    let primary = server!();
    builder(&primary).migrate().await.unwrap();
    let standby = primary.standby();
    let proxy = Proxy::to(standby.port).await;
    let url = Postgresql::url_at(proxy.port);
    let store = at_now(&url).connect().await.unwrap();
    assert!(store.load(&key()).await.unwrap().is_none());
    proxy.lead_to(primary.port);
    store.create(&key(), "data".into(), later()).await.unwrap();
    let rows = sql(&primary, "SELECT count(*) FROM sessions").await;
    assert_eq!(rows[0][0].as_deref(), Some("1"));
}

#[tokio::test]
async fn of_two_hosts_the_one_that_may_be_written_to_is_found_and_after_a_failover_the_other() {
    let primary = server!();
    builder(&primary).migrate().await.unwrap();
    let standby = primary.standby();
    let store = |first: &Postgresql, second: &Postgresql| {
        let first = format!("@127.0.0.1:{},", first.port);
        let url = second.url().replace('@', &first);
        let store = at_now(&format!("{url}?target_session_attrs=read-write"));
        store.build().unwrap()
    };
    let (one, other) = (store(&primary, &standby), store(&standby, &primary));
    one.create(&key(), "data".into(), later()).await.unwrap();
    assert_eq!(other.touch(&key(), later()).await.unwrap(), Touched::Done);
    let seen = replicated(&builder(&standby).build().unwrap()).await;
    primary.kill();
    // What is wrong with the last host is told.
    for (store, words) in [
        (store(&primary, &standby), "read-only"),
        (store(&standby, &primary), "listening there"),
    ] {
        let error = store.delete(&key()).await.unwrap_err();
        check_error(&error, words);
        assert!(error.is_temporary());
    }
    standby.promote();
    assert_eq!(other.touch(&key(), later()).await.unwrap(), Touched::Done);
    let replaced = one.replace(&key(), "new".into(), later(), &seen).await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
}

#[tokio::test]
async fn another_service_on_the_port_is_a_clear_error() {
    faults::knows_impostors(|port| hasty(&Postgresql::url_at(port)), "connection").await;
}

#[tokio::test]
async fn an_error_of_the_server_may_have_any_code() {
    for refusal in [
        &b"E\0\0\0\x12SFATAL\0C\0Mno\0\0"[..],
        "E\0\0\0\x14SFATAL\0Cé\0Mno\0\0".as_bytes(),
        "E\0\0\0\x17SFATAL\0Ca\u{e9}00\0Mno\0\0".as_bytes(),
    ] {
        let port = support::impostor(refusal);
        let url = format!("{}?sslmode=disable", Postgresql::url_at(port));
        let error = hasty(&url).load(&key()).await.unwrap_err();
        check_error(&error, "the server refuses");
    }
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
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dewar'";
    let open = || {
        let rows = runtime().block_on(sql(&server, count));
        rows[0][0].as_ref().unwrap().parse().unwrap()
    };
    connections_make_room(&store, &key(), open);
}
