//! Several processes on the same records, and one that is killed in the middle of a write.

use std::collections::BTreeMap;
use std::time::Duration;

use dewar::store::Replaced;

use crate::check::*;
use crate::place::Place;
use crate::processes::{self, Task};

pub(super) const CASES: &[super::Row] = &[
    (
        module_path!(),
        "racing_on_one_record_lose_no_change",
        super::Needs::Processes,
        |place, store| {
            Box::pin(async move { racing_on_one_record_lose_no_change(&place, &store).await })
        },
    ),
    (
        module_path!(),
        "killed_while_writing_lose_nothing_that_was_acknowledged",
        super::Needs::Processes,
        |place, store| {
            Box::pin(async move {
                killed_while_writing_lose_nothing_that_was_acknowledged(&place, &store).await;
            })
        },
    ),
];

async fn racing_on_one_record_lose_no_change(place: &Place, store: &str) {
    let key = place.key(processes::COUNTER);
    create(&*place.store, &key, b"0", place.later()).await;
    let children: Vec<_> = (0..3)
        .map(|_| processes::Child::start(place, store, Task::Increment))
        .collect();
    // This process takes part with both of its handles.
    for _ in 0..processes::INCREMENTS / 2 {
        increment(&place.store, &key, place.later()).await;
        increment(&place.other, &key, place.later()).await;
    }
    for child in children {
        child.must_succeed().await;
    }
    let counted = number(&load(&*place.store, &key).await.blob);
    let expected = processes::INCREMENTS * (1 + 3 * processes::TASKS);
    assert_eq!(counted, expected, "changes were lost");
}

async fn killed_while_writing_lose_nothing_that_was_acknowledged(place: &Place, store: &str) {
    for round in 0..10_u64 {
        let child = processes::Child::start(place, store, Task::Write);
        // Different moments, not in step with the writes.
        let moment = Duration::from_micros(20_000 + round * 7_919 % 13_000 * 5);
        let acknowledged = child.kill_after(moment).await;
        let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
        for number in acknowledged {
            newest.insert(number % processes::KEYS, number);
        }
        for slot in 0..processes::KEYS {
            let key = place.key(&processes::slot_name(slot));
            let Some(record) = place.store.load(&key).await.expect("load") else {
                assert!(!newest.contains_key(&slot), "a record is lost");
                continue;
            };
            let written = processes::number_in(&record.blob).expect("a record is torn");
            // The child may have written one more than it could acknowledge.
            if let Some(newest) = newest.get(&slot) {
                assert!(
                    written >= *newest,
                    "write {newest} is lost, {written} is there"
                );
            }
            // The dead child must hold nothing up. What it had sent when it died may still arrive at a server: one
            // write.
            let blob = processes::blob(slot);
            let seen = record.version;
            let tried = try_replace(&*place.store, &key, &blob, place.later(), &seen).await;
            let version = match tried {
                Replaced::Done(version) => version,
                _ => {
                    let seen = load(&*place.store, &key).await.version;
                    replace(&*place.store, &key, &blob, place.later(), &seen).await
                }
            };
            assert!(load(&*place.other, &key).await.version == version);
            delete(&*place.store, &key).await;
        }
    }
}
