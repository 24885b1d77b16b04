//! Sessions in MySQL 8 or MariaDB 10.6 and newer, in the table that Flask-Session 0.8 makes through SQLAlchemy.
//!
//! ```no_run
//! # async fn example() -> dewar::Result<()> {
//! use dewar_stores::mysql::MysqlStore;
//!
//! let store = MysqlStore::builder("mysql://app:secret@db.example/app").connect().await?;
//! # let _ = store; Ok(()) }
//! ```
//!
//! # URLs
//!
//! As SQLAlchemy writes them; a driver (`mysql+pymysql://`) is no matter, and `mariadb://` is the same.
//! `unix_socket` names a socket in place of host and port. The connection is plain unless `ssl_mode` is one of
//! MySQL's `REQUIRED` (any certificate will do) and `VERIFY_IDENTITY` (the server must prove who it is;
//! `VERIFY_CA` is taken for it), or `ssl_ca` names a PEM file with the authorities to believe. `ssl_cert` and `ssl_key`
//! are the certificate by which the server knows us; with them alone the server must prove who it is, too.
//!
//! # The table
//!
//! A table that Dewar makes differs from SQLAlchemy's where MySQL's defaults would hurt: keys are compared by their
//! bytes, data may be longer than 64 KB, and `expiry` has an index. A table that SQLAlchemy made works
//! as it is: `a` and `A` are told apart, but cannot both be stored, which random ids never need; and
//! a session above 65,535 bytes is an error.
//!
//! A DATETIME has whole seconds: expiry is rounded up. Times are sent as UTC values; the server's clock and time
//! zone, and the session's, are never asked.
//!
//! # When something breaks
//!
//! A call returns within the time to connect plus the time for an operation (two seconds each unless told
//! otherwise), usually at once when the server refuses. After a lost connection a call is repeated once on a new
//! one, in the same time: loading, extending and deleting are the same done twice, and a write looks first whether
//! its predecessor arrived. A write that is answered too late is an error; whether it was done is unknown.
//!
//! A server that refuses to write because it became a replica is left, once for each call, for the one that the address
//! leads to now.
//!
//! Each operation is one round trip; it takes more only where a write finds another version, or none.

mod builder;
mod failure;
mod schema;
mod statements;
mod time;
mod url;

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use dewar::clock::Clock;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Entry, Expiry, Key, Listing, Observation, Page, Purged,
    Record, Replaced, Sharing, Store, Touched, Version,
};
use dewar::{Result, UnixTime};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error as DriverError, Opts, Params, Value, params};

pub use builder::MysqlBuilder;

use self::statements::Statements;
use self::time::{exactly, rounded_up};
use crate::Migrated;
use crate::outcome::Outcome;
use crate::server::{Operation, Server};
use crate::skew;
use crate::sql::link::{Backend, Link, Repeated, Trouble, Turn, Verdict, work};
use crate::sql::{KEY_LENGTH, PAGE, PURGE_STEP, Table, Tables};

/// Keeps sessions in MySQL or MariaDB. See [the module](self).
pub struct MysqlStore {
    link: Link<Manager>,
    clock: Arc<dyn Clock>,
}

impl MysqlStore {
    /// Begins a store on the server of a connection URL; see [the module](self).
    pub fn builder(url: impl Into<String>) -> MysqlBuilder {
        MysqlBuilder::new(url.into())
    }

    /// Whether the server is there and accepts us, and the table is one of sessions.
    pub async fn check(&self) -> Result<()> {
        self.link.migrate(Tables::Expect).await.map(drop)
    }

    fn now(&self) -> Value {
        exactly(self.clock.now())
    }
}

