//! What the filesystem store does in its folder: cachelib's files, leftovers, damage, permissions.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use dewar::clock::{Clock, ManualClock};
use dewar::store::filesystem::{CachelibStore, Durability, FilesystemStore};
use dewar::store::{Created, Cursor, Deleted, Key, Purged, Replaced, Store, Touched};
use dewar::{ErrorKind, UnixTime};
use tempfile::TempDir;

const KEY: &str = "session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo";
/// As cachelib names that key's file: `hashlib.md5(key).hexdigest()`, up to 0.15.4, and `sha256` since.
const MD5: &str = "1240b0e6f0fe05419dcdedc367e4726b";
const SHA256: &str = "473144093d04dd58a1f703906f46b9bd0d588d315b593e63939264fde2511e9b";
const NAMES: [&str; 2] = [MD5, SHA256];
/// `{'cart': [1, 2], '_permanent': True}` as cachelib 0.17 pickles it.
const PICKLE: &[u8] = b"\x80\x05\x95\x22\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04cart\x94]\x94(K\x01K\x02e\x8c\x0a_permanent\x94\x88u.";

struct Setup {
    folder: TempDir,
    clock: Arc<ManualClock>,
    store: FilesystemStore,
    key: Key,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(1_700_000_000)));
    let options = FilesystemStore::at(folder.path()).clock(clock.clone());
    let store = options.open().unwrap();
    let key = Key::new(KEY);
    Setup {
        folder,
        clock,
        store,
        key,
    }
}

impl Setup {
    fn own(&self) -> PathBuf {
        let (subfolder, name) = SHA256.split_at(2);
        self.folder
            .path()
            .join("dewar.__wz_cache")
            .join(subfolder)
            .join(name)
    }

    fn later(&self) -> UnixTime {
        self.clock.now() + Duration::from_secs(3600)
    }

    /// Writes a session as cachelib does, expiring in `seconds`; `None` for never.
    fn write_legacy(&self, name: &str, seconds: Option<u32>) -> PathBuf {
        let now = u32::try_from(self.clock.now().seconds()).unwrap();
        let expiry = seconds.map_or(0, |seconds| now + seconds);
        let path = self.folder.path().join(name);
        fs::write(&path, [&expiry.to_ne_bytes(), PICKLE].concat()).unwrap();
        path
    }

    async fn data(&self) -> Option<Vec<u8>> {
        let record = self.store.load(&self.key).await.unwrap();
        record.map(|record| record.blob.to_vec())
    }

    async fn purge(&self) -> u64 {
        let mut removed = 0;
        loop {
            let step = self
                .store
                .delete_expired(self.clock.now(), 1000)
                .await
                .unwrap();
            removed += step.removed();
            if let Purged::Finished(_) = step {
                return removed;
            }
        }
    }
}

#[tokio::test]
async fn cachelibs_files_are_read_under_both_names() {
    for name in NAMES {
        let setup = setup();
        setup.write_legacy(name, Some(60));
        let record = setup.store.load(&setup.key).await.unwrap().unwrap();
        assert_eq!(record.blob, PICKLE);
        assert_eq!(
            record.expires,
            Some(setup.clock.now() + Duration::from_secs(60))
        );
        let created = setup
            .store
            .create(&setup.key, "x".into(), setup.later())
            .await;
        assert_eq!(created.unwrap(), Created::Taken);
        setup.clock.advance(Duration::from_secs(60));
        assert_eq!(setup.data().await, None);
    }
}

#[tokio::test]
async fn a_cachelib_file_without_expiry_lives_for_ever() {
    let setup = setup();
    setup.write_legacy(MD5, None);
    setup.clock.advance(Duration::from_secs(1_000_000_000));
    assert_eq!(setup.purge().await, 0);
    let record = setup.store.load(&setup.key).await.unwrap().unwrap();
    assert_eq!(record.expires, None);
}

