//! Readers of files that are written into at the same time.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dewar::UnixTime;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Created, Cursor, ImmediateStore, Key, Replaced};
use sha2::{Digest, Sha256};

const EXPIRES: UnixTime = UnixTime::from_seconds(4_000_000_000);
/// Writes of each writer.
const WRITES: usize = 4_000;

#[test]
fn whoever_reads_gets_the_session_asked_for_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = FilesystemStore::at(folder.path()).open().unwrap();
    let keys = neighbours(4);
    for (at, key) in keys.iter().enumerate() {
        write(&store, key, &data(at, 0));
    }
    let (done, written) = (AtomicBool::new(false), [const { AtomicUsize::new(0) }; 4]);
    let reads = std::thread::scope(|scope| {
        let readers = [0, 1].map(|_| scope.spawn(|| read(&store, &keys, &written, &done)));
        let lister = scope.spawn(|| list(&store, &keys, &done));
        let writers = [0, 1].map(|half| {
            let (store, keys, written) = (&store, &keys, &written);
            scope.spawn(move || {
                for number in 1..=WRITES {
                    let at = 2 * half + number % 2;
                    write(store, &keys[at], &data(at, number));
                    written[at].store(number, Ordering::SeqCst);
                }
            })
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        lister.join().unwrap();
        readers.map(|reader| reader.join().unwrap())
    });
    assert!(reads.iter().all(|&reads| reads > 100), "{reads:?}");
    for (at, key) in keys.iter().enumerate() {
        let last = WRITES - (at + WRITES) % 2;
        assert_eq!(store.load(key).unwrap().unwrap().blob, data(at, last));
    }
}

/// A process may be stopped between any two bytes that it writes, for longer than many looks take.
#[test]
#[cfg(target_os = "linux")]
fn a_session_is_there_while_whoever_moves_its_expiry_is_held_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = FilesystemStore::at(folder.path()).open().unwrap();
    let key = neighbours(1).remove(0);
    write(&store, &key, "data");
    let own = folder.path().join("dewar.__wz_cache");
    let mut files = std::fs::read_dir(own.join("00")).unwrap();
    let path = files.next().unwrap().unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    let millis = EXPIRES.millis().to_le_bytes();
    let expiry = whole.windows(8).position(|part| part == millis).unwrap();

    let lock = std::fs::File::open(own.join("locks/00")).unwrap();
    lock.lock().unwrap();
    let mut torn = whole.clone();
    torn[expiry..expiry + 8].copy_from_slice(&(EXPIRES.millis() + 1000).to_le_bytes());
    std::fs::write(&path, torn).unwrap();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| store.load(&key).unwrap());
        let list = scope.spawn(|| store.list("", Cursor::start(), 10).unwrap().unwrap());
        while !(load.is_finished() || list.is_finished()) && waiters(&lock) < 2 {
            std::thread::yield_now();
        }
        std::fs::write(&path, whole).unwrap();
        lock.unlock().unwrap();
        assert_eq!(load.join().unwrap().unwrap().blob, "data");
        assert_eq!(list.join().unwrap().entries.len(), 1);
    });
}

/// How many wait for a lock.
#[cfg(target_os = "linux")]
fn waiters(lock: &std::fs::File) -> usize {
    use std::os::unix::fs::MetadataExt;

    let inode = format!(":{} ", lock.metadata().unwrap().ino());
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    let waiting = locks.lines().filter(|line| line.contains("->"));
    waiting.filter(|line| line.contains(&inode)).count()
}

/// Keys whose records lie in one subfolder, by the first byte of their SHA-256, where they share what is made there.
fn neighbours(number: usize) -> Vec<Key> {
    let keys = (0..).map(|at| format!("session:{at:043}"));
    let neighbours = keys.filter(|key| Sha256::digest(key)[0] == 0);
    neighbours.take(number).map(Key::new).collect()
}

/// Of different lengths, a few longer than what is read at once.
fn data(at: usize, number: usize) -> String {
    let length = if number % 50 == 7 {
        9_000
    } else {
        number % 300
    };
    format!("{at}:{number}:{}", "x".repeat(length))
}

fn write(store: &FilesystemStore, key: &Key, data: &str) {
    let done = match store.load(key).unwrap() {
        None => matches!(
            store.create(key, data.as_bytes(), EXPIRES).unwrap(),
            Created::Done(_)
        ),
        Some(seen) => matches!(
            store
                .replace(key, data.as_bytes(), EXPIRES, &seen.version)
                .unwrap(),
            Replaced::Done(_)
        ),
    };
    assert!(done);
}

fn read(
    store: &FilesystemStore,
    keys: &[Key],
    written: &[AtomicUsize],
    done: &AtomicBool,
) -> usize {
    let mut reads = 0;
    while !done.load(Ordering::Relaxed) {
        let at = reads % keys.len();
        let known = written[at].load(Ordering::SeqCst);
        let record = store.load(&keys[at]).unwrap();
        let blob = record.expect("a session that lives").blob;
        let text = std::str::from_utf8(&blob).unwrap();
        let number = text.split(':').nth(1).unwrap().parse().unwrap();
        assert_eq!(text, data(at, number));
        assert!(number >= known, "{number} after {known} was written");
        reads += 1;
    }
    reads
}

fn list(store: &FilesystemStore, keys: &[Key], done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        let page = store.list("session:", Cursor::start(), 100).unwrap();
        let mut listed = page.unwrap().entries;
        listed.sort_by(|one, other| one.key.cmp(&other.key));
        let mut wanted: Vec<_> = keys.iter().collect();
        wanted.sort();
        assert_eq!(
            listed.iter().map(|entry| &entry.key).collect::<Vec<_>>(),
            wanted
        );
    }
}
