use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use dewar::store::{Cursor, Key};

use crate::check::*;
use crate::place::Place;

super::cases! {
    NoListing:
        is_refused;
    Listing:
        of_nothing_is_empty,
        tells_key_size_and_expiry,
        shows_every_record_page_by_page,
        keeps_to_the_prefix,
        takes_the_prefix_literally,
        takes_any_cursor_from_outside,
        shows_every_stable_record_while_others_come_and_go;
}

async fn is_refused(place: &Place) {
    let page = place.store.list("", Cursor::start(), 10).await;
    assert!(matches!(page, Ok(None)), "{page:?}");
}

async fn of_nothing_is_empty(place: &Place) {
    assert_eq!(list(&*place.store, &place.prefix(), 10).await, []);
}

async fn tells_key_size_and_expiry(place: &Place) {
    let key = place.key("a");
    let expires = place.later();
    create(&*place.store, &key, &[7; 123], expires).await;
    let entries = list(&*place.other, &place.prefix(), 10).await;
    assert_eq!(entries.len(), 1);
    assert!(entries[0].key == key, "the key is another");
    assert_eq!(entries[0].size.unwrap_or(123), 123);
    assert!(
        entries[0]
            .expires
            .is_none_or(|told| told.since(expires).as_secs() <= 1)
    );
}

async fn shows_every_record_page_by_page(place: &Place) {
    let keys = fill(place, "a", 57).await;
    for limit in [1, 10, 57, 1000] {
        must_list(place, &place.prefix(), limit, &keys).await;
    }
}

async fn keeps_to_the_prefix(place: &Place) {
    let ours = fill(place, "ours:", 20).await;
    fill(place, "theirs:", 20).await;
    fill(place, "our", 20).await;
    must_list(place, &format!("{}ours:", place.prefix()), 7, &ours).await;
}

async fn takes_the_prefix_literally(place: &Place) {
    fill(place, "abc", 3).await;
    for pattern in [
        "*", "a*", "?bc", "[a]bc", "%", "a_c", "_", "A", ".", "a.c", "\\", "'",
    ] {
        let prefix = format!("{}{pattern}", place.prefix());
        let listed = list(&*place.store, &prefix, 10).await;
        assert_eq!(listed.len(), 0, "{pattern} is not text here but a pattern");
    }
}

async fn takes_any_cursor_from_outside(place: &Place) {
    fill(place, "a", 3).await;
    for bytes in [&b"x"[..], &[0xff; 16], &[0; 300]] {
        // An error is as good as a page; a panic is not.
        let _ = place.store.list("", Cursor::at(bytes.to_vec()), 10).await;
    }
}

async fn shows_every_stable_record_while_others_come_and_go(place: &Place) {
    let stable = fill(place, "stable", 150).await;
    let done = AtomicBool::new(false);
    let churn = async {
        for round in 0.. {
            if done.load(Ordering::Relaxed) {
                break;
            }
            let key = place.key(&format!("passing{}", round % 97));
            match round / 97 % 2 {
                0 => drop(place.other.create(&key, "data".into(), place.later()).await),
                _ => delete(&*place.other, &key).await,
            }
            tokio::task::yield_now().await;
        }
    };
    let watch = async {
        for _ in 0..20 {
            let mut left = stable.clone();
            let mut cursor = Cursor::start();
            loop {
                let page = place.store.list(&place.prefix(), cursor, 5).await;
                let page = page
                    .expect("list")
                    .expect("this store says that it can list");
                for entry in page.entries {
                    left.remove(&entry.key);
                }
                tokio::task::yield_now().await;
                match page.next {
                    Some(next) => cursor = next,
                    None => break,
                }
            }
            assert_eq!(
                left.len(),
                0,
                "records that lived throughout were not listed"
            );
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(churn, watch);
}

async fn fill(place: &Place, name: &str, records: usize) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for at in 0..records {
        let key = place.key(&format!("{name}{at}"));
        create(&*place.store, &key, b"data", place.later()).await;
        keys.insert(key);
    }
    keys
}

async fn must_list(place: &Place, prefix: &str, limit: usize, keys: &BTreeSet<Key>) {
    let listed = list(&*place.other, prefix, limit).await;
    let listed: BTreeSet<Key> = listed.into_iter().map(|entry| entry.key).collect();
    assert_eq!(
        listed.len(),
        keys.len(),
        "records listed in pages of {limit}"
    );
    assert!(listed == *keys, "other records are listed");
}
