//! DynamoDB: items and tables of others, and what happens when the endpoint breaks.
//!
//! On the emulator `moto`, which `DEWAR_TEST_PYTHON` runs. What it cannot show: permissions, throttling, and the removal
//! of what has expired.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, TimeToLiveStatus,
};
use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::{Created, Observation, Replaced, Store, Touched, Verdict};
use dewar_stores::dynamodb::{DynamodbBuilder, DynamodbStore, Tables};
use support::faults::{self, HASTE, NOW, SECRET, check_error, key, later};
use support::proxy::Proxy;
use support::{Freeze, Server};

macro_rules! server {
    ($($argument:expr),*) => {
        match Server::dynamodb(&[$($argument),*]) {
            Some(server) => server,
            None => return support::absent("DEWAR_TEST_PYTHON, a Python with moto,"),
        }
    };
}

fn at(port: u16) -> DynamodbBuilder {
    let url = format!("dynamodb+http://key:{SECRET}@127.0.0.1:{port}/?region=eu-central-1");
    let builder = DynamodbStore::builder(url).clock(ManualClock::new(NOW));
    // The stand-in takes its time with the first request.
    builder.operation_timeout(Duration::from_secs(20))
}

/// A store that does not wait long, and knows that its table is there.
fn hasty(port: u16) -> DynamodbStore {
    let builder = at(port).tables(Tables::Expect).connect_timeout(HASTE);
    builder.operation_timeout(HASTE).build().unwrap()
}

/// The SDK itself, for what the store does not do.
fn client(server: &Server) -> Client {
    DynamodbStore::client(&format!(
        "dynamodb+http://key:{SECRET}@127.0.0.1:{}/?region=eu-central-1",
        server.port
    ))
    .unwrap()
}

async fn put(server: &Server, val: &[u8], expiration: Option<&str>) {
    let put = client(server).put_item().table_name("Sessions");
    let mut put = put
        .item("id", AttributeValue::S(key().expose().to_owned()))
        .item("val", AttributeValue::B(Blob::new(val)));
    if let Some(expiration) = expiration {
        put = put.item("expiration", AttributeValue::N(expiration.to_owned()));
    }
    put.send().await.unwrap();
}

async fn make_table(server: &Server, attribute: &str) {
    let definition = AttributeDefinition::builder().attribute_name(attribute);
    let definition = definition.attribute_type(ScalarAttributeType::S).build();
    let schema = KeySchemaElement::builder().attribute_name(attribute);
    let schema = schema.key_type(KeyType::Hash).build();
    let create = client(server).create_table().table_name("Sessions");
    let create = create
        .attribute_definitions(definition.unwrap())
        .key_schema(schema.unwrap())
        .billing_mode(BillingMode::PayPerRequest);
    create.send().await.unwrap();
}

