//! Sessions in Redis or Valkey, as Flask-Session writes them: `SET session:<id> <bytes> EX <seconds>`.
//!
//! | URL | server |
//! | --- | --- |
//! | `redis://[user[:password]@]host[:port][/database]` | a single server |
//! | `rediss://…` | the same over TLS |
//! | `redis+unix:///path/to/socket[?db=…&user=…&pass=…]` | a single server on a Unix socket |
//! | `redis+sentinel://[user[:password]@]sentinel[:port],sentinel[:port]/service[/database]` | the master of that service |
//! | `redis+cluster://[user[:password]@]node[:port],node[:port]` | a cluster, found by any of these nodes |
//!
//! `rediss+sentinel` and `rediss+cluster` are over TLS; `valkey`, `valkeys` and `unix` are accepted as well. With TLS the server
//! must prove who it is, to an authority that the system knows or to one in the PEM file `ssl_ca_certs`; `ssl_certfile` and
//! `ssl_keyfile` are the certificate by which it knows us. All three are options of the URL, as redis-py has them.
//!
//! ```no_run
//! # async fn example() -> dewar::Result<()> {
//! use std::time::Duration;
//! use dewar_stores::redis::RedisStore;
//!
//! let store = RedisStore::builder("redis://localhost/1")
//!     .operation_timeout(Duration::from_millis(500))
//!     .connect()
//!     .await?;
//! # let _ = store; Ok(()) }
//! ```
//!
//! # Commands
//!
//! Loading is one round trip. It brings the expiry along, by a second command in it, where that may decide something: once in a
//! while for a session that is in use (`engine/lately.rs` in the crate `dewar`). A write compares on the server the whole bytes that were
//! seen, by `SET … IFEQ` where that is known (Valkey 8.1, Redis 8.4) and in a script elsewhere: a comparison of a few
//! kilobytes costs the server less than a digest of them would, and is exact. Expiry is sent as the time that is left, as Flask-Session does, so that it does not matter whether the
//! clocks of the server and of this machine agree.
//!
//! # When something breaks
//!
//! A call returns within the time to connect plus the time for an operation (two seconds each unless told
//! otherwise), usually at once when the server refuses. After a lost connection a call is repeated once on a new one,
//! in the same time: loading, extending and deleting are the same done twice, and a write looks first whether its
//! predecessor arrived. A write that is answered too late is an error; whether it was done is unknown.
//!
//! Redis itself forgets what it acknowledged if it dies before it wrote its files or told a replica: see `appendonly`
//! and `min-replicas-to-write` in its configuration. Use the eviction policy `noeviction`: with `allkeys-lru` and
//! its kind a full server throws live sessions away.

mod blocking;
mod builder;
mod commands;
mod diagnosis;
mod failure;
mod link;
mod listing;
mod target;
mod url;

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dewar::clock::Clock;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Expiry, Key, Listing, Observation, Page, Purged,
    Record, Replaced, Sharing, Store, Touched, Version,
};
use dewar::{Result, UnixTime};

pub use ::redis as driver;
pub use builder::RedisBuilder;

use self::commands::{Compared, ComparingSet, Left};
use self::link::{Link, Turn};
use crate::server::Operation;

/// Keeps sessions in Redis or Valkey: a single server, Sentinel or Cluster. See [the module](self).
pub struct RedisStore {
    link: Link,
    clock: Arc<dyn Clock>,
    comparing_set: ComparingSet,
}

impl RedisStore {
    /// Begins a store on the server of a connection URL; see [the module](self) for the forms.
    pub fn builder(url: impl Into<String>) -> RedisBuilder {
        RedisBuilder::new(builder::Source::Url(url.into()))
    }

    /// Begins a store on the server of an existing client.
    pub fn from_client(client: driver::Client) -> RedisBuilder {
        RedisBuilder::new(builder::Source::Client(Box::new(client)))
    }

    /// Begins a store on the cluster of an existing client, which keeps its own timeouts for connecting.
    ///
    /// It keeps its own retries, too: it does not tell that it sent a write again because the answer was lost, so that the
    /// first one counts as somebody else's, to which the session's changes are applied once more. From a URL
    /// ([`builder`](RedisStore::builder)) that does not happen.
    pub fn from_cluster_client(client: driver::cluster::ClusterClient) -> RedisBuilder {
        RedisBuilder::new(builder::Source::Cluster(Box::new(client)))
    }

