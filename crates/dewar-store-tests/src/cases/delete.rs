use std::time::Duration;

use dewar::store::{Deleted, Touched};

use crate::check::*;
use crate::place::Place;

super::cases! {
    Nothing:
        removes_the_record,
        of_an_absent_record_is_a_success,
        leaves_other_records_alone,
        unchanged_removes_the_version_that_was_seen,
        unchanged_conflicts_with_a_write_in_between,
        unchanged_does_not_conflict_with_a_touch,
        unchanged_says_that_a_record_is_gone,
        unchanged_does_not_take_a_version_of_before_the_deletion;
}

async fn removes_the_record(place: &Place) {
    let key = place.key("a");
    create(&*place.store, &key, b"data", place.later()).await;
    delete(&*place.other, &key).await;
    must_be_absent(&*place.store, &key).await;
    must_be_absent(&*place.other, &key).await;
}

async fn of_an_absent_record_is_a_success(place: &Place) {
    let key = place.key("a");
    delete(&*place.store, &key).await;
    create(&*place.store, &key, b"data", place.later()).await;
    delete(&*place.store, &key).await;
    delete(&*place.store, &key).await;
    delete(&*place.other, &key).await;
    must_be_absent(&*place.store, &key).await;
}

async fn leaves_other_records_alone(place: &Place) {
    let (key, other) = (place.key("a"), place.key("b"));
    create(&*place.store, &key, b"data", place.later()).await;
    create(&*place.store, &other, b"data", place.later()).await;
    delete(&*place.store, &key).await;
    must_hold(&*place.store, &other, b"data").await;
}

async fn unchanged_removes_the_version_that_was_seen(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"data", place.later()).await;
    assert_eq!(
        delete_unchanged(&*place.other, &key, &seen).await,
        Deleted::Done
    );
    must_be_absent(&*place.store, &key).await;
}

async fn unchanged_conflicts_with_a_write_in_between(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    let newer = replace(&*place.other, &key, b"two", place.later(), &seen).await;
    assert_eq!(
        delete_unchanged(&*place.store, &key, &seen).await,
        Deleted::Conflict
    );
    must_hold(&*place.store, &key, b"two").await;
    assert_eq!(
        delete_unchanged(&*place.store, &key, &newer).await,
        Deleted::Done
    );
}

async fn unchanged_does_not_conflict_with_a_touch(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"data", place.later()).await;
    let longer = place.later() + Duration::from_secs(60);
    assert_eq!(touch(&*place.other, &key, longer).await, Touched::Done);
    assert_eq!(
        delete_unchanged(&*place.store, &key, &seen).await,
        Deleted::Done
    );
}

async fn unchanged_says_that_a_record_is_gone(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"data", place.later()).await;
    delete(&*place.other, &key).await;
    assert_eq!(
        delete_unchanged(&*place.store, &key, &seen).await,
        Deleted::Gone
    );
}

async fn unchanged_does_not_take_a_version_of_before_the_deletion(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    delete(&*place.store, &key).await;
    create(&*place.store, &key, b"two", place.later()).await;
    assert_eq!(
        delete_unchanged(&*place.other, &key, &seen).await,
        Deleted::Conflict
    );
    must_hold(&*place.store, &key, b"two").await;
}
