//! The two indexes that a collection of sessions needs.

use std::time::Duration;

use ::mongodb::bson::{Document, doc};
use ::mongodb::error::Error as MongoError;
use ::mongodb::options::IndexOptions;
use ::mongodb::{Collection, IndexModel};

use super::failure;
use crate::migrated::{MAKE_IT, Migrated};

/// Whether the indexes are made where they are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indexes {
    /// Absent ones are made, which needs the right to.
    #[default]
    Create,
    /// They must be there.
    Expect,
}

/// What is wrong with the collection.
pub(super) enum Trouble {
    /// An index is absent and was not to be made.
    Absent(&'static str),
    /// There is an index on the same field that does something else.
    Different(&'static str),
    /// Two documents have one id, so that it cannot be made unique.
    Duplicates,
}

/// Keys must be unique, or two requests could make two sessions of one id.
const ID: &str = "id";
/// MongoDB itself removes what has expired; the same index as Flask-Session's.
const EXPIRATION: &str = "expiration";

/// Finds the indexes, and makes those that are absent if they are to be made.
pub(super) async fn prepare(
    collection: Collection<Document>,
    indexes: Indexes,
) -> Result<Result<Migrated, Trouble>, MongoError> {
    let found = existing(&collection).await?;
    let on = |field: &str| found.iter().find(|index| index.keys == doc! { field: 1 });
    let mut absent = Vec::new();
    match on(ID) {
        Some(index) if option(index, |options| options.unique) != Some(true) => {
            return Ok(Err(Trouble::Different(ID)));
        }
        Some(_) => {}
        None => absent.push((ID, IndexOptions::builder().unique(true).build())),
    }
    match on(EXPIRATION) {
        Some(index) if option(index, |options| options.expire_after) != Some(Duration::ZERO) => {
            return Ok(Err(Trouble::Different(EXPIRATION)));
        }
        Some(_) => {}
        None => {
            let options = IndexOptions::builder().expire_after(Duration::ZERO);
            absent.push((EXPIRATION, options.build()));
        }
    }
    if let (Indexes::Expect, Some((field, _))) = (indexes, absent.first()) {
        return Ok(Err(Trouble::Absent(field)));
    }
    let migrated = match absent.is_empty() {
        true => Migrated::Unchanged,
        false => Migrated::Created,
    };
    for (field, options) in absent {
        let index = IndexModel::builder()
            .keys(doc! { field: 1 })
            .options(options);
        match collection.create_index(index.build()).await {
            Ok(_) => {}
            Err(error) if failure::is_duplicate(&error) => return Ok(Err(Trouble::Duplicates)),
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(migrated))
}

async fn existing(collection: &Collection<Document>) -> Result<Vec<IndexModel>, MongoError> {
    let mut found = Vec::new();
    let mut cursor = match collection.list_indexes().await {
        Ok(cursor) => cursor,
        Err(error) if failure::is_absent(&error) => return Ok(found),
        Err(error) => return Err(error),
    };
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

fn option<T>(index: &IndexModel, of: impl Fn(&IndexOptions) -> Option<T>) -> Option<T> {
    index.options.as_ref().and_then(of)
}

impl Trouble {
    pub(super) fn describe(&self, database: &str, collection: &str) -> String {
        let place = format!("{database}.{collection}");
        match self {
            Trouble::Absent(field) => format!("{place} has no index on `{field}`; {MAKE_IT}"),
            Trouble::Different(ID) => format!(
                "{place} has an index on `id` that is not unique; drop it, and Dewar makes its own"
            ),
            Trouble::Different(_) => format!(
                "{place} has an index on `expiration` that does not remove documents at that time; drop it, and \
                 Dewar makes one with expireAfterSeconds 0"
            ),
            Trouble::Duplicates => format!(
                "several documents of {place} have the same `id`, so that no unique index can be made; remove all but \
                 one of each"
            ),
        }
    }
}
