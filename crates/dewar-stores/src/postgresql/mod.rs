//! Sessions in PostgreSQL 13 and newer: in the table of Flask-Session's development branch (`public.flask_sessions`),
//! or in that which Flask-Session 0.8 makes through SQLAlchemy (`sessions`).
//!
//! ```no_run
//! # async fn example() -> dewar::Result<()> {
//! use dewar_stores::postgresql::PostgresqlStore;
//! use dewar_stores::sql::Table;
//!
//! let store = PostgresqlStore::builder("postgresql://app:secret@db.example/app")
//!     .table(Table::sqlalchemy())
//!     .connect()
//!     .await?;
//! # let _ = store; Ok(()) }
//! ```
//!
//! # URLs
//!
//! As libpq and SQLAlchemy write them; a driver (`postgresql+psycopg2://`) is no matter. `sslmode` means what it means
//! to libpq: `prefer`, which is the default, and `require` encrypt but take any certificate; with `verify-full`
//! (`verify-ca` is taken for it), or with `sslrootcert`, the server must prove who it is. `sslcert` and `sslkey` are the
//! certificate by which the server knows us.
//!
//! # Statements
//!
//! Each operation is one statement and one round trip, outside of a transaction, with nothing prepared on the server:
//! PgBouncer may give each to another connection (transaction mode). With `prepared_statement_cache_size=100` in the URL,
//! or [`PostgresqlBuilder::prepared`], each connection prepares a statement the first time, which saves the server its
//! planning: not through a PgBouncer in transaction mode, unless it is 1.21 or newer and has `max_prepared_statements`.
//!
//! Times are sent as UTC values, and
//! the server's clock and time zone, and the session's, are never asked. (The development branch of
//! Flask-Session does ask them: run its connections with `TimeZone=UTC` beside Dewar.)
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

mod builder;
mod failure;
mod schema;
mod statements;
mod time;
mod tls;
mod untold;
mod url;

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_postgres::{ClientWrapper, Manager};
use dewar::clock::Clock;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Entry, Expiry, Key, Listing, Observation, Page, Purged,
    Record, Replaced, Sharing, Store, Touched, Version,
};
use dewar::{Result, UnixTime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error as DriverError, Row, Statement};

pub use builder::PostgresqlBuilder;

use self::statements::Statements;
use self::time::PgTime;
use self::untold::Untold;
use crate::Migrated;
use crate::outcome::Outcome;
use crate::server::{Operation, Server};
use crate::skew;
use crate::sql::link::{Backend, Link, Repeated, Trouble, Turn, Verdict, work};
use crate::sql::{PAGE, PURGE_STEP, Table, Tables};

/// Keeps sessions in PostgreSQL. See [the module](self).
pub struct PostgresqlStore {
    link: Link<Manager>,
    clock: Arc<dyn Clock>,
}

impl PostgresqlStore {
    /// Begins a store on the server of a connection URL; see [the module](self).
    pub fn builder(url: impl Into<String>) -> PostgresqlBuilder {
        PostgresqlBuilder::new(url.into())
    }

    /// Whether the server is there and accepts us, and the table is one of sessions.
    pub async fn check(&self) -> Result<()> {
        self.link.migrate(Tables::Expect).await.map(drop)
    }

    fn now(&self) -> PgTime {
        PgTime(self.clock.now())
    }
}

