#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::UnixTime;

const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
const LATER: UnixTime = UnixTime::from_seconds(1_800_000_000);

struct Bench {
    files: Files,
    key: Key,
    root: tempfile::TempDir,
}

impl Bench {
    fn new(names: Option<Names>) -> Bench {
        let root = tempfile::tempdir().unwrap();
        Bench::in_folder(root, names)
    }

    fn in_folder(root: tempfile::TempDir, names: Option<Names>) -> Bench {
        let folder = Folder::of_cachelib(root.path().into(), 0o600);
        Bench {
            files: Files::open(folder, names).unwrap(),
            key: Key::new("session:0123456789"),
            root,
        }
    }

    fn add(&self, data: &str) -> Placed {
        let locked = self.files.folder.lock_legacy().unwrap();
        self.files.add(&self.key, &file(data), &locked).unwrap()
    }

    fn find(&self) -> Option<Legacy> {
        self.files.find(&self.key, NOW).unwrap()
    }

    fn data(&self) -> Option<String> {
        let found = self.find()?;
        Some(String::from_utf8(found.pickle.to_vec()).unwrap())
    }

    /// What cachelib's `set` does.
    fn cachelib_writes(&self, data: &str) {
        let temporary = self.root.path().join("tmpabc.__wz_cache");
        fs::write(&temporary, file(data)).unwrap();
        fs::rename(temporary, &self.files.paths(&self.key)[0]).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names
            .filter(|name| !name.ends_with(".__wz_cache"))
            .collect();
        names.sort();
        names
    }

    fn counter(&self) -> Option<i64> {
        let path = self.root.path().join(COUNTERS[1]);
        pickle::read_count(fs::read(path).ok()?.get(HEADER..)?)
    }
}

fn file(data: &str) -> Vec<u8> {
    [&legacy::header(LATER)[..], data.as_bytes()].concat()
}

#[test]
fn what_cachelib_wrote_after_the_look_is_neither_overwritten_nor_lost() {
    let bench = Bench::new(None);
    bench.add("old");
    let seen = bench.find().unwrap();
    bench.cachelib_writes("theirs");
    let locked = bench.files.folder.lock_legacy().unwrap();
    let placed = bench
        .files
        .replace(&bench.key, &file("ours"), &seen, &locked);
    assert_eq!(placed.unwrap(), Placed::Conflict);
    assert_eq!(bench.data().as_deref(), Some("theirs"));
    assert_eq!(bench.names().len(), 1, "nothing is left over");
}

#[test]
fn what_cachelib_deleted_after_the_look_does_not_come_back() {
    let bench = Bench::new(None);
    bench.add("old");
    let seen = bench.find().unwrap();
    fs::remove_file(&seen.path).unwrap();
    let locked = bench.files.folder.lock_legacy().unwrap();
    let placed = bench
        .files
        .replace(&bench.key, &file("ours"), &seen, &locked);
    assert_eq!(placed.unwrap(), Placed::Gone);
    assert_eq!(bench.names(), [""; 0]);
}

#[test]
fn what_was_seen_is_replaced() {
    let bench = Bench::new(None);
    bench.add("old");
    let seen = bench.find().unwrap();
    let locked = bench.files.folder.lock_legacy().unwrap();
    let placed = bench
        .files
        .replace(&bench.key, &file("new"), &seen, &locked);
    assert_eq!(placed.unwrap(), Placed::Done);
    assert_eq!(bench.data().as_deref(), Some("new"));
    assert!(
        !bench.files.unfinished().exists(),
        "the old one is left over"
    );
}

#[test]
fn a_file_with_the_other_hash_moves_to_the_usual_name_when_it_is_written() {
    let bench = Bench::new(Some(Names::Md5));
    bench.add("old");
    let Bench { root, .. } = bench;
    let bench = Bench::in_folder(root, Some(Names::Sha256));
    let seen = bench.find().unwrap();
    assert_eq!(bench.names()[0].len(), 32);
    let locked = bench.files.folder.lock_legacy().unwrap();
    let placed = bench
        .files
        .replace(&bench.key, &file("new"), &seen, &locked);
    assert_eq!(placed.unwrap(), Placed::Done);
    assert_eq!(bench.data().as_deref(), Some("new"));
    let names = bench.names();
    assert_eq!((names.len(), names[0].len()), (1, 64));
}

#[test]
fn new_files_are_named_as_cachelib_names_its_counter_there() {
    for (counter, names) in [(0, Names::Md5), (1, Names::Sha256)] {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(COUNTERS[counter]), b"\0\0\0\0\x80\x04K\0.").unwrap();
        assert_eq!(Bench::in_folder(root, None).files.names, names);
    }
    assert_eq!(Bench::new(None).files.names, Names::Sha256);
}

#[test]
fn cachelibs_count_follows_and_is_not_begun() {
    let bench = Bench::new(None);
    bench.add("uncounted");
    assert_eq!(bench.counter(), None, "nobody counts here");

    let counter = bench.root.path().join(COUNTERS[1]);
    fs::write(&counter, b"\0\0\0\0\x80\x05M\xf4\x01.").unwrap();
    let locked = bench.files.folder.lock_legacy().unwrap();
    bench.files.remove(&bench.key, &locked).unwrap();
    assert_eq!(bench.counter(), Some(499));
    bench.files.remove(&bench.key, &locked).unwrap();
    assert_eq!(bench.counter(), Some(499), "what is absent is not counted");
    drop(locked);
    bench.add("counted");
    assert_eq!(bench.counter(), Some(500));
    assert_eq!(fs::read(&counter).unwrap()[..HEADER], [0; HEADER]);
}

#[test]
fn the_counters_own_key_is_refused() {
    let mut bench = Bench::new(None);
    bench.key = Key::new("__wz_cache_count");
    let locked = bench.files.folder.lock_legacy().unwrap();
    assert!(bench.files.add(&bench.key, &file("data"), &locked).is_err());
    assert!(bench.find().is_none());
}
