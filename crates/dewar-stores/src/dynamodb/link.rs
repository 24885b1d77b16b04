//! The way to the server: time limits, what is repeated when, and the table.

use std::fmt::{self, Debug};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use dewar::Result;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::failure::{self, Failure, Reason};
use super::{EXPIRATION, ID, Tables};
use crate::Migrated;
use crate::server::{Operation, Server};

/// A client, and what is known of its table.
pub(super) struct Link {
    pub(super) server: Server,
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) tables: Tables,
    pub(super) connect_timeout: Duration,
    pub(super) operation_timeout: Duration,
    /// Whether the table was found to be as it must.
    pub(super) checked: OnceCell<()>,
}

/// Whether an earlier try may have been carried out though its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    Yes,
    No,
}

/// By which attribute a table expires its items.
pub(super) enum Found {
    None,
    Ours,
    Other(String),
}

/// The first pause after the server said that it is too busy; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(25);

/// How long a new table may take to be there.
const MAKING: Duration = Duration::from_secs(60);

impl Link {
    /// Runs an operation: again after a lost answer (once), and while the server is too busy.
    pub(super) async fn run<T, F>(
        &self,
        operation: Operation,
        work: impl Fn(Repeated) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.check().await?;
        let work = self.repeat(operation, self.deadline(), work);
        // The SDK writes whole items to the log (TRACE): a session's key and its data.
        work.with_subscriber(Dispatch::none()).await
    }

    /// Finds the table, and makes it where it is absent and was to be made.
    pub(super) async fn check(&self) -> Result<()> {
        let deadline = self.deadline();
        let check = || async {
            match self.tables {
                Tables::Create => self.prepare_until(deadline).await.map(drop),
                // Whoever may only read and write items may not ask about the table.
                Tables::Expect => Ok(()),
            }
        };
        self.checked.get_or_try_init(check).await.map(drop)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.connect_timeout + self.operation_timeout
    }

    async fn repeat<T, F>(
        &self,
        operation: Operation,
        deadline: Instant,
        work: impl Fn(Repeated) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (mut repeated, mut pause) = (Repeated::No, PAUSE);
        loop {
            let done = match timeout_at(deadline, work(repeated)).await {
                Ok(done) => done,
                Err(_) => Err(Failure::Lost(Reason::Timeout)),
            };
            match done {
                Ok(done) => return Ok(done),
                Err(Failure::Lost(reason))
                    if reason != Reason::Timeout && repeated == Repeated::No =>
                {
                    repeated = Repeated::Yes;
                }
                Err(Failure::Throttled) if Instant::now() + pause < deadline => {
                    sleep(pause).await;
                    pause *= 2;
                }
                Err(failure) => {
                    return Err(failure::explain(
                        &self.server,
                        operation,
                        &self.table,
                        failure,
                    ));
                }
            }
        }
    }

    /// Finds the table and its expiry, and makes what is absent.
    pub(super) async fn prepare(&self) -> Result<Migrated> {
        self.prepare_until(self.deadline()).await
    }

    /// The same, with the first answer by then: calls that wait for the check of another one, which fails, are over when their
    /// own time is, and not one after the other.
    async fn prepare_until(&self, deadline: Instant) -> Result<Migrated> {
        let operation = Operation::Connect;
        let mut migrated = Migrated::Unchanged;
        let end = Instant::now() + MAKING;
        let mut found = self
            .repeat(operation, deadline, |_| self.describe())
            .await?;
        if found.is_none() {
            self.repeat(operation, self.deadline(), |_| self.create())
                .await?;
            migrated = Migrated::Created;
        }
        while found.as_ref().and_then(TableDescription::table_status) != Some(&TableStatus::Active)
        {
            if Instant::now() > end {
                let what = format!("the table {:?} is not ready after {MAKING:?}", self.table);
                return Err(self.server.error(operation, what).temporary());
            }
            if found.is_some() {
                sleep(PAUSE * 8).await;
            }
            found = self
                .repeat(operation, self.deadline(), |_| self.describe())
                .await?;
        }
        if let Some(table) = found
            && !is_ours(&table)
        {
            let what = format!(
                "the key of the table {:?} is not the text `id` alone; name another table in SESSION_DYNAMODB_TABLE",
                self.table
            );
            return Err(self.server.error(operation, what));
        }
        match self
            .repeat(operation, self.deadline(), |_| self.enable_expiry())
            .await?
        {
            Found::Ours => Ok(migrated),
            Found::None => Ok(Migrated::Created),
            Found::Other(other) => {
                let what = format!(
                    "the table {:?} expires items by {other:?}, not by `expiration`; turn that off, or name another table",
                    self.table
                );
                Err(self.server.error(operation, what))
            }
        }
    }

    async fn describe(&self) -> Result<Option<TableDescription>, Failure> {
        let described = self
            .client
            .describe_table()
            .table_name(&self.table)
            .send()
            .await;
        match described.map_err(Failure::from) {
            Ok(described) => Ok(described.table),
            Err(failure) if failure.is("ResourceNotFoundException") => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create(&self) -> Result<(), Failure> {
        let invalid = |_| Failure::Refused("ValidationException".to_owned());
        let attribute = AttributeDefinition::builder()
            .attribute_name(ID)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name(ID)
            .key_type(KeyType::Hash);
        let create = self.client.create_table().table_name(&self.table);
        let create = create
            .attribute_definitions(attribute.build().map_err(invalid)?)
            .key_schema(key.build().map_err(invalid)?)
            .billing_mode(BillingMode::PayPerRequest);
        match create.send().await.map_err(Failure::from) {
            // Another process was faster.
            Err(failure) if failure.is("ResourceInUseException") => Ok(()),
            done => done.map(drop),
        }
    }

    /// Turns expiry by `expiration` on where there is none; says what was found.
    async fn enable_expiry(&self) -> Result<Found, Failure> {
        match self.expiry().await? {
            Found::None => {}
            found => return Ok(found),
        }
        let setting = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name(EXPIRATION);
        let setting = setting.build();
        let setting = setting.map_err(|_| Failure::Refused("ValidationException".to_owned()))?;
        let update = self.client.update_time_to_live().table_name(&self.table);
        let done = update.time_to_live_specification(setting).send().await;
        match done.map_err(Failure::from) {
            Ok(_) => Ok(Found::None),
            // Another process was faster, unless it is off still.
            Err(failure)
                if failure.is("ValidationException") || failure.is("ResourceInUseException") =>
            {
                match self.expiry().await? {
                    Found::None => Err(failure),
                    found => Ok(found),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// By which attribute the table expires its items.
    pub(super) async fn expiry(&self) -> Result<Found, Failure> {
        let asked = self
            .client
            .describe_time_to_live()
            .table_name(&self.table)
            .send()
            .await;
        let known = asked?.time_to_live_description;
        let status = known.as_ref().and_then(|known| known.time_to_live_status());
        let Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling) = status else {
            return Ok(Found::None);
        };
        let attribute = known.and_then(|known| known.attribute_name);
        let other = attribute.filter(|name| name != EXPIRATION);
        Ok(other.map_or(Found::Ours, Found::Other))
    }
}

fn is_ours(table: &TableDescription) -> bool {
    let key = matches!(table.key_schema(), [key] if key.attribute_name() == ID && *key.key_type() == KeyType::Hash);
    let text = |attribute: &AttributeDefinition| {
        attribute.attribute_name() == ID && *attribute.attribute_type() == ScalarAttributeType::S
    };
    key && table.attribute_definitions().iter().any(text)
}

impl Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("server", &self.server)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