#[async_trait]
impl Store for PostgresqlStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let (key, now) = (key.expose(), self.now());
        let load = |mut turn: PgTurn| work(async move { turn.fetch(key, now).await });
        let found = self.link.run(Operation::Load, load).await?;
        Ok(found.map(|(blob, expires)| Record {
            version: Version::content(blob.clone()),
            blob,
            expires: Some(expires.0),
        }))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let (key, data, now, expires) = (key.expose(), &blob[..], self.now(), PgTime(expires));
        let create = |mut turn: PgTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let time = &statements.expiry;
                let mut parameters: Vec<Parameter<'_>> = vec![
                    (&key, Type::TEXT),
                    (&data, Type::BYTEA),
                    (&expires, time.clone()),
                    (&now, time.clone()),
                ];
                if let Some(created) = &statements.created {
                    parameters.push((&now, created.clone()));
                }
                if turn.execute(&statements.create, &parameters).await? > 0 {
                    return Ok(true);
                }
                if turn.repeated == Repeated::No {
                    return Ok(false);
                }
                // The answer to the first try was lost. Nobody but us knows the new key: our bytes there are
                // our record.
                let stored = turn.fetch(key, now).await?;
                Ok(stored.is_some_and(|(stored, _)| stored == data))
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
        let (key, data, now, expires) = (key.expose(), &blob[..], self.now(), PgTime(expires));
        let replace = |mut turn: PgTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let time = &statements.expiry;
                let parameters: [Parameter<'_>; 5] = [
                    (&key, Type::TEXT),
                    (&data, Type::BYTEA),
                    (&expires, time.clone()),
                    (&seen, Type::BYTEA),
                    (&now, time.clone()),
                ];
                let outcome = turn.outcome(&statements.replace, &parameters).await?;
                if outcome != Outcome::Conflict || turn.repeated == Repeated::No {
                    return Ok(outcome);
                }
                // The answer to the first try was lost: what is there now may be what that try wrote.
                Ok(match turn.fetch(key, now).await? {
                    Some((stored, _)) if stored == data => Outcome::Done,
                    _ => outcome,
                })
            })
        };
        let outcome = self.link.run(Operation::Replace, replace).await?;
        Ok(outcome.replaced(blob))
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let (key, now, expires) = (key.expose(), self.now(), PgTime(expires));
        let touch = |mut turn: PgTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let time = &statements.expiry;
                let parameters: [Parameter<'_>; 3] = [
                    (&key, Type::TEXT),
                    (&expires, time.clone()),
                    (&now, time.clone()),
                ];
                turn.execute(&statements.touch, &parameters).await
            })
        };
        Ok(match self.link.run(Operation::Touch, touch).await? {
            0 => Touched::Gone,
            _ => Touched::Done,
        })
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let key = key.expose();
        let delete = |mut turn: PgTurn| {
            work(async move {
                let statements = turn.statements.clone();
                turn.execute(&statements.delete, &[(&key, Type::TEXT)])
                    .await
            })
        };
        self.link.run(Operation::Delete, delete).await.map(drop)
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let seen = seen.as_content().map(|seen| &seen[..]);
        let (key, now) = (key.expose(), self.now());
        let delete = |mut turn: PgTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let parameters: [Parameter<'_>; 3] = [
                    (&key, Type::TEXT),
                    (&seen, Type::BYTEA),
                    (&now, statements.expiry.clone()),
                ];
                let outcome = turn
                    .outcome(&statements.delete_unchanged, &parameters)
                    .await?;
                // If the answer to an earlier try was lost: that one removed it.
                Ok(match outcome {
                    Outcome::Gone if turn.repeated == Repeated::Yes => Outcome::Done,
                    outcome => outcome,
                })
            })
        };
        let outcome = self.link.run(Operation::DeleteUnchanged, delete).await?;
        Ok(outcome.deleted())
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let (now, step) = (PgTime(now), limit.min(PURGE_STEP));
        let rows = step as i64;
        let purge = |mut turn: PgTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let parameters: [Parameter<'_>; 2] =
                    [(&now, statements.expiry.clone()), (&rows, Type::INT8)];
                turn.execute(&statements.delete_expired, &parameters).await
            })
        };
        Ok(
            match self.link.run(Operation::DeleteExpired, purge).await? {
                removed if removed < step as u64 => Purged::Finished(removed),
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
        let limit = rows as i64;
        let list = |mut turn: PgTurn| {
            work(async move {
                let statements = turn.statements.clone();
                let parameters: [Parameter<'_>; 2] = [(&after, Type::TEXT), (&limit, Type::INT8)];
                let found = turn.query(&statements.list, &parameters).await?;
                found.iter().map(entry).collect::<Result<Vec<_>, _>>()
            })
        };
        let mut entries = self.link.run(Operation::List, list).await?;
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
        let ask = |mut turn: PgTurn| {
            work(async move {
                let rows = turn
                    .query("SELECT extract(epoch FROM clock_timestamp())::float8", &[])
                    .await?;
                let seconds = rows.first().map(|row| row.try_get::<_, f64>(0));
                seconds.transpose()
            })
        };
        let seconds = self.link.run(Operation::Diagnose, ask).await?;
        Ok(seconds
            .map(|seconds| skew::observe(UnixTime::from_seconds(seconds as i64), self.clock.now()))
            .into_iter()
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

impl Debug for PostgresqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresqlStore")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

impl Backend for Manager {
    type Statements = Statements;
    /// Whether statements are kept prepared on each connection.
    type Options = bool;

    fn verdict(error: &DriverError) -> Verdict {
        failure::verdict(error)
    }

    fn explain(server: &Server, operation: Operation, error: DriverError) -> dewar::Error {
        failure::explain(server, operation, error)
    }

    async fn prepare(
        client: &mut ClientWrapper,
        table: &Table,
        tables: Tables,
        prepared: bool,
    ) -> Result<(Statements, Migrated), Trouble<DriverError>> {
        schema::prepare(client, table, tables, prepared).await
    }
}

type PgTurn = Turn<Manager>;

/// A value and the type that it is sent as.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl PgTurn {
    /// The statement as this connection keeps it prepared, if it is to.
    async fn kept(
        &mut self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Statement>, DriverError> {
        if !self.statements.prepared {
            return Ok(None);
        }
        let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
        let kept = self.begin().prepare_typed_cached(statement, &types).await;
        self.ended(kept).map(Some)
    }

    async fn execute(
        &mut self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, DriverError> {
        let done = match self.kept(statement, parameters).await? {
            Some(kept) => {
                let values = untold(parameters);
                self.begin().execute(&kept, &references(&values)).await
            }
            None => self.begin().execute_typed(statement, parameters).await,
        };
        self.ended(done)
    }

    async fn query(
        &mut self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, DriverError> {
        let done = match self.kept(statement, parameters).await? {
            Some(kept) => {
                let values = untold(parameters);
                self.begin().query(&kept, &references(&values)).await
            }
            None => self.begin().query_typed(statement, parameters).await,
        };
        self.ended(done)
    }

    async fn outcome(
        &mut self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Outcome, DriverError> {
        let rows = self.query(statement, parameters).await?;
        let number = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(match number {
            Some(2_i32) => Outcome::Done,
            Some(1) => Outcome::Conflict,
            _ => Outcome::Gone,
        })
    }

    async fn fetch(
        &mut self,
        key: &str,
        now: PgTime,
    ) -> Result<Option<(Bytes, PgTime)>, DriverError> {
        let statements = self.statements.clone();
        let parameters: [Parameter<'_>; 2] =
            [(&key, Type::TEXT), (&now, statements.expiry.clone())];
        let rows = self.query(&statements.load, &parameters).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let blob = Bytes::copy_from_slice(row.try_get(0)?);
        Ok(Some((blob, row.try_get(1)?)))
    }
}

fn untold<'a>(parameters: &[Parameter<'a>]) -> Vec<Untold<'a>> {
    parameters.iter().map(|(value, _)| Untold(*value)).collect()
}

fn references<'a>(values: &'a [Untold<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

fn entry(row: &Row) -> Result<Entry, DriverError> {
    let size: Option<i32> = row.try_get(1)?;
    let expires: Option<PgTime> = row.try_get(2)?;
    Ok(Entry {
        key: Key::new(row.try_get::<_, String>(0)?),
        size: size.and_then(|size| u64::try_from(size).ok()),
        expires: expires.map(|expires| expires.0),
    })
}
