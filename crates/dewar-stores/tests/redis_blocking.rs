//! Redis, waited for by the calling thread: what happens when the server breaks is what happens to tasks.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use dewar::store::{Created, Key, Replaced, Store, Touched};
use dewar::{Error, UnixTime};
use dewar_stores::redis::RedisStore;
use support::faults::HASTE;
use support::proxy::Proxy;
use support::{Freeze, Server, impostor};

macro_rules! server {
    () => {
        match Server::redis(&[]) {
            Some(server) => server,
            None => return support::absent("redis-server"),
        }
    };
}

/// A store that does not wait long.
fn hasty(port: u16) -> RedisStore {
    let builder = RedisStore::builder(format!("redis://127.0.0.1:{port}")).blocking();
    let builder = builder.connect_timeout(HASTE).operation_timeout(HASTE);
    builder.build().unwrap()
}

fn key() -> Key {
    Key::new("session:yTvVK3Bq0cOd5R8nCiZYm1cJXs3cWrTMbYbCq6XHqJQ")
}

fn hour() -> UnixTime {
    UnixTime::now() + Duration::from_secs(3600)
}

#[track_caller]
fn check_temporary(error: &Error, words: &str) {
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_stopped_server_is_refused_at_once_and_used_again_when_it_is_back() {
    let mut server = server!();
    let store = hasty(server.port);
    store.load(&key()).await.unwrap();
    server.kill();
    let error = store.load(&key()).await.unwrap_err();
    check_temporary(&error, "nothing listens there");

    server.restart();
    assert!(store.load(&key()).await.unwrap().is_none());
    // Restarted behind the back of a store that is not in use meanwhile: no error at all.
    server.kill();
    server.restart();
    let created = store.create(&key(), "x".into(), hour()).await.unwrap();
    assert!(matches!(created, Created::Done(_)));
}

#[tokio::test]
async fn a_frozen_server_is_waited_for_as_long_as_told_and_used_again_when_it_thaws() {
    let server = server!();
    let store = hasty(server.port);
    store.create(&key(), "x".into(), hour()).await.unwrap();
    server.freeze();
    let begin = Instant::now();
    let error = store.load(&key()).await.unwrap_err();
    check_temporary(&error, "no answer within 2s");
    // Once, though a load has two answers.
    let taken = begin.elapsed();
    assert!(taken < HASTE * 2, "{taken:?}");
    // Connecting anew fails in time as well.
    let error = store.touch(&key(), hour()).await.unwrap_err();
    check_temporary(&error, "within 2s");
    let taken = begin.elapsed();
    assert!(taken < HASTE * 10, "{taken:?}");

    server.thaw();
    assert_eq!(store.touch(&key(), hour()).await.unwrap(), Touched::Done);
}

#[tokio::test]
async fn what_answers_nothing_or_something_else_is_told_apart() {
    let silent = hasty(impostor(b"")).check().await.unwrap_err();
    assert!(
        silent.to_string().contains("no connection within"),
        "{silent}"
    );
    let greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let other = hasty(impostor(greeting)).check().await.unwrap_err();
    let words = "does not speak Redis's protocol";
    assert!(other.to_string().contains(words), "{other}");
}

// The proxy runs on the other thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_was_lost_is_found_to_be_done() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let store = hasty(proxy.port);
    let other = Key::new("session:other");
    store.create(&other, "one".into(), hour()).await.unwrap();
    let seen = store.load(&other).await.unwrap().unwrap().version;
    let replaced = store.replace(&other, "two".into(), hour(), &seen).await;
    replaced.unwrap();

    proxy.cut_next_answer();
    let Created::Done(seen) = store.create(&key(), "one".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    proxy.cut_next_answer();
    let replaced = store.replace(&key(), "two".into(), hour(), &seen).await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    assert_eq!(&store.load(&key()).await.unwrap().unwrap().blob[..], b"two");
    assert_eq!(proxy.cuts(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_garbled_answer_is_asked_for_again() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let store = hasty(proxy.port);
    store.create(&key(), "one".into(), hour()).await.unwrap();
    for _ in 0..3 {
        proxy.corrupt_next_answer();
        let record = store.load(&key()).await.unwrap().unwrap();
        assert_eq!(&record.blob[..], b"one");
    }
}
