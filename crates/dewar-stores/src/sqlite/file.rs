use std::fmt::{self, Debug};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use dewar::{Error, Result};
use rusqlite::{Connection, OpenFlags};

use super::Durability;
use super::failure::{Failure, Repeatable, explain};
use super::schema::{self, Trouble};
use super::waiting::{Waiting, pause};
use crate::migrated::{MAKE_IT, Migrated};
use crate::server::{Operation, Server};
use crate::sql::{KEY_LENGTH, Table, Tables};

/// An SQLite file and this process's connections to it: one that writes, a few that read.
pub(super) struct File {
    server: Server,
    path: PathBuf,
    table: Table,
    tables: Tables,
    durability: Durability,
    timeout: Duration,
    /// The largest size in bytes, if there is one.
    largest: Option<u64>,
    /// The file that the connections belong to.
    place: Mutex<Option<Place>>,
    /// The process that the connections belong to.
    process: AtomicU32,
    writer: Slot,
    readers: [Slot; READERS],
    /// Until when the file is left to others, after a step of a clean-up.
    rest: Mutex<Option<Instant>>,
}

/// What is at a path.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix tells"))]
enum Place {
    Absent,
    File { device: u64, inode: u64 },
}

/// A connection that is opened when it is needed first. Held only while SQLite runs, never across an await.
type Slot = Mutex<Option<Connection>>;

/// Reads take a microsecond or two: a few connections are enough for many threads.
const READERS: usize = 4;

/// Room for every statement of the store, so that each is compiled once.
const STATEMENTS: usize = 16;

/// How long a child waits for a sibling thread that takes over the inherited connections.
const TAKEOVER: Duration = Duration::from_millis(100);

impl File {
    pub(super) fn new(
        path: PathBuf,
        table: Table,
        tables: Tables,
        durability: Durability,
        timeout: Duration,
        largest: Option<u64>,
    ) -> File {
        File {
            server: Server::new("sqlite", path.display().to_string()),
            path,
            table,
            tables,
            durability,
            timeout,
            largest,
            place: Mutex::default(),
            process: AtomicU32::new(std::process::id()),
            writer: Slot::default(),
            readers: Default::default(),
            rest: Mutex::default(),
        }
    }

    /// Makes the file if it is absent, checks or makes the table, and leaves no connection open.
    pub(super) fn prepare(&self) -> Result<Migrated> {
        self.prepare_at(&mut self.place())
    }

    fn prepare_at(&self, place: &mut Option<Place>) -> Result<Migrated> {
        match self.tables {
            Tables::Create | Tables::CreateAsModelled => self.create_file()?,
            Tables::Expect => self.expect_file()?,
        }
        // Looked at before it is opened: what takes its place meanwhile is noticed.
        let found = Place::of(&self.path);
        let (table, tables) = (&self.table, self.tables);
        let done = self.patiently(|connection| schema::prepare(connection, table, tables))?;
        *place = found;
        Ok(done)
    }

    /// A file that may not be looked at is not one that is absent.
    fn expect_file(&self) -> Result<()> {
        let what = match self.path.try_exists() {
            Ok(true) => return Ok(()),
            Ok(false) => format!("there is no such file. If the path is right, {MAKE_IT}"),
            Err(error) => {
                let what = format!(
                    "the path cannot be followed ({error}); may this user enter each of its folders?"
                );
                return Err(self
                    .server
                    .error(Operation::Connect, what)
                    .with_source(error));
            }
        };
        Err(self.server.error(Operation::Connect, what))
    }

    /// Checks the table over a connection of its own.
    pub(super) fn check(&self) -> Result<()> {
        self.patiently(|connection| schema::prepare(connection, &self.table, Tables::Expect))
            .map(drop)
    }

    /// Runs something that only reads; it may run more than once.
    pub(super) async fn read<T>(
        &self,
        operation: Operation,
        run: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.retry(operation, || {
            let mut slot = self.free_reader();
            self.attempt(&mut slot, &run)
        })
        .await
    }

    /// Runs something that writes; it may run more than once, until one run is not refused for a lock.
    pub(super) async fn write<T>(
        &self,
        operation: Operation,
        run: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.retry(operation, || {
            let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            self.attempt(&mut slot, &run)
        })
        .await
    }

    /// As [`write`](File::write), for something that takes long and comes again and again, as the steps of a clean-up do.
    ///
    /// It begins after a rest as long as the one before it took. Whoever waits for SQLite's lock, or for this process's
    /// connection, stands in no line: without the rest, hardly anybody else would ever meet either of them free.
    pub(super) async fn write_step<T>(
        &self,
        operation: Operation,
        run: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let rest = self.rest().take();
        if let Some(rest) = rest.and_then(|until| until.checked_duration_since(Instant::now())) {
            pause(rest).await;
        }
        let timed = |connection: &Connection| {
            let begin = Instant::now();
            run(connection).map(|done| (done, begin.elapsed()))
        };
        let (done, took) = self.write(operation, timed).await?;
        *self.rest() = Some(Instant::now() + took);
        Ok(done)
    }

