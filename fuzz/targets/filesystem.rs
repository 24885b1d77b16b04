#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use dewar::UnixTime;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Key, Store};
use dewar_fuzz::block_on;

/// A folder with one record, whose file every run overwrites.
static PLACE: LazyLock<Place> = LazyLock::new(Place::new);

struct Place {
    _folder: tempfile::TempDir,
    store: FilesystemStore,
    key: Key,
    record: PathBuf,
    whole: Vec<u8>,
    legacy: PathBuf,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FilesystemStore::at(folder.path()).open().expect("a store");
        let key = Key::new("session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo");
        let expires = UnixTime::from_seconds(4_000_000_000);
        block_on(store.create(&key, Bytes::from_static(b"the session's data"), expires)).expect("a record");
        let record = only_file(&folder.path().join("dewar.__wz_cache")).expect("the record's file");
        let whole = std::fs::read(&record).expect("its bytes");
        // The MD5 of the key, under which older versions of cachelib keep it.
        let legacy = folder.path().join("1240b0e6f0fe05419dcdedc367e4726b");
        Place { _folder: folder, store, key, record, whole, legacy }
    }
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name()? != "locks" {
            if let Some(found) = only_file(&path) {
                return Some(found);
            }
        } else if path.is_file() && path.file_name()?.len() > 40 {
            return Some(path);
        }
    }
    None
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let place = &*PLACE;
    let (mode, data) = data.split_first().map_or((0, data), |(mode, data)| (*mode, data));
    // As it comes, or the true record with some of its bytes changed.
    let bytes = if mode % 2 == 0 {
        data.to_vec()
    } else {
        let mut bytes = place.whole.clone();
        for change in data.chunks_exact(2) {
            let at = usize::from(change[0]) % bytes.len();
            bytes[at] ^= change[1];
        }
        bytes
    };
    std::fs::write(&place.record, &bytes).expect("a write");
    let loaded = block_on(place.store.load(&place.key)).expect("no error for a damaged file");
    if let Some(record) = loaded {
        // A checksum lets through what is whole, and a change of the expiry alone is a touch.
        if mode % 2 == 1 {
            assert_eq!(&record.blob[..], b"the session's data");
        }
    }
    std::fs::remove_file(&place.record).expect("a removal");
    std::fs::write(&place.legacy, data).expect("a write");
    block_on(place.store.load(&place.key)).expect("no error for a damaged file");
    std::fs::remove_file(&place.legacy).expect("a removal");
});
