//! Sessions in memcached, as Flask-Session writes them: the bytes under `session:<id>`, flags 0.
//!
//! | URL | servers |
//! | --- | --- |
//! | `memcached://host[:port][,host[:port]…]` | one or several |
//! | `memcached+unix:///path/to/socket` | one on a Unix socket |
//! | `memcached://user:password@host…` | with SASL (`memcached -S`) |
//! | `memcached://user:password@host…?auth=text` | with log-in in the text protocol (`memcached -Y file`) |
//!
//! ```no_run
//! # async fn example() -> dewar::Result<()> {
//! use dewar_stores::memcached::MemcachedStore;
//!
//! let store = MemcachedStore::builder("memcached://10.0.0.1,10.0.0.2").connect().await?;
//! # let _ = store; Ok(()) }
//! ```
//!
//! memcached 1.6 or newer. With SASL the binary protocol is used, which every version speaks, but which cannot tell
//! when a record expires.
//!
//! # Several servers
//!
//! Keys are spread by consistent hashing, as pylibmc does with the behaviors
//! `{"distribution": "consistent ketama", "hash": "md5"}`: a Flask app with such a client finds the same records. The
//! servers must be written alike on both sides. A server that is down is an error for its sessions and none for the
//! others: sending its sessions elsewhere would show logged-out sessions again once it is back.
//!
//! # What memcached does not promise
//!
//! It forgets everything when it restarts, and without the option `-M` it throws the least used sessions away when
//! its memory is full; with `-M` it refuses new ones instead. It counts time in seconds: a record lives up to two
//! seconds longer than it should, never shorter. It has a limit to the size of a record, a megabyte unless started
//! with `-I`: a session that is too large is an error that names both sizes, and what was stored stays.
//!
//! A call returns within the time to connect plus the time for an operation; see [`MemcachedBuilder`]. A call whose
//! connection was lost is repeated once, a write after a look at whether its predecessor arrived.

mod binary;
mod builder;
mod connection;
mod diagnosis;
mod expiry;
mod pool;
mod ring;
mod text;
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

pub use builder::MemcachedBuilder;

use self::connection::{Found, Outcome, Request};
use self::pool::{Errand, Pool};
use self::ring::Ring;
use crate::server::Operation;

/// Keeps sessions in one or several memcached servers. See [the module](self).
pub struct MemcachedStore {
    pools: Box<[Pool]>,
    ring: Ring,
    clock: Arc<dyn Clock>,
}

impl MemcachedStore {
    /// Begins a store on the servers of a connection URL; see [the module](self) for the forms.
    pub fn builder(url: impl Into<String>) -> MemcachedBuilder {
        MemcachedBuilder::new(url.into())
    }

    /// Whether every server is there, accepts us and is the right kind of service.
    pub async fn check(&self) -> Result<()> {
        for pool in &self.pools {
            pool.errand(Operation::Connect).ask(&Request::Greet).await?;
        }
        Ok(())
    }

    fn errand(&self, key: &Key, operation: Operation) -> Result<Errand<'_>> {
        let pool = &self.pools[self.ring.place_of(key.expose().as_bytes())];
        match unusable(key.expose()) {
            None => Ok(pool.errand(operation)),
            Some(why) => Err(pool.server().error(operation, why)),
        }
    }

    fn exptime(&self, expires: UnixTime) -> u32 {
        expiry::exptime(expires, self.clock.now())
    }

    fn expiry(&self, found: &Found) -> Option<UnixTime> {
        found.left.map(|left| self.clock.now() + left)
    }
}

async fn find(errand: &Errand<'_>, key: &Key) -> Result<Option<Found>> {
    match errand.ask(&Request::Get { key: key.expose() }).await? {
        Outcome::Found(found) => Ok(Some(found)),
        _ => Ok(None),
    }
}

/// The token of a version; none has 0, which memcached would take for no condition at all.
fn token(seen: &Version) -> Option<u64> {
    seen.as_token().filter(|token| *token != 0)
}

/// The most bytes of a key.
const LONGEST: usize = 250;

/// Why memcached would not take a key, or take it for a command.
fn unusable(key: &str) -> Option<&'static str> {
    if key.is_empty() || key.len() > LONGEST {
        return Some("memcached takes keys of 1 to 250 bytes; shorten SESSION_KEY_PREFIX");
    }
    let takes = |byte: u8| byte > b' ' && byte != 0x7f;
    if !key.bytes().all(takes) {
        return Some(
            "memcached takes no spaces and control characters in keys; look at SESSION_KEY_PREFIX",
        );
    }
    None
}