    fn rest(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connections that are not in use.
    pub(super) fn close_idle(&self) {
        if self.adopt(Operation::Connect).is_ok() {
            for slot in self.slots() {
                if let Some(mut slot) = try_lock(slot) {
                    slot.take();
                }
            }
        }
    }

    /// The error for a key that the column does not hold.
    pub(super) fn key_too_long(&self, operation: Operation) -> Error {
        let what = format_args!("the key has more than {KEY_LENGTH} characters").to_string();
        self.server.error(operation, what)
    }

    /// The error for a cursor that this store did not make.
    pub(super) fn foreign_cursor(&self, operation: Operation) -> Error {
        self.server
            .error(operation, "this cursor is from another store")
    }

    async fn retry<T>(
        &self,
        operation: Operation,
        attempt: impl Fn() -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.adopt(operation)?;
        self.follow()?;
        let mut waiting = Waiting::default();
        loop {
            match attempt() {
                Ok(done) => return Ok(done),
                Err(error) if Failure::of(&error) != Failure::Busy => {
                    return Err(self.error(operation, error));
                }
                Err(_) => {}
            }
            match waiting.next(self.timeout) {
                Some(Duration::ZERO) => std::thread::yield_now(),
                Some(time) => pause(time).await,
                None => return Err(self.locked(operation)),
            }
        }
    }

    /// One run on the connection of a slot, which is opened if need be and closed if it broke.
    fn attempt<T>(
        &self,
        slot: &mut Option<Connection>,
        run: &impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let connection = match slot {
            Some(connection) => connection,
            None => slot.insert(self.connect()?),
        };
        let done = run(connection);
        if let Err(error) = &done
            && Failure::of(error) == Failure::Broken
        {
            slot.take();
        }
        done
    }

    /// Runs something on a new connection and closes it, waiting for locks on this thread: at start-up.
    fn patiently<T>(&self, run: impl Fn(&Connection) -> Result<T, Trouble>) -> Result<T> {
        let operation = Operation::Connect;
        let mut waiting = Waiting::default();
        loop {
            let done = self.connect().map_err(Trouble::from);
            match done.and_then(|connection| run(&connection)) {
                Ok(done) => return Ok(done),
                Err(Trouble::Absent) => {
                    let what = format!("the table of sessions is absent; {MAKE_IT}");
                    return Err(self.server.error(operation, what));
                }
                Err(Trouble::Foreign(why)) => return Err(self.server.error(operation, why)),
                Err(Trouble::Sqlite(error)) if Failure::of(&error) != Failure::Busy => {
                    return Err(self.error(operation, error));
                }
                Err(Trouble::Sqlite(_)) => {}
            }
            match waiting.next(self.timeout) {
                Some(pause) => std::thread::sleep(pause),
                None => return Err(self.locked(operation)),
            }
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        // Waiting is done here, where it does not hold the thread.
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        let synchronous = match self.durability {
            Durability::Process => "NORMAL",
            Durability::Power => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        if let Some(largest) = self.largest {
            let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = largest / page.unsigned_abs().max(1);
            let pages = i64::try_from(pages.max(1)).unwrap_or(i64::MAX);
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(connection)
    }

    /// A reader that nobody uses, or else the first to become free.
    fn free_reader(&self) -> MutexGuard<'_, Option<Connection>> {
        let free = self.readers.iter().find_map(try_lock);
        free.unwrap_or_else(|| {
            self.readers[0]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Where the file was deleted or replaced, begins anew with what is at its path, as at the start.
    ///
    /// What is written to a file that has no name any more is lost with the last connection to it, and connections that
    /// are opened later see another file. Closing the old ones does no harm to the new file: SQLite notices the same.
    fn follow(&self) -> Result<()> {
        let Some(found) = Place::of(&self.path) else {
            return Ok(());
        };
        let mut place = self.place();
        if *place == Some(found) {
            return Ok(());
        }
        for slot in self.slots() {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        self.prepare_at(&mut place)?;
        tracing::warn!(
            target: "dewar",
            "{}: the file was deleted or replaced while it was open; sessions are in the one that is there now",
            self.server
        );
        Ok(())
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a child that was forked from the process that opened the connections, closes what was inherited.
    ///
    /// They must be closed, not leaked: SQLite shares what it knows of a file's locks among the connections of
    /// a process, so a new one beside inherited ones would believe that it holds locks that only the parent has.
    /// Closing is safe because none of them is within a call, and so within a transaction.
    fn adopt(&self, operation: Operation) -> Result<()> {
        let process = std::process::id();
        if self.process.load(Ordering::Acquire) == process {
            return Ok(());
        }
        let start = Instant::now();
        loop {
            let slots: Vec<_> = self.slots().map_while(try_lock).collect();
            if slots.len() == READERS + 1 {
                if self.process.load(Ordering::Acquire) != process {
                    for mut slot in slots {
                        slot.take();
                    }
                    self.process.store(process, Ordering::Release);
                }
                return Ok(());
            }
            drop(slots);
            if self.process.load(Ordering::Acquire) == process {
                return Ok(());
            }
            if start.elapsed() > TAKEOVER {
                let what = "this process was forked while another thread used the store, which SQLite does \
                            not survive. Use the store only after the fork, or make one in each process";
                return Err(self.server.error(operation, what));
            }
            std::thread::yield_now();
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        std::iter::once(&self.writer).chain(&self.readers)
    }

    fn create_file(&self) -> Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => {
                let what = format_args!("the file cannot be made: {error}").to_string();
                Err(self
                    .server
                    .error(Operation::Connect, what)
                    .with_source(error))
            }
        }
    }

    fn error(&self, operation: Operation, error: rusqlite::Error) -> Error {
        let (what, repeatable) = explain(&error);
        let explained = self.server.error(operation, what).with_source(error);
        match repeatable {
            Repeatable::Later => explained.temporary(),
            Repeatable::Never => explained,
        }
    }

    fn locked(&self, operation: Operation) -> Error {
        let what = format_args!(
            "another process has held the file's lock for {:?}; does one keep a transaction open?",
            self.timeout
        )
        .to_string();
        self.server.error(operation, what).temporary()
    }
}

impl Place {
    /// `None` where that cannot be known.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Place> {
        use std::os::unix::fs::MetadataExt;
        match std::fs::metadata(path) {
            Ok(file) => Some(Place::File {
                device: file.dev(),
                inode: file.ino(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Place::Absent),
            Err(_) => None,
        }
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Place> {
        None
    }
}

impl Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn try_lock(slot: &Slot) -> Option<MutexGuard<'_, Option<Connection>>> {
    match slot.try_lock() {
        Ok(slot) => Some(slot),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn used(folder: &tempfile::TempDir) -> File {
        let path = folder.path().join("app.db");
        let file = file_at(path);
        use_it(&file).unwrap();
        file
    }

    fn file_at(path: PathBuf) -> File {
        let (table, tables) = (Table::sqlalchemy(), Tables::Create);
        let timeout = Duration::from_secs(1);
        let file = File::new(path, table, tables, Durability::Process, timeout, None);
        file.prepare().unwrap();
        file
    }

    fn use_it(file: &File) -> Result<()> {
        let run = |connection: &Connection| connection.execute_batch("DELETE FROM sessions");
        let mut write = std::pin::pin!(file.write(Operation::Delete, run));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match write.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => panic!("nobody holds a lock"),
        }
    }

    /// What a child sees of its parent's connections.
    fn fork(file: &File) {
        file.process.store(u32::MAX, Ordering::Release);
    }

    #[test]
    fn a_child_opens_connections_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = used(&folder);
        let mark = "CREATE TEMP TABLE inherited (x)";
        let inherited = |file: &File| {
            let writer = file.writer.lock().unwrap();
            let writer = writer.as_ref().unwrap();
            writer.prepare("SELECT * FROM temp.inherited").is_ok()
        };
        file.writer
            .lock()
            .unwrap()
            .as_ref()
            .unwrap()
            .execute_batch(mark)
            .unwrap();
        assert!(inherited(&file));
        fork(&file);
        use_it(&file).unwrap();
        assert!(!inherited(&file));
    }

    #[test]
    fn a_child_refuses_what_was_in_use_when_it_was_forked() {
        let folder = tempfile::tempdir().unwrap();
        let file = used(&folder);
        let in_use = file.readers[0].lock().unwrap();
        fork(&file);
        let error = use_it(&file).unwrap_err();
        assert!(error.to_string().contains("forked"), "{error}");
        drop(in_use);
        use_it(&file).unwrap();
    }

    #[test]
    fn opening_leaves_no_connection_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let file = file_at(path.clone());
        // SQLite removes the log when the last connection closes.
        assert!(!path.with_extension("db-wal").exists());
        use_it(&file).unwrap();
        assert!(path.with_extension("db-wal").exists());
        file.close_idle();
        assert!(!path.with_extension("db-wal").exists());
    }
}