#[tokio::test]
async fn a_replace_moves_a_cachelib_session_into_dewars_files() {
    for name in NAMES {
        let setup = setup();
        let legacy = setup.write_legacy(name, Some(60));
        let seen = setup.store.load(&setup.key).await.unwrap().unwrap().version;
        let replaced = setup
            .store
            .replace(&setup.key, "new".into(), setup.later(), &seen)
            .await;
        assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
        assert!(!legacy.exists() && setup.own().exists());
        assert_eq!(setup.data().await.unwrap(), b"new");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_always_sees_a_session_that_is_being_moved() {
    for _ in 0..200 {
        let setup = setup();
        setup.write_legacy(MD5, Some(60));
        let seen = setup.store.load(&setup.key).await.unwrap().unwrap().version;
        let (store, key) = (setup.store.clone(), setup.key.clone());
        let reader = tokio::spawn(async move {
            for _ in 0..50 {
                assert!(store.load(&key).await.unwrap().is_some());
            }
        });
        let new = setup
            .store
            .replace(&setup.key, "new".into(), setup.later(), &seen)
            .await;
        assert!(matches!(new.unwrap(), Replaced::Done(_)));
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn a_cachelib_session_that_changed_meanwhile_is_a_conflict() {
    let setup = setup();
    let legacy = setup.write_legacy(SHA256, Some(60));
    let seen = setup.store.load(&setup.key).await.unwrap().unwrap().version;
    fs::write(
        &legacy,
        [&u32::MAX.to_ne_bytes()[..], b"another pickle"].concat(),
    )
    .unwrap();
    let late = setup
        .store
        .replace(&setup.key, "late".into(), setup.later(), &seen)
        .await;
    assert_eq!(late.unwrap(), Replaced::Conflict);
    let late = setup.store.delete_unchanged(&setup.key, &seen).await;
    assert_eq!(late.unwrap(), Deleted::Conflict);
    assert_eq!(setup.data().await.unwrap(), b"another pickle");
}

#[tokio::test]
async fn a_touch_moves_a_cachelib_sessions_expiry_and_nothing_else() {
    for name in NAMES {
        let setup = setup();
        let legacy = setup.write_legacy(name, Some(60));
        let before = setup.store.load(&setup.key).await.unwrap().unwrap();
        let touched = setup.store.touch(&setup.key, setup.later()).await.unwrap();
        assert_eq!(touched, Touched::Done);
        let after = setup.store.load(&setup.key).await.unwrap().unwrap();
        assert_eq!(after.expires, Some(setup.later()));
        assert!(after.version == before.version && after.blob == before.blob);
        assert_eq!(fs::read(legacy).unwrap()[4..], *PICKLE);
    }
}

#[tokio::test]
async fn a_deletion_removes_every_form_of_a_session() {
    let setup = setup();
    setup
        .store
        .create(&setup.key, "own".into(), setup.later())
        .await
        .unwrap();
    for name in NAMES {
        setup.write_legacy(name, Some(60));
    }
    setup.store.delete(&setup.key).await.unwrap();
    assert_eq!(setup.data().await, None);
    assert!(
        NAMES
            .iter()
            .all(|name| !setup.folder.path().join(name).exists())
    );
}

#[tokio::test]
async fn a_session_that_expired_does_not_live_again_in_cachelibs_form() {
    let setup = setup();
    setup
        .store
        .create(
            &setup.key,
            "own".into(),
            setup.clock.now() + Duration::from_secs(1),
        )
        .await
        .unwrap();
    setup.write_legacy(SHA256, None);
    setup.clock.advance(Duration::from_secs(1));
    assert_eq!(setup.data().await, None);
    assert_eq!(setup.purge().await, 1);
    assert_eq!(setup.data().await, None);
}

#[tokio::test]
async fn a_purge_removes_cachelibs_expired_sessions_and_leaves_its_other_files() {
    let setup = setup();
    let dead = NAMES.map(|name| setup.write_legacy(name, Some(60)));
    let kept = [
        // The counter of files, by either name: it never expires, and is none of ours if it did.
        setup.write_legacy("2029240f6d1128be89ddc32729463129", Some(60)),
        setup.write_legacy(
            "79bc207ee04a581ab2348ca1f3494e64cd0ec36128735b8c6bc85ddd8fe1938c",
            Some(60),
        ),
        setup.write_legacy("tmpabcdefgh.__wz_cache", Some(60)),
        setup.write_legacy("README", Some(60)),
        setup.write_legacy(&"a".repeat(32), None),
        setup.write_legacy(&"b".repeat(32), Some(61)),
    ];
    setup.clock.advance(Duration::from_secs(60));
    assert_eq!(setup.purge().await, 2);
    assert!(dead.iter().all(|path| !path.exists()));
    assert!(kept.iter().all(|path| path.exists()));
}

#[tokio::test]
async fn a_file_cut_anywhere_counts_as_absent_and_can_be_made_anew() {
    let setup = setup();
    setup
        .store
        .create(&setup.key, "some data".into(), setup.later())
        .await
        .unwrap();
    let whole = fs::read(setup.own()).unwrap();
    let end_of_data = whole
        .windows(9)
        .position(|part| part == b"some data")
        .unwrap()
        + 9;
    for end in 0..end_of_data {
        fs::write(setup.own(), &whole[..end]).unwrap();
        assert_eq!(setup.data().await, None, "cut at {end}");
        assert_eq!(
            setup.store.touch(&setup.key, setup.later()).await.unwrap(),
            Touched::Gone
        );
        let page = setup
            .store
            .list("", Cursor::start(), 10)
            .await
            .unwrap()
            .unwrap();
        assert!(page.entries.len() <= 1);
        setup.purge().await;
    }
    let created = setup
        .store
        .create(&setup.key, "new".into(), setup.later())
        .await
        .unwrap();
    assert!(matches!(created, Created::Done(_)));
    assert_eq!(setup.data().await.unwrap(), b"new");
}

#[tokio::test]
async fn a_file_under_another_keys_name_counts_as_absent() {
    let setup = setup();
    let other = Key::new("session:another");
    setup
        .store
        .create(&other, "data".into(), setup.later())
        .await
        .unwrap();
    let entry = walk(&setup.folder.path().join("dewar.__wz_cache"))
        .into_iter()
        .find(|path| path.file_name().unwrap().len() == 62)
        .unwrap();
    fs::create_dir_all(setup.own().parent().unwrap()).unwrap();
    fs::copy(entry, setup.own()).unwrap();
    assert_eq!(setup.data().await, None);
}

#[tokio::test]
async fn what_a_killed_process_left_unfinished_is_removed_and_in_nobodys_way() {
    let setup = setup();
    let unfinished = setup.own().with_file_name("new");
    fs::create_dir_all(unfinished.parent().unwrap()).unwrap();
    fs::write(&unfinished, "half a rec").unwrap();
    setup.purge().await;
    assert!(!unfinished.exists());
    fs::write(&unfinished, "half a rec").unwrap();
    setup
        .store
        .create(&setup.key, "data".into(), setup.later())
        .await
        .unwrap();
    assert_eq!(setup.data().await.unwrap(), b"data");
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_symbolic_link_is_neither_read_nor_written_through() {
    let setup = setup();
    let outside = setup.folder.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    for link in [
        setup.own(),
        setup.own().with_file_name("new"),
        setup.folder.path().join(MD5),
    ] {
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&outside, &link).unwrap();
    }
    assert_eq!(setup.data().await, None);
    setup
        .store
        .create(&setup.key, "data".into(), setup.later())
        .await
        .unwrap();
    assert_eq!(setup.data().await.unwrap(), b"data");
    assert_eq!(fs::read(&outside).unwrap(), b"precious");
}

#[tokio::test]
async fn what_others_may_read_or_have_made_is_not_written_into() {
    // A file of an application whose mode was another one, or that somebody laid there to read what comes.
    let setup = setup();
    for planted in [setup.own(), setup.own().with_file_name("new")] {
        for mode in [0o666, 0o604, 0o640] {
            setup.store.delete(&setup.key).await.unwrap();
            setup.write("first").await;
            if planted != setup.own() {
                fs::copy(setup.own(), &planted).unwrap();
                fs::remove_file(setup.own()).unwrap();
            }
            fs::set_permissions(&planted, fs::Permissions::from_mode(mode)).unwrap();
            let kept = fs::File::open(&planted).unwrap();
            setup.write("second").await;
            let metadata = fs::metadata(setup.own()).unwrap();
            assert_eq!(metadata.mode() & 0o777, 0o600, "{mode:o}");
            assert_ne!(metadata.ino(), kept.metadata().unwrap().ino());
            assert_eq!(setup.data().await.unwrap(), b"second");
        }
    }
    // Only root can give a file away.
    if std::os::unix::fs::chown(setup.own(), Some(65534), None).is_ok() {
        setup.write("third").await;
        assert_ne!(fs::metadata(setup.own()).unwrap().uid(), 65534);
        assert_eq!(setup.data().await.unwrap(), b"third");
    }
}

#[test]
fn a_folder_that_others_may_write_to_is_told() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("sessions");
    let told = || {
        let log = Log::default();
        tracing::subscriber::with_default(log.clone(), || {
            FilesystemStore::at(&root).open().unwrap()
        });
        log.0.lock().unwrap().clone()
    };
    assert_eq!(told(), "");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o1777)).unwrap();
    let said = told();
    assert!(
        said.contains("every user of this machine may write to"),
        "{said}"
    );
    assert!(said.contains(root.to_str().unwrap()), "{said}");
}

#[tokio::test]
async fn files_are_for_their_owner_only_unless_the_mode_says_otherwise() {
    for (mode, file_mode, folder_mode) in [(None, 0o600, 0o700), (Some(0o660), 0o660, 0o770)] {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("new").join("sessions");
        let mut options = FilesystemStore::at(&root).durability(Durability::Machine);
        if let Some(mode) = mode {
            options = options.mode(mode);
        }
        let store = options.open().unwrap();
        let expires = UnixTime::now() + Duration::from_secs(60);
        store
            .create(&Key::new(KEY), "data".into(), expires)
            .await
            .unwrap();
        for path in walk(&root) {
            let metadata = fs::metadata(&path).unwrap();
            let expected = if metadata.is_dir() {
                folder_mode
            } else {
                file_mode
            };
            assert_eq!(
                metadata.permissions().mode() & 0o777,
                expected,
                "{}",
                path.display()
            );
        }
    }
}

// Elsewhere a folder gives its group on without being told to.
#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_gives_its_group_to_what_is_in_it_does_so_below_too() {
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o2770)).unwrap();
    let root = parent.path().join("sessions");
    let store = FilesystemStore::at(&root).mode(0o660).open().unwrap();
    let own = store.folder().join("dewar.__wz_cache");
    for folder in [&root, &own, &own.join("locks")] {
        let mode = fs::metadata(folder).unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o2770, "{}: {mode:o}", folder.display());
    }
}

