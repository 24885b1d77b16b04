//! Redis: what is written there, what can be reached how, and what happens when the server breaks.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use dewar::config::Config;
use dewar::store::{Created, Deleted, Key, Replaced, Store, Touched};
use dewar::{Engine, Error, ErrorKind, UnixTime};
use dewar_stores::redis::{RedisStore, driver};
use support::faults::HASTE;
use support::proxy::Proxy;
use support::{Freeze, Server, impostor, store_on_a_busy_runtime};

const SECRET: &str = "s3cret";
const ID: &str = "yTvVK3Bq0cOd5R8nCiZYm1cJXs3cWrTMbYbCq6XHqJQ";

macro_rules! server {
    ($($argument:expr),*) => {
        match Server::redis(&[$($argument),*]) {
            Some(server) => server,
            None => return support::absent("redis-server"),
        }
    };
}

fn url(server: &Server) -> String {
    format!("redis://127.0.0.1:{}", server.port)
}

/// A store that does not wait long.
fn hasty(url: &str) -> RedisStore {
    let builder = RedisStore::builder(url).connect_timeout(HASTE);
    builder.operation_timeout(HASTE).build().unwrap()
}

fn key() -> Key {
    Key::new(format!("session:{ID}"))
}

fn hour() -> UnixTime {
    UnixTime::now() + Duration::from_secs(3600)
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
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let name = format!("session:{ID}");

    let blob = &b"\x81\xa1n\x01"[..];
    let before = hour();
    store.create(&key(), blob.into(), hour()).await.unwrap();
    let after = UnixTime::now() + Duration::from_secs(3600);
    assert_eq!(
        server.redis_cli(&["--no-raw", "GET", &name]),
        r#""\x81\xa1n\x01""#
    );
    let expires = server.redis_cli(&["PEXPIRETIME", &name]);
    let expires = UnixTime::from_millis(expires.parse().unwrap());
    assert!(before <= expires && expires <= after, "{expires:?}");

    let month = Duration::from_secs(2_678_400);
    let before = UnixTime::now() + month;
    server.redis_cli(&["SET", &name, "{\"n\":1}", "EX", "2678400"]);
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(&record.blob[..], b"{\"n\":1}");
    let (expires, after) = (record.expires.unwrap(), UnixTime::now() + month);
    assert!(before <= expires && expires <= after, "{expires:?}");

    server.redis_cli(&["SET", &name, "for ever"]);
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(record.expires, None);
}