#[tokio::test]
async fn items_are_those_of_flask_session_whose_expiry_may_have_a_fraction() {
    let server = server!();
    let store = at(server.port).connect().await.unwrap();
    put(&server, b"\x82\xa1", Some("1700000001.5009765625")).await;
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(record.blob, &b"\x82\xa1"[..]);
    assert_eq!(
        record.expires,
        Some(UnixTime::from_millis(1_700_000_001_500))
    );
    let expires = NOW + Duration::from_millis(60_001);
    let replaced = store
        .replace(&key(), "new".into(), expires, &record.version)
        .await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    let get = client(&server).get_item().table_name("Sessions");
    let get = get.key("id", AttributeValue::S(key().expose().to_owned()));
    let item = get.send().await.unwrap().item.unwrap();
    assert_eq!(item.len(), 3);
    assert_eq!(item["val"], AttributeValue::B(Blob::new("new")));
    // Whole seconds, rounded up: AWS's expiry wants them.
    assert_eq!(
        item["expiration"],
        AttributeValue::N("1700000061".to_owned())
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
    put(&server, b"theirs", Some("1700000090")).await;
    let replaced = store.replace(&key(), "new".into(), later(), &seen).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
}

#[tokio::test]
async fn items_that_count_as_expired_are_absent_and_make_place() {
    let server = server!();
    let store = at(server.port).connect().await.unwrap();
    for expiration in [None, Some("1700000000"), Some("1699999999.9")] {
        put(&server, b"data", expiration).await;
        assert!(store.load(&key()).await.unwrap().is_none());
        assert_eq!(store.touch(&key(), later()).await.unwrap(), Touched::Gone);
        let created = store.create(&key(), "data".into(), later()).await.unwrap();
        assert!(matches!(created, Created::Done(_)));
    }
}

#[tokio::test]
async fn the_table_is_made_and_expires_items_by_itself() {
    let server = server!();
    let expecting = at(server.port).tables(Tables::Expect).connect().await;
    let error = expecting.unwrap_err();
    check_error(&error, "there is no table \"Sessions\"");
    for _ in 0..2 {
        at(server.port).connect().await.unwrap();
    }
    let asked = client(&server)
        .describe_time_to_live()
        .table_name("Sessions");
    let known = asked
        .send()
        .await
        .unwrap()
        .time_to_live_description
        .unwrap();
    assert_eq!(known.time_to_live_status, Some(TimeToLiveStatus::Enabled));
    assert_eq!(known.attribute_name.as_deref(), Some("expiration"));
    hasty(server.port).check().await.unwrap();
}

#[tokio::test]
async fn the_expiry_that_flask_session_never_turned_on_is_turned_on() {
    let server = server!();
    make_table(&server, "id").await;
    at(server.port).connect().await.unwrap();
    let asked = client(&server)
        .describe_time_to_live()
        .table_name("Sessions");
    let known = asked
        .send()
        .await
        .unwrap()
        .time_to_live_description
        .unwrap();
    assert_eq!(known.attribute_name.as_deref(), Some("expiration"));
}

#[tokio::test]
async fn processes_that_turn_the_expiry_on_at_once_are_all_content() {
    let server = server!();
    make_table(&server, "id").await;
    let port = server.port;
    let checks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(async move { at(port).connect().await.map(drop) }))
        .collect();
    for check in checks {
        check.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_table_that_removes_nothing_that_has_expired_is_told() {
    let server = server!();
    make_table(&server, "id").await;
    let store = at(server.port).tables(Tables::Expect).build().unwrap();
    let found = store.diagnose().await.unwrap();
    let [Observation { about, verdict, .. }] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((*about, *verdict), ("cleanup", Verdict::Doubtful));
    at(server.port).migrate().await.unwrap();
    let [Observation { about, verdict, .. }] = &store.diagnose().await.unwrap()[..] else {
        panic!("one thing");
    };
    assert_eq!((*about, *verdict), ("cleanup", Verdict::Good));
}

#[tokio::test]
async fn a_table_with_another_key_is_refused() {
    let server = server!();
    make_table(&server, "session_id").await;
    let error = at(server.port).connect().await.unwrap_err();
    check_error(&error, "is not the text `id` alone");
    let error = hasty(server.port).load(&key()).await.unwrap_err();
    check_error(&error, "only key");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn a_session_that_no_item_holds_is_an_error_with_its_size() {
    let server = server!();
    let store = at(server.port).connect().await.unwrap();
    let large = bytes::Bytes::from(vec![7; 409_600]);
    let error = store
        .create(&key(), large.clone(), later())
        .await
        .unwrap_err();
    check_error(&error, "has 409600 bytes");
    let created = store.create(&key(), "x".into(), later()).await.unwrap();
    let Created::Done(seen) = created else {
        panic!("{created:?}")
    };
    let error = store
        .replace(&key(), large, later(), &seen)
        .await
        .unwrap_err();
    check_error(&error, "has 409600 bytes");
    assert_eq!(store.load(&key()).await.unwrap().unwrap().blob, &b"x"[..]);
}

#[tokio::test]
async fn a_stopped_server_is_an_error_at_once_and_is_used_again_when_it_is_back() {
    let mut server = server!();
    at(server.port).connect().await.unwrap();
    let store = Arc::new(hasty(server.port));
    faults::begin(&*store).await;
    server.kill();
    faults::fails_in_time(&store, "no connection").await;
    server.restart();
    at(server.port).connect().await.unwrap();
    assert!(store.load(&key()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_frozen_server_is_an_error_in_time_and_is_used_again_when_it_goes_on() {
    let server = server!();
    at(server.port).connect().await.unwrap();
    let store = Arc::new(hasty(server.port));
    faults::begin(&*store).await;
    server.freeze();
    faults::fails_in_time(&store, "no answer in time").await;
    server.thaw();
    faults::recovers(&*store).await;
}

#[tokio::test]
async fn many_calls_that_wait_for_the_table_of_a_frozen_server_are_over_in_the_time_of_one() {
    let server = server!();
    let builder = at(server.port).connect_timeout(HASTE);
    let store = Arc::new(builder.operation_timeout(HASTE).build().unwrap());
    server.freeze();
    let begin = Instant::now();
    let call = |store: Arc<DynamodbStore>| async move { store.load(&key()).await };
    let calls: Vec<_> = (0..30).map(|_| tokio::spawn(call(store.clone()))).collect();
    for call in calls {
        assert!(call.await.unwrap().unwrap_err().is_temporary());
    }
    let longest = begin.elapsed();
    assert!(longest < HASTE * 5, "{longest:?}");
    server.thaw();
}

#[tokio::test]
async fn a_lost_answer_makes_no_write_fail_or_happen_twice() {
    let server = server!();
    at(server.port).connect().await.unwrap();
    let proxy = Proxy::to(server.port).await;
    let store = at(proxy.port).connect().await.unwrap();
    faults::bears_lost_answers(&store, &proxy).await;
}

#[tokio::test]
async fn a_user_who_may_only_read_is_told_what_is_needed() {
    let server = server!("--read-only");
    let store = at(server.port).tables(Tables::Expect).build().unwrap();
    let created = store.create(&key(), "data".into(), later()).await;
    let error = created.unwrap_err();
    check_error(&error, "PutItem");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn another_service_on_the_port_is_a_clear_error() {
    faults::knows_impostors(hasty, "loading a session").await;
}