#[tokio::test]
async fn a_folder_that_is_cleared_under_a_running_store_is_made_again() {
    let setup = setup();
    setup
        .store
        .create(&setup.key, "data".into(), setup.later())
        .await
        .unwrap();
    fs::remove_dir_all(setup.folder.path()).unwrap();
    assert_eq!(setup.data().await, None);
    assert_eq!(setup.purge().await, 0);
    setup
        .store
        .create(&setup.key, "new".into(), setup.later())
        .await
        .unwrap();
    assert_eq!(setup.data().await.unwrap(), b"new");
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_that_says_what_to_do() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("a_file");
    fs::write(&file, "").unwrap();
    let link = parent.path().join("a_link");
    symlink("nowhere", &link).unwrap();
    for folder in [file.clone(), file.join("below"), link] {
        assert!(CachelibStore::at(&folder).open().is_err());
        let error = FilesystemStore::at(&folder).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        let message = error.to_string();
        assert!(message.contains(folder.to_str().unwrap()), "{message}");
        assert!(message.contains("SESSION_FILE_DIR"), "{message}");
    }
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                let text = format!("{}={value:?} ", field.name());
                self.0.lock().unwrap().push_str(&text);
            },
        );
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

impl Setup {
    async fn write(&self, data: &'static str) {
        match self.store.load(&self.key).await.unwrap() {
            None => {
                let created = self
                    .store
                    .create(&self.key, data.into(), self.later())
                    .await;
                assert!(matches!(created.unwrap(), Created::Done(_)));
            }
            Some(seen) => {
                let replaced = self
                    .store
                    .replace(&self.key, data.into(), self.later(), &seen.version)
                    .await;
                assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
            }
        }
    }

