//! The commands that the store sends, on a connection of either sort.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use ::redis::aio::MultiplexedConnection;
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use ::redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ServerErrorKind, cmd,
};
use bytes::Bytes;
use sha1::{Digest, Sha1};

use super::blocking::Blocking;

/// A connection that many calls share.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server, the master of a Sentinel service included.
    Single(MultiplexedConnection),
    /// To one server, which the calling thread waits for.
    Blocking(Blocking),
    /// To all nodes of a cluster; finds the node of a key by itself.
    Cluster(Nodes),
}

/// The connections to the nodes of a cluster.
#[derive(Clone)]
pub(super) struct Nodes {
    /// Goes where the cluster leads it, and waits for it, by sending a command again: also one that a node may have done before
    /// it was lost, of which it says nothing.
    pub(super) persistent: ClusterConnection,
    /// Sends a command once. None for what was sent before, and where an application has handed over its own client.
    pub(super) once: Option<ClusterConnection>,
}

/// What PTTL says of a key that is not there.
pub(super) const GONE: i64 = -2;

/// The milliseconds until a record expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left(pub(super) u64);

impl Left {
    /// The option of SET: it takes no 0, but any moment in the past.
    fn option(self) -> (&'static str, u64) {
        match self.0 {
            0 => ("PXAT", 1),
            millis => ("PX", millis),
        }
    }
}

/// Whether the server's SET compares (`IFEQ`), as that of Valkey 8.1 and Redis 8.4 does: it is asked to until it refuses.
#[derive(Debug, Default)]
pub(super) struct ComparingSet {
    refused: AtomicBool,
}

impl ComparingSet {
    fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn note_refusal(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }
}

/// What a command that compares first has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// The record was the one that was seen, and is changed.
    Done,
    /// There is no record.
    Absent,
    /// The record is another one.
    Changed,
    /// The record is another one: the very bytes that were to be written.
    Already,
}

/// Answers are those of [`Compared`]: 1, 0, 2, 3.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local now = redis.call('GET', KEYS[1])
if not now then return 0 end
if now == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], ARGV[3], ARGV[4]) return 1 end
if now == ARGV[2] then return 3 end
return 2",
    )
});

static UNLINK_UNCHANGED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local now = redis.call('GET', KEYS[1])
if not now then return 0 end
if now ~= ARGV[1] then return 2 end
redis.call('UNLINK', KEYS[1])
return 1",
    )
});

impl Connection {
    pub(super) async fn ping(&self) -> RedisResult<()> {
        let _: String = self.query(&cmd("PING")).await?;
        Ok(())
    }

    /// The value.
    pub(super) async fn get(&self, key: &str) -> RedisResult<Option<Bytes>> {
        let value: Option<Vec<u8>> = self.query(&keyed("GET", key)).await?;
        Ok(value.map(Bytes::from))
    }

    /// The value and the milliseconds until it expires; these are negative if it never does.
    pub(super) async fn get_with_left(&self, key: &str) -> RedisResult<Option<(Bytes, i64)>> {
        let (value, remaining): (Option<Vec<u8>>, i64) = match self {
            Connection::Single(connection) => {
                let answers = both(key).query_async(&mut connection.clone()).await;
                answers.map_err(single_error)?
            }
            Connection::Blocking(connection) => connection.query_all(&both(key))?,
            // While a slot moves, a redirection holds for one command only. Both are on their way at once.
            Connection::Cluster(_) => {
                let (get, remaining) = (keyed("GET", key), keyed("PTTL", key));
                let both = futures_util::future::try_join(self.query(&get), self.query(&remaining));
                // In a place of its own: it is large, and the other connections do without.
                Box::pin(both).await?
            }
        };
        Ok(value
            .filter(|_| remaining != GONE)
            .map(|value| (Bytes::from(value), remaining)))
    }

    /// Whether there was no such key, so that it was set.
    pub(super) async fn set_new(&self, key: &str, value: &[u8], left: Left) -> RedisResult<bool> {
        let mut set = roomy("SET", key.len() + value.len());
        set.arg(key).arg(value).arg("NX").arg(left.option());
        let done: Option<String> = self.query(&set).await?;
        Ok(done.is_some())
    }

    pub(super) async fn replace(
        &self,
        key: &str,
        seen: &[u8],
        value: &[u8],
        left: Left,
        set: &ComparingSet,
    ) -> RedisResult<Compared> {
        if !set.is_refused() {
            match self.set_if_equal(key, seen, value, left).await {
                Err(error) if is_syntax_error(&error) => set.note_refusal(),
                answer => return answer,
            }
        }
        let arguments = |command: &mut Cmd| {
            command.arg(seen).arg(value).arg(left.option());
        };
        let bytes = seen.len() + value.len();
        self.evaluate(&REPLACE, key, bytes, arguments).await
    }

    async fn set_if_equal(
        &self,
        key: &str,
        seen: &[u8],
        value: &[u8],
        left: Left,
    ) -> RedisResult<Compared> {
        let mut set = roomy("SET", key.len() + value.len() + seen.len());
        set.arg(key).arg(value).arg("IFEQ").arg(seen);
        set.arg(left.option()).arg("GET");
        let before: Option<Vec<u8>> = self.query(&set).await?;
        Ok(match before {
            None => Compared::Absent,
            Some(before) if before == seen => Compared::Done,
            Some(before) if before == value => Compared::Already,
            Some(_) => Compared::Changed,
        })
    }

