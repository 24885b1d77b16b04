//! Sessions in MongoDB 5 and newer, in the documents that Flask-Session 0.8 writes.
//!
//! ```no_run
//! # async fn example() -> dewar::Result<()> {
//! use dewar_stores::mongodb::MongodbStore;
//!
//! let url = "mongodb://app:secret@a.example,b.example/?replicaSet=main&authSource=admin";
//! let store = MongodbStore::builder(url).connect().await?;
//! # let _ = store; Ok(()) }
//! ```
//!
//! # URLs
//!
//! MongoDB's connection strings, `mongodb+srv://` included, with its options. TLS is `tls=true`, with `tlsCAFile` where
//! the authority is one of your own.
//!
//! # The collection
//!
//! `{_id, id: "session:…", val: Binary, expiration: Date}` in `flask_session.sessions`. Two indexes are
//! made where they are absent: a unique one on `id`, without which two requests could make two sessions of one id,
//! and Flask-Session's own on `expiration`, by which MongoDB removes what has expired, within a minute. Until
//! then it is left out in every answer. A document without `expiration` counts as expired. A collection that is dropped under a running
//! application comes back without its indexes: restart, or run `dewar store migrate`. To end all sessions, remove the documents.
//!
//! # Replica sets
//!
//! A write is done when a majority has it, so that it survives a failover. Reads go to the primary. While a new
//! one is elected calls fail, with errors that are temporary. A primary that was cut off and does not know it yet may
//! show what it knew, and confirms no write.
//!
//! # When something breaks
//!
//! A call returns within the time to connect plus the time for an operation (two seconds each unless told
//! otherwise). After a lost connection a call is repeated once, in the same time: loading, extending and deleting are
//! the same done twice, and a write looks first whether its predecessor arrived. A write that is
//! answered too late is an error; whether it was done is unknown.
//!
//! Each operation is one round trip; it takes more only where a write finds another version, or none.

mod builder;
mod failure;
mod indexes;
mod link;
mod url;

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::spec::BinarySubtype;
use ::mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use ::mongodb::error::Error as MongoError;
use async_trait::async_trait;
use bytes::Bytes;
use dewar::clock::Clock;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Entry, Expiry, Key, Listing, Page, Purged, Record,
    Replaced, Sharing, Store, Touched, Version,
};
use dewar::{Result, UnixTime};

pub use builder::MongodbBuilder;
pub use indexes::Indexes;

use self::link::{Link, Repeated};
use crate::outcome::Outcome;
use crate::server::Operation;

/// Keeps sessions in MongoDB. See [the module](self).
pub struct MongodbStore {
    link: Link,
    clock: Arc<dyn Clock>,
}

impl MongodbStore {
    /// Begins a store on the servers of a connection string; see [the module](self).
    pub fn builder(url: impl Into<String>) -> MongodbBuilder {
        MongodbBuilder::new(url.into())
    }

    /// Whether the servers are there and accept us, and the collection has its indexes.
    pub async fn check(&self) -> Result<()> {
        self.link.connect(self.link.indexes).await
    }

    /// The document of this key, if it has not expired.
    fn live(&self, key: &Key) -> Document {
        doc! { "id": key.expose(), "expiration": { "$gt": date(self.clock.now()) } }
    }

    /// The document of this key, if it has not expired and is the one that was seen.
    fn seen(&self, key: &Key, seen: &Version) -> Option<Document> {
        let mut filter = self.live(key);
        filter.insert("val", binary(seen.as_content()?));
        Some(filter)
    }
}