#[async_trait]
impl Store for MemcachedStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        // A cookie can hold a longer id than was ever made; that is no fault of the store.
        if key.expose().len() > LONGEST {
            return Ok(None);
        }
        let errand = self.errand(key, Operation::Load)?;
        let found = find(&errand, key).await?;
        Ok(found.map(|found| Record {
            expires: self.expiry(&found),
            version: Version::token(found.token),
            blob: found.value,
        }))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let errand = self.errand(key, Operation::Create)?;
        let request = Request::Add {
            key: key.expose(),
            value: &blob,
            expiry: self.exptime(expires),
        };
        let created = |outcome| match outcome {
            Outcome::Done(token) => Created::Done(Version::token(token)),
            _ => Created::Taken,
        };
        if let Ok(outcome) = errand.ask_once(&request).await? {
            return Ok(created(outcome));
        }
        // The answer was lost. Nobody but us knows the new key: our bytes there are our record.
        match find(&errand, key).await? {
            None => Ok(created(errand.ask_once(&request).await??)),
            Some(found) if found.value == blob => Ok(created(Outcome::Done(found.token))),
            Some(_) => Ok(Created::Taken),
        }
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let errand = self.errand(key, Operation::Replace)?;
        let Some(token) = token(seen) else {
            return Ok(Replaced::Conflict);
        };
        let request = Request::Replace {
            key: key.expose(),
            value: &blob,
            expiry: self.exptime(expires),
            token,
        };
        let replaced = |outcome| match outcome {
            Outcome::Done(token) => Replaced::Done(Version::token(token)),
            Outcome::Changed => Replaced::Conflict,
            _ => Replaced::Gone,
        };
        if let Ok(outcome) = errand.ask_once(&request).await? {
            return Ok(replaced(outcome));
        }
        // The answer was lost: the record shows whether the request was.
        match find(&errand, key).await? {
            None => Ok(Replaced::Gone),
            Some(found) if found.token == token => Ok(replaced(errand.ask_once(&request).await??)),
            Some(found) if found.value == blob => Ok(replaced(Outcome::Done(found.token))),
            Some(_) => Ok(Replaced::Conflict),
        }
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let request = Request::Touch {
            key: key.expose(),
            expiry: self.exptime(expires),
        };
        match self.errand(key, Operation::Touch)?.ask(&request).await? {
            Outcome::Done(_) => Ok(Touched::Done),
            _ => Ok(Touched::Gone),
        }
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let request = Request::Delete { key: key.expose() };
        self.errand(key, Operation::Delete)?.ask(&request).await?;
        Ok(())
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let errand = self.errand(key, Operation::DeleteUnchanged)?;
        let Some(token) = token(seen) else {
            return Ok(Deleted::Conflict);
        };
        let request = Request::DeleteUnchanged {
            key: key.expose(),
            token,
        };
        let deleted = |outcome, gone| match outcome {
            Outcome::Done(_) => Deleted::Done,
            Outcome::Changed => Deleted::Conflict,
            _ => gone,
        };
        if let Ok(outcome) = errand.ask_once(&request).await? {
            return Ok(deleted(outcome, Deleted::Gone));
        }
        // The answer was lost: if the record is gone, the request was not.
        let again = errand.ask_once(&request).await??;
        Ok(deleted(again, Deleted::Done))
    }

    async fn delete_expired(&self, _now: UnixTime, _limit: usize) -> Result<Purged> {
        Ok(Purged::Finished(0))
    }

    async fn list(&self, _prefix: &str, _cursor: Cursor, _limit: usize) -> Result<Option<Page>> {
        Ok(None)
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
            listing: Listing::Unsupported,
            sharing: Sharing::Network,
        }
    }
}

impl Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedStore")
            .field("pools", &self.pools)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_be_commands_are_refused() {
        for key in [
            "",
            "a b",
            "a\r\nflush_all",
            "a\0",
            "a\x7f",
            &"a".repeat(251),
        ] {
            assert!(unusable(key).is_some(), "{key:?}");
        }
        for key in ["session:a-_Z", "sitzung:ä", &"a".repeat(250)] {
            assert!(unusable(key).is_none(), "{key:?}");
        }
    }
}
