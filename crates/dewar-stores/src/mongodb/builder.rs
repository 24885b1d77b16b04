use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use dewar::clock::{Clock, SystemClock};
use dewar::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use super::link::Link;
use super::url::{self, Target};
use super::{Indexes, MongodbStore};
use crate::Migrated;
use crate::server::Server;

/// Builds a [`MongodbStore`]; made by [`MongodbStore::builder`].
#[must_use = "a builder does nothing before `build` or `connect`"]
pub struct MongodbBuilder {
    url: String,
    database: String,
    collection: String,
    indexes: Indexes,
    connect_timeout: Duration,
    operation_timeout: Duration,
    connections: usize,
    clock: Arc<dyn Clock>,
}

const TIMEOUT: Duration = Duration::from_secs(2);

const CONNECTIONS: usize = 16;

impl MongodbBuilder {
    pub(super) fn new(url: String) -> MongodbBuilder {
        MongodbBuilder {
            url,
            database: "flask_session".to_owned(),
            collection: "sessions".to_owned(),
            indexes: Indexes::default(),
            connect_timeout: TIMEOUT,
            operation_timeout: TIMEOUT,
            connections: CONNECTIONS,
            clock: Arc::new(SystemClock),
        }
    }

    /// The database (`SESSION_MONGODB_DB`); `flask_session` unless set. The one that the URL names is, as in
    /// Flask-Session, only where the user is looked up.
    pub fn database(mut self, name: impl Into<String>) -> MongodbBuilder {
        self.database = name.into();
        self
    }

    /// The collection (`SESSION_MONGODB_COLLECT`); `sessions` unless set.
    pub fn collection(mut self, name: impl Into<String>) -> MongodbBuilder {
        self.collection = name.into();
        self
    }

    /// Whether the indexes are made where they are absent; they are unless set.
    pub fn indexes(mut self, indexes: Indexes) -> MongodbBuilder {
        self.indexes = indexes;
        self
    }

    /// How long finding a primary and making a connection may take. Two seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> MongodbBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to answer. Two seconds unless set.
    ///
    /// A call on the store takes at most this and the [time to connect](MongodbBuilder::connect_timeout) together.
    pub fn operation_timeout(mut self, timeout: Duration) -> MongodbBuilder {
        self.operation_timeout = timeout;
        self
    }

    /// How many connections, and calls, there may be at a time. Sixteen unless set.
    pub fn connections(mut self, connections: usize) -> MongodbBuilder {
        self.connections = connections;
        self
    }

    /// The clock that the expiry of sessions is counted by; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> MongodbBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// The store; it connects, and checks or makes the indexes, when it is first used.
    pub fn build(self) -> Result<MongodbStore> {
        let wrong = |what: String| Err(Error::new(ErrorKind::Config, what));
        if self.connect_timeout.is_zero() || self.operation_timeout.is_zero() {
            return wrong("the timeouts of the MongoDB store must be longer than zero".to_owned());
        }
        if self.connections == 0 {
            return wrong("the MongoDB store needs a connection at least".to_owned());
        }
        if !is_database(&self.database) {
            return wrong(format!(
                "SESSION_MONGODB_DB: {:?} is no name of a database in MongoDB: 1 to 63 bytes without / \\ . \" $ * < > : | ? \
                 and spaces",
                self.database
            ));
        }
        if !is_collection(&self.collection) {
            return wrong(format!(
                "SESSION_MONGODB_COLLECT: {:?} is no name of a collection in MongoDB: 1 to 150 bytes, without $, not \
                 beginning with `system.`",
                self.collection
            ));
        }
        let Target {
            connection,
            address,
        } = url::parse(&self.url)?;
        Ok(MongodbStore {
            link: Link {
                server: Server::new("mongodb", address),
                connection,
                database: self.database,
                collection: self.collection,
                indexes: self.indexes,
                connect_timeout: self.connect_timeout,
                operation_timeout: self.operation_timeout,
                connections: self.connections,
                opened: OnceCell::new(),
                checked: OnceCell::new(),
            },
            clock: self.clock,
        })
    }

    /// The store, connected: what is wrong with the address, the log-in or the indexes shows now.
    pub async fn connect(self) -> Result<MongodbStore> {
        let store = self.build()?;
        store.check().await?;
        Ok(store)
    }

    /// Makes the indexes that are absent, and changes nothing otherwise.
    pub async fn migrate(self) -> Result<Migrated> {
        self.build()?.link.migrate().await
    }
}

fn is_database(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.contains([
            '/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0',
        ])
}

fn is_collection(name: &str) -> bool {
    let odd = name.contains(['$', '\0'])
        || name.starts_with("system.")
        || name.starts_with('.')
        || name.ends_with('.');
    (1..=150).contains(&name.len()) && !odd
}

impl Debug for MongodbBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongodbBuilder")
            .field("database", &self.database)
            .field("collection", &self.collection)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_said_before_anything_is_asked() {
        let builder = || MongodbBuilder::new("mongodb://localhost".to_owned());
        for (builder, words) in [
            (builder().database("a.b"), "SESSION_MONGODB_DB"),
            (builder().database(""), "SESSION_MONGODB_DB"),
            (builder().collection("a$b"), "SESSION_MONGODB_COLLECT"),
            (
                builder().collection("system.users"),
                "SESSION_MONGODB_COLLECT",
            ),
            (builder().connections(0), "connection"),
            (builder().operation_timeout(Duration::ZERO), "timeouts"),
        ] {
            let error = builder.build().unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(builder().build().is_ok());
    }
}