#[tokio::test]
async fn a_write_of_flask_session_in_between_is_a_conflict() {
    let server = server!();
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let Created::Done(seen) = store.create(&key(), "one".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    server.redis_cli(&["SET", &format!("session:{ID}"), "two", "EX", "60"]);
    let replaced = store.replace(&key(), "three".into(), hour(), &seen).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
    // The same bytes that we would have written are a write of somebody else all the same.
    let replaced = store.replace(&key(), "two".into(), hour(), &seen).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let server = server!();
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let Created::Done(seen) = store.create(&key(), "one".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    for blob in ["two", "three"] {
        server.redis_cli(&["SCRIPT", "FLUSH"]);
        let record = store.load(&key()).await.unwrap().unwrap();
        let replaced = store
            .replace(&key(), blob.into(), hour(), &record.version)
            .await;
        assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    }
    let replaced = store.replace(&key(), "four".into(), hour(), &seen).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
}

#[tokio::test]
async fn a_server_whose_set_does_not_compare_is_asked_to_once() {
    let server = server!();
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let Created::Done(mut seen) = store.create(&key(), "one".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    for blob in ["two", "three", "four"] {
        let replaced = store.replace(&key(), blob.into(), hour(), &seen).await;
        let Replaced::Done(version) = replaced.unwrap() else {
            panic!("not replaced");
        };
        seen = version;
    }
    let counts = server.redis_cli(&["INFO", "commandstats"]);
    let sets = counts.lines().find(|line| line.starts_with("cmdstat_set:"));
    let refused = sets
        .unwrap()
        .trim()
        .split(',')
        .find(|count| count.starts_with("failed_calls="));
    assert_eq!(refused, Some("failed_calls=1"), "{counts}");
}

#[tokio::test]
async fn reading_a_session_that_is_in_use_asks_for_nothing_but_its_data() {
    let server = server!();
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let config = Config::new().session_type("redis");
    let engine = Engine::builder(config).store(store).build().unwrap();
    let session = engine.open([]).await.unwrap();
    session.insert("user", "ada").unwrap();
    let reply = engine.close(&session).await.unwrap();
    let cookie = reply.set_cookie().unwrap().split(';').next().unwrap();
    for _ in 0..5 {
        let session = engine.open([cookie.as_bytes()]).await.unwrap();
        assert!(session.contains("user"));
        engine.close(&session).await.unwrap();
    }
    let counts = server.redis_cli(&["INFO", "commandstats"]);
    let calls = |command: &str| {
        let name = format!("cmdstat_{command}:calls=");
        let count = counts.lines().find_map(|line| line.strip_prefix(&name));
        count.map_or(0, |count| count.split(',').next().unwrap().parse().unwrap())
    };
    let asked = ["get", "set", "pttl", "pexpire"].map(|command| (command, calls(command)));
    let expected = [("get", 5), ("set", 1), ("pttl", 0), ("pexpire", 0)];
    assert_eq!(asked, expected, "{counts}");
}

/// On `DEWAR_TEST_VALKEY_URL`, which `scripts/servers` starts.
#[tokio::test]
async fn a_server_whose_set_compares_runs_no_script_to_write() {
    let Ok(url) = std::env::var("DEWAR_TEST_VALKEY_URL") else {
        return support::absent("valkey-server");
    };
    let client = driver::Client::open(url.as_str()).unwrap();
    let may = ["~session:*", "+@read", "+@write", "+ping", "-@scripting"];
    let mut user = driver::cmd("ACL");
    user.arg("SETUSER")
        .arg("setter")
        .arg("on")
        .arg(format!(">{SECRET}"))
        .arg(&may);
    user.exec(&mut client.get_connection().unwrap()).unwrap();
    let url = url.replace("redis://", &format!("redis://setter:{SECRET}@"));
    let store = RedisStore::builder(url).connect().await.unwrap();

    let key = Key::new(format!("session:{ID}compared"));
    store.delete(&key).await.unwrap();
    let Created::Done(first) = store.create(&key, "one".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    let replaced = store
        .replace(&key, "two".into(), hour(), &first)
        .await
        .unwrap();
    assert!(matches!(replaced, Replaced::Done(_)));
    for blob in ["two", "three"] {
        let replaced = store.replace(&key, blob.into(), hour(), &first).await;
        assert_eq!(replaced.unwrap(), Replaced::Conflict);
    }
    let left = store.load(&key).await.unwrap().unwrap().expires.unwrap();
    assert!(left > hour() - Duration::from_secs(60), "{left:?}");
    store.delete(&key).await.unwrap();
    let replaced = store.replace(&key, "two".into(), hour(), &first).await;
    assert_eq!(replaced.unwrap(), Replaced::Gone);
}

#[tokio::test]
async fn unix_socket_and_database_number() {
    let server = server!();
    let urls = [
        format!("redis+unix://{}?db=3", server.socket().display()),
        format!("{}/3", url(&server)),
        format!("{}?db=3", url(&server)),
    ];
    for url in urls {
        let store = RedisStore::builder(url).connect().await.unwrap();
        let created = store.create(&key(), "there".into(), hour()).await.unwrap();
        assert!(matches!(created, Created::Done(_)));
        assert_eq!(server.redis_cli(&["-n", "3", "DBSIZE"]), "1");
        store.delete(&key()).await.unwrap();
    }
}

#[tokio::test]
async fn an_existing_client_is_used() {
    let server = server!();
    let client = driver::Client::open(url(&server)).unwrap();
    let store = RedisStore::from_client(client).connect().await.unwrap();
    store.create(&key(), "there".into(), hour()).await.unwrap();
    assert_eq!(server.redis_cli(&["DBSIZE"]), "1");
}

#[tokio::test]
async fn user_and_password() {
    let server = server!("--requirepass", SECRET);
    let port = server.port;
    let with = |log_in: &str| RedisStore::builder(format!("redis://{log_in}127.0.0.1:{port}"));
    let address = format!("redis at 127.0.0.1:{port}");

    with(&format!(":{SECRET}@")).connect().await.unwrap();
    server.redis_cli(&[
        "-a",
        SECRET,
        "ACL",
        "SETUSER",
        "app",
        "on",
        &format!(">{SECRET}"),
        "~*",
        "+@all",
    ]);
    with(&format!("app:{SECRET}@")).connect().await.unwrap();

    let error = with("").connect().await.unwrap_err();
    check_error(&error, &address, "wants a password");
    assert!(!error.is_temporary());
    let error = with(&format!("app:{SECRET}x@"))
        .connect()
        .await
        .unwrap_err();
    check_error(&error, &address, "refuses this user and password");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn a_cluster_says_why_it_refuses_as_a_single_server_does() {
    let server = server!("--cluster-enabled", "yes", "--requirepass", SECRET);
    let port = server.port;
    let slots = ["-a", SECRET, "CLUSTER", "ADDSLOTSRANGE", "0", "16383"];
    server.redis_cli(&slots);
    let with = |log_in: &str| {
        // The first node is down.
        let url = format!("redis+cluster://{log_in}127.0.0.1:1,127.0.0.1:{port}");
        RedisStore::builder(url)
    };
    let address = format!("127.0.0.1:{port} (cluster)");
    for (log_in, words) in [
        ("", "wants a password"),
        (&format!(":{SECRET}x@"), "refuses this user and password"),
    ] {
        let error = with(log_in).connect().await.unwrap_err();
        check_error(&error, &address, words);
        assert!(!error.is_temporary());
    }
    let nobody = RedisStore::builder("redis+cluster://127.0.0.1:1,127.0.0.1:2");
    let error = nobody.connect().await.unwrap_err();
    check_error(&error, "127.0.0.1:2", "nothing listens there");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_cluster_that_lacks_a_part_is_asked_about() {
    let server = server!("--cluster-enabled", "yes");
    server.redis_cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16000"]);
    let store = hasty(&format!("redis+cluster://127.0.0.1:{}", server.port));
    let error = store.load(&key()).await.unwrap_err();
    check_error(&error, "(cluster)", "CLUSTER INFO says cluster_state:fail");
    assert!(error.is_temporary());
    server.redis_cli(&["CLUSTER", "ADDSLOTSRANGE", "16001", "16383"]);
    let end = Instant::now() + Duration::from_secs(60);
    while store.load(&key()).await.is_err() {
        assert!(Instant::now() < end, "it does not recover");
    }
}

#[tokio::test]
async fn a_user_who_may_not_is_told_what_is_needed() {
    let server = server!();
    server.redis_cli(&[
        "ACL",
        "SETUSER",
        "reader",
        "on",
        &format!(">{SECRET}"),
        "~*",
        "+@read",
        "+ping",
    ]);
    let url = format!("redis://reader:{SECRET}@127.0.0.1:{}", server.port);
    let store = RedisStore::builder(url).connect().await.unwrap();
    assert!(store.load(&key()).await.unwrap().is_none());
    let error = store.create(&key(), "x".into(), hour()).await.unwrap_err();
    check_error(&error, "redis at 127.0.0.1", "it needs the commands");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn a_stopped_server_is_refused_at_once_and_used_again_when_it_is_back() {
    let mut server = server!();
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    store.load(&key()).await.unwrap();
    server.kill();
    // Not that there was no answer in time.
    let error = store.load(&key()).await.unwrap_err();
    check_error(&error, "redis at 127.0.0.1", "nothing listens there");
    assert!(error.is_temporary());

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
    let store = std::sync::Arc::new(hasty(&url(&server)));
    store.create(&key(), "x".into(), hour()).await.unwrap();
    server.freeze();
    let begin = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        calls.spawn(async move { store.load(&key()).await });
    }
    for result in calls.join_all().await {
        let error = result.unwrap_err();
        check_error(&error, "redis at 127.0.0.1", "within 2s");
        assert!(error.is_temporary());
    }
    // Connecting anew fails in time as well.
    let error = store.touch(&key(), hour()).await.unwrap_err();
    check_error(&error, "redis at 127.0.0.1", "within 2s");
    // All at once, and not one after the other.
    let taken = begin.elapsed();
    assert!(taken < HASTE * 15, "{taken:?}");

    server.thaw();
    assert_eq!(store.touch(&key(), hour()).await.unwrap(), Touched::Done);
}

#[tokio::test]
async fn what_answers_nothing_or_something_else_is_told_apart() {
    let silent = impostor(b"");
    let error = hasty(&format!("redis://127.0.0.1:{silent}")).check().await;
    check_error(
        &error.unwrap_err(),
        &format!("127.0.0.1:{silent}"),
        "no connection within",
    );

    let greetings: [&[u8]; 2] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ];
    for greeting in greetings {
        let port = impostor(greeting);
        let error = hasty(&format!("redis://127.0.0.1:{port}"))
            .check()
            .await
            .unwrap_err();
        check_error(
            &error,
            &format!("127.0.0.1:{port}"),
            "does not speak Redis's protocol",
        );
        assert!(!error.is_temporary());
    }
}

#[tokio::test]
async fn a_full_server_refuses_to_write_and_goes_on_reading() {
    let server = server!("--maxmemory-policy", "noeviction");
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let Created::Done(seen) = store.create(&key(), "x".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    server.redis_cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let other = Key::new("session:other");
    let created = store.create(&other, "x".into(), hour()).await.unwrap_err();
    let replaced = store
        .replace(&key(), "y".into(), hour(), &seen)
        .await
        .unwrap_err();
    for error in [created, replaced] {
        check_error(&error, "redis at 127.0.0.1", "maxmemory");
        assert!(error.is_temporary());
    }
    assert_eq!(&store.load(&key()).await.unwrap().unwrap().blob[..], b"x");
    assert_eq!(store.touch(&key(), hour()).await.unwrap(), Touched::Done);
    store.delete(&key()).await.unwrap();
}

#[tokio::test]
async fn a_read_only_replica_is_named_as_one() {
    let server = server!();
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let Created::Done(seen) = store.create(&key(), "x".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    server.redis_cli(&["REPLICAOF", "127.0.0.1", &support::free_port().to_string()]);
    let replaced = store
        .replace(&key(), "y".into(), hour(), &seen)
        .await
        .unwrap_err();
    let deleted = store.delete(&key()).await.unwrap_err();
    for error in [replaced, deleted] {
        check_error(&error, "redis at 127.0.0.1", "read-only replica");
        assert!(error.is_temporary());
    }
    assert!(store.load(&key()).await.unwrap().is_some());
    server.redis_cli(&["REPLICAOF", "NO", "ONE"]);
    store.delete(&key()).await.unwrap();
}

#[tokio::test]
async fn something_else_under_the_key_is_an_error() {
    let server = server!();
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    server.redis_cli(&["LPUSH", &format!("session:{ID}"), "x"]);
    let error = store.load(&key()).await.unwrap_err();
    check_error(&error, "redis at 127.0.0.1", "SESSION_KEY_PREFIX");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn a_command_that_the_server_lacks_is_an_error_without_its_arguments() {
    let server = server!("--rename-command", "UNLINK", "");
    let store = RedisStore::builder(url(&server)).connect().await.unwrap();
    let error = store.delete(&key()).await.unwrap_err();
    check_error(&error, "redis at 127.0.0.1", "unknown command");
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_found_to_be_done() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let store = RedisStore::builder(format!("redis://127.0.0.1:{}", proxy.port));
    let store = store.connect().await.unwrap();
    // The first answer of a server that does not know a script yet would be that.
    let other = Key::new("session:other");
    store.create(&other, "one".into(), hour()).await.unwrap();
    let record = store.load(&other).await.unwrap().unwrap();
    let replaced = store
        .replace(&other, "two".into(), hour(), &record.version)
        .await;
    replaced.unwrap();
    let deleted = store.delete_unchanged(&other, &record.version).await;
    assert_eq!(deleted.unwrap(), Deleted::Conflict);

    proxy.cut_next_answer();
    let Created::Done(seen) = store.create(&key(), "one".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    proxy.cut_next_answer();
    let replaced = store
        .replace(&key(), "two".into(), hour(), &seen)
        .await
        .unwrap();
    assert!(matches!(replaced, Replaced::Done(_)), "{replaced:?}");
    let record = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(&record.blob[..], b"two");
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
    let deleted = store.delete_unchanged(&key(), &record.version).await;
    assert_eq!(deleted.unwrap(), Deleted::Done);
    assert!(store.load(&key()).await.unwrap().is_none());
    proxy.cut_next_answer();
    store.delete(&key()).await.unwrap();
    assert_eq!(proxy.cuts(), 7);
}

#[tokio::test]
async fn a_write_to_a_cluster_whose_answer_was_lost_is_found_to_be_done() {
    let proxy = Proxy::to(0).await;
    let port = proxy.port.to_string();
    let server = server!(
        "--cluster-enabled",
        "yes",
        "--cluster-announce-ip",
        "127.0.0.1",
        "--cluster-announce-port",
        &port
    );
    proxy.lead_to(server.port);
    server.redis_cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let end = Instant::now() + support::PATIENCE;
    while !server
        .redis_cli(&["CLUSTER", "INFO"])
        .contains("cluster_state:ok")
    {
        assert!(Instant::now() < end, "the cluster does not get ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Each time a store of its own, of which no connection is being mended while the next answer is cut off.
    let connect = || {
        let store = RedisStore::builder(format!("redis+cluster://127.0.0.1:{port}"));
        async { store.connect().await.unwrap() }
    };
    // The first answer of a server that does not know a script yet would be that.
    let (store, other) = (connect().await, Key::new("session:other"));
    store.create(&other, "one".into(), hour()).await.unwrap();
    let absent = store.load(&other).await.unwrap().unwrap().version;
    let replaced = store.replace(&other, "two".into(), hour(), &absent).await;
    replaced.unwrap();
    let deleted = store.delete_unchanged(&other, &absent).await;
    assert_eq!(deleted.unwrap(), Deleted::Conflict);

    let store = connect().await;
    proxy.cut_next_answer();
    let Created::Done(one) = store.create(&key(), "one".into(), hour()).await.unwrap() else {
        panic!("taken");
    };
    let store = connect().await;
    proxy.cut_next_answer();
    let replaced = store.replace(&key(), "two".into(), hour(), &one).await;
    let Replaced::Done(two) = replaced.unwrap() else {
        panic!("a conflict with itself");
    };
    // What others did is no write of ours, even if it is the same.
    let replaced = store.replace(&key(), "two".into(), hour(), &one).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
    let created = store.create(&key(), "two".into(), hour()).await.unwrap();
    assert_eq!(created, Created::Taken);

    let store = connect().await;
    proxy.cut_next_answer();
    let deleted = store.delete_unchanged(&key(), &two).await.unwrap();
    assert_eq!(deleted, Deleted::Done);
    let deleted = store.delete_unchanged(&key(), &two).await.unwrap();
    assert_eq!(deleted, Deleted::Gone);
    assert_eq!(proxy.cuts(), 3);
}

#[tokio::test]
async fn a_garbled_answer_is_asked_for_again() {
    let server = server!();
    let proxy = Proxy::to(server.port).await;
    let store = hasty(&format!("redis://127.0.0.1:{}", proxy.port));
    store.create(&key(), "one".into(), hour()).await.unwrap();
    for _ in 0..3 {
        proxy.corrupt_next_answer();
        let record = store.load(&key()).await.unwrap().unwrap();
        assert_eq!(&record.blob[..], b"one");
    }
}

#[test]
fn a_store_outlives_the_runtime_that_it_connected_in() {
    let server = server!();
    let store = RedisStore::builder(url(&server)).build().unwrap();
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let loaded = runtime.unwrap().block_on(store.load(&key()));
        assert!(loaded.unwrap().is_none());
    }
}

#[test]
fn a_busy_runtime_holds_up_no_other_one() {
    let server = server!();
    store_on_a_busy_runtime(&hasty(&url(&server)), &key());
}

#[test]
fn debug_shows_where_and_no_secret() {
    let store = RedisStore::builder(format!("redis://app:{SECRET}@cache.example/2")).build();
    let text = format!("{:?}", store.unwrap());
    assert!(text.contains("cache.example:6379"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}
