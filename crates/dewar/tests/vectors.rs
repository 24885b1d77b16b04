//! What the original libraries wrote, kept in `vectors/`: Dewar reads it as they do, and writes it as they did.

#![allow(clippy::unwrap_used)]

#[path = "../../../tests/interop/peer/src/neutral.rs"]
mod neutral;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::data::{Document, Format};
use dewar::signing::{Keyring, Scheme, UrlSafeTimedSerializer};
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Key, Store};
use neutral::{describe_dict, from_hex, read_dict, to_hex};
use serde_json::Value as Json;

fn vectors(file: &str) -> Vec<Json> {
    let path = format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'a>(vector: &'a Json, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn bytes(vector: &Json, name: &str) -> Vec<u8> {
    from_hex(text(vector, name)).unwrap()
}

/// The session that the vector was made of.
fn written(vector: &Json) -> Document {
    Document::from(read_dict(&vector["written"]).unwrap())
}

fn serializer(vector: &Json) -> UrlSafeTimedSerializer {
    let scheme = Scheme::new(text(vector, "salt"))
        .with_digest(text(vector, "digest").parse().unwrap())
        .with_key_derivation(text(vector, "derivation").parse().unwrap());
    UrlSafeTimedSerializer::new(&Keyring::new(bytes(vector, "key")), &scheme)
}

/// Where Dewar and the vector differ, by the vector's name.
fn assert_all(file: &str, check: impl Fn(&Json) -> bool) {
    let vectors = vectors(file);
    assert!(!vectors.is_empty());
    let failed: BTreeSet<_> = vectors
        .iter()
        .filter(|vector| !check(vector))
        .map(|vector| format!("{} {}", vector["format"], vector["name"]))
        .collect();
    assert!(failed.is_empty(), "{file}: {failed:#?}");
}

#[test]
fn cookies_read_as_flask_reads_them() {
    assert_all("cookies.json", |vector| {
        let now = UnixTime::from_seconds(vector["issued"].as_i64().unwrap());
        let (payload, issued) = serializer(vector)
            .loads(text(vector, "cookie").as_bytes(), now, Some(Duration::ZERO))
            .unwrap();
        assert_eq!(issued, now);
        assert_eq!(payload, text(vector, "text").as_bytes());
        let document = Document::parse(Format::TaggedJson, payload.into()).unwrap();
        describe_dict(&document.to_dict()) == vector["read"]
    });
}

#[test]
fn cookies_are_written_as_flask_writes_them() {
    assert_all("cookies.json", |vector| {
        let payload = written(vector).encode(Format::TaggedJson).unwrap();
        assert_eq!(String::from_utf8_lossy(&payload), text(vector, "text"));
        let now = UnixTime::from_seconds(vector["issued"].as_i64().unwrap());
        let cookie = serializer(vector).dumps(&payload, now);
        // Two implementations of zlib need not make the same bytes.
        cookie == text(vector, "cookie")
            || cookie.starts_with('.') && text(vector, "cookie").starts_with('.')
    });
}

fn format(vector: &Json) -> Format {
    match text(vector, "format") {
        "msgpack" => Format::Msgpack,
        "json" => Format::Json,
        other => panic!("no format is named {other}"),
    }
}

#[test]
fn records_read_as_flask_session_reads_them() {
    assert_all("records.json", |vector| {
        let document = Document::parse(format(vector), bytes(vector, "record").into()).unwrap();
        describe_dict(&document.to_dict()) == vector["read"]
    });
}

#[test]
fn records_are_written_as_flask_session_writes_them() {
    assert_all("records.json", |vector| {
        to_hex(&written(vector).encode(format(vector)).unwrap()) == text(vector, "record")
    });
}

#[test]
fn pickles_are_read() {
    assert_all("pickles.json", |vector| {
        let document = Document::detect(Format::Msgpack, bytes(vector, "record").into());
        document.is_ok_and(|document| describe_dict(&document.to_dict()) == vector["read"])
    });
}

/// The time at which the folders were made.
const MADE: UnixTime = UnixTime::from_seconds(1_790_000_000);

/// A store on a copy of a folder in `vectors/`, in which nothing has been written yet.
fn copied_folder(name: &str, now: UnixTime) -> (tempfile::TempDir, FilesystemStore) {
    let copy = tempfile::tempdir().unwrap();
    let original = format!("{}/../../vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(original).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let store = FilesystemStore::at(copy.path())
        .clock(Arc::new(ManualClock::new(now)))
        .open()
        .unwrap();
    (copy, store)
}

#[tokio::test]
async fn folders_of_cachelib_are_read_under_both_names() {
    for vector in vectors("cachelib.json") {
        let (_copy, store) = copied_folder(text(&vector, "folder"), MADE);
        let record = store
            .load(&Key::new(text(&vector, "key")))
            .await
            .unwrap()
            .unwrap();
        let document = Document::detect(Format::Msgpack, record.blob).unwrap();
        assert_eq!(describe_dict(&document.to_dict()), vector["read"]);
        assert_eq!(
            record.expires.map(UnixTime::seconds),
            vector["expires"].as_i64()
        );
    }
}

#[tokio::test]
async fn folders_of_cachelib_expire_when_cachelib_says() {
    for vector in vectors("cachelib.json") {
        let key = Key::new(text(&vector, "key"));
        let Some(expires) = vector["expires"].as_i64() else {
            let (_copy, store) = copied_folder(
                text(&vector, "folder"),
                UnixTime::from_seconds(4_000_000_000),
            );
            assert!(store.load(&key).await.unwrap().is_some());
            continue;
        };
        let (_copy, store) =
            copied_folder(text(&vector, "folder"), UnixTime::from_seconds(expires - 1));
        assert!(store.load(&key).await.unwrap().is_some());
        let (_copy, store) =
            copied_folder(text(&vector, "folder"), UnixTime::from_seconds(expires + 1));
        assert!(store.load(&key).await.unwrap().is_none());
    }
}
