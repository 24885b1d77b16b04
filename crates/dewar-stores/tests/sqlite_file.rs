//! What SQLite files do that other stores do not: rows and tables of others, locks, full disks, damage.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dewar::clock::ManualClock;
use dewar::store::{Created, Cursor, Key, Purged, Replaced, Store, Touched};
use dewar::{Error, UnixTime};
use dewar_stores::Migrated;
use dewar_stores::sql::{Table, Tables};
use dewar_stores::sqlite::{SqliteBuilder, SqliteStore};
use rusqlite::Connection;
use support::Freeze;
use support::disk::{self, SmallDisk};
use tempfile::TempDir;

/// The table as SQLAlchemy makes it for Flask-Session 0.8.
const FLASK_SESSION: &str = "CREATE TABLE sessions (\n\tid INTEGER NOT NULL, \n\tsession_id VARCHAR(255), \n\t\
    data BLOB, \n\texpiry DATETIME, \n\tPRIMARY KEY (id), \n\tUNIQUE (session_id)\n)";

/// 2023-11-14 22:13:20 UTC.
const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

/// So soon a store gives up that does not wait long.
const IN_TIME: Duration = Duration::from_secs(30);

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("app.db")
    }

    fn builder(&self) -> SqliteBuilder {
        SqliteStore::builder(self.path().display().to_string()).clock(ManualClock::new(NOW))
    }

    fn open(&self) -> SqliteStore {
        self.builder().open().unwrap()
    }

    /// Removes the file and what SQLite keeps beside it.
    fn remove(&self) {
        for beside in ["app.db", "app.db-wal", "app.db-shm"] {
            let removed = std::fs::remove_file(self.0.path().join(beside));
            let absent = removed.is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound);
            assert!(!absent, "{beside} cannot be removed");
        }
    }

    /// A connection of another program.
    fn other(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// A table of Flask-Session with this row's data and expiry.
    fn with_row(&self, data: &str, expiry: &str) -> SqliteStore {
        let other = self.other();
        other.execute_batch(FLASK_SESSION).unwrap();
        other
            .execute_batch(&format!(
                "INSERT INTO sessions (session_id, data, expiry) VALUES ('session:a', {data}, {expiry})"
            ))
            .unwrap();
        self.open()
    }
}

fn key(text: &str) -> Key {
    Key::new(format!("session:{text}"))
}

fn later() -> UnixTime {
    NOW + Duration::from_secs(60)
}

async fn create(store: &SqliteStore, name: &str) -> Result<Created, Error> {
    store.create(&key(name), "data".into(), later()).await
}