    /// Whether the server is there, accepts us and is the right kind of service.
    pub async fn check(&self) -> Result<()> {
        let turn = |turn: Turn| async move { turn.connection().ping().await };
        self.link.run(Operation::Connect, turn).await
    }

    fn left(&self, expires: UnixTime) -> Left {
        let left = expires.since(self.clock.now());
        // Redis adds this to its own clock, and refuses an overflow.
        let millis = left.min(LONGEST).as_millis();
        Left(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn expiry(&self, remaining_millis: i64) -> Option<UnixTime> {
        let millis = u64::try_from(remaining_millis).ok()?;
        Some(self.clock.now() + Duration::from_millis(millis))
    }
}

fn record(blob: Bytes, expires: Option<UnixTime>) -> Record {
    Record {
        version: Version::content(blob.clone()),
        blob,
        expires,
    }
}

/// A thousand years: no session lasts longer.
const LONGEST: Duration = Duration::from_secs(1_000 * 366 * 24 * 60 * 60);

#[async_trait]
impl Store for RedisStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let key = key.expose();
        let turn = |turn: Turn| async move { turn.connection().get_with_left(key).await };
        let found = self.link.run(Operation::Load, turn).await?;
        Ok(found.map(|(blob, remaining)| record(blob, self.expiry(remaining))))
    }

    async fn load_without_expiry(&self, key: &Key) -> Result<Option<Record>> {
        let key = key.expose();
        let turn = |turn: Turn| async move { turn.connection().get(key).await };
        let found = self.link.run(Operation::Load, turn).await?;
        Ok(found.map(|blob| record(blob, None)))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let (key, bytes, left) = (key.expose(), &blob, self.left(expires));
        let turn = |turn: Turn| async move {
            let created = turn.connection().set_new(key, bytes, left).await?;
            if created || !turn.repeated {
                return Ok(created);
            }
            // The answer to the first try was lost. Nobody but us knows the new key: our bytes there are our record.
            let stored = turn.connection().get(key).await?;
            Ok(stored.is_some_and(|stored| stored == bytes))
        };
        match self.link.run(Operation::Create, turn).await? {
            true => Ok(Created::Done(Version::content(blob))),
            false => Ok(Created::Taken),
        }
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let Some(seen) = seen.as_content() else {
            return Ok(Replaced::Conflict);
        };
        let (key, bytes, left) = (key.expose(), &blob, self.left(expires));
        let set = &self.comparing_set;
        let turn = |turn: Turn| async move {
            let answer = turn
                .connection()
                .replace(key, seen, bytes, left, set)
                .await?;
            // The answer to the first try was lost, and our bytes are there: it arrived.
            Ok(match answer {
                Compared::Already if turn.repeated => Compared::Done,
                answer => answer,
            })
        };
        Ok(match self.link.run(Operation::Replace, turn).await? {
            Compared::Done => Replaced::Done(Version::content(blob)),
            Compared::Already | Compared::Changed => Replaced::Conflict,
            Compared::Absent => Replaced::Gone,
        })
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let (key, left) = (key.expose(), self.left(expires));
        let turn = |turn: Turn| async move { turn.connection().expire(key, left).await };
        match self.link.run(Operation::Touch, turn).await? {
            true => Ok(Touched::Done),
            false => Ok(Touched::Gone),
        }
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let key = key.expose();
        let turn = |turn: Turn| async move { turn.connection().unlink(key).await };
        self.link.run(Operation::Delete, turn).await
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let Some(seen) = seen.as_content() else {
            return Ok(Deleted::Conflict);
        };
        let key = key.expose();
        let turn = |turn: Turn| async move {
            let answer = turn.connection().unlink_unchanged(key, seen).await?;
            // The answer to the first try was lost, and the record is gone: it arrived.
            Ok(match answer {
                Compared::Absent if turn.repeated => Compared::Done,
                answer => answer,
            })
        };
        Ok(
            match self.link.run(Operation::DeleteUnchanged, turn).await? {
                Compared::Done => Deleted::Done,
                Compared::Already | Compared::Changed => Deleted::Conflict,
                Compared::Absent => Deleted::Gone,
            },
        )
    }

    async fn delete_expired(&self, _now: UnixTime, _limit: usize) -> Result<Purged> {
        Ok(Purged::Finished(0))
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        listing::page(self, prefix, cursor, limit).await.map(Some)
    }

    async fn diagnose(&self) -> Result<Vec<Observation>> {
        diagnosis::observe(self).await
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            expiry: Expiry::Native,
            listing: Listing::Supported,
            sharing: Sharing::Network,
        }
    }
}

impl Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
