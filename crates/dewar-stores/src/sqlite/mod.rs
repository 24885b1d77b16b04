//! Sessions in an SQLite file, in the table that Flask-Session 0.8 makes through SQLAlchemy: no server, several
//! processes of one machine.
//!
//! ```
//! # async fn example() -> dewar::Result<()> {
//! use dewar_stores::sqlite::SqliteStore;
//!
//! let store = SqliteStore::builder("sessions.db").open()?;
//! # let _ = store; Ok(()) }
//! ```
//!
//! # The file
//!
//! A file that is absent is made for its owner alone (mode 0600); make it beforehand where a group shares it. It is
//! put into SQLite's WAL mode, and stays in it: other programs work with such a file as with any other, except that it
//! does not work on network file systems. Give sessions a file of their own where a database is not to change so. A file that
//! is deleted or replaced while it is open is noticed at the next call, which begins anew with what is there, as opening the
//! store did; take `-wal` and `-shm` away with it. What was acknowledged survives the death of any process. If the machine itself
//! loses power, the last moments may be missing, never half there; [`Durability::Power`] waits for the disk instead.
//!
//! # Another SQLite in the process
//!
//! **No other copy of SQLite in this process may open the file**, not even to read it. Two copies do not see each
//! other's locks, which belong to the process and are given up when any handle of the file is closed, and damage the file
//! (<https://www.sqlite.org/howtocorrupt.html>, 2.2.1). Crates for SQLite share one copy, that of `libsqlite3-sys`, of
//! which cargo allows one version in a program: rusqlite, sqlx and diesel are fine beside this store. Another copy comes
//! with a library that is loaded, or with an interpreter such as Python's. Other processes may open the file at any time.
//!
//! # Time
//!
//! Calls run on the thread that polls them, because they take microseconds; now and then a write also copies the log
//! into the file, which takes as long as the disk does. A read never waits for a write. A write that finds
//! another process writing is tried again after a pause that does not hold the thread, until the operation's time is
//! over. Outside of a tokio runtime the pause sleeps. Who removes expired sessions step after step leaves the file to
//! others for as long as each step took: so it takes twice as long, and nobody waits for the whole.
//!
//! # Processes that fork
//!
//! Opening a store leaves no connection behind. A store that was used before its process forked closes what
//! it inherited when it is first used in the child, and opens its own; it refuses to work in a child if another
//! thread was in the middle of a call when the process forked.

mod builder;
mod failure;
mod file;
mod schema;
mod statements;
mod waiting;

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dewar::clock::Clock;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Entry, Expiry, Key, Listing, Page, Purged, Record,
    Replaced, Sharing, Store, Touched, Version,
};
use dewar::{Result, UnixTime};
use rusqlite::{OptionalExtension, Row, params};

pub use builder::SqliteBuilder;
pub(crate) use builder::path;

use self::file::File;
use self::statements::Statements;
use self::waiting::pause;
use crate::outcome::Outcome;
use crate::server::Operation;
use crate::sql::datetime::{from_text, to_text};
use crate::sql::{KEY_LENGTH, PAGE, PURGE_STEP};

/// Keeps sessions in an SQLite file. See [the module](self).
pub struct SqliteStore {
    file: File,
    statements: Statements,
    clock: Arc<dyn Clock>,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of any process; a loss of power may take the last moments.
    #[default]
    Process,
    /// A loss of power too: each write waits for the disk.
    Power,
}

impl SqliteStore {
    /// Begins a store in the file at a path, or at a URL as SQLAlchemy writes it (`sqlite:///relative.db`,
    /// `sqlite:////absolute.db`).
    pub fn builder(path_or_url: impl Into<String>) -> SqliteBuilder {
        SqliteBuilder::new(path_or_url.into())
    }

    /// Whether the file can be read and holds the table; opens a connection of its own and closes it again.
    pub fn check(&self) -> Result<()> {
        self.file.check()
    }

    /// Closes the connections that are idle; what comes next opens new ones. For a process that is about to fork.
    pub fn close_idle(&self) {
        self.file.close_idle();
    }

