//! MongoDB: documents and indexes of others, and what happens when the server breaks.
//!
//! On the stand-in `tests/emulators/mongodb.py`, which `DEWAR_TEST_PYTHON` runs. What it cannot show: users and
//! passwords, TLS, elections, and the removal of what has expired.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::{Created, Replaced, Store, Touched};
use dewar_stores::mongodb::{Indexes, MongodbBuilder, MongodbStore};
use mongodb::bson::{Binary, DateTime, Document, doc, spec::BinarySubtype};
use mongodb::options::IndexOptions;
use mongodb::{Client, Collection, IndexModel};
use support::faults::{self, HASTE, NOW, check_error, key, later};
use support::proxy::Proxy;
use support::{Freeze, Server};

macro_rules! server {
    ($($argument:expr),*) => {
        match Server::mongodb(&[$($argument),*]) {
            Some(server) => server,
            None => return support::absent("DEWAR_TEST_PYTHON, a Python with pymongo,"),
        }
    };
}

fn at(port: u16) -> MongodbBuilder {
    let url = format!("mongodb://127.0.0.1:{port}");
    MongodbStore::builder(url).clock(ManualClock::new(NOW))
}

/// A store that does not wait long.
fn hasty(port: u16) -> MongodbStore {
    let builder = at(port).connect_timeout(HASTE);
    builder.operation_timeout(HASTE).build().unwrap()
}

async fn collection(server: &Server) -> Collection<Document> {
    let url = format!("mongodb://127.0.0.1:{}", server.port);
    let client = Client::with_uri_str(url).await.unwrap();
    client.database("flask_session").collection("sessions")
}

fn document(val: &[u8], expiration: i64) -> Document {
    let bytes = val.to_vec();
    let val = Binary {
        subtype: BinarySubtype::Generic,
        bytes,
    };
    doc! { "id": key().expose(), "val": val, "expiration": DateTime::from_millis(expiration) }
}

#[tokio::test]
async fn documents_are_those_of_flask_session() {
    let server = server!();
    let sessions = collection(&server).await;
    let theirs = document(b"\x82\xa1", 1_700_000_001_500);
    sessions.insert_one(theirs).await.unwrap();
    let store = at(server.port).connect().await.unwrap();
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(record.blob, &b"\x82\xa1"[..]);
    assert_eq!(
        record.expires,
        Some(UnixTime::from_millis(1_700_000_001_500))
    );
    let replaced = store
        .replace(&key(), "new".into(), later(), &record.version)
        .await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    let mut found = sessions.find_one(doc! {}).await.unwrap().unwrap();
    found.remove("_id").unwrap();
    assert_eq!(found, document(b"new", 1_700_000_060_000));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        ["id", "val", "expiration"]
    );
}

#[tokio::test]
async fn what_flask_session_overwrote_is_a_conflict() {
    let server = server!();
    let store = at(server.port).connect().await.unwrap();
    let created = store.create(&key(), "data".into(), later()).await.unwrap();
    let Created::Done(seen) = created else {
        panic!("{created:?}")
    };
    let theirs = doc! { "$set": document(b"theirs", 1_700_000_090_000) };
    let sessions = collection(&server).await;
    sessions.update_one(doc! {}, theirs).await.unwrap();
    let replaced = store.replace(&key(), "new".into(), later(), &seen).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
}

