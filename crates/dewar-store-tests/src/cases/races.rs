//! Of two methods that race for one key, one comes first: two handles, many tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use dewar::UnixTime;
use dewar::store::{Created, Deleted, Key, Replaced, Store, Touched};

use tokio::runtime::Handle;

use crate::check::*;
use crate::place::Place;

super::cases! {
    Nothing:
        of_replaces_lose_no_change,
        of_replaces_give_each_version_to_one,
        of_creates_are_won_by_one,
        of_create_and_delete_leave_all_or_nothing,
        of_replace_and_delete_never_bring_a_session_back,
        of_touch_and_delete_never_bring_a_session_back,
        of_touch_and_replace_lose_neither_data_nor_version,
        of_delete_unchanged_and_replace_are_won_by_one,
        of_delete_expired_and_touch_keep_what_was_touched,
        of_delete_expired_and_create_keep_what_was_made,
        of_load_and_replace_never_show_half_a_record;
}

/// Runs `tasks` tasks at once, by turns on one handle and the other, and returns what they return.
///
/// Each has a thread of its own: on a store that never waits, tasks of one thread would not race.
async fn race<T, F>(
    place: &Place,
    tasks: usize,
    task: impl Fn(usize, Arc<dyn Store>) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(tasks));
    let mut running = Vec::new();
    for at in 0..tasks {
        let handle = [&place.store, &place.other][at % 2].clone();
        let (start, task) = (start.clone(), task(at, handle));
        running.push(tokio::task::spawn_blocking(move || {
            start.wait();
            Handle::current().block_on(task)
        }));
    }
    let mut results = Vec::new();
    for task in running {
        results.push(task.await.expect("a racing task"));
    }
    results
}

async fn of_replaces_lose_no_change(place: &Place) {
    const TASKS: u64 = 8;
    const CHANGES: u64 = 50;
    let (key, expires) = (place.key("a"), place.later());
    create(&*place.store, &key, b"0", expires).await;
    race(place, TASKS as usize, |_, store| {
        let key = key.clone();
        async move {
            for _ in 0..CHANGES {
                increment(&store, &key, expires).await;
            }
        }
    })
    .await;
    let counted = number(&load(&*place.store, &key).await.blob);
    assert_eq!(counted, TASKS * CHANGES, "changes were lost");
}

async fn of_replaces_give_each_version_to_one(place: &Place) {
    let expires = place.later();
    for round in 0..30 {
        let key = place.key(&round.to_string());
        let seen = create(&*place.store, &key, b"one", expires).await;
        let replaced =
            race(place, 6, |at, store| {
                let (key, seen) = (key.clone(), seen.clone());
                async move {
                    try_replace(&*store, &key, at.to_string().as_bytes(), expires, &seen).await
                }
            })
            .await;
        let done = |replaced: &&Replaced| matches!(replaced, Replaced::Done(_));
        assert_eq!(replaced.iter().filter(done).count(), 1, "{replaced:?}");
        let winner = replaced.iter().position(|replaced| done(&replaced));
        let winner = winner.expect("one has won").to_string();
        must_hold(&*place.store, &key, winner.as_bytes()).await;
    }
}

async fn of_creates_are_won_by_one(place: &Place) {
    let expires = place.later();
    for round in 0..30 {
        let key = place.key(&round.to_string());
        let created = race(place, 6, |at, store| {
            let key = key.clone();
            async move {
                store
                    .create(&key, at.to_string().into(), expires)
                    .await
                    .expect("create")
            }
        })
        .await;
        let done = |created: &Created| matches!(created, Created::Done(_));
        let winners: Vec<usize> = (0..6).filter(|at| done(&created[*at])).collect();
        assert_eq!(winners.len(), 1, "{created:?}");
        must_hold(&*place.store, &key, winners[0].to_string().as_bytes()).await;
    }
}

async fn of_create_and_delete_leave_all_or_nothing(place: &Place) {
    let expires = place.later();
    for round in 0..30 {
        let key = place.key(&round.to_string());
        race(place, 4, |at, store| {
            let key = key.clone();
            async move {
                match at {
                    0 | 1 => drop(
                        store
                            .create(&key, "data".into(), expires)
                            .await
                            .expect("create"),
                    ),
                    _ => delete(&*store, &key).await,
                }
            }
        })
        .await;
        let (one, other) = (place.store.load(&key).await, place.other.load(&key).await);
        let (one, other) = (one.expect("load"), other.expect("load"));
        assert_eq!(one.is_some(), other.is_some(), "the handles disagree");
        assert!(one.is_none_or(|record| record.blob == "data"));
    }
}

async fn of_replace_and_delete_never_bring_a_session_back(place: &Place) {
    let expires = place.later();
    for round in 0..30 {
        let key = place.key(&round.to_string());
        create(&*place.store, &key, b"0", expires).await;
        race(place, 4, |at, store| {
            let key = key.clone();
            async move {
                if at == 0 {
                    tokio::task::yield_now().await;
                    delete(&*store, &key).await;
                    must_be_absent(&*store, &key).await;
                    return;
                }
                while let Some(record) = store.load(&key).await.expect("load") {
                    let blob = (number(&record.blob) + 1).to_string();
                    try_replace(&*store, &key, blob.as_bytes(), expires, &record.version).await;
                }
            }
        })
        .await;
        must_be_absent(&*place.store, &key).await;
        must_be_absent(&*place.other, &key).await;
    }
}

