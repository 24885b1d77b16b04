//! Sessions in DynamoDB, in the items that Flask-Session 0.8 writes.
//!
//! ```no_run
//! # async fn example() -> dewar::Result<()> {
//! use dewar_stores::dynamodb::DynamodbStore;
//!
//! let store = DynamodbStore::builder("dynamodb://eu-central-1").connect().await?;
//! # let _ = store; Ok(()) }
//! ```
//!
//! # URLs
//!
//! `dynamodb://[KEY:SECRET@][region]` is AWS; `dynamodb+https://` or `dynamodb+http://` with a host, and
//! `?region=…`, an endpoint that speaks the same. What the URL leaves out is taken from `AWS_REGION`,
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and `AWS_ENDPOINT_URL_DYNAMODB`. For the role of a
//! machine, container or profile, hand over a client that `aws-config` made: [`DynamodbStore::from_client`].
//!
//! # The table
//!
//! `{id: S, val: B, expiration: N}` in `Sessions`, with `id` for its key. It is made where it is absent, billed by
//! request, and its time to live is turned on for `expiration`: AWS removes what has expired within days, and until
//! then it is left out in every answer. `expiration` is written in whole seconds, rounded up, and may have a fraction, as
//! Flask-Session writes it. An item without it counts as expired. An item holds 400 KB; a larger session is an error.
//!
//! # Permissions
//!
//! `dynamodb:GetItem`, `PutItem`, `UpdateItem`, `DeleteItem` on the table; `Scan` for listing, which reads the whole
//! table. With [`Tables::Create`], the default, also `DescribeTable`, `CreateTable`, `DescribeTimeToLive` and
//! `UpdateTimeToLive`; with [`Tables::Expect`] nothing is asked about the table, and its time to live is yours to turn on;
//! `dewar doctor` says whether it is, if the user has `DescribeTimeToLive`.
//!
//! # When something breaks
//!
//! A call returns within the time to connect plus the time for an operation (two seconds each unless told
//! otherwise); a table that is made may take a minute. After a lost answer a call is repeated once, in the same time: loading,
//! extending and deleting are the same done twice, and a write looks first whether its predecessor arrived. What the
//! server is too busy for is repeated, with growing pauses. A write that is answered too late is an error; whether it
//! was done is unknown.
//!
//! Reads are consistent. Each operation is one round trip; it takes more only where a write finds another version, or
//! none.

mod builder;
mod failure;
mod link;
mod url;

use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use dewar::clock::Clock;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Entry, Expiry, Key, Listing, Observation, Page, Purged,
    Record, Replaced, Sharing, Store, Touched, Version,
};
use dewar::{Result, UnixTime};

pub use builder::DynamodbBuilder;

use self::failure::Failure;
use self::link::{Found, Link, Repeated};
use crate::outcome::Outcome;
use crate::server::Operation;

/// Whether the table is made where it is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tables {
    /// It is made where it is absent, and its time to live is turned on.
    #[default]
    Create,
    /// It is there, and nothing is asked about it.
    Expect,
}

/// Keeps sessions in DynamoDB. See [the module](self).
pub struct DynamodbStore {
    link: Link,
    clock: Arc<dyn Clock>,
}

/// The attributes of an item.
const ID: &str = "id";
const VAL: &str = "val";
const EXPIRATION: &str = "expiration";

/// What an item may hold, names of attributes included.
const ITEM: usize = 400 * 1024;

/// The largest page of a listing.
const PAGE: usize = 1000;

const LIVE: &str = "expiration > :now";
const SEEN: &str = "val = :seen AND expiration > :now";
const FREE: &str =
    "attribute_not_exists(id) OR attribute_not_exists(expiration) OR expiration <= :now";

impl DynamodbStore {
    /// Begins a store at a URL; see [the module](self).
    pub fn builder(url: impl Into<String>) -> DynamodbBuilder {
        DynamodbBuilder::new(url.into())
    }

    /// Begins a store on a client of the application's, whose retries and timeouts are replaced by the store's.
    pub fn from_client(client: Client) -> DynamodbBuilder {
        DynamodbBuilder::with_client(client)
    }

    /// The SDK's client for a URL, for what the store does not do.
    pub fn client(url: &str) -> Result<Client> {
        builder::client(url)
    }

    /// Whether the server is there and accepts us, and the table is one of sessions.
    pub async fn check(&self) -> Result<()> {
        self.link.check().await?;
        // An id that no session has: the shortest right that every user of the table has.
        let nobody = Key::new("dewar:check");
        let ask = |_| self.fetch(&nobody);
        self.link.run(Operation::Connect, ask).await.map(drop)
    }

