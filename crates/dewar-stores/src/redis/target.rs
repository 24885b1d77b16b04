use std::time::Duration;

use ::redis::cluster::ClusterClient;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError,
    RedisResult, TlsCertificates,
};
use futures_util::future::{OptionFuture, join, select_ok};

use super::blocking::Blocking;
use super::commands::{Connection, Nodes, keyed};
use super::url;

/// Where the sessions are.
pub(super) enum Target {
    Single(Client),
    Sentinel(Sentinel),
    Cluster(Box<Cluster>),
}

/// The nodes of a cluster.
pub(super) struct Cluster {
    pub(super) client: ClusterClient,
    /// The same, which never sends anything again.
    pub(super) once: Option<ClusterClient>,
    /// How to reach those of the URL one by one, to ask why none takes us.
    pub(super) nodes: Vec<Client>,
}

/// A service that Sentinels watch over.
pub(super) struct Sentinel {
    /// How to reach the Sentinels; they all know the same.
    pub(super) sentinels: Vec<Client>,
    pub(super) service: String,
    /// How to log in to the master, wherever it is.
    pub(super) master: ConnectionInfo,
    pub(super) certificates: Option<TlsCertificates>,
}

/// How a call on one server waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// As a task: other tasks of the runtime run meanwhile.
    Task,
    /// On the thread that makes the call.
    Thread,
}

/// What to connect to.
pub(super) enum Place<'a> {
    Server(&'a Client),
    /// The server that the Sentinels name.
    Master(Box<Client>),
    Cluster(&'a Cluster),
}

impl Target {
    /// Finds out where the server is, which only Sentinels know.
    pub(super) async fn find(&self) -> RedisResult<Place<'_>> {
        match self {
            Target::Single(client) => Ok(Place::Server(client)),
            Target::Sentinel(sentinel) => {
                Ok(Place::Master(Box::new(sentinel.find_master().await?)))
            }
            Target::Cluster(cluster) => Ok(Place::Cluster(cluster)),
        }
    }
}

impl Place<'_> {
    /// Where it is, if the URL does not say it.
    pub(super) fn address(&self) -> Option<String> {
        match self {
            Place::Master(client) => Some(url::describe(client.get_connection_info())),
            Place::Server(_) | Place::Cluster(_) => None,
        }
    }

    /// Makes a connection. The caller sees to it that it takes no longer than `connect`.
    pub(super) async fn dial(
        &self,
        waiting: Waiting,
        connect: Duration,
        operation: Duration,
    ) -> RedisResult<Connection> {
        let to_one = async |client: &Client| match waiting {
            Waiting::Task => single(client).await,
            Waiting::Thread => Blocking::dial(client, connect, operation)
                .await
                .map(Connection::Blocking),
        };
        match self {
            Place::Server(client) => to_one(client).await,
            Place::Master(client) => {
                let connection = to_one(client).await?;
                connection.insist_on_master().await?;
                Ok(connection)
            }
            Place::Cluster(cluster) => {
                // A node that hangs is waited for when the first connections are made, and again when the others are.
                let connecting = |client: &ClusterClient| {
                    let config = ::redis::cluster::ClusterConfig::new()
                        .set_connection_timeout(connect / 3)
                        .set_response_timeout(operation);
                    let client = client.clone();
                    async move { client.get_async_connection_with_config(config).await }
                };
                let once = OptionFuture::from(cluster.once.as_ref().map(connecting));
                let (persistent, once) = join(connecting(&cluster.client), once).await;
                let both = persistent.and_then(|persistent| {
                    let once = once.transpose()?;
                    Ok(Nodes { persistent, once })
                });
                match both {
                    Ok(nodes) => Ok(Connection::Cluster(nodes)),
                    Err(error) if error.kind() == ErrorKind::Io => Err(cluster.reason(error).await),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

impl Sentinel {
    /// Asks all Sentinels at once: the first that knows is right, and one that hangs does not matter.
    async fn find_master(&self) -> RedisResult<Client> {
        let questions = self.sentinels.iter().map(|sentinel| {
            Box::pin(async move {
                let connection = single(sentinel).await?;
                let mut question = keyed("SENTINEL", "GET-MASTER-ADDR-BY-NAME");
                question.arg(&self.service);
                let place: Option<(String, u16)> = connection.query(&question).await?;
                place.ok_or_else(|| {
                    RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "no such master"))
                })
            })
        });
        let ((host, port), _) = select_ok(questions).await?;
        let address = match self.master.addr() {
            ConnectionAddr::TcpTls { insecure, .. } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: None,
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        open(
            self.master.clone().set_addr(address),
            self.certificates.as_ref(),
        )
    }
}

impl Cluster {
    /// Why no node takes us, from the first that says more than that nothing listens: of that, the driver's error keeps but a text.
    async fn reason(&self, error: RedisError) -> RedisError {
        let mut reason = error;
        for node in &self.nodes {
            match single(node).await {
                Ok(_) => break,
                Err(error) if error.is_connection_refusal() => reason = error,
                Err(error) => return error,
            }
        }
        reason
    }
}

impl Connection {
    /// For a while after a failover a Sentinel may still name the old master.
    async fn insist_on_master(&self) -> RedisResult<()> {
        let role: Vec<::redis::Value> = self.query(&::redis::cmd("ROLE")).await?;
        let role = role.into_iter().next().unwrap_or(::redis::Value::Nil);
        let role: String = ::redis::from_redis_value(role)?;
        if role == "master" {
            return Ok(());
        }
        Err(RedisError::from((
            ErrorKind::MasterNameNotFoundBySentinel,
            "the server that Sentinel names is not the master (yet)",
            role,
        )))
    }
}

/// A client for one server, with certificates of one's own where TLS is used.
pub(super) fn open(
    info: ConnectionInfo,
    certificates: Option<&TlsCertificates>,
) -> RedisResult<Client> {
    match (info.addr(), certificates) {
        (ConnectionAddr::TcpTls { .. }, Some(certificates)) => {
            Client::build_with_tls(info, certificates.clone())
        }
        _ => Client::open(info),
    }
}

async fn single(client: &Client) -> RedisResult<Connection> {
    // The store has limits of its own, for connecting and for each call, that cover repeating it, too.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok(Connection::Single(connection))
}