#[tokio::test]
async fn rows_of_flask_session_are_read_and_replaced() {
    let folder = Folder::new();
    let store = folder.with_row("x'82a1'", "'2023-11-14 22:13:20.001000'");
    let record = store.load(&key("a")).await.unwrap().unwrap();
    assert_eq!(record.blob, &b"\x82\xa1"[..]);
    assert_eq!(
        record.expires,
        Some(UnixTime::from_millis(1_700_000_000_001))
    );
    let replaced = store
        .replace(&key("a"), "new".into(), later(), &record.version)
        .await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    let row: (i64, Vec<u8>, String) = folder
        .other()
        .query_row("SELECT id, data, expiry FROM sessions", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(
        row,
        (1, b"new".to_vec(), "2023-11-14 22:14:20.000000".to_owned())
    );
}

#[tokio::test]
async fn what_flask_session_overwrote_is_a_conflict() {
    let folder = Folder::new();
    let store = folder.with_row("x'01'", "'2023-11-14 23:00:00.000000'");
    let seen = store.load(&key("a")).await.unwrap().unwrap().version;
    folder
        .other()
        .execute_batch("UPDATE sessions SET data = x'02'")
        .unwrap();
    let replaced = store
        .replace(&key("a"), "new".into(), later(), &seen)
        .await
        .unwrap();
    assert_eq!(replaced, Replaced::Conflict);
}

#[tokio::test]
async fn rows_that_count_as_expired_are_absent_make_place_and_are_removed() {
    for (data, expiry) in [
        ("x'01'", "NULL"),
        ("x'01'", "'2023-11-14 22:13:20.000000'"),
        ("x'01'", "'2023-11-14 22:13:19'"),
        ("x'01'", "1700009999"),
    ] {
        let folder = Folder::new();
        let store = folder.with_row(data, expiry);
        assert!(store.load(&key("a")).await.unwrap().is_none(), "{expiry}");
        assert_eq!(
            store.touch(&key("a"), later()).await.unwrap(),
            Touched::Gone
        );
        assert!(matches!(
            create(&store, "a").await.unwrap(),
            Created::Done(_)
        ));

        let folder = Folder::new();
        let store = folder.with_row(data, expiry);
        let purged = store.delete_expired(NOW, 10).await.unwrap();
        assert_eq!(purged, Purged::Finished(1), "{expiry}");
    }
}

#[tokio::test]
async fn a_row_without_data_is_absent_and_makes_place() {
    let folder = Folder::new();
    let store = folder.with_row("NULL", "'2023-11-14 23:00:00.000000'");
    assert!(store.load(&key("a")).await.unwrap().is_none());
    assert_eq!(
        store.touch(&key("a"), later()).await.unwrap(),
        Touched::Gone
    );
    assert!(matches!(
        create(&store, "a").await.unwrap(),
        Created::Done(_)
    ));
}

#[tokio::test]
async fn text_in_place_of_bytes_can_be_replaced() {
    let folder = Folder::new();
    let store = folder.with_row("'{}'", "'2023-11-14 23:00:00.000000'");
    let record = store.load(&key("a")).await.unwrap().unwrap();
    let replaced = store
        .replace(&key("a"), "new".into(), later(), &record.version)
        .await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
}

#[tokio::test]
async fn a_key_of_bytes_is_no_sessions_and_ends_no_list() {
    let folder = Folder::new();
    let store = folder.with_row("x'80'", "'2023-11-14 23:00:00.000000'");
    let bytes = "INSERT INTO sessions (session_id, data, expiry) \
                 VALUES (CAST('session:b' AS BLOB), x'80', '2023-11-14 23:00:00.000000')";
    folder.other().execute_batch(bytes).unwrap();
    for prefix in ["session:", ""] {
        let page = store.list(prefix, Cursor::start(), 10).await.unwrap();
        let page = page.unwrap();
        let keys: Vec<_> = page.entries.iter().map(|entry| &entry.key).collect();
        assert_eq!(keys, [&key("a")]);
        assert!(page.next.is_none());
    }
}

#[test]
fn the_table_is_as_sqlalchemy_makes_it_and_expiry_is_indexed() {
    let (folder, flask) = (Folder::new(), Folder::new());
    folder.open();
    flask.other().execute_batch(FLASK_SESSION).unwrap();
    let columns = |folder: &Folder| {
        let other = folder.other();
        let mut columns = other
            .prepare("SELECT * FROM pragma_table_info('sessions')")
            .unwrap();
        let columns = columns.query_map([], |row| {
            Ok((
                row.get::<_, String>("name")?,
                row.get::<_, String>("type")?,
                row.get::<_, bool>("notnull")?,
                row.get::<_, i64>("pk")?,
            ))
        });
        columns.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(columns(&folder), columns(&flask));
    let plan: String = folder
        .other()
        .query_row(
            "EXPLAIN QUERY PLAN SELECT 1 FROM sessions WHERE expiry <= 'x'",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("ix_sessions_expiry"), "{plan}");
    let mode = std::fs::metadata(folder.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn where_a_model_describes_the_table_nothing_is_made_beside_it() {
    let (folder, flask) = (Folder::new(), Folder::new());
    let store = folder.builder().tables(Tables::CreateAsModelled).open();
    store.unwrap();
    flask.other().execute_batch(FLASK_SESSION).unwrap();
    let made = |folder: &Folder| {
        let names =
            "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master ORDER BY name)";
        let made: String = folder
            .other()
            .query_row(names, [], |row| row.get(0))
            .unwrap();
        made
    };
    assert_eq!(made(&folder), made(&flask));
}

#[test]
fn a_table_of_another_kind_is_refused_and_left_alone() {
    let folder = Folder::new();
    let other = folder.other();
    other
        .execute_batch("CREATE TABLE sessions (sid TEXT PRIMARY KEY, data TEXT, expiry REAL)")
        .unwrap();
    for refused in [
        folder.builder().open().map(drop),
        folder.builder().migrate().map(drop),
    ] {
        let message = refused.unwrap_err().to_string();
        for part in [
            "\"session_id\"",
            "\"data\" is \"text\"",
            "\"expiry\" is \"real\"",
            "sid, data, expiry",
        ] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}

#[tokio::test]
async fn names_are_quoted_and_the_key_may_be_another_column() {
    let folder = Folder::new();
    let table = Table::sqlalchemy()
        .named("order")
        .unwrap()
        .key_column("select")
        .unwrap();
    let store = folder.builder().table(table).open().unwrap();
    create(&store, "a").await.unwrap();
    assert!(store.load(&key("a")).await.unwrap().is_some());
    let sql = "SELECT \"select\" FROM \"order\"";
    let stored: String = folder.other().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(stored, "session:a");
}

#[test]
fn an_absent_table_is_made_by_a_migration_only_where_that_was_asked_for() {
    let folder = Folder::new();
    drop(folder.other());
    let expecting = || folder.builder().tables(Tables::Expect);
    let message = expecting().open().unwrap_err().to_string();
    assert!(message.contains("migrate"), "{message}");
    assert_eq!(expecting().migrate().unwrap(), Migrated::Created);
    assert_eq!(expecting().migrate().unwrap(), Migrated::Unchanged);
    expecting().open().unwrap();
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for_without_holding_the_thread() {
    let folder = Folder::new();
    // Long enough for other tasks to run on the busiest machine.
    let timeout = Duration::from_secs(2);
    let store = folder.builder().operation_timeout(timeout).open().unwrap();
    create(&store, "a").await.unwrap();
    let other = folder.other();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    // Reading goes on.
    assert!(store.load(&key("a")).await.unwrap().is_some());
    // Writing waits; other tasks of this thread run meanwhile.
    let begin = Instant::now();
    let mut ticks = 0;
    let ticking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            ticks += 1;
        }
    };
    let error = tokio::select! {
        created = create(&store, "b") => created.unwrap_err(),
        () = ticking => unreachable!(),
    };
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains("lock"), "{error}");
    assert!(begin.elapsed() >= timeout);
    assert!(begin.elapsed() < IN_TIME);
    assert!(ticks > 3, "{ticks}");

    // It works again by itself.
    other.execute_batch("COMMIT").unwrap();
    assert!(matches!(
        create(&store, "b").await.unwrap(),
        Created::Done(_)
    ));
}

#[tokio::test]
async fn a_write_waits_for_a_lock_that_is_held_shortly() {
    let folder = Folder::new();
    let store = folder.open();
    let other = folder.other();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let releasing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        other.execute_batch("COMMIT").unwrap();
    };
    let (created, ()) = tokio::join!(create(&store, "a"), releasing);
    assert!(matches!(created.unwrap(), Created::Done(_)));
}

/// Neither threads nor processes stand in line for a lock: who removes step after step has to step back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_get_a_turn_while_many_expired_rows_are_removed() {
    for same_store in [true, false] {
        let folder = Folder::new();
        let purging = Arc::new(folder.open());
        let writing = match same_store {
            true => Arc::clone(&purging),
            false => Arc::new(folder.open()),
        };
        create(&writing, "kept").await.unwrap();
        folder
            .other()
            .execute_batch(
                "INSERT INTO sessions (session_id, data, expiry) WITH RECURSIVE counted (n) AS \
                 (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 20000) \
                 SELECT hex(randomblob(16)), randomblob(300), '2023-11-14 00:00:00.000000' FROM counted",
            )
            .unwrap();
        let mut purge = tokio::spawn(async move {
            let mut steps = 1;
            while let Purged::More(_) = purging.delete_expired(NOW, 1000).await.unwrap() {
                steps += 1;
            }
            steps
        });
        let mut writes = 0;
        let steps = loop {
            let touched = writing.touch(&key("kept"), later()).await.unwrap();
            assert_eq!(touched, Touched::Done);
            writes += 1;
            if purge.is_finished() {
                break (&mut purge).await.unwrap();
            }
        };
        assert!(steps > 50, "{steps} steps");
        assert!(
            writes > steps / 2,
            "{writes} writes beside {steps} steps of removing, by the same store: {same_store}"
        );
    }
}

/// What was written to a file that is not there any more would be lost, and other processes would not see it.
#[tokio::test]
async fn a_file_that_is_deleted_or_replaced_is_noticed() {
    let (folder, other) = (Folder::new(), Folder::new());
    let store = folder.open();
    create(&store, "a").await.unwrap();
    folder.remove();
    assert!(store.load(&key("a")).await.unwrap().is_none());
    create(&store, "b").await.unwrap();
    let sibling = folder.open();
    assert!(sibling.load(&key("b")).await.unwrap().is_some());
    drop(sibling);

    create(&other.open(), "c").await.unwrap();
    folder.remove();
    std::fs::rename(other.path(), folder.path()).unwrap();
    assert!(store.load(&key("b")).await.unwrap().is_none());
    assert!(store.load(&key("c")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_must_be_there_is_an_error_while_it_is_away() {
    let (folder, aside) = (Folder::new(), Folder::new());
    create(&folder.open(), "a").await.unwrap();
    let store = folder.builder().tables(Tables::Expect).open().unwrap();
    assert!(store.load(&key("a")).await.unwrap().is_some());
    store.close_idle();
    std::fs::rename(folder.path(), aside.path()).unwrap();
    for _ in 0..2 {
        let error = store.load(&key("a")).await.unwrap_err();
        assert!(error.to_string().contains("no such file"), "{error}");
    }
    std::fs::rename(aside.path(), folder.path()).unwrap();
    assert!(store.load(&key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_table_that_is_dropped_is_a_clear_error() {
    let folder = Folder::new();
    let store = folder.open();
    create(&store, "a").await.unwrap();
    folder.other().execute_batch("DROP TABLE sessions").unwrap();
    let error = store.load(&key("a")).await.unwrap_err();
    assert!(error.to_string().contains("dewar store migrate"), "{error}");
    folder.builder().migrate().unwrap();
    create(&store, "b").await.unwrap();
}

#[tokio::test]
async fn a_full_file_is_a_clear_error_and_loses_nothing() {
    let folder = Folder::new();
    let store = folder.builder().largest_size(200 * 1024).open().unwrap();
    let mut stored = 0;
    let error = loop {
        let name = format!("{stored}");
        match store
            .create(&key(&name), Bytes::from(vec![7; 4000]), later())
            .await
        {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1000, "it never gets full");
    };
    assert!(error.to_string().contains("full"), "{error}");
    for name in 0..stored {
        assert!(store.load(&key(&name.to_string())).await.unwrap().is_some());
    }
    // Room that is made is used.
    store.delete(&key("0")).await.unwrap();
    store.delete(&key("1")).await.unwrap();
    create(&store, "small").await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::of(512) else {
        return disk::forbidden();
    };
    let path = disk.path().join("app.db").display().to_string();
    let store = SqliteStore::builder(path).clock(ManualClock::new(NOW));
    let store = store.open().unwrap();
    let error = disk::fill(&store, &disk, later()).await;
    assert!(error.to_string().contains("disk is full"), "{error}");
    assert!(error.is_temporary());
}

#[test]
fn a_disk_that_is_read_only_is_a_clear_error() {
    let Some(disk) = SmallDisk::of(512) else {
        return disk::forbidden();
    };
    let path = disk.path().join("app.db").display().to_string();
    drop(SqliteStore::builder(&*path).open().unwrap());
    disk.protect();
    let error = SqliteStore::builder(path).open().unwrap_err();
    assert!(
        error.to_string().contains("may this process write"),
        "{error}"
    );
}

/// A process that is in the middle of a write.
fn writer_of(folder: &Folder) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let arguments = "is_in_the_middle_of_a_write --exact --ignored --nocapture";
    command
        .args(arguments.split(' '))
        .env("DEWAR_SQLITE_FILE", folder.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap().ends_with(WRITING)));
    child
}

const WRITING: &str = "it writes";

#[test]
#[ignore = "the tests of locks start it as a process"]
fn is_in_the_middle_of_a_write() {
    let path = std::env::var("DEWAR_SQLITE_FILE").unwrap();
    let connection = Connection::open(path).unwrap();
    let write = "BEGIN IMMEDIATE; UPDATE sessions SET data = x'ff'";
    connection.execute_batch(write).unwrap();
    println!("{WRITING}");
    std::thread::sleep(Duration::from_secs(600));
}

#[tokio::test]
async fn a_process_that_is_killed_in_a_write_leaves_neither_lock_nor_change() {
    let folder = Folder::new();
    let store = folder.open();
    create(&store, "a").await.unwrap();
    let mut writer = writer_of(&folder);
    writer.kill().unwrap();
    writer.wait().unwrap();
    create(&store, "b").await.unwrap();
    let record = store.load(&key("a")).await.unwrap().unwrap();
    assert_eq!(record.blob, &b"data"[..]);
}

#[tokio::test]
async fn a_process_that_is_frozen_in_a_write_is_an_error_in_time_and_reading_goes_on() {
    let folder = Folder::new();
    let timeout = Duration::from_millis(300);
    let store = folder.builder().operation_timeout(timeout).open().unwrap();
    create(&store, "a").await.unwrap();
    let mut writer = writer_of(&folder);
    writer.freeze();
    let begin = Instant::now();
    let error = create(&store, "b").await.unwrap_err();
    assert!(error.to_string().contains("lock"), "{error}");
    assert!(error.is_temporary());
    assert!(begin.elapsed() < IN_TIME);
    assert!(store.load(&key("a")).await.unwrap().is_some());
    writer.kill().unwrap();
    writer.wait().unwrap();
    create(&store, "b").await.unwrap();
}

#[tokio::test]
async fn damage_and_foreign_files_are_clear_errors() {
    let folder = Folder::new();
    std::fs::write(
        folder.path(),
        "this is a text, and not at all a database".repeat(100),
    )
    .unwrap();
    let error = folder.builder().open().unwrap_err();
    assert!(error.to_string().contains("no SQLite file"), "{error}");

    let folder = Folder::new();
    let store = folder.open();
    for name in 0..100 {
        create(&store, &name.to_string()).await.unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(folder.path()).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(folder.path(), bytes).unwrap();
    let store = folder.open();
    let error = store.load(&key("1")).await.unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn a_folder_that_is_absent_is_a_clear_error() {
    let folder = Folder::new();
    let path = folder.0.path().join("absent/app.db");
    let error = SqliteStore::builder(path.display().to_string())
        .open()
        .unwrap_err();
    assert!(error.to_string().contains("absent/app.db"), "{error}");
    assert!(error.to_string().contains("cannot be made"), "{error}");
}

#[test]
fn works_outside_of_a_runtime() {
    let folder = Folder::new();
    let store = folder.open();
    let mut created = std::pin::pin!(create(&store, "a"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(created.as_mut().poll(&mut context).is_ready());
}

#[tokio::test]
async fn no_message_shows_a_key() {
    let folder = Folder::new();
    let store = folder.open();
    let error = store
        .create(&key(&"x".repeat(300)), "data".into(), later())
        .await
        .unwrap_err();
    assert!(!format!("{error:?} {error}").contains("xxx"), "{error}");
    folder.other().execute_batch("DROP TABLE sessions").unwrap();
    let error = create(&store, "yyy").await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("yyy"), "{error}");
}
