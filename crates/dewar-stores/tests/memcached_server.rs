//! memcached: what is written there, what can be reached how, and what happens when a server breaks.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dewar::store::{Created, Deleted, Key, Replaced, Store, Touched, Version};
use dewar::{Error, ErrorKind, UnixTime};
use dewar_stores::memcached::MemcachedStore;
use support::faults::HASTE;
use support::proxy::Proxy;
use support::{Freeze, Server, connections_make_room, impostor, store_on_a_busy_runtime};

const SECRET: &str = "s3cret";
const ID: &str = "yTvVK3Bq0cOd5R8nCiZYm1cJXs3cWrTMbYbCq6XHqJQ";

macro_rules! server {
    ($($argument:expr),*) => {
        match Server::memcached(&[$($argument),*]) {
            Some(server) => server,
            None => return support::absent("memcached"),
        }
    };
}

fn url(server: &Server) -> String {
    format!("memcached://127.0.0.1:{}", server.port)
}

async fn connect(url: String) -> MemcachedStore {
    MemcachedStore::builder(url).connect().await.unwrap()
}

/// How far off a time is at most that is counted by a clock which ticks once in a second.
const TICKS: Duration = Duration::from_secs(3);

/// A store that does not wait long.
fn hasty(url: &str) -> MemcachedStore {
    let builder = MemcachedStore::builder(url).connect_timeout(HASTE);
    builder.operation_timeout(HASTE).build().unwrap()
}

fn key() -> Key {
    Key::new(format!("session:{ID}"))
}

fn hour() -> UnixTime {
    UnixTime::now() + Duration::from_secs(3600)
}

async fn create(store: &MemcachedStore, blob: &'static str) -> Version {
    match store.create(&key(), blob.into(), hour()).await.unwrap() {
        Created::Done(version) => version,
        Created::Taken => panic!("taken"),
    }
}

