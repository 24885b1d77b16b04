use std::time::Duration;

use dewar::store::Deleted;

use crate::check::*;
use crate::place::{Place, Time};

super::cases! {
    Nothing:
        finds_nothing_where_nothing_is,
        gives_back_every_byte,
        gives_back_empty_data,
        gives_back_large_data,
        gives_the_same_without_the_expiry,
        tells_the_expiry_if_it_can;
}

async fn finds_nothing_where_nothing_is(place: &Place) {
    must_be_absent(&*place.store, &place.key("a")).await;
}

async fn gives_back_every_byte(place: &Place) {
    let every_byte: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for (name, blob) in [
        ("bytes", every_byte.as_slice()),
        ("zeros", &[0; 100]),
        ("not utf-8", &[0xff, 0xfe, 0x80]),
        ("lines", b"\r\nVALUE a 0 1\r\n\r\nEND\r\n"),
    ] {
        let key = place.key(name.split(' ').next().unwrap_or(name));
        let version = create(&*place.store, &key, blob, place.later()).await;
        must_hold(&*place.other, &key, blob).await;
        replace(&*place.store, &key, &blob[1..], place.later(), &version).await;
        must_hold(&*place.other, &key, &blob[1..]).await;
    }
}

async fn gives_back_empty_data(place: &Place) {
    let key = place.key("a");
    let version = create(&*place.store, &key, b"", place.later()).await;
    must_hold(&*place.other, &key, b"").await;
    must_be_taken(&*place.other, &key, place.later()).await;
    let version = replace(&*place.store, &key, b"data", place.later(), &version).await;
    replace(&*place.store, &key, b"", place.later(), &version).await;
    must_hold(&*place.other, &key, b"").await;
}

async fn gives_back_large_data(place: &Place) {
    // Sizes around those at which stores change their ways, and more than a megabyte less a header's room,
    // which is where memcached ends by default.
    for size in [4_095, 4_096, 4_097, 65_535, 65_536, 1_000_000] {
        let key = place.key(&size.to_string());
        let size = place.largest.min(size);
        let blob: Vec<u8> = (0..size).map(|at: usize| (at * 31 % 251) as u8).collect();
        let version = create(&*place.store, &key, &blob, place.later()).await;
        must_hold(&*place.other, &key, &blob).await;
        replace(&*place.other, &key, b"small", place.later(), &version).await;
        must_hold(&*place.store, &key, b"small").await;
    }
}

async fn gives_the_same_without_the_expiry(place: &Place) {
    let key = place.key("a");
    for (store, blob) in [(&place.store, "data"), (&place.other, "more")] {
        let seen = create(&**store, &key, blob.as_bytes(), place.later()).await;
        let whole = load(&**store, &key).await;
        let bare = store.load_without_expiry(&key).await.expect("load");
        let bare = bare.expect("the record should be there");
        assert_eq!(bare.blob, blob);
        assert!(bare.version == seen, "it is another version");
        assert!(
            bare.expires.is_none() || whole.expires.is_some(),
            "it tells an expiry that a load with one does not"
        );
        let done = delete_unchanged(&**store, &key, &bare.version).await;
        assert_eq!(done, Deleted::Done);
    }
}

async fn tells_the_expiry_if_it_can(place: &Place) {
    let (key, begun) = (place.key("a"), place.now());
    let expires = place.later();
    create(&*place.store, &key, b"data", expires).await;
    if let Some(told) = load(&*place.store, &key).await.expires {
        let (earliest, latest) = match &place.time {
            Time::Manual(_) => (expires, expires + Duration::from_secs(1)),
            // How much time was left when the server was asked, on a clock that may tick in between, and late when it is busy.
            Time::Real => {
                let ticks = Duration::from_secs(3);
                (expires - ticks, expires + ticks + place.now().since(begun))
            }
        };
        assert!(
            earliest <= told && told <= latest,
            "{told:?} is not {expires:?}"
        );
    }
}
