//! What an error of the driver means: for the connection, and for the reader of the message.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use dewar::Error;

use super::url::FILES;
use crate::server::{Operation, Server};
use crate::tls;

/// What an error means for the connection that it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The connection is lost, and maybe the answer with it.
    Lost,
    /// The server was the master, and is no longer, or has lost its replicas to another one; nothing was done.
    Demoted,
    /// The connection is of no use; whether something was done is unknown.
    Useless,
    /// The server said no; the connection is well.
    Refused,
}

pub(super) fn verdict(error: &RedisError) -> Verdict {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ReadOnly) => Verdict::Demoted,
        _ if ["READONLY", "NOREPLICAS"].contains(&code(error)) => Verdict::Demoted,
        _ if code(error) == "NOAUTH" => Verdict::Useless,
        _ if error.is_connection_dropped() => Verdict::Lost,
        ErrorKind::Io
        | ErrorKind::Parse
        | ErrorKind::AuthenticationFailed
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::ClusterConnectionNotFound => Verdict::Useless,
        _ => Verdict::Refused,
    }
}

/// Dewar's error for one of the driver: what to do, whether a retry may help, and the cause.
pub(super) fn explain(server: &Server, operation: Operation, error: RedisError) -> Error {
    let (what, temporary) = match tls::explain(&error, &FILES) {
        Some(what) => (what, Retry::IsUseless),
        None => diagnose(&error),
    };
    let explained = server.error(operation, what);
    let explained = match temporary {
        Retry::MayHelp => explained.temporary(),
        Retry::IsUseless => explained,
    };
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => {
            explained.with_source(Answer::of(&error))
        }
        _ => explained.with_source(error),
    }
}

/// Dewar's error for one that the search for the master met: it is the Sentinels'.
pub(super) fn explain_search(server: &Server, operation: Operation, error: RedisError) -> Error {
    let what = match error.kind() {
        _ if ["NOAUTH", "WRONGPASS"].contains(&code(&error)) => SENTINELS_LOG_IN,
        ErrorKind::AuthenticationFailed => SENTINELS_LOG_IN,
        _ if error
            .detail()
            .is_some_and(|text| text.contains("unknown command")) =>
        {
            "what answers there is no Sentinel; is the port right? Theirs is 26379 unless told otherwise"
        }
        _ => return explain(server, operation, error),
    };
    server
        .error(operation, what)
        .with_source(Answer::of(&error))
}

const SENTINELS_LOG_IN: &str = "the Sentinels want a user and password of their own; those in the URL are for the servers that \
     they watch. In Rust give them to RedisBuilder::sentinel_log_in, in Flask hand over redis-py's \
     Sentinel(…, sentinel_kwargs=…).master_for(…)";

enum Retry {
    MayHelp,
    IsUseless,
}

fn diagnose(error: &RedisError) -> (String, Retry) {
    use Retry::{IsUseless, MayHelp};
    let (what, retry) = match code(error) {
        "OOM" => (
            "the server has reached its maxmemory; give it more memory, or shorten the sessions' lifetime",
            MayHelp,
        ),
        "READONLY" => (
            "the server is a read-only replica; connect to the master, or through Sentinel or Cluster",
            MayHelp,
        ),
        "LOADING" => ("the server is still loading its data", MayHelp),
        "MASTERDOWN" => ("the server is a replica that has lost its master", MayHelp),
        "CLUSTERDOWN" => ("the cluster is down: part of it has no master", MayHelp),
        "TRYAGAIN" | "MOVED" | "ASK" => (
            "the cluster is moving this key; for a cluster use a URL that begins with redis+cluster://",
            MayHelp,
        ),
        "BUSY" => ("the server is busy with somebody's script", MayHelp),
        "MISCONF" => (
            "the server cannot save to its disk and refuses to write; see its log",
            MayHelp,
        ),
        "NOREPLICAS" => (
            "the server has fewer replicas than it must write to",
            MayHelp,
        ),
        "NOAUTH" => (
            "the server wants a password; put it into the URL as redis://user:password@…",
            IsUseless,
        ),
        "WRONGPASS" => ("the server refuses this user and password", IsUseless),
        "NOPERM" => (
            "the user may not do this; it needs the commands GET, SET, PTTL, PEXPIRE, UNLINK, EVAL, EVALSHA, STRLEN, \
             SCAN and PING on the sessions' keys, of a cluster CLUSTER SLOTS, behind Sentinel ROLE",
            IsUseless,
        ),
        "WRONGTYPE" => (
            "something else than a session is under this key; give the sessions a SESSION_KEY_PREFIX of their own",
            IsUseless,
        ),
        _ => return diagnose_kind(error),
    };
    (what.to_owned(), retry)
}

fn diagnose_kind(error: &RedisError) -> (String, Retry) {
    use Retry::{IsUseless, MayHelp};
    let (what, retry) = match error.kind() {
        _ if error.is_connection_refusal() => (
            "nothing listens there; is the server running, and is the address right?",
            MayHelp,
        ),
        _ if error.is_connection_dropped() => (
            "the connection was lost; if that happens each time, is it a port for TLS (rediss://), or has the server as \
             many clients as it takes (maxclients)?",
            MayHelp,
        ),
        _ if error.is_timeout() => ("no answer in time", MayHelp),
        _ if error
            .detail()
            .is_some_and(|text| text.starts_with("max number of clients")) =>
        {
            (
                "the server has as many clients as it takes (maxclients)",
                MayHelp,
            )
        }
        ErrorKind::Parse => (
            "what answers there does not speak Redis's protocol; are host, port and TLS (rediss://) right?",
            IsUseless,
        ),
        ErrorKind::AuthenticationFailed => (
            "the server refuses this user and password; put them into the URL as redis://user:password@…",
            IsUseless,
        ),
        ErrorKind::MasterNameNotFoundBySentinel if error.detail().is_some() => (
            "it is no master, although Sentinel names it; in a failover that passes, otherwise compare SENTINEL MASTERS with \
             ROLE of the servers",
            MayHelp,
        ),
        ErrorKind::MasterNameNotFoundBySentinel => (
            "no Sentinel that answers knows a master of this service; is its name right?",
            MayHelp,
        ),
        ErrorKind::ClusterConnectionNotFound => ("no node of the cluster can be reached", MayHelp),
        ErrorKind::InvalidClientConfig => ("the connection settings do not fit", IsUseless),
        ErrorKind::Io => ("the connection cannot be made or was disturbed", MayHelp),
        _ => {
            let answer = Answer::of(error);
            return (format!("the server says: {answer}"), IsUseless);
        }
    };
    (what.to_owned(), retry)
}

/// The code of the server's error, also where a script met it: until Redis 7 that becomes an `ERR` whose text
/// holds the error that was met.
fn code(error: &RedisError) -> &str {
    let code = error.code().unwrap_or_default();
    let text = error.detail().unwrap_or_default();
    let within = ["OOM", "READONLY", "MISCONF", "NOREPLICAS", "WRONGTYPE"];
    let met = |known: &&str| {
        text.split(' ')
            .any(|word| word.strip_prefix('-') == Some(known))
    };
    match code {
        "ERR" | "" => within.into_iter().find(met).unwrap_or(code),
        code => code,
    }
}

/// What the server said, without the arguments that it repeats: they hold session ids.
#[derive(Debug)]
struct Answer(String);

impl Answer {
    fn of(error: &RedisError) -> Answer {
        let mut text = error.to_string();
        if let Some(arguments) = text.find(", with args") {
            text.truncate(arguments);
        }
        Answer(text)
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Answer {}