#[async_trait]
impl Store for MysqlStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let (key, now) = (key.expose(), &self.now());
        let load = |mut turn: MysqlTurn| work(async move { turn.fetch(key, now).await });
        let found = self.link.run(Operation::Load, load).await?;
        Ok(found.map(|(blob, expires)| Record {
            version: Version::content(blob.clone()),
            blob,
            expires,
        }))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let key = key.expose();
        if key.chars().count() > KEY_LENGTH {
            let what = format!("the key has more than {KEY_LENGTH} characters");
            return Err(self.link.server.error(Operation::Create, what));
        }
        let (data, now, expiry) = (&blob[..], &self.now(), &rounded_up(expires));
        let create = |mut turn: MysqlTurn| {
            work(async move {
                let statements = turn.statements.clone();
                for _ in 0..CREATE_TRIES {
                    let values = params! { "key" => key, "data" => data, "expiry" => expiry };
                    match turn.execute(&statements.create, values).await {
                        Err(error) if failure::is_duplicate(&error) => {}
                        done => return done.map(|_| true),
                    }
                    let values = params! {
                        "key" => key, "data" => data, "expiry" => expiry, "now" => now,
                    };
                    if turn.execute(&statements.create_over, values).await? > 0 {
                        return Ok(true);
                    }
                    if let Some((stored, _)) = turn.fetch(key, now).await? {
                        // If the answer to an earlier try was lost: nobody but us knows the new key, so our
                        // bytes there are our record.
                        return Ok(turn.repeated == Repeated::Yes && stored == data);
                    }
                    // It was deleted in between.
                }
                // What is in the way differs from the key in case only.
                Ok(false)
            })
        };
        Ok(match self.link.run(Operation::Create, create).await? {
            true => Created::Done(Version::content(blob)),
            false => Created::Taken,
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
        let (key, data) = (key.expose(), &blob[..]);
        let (now, expiry) = (&self.now(), &rounded_up(expires));
        let replace = |mut turn: MysqlTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let values = params! {
                    "key" => key, "data" => data, "expiry" => expiry, "seen" => seen, "now" => now,
                };
                if turn.execute(&statements.replace, values).await? > 0 {
                    return Ok(Outcome::Done);
                }
                Ok(match turn.fetch(key, now).await? {
                    // If the answer to an earlier try was lost: what is there now may be what that try wrote.
                    Some((stored, _)) if turn.repeated == Repeated::Yes && stored == data => {
                        Outcome::Done
                    }
                    Some(_) => Outcome::Conflict,
                    None => Outcome::Gone,
                })
            })
        };
        let outcome = self.link.run(Operation::Replace, replace).await?;
        Ok(outcome.replaced(blob))
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let (key, now, expiry) = (key.expose(), &self.now(), &rounded_up(expires));
        let touch = |mut turn: MysqlTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let values = params! { "key" => key, "expiry" => expiry, "now" => now };
                turn.execute(&statements.touch, values).await
            })
        };
        Ok(match self.link.run(Operation::Touch, touch).await? {
            0 => Touched::Gone,
            _ => Touched::Done,
        })
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let key = key.expose();
        let delete = |mut turn: MysqlTurn| {
            work(async move {
                let statements = turn.statements.clone();
                turn.execute(&statements.delete, params! { "key" => key })
                    .await
            })
        };
        self.link.run(Operation::Delete, delete).await.map(drop)
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let seen = seen.as_content().map(|seen| &seen[..]);
        let (key, now) = (key.expose(), &self.now());
        let delete = |mut turn: MysqlTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let values = params! { "key" => key, "seen" => seen, "now" => now };
                if turn.execute(&statements.delete_unchanged, values).await? > 0 {
                    return Ok(Outcome::Done);
                }
                Ok(match turn.fetch(key, now).await? {
                    Some(_) => Outcome::Conflict,
                    // If the answer to an earlier try was lost: that one removed it.
                    None if turn.repeated == Repeated::Yes => Outcome::Done,
                    None => Outcome::Gone,
                })
            })
        };
        let outcome = self.link.run(Operation::DeleteUnchanged, delete).await?;
        Ok(outcome.deleted())
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let (now, step) = (&exactly(now), limit.min(PURGE_STEP));
        let rows = step as u64;
        let purge = |mut turn: MysqlTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let values = params! { "now" => now, "rows" => rows };
                turn.execute(&statements.delete_expired, values).await
            })
        };
        Ok(
            match self.link.run(Operation::DeleteExpired, purge).await? {
                removed if removed < rows => Purged::Finished(removed),
                removed => Purged::More(removed),
            },
        )
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        let Ok(after) = std::str::from_utf8(cursor.place()) else {
            let what = "this cursor is from another store";
            return Err(self.link.server.error(Operation::List, what));
        };
        let (now, rows) = (self.clock.now(), limit.clamp(1, PAGE));
        let limit = rows as u64;
        let list = |mut turn: MysqlTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let values = params! { "after" => after, "rows" => limit };
                turn.query(&statements.list, values).await
            })
        };
        let found: Vec<Row> = self.link.run(Operation::List, list).await?;
        let mut entries: Vec<_> = found.into_iter().map(entry).collect();
        let next = match entries.last() {
            Some(last) if entries.len() == rows => Some(Cursor::at(last.key.expose().to_owned())),
            _ => None,
        };
        // The column's order need not be that of bytes, in which keys with one prefix would be neighbours.
        entries.retain(|entry| {
            entry.key.expose().starts_with(prefix)
                && entry.expires.is_some_and(|expires| expires > now)
        });
        Ok(Some(Page { entries, next }))
    }

    async fn diagnose(&self) -> Result<Vec<Observation>> {
        let ask = |mut turn: MysqlTurn| {
            work(async move {
                let seconds: Vec<i64> = turn
                    .query("SELECT CAST(UNIX_TIMESTAMP() AS SIGNED)", Params::Empty)
                    .await?;
                Ok(seconds)
            })
        };
        let seconds = self.link.run(Operation::Diagnose, ask).await?;
        Ok(seconds
            .into_iter()
            .map(|seconds| skew::observe(UnixTime::from_seconds(seconds), self.clock.now()))
            .collect())
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            expiry: Expiry::Purged,
            listing: Listing::Supported,
            sharing: Sharing::Network,
        }
    }
}