#[tokio::test]
async fn documents_without_expiration_count_as_expired_and_make_place() {
    let server = server!();
    let sessions = collection(&server).await;
    let theirs = doc! { "id": key().expose(), "val": "data" };
    sessions.insert_one(theirs).await.unwrap();
    let store = at(server.port).connect().await.unwrap();
    assert!(store.load(&key()).await.unwrap().is_none());
    assert_eq!(store.touch(&key(), later()).await.unwrap(), Touched::Gone);
    let created = store.create(&key(), "data".into(), later()).await.unwrap();
    assert!(matches!(created, Created::Done(_)));
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn something_else_than_bytes_is_an_error() {
    let server = server!();
    let store = at(server.port).connect().await.unwrap();
    let mut theirs = document(b"", 1_700_000_060_000);
    theirs.insert("val", 7);
    collection(&server).await.insert_one(theirs).await.unwrap();
    let error = store.load(&key()).await.unwrap_err();
    check_error(&error, "not binary");
}

#[tokio::test]
async fn the_indexes_are_made_once_where_that_is_asked_for() {
    let server = server!();
    let expecting = || at(server.port).indexes(Indexes::Expect).connect();
    check_error(&expecting().await.unwrap_err(), "no index on `id`");
    for _ in 0..2 {
        at(server.port).connect().await.unwrap();
    }
    expecting().await.unwrap();
    let names = collection(&server).await.list_index_names().await.unwrap();
    assert_eq!(names, ["_id_", "id_1", "expiration_1"]);
}

#[tokio::test]
async fn an_index_that_does_something_else_is_refused() {
    for (field, options, words) in [
        ("id", IndexOptions::default(), "not unique"),
        (
            "expiration",
            IndexOptions::default(),
            "expireAfterSeconds 0",
        ),
        (
            "expiration",
            IndexOptions::builder()
                .expire_after(Duration::from_secs(60))
                .build(),
            "expireAfterSeconds 0",
        ),
    ] {
        let server = server!();
        let index = IndexModel::builder()
            .keys(doc! { field: 1 })
            .options(options);
        let sessions = collection(&server).await;
        sessions.create_index(index.build()).await.unwrap();
        let error = at(server.port).connect().await.unwrap_err();
        check_error(&error, words);
        assert!(!error.is_temporary());
    }
}

#[tokio::test]
async fn two_documents_of_one_id_are_a_clear_error() {
    let server = server!();
    let sessions = collection(&server).await;
    for _ in 0..2 {
        sessions.insert_one(document(b"x", 0)).await.unwrap();
    }
    let error = at(server.port).connect().await.unwrap_err();
    check_error(&error, "have the same `id`");
}

#[tokio::test]
async fn a_stopped_server_is_an_error_in_time_and_is_used_again_when_it_is_back() {
    let mut server = server!();
    let store = Arc::new(hasty(server.port));
    faults::begin(&*store).await;
    server.kill();
    faults::fails_in_time(&store, "loading a session").await;
    server.restart();
    faults::recovers(&*store).await;
}

#[tokio::test]
async fn a_frozen_server_is_an_error_in_time_and_is_used_again_when_it_goes_on() {
    let server = server!();
    let store = Arc::new(hasty(server.port));
    faults::begin(&*store).await;
    server.freeze();
    faults::fails_in_time(&store, "loading a session").await;
    server.thaw();
    faults::recovers(&*store).await;
}

#[tokio::test]
async fn a_replica_set_without_a_primary_is_told_as_that() {
    let server = server!("--secondary");
    // The other member is down.
    let url = format!(
        "mongodb://127.0.0.1:{},127.0.0.1:1/?replicaSet=main",
        server.port
    );
    let builder = MongodbStore::builder(url).connect_timeout(HASTE);
    let store = builder.operation_timeout(HASTE).build().unwrap();
    let error = store.load(&key()).await.unwrap_err();
    check_error(&error, "the replica set has no primary");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_full_disk_is_told_as_that() {
    let server = server!("--full");
    let error = at(server.port).connect().await.unwrap_err();
    check_error(&error, "the server's disk is full");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_lost_answer_makes_no_write_fail_or_happen_twice() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    // So that the proxy cuts answers to the store, and not to the driver's questions about the server's health.
    let url = format!(
        "mongodb://127.0.0.1:{}/?heartbeatFrequencyMS=60000&serverMonitoringMode=poll",
        proxy.port
    );
    let store = MongodbStore::builder(url).clock(ManualClock::new(NOW));
    let store = store.connect().await.unwrap();
    faults::bears_lost_answers(&store, &proxy).await;
}

#[tokio::test]
async fn another_service_on_the_port_is_a_clear_error() {
    faults::knows_impostors(hasty, "no connection").await;
}

#[tokio::test]
async fn more_calls_than_connections_wait_for_their_turn() {
    let server = server!();
    let store = at(server.port).connections(2).connect().await.unwrap();
    faults::queues(store).await;
}

#[tokio::test]
async fn calls_that_are_abandoned_do_no_harm_to_the_next() {
    let server = server!();
    let store = at(server.port).connections(1).connect().await.unwrap();
    faults::bears_abandoned_calls(store).await;
}