    /// The keys that a listing brings, with their expiry.
    async fn listed(&self) -> Vec<(Key, UnixTime)> {
        let page = self.store.list("", Cursor::start(), 10).await.unwrap();
        let entries = page.unwrap().entries.into_iter();
        entries
            .map(|entry| (entry.key, entry.expires.unwrap()))
            .collect()
    }

    /// Overwrites the session's file, of which nobody was at work for this long.
    fn damage(&self, file: &[u8], idle: Duration) {
        fs::write(self.own(), file).unwrap();
        let written = SystemTime::from(self.clock.now()) - idle;
        let open = fs::File::options().write(true).open(self.own()).unwrap();
        open.set_modified(written).unwrap();
    }
}

#[tokio::test]
async fn a_record_stays_in_its_file_until_it_has_outgrown_it() {
    let setup = setup();
    let inode = || fs::metadata(setup.own()).unwrap().ino();
    setup.write("a long record, the first").await;
    let first = inode();
    // As long as it is open, nothing else gets its number.
    let _open = fs::File::open(setup.own()).unwrap();
    for data in ["second", "", "fourth"] {
        setup.write(data).await;
        assert_eq!((inode(), setup.data().await.unwrap()), (first, data.into()));
    }
    let large: &'static str = "x".repeat(1000).leak();
    setup.write(large).await;
    assert_ne!(inode(), first);
    assert_eq!(setup.data().await.unwrap(), large.as_bytes());
}

