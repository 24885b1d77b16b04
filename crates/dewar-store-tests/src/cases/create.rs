use crate::check::*;
use crate::place::Place;

super::cases! {
    Nothing:
        makes_a_record_where_there_is_none,
        leaves_a_live_record_alone,
        gives_the_version_that_load_gives,
        makes_a_record_anew_after_a_deletion,
        does_not_give_a_version_of_before_the_deletion;
}

async fn makes_a_record_where_there_is_none(place: &Place) {
    let key = place.key("a");
    must_be_absent(&*place.store, &key).await;
    create(&*place.store, &key, b"data", place.later()).await;
    must_hold(&*place.store, &key, b"data").await;
    must_hold(&*place.other, &key, b"data").await;
}

async fn leaves_a_live_record_alone(place: &Place) {
    let key = place.key("a");
    let version = create(&*place.store, &key, b"data", place.later()).await;
    must_be_taken(&*place.store, &key, place.later()).await;
    must_be_taken(&*place.other, &key, place.later()).await;
    must_hold(&*place.store, &key, b"data").await;
    replace(&*place.store, &key, b"more", place.later(), &version).await;
}

async fn gives_the_version_that_load_gives(place: &Place) {
    let key = place.key("a");
    let version = create(&*place.store, &key, b"data", place.later()).await;
    assert!(load(&*place.store, &key).await.version == version);
    assert!(load(&*place.other, &key).await.version == version);
}

async fn makes_a_record_anew_after_a_deletion(place: &Place) {
    let key = place.key("a");
    create(&*place.store, &key, b"data", place.later()).await;
    delete(&*place.other, &key).await;
    create(&*place.store, &key, b"other data", place.later()).await;
    must_hold(&*place.other, &key, b"other data").await;
}

async fn does_not_give_a_version_of_before_the_deletion(place: &Place) {
    let key = place.key("a");
    let before = create(&*place.store, &key, b"data", place.later()).await;
    delete(&*place.store, &key).await;
    let after = create(&*place.store, &key, b"other data", place.later()).await;
    assert!(before != after, "an old version fits the new record");
}
