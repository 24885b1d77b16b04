use std::fmt::{self, Debug};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dewar::clock::{Clock, SystemClock};
use dewar::{Error, ErrorKind, Result};

use super::url::{self, Target, Tls};
use super::{Manager, MysqlStore};
use crate::Migrated;
use crate::server::Server;
use crate::sql::link::{Link, SharedPool};
use crate::sql::{Layout, Table, Tables};
use crate::tls::Identity;

/// Builds a [`MysqlStore`]; made by [`MysqlStore::builder`].
#[must_use = "a builder does nothing before `build` or `connect`"]
pub struct MysqlBuilder {
    url: String,
    table: Table,
    tables: Tables,
    connect_timeout: Duration,
    operation_timeout: Duration,
    connections: usize,
    root_certificates: Option<Vec<u8>>,
    client_certificate: Option<Identity>,
    clock: Arc<dyn Clock>,
}

const TIMEOUT: Duration = Duration::from_secs(2);

/// A session takes a connection for a fraction of a millisecond, so that a few serve thousands of requests a second.
const CONNECTIONS: usize = 8;

/// What each connection is told first: a value that is too long must be an error, never cut; a TIMESTAMP must be UTC.
const SETUP: &str =
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00'";
/// Under READ COMMITTED, MariaDB's UPDATE overlooks a row that somebody else is writing just then.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// Room for every statement of the store, so that each is compiled once for a connection.
const STATEMENTS: usize = 16;

impl MysqlBuilder {
    pub(super) fn new(url: String) -> MysqlBuilder {
        MysqlBuilder {
            url,
            table: Table::sqlalchemy(),
            tables: Tables::default(),
            connect_timeout: TIMEOUT,
            operation_timeout: TIMEOUT,
            connections: CONNECTIONS,
            root_certificates: None,
            client_certificate: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The table; [`Table::sqlalchemy`] unless set.
    pub fn table(mut self, table: Table) -> MysqlBuilder {
        self.table = table;
        self
    }

    /// Whether the table is made where it is absent; it is unless set.
    pub fn tables(mut self, tables: Tables) -> MysqlBuilder {
        self.tables = tables;
        self
    }

    /// How long making a connection, or waiting for one of the pool, may take. Two seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> MysqlBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to answer. Two seconds unless set.
    ///
    /// A call on the store takes at most this and the [time to connect](MysqlBuilder::connect_timeout) together.
    pub fn operation_timeout(mut self, timeout: Duration) -> MysqlBuilder {
        self.operation_timeout = timeout;
        self
    }

    /// How many connections there may be at a time, those of all runtimes together. Eight unless set.
    pub fn connections(mut self, connections: usize) -> MysqlBuilder {
        self.connections = connections;
        self
    }

    /// The certificates, as PEM, of the authorities that may have signed the server's: `ssl_ca` in the URL. It is checked
    /// then.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> MysqlBuilder {
        self.root_certificates = Some(pem.into());
        self
    }

    /// The certificate and private key, as PEM, by which the server knows us: `ssl_cert` and `ssl_key` in the URL.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> MysqlBuilder {
        self.client_certificate = Some(Identity::new(certificate, key));
        self
    }

    /// The clock that the expiry of sessions is counted by; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> MysqlBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// The store; it connects, and checks or makes the table, when it is first used.
    pub fn build(self) -> Result<MysqlStore> {
        let link = self.link()?;
        Ok(MysqlStore {
            link,
            clock: self.clock,
        })
    }

    /// The store, connected: what is wrong with the address, the log-in or the table shows now.
    pub async fn connect(self) -> Result<MysqlStore> {
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
            return wrong("the timeouts of the MySQL store must be longer than zero");
        }
        if self.connections == 0 {
            return wrong("the MySQL store needs a connection at least");
        }
        if self.table.layout != Layout::Sqlalchemy {
            return wrong("MySQL has no table of the layout `postgresql`: use Table::sqlalchemy");
        }
        let Target {
            options,
            mut tls,
            paths,
            address,
        } = url::parse(&self.url)?;
        let mut files = paths.read()?;
        if let Some(pem) = &self.root_certificates {
            (tls, files.authorities) = (Tls::Verified, Some(pem.clone()));
        }
        if let Some(identity) = &self.client_certificate {
            files.identity = Some(identity.clone());
        }
        if tls != Tls::Disabled {
            // The driver takes the process's provider; one that is installed already stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let options = options
            .ssl_opts(tls.options(files))
            .client_found_rows(true)
            .stmt_cache_size(STATEMENTS)
            .tcp_nodelay(true)
            .setup(vec![SETUP, ISOLATION]);
        Ok(Link {
            server: Server::new("mysql", address),
            pool: SharedPool::new(Manager(options.into()), self.connections),
            table: self.table.clone(),
            tables: self.tables,
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
            statements: OnceLock::new(),
            options: (),
        })
    }
}

impl Debug for MysqlBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlBuilder")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
