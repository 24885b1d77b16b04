//! Moving sessions while they are in use: interrupted, killed, gone on with, with writes going on all the time.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dewar::UnixTime;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Created, Cursor, Key, Replaced, Store};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

const EXPIRES: UnixTime = UnixTime::from_seconds(4_000_000_000);

fn key(number: usize) -> Key {
    Key::new(format!("session:session-of-somebody-{number:08}"))
}

/// msgpack: `{"n": "…"}`.
fn blob(text: &str) -> Bytes {
    let mut bytes = vec![0x81, 0xa1, b'n', 0xd9, u8::try_from(text.len()).unwrap()];
    bytes.extend_from_slice(text.as_bytes());
    bytes.into()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

fn filled(folder: &Path, sessions: usize) -> FilesystemStore {
    let store = FilesystemStore::at(folder).open().unwrap();
    for number in 0..sessions {
        let created = run(store.create(&key(number), blob("first"), EXPIRES)).unwrap();
        assert!(matches!(created, Created::Done(_)));
    }
    store
}

fn content(store: &dyn Store) -> BTreeMap<Key, Bytes> {
    let mut content = BTreeMap::new();
    let mut cursor = Some(Cursor::start());
    while let Some(place) = cursor {
        let page = run(store.list("session:", place, 1000)).unwrap().unwrap();
        for entry in page.entries {
            let record = run(store.load(&entry.key)).unwrap().unwrap();
            assert_eq!(record.expires, Some(EXPIRES));
            content.insert(entry.key, record.blob);
        }
        cursor = page.next;
    }
    content
}

fn migrate(folder: &Path, options: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_dewar"))
        .args(["sessions", "migrate", "filesystem:old", "filesystem:new"])
        .args(options)
        .current_dir(folder)
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_migration_that_is_killed_again_and_again_loses_and_revives_nothing() {
    const SESSIONS: usize = 800;
    let folder = tempfile::tempdir().unwrap();
    let old = filled(&folder.path().join("old"), SESSIONS);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // An application that is in use: sessions change, end and begin.
        scope.spawn(|| {
            for round in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let at = key(round * 7 % SESSIONS);
                match round % 3 {
                    0 => run(old.delete(&at)).unwrap(),
                    1 => {
                        if let Some(seen) = run(old.load(&at)).unwrap() {
                            let text = format!("round {round}");
                            let replaced =
                                run(old.replace(&at, blob(&text), EXPIRES, &seen.version)).unwrap();
                            assert!(matches!(replaced, Replaced::Done(_)));
                        }
                    }
                    _ => {
                        drop(run(old.create(&key(SESSIONS + round), blob("new"), EXPIRES)).unwrap())
                    }
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        for wait in [5, 20, 40, 80, 120] {
            let mut child = migrate(folder.path(), &["--state", "state"]);
            std::thread::sleep(Duration::from_millis(wait));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(
        migrate(folder.path(), &["--mirror", "--state", "state"])
            .wait()
            .unwrap()
            .success()
    );
    let new = FilesystemStore::at(folder.path().join("new"))
        .open()
        .unwrap();
    assert_eq!(content(&new), content(&old));
}

#[test]
fn an_interrupt_stops_after_whole_sessions_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let old = filled(&folder.path().join("old"), 300);
    let new = folder.path().join("new");
    let copied = || content(&FilesystemStore::at(&new).open().unwrap());
    assert!(copied().is_empty());
    // Where the command stands still, with some sessions copied.
    let first: Vec<_> = (0..10).map(|number| lock(&new, number)).collect();
    let next = (10..).map(|number| lock(&new, number));
    let place = next.into_iter().find(|path| !first.contains(path)).unwrap();
    let held = File::create(place).unwrap();
    held.lock().unwrap();
    let mut child = migrate(folder.path(), &[]);
    while copied().len() < first.len() {
        std::thread::sleep(Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    held.unlock().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let (some, all) = (copied(), content(&old));
    assert!(some.len() < all.len());
    assert!(some.iter().all(|(key, blob)| all.get(key) == Some(blob)));
    assert!(migrate(folder.path(), &[]).wait().unwrap().success());
    assert_eq!(copied(), all);
}

/// The file that whoever writes this session in a folder locks.
fn lock(folder: &Path, number: usize) -> PathBuf {
    let first = Sha256::digest(key(number).expose())[0];
    folder.join(format!("dewar.__wz_cache/locks/{:02x}", first % 64))
}

#[test]
fn a_target_in_use_keeps_its_changes_and_its_log_outs() {
    let folder = tempfile::tempdir().unwrap();
    let old = filled(&folder.path().join("old"), 4);
    let options = ["--state", "state"];
    assert!(migrate(folder.path(), &options).wait().unwrap().success());
    let new = FilesystemStore::at(folder.path().join("new"))
        .open()
        .unwrap();
    let change = |store: &FilesystemStore, number, text| {
        let seen = run(store.load(&key(number))).unwrap().unwrap();
        run(store.replace(&key(number), blob(text), EXPIRES, &seen.version)).unwrap();
    };
    // The last moments of the source, and the first of the target.
    change(&old, 0, "source");
    change(&old, 1, "source");
    change(&new, 1, "target");
    run(new.delete(&key(2))).unwrap();
    let late = key(9);
    run(old.create(&late, blob("late"), EXPIRES)).unwrap();

    assert!(migrate(folder.path(), &options).wait().unwrap().success());
    let expected = [
        (key(0), "source"),
        (key(1), "target"),
        (key(3), "first"),
        (late, "late"),
    ];
    assert_eq!(
        content(&new),
        expected.map(|(key, text)| (key, blob(text))).into()
    );
}
