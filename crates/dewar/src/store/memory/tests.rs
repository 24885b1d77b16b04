#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::clock::ManualClock;

use super::*;

fn store(capacity: usize) -> (MemoryStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(1_700_000_000)));
    (MemoryStore::new(capacity, clock.clone()), clock)
}

fn key(number: u32) -> Key {
    // As of an id: a last character that says nothing beyond the 256 bits.
    Key::new(format!("session:{number:042}A"))
}

fn create(store: &MemoryStore, number: u32, lifetime: u64) -> Result<Created> {
    let expires = store.0.clock.now() + Duration::from_secs(lifetime);
    store.create(&key(number), b"data", expires)
}

#[test]
fn a_full_store_refuses_and_evicts_nothing() {
    let (store, _clock) = store(10);
    for number in 0..10 {
        create(&store, number, 60).unwrap();
    }
    let error = create(&store, 10, 60).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("SESSION_MEMORY_CAPACITY"));
    for number in 0..10 {
        assert!(store.load(&key(number)).unwrap().is_some());
        assert_eq!(create(&store, number, 60).unwrap(), Created::Taken);
    }
}

#[test]
fn expired_sessions_of_any_shard_make_room() {
    let (store, clock) = store(1000);
    for number in 0..1000 {
        create(&store, number, if number == 500 { 1 } else { 60 }).unwrap();
    }
    assert!(create(&store, 1000, 60).is_err());
    clock.advance(Duration::from_secs(1));
    create(&store, 1000, 60).unwrap();
    assert!(create(&store, 1001, 60).is_err());
    assert_eq!(store.count(), 1000);
}

#[test]
fn every_way_out_frees_its_place() {
    let (store, clock) = store(1);
    for number in 0..3 {
        let Created::Done(version) = create(&store, number, 1).unwrap() else {
            panic!("taken");
        };
        match number {
            0 => store.delete(&key(0)).unwrap(),
            1 => drop(store.delete_unchanged(&key(1), &version).unwrap()),
            _ => {
                clock.advance(Duration::from_secs(1));
                let now = clock.now();
                assert_eq!(store.delete_expired(now, 10).unwrap(), Purged::Finished(1));
            }
        }
        assert_eq!(store.count(), 0);
    }
    // Over an expired record of the same key.
    create(&store, 5, 1).unwrap();
    clock.advance(Duration::from_secs(1));
    create(&store, 5, 1).unwrap();
    assert_eq!(store.count(), 1);
}

#[test]
fn a_record_expires_in_the_millisecond() {
    let (store, clock) = store(10);
    create(&store, 0, 1).unwrap();
    clock.advance(Duration::from_millis(999));
    assert!(store.load(&key(0)).unwrap().is_some());
    clock.advance(Duration::from_millis(1));
    assert!(store.load(&key(0)).unwrap().is_none());
}

#[test]
fn tables_and_heap_agree_through_thousands_of_changes() {
    let (store, clock) = store(5000);
    let mut random: u32 = 1;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % below
    };
    let mut model = std::collections::HashMap::new();
    for _ in 0..30_000 {
        let (number, lifetime) = (next(3000), u64::from(next(600)) + 1);
        let expires = clock.now() + Duration::from_secs(lifetime);
        model.retain(|_, expires| *expires > clock.now());
        match next(8) {
            0..4 => {
                let created = create(&store, number, lifetime).unwrap();
                assert_eq!(created == Created::Taken, model.contains_key(&number));
                model.entry(number).or_insert(expires);
            }
            4..6 => {
                let touched = store.touch(&key(number), expires).unwrap();
                assert_eq!(touched == Touched::Done, model.contains_key(&number));
                model.entry(number).and_modify(|at| *at = expires);
            }
            6 => {
                store.delete(&key(number)).unwrap();
                model.remove(&number);
            }
            _ => clock.advance(Duration::from_millis(100)),
        }
    }
    clock.advance(Duration::from_secs(1));
    model.retain(|_, expires| *expires > clock.now());
    while let Purged::More(_) = store.delete_expired(clock.now(), 7).unwrap() {}
    assert_eq!(store.count(), model.len());
    for (number, expires) in model {
        assert_eq!(
            store.load(&key(number)).unwrap().unwrap().expires,
            Some(expires)
        );
    }
}

/// Freeing can take as long as the system needs to take gigabytes back, and whoever reads a session of this shard waits.
#[test]
fn what_is_removed_is_freed_without_the_lock() {
    let (store, clock) = store(SHARD_SIZE);
    for number in 0..SHARD_SIZE as u32 {
        create(&store, number, 1).unwrap();
    }
    clock.advance(Duration::from_secs(1));
    for slice in &store.0.shards {
        while slice.has_expired(clock.now()) {
            let mut removed = Vec::with_capacity(STEP);
            let counted = allocation_counter::measure(|| {
                slice
                    .lock()
                    .remove_expired(clock.now(), STEP, &store.0.hasher, &mut removed);
            });
            let freed = counted.count_total as i64 - counted.count_current;
            assert_eq!(freed, 0);
            // The measure measures: dropping them frees at least a payload each.
            let records = removed.len() as i64;
            let counted = allocation_counter::measure(|| drop(removed));
            assert!(-counted.count_current > records);
        }
    }
}

/// What is asked of the allocator, which adds 19 bytes of its own to a record of this size in glibc.
#[test]
fn a_session_takes_at_most_80_bytes_over_its_record() {
    const SESSIONS: u32 = 50_000;
    let (store, clock) = store(SESSIONS as usize);
    let expires = clock.now() + Duration::from_secs(60);
    let counted = allocation_counter::measure(|| {
        for number in 0..SESSIONS {
            store.create(&key(number), &[b'x'; 300], expires).unwrap();
        }
    });
    let over = counted.bytes_current as f64 / f64::from(SESSIONS) - 300.0;
    assert!(over <= 80.0, "{over}");
}