    fn now(&self) -> String {
        to_text(self.clock.now())
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let now = self.clock.now();
        let parameters = [key.expose(), &to_text(now)];
        let found = self
            .file
            .read(Operation::Load, |connection| {
                let mut load = connection.prepare_cached(&self.statements.load)?;
                load.query_row(parameters, record).optional()
            })
            .await?;
        // A date in another form than SQLAlchemy's is compared here, as a time.
        Ok(found
            .flatten()
            .filter(|record| record.expires.is_some_and(|expires| expires > now)))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        if key.expose().chars().count() > KEY_LENGTH {
            return Err(self.file.key_too_long(Operation::Create));
        }
        let (now, expires) = (self.now(), to_text(expires));
        let changed = self
            .file
            .write(Operation::Create, |connection| {
                let mut create = connection.prepare_cached(&self.statements.create)?;
                create.execute(params![key.expose(), &blob[..], expires, now])
            })
            .await?;
        Ok(match changed {
            0 => Created::Taken,
            _ => Created::Done(Version::content(blob)),
        })
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let seen = seen.as_content().map(|seen| &seen[..]);
        let (now, expires) = (self.now(), to_text(expires));
        let outcome = self
            .file
            .write(Operation::Replace, |connection| {
                let mut replace = connection.prepare_cached(&self.statements.replace)?;
                let parameters = params![key.expose(), &blob[..], expires, seen, now];
                if replace.execute(parameters)? > 0 {
                    return Ok(Outcome::Done);
                }
                self.statements.outcome_of_no_change(connection, key, &now)
            })
            .await?;
        Ok(outcome.replaced(blob))
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let (now, expires) = (self.now(), to_text(expires));
        let changed = self
            .file
            .write(Operation::Touch, |connection| {
                let mut touch = connection.prepare_cached(&self.statements.touch)?;
                touch.execute([key.expose(), &expires, &now])
            })
            .await?;
        Ok(match changed {
            0 => Touched::Gone,
            _ => Touched::Done,
        })
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.file
            .write(Operation::Delete, |connection| {
                let mut delete = connection.prepare_cached(&self.statements.delete)?;
                delete.execute([key.expose()])
            })
            .await?;
        Ok(())
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let seen = seen.as_content().map(|seen| &seen[..]);
        let now = self.now();
        let outcome = self
            .file
            .write(Operation::DeleteUnchanged, |connection| {
                let mut delete = connection.prepare_cached(&self.statements.delete_unchanged)?;
                if delete.execute(params![key.expose(), seen, now])? > 0 {
                    return Ok(Outcome::Done);
                }
                self.statements.outcome_of_no_change(connection, key, &now)
            })
            .await?;
        Ok(outcome.deleted())
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let (now, step) = (to_text(now), limit.min(PURGE_STEP));
        let removed = self
            .file
            .write_step(Operation::DeleteExpired, |connection| {
                let mut purge = connection.prepare_cached(&self.statements.delete_expired)?;
                purge.execute(params![now, step as i64])
            })
            .await?;
        Ok(match removed {
            removed if removed < step => Purged::Finished(removed as u64),
            removed => Purged::More(removed as u64),
        })
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        let after = std::str::from_utf8(cursor.place())
            .map_err(|_| self.file.foreign_cursor(Operation::List))?;
        let (now, rows) = (self.clock.now(), limit.clamp(1, PAGE));
        let found = self
            .file
            .read(Operation::List, |connection| {
                let mut list = connection.prepare_cached(&self.statements.list)?;
                let rows = list.query_map(params![after, prefix, rows as i64], entry)?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        // Keys come in the order of their bytes: those with the prefix are one run, at the beginning.
        let run = found
            .iter()
            .take_while(|entry| entry.key.expose().starts_with(prefix))
            .count();
        let next = match found.last() {
            Some(last) if run == rows => Some(Cursor::at(last.key.expose().to_owned())),
            _ => None,
        };
        let mut entries = found;
        entries.truncate(run);
        entries.retain(|entry| entry.expires.is_some_and(|expires| expires > now));
        Ok(Some(Page { entries, next }))
    }

    async fn pause(&self, time: Duration) {
        pause(time).await;
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            expiry: Expiry::Purged,
            listing: Listing::Supported,
            sharing: Sharing::Machine,
        }
    }
}

impl Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// Long enough for another process to finish what it writes, short enough for a request.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

fn record(row: &Row<'_>) -> rusqlite::Result<Option<Record>> {
    let blob = Bytes::copy_from_slice(row.get_ref(0)?.as_bytes()?);
    Ok(row.get_ref(1)?.as_str().ok().map(|expiry| Record {
        version: Version::content(blob.clone()),
        blob,
        expires: from_text(expiry),
    }))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let expiry = row.get_ref(2)?;
    Ok(Entry {
        key: Key::new(row.get::<_, String>(0)?),
        size: row
            .get::<_, Option<i64>>(1)?
            .and_then(|size| u64::try_from(size).ok()),
        expires: expiry.as_str().ok().and_then(from_text),
    })
}
