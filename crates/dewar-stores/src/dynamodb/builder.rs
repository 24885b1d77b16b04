use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region, StalledStreamProtectionConfig};
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use dewar::clock::{Clock, SystemClock};
use dewar::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use super::link::Link;
use super::url::{self, Target};
use super::{DynamodbStore, Tables};
use crate::Migrated;
use crate::server::Server;

/// Builds a [`DynamodbStore`]; made by [`DynamodbStore::builder`] or [`DynamodbStore::from_client`].
#[must_use = "a builder does nothing before `build` or `connect`"]
pub struct DynamodbBuilder {
    source: Source,
    table: String,
    tables: Tables,
    connect_timeout: Duration,
    operation_timeout: Duration,
    clock: Arc<dyn Clock>,
}

enum Source {
    Url(String),
    Client(Box<Client>),
}

const TIMEOUT: Duration = Duration::from_secs(2);

impl DynamodbBuilder {
    pub(super) fn new(url: String) -> DynamodbBuilder {
        DynamodbBuilder::of(Source::Url(url))
    }

    pub(super) fn with_client(client: Client) -> DynamodbBuilder {
        DynamodbBuilder::of(Source::Client(Box::new(client)))
    }

    fn of(source: Source) -> DynamodbBuilder {
        DynamodbBuilder {
            source,
            table: "Sessions".to_owned(),
            tables: Tables::default(),
            connect_timeout: TIMEOUT,
            operation_timeout: TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }

    /// The table (`SESSION_DYNAMODB_TABLE`); `Sessions` unless set.
    pub fn table(mut self, name: impl Into<String>) -> DynamodbBuilder {
        self.table = name.into();
        self
    }

    /// Whether the table is made where it is absent (`SESSION_DYNAMODB_TABLE_EXISTS`); it is unless set.
    pub fn tables(mut self, tables: Tables) -> DynamodbBuilder {
        self.tables = tables;
        self
    }

    /// How long making a connection may take. Two seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> DynamodbBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to answer. Two seconds unless set.
    ///
    /// A call on the store takes at most this and the [time to connect](DynamodbBuilder::connect_timeout) together.
    pub fn operation_timeout(mut self, timeout: Duration) -> DynamodbBuilder {
        self.operation_timeout = timeout;
        self
    }

    /// The clock that the expiry of sessions is counted by; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> DynamodbBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// The store; it checks or makes the table when it is first used.
    pub fn build(self) -> Result<DynamodbStore> {
        let wrong = |what: String| Err(Error::new(ErrorKind::Config, what));
        if self.connect_timeout.is_zero() || self.operation_timeout.is_zero() {
            return wrong("the timeouts of the DynamoDB store must be longer than zero".to_owned());
        }
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(3..=255).contains(&self.table.len()) || !self.table.bytes().all(usual) {
            return wrong(format!(
                "SESSION_DYNAMODB_TABLE: {:?} is no name of a table in DynamoDB: 3 to 255 letters, digits, _, - and .",
                self.table
            ));
        }
        let (config, address) = match self.source {
            Source::Client(client) => {
                let region = client.config().region().map(ToString::to_string);
                let address = region.unwrap_or_else(|| "a client of the application".to_owned());
                (client.config().to_builder(), address)
            }
            Source::Url(url) => from_url(&url)?,
        };
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.connect_timeout)
            .operation_attempt_timeout(self.operation_timeout);
        let config = config
            .timeout_config(timeouts.build())
            // The SDK would send a write again whose answer was lost, and find its own traces a conflict.
            .retry_config(RetryConfig::disabled())
            .build();
        Ok(DynamodbStore {
            link: Link {
                server: Server::new("dynamodb", address),
                client: Client::from_conf(config),
                table: self.table,
                tables: self.tables,
                connect_timeout: self.connect_timeout,
                operation_timeout: self.operation_timeout,
                checked: OnceCell::new(),
            },
            clock: self.clock,
        })
    }

    /// The store, connected: what is wrong with the address, the key or the table shows now.
    pub async fn connect(self) -> Result<DynamodbStore> {
        let store = self.build()?;
        store.check().await?;
        Ok(store)
    }

    /// Makes the table where it is absent, turns expiry on where it is off, and changes nothing otherwise.
    pub async fn migrate(self) -> Result<Migrated> {
        self.build()?.link.prepare().await
    }
}

/// A client of the SDK as the store makes it for a URL.
pub(super) fn client(url: &str) -> Result<Client> {
    let (config, _) = from_url(url)?;
    Ok(Client::from_conf(config.build()))
}

fn from_url(url: &str) -> Result<(aws_sdk_dynamodb::config::Builder, String)> {
    let Target {
        region,
        endpoint,
        credentials,
        address,
    } = url::parse(url, |name| std::env::var(name).ok())?;
    let http = HttpBuilder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(credentials)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http.build_https());
    config.set_endpoint_url(endpoint);
    Ok((config, address))
}

impl Debug for DynamodbBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamodbBuilder")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
