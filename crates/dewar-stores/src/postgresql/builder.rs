use std::fmt::{self, Debug};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use dewar::clock::{Clock, SystemClock};
use dewar::{Error, ErrorKind, Result};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

use super::PostgresqlStore;
use super::tls::{self, Trust};
use super::url;
use crate::Migrated;
use crate::server::Server;
use crate::sql::link::{Link, SharedPool};
use crate::sql::{Table, Tables};
use crate::tls::Identity;

/// Builds a [`PostgresqlStore`]; made by [`PostgresqlStore::builder`].
#[must_use = "a builder does nothing before `build` or `connect`"]
pub struct PostgresqlBuilder {
    url: String,
    table: Table,
    tables: Tables,
    connect_timeout: Duration,
    operation_timeout: Duration,
    connections: usize,
    root_certificates: Option<Vec<u8>>,
    client_certificate: Option<Identity>,
    prepared: bool,
    clock: Arc<dyn Clock>,
}

const TIMEOUT: Duration = Duration::from_secs(2);

/// A session takes a connection for a fraction of a millisecond, so that a few serve thousands of requests a second.
const CONNECTIONS: usize = 8;

impl PostgresqlBuilder {
    pub(super) fn new(url: String) -> PostgresqlBuilder {
        PostgresqlBuilder {
            url,
            table: Table::postgresql(),
            tables: Tables::default(),
            connect_timeout: TIMEOUT,
            operation_timeout: TIMEOUT,
            connections: CONNECTIONS,
            root_certificates: None,
            client_certificate: None,
            prepared: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// The table; [`Table::postgresql`] unless set.
    pub fn table(mut self, table: Table) -> PostgresqlBuilder {
        self.table = table;
        self
    }

    /// Whether the table is made where it is absent; it is unless set.
    pub fn tables(mut self, tables: Tables) -> PostgresqlBuilder {
        self.tables = tables;
        self
    }

    /// How long making a connection, or waiting for one of the pool, may take. Two seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> PostgresqlBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to answer. Two seconds unless set.
    ///
    /// A call on the store takes at most this and the [time to connect](PostgresqlBuilder::connect_timeout) together.
    pub fn operation_timeout(mut self, timeout: Duration) -> PostgresqlBuilder {
        self.operation_timeout = timeout;
        self
    }

    /// How many connections there may be at a time, those of all runtimes together. Eight unless set.
    pub fn connections(mut self, connections: usize) -> PostgresqlBuilder {
        self.connections = connections;
        self
    }

    /// Whether each connection keeps its statements prepared: `prepared_statement_cache_size=100` in the URL. It does not
    /// unless set, since they fail, or another is taken for them, behind a PgBouncer in transaction mode that does not
    /// know them (before 1.21, or without `max_prepared_statements`).
    pub fn prepared(mut self, prepared: bool) -> PostgresqlBuilder {
        self.prepared = prepared;
        self
    }

    /// The certificates, as PEM, of the authorities that may have signed the server's; it is checked then.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> PostgresqlBuilder {
        self.root_certificates = Some(pem.into());
        self
    }

    /// The certificate and private key, as PEM, by which the server knows us: `sslcert` and `sslkey` in the URL.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> PostgresqlBuilder {
        self.client_certificate = Some(Identity::new(certificate, key));
        self
    }

    /// The clock that the expiry of sessions is counted by; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> PostgresqlBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// The store; it connects, and checks or makes the table, when it is first used.
    pub fn build(self) -> Result<PostgresqlStore> {
        let link = self.link()?;
        Ok(PostgresqlStore {
            link,
            clock: self.clock,
        })
    }

    /// The store, connected: what is wrong with the address, the log-in or the table shows now.
    pub async fn connect(self) -> Result<PostgresqlStore> {
        let store = self.build()?;
        store.link.migrate(store.link.tables).await?;
        Ok(store)
    }

    /// Makes the table where it is absent, and changes nothing otherwise.
    pub async fn migrate(self) -> Result<Migrated> {
        self.link()?.migrate(Tables::Create).await
    }

    fn link(&self) -> Result<Link<Manager>> {
        let wrong = |what: &str| Err(Error::new(ErrorKind::Config, what));
        if self.connect_timeout.is_zero() || self.operation_timeout.is_zero() {
            return wrong("the timeouts of the PostgreSQL store must be longer than zero");
        }
        if self.connections == 0 {
            return wrong("the PostgreSQL store needs a connection at least");
        }
        let url::Target {
            mut config,
            verify,
            paths,
            prepared,
        } = url::parse(&self.url)?;
        let files = paths.read()?;
        let server = Server::new("postgresql", url::describe(&config));
        if config.get_application_name().is_none() {
            config.application_name("dewar");
        }
        let trust = match &self.root_certificates {
            Some(pem) => Trust::Authorities(pem.clone()),
            None => Trust::of(verify, files.authorities),
        };
        if trust != Trust::Anybody && config.get_ssl_mode() == SslMode::Prefer {
            // A server without TLS proves nothing.
            config.ssl_mode(SslMode::Require);
        }
        let identity = self.client_certificate.as_ref();
        let identity = identity.or(files.identity.as_ref());
        let recycling = ManagerConfig {
            // A lost connection shows when it is used; asking each time would be a second round trip.
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match url::wants_tls(&config) {
            true => Manager::from_config(config, tls::connector(&trust, identity)?, recycling),
            false => Manager::from_config(config, NoTls, recycling),
        };
        Ok(Link {
            server,
            pool: SharedPool::new(manager, self.connections),
            table: self.table.clone(),
            tables: self.tables,
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
            statements: OnceLock::new(),
            options: self.prepared || prepared,
        })
    }
}

impl Debug for PostgresqlBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresqlBuilder")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
