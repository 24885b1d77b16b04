//! Keys: whatever text a prefix and an id make up, and each is its own.

use crate::check::*;
use crate::place::Place;

super::cases! {
    Nothing:
        of_every_allowed_character,
        that_differ_in_case_only_are_two,
        that_differ_in_the_last_character_are_two,
        of_the_longest_ids,
        of_the_longest_cookies_are_absent,
        that_begin_like_another_are_their_own;
}

async fn of_every_allowed_character(place: &Place) {
    let id = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for name in [
        id,
        "-_-_-_-_-_-_-_-_-_-_-",
        "____________________",
        "--------------------",
    ] {
        let key = place.key(name);
        let seen = create(&*place.store, &key, name.as_bytes(), place.later()).await;
        must_hold(&*place.other, &key, name.as_bytes()).await;
        replace(&*place.store, &key, b"two", place.later(), &seen).await;
        must_hold(&*place.other, &key, b"two").await;
    }
}

async fn that_differ_in_case_only_are_two(place: &Place) {
    let (lower, upper) = (
        place.key("abcdefghijklmnopqrstu"),
        place.key("ABCDEFGHIJKLMNOPQRSTU"),
    );
    create(&*place.store, &lower, b"lower", place.later()).await;
    must_be_absent(&*place.store, &upper).await;
    create(&*place.store, &upper, b"upper", place.later()).await;
    must_hold(&*place.store, &lower, b"lower").await;
    delete(&*place.store, &lower).await;
    must_hold(&*place.store, &upper, b"upper").await;
}

async fn that_differ_in_the_last_character_are_two(place: &Place) {
    // As raw bytes these would be one: the last character of 43 has two bits that do not count.
    let id = "kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZ";
    let keys = ["o", "p", "q"].map(|last| place.key(&format!("{id}{last}")));
    for key in &keys {
        create(&*place.store, key, b"data", place.later()).await;
    }
    delete(&*place.store, &keys[0]).await;
    must_hold(&*place.store, &keys[1], b"data").await;
    must_hold(&*place.store, &keys[2], b"data").await;
}

async fn of_the_longest_ids(place: &Place) {
    let (one, other) = ("a".repeat(199) + "1", "a".repeat(199) + "2");
    let (one, other) = (place.key(&one), place.key(&other));
    create(&*place.store, &one, b"one", place.later()).await;
    create(&*place.store, &other, b"other", place.later()).await;
    must_hold(&*place.store, &one, b"one").await;
    must_hold(&*place.store, &other, b"other").await;
}

/// A cookie can hold 256 characters, whoever wrote it: that a store cannot have such a key is no reason to fail.
async fn of_the_longest_cookies_are_absent(place: &Place) {
    must_be_absent(&*place.store, &place.key(&"a".repeat(256))).await;
}

async fn that_begin_like_another_are_their_own(place: &Place) {
    let (short, long) = (
        place.key("aaaaaaaaaaaaaaaaaaaa"),
        place.key("aaaaaaaaaaaaaaaaaaaaa"),
    );
    create(&*place.store, &long, b"long", place.later()).await;
    must_be_absent(&*place.store, &short).await;
    create(&*place.store, &short, b"short", place.later()).await;
    delete(&*place.store, &short).await;
    must_hold(&*place.store, &long, b"long").await;
}