#[async_trait]
impl Store for MongodbStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let filter = self.live(key);
        let load = |sessions: Collection<Document>, _| {
            let filter = filter.clone();
            async move { sessions.find_one(filter).await }
        };
        let Some(found) = self.link.run(Operation::Load, load).await? else {
            return Ok(None);
        };
        let expires = found.get_datetime("expiration").ok().and_then(time);
        let Some(blob) = value(found) else {
            let what =
                "the document's `val` is not binary; it was not written by Flask-Session or Dewar";
            return Err(self.link.server.error(Operation::Load, what));
        };
        Ok(Some(Record {
            version: Version::content(blob.clone()),
            blob,
            expires,
        }))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let new = doc! { "id": key.expose(), "val": binary(&blob), "expiration": date(expires) };
        let live = self.live(key);
        let expired = doc! {
            "id": key.expose(), "expiration": { "$not": { "$gt": date(self.clock.now()) } },
        };
        let create = |sessions: Collection<Document>, repeated| {
            let (new, live, expired) = (new.clone(), live.clone(), expired.clone());
            async move {
                for _ in 0..CREATE_TRIES {
                    match sessions.insert_one(&new).await {
                        Err(error) if failure::is_duplicate(&error) => {}
                        done => return done.map(|_| true),
                    }
                    let over = sessions.update_one(expired.clone(), doc! { "$set": new.clone() });
                    if over.await?.matched_count > 0 {
                        return Ok(true);
                    }
                    if let Some(found) = sessions.find_one(live.clone()).await? {
                        // If the answer to an earlier try was lost: nobody but us knows the new key, so our
                        // bytes there are our record.
                        return Ok(repeated == Repeated::Yes && found.get("val") == new.get("val"));
                    }
                    // It was deleted in between.
                }
                Ok(false)
            }
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
        let Some(filter) = self.seen(key, seen) else {
            return Ok(Replaced::Conflict);
        };
        let (live, new) = (self.live(key), binary(&blob));
        let change = doc! { "$set": { "val": new.clone(), "expiration": date(expires) } };
        let replace = |sessions: Collection<Document>, repeated| {
            let (filter, live) = (filter.clone(), live.clone());
            let (change, new) = (change.clone(), new.clone());
            async move {
                if sessions.update_one(filter, change).await?.matched_count > 0 {
                    return Ok(Outcome::Done);
                }
                Ok(match sessions.find_one(live).await? {
                    // If the answer to an earlier try was lost: what is there now may be what that try wrote.
                    Some(found) if repeated == Repeated::Yes && found.get("val") == Some(&new) => {
                        Outcome::Done
                    }
                    Some(_) => Outcome::Conflict,
                    None => Outcome::Gone,
                })
            }
        };
        let outcome = self.link.run(Operation::Replace, replace).await?;
        Ok(outcome.replaced(blob))
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let live = self.live(key);
        let change = doc! { "$set": { "expiration": date(expires) } };
        let touch = |sessions: Collection<Document>, _| {
            let (live, change) = (live.clone(), change.clone());
            async move { Ok(sessions.update_one(live, change).await?.matched_count) }
        };
        Ok(match self.link.run(Operation::Touch, touch).await? {
            0 => Touched::Gone,
            _ => Touched::Done,
        })
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let filter = doc! { "id": key.expose() };
        let delete = |sessions: Collection<Document>, _| {
            let filter = filter.clone();
            async move { sessions.delete_one(filter).await }
        };
        self.link.run(Operation::Delete, delete).await.map(drop)
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let Some(filter) = self.seen(key, seen) else {
            return Ok(Deleted::Conflict);
        };
        let live = self.live(key);
        let delete = |sessions: Collection<Document>, repeated| {
            let (filter, live) = (filter.clone(), live.clone());
            async move {
                if sessions.delete_one(filter).await?.deleted_count > 0 {
                    return Ok(Outcome::Done);
                }
                Ok(match sessions.find_one(live).await? {
                    Some(_) => Outcome::Conflict,
                    // If the answer to an earlier try was lost: that one removed it.
                    None if repeated == Repeated::Yes => Outcome::Done,
                    None => Outcome::Gone,
                })
            }
        };
        let done = self.link.run(Operation::DeleteUnchanged, delete).await?;
        Ok(done.deleted())
    }

    // The index on `expiration` does it.
    async fn delete_expired(&self, _: UnixTime, _: usize) -> Result<Purged> {
        Ok(Purged::Finished(0))
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        let Ok(after) = std::str::from_utf8(cursor.place()) else {
            let what = "this cursor is from another store";
            return Err(self.link.server.error(Operation::List, what));
        };
        let limit = limit.clamp(1, PAGE);
        // Ids are ordered by their bytes, in which those with one prefix are neighbours.
        let begin = match after < prefix {
            true => doc! { "$gte": prefix },
            false => doc! { "$gt": after },
        };
        let list = |sessions: Collection<Document>, _| {
            let filter = doc! { "id": begin.clone() };
            async move {
                let mut found = Vec::new();
                let find = sessions.find(filter).sort(doc! { "id": 1 });
                let find = find.projection(doc! { "_id": 0, "id": 1, "expiration": 1 });
                let mut cursor = find.limit(limit as i64).await?;
                while cursor.advance().await? {
                    found.push(cursor.deserialize_current()?);
                }
                Ok::<Vec<Document>, MongoError>(found)
            }
        };
        let found = self.link.run(Operation::List, list).await?;
        let now = self.clock.now();
        let last = found.last().and_then(|last| last.get_str("id").ok());
        let next = match last {
            Some(last) if found.len() == limit && last.starts_with(prefix) => {
                Some(Cursor::at(last.to_owned()))
            }
            _ => None,
        };
        let entries = found.iter().filter_map(entry).filter(|entry| {
            entry.key.expose().starts_with(prefix)
                && entry.expires.is_some_and(|expires| expires > now)
        });
        Ok(Some(Page {
            entries: entries.collect(),
            next,
        }))
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

impl Debug for MongodbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongodbStore")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// How often a record is made that others make and delete at the same time.
const CREATE_TRIES: u32 = 3;

/// The largest page of a listing.
const PAGE: usize = 1000;

fn binary(blob: &Bytes) -> Bson {
    Bson::Binary(Binary {
        subtype: BinarySubtype::Generic,
        bytes: blob.to_vec(),
    })
}

/// The stored bytes; `None` if they are none that we could compare later.
fn value(mut document: Document) -> Option<Bytes> {
    match document.remove("val")? {
        Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes,
        }) => Some(bytes.into()),
        _ => None,
    }
}

fn entry(document: &Document) -> Option<Entry> {
    Some(Entry {
        key: Key::new(document.get_str("id").ok()?),
        size: None,
        expires: time(document.get_datetime("expiration").ok()?),
    })
}

fn date(time: UnixTime) -> DateTime {
    DateTime::from_millis(time.millis())
}

fn time(date: &DateTime) -> Option<UnixTime> {
    Some(UnixTime::from_millis(date.timestamp_millis()))
}
