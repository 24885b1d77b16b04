//! What an error of the driver means: for the connection, and for the reader of the message.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use dewar::Error;
use tokio_postgres::error::SqlState;

use crate::server::{Operation, Server};
use crate::sql::link::Verdict;

pub(super) fn verdict(error: &tokio_postgres::Error) -> Verdict {
    let Some(code) = error.code() else {
        return Verdict::Lost;
    };
    match &code.code()[..2] {
        "08" => Verdict::Lost,
        "40" => Verdict::RolledBack,
        _ if [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
        ]
        .contains(code) =>
        {
            Verdict::Lost
        }
        _ => Verdict::Refused,
    }
}

/// Dewar's error for one of the driver: what to do, whether a retry may help, and the cause.
pub(super) fn explain(
    server: &Server,
    operation: Operation,
    error: tokio_postgres::Error,
) -> Error {
    let (what, retry) = diagnose(&error);
    let explained = server.error(operation, what);
    let explained = match retry {
        Retry::MayHelp => explained.temporary(),
        Retry::IsUseless => explained,
    };
    match Answer::of(&error) {
        Some(answer) => explained.with_source(answer),
        None => explained.with_source(error),
    }
}

enum Retry {
    MayHelp,
    IsUseless,
}

fn diagnose(error: &tokio_postgres::Error) -> (&'static str, Retry) {
    use Retry::{IsUseless, MayHelp};
    let Some(code) = error.code() else {
        return match tls_cause(error) {
            true => (
                "the TLS handshake failed; does the server's certificate carry this host's name, and is its \
                 authority known here (sslrootcert)?",
                IsUseless,
            ),
            false => (
                "no connection; is a PostgreSQL server listening there?",
                MayHelp,
            ),
        };
    };
    match code.code() {
        "28P01" | "28000" => ("the server refuses user or password", IsUseless),
        "3D000" => ("there is no such database", IsUseless),
        "3F000" => (
            "there is no such schema; make it, or name another",
            IsUseless,
        ),
        "42P01" => (
            "the table is gone; make it with `dewar store migrate`",
            IsUseless,
        ),
        "42703" | "42P10" => ("the table was changed since it was checked", IsUseless),
        "42501" => (
            "the user may not do this; it needs SELECT, INSERT, UPDATE and DELETE on the table, USAGE on the sequence \
             of its id, and CREATE on the schema where the table is to be made",
            IsUseless,
        ),
        "22001" => ("the key or the data is longer than its column", IsUseless),
        "25006" => (
            "the server is read-only, perhaps a replica; name the primary, or several hosts with \
             target_session_attrs=read-write",
            MayHelp,
        ),
        "53100" => ("the server's disk is full", MayHelp),
        "53300" => (
            "the server has no connection left; use a smaller pool, or raise max_connections",
            MayHelp,
        ),
        "57P01" | "57P02" | "57P03" => ("the server is shutting down or starting up", MayHelp),
        "57014" => (
            "the server cancelled the statement (statement_timeout?)",
            MayHelp,
        ),
        "55P03" | "40001" | "40P01" => ("other transactions hold the session's row", MayHelp),
        _ => match &code.code()[..2] {
            "08" | "53" | "57" | "58" => ("the server has a problem of its own", MayHelp),
            _ => ("the server refuses the statement", IsUseless),
        },
    }
}

fn tls_cause(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // `io::Error` hands out its inner error's cause, not the inner error itself.
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>())
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What the server said, without the details: those quote the row, and with it the session's id.
#[derive(Debug)]
struct Answer {
    code: String,
    message: String,
}

impl Answer {
    fn of(error: &tokio_postgres::Error) -> Option<Answer> {
        let answer = error.as_db_error()?;
        Some(Answer {
            code: answer.code().code().to_owned(),
            message: answer.message().to_owned(),
        })
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)
    }
}

impl StdError for Answer {}
