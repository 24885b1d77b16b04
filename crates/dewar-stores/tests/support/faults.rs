//! What every store must do when its server breaks: fail in time, lose nothing, and work again by itself.
//!
//! The stores are on a clock that stands still at [`NOW`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use dewar::store::{Created, Deleted, Key, Replaced, Store, Touched};
use dewar::{Error, ErrorKind, UnixTime};

use super::impostor;
use super::proxy::Proxy;

pub(crate) const ID: &str = "yTvVK3Bq0cOd5R8nCiZYm1cJXs3cWrTMbYbCq6XHqJQ";

/// The password of every user.
pub(crate) const SECRET: &str = "s3cret";

/// 2023-11-14 22:13:20 UTC.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

/// How long a store waits that does not wait long, for a connection and for an answer; a server that is well answers
/// sooner on the busiest machine.
pub(crate) const HASTE: Duration = Duration::from_secs(2);

/// So soon after an error a store works again.
const RECOVERY: Duration = Duration::from_secs(30);

/// So soon a call fails, with all that it waits for: not after those that were there before it, one by one.
const IN_TIME: Duration = Duration::from_secs(20);

pub(crate) fn key() -> Key {
    Key::new(format!("session:{ID}"))
}

pub(crate) fn later() -> UnixTime {
    NOW + Duration::from_secs(60)
}

/// What every error must be: about the store, about the server, and silent about secrets.
#[track_caller]
pub(crate) fn check_error(error: &Error, words: &str) {
    let text = format!("{error}");
    assert_eq!(error.kind(), ErrorKind::Store);
    // The tests are named for their store.
    let kind = env!("CARGO_CRATE_NAME").trim_end_matches("_server");
    assert!(text.contains(&format!("{kind} at 127.0.0.1:")), "{text}");
    assert!(text.contains(words), "{text}");
    let all = format!("{text} {error:?}");
    assert!(!all.contains(SECRET) && !all.contains(ID), "{all}");
}

/// Creates the session, on a machine that may be busy with other tests.
pub(crate) async fn begin(store: &dyn Store) {
    let end = Instant::now() + RECOVERY;
    while let Err(error) = store.create(&key(), "data".into(), later()).await {
        // With its cause: it is not the error that is tested.
        assert!(error.is_temporary() && Instant::now() < end, "{error:?}");
    }
}

/// The server is gone or silent: more calls than there are connections, and those after them, are errors in time.
pub(crate) async fn fails_in_time(store: &Arc<impl Store>, words: &str) {
    for _ in 0..2 {
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { (Instant::now(), store.load(&key()).await) })
            })
            .collect();
        for call in calls {
            let (begin, done) = call.await.unwrap();
            let (took, error) = (begin.elapsed(), done.unwrap_err());
            check_error(&error, words);
            assert!(error.is_temporary());
            assert!(took < IN_TIME, "{took:?}");
        }
    }
}

/// The server is back: so is the store, by itself, soon. Where the next call must work already, there is no need for this.
pub(crate) async fn recovers(store: &dyn Store) {
    let end = Instant::now() + RECOVERY;
    while let Err(error) = store.load(&key()).await {
        assert!(Instant::now() < end, "{error}");
    }
}

/// A server does what it is told, and its answer is lost on the way: no call fails, and nothing is done twice.
///
/// Each call is made on another record first: what a connection asks but once, such as to prepare a statement, has an answer
/// of its own, which is not the one to lose.
pub(crate) async fn bears_lost_answers(store: &dyn Store, proxy: &Proxy) {
    let other = Key::new("session:other");
    let create = async |key| match store.create(key, "one".into(), later()).await.unwrap() {
        Created::Done(seen) => seen,
        Created::Taken => panic!("taken"),
    };
    let replace = async |key, seen| match store.replace(key, "two".into(), later(), seen).await {
        Ok(Replaced::Done(seen)) => seen,
        other => panic!("{other:?}"),
    };
    let seen = create(&other).await;
    proxy.cut_next_answer();
    assert_eq!(create(&key()).await, seen);

    replace(&other, &seen).await;
    proxy.cut_next_answer();
    let seen = replace(&key(), &seen).await;

    store.load(&other).await.unwrap();
    proxy.cut_next_answer();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().version, seen);

    store.touch(&other, later()).await.unwrap();
    proxy.cut_next_answer();
    assert_eq!(store.touch(&key(), later()).await.unwrap(), Touched::Done);

    store.delete_unchanged(&other, &seen).await.unwrap();
    proxy.cut_next_answer();
    let deleted = store.delete_unchanged(&key(), &seen).await;
    assert_eq!(deleted.unwrap(), Deleted::Done);
    assert!(store.load(&key()).await.unwrap().is_none());
    assert_eq!(proxy.cuts(), 5);
}

/// Something else is on the port.
pub(crate) async fn knows_impostors<S: Store>(store: impl Fn(u16) -> S, words: &str) {
    for greeting in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"-ERR unknown command\r\n",
        b"",
    ] {
        let port = impostor(greeting);
        let begin = Instant::now();
        let error = store(port).load(&key()).await.unwrap_err();
        check_error(&error, words);
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        assert!(begin.elapsed() < IN_TIME);
    }
}

/// More calls at once than there are connections wait for their turn.
pub(crate) async fn queues(store: impl Store) {
    let store = Arc::new(store);
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

/// Calls are given up in the middle: the next gets no answer of theirs.
pub(crate) async fn bears_abandoned_calls(store: impl Store) {
    for at in 0..50 {
        let name = Key::new(format!("session:{at}"));
        let call = store.create(&name, "data".into(), later());
        let _ = tokio::time::timeout(Duration::from_micros(at * 20), call).await;
        assert!(store.load(&key()).await.unwrap().is_none());
    }
}