    /// Whether there is such a key, so that it expires then.
    pub(super) async fn expire(&self, key: &str, left: Left) -> RedisResult<bool> {
        self.query(keyed("PEXPIRE", key).arg(left.0)).await
    }

    pub(super) async fn unlink(&self, key: &str) -> RedisResult<()> {
        let _: u64 = self.query(&keyed("UNLINK", key)).await?;
        Ok(())
    }

    pub(super) async fn unlink_unchanged(&self, key: &str, seen: &[u8]) -> RedisResult<Compared> {
        let arguments = |command: &mut Cmd| {
            command.arg(seen);
        };
        self.evaluate(&UNLINK_UNCHANGED, key, seen.len(), arguments)
            .await
    }

    /// The answer of each server that takes writes, with its address where there are several.
    pub(super) async fn of_each_master<T: FromRedisValue>(
        &self,
        command: &Cmd,
    ) -> RedisResult<BTreeMap<String, T>> {
        match self {
            Connection::Single(_) | Connection::Blocking(_) => {
                let answer = self.query(command).await?;
                Ok(BTreeMap::from([(String::new(), answer)]))
            }
            Connection::Cluster(nodes) => {
                let masters = MultipleNodeRoutingInfo::AllMasters;
                let masters = RoutingInfo::MultiNode((masters, None));
                let mut connection = nodes.persistent.clone();
                let answers = connection.route_command(command.clone(), masters).await?;
                Ok(::redis::from_redis_value(answers.extract_error()?)?)
            }
        }
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self {
            Connection::Single(connection) => command.query_async(&mut connection.clone()).await,
            Connection::Blocking(connection) => connection.query(command),
            Connection::Cluster(nodes) => nodes.query(command).await,
        }
    }

    /// For a call that may have been carried out before: what is sent again makes it no worse.
    pub(super) fn sent_before(&self) -> Connection {
        match self {
            Connection::Cluster(nodes) => Connection::Cluster(Nodes {
                persistent: nodes.persistent.clone(),
                once: None,
            }),
            other => other.clone(),
        }
    }

    /// Runs a script by its digest; a server that does not know it, after a restart say, gets its text.
    async fn evaluate(
        &self,
        script: &Script,
        key: &str,
        bytes: usize,
        arguments: impl Fn(&mut Cmd),
    ) -> RedisResult<Compared> {
        let command = |name, script: &str| {
            let mut command = roomy(name, script.len() + key.len() + bytes);
            command.arg(script).arg(1).arg(key);
            arguments(&mut command);
            command
        };
        let answer = match self.query(&command("EVALSHA", &script.digest)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.query(&command("EVAL", script.text)).await?
            }
            answer => answer?,
        };
        match answer {
            0 => Ok(Compared::Absent),
            1 => Ok(Compared::Done),
            2 => Ok(Compared::Changed),
            3 => Ok(Compared::Already),
            _ => Err(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "a script gave an answer that it does not have",
            ))),
        }
    }
}

impl Nodes {
    /// Sends a command again only while nothing can have been done.
    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        if let Some(once) = &self.once {
            match command.query_async(&mut once.clone()).await {
                Err(error) if is_not_done(&error) => {}
                answer => return answer,
            }
        }
        command.query_async(&mut self.persistent.clone()).await
    }
}

/// Whether a node of a cluster did not do what it was told, or none was told, and another one, or the same later, may.
fn is_not_done(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    match error.kind() {
        ErrorKind::Server(kind) => matches!(
            kind,
            Ask | BusyLoading | ClusterDown | MasterDown | Moved | ReadOnly | TryAgain
        ),
        kind => kind == ErrorKind::ClusterConnectionNotFound,
    }
}

/// Whether the server does not know an option of the command; nothing was done then.
fn is_syntax_error(error: &RedisError) -> bool {
    let detail = error.detail().unwrap_or_default();
    error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
        && detail.contains("syntax error")
}

pub(super) fn keyed(name: &str, key: &str) -> Cmd {
    let mut command = roomy(name, key.len());
    command.arg(key);
    command
}

/// A command with room for so many bytes of keys and values, and for what else a command of ours has.
fn roomy(name: &str, bytes: usize) -> Cmd {
    const ARGUMENTS: usize = 8;
    const NAMES_AND_NUMBERS: usize = 64;
    let mut command = Cmd::with_capacity(ARGUMENTS, NAMES_AND_NUMBERS + bytes);
    command.arg(name);
    command
}

/// The value, and the time until it expires, in one go.
fn both(key: &str) -> Pipeline {
    let mut both = Pipeline::with_capacity(2);
    both.add_command(keyed("GET", key));
    both.add_command(keyed("PTTL", key));
    both
}

/// What the first command met that failed, in place of an error of the pipeline, which has no code.
fn single_error(error: RedisError) -> RedisError {
    let errors = error.clone().into_server_errors();
    let first = errors.and_then(|errors| errors.first().cloned());
    first.map_or(error, |(_, first)| first.into())
}

struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    fn new(text: &'static str) -> Script {
        let digest = Sha1::digest(text.as_bytes());
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Script { text, digest }
    }
}