    fn now(&self) -> AttributeValue {
        let millis = self.clock.now().millis();
        AttributeValue::N(format!(
            "{}.{:03}",
            millis.div_euclid(1000),
            millis.rem_euclid(1000)
        ))
    }

    async fn fetch(&self, key: &Key) -> Result<Option<(Bytes, UnixTime)>, Failure> {
        let get = self.link.client.get_item().table_name(&self.link.table);
        let get = get.key(ID, text(key)).consistent_read(true);
        let Some(mut item) = get.send().await?.item else {
            return Ok(None);
        };
        let expires = item.get(EXPIRATION).and_then(time);
        let Some(expires) = expires.filter(|expires| *expires > self.clock.now()) else {
            return Ok(None);
        };
        match item.remove(VAL) {
            Some(AttributeValue::B(blob)) => Ok(Some((blob.into_inner().into(), expires))),
            _ => Err(Failure::Refused("NotBinary".to_owned())),
        }
    }

    fn check_size(&self, operation: Operation, key: &Key, blob: &Bytes) -> Result<()> {
        // Names and values count, a number with up to 21 bytes.
        let size = ID.len() + VAL.len() + EXPIRATION.len() + key.expose().len() + blob.len() + 21;
        if size <= ITEM {
            return Ok(());
        }
        let what = format!(
            "the session has {} bytes, with which the item would be larger than the {ITEM} bytes that DynamoDB takes; \
             keep less in it",
            blob.len()
        );
        Err(self.link.server.error(operation, what))
    }
}