/// What the server answers to a line of the text protocol.
fn raw(server: &Server, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream
        .write_all(format!("{command}\r\nquit\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// What every error must be: about the store, about the server, and silent about secrets.
#[track_caller]
fn check_error(error: &Error, address: &str, words: &str) {
    let text = format!("{error}");
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(text.contains(address), "{text}");
    assert!(text.contains(words), "{text}");
    let all = format!("{text} {error:?}");
    assert!(!all.contains(SECRET) && !all.contains(ID), "{all}");
}

#[tokio::test]
async fn records_are_what_flask_session_writes() {
    let server = server!();
    let store = connect(url(&server)).await;
    create(&store, "\u{1}data").await;
    let answer = raw(&server, &format!("get session:{ID}"));
    assert_eq!(
        answer,
        format!("VALUE session:{ID} 0 5\r\n\u{1}data\r\nEND\r\n")
    );

    let lifetime = Duration::from_secs(100);
    let before = UnixTime::now() + lifetime;
    raw(&server, &format!("set session:{ID} 0 100 3\r\nold"));
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(&record.blob[..], b"old");
    let (expires, after) = (record.expires.unwrap(), UnixTime::now() + lifetime);
    assert!(before - TICKS <= expires && expires <= after, "{expires:?}");
    // Flags are another client's business (python-memcached marks what it pickled).
    raw(&server, &format!("set session:{ID} 16 0 3\r\nold"));
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(record.expires, None);
    let replaced = store
        .replace(&key(), "new".into(), hour(), &record.version)
        .await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
}

#[tokio::test]
async fn a_month_and_more_is_not_taken_for_a_time_in_1970() {
    let server = server!();
    let store = connect(url(&server)).await;
    for days in [29, 30, 31, 365] {
        let begin = UnixTime::now();
        let expires = begin + Duration::from_secs(days * 24 * 60 * 60);
        store.create(&key(), "x".into(), expires).await.unwrap();
        let record = store.load(&key()).await.unwrap().expect("a live record");
        let told = record.expires.unwrap();
        // What is left is told when the server is asked.
        let latest = expires + TICKS + UnixTime::now().since(begin);
        assert!(
            expires - TICKS <= told && told <= latest,
            "{days} days: {told:?}"
        );
        assert_eq!(store.touch(&key(), expires).await.unwrap(), Touched::Done);
        assert!(store.load(&key()).await.unwrap().is_some());
        store.delete(&key()).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_is_too_large_is_an_error_with_its_size_and_loses_nothing() {
    let server = server!();
    let sasl = Server::memcached_sasl("user", SECRET);
    let mut urls = Vec::from([url(&server)]);
    match &sasl {
        Some(sasl) => urls.push(format!("memcached://user:{SECRET}@127.0.0.1:{}", sasl.port)),
        None => support::absent("sasl2-bin"),
    }
    for url in urls {
        let store = connect(url).await;
        let seen = create(&store, "small").await;
        let large = Bytes::from(vec![b'x'; 1_500_000]);
        let other = Key::new("session:other");
        let created = store
            .create(&other, large.clone(), hour())
            .await
            .unwrap_err();
        let again = store.create(&key(), large.clone(), hour()).await;
        assert!(again.is_err() || again.unwrap() == Created::Taken);
        let replaced = store
            .replace(&key(), large, hour(), &seen)
            .await
            .unwrap_err();
        for error in [created, replaced] {
            check_error(&error, "memcached at 127.0.0.1", "1500000 bytes");
            assert!(!error.is_temporary());
        }
        assert_eq!(
            &store.load(&key()).await.unwrap().unwrap().blob[..],
            b"small"
        );
        let replaced = store
            .replace(&key(), "y".into(), hour(), &seen)
            .await
            .unwrap();
        assert!(matches!(replaced, Replaced::Done(_)));
    }
}

#[tokio::test]
async fn a_full_server_that_may_not_evict_refuses_and_loses_nothing() {
    let server = server!("-M", "-m", "2");
    let store = connect(url(&server)).await;
    let blob = Bytes::from(vec![b'x'; 50_000]);
    let name = |number: u32| Key::new(format!("session:{number}"));
    let mut made = Vec::new();
    let error = loop {
        let number = u32::try_from(made.len()).unwrap();
        match store.create(&name(number), blob.clone(), hour()).await {
            Ok(Created::Done(version)) => made.push((name(number), version)),
            Ok(Created::Taken) => panic!("taken"),
            Err(error) => break error,
        }
    };
    check_error(&error, "memcached at 127.0.0.1", "memory is full");
    assert!(error.is_temporary());
    assert!(!made.is_empty());
    // It has no place for the new state of a session either; the old one stays.
    for (key, seen) in &made {
        let other = Bytes::from(vec![b'y'; 60_000]);
        let _ = store.replace(key, other, hour(), seen).await;
        assert!(store.load(key).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_key_that_could_be_a_command_never_leaves() {
    let server = server!();
    let store = connect(url(&server)).await;
    create(&store, "here").await;
    for key in ["a\r\nflush_all", "a b", "", &"a".repeat(251)] {
        let long = key.len() > 250;
        let key = Key::new(key);
        match store.load(&key).await {
            Ok(found) => assert!(long && found.is_none()),
            Err(error) => {
                assert!(!long);
                check_error(&error, "memcached at 127.0.0.1", "SESSION_KEY_PREFIX");
            }
        }
        store.create(&key, "x".into(), hour()).await.unwrap_err();
        store.delete(&key).await.unwrap_err();
    }
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_version_of_another_store_changes_nothing() {
    let server = server!();
    let store = connect(url(&server)).await;
    create(&store, "here").await;
    for seen in [
        Version::token(0),
        Version::token(u64::MAX),
        Version::content("here".into()),
    ] {
        let replaced = store
            .replace(&key(), "x".into(), hour(), &seen)
            .await
            .unwrap();
        assert_eq!(replaced, Replaced::Conflict);
        let deleted = store.delete_unchanged(&key(), &seen).await.unwrap();
        assert_eq!(deleted, Deleted::Conflict);
    }
    assert_eq!(
        &store.load(&key()).await.unwrap().unwrap().blob[..],
        b"here"
    );
}

#[tokio::test]
async fn unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(65534), None).ok();
    let path = folder.path().join("memcached.sock");
    let Some(_server) = Server::memcached_on_socket(&path) else {
        return support::absent("memcached");
    };
    let store = connect(format!("memcached+unix://{}", path.display())).await;
    create(&store, "here").await;
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn text_log_in() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, format!("user:{SECRET}\n")).unwrap();
    let server = server!("-Y", users.to_str().unwrap());
    let with = |password: &str| {
        let url = format!(
            "memcached://user:{password}@127.0.0.1:{}?auth=text",
            server.port
        );
        MemcachedStore::builder(url)
    };
    let store = with(SECRET).connect().await.unwrap();
    create(&store, "here").await;
    for error in [
        with("wrong").connect().await.unwrap_err(),
        MemcachedStore::builder(url(&server))
            .connect()
            .await
            .unwrap_err(),
    ] {
        check_error(
            &error,
            "memcached at 127.0.0.1",
            "refuses this user and password",
        );
        assert!(!error.is_temporary());
    }
}

#[tokio::test]
async fn sasl_log_in_that_is_wrong() {
    let Some(server) = Server::memcached_sasl("user", SECRET) else {
        return support::absent("sasl2-bin");
    };
    let url = format!("memcached://user:wrong@127.0.0.1:{}", server.port);
    let error = MemcachedStore::builder(url).connect().await.unwrap_err();
    check_error(
        &error,
        "memcached at 127.0.0.1",
        "refuses this user and password",
    );
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn one_dead_server_of_several_is_an_error_for_its_sessions_only() {
    let mut servers = [server!(), server!(), server!()];
    let hosts: Vec<_> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port))
        .collect();
    let store = hasty(&format!("memcached://{}", hosts.join(",")));
    let keys: Vec<_> = (0..60)
        .map(|number| Key::new(format!("session:{number}")))
        .collect();
    for key in &keys {
        store.create(key, "x".into(), hour()).await.unwrap();
    }
    servers[1].kill();
    let (mut alive, mut dead) = (0, Vec::new());
    for key in &keys {
        match store.load(key).await {
            Ok(record) => {
                assert!(record.is_some());
                alive += 1;
            }
            Err(error) => {
                check_error(&error, &hosts[1], "loading a session failed");
                assert!(error.is_temporary());
                dead.push(key);
            }
        }
    }
    assert!(
        alive > 20 && dead.len() > 5,
        "{alive} alive, {} dead",
        dead.len()
    );
    servers[1].restart();
    for key in dead {
        assert!(store.load(key).await.unwrap().is_none());
        store.create(key, "y".into(), hour()).await.unwrap();
    }
}

#[tokio::test]
async fn a_stopped_server_is_refused_at_once_and_used_again_when_it_is_back() {
    let mut server = server!();
    let store = connect(url(&server)).await;
    create(&store, "here").await;
    server.kill();
    // Not that there was no answer in time.
    let error = store.load(&key()).await.unwrap_err();
    check_error(&error, "memcached at 127.0.0.1", "nothing listens there");
    assert!(error.is_temporary());
    server.restart();
    assert!(store.load(&key()).await.unwrap().is_none());
    // Restarted behind the back of a store that is not in use meanwhile: no error at all.
    server.kill();
    server.restart();
    create(&store, "here").await;
}

#[tokio::test]
async fn a_frozen_server_is_waited_for_as_long_as_told_and_used_again_when_it_thaws() {
    let server = server!();
    let store = Arc::new(hasty(&url(&server)));
    create(&store, "here").await;
    server.freeze();
    let begin = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        calls.spawn(async move { store.load(&key()).await });
    }
    for result in calls.join_all().await {
        let error = result.unwrap_err();
        check_error(&error, "memcached at 127.0.0.1", "2s");
        assert!(error.is_temporary());
    }
    // All at once, and not one after the other.
    let taken = begin.elapsed();
    assert!(taken < HASTE * 15, "{taken:?}");
    server.thaw();
    assert_eq!(store.touch(&key(), hour()).await.unwrap(), Touched::Done);
}

#[tokio::test]
async fn what_answers_something_else_is_told() {
    let greetings: [&[u8]; 3] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"-ERR unknown command 'mn'\r\n",
        &[0; 5_000],
    ];
    for greeting in greetings {
        let port = impostor(greeting);
        let error = hasty(&format!("memcached://127.0.0.1:{port}"))
            .check()
            .await
            .unwrap_err();
        check_error(&error, &format!("127.0.0.1:{port}"), "not memcached");
        assert!(!error.is_temporary());
        let error = hasty(&format!("memcached://a:b@127.0.0.1:{port}"))
            .check()
            .await
            .unwrap_err();
        check_error(&error, &format!("127.0.0.1:{port}"), "");
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_found_to_be_done() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let store = connect(format!("memcached://127.0.0.1:{}", proxy.port)).await;

    proxy.cut_next_answer();
    let seen = create(&store, "one").await;
    proxy.cut_next_answer();
    let replaced = store
        .replace(&key(), "two".into(), hour(), &seen)
        .await
        .unwrap();
    let Replaced::Done(now) = replaced else {
        panic!("{replaced:?}")
    };
    assert_eq!(store.load(&key()).await.unwrap().unwrap().version, now);
    assert_eq!(proxy.cuts(), 2);

    // Another record is not taken for ours.
    proxy.cut_next_answer();
    let created = store.create(&key(), "three".into(), hour()).await.unwrap();
    assert_eq!(created, Created::Taken);
    proxy.cut_next_answer();
    let replaced = store
        .replace(&key(), "three".into(), hour(), &seen)
        .await
        .unwrap();
    assert_eq!(replaced, Replaced::Conflict);
    proxy.cut_next_answer();
    let deleted = store.delete_unchanged(&key(), &seen).await.unwrap();
    assert_eq!(deleted, Deleted::Conflict);
    proxy.cut_next_answer();
    let deleted = store.delete_unchanged(&key(), &now).await.unwrap();
    assert_eq!(deleted, Deleted::Done);
    assert!(store.load(&key()).await.unwrap().is_none());
    proxy.cut_next_answer();
    store.delete(&key()).await.unwrap();
    assert_eq!(proxy.cuts(), 7);
}

#[tokio::test]
async fn a_garbled_answer_is_an_error_and_spoils_no_other() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let store = hasty(&format!("memcached://127.0.0.1:{}", proxy.port));
    create(&store, "one").await;
    for _ in 0..3 {
        proxy.corrupt_next_answer();
        let error = store.load(&key()).await.unwrap_err();
        check_error(&error, "memcached at 127.0.0.1", "loading a session failed");
        assert_eq!(&store.load(&key()).await.unwrap().unwrap().blob[..], b"one");
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_answer_for_the_next() {
    let server = server!();
    let store = connect(url(&server)).await;
    create(&store, "here").await;
    let (present, absent) = (key(), Key::new("session:absent"));
    for micros in 0..200 {
        let given_up = tokio::time::timeout(Duration::from_micros(micros), store.load(&present));
        let _ = given_up.await;
        assert!(store.load(&absent).await.unwrap().is_none());
    }
}

#[test]
fn a_busy_runtime_holds_up_no_other_one() {
    let server = server!();
    store_on_a_busy_runtime(&hasty(&url(&server)), &key());
}

#[test]
fn connections_of_other_runtimes_make_room() {
    let server = server!();
    let builder = MemcachedStore::builder(url(&server)).connections(2);
    let store = builder.build().unwrap();
    connections_make_room(&store, &key(), || connections(&server));
}

/// How many there are, this question's own included.
fn connections(server: &Server) -> u32 {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.write_all(b"stats\r\nquit\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let (_, rest) = said.split_once("STAT curr_connections ").unwrap();
    rest.split_once('\r').unwrap().0.parse().unwrap()
}

#[test]
fn a_store_outlives_the_runtime_that_it_connected_in() {
    let server = server!();
    let store = MemcachedStore::builder(url(&server)).build().unwrap();
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let loaded = runtime.unwrap().block_on(store.load(&key()));
        assert!(loaded.unwrap().is_none());
    }
}

#[test]
fn debug_shows_where_and_no_secret() {
    let store = MemcachedStore::builder(format!("memcached://app:{SECRET}@cache.example")).build();
    let text = format!("{:?}", store.unwrap());
    assert!(text.contains("cache.example:11211"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}
