//! The way to the server: when the driver's client is made, time limits, and what is repeated when.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::Document;
use ::mongodb::error::Error as MongoError;
use ::mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ConnectionString, ReadConcern,
    ReadPreference, SelectionCriteria, WriteConcern,
};
use ::mongodb::{Client, Collection};
use dewar::{Error, Result};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::failure;
use super::indexes::{self, Indexes, Trouble};
use crate::Migrated;
use crate::server::{Operation, Server};

/// The connections to a server, and what is known of its collection.
pub(super) struct Link {
    pub(super) server: Server,
    pub(super) connection: ConnectionString,
    pub(super) database: String,
    pub(super) collection: String,
    pub(super) indexes: Indexes,
    pub(super) connect_timeout: Duration,
    pub(super) operation_timeout: Duration,
    pub(super) connections: usize,
    /// Made at the first use: the driver starts tasks that watch the servers.
    pub(super) opened: OnceCell<Opened>,
    /// Whether the indexes were found to be there.
    pub(super) checked: OnceCell<()>,
}

/// A client of the driver.
pub(super) struct Opened {
    collection: Collection<Document>,
    /// As many calls as there are connections: one that was given up goes on in its task until the driver notices
    /// that the connection is dead, and these must not pile up.
    places: Arc<Semaphore>,
}

/// Whether an earlier try may have been carried out though its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    Yes,
    No,
}

/// How often the driver asks a silent server whether it is alive; one that does not answer loses its connections.
const HEARTBEAT: Duration = Duration::from_secs(5);

impl Link {
    /// Runs an operation, and once more after a lost connection.
    pub(super) async fn run<T, F>(
        &self,
        operation: Operation,
        work: impl Fn(Collection<Document>, Repeated) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, MongoError>> + Send + 'static,
    {
        let deadline = Instant::now() + self.connect_timeout + self.operation_timeout;
        self.check(operation, self.indexes, deadline).await?;
        self.repeat(operation, deadline, work).await
    }

    /// Connects and checks the indexes, which are made if they are absent and were to be.
    pub(super) async fn connect(&self, indexes: Indexes) -> Result<()> {
        let deadline = Instant::now() + self.connect_timeout + self.operation_timeout;
        self.check(Operation::Connect, indexes, deadline).await
    }

    /// Makes the indexes that are absent.
    pub(super) async fn migrate(&self) -> Result<Migrated> {
        let deadline = Instant::now() + self.connect_timeout + self.operation_timeout;
        let work = |collection, _| indexes::prepare(collection, Indexes::Create);
        let done = self.repeat(Operation::Connect, deadline, work).await?;
        done.map_err(|trouble| self.trouble(&trouble))
    }

    async fn check(&self, operation: Operation, indexes: Indexes, deadline: Instant) -> Result<()> {
        let check = || async {
            let work = move |collection, _| indexes::prepare(collection, indexes);
            match self.repeat(operation, deadline, work).await? {
                Ok(_) => Ok(()),
                Err(trouble) => Err(self.trouble(&trouble)),
            }
        };
        self.checked.get_or_try_init(check).await.map(drop)
    }

    async fn repeat<T, F>(
        &self,
        operation: Operation,
        deadline: Instant,
        work: impl Fn(Collection<Document>, Repeated) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, MongoError>> + Send + 'static,
    {
        let opened = self.open(operation, deadline).await?;
        let mut repeated = Repeated::No;
        loop {
            let late = |_| self.server.timed_out(operation, self.operation_timeout);
            let waiting = opened.places.clone().acquire_owned();
            let place = timeout_at(deadline, waiting).await;
            let place = place.map_err(|_| self.all_busy(operation))?;
            let call = work(opened.collection.clone(), repeated);
            // In a task of its own, because the driver's futures must not be dropped half-way.
            let task = tokio::spawn(async move {
                let done = call.await;
                drop(place);
                done
            });
            let done = timeout_at(deadline, task).await.map_err(late)?;
            match done {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) if failure::is_lost(&error) && repeated == Repeated::No => {
                    repeated = Repeated::Yes;
                }
                Ok(Err(error)) => return Err(failure::explain(&self.server, operation, &error)),
                Err(error) => {
                    let what = "the driver ended in the middle of the call";
                    return Err(self.server.error(operation, what).with_source(error));
                }
            }
        }
    }

    async fn open(&self, operation: Operation, deadline: Instant) -> Result<&Opened> {
        let open = || async {
            // Resolving a name of mongodb+srv:// asks the network.
            let parsing = ClientOptions::parse(self.connection.clone()).into_future();
            let unreachable = |_| self.server.unreachable(operation, self.connect_timeout);
            let options = timeout_at(deadline, parsing).await.map_err(unreachable)?;
            let options = options.map(|options| self.with_limits(options));
            let client = options.and_then(Client::with_options);
            let client =
                client.map_err(|error| failure::explain(&self.server, operation, &error))?;
            // What was confirmed must survive a failover, and who reads must see what was written last.
            let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
            let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
            let options = CollectionOptions::builder()
                .read_concern(ReadConcern::local())
                .selection_criteria(primary)
                .write_concern(majority)
                .build();
            let database = client.database(&self.database);
            Ok(Opened {
                collection: database.collection_with_options(&self.collection, options),
                places: Arc::new(Semaphore::new(self.connections)),
            })
        };
        self.opened.get_or_try_init(open).await
    }

    fn with_limits(&self, mut options: ClientOptions) -> ClientOptions {
        options.connect_timeout = Some(self.connect_timeout);
        options.server_selection_timeout = Some(self.connect_timeout);
        options.max_pool_size = Some(u32::try_from(self.connections).unwrap_or(u32::MAX));
        options.heartbeat_freq = options.heartbeat_freq.or(Some(HEARTBEAT));
        options
    }

    fn all_busy(&self, operation: Operation) -> Error {
        let what = format!(
            "all {} connections are in use; is the server slow or frozen? Otherwise allow more",
            self.connections
        );
        self.server.error(operation, what).temporary()
    }

    fn trouble(&self, trouble: &Trouble) -> Error {
        let what = trouble.describe(&self.database, &self.collection);
        self.server.error(Operation::Connect, what)
    }
}

impl Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("server", &self.server)
            .field("database", &self.database)
            .field("collection", &self.collection)
            .finish_non_exhaustive()
    }
}
