//! A record whose expiry has passed does not exist, for every method.

use std::time::Duration;

use dewar::store::{Deleted, Replaced, Touched, Version};

use crate::check::*;
use crate::place::{Place, Time};

super::cases! {
    Nothing:
        load_finds_nothing,
        create_finds_the_place_free,
        create_in_its_place_gives_another_version,
        replace_says_gone,
        touch_says_gone_and_does_not_revive,
        delete_succeeds,
        delete_unchanged_says_gone,
        of_one_record_is_not_that_of_another,
        in_the_past_is_at_once,
        does_not_come_early,
        may_lie_years_ahead;
    Listing:
        list_leaves_it_out;
}

async fn expired(place: &Place) -> (dewar::store::Key, Version) {
    let made = place.in_time(|name, soon| async move {
        let key = place.key(name);
        let seen = create(&*place.store, &key, b"data", soon).await;
        let there = holds(&*place.store, &key, b"data").await;
        there.then_some((key, seen))
    });
    let ((key, seen), life) = made.await;
    place.pass_life(life).await;
    place.must_go(&key).await;
    (key, seen)
}

async fn load_finds_nothing(place: &Place) {
    let (key, _) = expired(place).await;
    must_be_absent(&*place.store, &key).await;
    must_be_absent(&*place.other, &key).await;
}

async fn create_finds_the_place_free(place: &Place) {
    let (key, _) = expired(place).await;
    create(&*place.other, &key, b"new", place.later()).await;
    must_hold(&*place.store, &key, b"new").await;
}

async fn create_in_its_place_gives_another_version(place: &Place) {
    let (key, seen) = expired(place).await;
    create(&*place.store, &key, b"new", place.later()).await;
    let late = try_replace(&*place.store, &key, b"late", place.later(), &seen).await;
    assert_eq!(late, Replaced::Conflict);
    must_hold(&*place.store, &key, b"new").await;
}

async fn replace_says_gone(place: &Place) {
    let (key, seen) = expired(place).await;
    let gone = try_replace(&*place.store, &key, b"new", place.later(), &seen).await;
    assert_eq!(gone, Replaced::Gone);
    must_be_absent(&*place.store, &key).await;
}

async fn touch_says_gone_and_does_not_revive(place: &Place) {
    let (key, _) = expired(place).await;
    assert_eq!(
        touch(&*place.store, &key, place.later()).await,
        Touched::Gone
    );
    must_be_absent(&*place.store, &key).await;
}

async fn delete_succeeds(place: &Place) {
    let (key, _) = expired(place).await;
    delete(&*place.store, &key).await;
    must_be_absent(&*place.store, &key).await;
}

async fn delete_unchanged_says_gone(place: &Place) {
    let (key, seen) = expired(place).await;
    assert_eq!(
        delete_unchanged(&*place.store, &key, &seen).await,
        Deleted::Gone
    );
}

async fn of_one_record_is_not_that_of_another(place: &Place) {
    let live = place.key("b");
    create(&*place.store, &live, b"data", place.later()).await;
    let (key, _) = expired(place).await;
    must_be_absent(&*place.store, &key).await;
    must_hold(&*place.store, &live, b"data").await;
}

async fn in_the_past_is_at_once(place: &Place) {
    let (made, written, touched) = (place.key("a"), place.key("b"), place.key("c"));
    // More than the coarsest grain ago.
    let past = place.now() - Duration::from_secs(10);
    create(&*place.store, &made, b"data", past).await;
    must_be_absent(&*place.store, &made).await;
    let seen = create(&*place.store, &written, b"one", place.later()).await;
    try_replace(&*place.store, &written, b"two", past, &seen).await;
    must_be_absent(&*place.store, &written).await;
    create(&*place.store, &touched, b"data", place.later()).await;
    touch(&*place.store, &touched, past).await;
    must_be_absent(&*place.store, &touched).await;
}

async fn does_not_come_early(place: &Place) {
    let (key, expires) = (place.key("a"), place.now() + Duration::from_secs(10));
    create(&*place.store, &key, b"data", expires).await;
    match &place.time {
        Time::Manual(_) => place.pass(Duration::from_millis(9_999)).await,
        // Half of it leaves room for a slow machine.
        Time::Real => place.pass(Duration::from_secs(5)).await,
    }
    let there = holds(&*place.store, &key, b"data").await;
    assert!(there || place.now() >= expires, "it came early");
}

async fn may_lie_years_ahead(place: &Place) {
    let key = place.key("a");
    let years = Duration::from_secs(5 * 365 * 24 * 3600);
    let seen = create(&*place.store, &key, b"one", place.now() + years).await;
    must_hold(&*place.store, &key, b"one").await;
    replace(&*place.store, &key, b"two", place.now() + years, &seen).await;
    touch(&*place.store, &key, place.now() + years).await;
    must_hold(&*place.other, &key, b"two").await;
}

async fn list_leaves_it_out(place: &Place) {
    let live = place.key("b");
    create(&*place.store, &live, b"data", place.later()).await;
    expired(place).await;
    let keys: Vec<_> = list(&*place.store, &place.prefix(), 10)
        .await
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    assert!(
        keys == [live],
        "{} records are listed, not the one that lives",
        keys.len()
    );
}
