use dewar::store::Touched;

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
    let key = place.key("a");
    create(&*place.store, &key, b"data", place.soon()).await;
    assert_eq!(
        touch(&*place.other, &key, place.later()).await,
        Touched::Done
    );
    place.pass_soon().await;
    must_hold(&*place.store, &key, b"data").await;
    must_hold(&*place.other, &key, b"data").await;
}

async fn moves_the_expiry_back(place: &Place) {
    let key = place.key("a");
    create(&*place.store, &key, b"data", place.later()).await;
    assert_eq!(
        touch(&*place.other, &key, place.soon()).await,
        Touched::Done
    );
    must_hold(&*place.store, &key, b"data").await;
    place.pass_soon().await;
    must_be_absent(&*place.store, &key).await;
    must_be_absent(&*place.other, &key).await;
}

async fn never_changes_the_data(place: &Place) {
    for (name, size) in [("empty", 0), ("small", 100), ("large", 100_000)] {
        let key = place.key(name);
        let blob: Vec<u8> = (0..size).map(|at: u32| (at % 256) as u8).collect();
        create(&*place.store, &key, &blob, place.soon()).await;
        touch(&*place.other, &key, place.later()).await;
        must_hold(&*place.store, &key, &blob).await;
    }
}

async fn never_changes_the_version(place: &Place) {
    let key = place.key("a");
    let seen = create(&*place.store, &key, b"data", place.soon()).await;
    touch(&*place.other, &key, place.later()).await;
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
    let key = place.key("a");
    create(&*place.store, &key, b"data", place.soon()).await;
    touch(&*place.other, &key, place.later()).await;
    place.pass_soon().await;
    purge(&*place.store, place.now(), 100).await;
    must_hold(&*place.store, &key, b"data").await;
}
