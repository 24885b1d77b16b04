use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dewar::clock::{Clock, SystemClock};
use dewar::{Error, ErrorKind, Result};

use super::file::File;
use super::statements::Statements;
use super::{Durability, OPERATION_TIMEOUT, SqliteStore};
use crate::Migrated;
use crate::sql::{Layout, Table, Tables};

/// Says how an [`SqliteStore`] is to be; made by [`SqliteStore::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `open`"]
pub struct SqliteBuilder {
    location: String,
    table: Table,
    tables: Tables,
    durability: Durability,
    timeout: Duration,
    largest: Option<u64>,
    clock: Arc<dyn Clock>,
}

impl SqliteBuilder {
    pub(super) fn new(location: String) -> SqliteBuilder {
        SqliteBuilder {
            location,
            table: Table::sqlalchemy(),
            tables: Tables::default(),
            durability: Durability::default(),
            timeout: OPERATION_TIMEOUT,
            largest: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The table; [`Table::sqlalchemy`] unless told otherwise.
    pub fn table(mut self, table: Table) -> SqliteBuilder {
        self.table = table;
        self
    }

    /// Whether the file and the table are made where they are absent; they are unless told otherwise.
    pub fn tables(mut self, tables: Tables) -> SqliteBuilder {
        self.tables = tables;
        self
    }

    /// What an acknowledged write survives; the death of any process unless told otherwise.
    pub fn durability(mut self, durability: Durability) -> SqliteBuilder {
        self.durability = durability;
        self
    }

    /// How long a call waits while other processes write; five seconds unless told otherwise.
    pub fn operation_timeout(mut self, timeout: Duration) -> SqliteBuilder {
        self.timeout = timeout;
        self
    }

    /// The largest size of the file in bytes, beyond which writes fail; the disk's unless told otherwise.
    pub fn largest_size(mut self, bytes: u64) -> SqliteBuilder {
        self.largest = Some(bytes);
        self
    }

    /// The clock that says what has expired; the system's unless told otherwise.
    pub fn clock(mut self, clock: impl Clock) -> SqliteBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the store: the file is there afterwards, and the table is one of sessions. Waits on this thread.
    pub fn open(self) -> Result<SqliteStore> {
        let file = self.file()?;
        file.prepare()?;
        Ok(SqliteStore {
            file,
            statements: Statements::new(&self.table),
            clock: self.clock,
        })
    }

    /// Makes the file and the table where they are absent, and changes nothing otherwise.
    pub fn migrate(self) -> Result<Migrated> {
        self.tables(Tables::Create).file()?.prepare()
    }

    /// Whether all of it can be, without a look at the file.
    pub(crate) fn check(&self) -> Result<()> {
        self.file().map(drop)
    }

    fn file(&self) -> Result<File> {
        let path = path(&self.location)?;
        let wrong = |what: &str| {
            Err(Error::new(
                ErrorKind::Config,
                format!("SQLite has no {what}"),
            ))
        };
        if self.table.layout != Layout::Sqlalchemy {
            return wrong("table of the layout `postgresql`: use Table::sqlalchemy");
        }
        if self.table.schema.is_some() {
            return wrong("schemas: leave the table's schema out (SESSION_SQLALCHEMY_SCHEMA)");
        }
        // A sequence is ignored, as SQLAlchemy does here: SQLite numbers rows itself.
        Ok(File::new(
            path,
            self.table.clone(),
            self.tables,
            self.durability,
            self.timeout,
            self.largest,
        ))
    }
}

/// The path in a URL as SQLAlchemy writes it, or the path itself.
pub(crate) fn path(location: &str) -> Result<PathBuf> {
    let (location, is_url) = match location.split_once("://") {
        Some((scheme, rest)) if scheme == "sqlite" || scheme.starts_with("sqlite+") => {
            let rest = rest.split('?').next().unwrap_or(rest);
            if !rest.is_empty() && !rest.starts_with('/') {
                // As SQLAlchemy does. What stands there may be a password.
                let what = "the URL of an SQLite file names no host: write sqlite:///app.db, or sqlite:////var/lib/app.db with the \
                            path from the root on";
                return Err(Error::new(ErrorKind::Config, what));
            }
            (rest.strip_prefix('/').unwrap_or(rest), true)
        }
        Some(_) => {
            let what = "the URL of an SQLite file begins with sqlite:///";
            return Err(Error::new(ErrorKind::Config, what));
        }
        None if location.starts_with("sqlite:") => {
            let what = "the URL of an SQLite file has three slashes: write sqlite:///app.db, or sqlite:////var/lib/app.db with the path \
                        from the root on";
            return Err(Error::new(ErrorKind::Config, what));
        }
        None => (location, false),
    };
    if location.is_empty() || location == ":memory:" || location.starts_with("file:") {
        let what = if is_url || location.is_empty() || location == ":memory:" {
            "sessions in SQLite need a file: each connection to :memory: would have its own. Name one, or use the \
             memory store"
        } else {
            "name the SQLite file by its path or as sqlite:///path; SQLite's own `file:` form is not taken"
        };
        return Err(Error::new(ErrorKind::Config, what));
    }
    Ok(PathBuf::from(location))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_are_as_sqlalchemy_reads_them() {
        for (location, expected) in [
            ("sqlite:///app.db", "app.db"),
            ("sqlite:////var/lib/app.db", "/var/lib/app.db"),
            (
                "sqlite+pysqlite:////var/lib/app.db?timeout=3",
                "/var/lib/app.db",
            ),
            ("/var/lib/app.db", "/var/lib/app.db"),
            ("app.db", "app.db"),
        ] {
            assert_eq!(path(location).unwrap(), PathBuf::from(expected));
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for location in [
            "",
            ":memory:",
            "sqlite://",
            "sqlite://app.db",
            "sqlite://user:secret@host/app.db",
            "sqlite:///:memory:",
            "sqlite:app.db",
            "postgresql://host/db",
            "file:x?mode=ro",
        ] {
            assert_eq!(path(location).unwrap_err().kind(), ErrorKind::Config);
        }
    }
}
