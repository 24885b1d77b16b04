use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use ::redis::cluster::ClusterClient;
use ::redis::io::tcp::TcpSettings;
use ::redis::{
    Client, ClientTlsConfig, ConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates,
};
use dewar::clock::{Clock, SystemClock};
use dewar::{Error, ErrorKind, Result};

use super::RedisStore;
use super::link::Link;
use super::target::{self, Cluster, Sentinel, Target, Waiting};
use super::url::{self, Address, Place};
use crate::server::Server;
use crate::tls::{Files, Identity};

/// Builds a [`RedisStore`]; made by [`RedisStore::builder`] and its kind.
#[must_use = "a builder does nothing before `build` or `connect`"]
pub struct RedisBuilder {
    source: Source,
    waiting: Waiting,
    connect_timeout: Duration,
    operation_timeout: Duration,
    sentinel_log_in: Option<(String, String)>,
    root_certificates: Option<Vec<u8>>,
    client_certificate: Option<Identity>,
    clock: Arc<dyn Clock>,
}

pub(super) enum Source {
    Url(String),
    Client(Box<Client>),
    Cluster(Box<ClusterClient>),
}

const TIMEOUT: Duration = Duration::from_secs(2);

impl RedisBuilder {
    pub(super) fn new(source: Source) -> RedisBuilder {
        RedisBuilder {
            source,
            waiting: Waiting::Task,
            connect_timeout: TIMEOUT,
            operation_timeout: TIMEOUT,
            sentinel_log_in: None,
            root_certificates: None,
            client_certificate: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// How long making a connection may take: name resolution, TLS and log-in included. Two seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> RedisBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to answer. Two seconds unless set.
    ///
    /// A call on the store takes at most this and the [time to connect](RedisBuilder::connect_timeout) together.
    pub fn operation_timeout(mut self, timeout: Duration) -> RedisBuilder {
        self.operation_timeout = timeout;
        self
    }

    /// Has a call on a single server wait on the thread that makes it: for programs whose threads wait anyway, as Python's
    /// do. Half of what a call costs is saved, and nothing else of the runtime runs meanwhile. Calls on the store wait for one
    /// another, so that there is to be a store for each thread. A cluster is not waited for in this way.
    pub fn blocking(mut self) -> RedisBuilder {
        self.waiting = Waiting::Thread;
        self
    }

    /// User and password for the Sentinels; those in the URL are for the servers that they watch. An empty user is
    /// the default user.
    pub fn sentinel_log_in(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> RedisBuilder {
        self.sentinel_log_in = Some((user.into(), password.into()));
        self
    }

    /// The certificates, as PEM, of the authorities that may have signed the server's, in place of the system's:
    /// `ssl_ca_certs` in the URL.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> RedisBuilder {
        self.root_certificates = Some(pem.into());
        self
    }

    /// The certificate and private key, as PEM, by which the server knows us: `ssl_certfile` and `ssl_keyfile` in the URL.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> RedisBuilder {
        self.client_certificate = Some(Identity::new(certificate, key));
        self
    }

    /// The clock that the expiry of sessions is counted by; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> RedisBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// The store; it connects when it is first used.
    pub fn build(self) -> Result<RedisStore> {
        if self.connect_timeout.is_zero() || self.operation_timeout.is_zero() {
            return Err(Error::new(
                ErrorKind::Config,
                "the timeouts of the Redis store must be longer than zero",
            ));
        }
        let (address, target) = self.target()?;
        let server = Server::new("redis", address);
        Ok(RedisStore {
            link: Link::new(
                server,
                target,
                self.waiting,
                self.connect_timeout,
                self.operation_timeout,
            ),
            clock: self.clock,
            comparing_set: Default::default(),
        })
    }

    /// The store, connected: what is wrong with the address or the log-in shows now.
    pub async fn connect(self) -> Result<RedisStore> {
        let store = self.build()?;
        store.check().await?;
        Ok(store)
    }

    fn target(&self) -> Result<(String, Target)> {
        let url = match &self.source {
            Source::Url(url) => url,
            Source::Client(client) => {
                let address = url::describe(client.get_connection_info());
                return Ok((address, Target::Single(Client::clone(client))));
            }
            Source::Cluster(client) => {
                return Ok((
                    "the given nodes (cluster)".to_owned(),
                    Target::Cluster(Box::new(Cluster {
                        client: ClusterClient::clone(client),
                        once: None,
                        nodes: Vec::new(),
                    })),
                ));
            }
        };
        install_tls_provider();
        let Address { place, paths } = url::parse(url)?;
        let address = place.describe();
        let certificates = self.certificates(paths.read()?);
        let open = |info| target::open(with_nodelay(info), certificates.as_ref()).map_err(unusable);
        let target = match place {
            Place::Single(server) => Target::Single(open(server)?),
            Place::Cluster(nodes) => {
                let to_each = nodes.iter().cloned().map(open).collect::<Result<_>>()?;
                let client = |retries: Option<u32>| {
                    let nodes = nodes.iter().cloned().map(with_nodelay);
                    let mut cluster = ClusterClient::builder(nodes).tcp_settings(nodelay());
                    if let Some(certificates) = &certificates {
                        cluster = cluster.certs(certificates.clone());
                    }
                    if let Some(retries) = retries {
                        cluster = cluster.retries(retries);
                    }
                    cluster.build().map_err(unusable)
                };
                Target::Cluster(Box::new(Cluster {
                    client: client(None)?,
                    once: Some(client(Some(0))?),
                    nodes: to_each,
                }))
            }
            Place::Sentinel { sentinels, service } => {
                let master = with_nodelay(sentinels[0].clone());
                let log_in = self.sentinel_settings();
                let sentinels = sentinels
                    .into_iter()
                    .map(|sentinel| open(sentinel.set_redis_settings(log_in.clone())))
                    .collect::<Result<_>>()?;
                Target::Sentinel(Sentinel {
                    sentinels,
                    service,
                    master,
                    certificates,
                })
            }
        };
        Ok((address, target))
    }

    /// Those that were handed over, before those that the URL names.
    fn certificates(&self, files: Files) -> Option<TlsCertificates> {
        let identity = self.client_certificate.clone().or(files.identity);
        let client_tls = identity.map(|ours| ClientTlsConfig {
            client_cert: ours.certificate,
            client_key: ours.key,
        });
        let root_cert = self.root_certificates.clone().or(files.authorities);
        if client_tls.is_none() && root_cert.is_none() {
            return None;
        }
        Some(TlsCertificates {
            client_tls,
            root_cert,
        })
    }

    fn sentinel_settings(&self) -> RedisConnectionInfo {
        let settings = RedisConnectionInfo::default();
        match &self.sentinel_log_in {
            None => settings,
            Some((user, password)) if user.is_empty() => settings.set_password(password),
            Some((user, password)) => settings.set_username(user).set_password(password),
        }
    }
}

/// `redis` lets rustls choose, which panics where other crates have built a second provider in.
fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else was faster: then theirs is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Small packets go out at once: without it a call may wait for an acknowledgement, up to 40 ms.
fn nodelay() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn with_nodelay(info: ConnectionInfo) -> ConnectionInfo {
    info.set_tcp_settings(nodelay())
}

fn unusable(error: RedisError) -> Error {
    Error::new(
        ErrorKind::Config,
        "the settings of the Redis store cannot be used: are the certificates and the key PEM files?",
    )
    .with_source(error)
}

impl Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("connect_timeout", &self.connect_timeout)
            .field("operation_timeout", &self.operation_timeout)
            .finish_non_exhaustive()
    }
}
