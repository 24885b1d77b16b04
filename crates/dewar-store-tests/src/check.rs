//! Small words for the cases: each calls one method and insists on one outcome.

use std::sync::Arc;

use bytes::Bytes;
use dewar::UnixTime;
use dewar::store::{
    Created, Cursor, Deleted, Entry, Key, Purged, Record, Replaced, Store, Touched, Version,
};

pub(crate) async fn create(
    store: &dyn Store,
    key: &Key,
    blob: &[u8],
    expires: UnixTime,
) -> Version {
    let blob = Bytes::copy_from_slice(blob);
    match store.create(key, blob, expires).await.expect("create") {
        Created::Done(version) => version,
        Created::Taken => panic!("create found a record where there was none"),
    }
}

pub(crate) async fn must_be_taken(store: &dyn Store, key: &Key, expires: UnixTime) {
    let created = store.create(key, "intruder".into(), expires).await;
    assert_eq!(created.expect("create"), Created::Taken);
}

pub(crate) async fn load(store: &dyn Store, key: &Key) -> Record {
    let record = store.load(key).await.expect("load");
    record.expect("the record should be there")
}

pub(crate) async fn must_be_absent(store: &dyn Store, key: &Key) {
    for record in [store.load(key).await, store.load_without_expiry(key).await] {
        let record = record.expect("load");
        assert!(
            record.is_none(),
            "the record should not be there: {record:?}"
        );
    }
}

pub(crate) async fn must_hold(store: &dyn Store, key: &Key, blob: &[u8]) {
    let record = load(store, key).await;
    assert!(
        record.blob == blob,
        "the record holds {} other bytes than the {} that were written",
        record.blob.len(),
        blob.len()
    );
}

/// Whether there is a record, with this data.
pub(crate) async fn holds(store: &dyn Store, key: &Key, blob: &[u8]) -> bool {
    let record = store.load(key).await.expect("load");
    record.is_some_and(|record| record.blob == blob)
}

pub(crate) async fn try_replace(
    store: &dyn Store,
    key: &Key,
    blob: &[u8],
    expires: UnixTime,
    seen: &Version,
) -> Replaced {
    let blob = Bytes::copy_from_slice(blob);
    store
        .replace(key, blob, expires, seen)
        .await
        .expect("replace")
}

pub(crate) async fn replace(
    store: &dyn Store,
    key: &Key,
    blob: &[u8],
    expires: UnixTime,
    seen: &Version,
) -> Version {
    match try_replace(store, key, blob, expires, seen).await {
        Replaced::Done(version) => version,
        other => panic!("replace of an unchanged record: {other:?}"),
    }
}

pub(crate) async fn touch(store: &dyn Store, key: &Key, expires: UnixTime) -> Touched {
    store.touch(key, expires).await.expect("touch")
}

pub(crate) async fn delete(store: &dyn Store, key: &Key) {
    store.delete(key).await.expect("delete");
}

pub(crate) async fn delete_unchanged(store: &dyn Store, key: &Key, seen: &Version) -> Deleted {
    let deleted = store.delete_unchanged(key, seen).await;
    deleted.expect("delete_unchanged")
}

/// Calls `delete_expired` until a whole round is done, and returns how many records went.
pub(crate) async fn purge(store: &dyn Store, now: UnixTime, limit: usize) -> u64 {
    let mut removed = 0;
    let mut finished = 0;
    // The first end may be that of a round that somebody else began.
    for _ in 0..100_000 {
        let step = store
            .delete_expired(now, limit)
            .await
            .expect("delete_expired");
        assert!(
            step.removed() <= limit as u64,
            "one step removed {} of at most {limit}",
            step.removed()
        );
        removed += step.removed();
        finished += u64::from(matches!(step, Purged::Finished(_)));
        if finished == 2 {
            return removed;
        }
    }
    panic!("delete_expired never finishes");
}

/// Every entry of a listing, page by page; some may come twice.
pub(crate) async fn list(store: &dyn Store, prefix: &str, limit: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut cursor = Cursor::start();
    for _ in 0..100_000 {
        let page = store.list(prefix, cursor, limit).await.expect("list");
        let page = page.expect("this store says that it can list");
        entries.extend(page.entries);
        match page.next {
            Some(next) => cursor = next,
            None => return entries,
        }
    }
    panic!("the listing never ends");
}

/// Adds one to the number that the record holds, as often as it takes; returns how many conflicts there were.
pub(crate) async fn increment(store: &Arc<dyn Store>, key: &Key, expires: UnixTime) -> u64 {
    let mut conflicts = 0;
    loop {
        let record = load(store.as_ref(), key).await;
        let blob = (number(&record.blob) + 1).to_string();
        match try_replace(
            store.as_ref(),
            key,
            blob.as_bytes(),
            expires,
            &record.version,
        )
        .await
        {
            Replaced::Done(_) => return conflicts,
            Replaced::Conflict => conflicts += 1,
            Replaced::Gone => panic!("a record that nobody deleted is gone"),
        }
    }
}

pub(crate) fn number(blob: &[u8]) -> u64 {
    let text = std::str::from_utf8(blob).expect("a number was written");
    text.parse().expect("a number was written")
}