#[async_trait]
impl Store for DynamodbStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let found = self.link.run(Operation::Load, |_| self.fetch(key)).await?;
        Ok(found.map(|(blob, expires)| Record {
            version: Version::content(blob.clone()),
            blob,
            expires: Some(expires),
        }))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        self.check_size(Operation::Create, key, &blob)?;
        let item = HashMap::from([
            (ID.to_owned(), text(key)),
            (VAL.to_owned(), binary(&blob)),
            (EXPIRATION.to_owned(), rounded_up(expires)),
        ]);
        let (blob_ref, item) = (&blob, &item);
        let create = |repeated| async move {
            let put = self.link.client.put_item().table_name(&self.link.table);
            let put = put.set_item(Some(item.clone())).condition_expression(FREE);
            match put
                .expression_attribute_values(":now", self.now())
                .send()
                .await
            {
                Ok(_) => return Ok(true),
                Err(error) => match Failure::from(error) {
                    Failure::Condition => {}
                    failure => return Err(failure),
                },
            }
            if repeated == Repeated::No {
                return Ok(false);
            }
            // The answer to an earlier try was lost: nobody but us knows the new key, so our bytes there are our record.
            Ok(self
                .fetch(key)
                .await?
                .is_some_and(|(stored, _)| stored == blob_ref))
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
        self.check_size(Operation::Replace, key, &blob)?;
        let Some(seen) = seen.as_content() else {
            return Ok(Replaced::Conflict);
        };
        let blob_ref = &blob;
        let replace = |repeated| async move {
            let update = self.link.client.update_item().table_name(&self.link.table);
            let update = update
                .key(ID, text(key))
                .update_expression("SET val = :val, expiration = :expires")
                .condition_expression(SEEN)
                .expression_attribute_values(":val", binary(blob_ref))
                .expression_attribute_values(":expires", rounded_up(expires))
                .expression_attribute_values(":seen", binary(seen))
                .expression_attribute_values(":now", self.now());
            match update.send().await {
                Ok(_) => return Ok(Outcome::Done),
                Err(error) => match Failure::from(error) {
                    Failure::Condition => {}
                    failure => return Err(failure),
                },
            }
            Ok(match self.fetch(key).await? {
                // If the answer to an earlier try was lost: what is there now may be what that try wrote.
                Some((stored, _)) if repeated == Repeated::Yes && stored == blob_ref => {
                    Outcome::Done
                }
                Some(_) => Outcome::Conflict,
                None => Outcome::Gone,
            })
        };
        let outcome = self.link.run(Operation::Replace, replace).await?;
        Ok(outcome.replaced(blob))
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let touch = |_| async move {
            let update = self.link.client.update_item().table_name(&self.link.table);
            let update = update
                .key(ID, text(key))
                .update_expression("SET expiration = :expires")
                .condition_expression(LIVE)
                .expression_attribute_values(":expires", rounded_up(expires))
                .expression_attribute_values(":now", self.now());
            match update.send().await.map_err(Failure::from) {
                Ok(_) => Ok(Touched::Done),
                Err(Failure::Condition) => Ok(Touched::Gone),
                Err(failure) => Err(failure),
            }
        };
        self.link.run(Operation::Touch, touch).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let delete = |_| async move {
            let delete = self.link.client.delete_item().table_name(&self.link.table);
            delete.key(ID, text(key)).send().await?;
            Ok(())
        };
        self.link.run(Operation::Delete, delete).await
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let Some(seen) = seen.as_content() else {
            return Ok(Deleted::Conflict);
        };
        let delete = |repeated| async move {
            let delete = self.link.client.delete_item().table_name(&self.link.table);
            let delete = delete
                .key(ID, text(key))
                .condition_expression(SEEN)
                .expression_attribute_values(":seen", binary(seen))
                .expression_attribute_values(":now", self.now());
            match delete.send().await.map_err(Failure::from) {
                Ok(_) => Ok(Outcome::Done),
                Err(Failure::Condition) => Ok(match self.fetch(key).await? {
                    Some(_) => Outcome::Conflict,
                    // If the answer to an earlier try was lost: that one removed it.
                    None if repeated == Repeated::Yes => Outcome::Done,
                    None => Outcome::Gone,
                }),
                Err(failure) => Err(failure),
            }
        };
        let outcome = self.link.run(Operation::DeleteUnchanged, delete).await?;
        Ok(outcome.deleted())
    }

    // The table's time to live does it.
    async fn delete_expired(&self, _: UnixTime, _: usize) -> Result<Purged> {
        Ok(Purged::Finished(0))
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        let Ok(after) = std::str::from_utf8(cursor.place()) else {
            let what = "this cursor is from another store";
            return Err(self.link.server.error(Operation::List, what));
        };
        let limit = limit.clamp(1, PAGE) as i32;
        let list = |_| async move {
            let scan = self.link.client.scan().table_name(&self.link.table);
            let mut scan = scan
                .limit(limit)
                .consistent_read(true)
                .projection_expression("id, expiration")
                .filter_expression(LIVE)
                .expression_attribute_values(":now", self.now());
            if !prefix.is_empty() {
                scan = scan
                    .filter_expression(format!("{LIVE} AND begins_with(id, :prefix)"))
                    .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()));
            }
            if !after.is_empty() {
                scan = scan.exclusive_start_key(ID, AttributeValue::S(after.to_owned()));
            }
            Ok(scan.send().await?)
        };
        let found = self.link.run(Operation::List, list).await?;
        let last = found.last_evaluated_key().and_then(|last| last.get(ID));
        let next = last.and_then(|last| last.as_s().ok());
        Ok(Some(Page {
            entries: found.items().iter().filter_map(entry).collect(),
            next: next.map(|last| Cursor::at(last.clone())),
        }))
    }

    async fn diagnose(&self) -> Result<Vec<Observation>> {
        const FIX: &str = "turn its time to live on for `expiration`: `dewar store migrate` does";
        let ask = |_| async move {
            match self.link.expiry().await {
                // A user who may keep sessions need not be one who may ask.
                Err(failure) if failure.is("AccessDeniedException") => Ok(None),
                found => found.map(Some),
            }
        };
        let found = self.link.run(Operation::Diagnose, ask).await?;
        let table = &self.link.table;
        let observation = found.map(|found| match found {
            Found::Ours => Observation::good(
                "cleanup",
                format!("the table {table:?} removes expired sessions by itself"),
            ),
            Found::None => Observation::doubtful(
                "cleanup",
                format!(
                    "the table {table:?} keeps expired sessions for ever: its time to live is off"
                ),
                FIX,
            ),
            Found::Other(other) => Observation::doubtful(
                "cleanup",
                format!("the table {table:?} expires items by {other:?}, not by `expiration`"),
                FIX,
            ),
        });
        Ok(observation.into_iter().collect())
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

impl Debug for DynamodbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamodbStore")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

fn text(key: &Key) -> AttributeValue {
    AttributeValue::S(key.expose().to_owned())
}

fn binary(blob: &Bytes) -> AttributeValue {
    AttributeValue::B(Blob::new(blob.to_vec()))
}

/// AWS's own expiry wants whole seconds.
fn rounded_up(time: UnixTime) -> AttributeValue {
    let millis = time.millis();
    let up = i64::from(millis.rem_euclid(1000) > 0);
    AttributeValue::N((millis.div_euclid(1000) + up).to_string())
}

fn time(value: &AttributeValue) -> Option<UnixTime> {
    let seconds: f64 = value.as_n().ok()?.parse().ok()?;
    Some(UnixTime::from_millis((seconds * 1000.0) as i64))
}

fn entry(item: &HashMap<String, AttributeValue>) -> Option<Entry> {
    Some(Entry {
        key: Key::new(item.get(ID)?.as_s().ok()?.as_str()),
        size: None,
        expires: item.get(EXPIRATION).and_then(time),
    })
}
