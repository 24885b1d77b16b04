use dewar::store::Replaced;

use crate::check::*;
use crate::place::Place;

super::cases! {
    Nothing:
        overwrites_the_version_that_was_seen,
        gives_the_version_that_load_gives,
        changes_the_version,
        conflicts_with_a_write_in_between,
        leaves_the_record_alone_on_a_conflict,
        never_makes_a_record,
        never_revives_a_deleted_session,
        does_not_take_a_version_of_before_the_deletion,
        moves_the_expiry,
        leaves_the_expiry_alone_on_a_conflict;
}

async fn overwrites_the_version_that_was_seen(place: &Place) {
    let key = place.key("a");
    create(&*place.store, &key, b"one", place.later()).await;
    let seen = load(&*place.other, &key).await.version;
    replace(&*place.store, &key, b"two", place.later(), &seen).await;
    must_hold(&*place.store, &key, b"two").await;
    must_hold(&*place.other, &key, b"two").await;
}

async fn gives_the_version_that_load_gives(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    let version = replace(&*place.store, &key, b"two", place.later(), &seen).await;
    assert!(load(&*place.other, &key).await.version == version);
}

async fn changes_the_version(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    let version = replace(&*place.store, &key, b"two", place.later(), &seen).await;
    assert!(version != seen);
}

async fn conflicts_with_a_write_in_between(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    replace(&*place.other, &key, b"two", place.later(), &seen).await;
    let late = try_replace(&*place.store, &key, b"late", place.later(), &seen).await;
    assert_eq!(late, Replaced::Conflict);
}

async fn leaves_the_record_alone_on_a_conflict(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    let newer = replace(&*place.other, &key, b"two", place.later(), &seen).await;
    try_replace(&*place.store, &key, b"late", place.later(), &seen).await;
    must_hold(&*place.store, &key, b"two").await;
    replace(&*place.store, &key, b"three", place.later(), &newer).await;
}

async fn never_makes_a_record(place: &Place) {
    let (key, other) = (place.key("a"), place.key("b"));
    let seen = create(&*place.store, &other, b"data", place.later()).await;
    let gone = try_replace(&*place.store, &key, b"data", place.later(), &seen).await;
    assert_eq!(gone, Replaced::Gone);
    must_be_absent(&*place.store, &key).await;
}

async fn never_revives_a_deleted_session(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"data", place.later()).await;
    delete(&*place.other, &key).await;
    let gone = try_replace(&*place.store, &key, b"data", place.later(), &seen).await;
    assert_eq!(gone, Replaced::Gone);
    must_be_absent(&*place.store, &key).await;
    must_be_absent(&*place.other, &key).await;
}

async fn does_not_take_a_version_of_before_the_deletion(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    delete(&*place.other, &key).await;
    create(&*place.other, &key, b"two", place.later()).await;
    let late = try_replace(&*place.store, &key, b"late", place.later(), &seen).await;
    assert_eq!(late, Replaced::Conflict);
    must_hold(&*place.store, &key, b"two").await;
}

async fn moves_the_expiry(place: &Place) {
    let moved = place.in_time(|name, soon| async move {
        let key = place.key(name);
        let seen = create(&*place.store, &key, b"one", soon).await;
        let replaced = try_replace(&*place.store, &key, b"two", place.later(), &seen).await;
        matches!(replaced, Replaced::Done(_)).then_some(key)
    });
    let (longer, life) = moved.await;
    let shorter = place.key("shorter");
    let seen = create(&*place.store, &shorter, b"one", place.later()).await;
    replace(&*place.store, &shorter, b"two", place.soon(), &seen).await;
    place.pass_life(life).await;
    place.must_go(&shorter).await;
    must_hold(&*place.other, &longer, b"two").await;
    must_be_absent(&*place.other, &shorter).await;
}

async fn leaves_the_expiry_alone_on_a_conflict(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"one", place.later()).await;
    replace(&*place.other, &key, b"two", place.later(), &seen).await;
    try_replace(&*place.store, &key, b"late", place.soon(), &seen).await;
    place.pass_soon().await;
    must_hold(&*place.store, &key, b"two").await;
}