async fn of_touch_and_delete_never_bring_a_session_back(place: &Place) {
    let expires = place.later();
    for round in 0..30 {
        let key = place.key(&round.to_string());
        create(&*place.store, &key, b"data", expires).await;
        race(place, 4, |at, store| {
            let key = key.clone();
            async move {
                if at == 0 {
                    tokio::task::yield_now().await;
                    delete(&*store, &key).await;
                    must_be_absent(&*store, &key).await;
                    return;
                }
                while touch(&*store, &key, expires).await == Touched::Done {}
            }
        })
        .await;
        must_be_absent(&*place.store, &key).await;
        must_be_absent(&*place.other, &key).await;
    }
}

async fn of_touch_and_replace_lose_neither_data_nor_version(place: &Place) {
    const CHANGES: u64 = 100;
    let (key, expires) = (place.key("a"), place.later());
    create(&*place.store, &key, b"0", expires).await;
    let conflicts = race(place, 4, |at, store| {
        let key = key.clone();
        async move {
            let mut conflicts = 0;
            for change in 0..CHANGES {
                match at {
                    0 => conflicts += increment(&store, &key, expires).await,
                    _ => {
                        let expires = expires + Duration::from_secs(change);
                        assert_eq!(touch(&*store, &key, expires).await, Touched::Done);
                    }
                }
            }
            conflicts
        }
    })
    .await;
    assert_eq!(conflicts, [0; 4], "a touch changed the version");
    assert_eq!(number(&load(&*place.store, &key).await.blob), CHANGES);
}

async fn of_delete_unchanged_and_replace_are_won_by_one(place: &Place) {
    let expires = place.later();
    for round in 0..30 {
        let key = place.key(&round.to_string());
        let seen = create(&*place.store, &key, b"one", expires).await;
        let won = race(place, 4, |at, store| {
            let (key, seen) = (key.clone(), seen.clone());
            async move {
                match at {
                    0 | 1 => delete_unchanged(&*store, &key, &seen).await == Deleted::Done,
                    _ => {
                        let replaced = try_replace(&*store, &key, b"two", expires, &seen).await;
                        matches!(replaced, Replaced::Done(_))
                    }
                }
            }
        })
        .await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        if won[0] || won[1] {
            must_be_absent(&*place.store, &key).await;
        } else {
            must_hold(&*place.store, &key, b"two").await;
        }
    }
}

async fn of_delete_expired_and_touch_keep_what_was_touched(place: &Place) {
    // The sweep's time lies ahead of the records' expiry, and before that to which they are touched.
    for round in 0..10 {
        let keys = fill(
            place,
            &format!("{round}-"),
            place.now() + Duration::from_secs(60),
        )
        .await;
        let sweep = place.now() + Duration::from_secs(120);
        let later = place.later();
        let touched = race(place, 3, |at, store| {
            let keys = keys.clone();
            async move {
                if at == 0 {
                    sweep_once(&*store, sweep).await;
                    return Vec::new();
                }
                let mut touched = Vec::new();
                for key in keys.into_iter().skip(at - 1).step_by(2) {
                    if touch(&*store, &key, later).await == Touched::Done {
                        touched.push(key);
                    }
                }
                touched
            }
        })
        .await;
        for key in touched.into_iter().flatten() {
            must_hold(&*place.store, &key, b"data").await;
            delete(&*place.store, &key).await;
        }
    }
}

async fn of_delete_expired_and_create_keep_what_was_made(place: &Place) {
    for round in 0..10 {
        let past = place.now() - Duration::from_secs(10);
        let keys = fill(place, &format!("{round}-"), past).await;
        let (now, later) = (place.now(), place.later());
        race(place, 3, |at, store| {
            let keys = keys.clone();
            async move {
                if at == 0 {
                    return sweep_once(&*store, now).await;
                }
                for key in keys.iter().skip(at - 1).step_by(2) {
                    create(&*store, key, b"new", later).await;
                }
            }
        })
        .await;
        for key in &keys {
            must_hold(&*place.other, key, b"new").await;
        }
    }
}

async fn of_load_and_replace_never_show_half_a_record(place: &Place) {
    let (key, expires) = (place.key("a"), place.later());
    create(&*place.store, &key, &uniform(0), expires).await;
    let writing = Arc::new(AtomicU64::new(2));
    race(place, 4, |at, store| {
        let (key, writing) = (key.clone(), writing.clone());
        async move {
            if at < 2 {
                for change in 0..100 {
                    let seen = load(&*store, &key).await.version;
                    try_replace(&*store, &key, &uniform(change * 2 + at), expires, &seen).await;
                    touch(&*store, &key, expires).await;
                }
                writing.fetch_sub(1, Ordering::Relaxed);
                return;
            }
            while writing.load(Ordering::Relaxed) > 0 {
                let blob = load(&*store, &key).await.blob;
                assert!(blob.iter().all(|byte| *byte == blob[0]), "half a record");
                assert_eq!(blob.len(), uniform(blob[0].into()).len(), "half a record");
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
}

/// Data of one byte over and over, of a length that goes with the byte.
fn uniform(number: usize) -> Vec<u8> {
    let byte = (number % 251) as u8;
    vec![byte; 100 + usize::from(byte) * 97]
}

async fn fill(place: &Place, name: &str, expires: UnixTime) -> Vec<Key> {
    let mut keys = Vec::new();
    for at in 0..60 {
        let key = place.key(&format!("{name}{at}"));
        create(&*place.store, &key, b"data", expires).await;
        keys.push(key);
    }
    keys
}

async fn sweep_once(store: &dyn Store, now: UnixTime) {
    purge(store, now, 3).await;
}