#[tokio::test]
async fn a_write_that_was_cut_off_leaves_the_one_before_it() {
    let setup = setup();
    setup.write("first").await;
    setup.write("second").await;
    let before = fs::read(setup.own()).unwrap();
    setup.write("third").await;
    let after = fs::read(setup.own()).unwrap();
    let changed: Vec<_> = (0..before.len())
        .filter(|at| before[*at] != after[*at])
        .collect();
    for cut in changed {
        let torn = [&after[..cut], &before[cut..]].concat();
        fs::write(setup.own(), torn).unwrap();
        assert_eq!(setup.data().await.unwrap(), b"second", "cut off at {cut}");
    }
    setup.write("fourth").await;
    assert_eq!(setup.data().await.unwrap(), b"fourth");
}

#[tokio::test]
async fn nothing_of_a_session_is_left_when_it_ends() {
    let setup = setup();
    for purged in [false, true] {
        setup.write("first").await;
        setup.write("second").await;
        if purged {
            setup.clock.advance(Duration::from_secs(3600));
            setup.purge().await;
        } else {
            setup.store.delete(&setup.key).await.unwrap();
        }
        let subfolder = setup.own().parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(subfolder).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_backup_made_of_links_stays_as_it_is() {
    let setup = setup();
    setup.write("first").await;
    let backup = setup.folder.path().join("backup");
    fs::hard_link(setup.own(), &backup).unwrap();
    let bytes = fs::read(&backup).unwrap();
    for data in ["second", "third", "fourth"] {
        setup.write(data).await;
    }
    assert_eq!(fs::read(&backup).unwrap(), bytes);
}

#[tokio::test]
async fn a_touch_leaves_a_backup_made_of_links_as_it_is() {
    let setup = setup();
    setup.write("first").await;
    let before = setup.store.load(&setup.key).await.unwrap().unwrap();
    let backup = setup.folder.path().join("backup");
    fs::hard_link(setup.own(), &backup).unwrap();
    let bytes = fs::read(&backup).unwrap();
    let later = setup.later() + Duration::from_secs(60);
    let touched = setup.store.touch(&setup.key, later).await.unwrap();
    assert_eq!(touched, Touched::Done);
    let after = setup.store.load(&setup.key).await.unwrap().unwrap();
    assert_eq!(after.expires, Some(later));
    assert!(after.version == before.version && after.blob == before.blob);
    assert_eq!(fs::read(&backup).unwrap(), bytes);
}

#[tokio::test]
async fn what_cannot_be_looked_at_keeps_nothing_else_from_being_removed_and_is_told_afterwards() {
    let setup = setup();
    for number in 0..50 {
        let key = Key::new(format!("session:{number}"));
        let created = setup.store.create(&key, "data".into(), setup.later()).await;
        assert!(matches!(created.unwrap(), Created::Done(_)));
    }
    setup.clock.advance(Duration::from_secs(3600));
    let root = setup.folder.path().join("dewar.__wz_cache");
    // Where a process leaves what it did not finish, a folder that cannot be removed as that; and a subfolder that is none.
    let all = (0..=255).map(|number| root.join(format!("{number:02x}")));
    let (subfolders, free): (Vec<_>, Vec<_>) = all.partition(|path| path.exists());
    for subfolder in &subfolders {
        fs::create_dir(subfolder.join("new")).unwrap();
    }
    let odd = &free[0];
    fs::write(odd, "").unwrap();
    let now = setup.clock.now();
    let round = || async {
        loop {
            match setup.store.delete_expired(now, 1000).await {
                Ok(Purged::More(_)) => {}
                end => break end,
            }
        }
    };
    assert_eq!(round().await.unwrap_err().kind(), ErrorKind::Store);
    for subfolder in &subfolders {
        let left = fs::read_dir(subfolder).unwrap();
        let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(left, ["new"]);
        fs::remove_dir(subfolder.join("new")).unwrap();
    }
    assert_eq!(round().await.unwrap_err().kind(), ErrorKind::Store);
    fs::remove_file(odd).unwrap();
    assert_eq!(round().await.unwrap(), Purged::Finished(0));
}

#[tokio::test]
async fn a_session_of_which_only_the_first_half_was_copied_is_listed_and_removed_when_it_expires() {
    let setup = setup();
    setup.write("data").await;
    let whole = fs::read(setup.own()).unwrap();
    let end_of_data = whole.windows(4).position(|part| part == b"data").unwrap() + 4;
    for end in [end_of_data, whole.len() / 2 + 10, whole.len() - 1] {
        fs::write(setup.own(), &whole[..end]).unwrap();
        assert_eq!(setup.data().await.unwrap(), b"data");
        let expected = [(setup.key.clone(), setup.later())];
        assert_eq!(setup.listed().await, expected, "cut at {end}");
    }
    fs::write(setup.own(), &whole[..end_of_data]).unwrap();
    setup.clock.advance(Duration::from_secs(3600));
    assert_eq!(setup.purge().await, 1);
    assert!(!setup.own().exists());
}

#[tokio::test]
async fn a_write_that_was_cut_off_changes_no_expiry_in_the_listing() {
    let setup = setup();
    setup.write("first").await;
    setup.write("second").await;
    let before = fs::read(setup.own()).unwrap();
    let seen = setup.store.load(&setup.key).await.unwrap().unwrap();
    let soon = setup.clock.now() + Duration::from_secs(60);
    let third = setup
        .store
        .replace(&setup.key, "third".into(), soon, &seen.version)
        .await;
    assert!(matches!(third.unwrap(), Replaced::Done(_)));
    let after = fs::read(setup.own()).unwrap();
    let data = after.windows(5).position(|part| part == b"third").unwrap();
    fs::write(setup.own(), [&after[..data], &before[data..]].concat()).unwrap();
    let expected = [(setup.key.clone(), setup.later())];
    assert_eq!(setup.listed().await, expected);
    setup.clock.advance(Duration::from_secs(60));
    let expires = seen.expires.unwrap();
    assert_eq!(setup.listed().await, [(setup.key.clone(), expires)]);
}

#[tokio::test]
async fn what_is_left_of_a_damaged_file_is_removed_when_it_can_be_of_use_to_nobody() {
    const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let setup = setup();
    setup.write("some data").await;
    let whole = fs::read(setup.own()).unwrap();
    let data = whole.windows(4).position(|part| part == b"some").unwrap();
    let damaged: [&[u8]; 6] = [
        b"",
        &[0; 4096],
        &whole[..5],
        &whole[..20],
        &whole[..data],
        &[&whole[..data], &[0; 100]].concat(),
    ];
    // Its expiry is still to come, where it is told, or somebody may be at it.
    for file in damaged {
        setup.damage(file, MONTH - DAY);
        assert_eq!((setup.data().await, setup.purge().await), (None, 0));
        setup.damage(&whole[..data], MONTH);
        assert_eq!((setup.data().await, setup.purge().await), (None, 0));
    }
    setup.clock.advance(Duration::from_secs(3600));
    for file in damaged {
        setup.damage(file, MONTH - DAY);
        assert_eq!(setup.purge().await, 0);
        setup.damage(file, MONTH);
        assert_eq!(setup.purge().await, 1);
        assert!(!setup.own().exists());
    }
    // What does not look like Dewar's, or comes from a later version of it, is left alone.
    for file in [&b"a text"[..], b"DEWARv9\n and more"] {
        setup.damage(file, MONTH);
        assert_eq!(setup.purge().await, 0);
        assert!(setup.own().exists());
    }
}

#[tokio::test]
async fn a_damaged_file_that_is_removed_leaves_no_session_of_cachelibs_to_live_again() {
    let setup = setup();
    setup.write("some data").await;
    let mut file = fs::read(setup.own()).unwrap();
    let data = file.windows(4).position(|part| part == b"some").unwrap();
    file[data] ^= 1;
    setup.clock.advance(Duration::from_secs(3600));
    setup.damage(&file, Duration::from_secs(32 * 24 * 3600));
    for name in NAMES {
        setup.write_legacy(name, None);
    }
    assert_eq!((setup.data().await, setup.purge().await), (None, 1));
    assert_eq!(setup.data().await, None);
}
