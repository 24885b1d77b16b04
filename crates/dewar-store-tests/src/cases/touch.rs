use std::time::Duration;

use dewar::store::{Key, Touched, Version};

use crate::check::*;
use crate::place::Place;

super::cases! {
    Nothing:
        moves_the_expiry_forward,
        moves_the_expiry_back,
        never_changes_the_data,
        never_changes_the_version,
        never_makes_a_record,
        never_revives_a_deleted_session,
        keeps_a_record_through_delete_expired;
}

async fn moves_the_expiry_forward(place: &Place) {
    let (touched, life) = touched_in_time(place, b"data").await;
    place.pass_life(life).await;
    must_hold(&*place.store, &touched.key, b"data").await;
    must_hold(&*place.other, &touched.key, b"data").await;
}

async fn moves_the_expiry_back(place: &Place) {
    let touched = place.in_time(|name, soon| async move {
        let key = place.key(name);
        create(&*place.store, &key, b"data", place.later()).await;
        assert_eq!(touch(&*place.other, &key, soon).await, Touched::Done);
        let there = holds(&*place.store, &key, b"data").await;
        there.then_some(key)
    });
    let (key, life) = touched.await;
    place.pass_life(life).await;
    place.must_go(&key).await;
    must_be_absent(&*place.store, &key).await;
    must_be_absent(&*place.other, &key).await;
}

async fn never_changes_the_data(place: &Place) {
    for size in [0, 100, 100_000] {
        let blob: Vec<u8> = (0..size).map(|at: u32| (at % 256) as u8).collect();
        let (touched, _) = touched_in_time(place, &blob).await;
        must_hold(&*place.store, &touched.key, &blob).await;
        delete(&*place.store, &touched.key).await;
    }
}

async fn never_changes_the_version(place: &Place) {
    let (Known { key, seen }, _) = touched_in_time(place, b"data").await;
    assert!(load(&*place.store, &key).await.version == seen);
    replace(&*place.store, &key, b"more", place.later(), &seen).await;
}

async fn never_makes_a_record(place: &Place) {
    let key = place.key("a");
    assert_eq!(
        touch(&*place.store, &key, place.later()).await,
        Touched::Gone
    );
    must_be_absent(&*place.store, &key).await;
}

async fn never_revives_a_deleted_session(place: &Place) {
    let key = place.key("a");
    create(&*place.store, &key, b"data", place.later()).await;
    delete(&*place.other, &key).await;
    assert_eq!(
        touch(&*place.store, &key, place.later()).await,
        Touched::Gone
    );
    must_be_absent(&*place.store, &key).await;
}

async fn keeps_a_record_through_delete_expired(place: &Place) {
    let (touched, life) = touched_in_time(place, b"data").await;
    place.pass_life(life).await;
    purge(&*place.store, place.now(), 100).await;
    must_hold(&*place.store, &touched.key, b"data").await;
}

struct Known {
    key: Key,
    seen: Version,
}

/// A record that would have expired soon, and was touched before it did; how long it would have lived.
async fn touched_in_time(place: &Place, blob: &[u8]) -> (Known, Duration) {
    let touched = place.in_time(|name, soon| async move {
        let key = place.key(name);
        let seen = create(&*place.store, &key, blob, soon).await;
        let touched = touch(&*place.other, &key, place.later()).await;
        (touched == Touched::Done).then_some(Known { key, seen })
    });
    touched.await
}
