//! What an error of the driver means: whether an answer was lost, and what the reader of the message is told.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use ::mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
use dewar::Error;

use crate::server::{Operation, Server};

/// There is a document with this id already.
const DUPLICATE: i32 = 11_000;
/// The collection is absent.
const ABSENT: i32 = 26;

/// Whether the connection was lost, and maybe the answer with it.
pub(super) fn is_lost(error: &MongoError) -> bool {
    matches!(
        &*error.kind,
        ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::InvalidResponse { .. }
    ) || code(error).is_some_and(|code| MOVED.contains(&code))
}

pub(super) fn is_duplicate(error: &MongoError) -> bool {
    code(error) == Some(DUPLICATE)
}

pub(super) fn is_absent(error: &MongoError) -> bool {
    code(error) == Some(ABSENT)
}

/// Dewar's error for one of the driver: what to do, whether a retry may help, and the cause.
pub(super) fn explain(server: &Server, operation: Operation, error: &MongoError) -> Error {
    let (what, retry) = diagnose(error);
    let explained = server.error(operation, what).with_source(Answer::of(error));
    match retry {
        Retry::MayHelp => explained.temporary(),
        Retry::IsUseless => explained,
    }
}

/// The node is not the primary, or about to go.
const MOVED: [i32; 9] = [
    91, 189, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436, 9_001,
];

enum Retry {
    MayHelp,
    IsUseless,
}

fn diagnose(error: &MongoError) -> (&'static str, Retry) {
    use Retry::{IsUseless, MayHelp};
    match &*error.kind {
        ErrorKind::Authentication { .. } => return LOG_IN,
        ErrorKind::InvalidTlsConfig { .. } => {
            return (
                "the files that tlsCAFile or tlsCertificateKeyFile name cannot be used",
                IsUseless,
            );
        }
        ErrorKind::DnsResolve { .. } => {
            return ("the name of the server cannot be resolved", MayHelp);
        }
        ErrorKind::ServerSelection { message, .. } => return no_server(message),
        _ => {}
    }
    let Some(code) = code(error) else {
        return (
            "no connection; is a MongoDB server listening there?",
            MayHelp,
        );
    };
    match code {
        18 => LOG_IN,
        13 | 8_000 => (
            "the user may not do this; it needs find, insert, update and remove on the collection, and listIndexes and \
             createIndex where the indexes are to be made (the role readWrite has all of them)",
            IsUseless,
        ),
        code if MOVED.contains(&code) => (
            "the server is no primary, or is about to go; if it stays so, name the whole replica set with replicaSet",
            MayHelp,
        ),
        64 | 79 | 100 => (
            "the write was not confirmed by a majority of the replica set; whether it stays is unknown",
            MayHelp,
        ),
        50 | 202 => ("the server had no time for it", MayHelp),
        112 | 251 => ("other writers hold the session's document", MayHelp),
        14_031 => (
            "the server's disk is full, and it refuses to write; give it room",
            MayHelp,
        ),
        10_334 | 17_280 | 17_419 | 17_420 => (
            "the session is larger than the 16 MB that a document may have",
            IsUseless,
        ),
        121 => (
            "the collection has a validator, which refuses the document",
            IsUseless,
        ),
        _ => ("the server refuses the command", IsUseless),
    }
}

const LOG_IN: (&str, Retry) = (
    "the server refuses user or password; is the database that holds the user named (authSource)?",
    Retry::IsUseless,
);

/// The driver keeps the reason why no server will do in a text alone, which names hosts and no secrets.
fn no_server(message: &str) -> (&'static str, Retry) {
    use Retry::{IsUseless, MayHelp};
    if message.contains("Authentication") || message.contains("SCRAM failure") {
        return LOG_IN;
    }
    if message.contains("certificate") || message.contains("tls") || message.contains("TLS") {
        return (
            "the TLS handshake failed; does the server's certificate carry this host's name, and is its authority known \
             here (tlsCAFile)?",
            IsUseless,
        );
    }
    // Of each server, the driver's own word for what it is.
    if message.contains("RsSecondary") && !message.contains("RsPrimary") {
        return (
            "the replica set has no primary; an election goes on, or too few of its members are up (rs.status() says)",
            MayHelp,
        );
    }
    if message.contains("refused") {
        return ("no connection; nothing listens there", MayHelp);
    }
    (
        "no connection to a primary in time; is a MongoDB server listening there, and does it belong to the replica set \
         that is named?",
        MayHelp,
    )
}

fn code(error: &MongoError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        ErrorKind::InsertMany(error) => {
            error.write_errors.as_ref()?.first().map(|error| error.code)
        }
        _ => None,
    }
}

/// What the server or the driver said, by its number or kind alone: their texts quote ids and data.
#[derive(Debug)]
struct Answer(String);

impl Answer {
    fn of(error: &MongoError) -> Answer {
        Answer(match (code(error), &*error.kind) {
            (Some(code), _) => format!("MongoDB error {code}"),
            (None, ErrorKind::Io(error)) => format!("I/O error: {}", error.kind()),
            (None, ErrorKind::ServerSelection { .. }) => "no server can be used".to_owned(),
            (None, ErrorKind::Authentication { .. }) => "authentication failed".to_owned(),
            (None, ErrorKind::ConnectionPoolCleared { .. }) => "connection lost".to_owned(),
            _ => "the driver does not understand the server".to_owned(),
        })
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Answer {}