impl Debug for MysqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStore")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// How often a record is made that others make and delete at the same time.
const CREATE_TRIES: u32 = 3;

/// Makes connections for the pool.
pub(crate) struct Manager(Opts);

impl managed::Manager for Manager {
    type Type = Conn;
    type Error = DriverError;

    async fn create(&self) -> Result<Conn, DriverError> {
        Conn::new(self.0.clone()).await
    }

    // A lost connection shows when it is used; asking each time would be a second round trip.
    async fn recycle(&self, connection: &mut Conn, _: &Metrics) -> RecycleResult<DriverError> {
        match connection.is_disconnected() {
            true => Err(RecycleError::message("connection closed")),
            false => Ok(()),
        }
    }
}

impl Backend for Manager {
    type Statements = Statements;
    type Options = ();

    fn verdict(error: &DriverError) -> Verdict {
        failure::verdict(error)
    }

    fn explain(server: &Server, operation: Operation, error: DriverError) -> dewar::Error {
        failure::explain(server, operation, error)
    }

    async fn prepare(
        connection: &mut Conn,
        table: &Table,
        tables: Tables,
        (): (),
    ) -> Result<(Statements, Migrated), Trouble<DriverError>> {
        schema::prepare(connection, table, tables).await
    }
}

type MysqlTurn = Turn<Manager>;

/// Key, size and expiry of a listed row.
type Row = (String, Option<u64>, Value);

impl MysqlTurn {
    /// How many rows a statement changed, or found to be as it would have them.
    async fn execute(&mut self, statement: &str, parameters: Params) -> Result<u64, DriverError> {
        let connection = self.begin();
        let done = connection.exec_drop(statement, parameters).await;
        let rows = connection.affected_rows();
        self.ended(done).map(|()| rows)
    }

    async fn query<T>(&mut self, statement: &str, parameters: Params) -> Result<Vec<T>, DriverError>
    where
        T: mysql_async::prelude::FromRow + Send + 'static,
    {
        let done = self.begin().exec(statement, parameters).await;
        self.ended(done)
    }

    async fn fetch(
        &mut self,
        key: &str,
        now: &Value,
    ) -> Result<Option<(Bytes, Option<UnixTime>)>, DriverError> {
        let statements = self.statements.clone();
        let values = params! { "key" => key, "now" => now };
        let rows: Vec<(Vec<u8>, Value)> = self.query(&statements.load, values).await?;
        let row = rows.into_iter().next();
        Ok(row.map(|(blob, expiry)| (blob.into(), time::read(&expiry))))
    }
}

fn entry((key, size, expiry): Row) -> Entry {
    Entry {
        key: Key::new(key),
        size,
        expires: time::read(&expiry),
    }
}
