//! `delete_expired`.

use dewar::UnixTime;
use dewar::store::{Created, Expiry, Touched};

use crate::check::*;
use crate::place::Place;

super::cases! {
    Nothing:
        finishes_where_nothing_is,
        removes_what_has_expired_and_nothing_else,
        keeps_to_its_limit,
        finds_what_expired_behind_records_that_were_touched,
        goes_by_the_time_that_it_is_given,
        of_two_handles_removes_each_record_once;
}

async fn finishes_where_nothing_is(place: &Place) {
    assert_eq!(purge(&*place.store, place.now(), 10).await, 0);
}

async fn removes_what_has_expired_and_nothing_else(place: &Place) {
    fill(place, "dead", 30, place.soon()).await;
    fill(place, "live", 30, place.later()).await;
    place.pass_soon().await;
    let removed = purge(&*place.store, place.now(), 1000).await;
    must_have_removed(place, removed, 30);
    must_all_live(place, "live", 30).await;
    assert_eq!(purge(&*place.other, place.now(), 1000).await, 0);
}

async fn keeps_to_its_limit(place: &Place) {
    fill(place, "dead", 25, place.soon()).await;
    place.pass_soon().await;
    // `purge` insists on the limit at each step.
    let removed = purge(&*place.store, place.now(), 4).await;
    must_have_removed(place, removed, 25);
}

async fn finds_what_expired_behind_records_that_were_touched(place: &Place) {
    let touched = place.in_time(|name, soon| async move {
        fill(place, name, 60, soon).await;
        fill(place, &format!("{name}dead"), 60, soon).await;
        let mut touched = true;
        for at in 0..60 {
            let key = place.key(&format!("{name}{at}"));
            touched &= touch(&*place.other, &key, place.later()).await == Touched::Done;
        }
        touched.then_some(name)
    });
    let (touched, life) = touched.await;
    place.pass_life(life).await;
    let removed = purge(&*place.store, place.now(), 100).await;
    must_have_removed(place, removed, 60);
    must_all_live(place, touched, 60).await;
}

async fn goes_by_the_time_that_it_is_given(place: &Place) {
    let before = place.now();
    fill(place, "a", 5, place.later()).await;
    assert_eq!(purge(&*place.store, before, 100).await, 0);
    must_all_live(place, "a", 5).await;
}

async fn of_two_handles_removes_each_record_once(place: &Place) {
    fill(place, "dead", 200, place.soon()).await;
    fill(place, "live", 50, place.later()).await;
    place.pass_soon().await;
    let now = place.now();
    let (one, other) = (place.store.clone(), place.other.clone());
    let one = tokio::spawn(async move { purge(&*one, now, 7).await });
    let other = tokio::spawn(async move { purge(&*other, now, 7).await });
    let removed = one.await.expect("one") + other.await.expect("other");
    must_have_removed(place, removed, 200);
    must_all_live(place, "live", 50).await;
}

async fn fill(place: &Place, name: &str, records: usize, expires: UnixTime) {
    for at in 0..records {
        let key = place.key(&format!("{name}{at}"));
        let created = place.store.create(&key, "data".into(), expires).await;
        assert!(matches!(created, Ok(Created::Done(_))), "{created:?}");
    }
}

fn must_have_removed(place: &Place, removed: u64, expected: u64) {
    match place.store.capabilities().expiry {
        Expiry::Purged => assert_eq!(removed, expected, "records were removed"),
        Expiry::Native => assert_eq!(removed, 0, "the server does it"),
    }
}

async fn must_all_live(place: &Place, name: &str, records: usize) {
    for at in 0..records {
        must_hold(&*place.store, &place.key(&format!("{name}{at}")), b"data").await;
    }
}
