//! What an error of the driver means: for the connection, and for the reader of the message.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Display};

use dewar::Error;
use tokio_postgres::error::SqlState;

use super::url::FILES;
use crate::server::{Operation, Server};
use crate::sql::link::Verdict;
use crate::tls;

pub(super) fn verdict(error: &tokio_postgres::Error) -> Verdict {
    let Some(code) = error.code() else {
        return Verdict::Lost;
    };
    match class(code) {
        "08" => Verdict::Lost,
        "40" => Verdict::RolledBack,
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Verdict::ReadOnly,
        _ if [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            // What was prepared is not there, or is for a table that was changed since: a new connection prepares it anew.
            SqlState::INVALID_SQL_STATEMENT_NAME,
            SqlState::DUPLICATE_PSTATEMENT,
            SqlState::FEATURE_NOT_SUPPORTED,
        ]
        .contains(code) =>
        {
            Verdict::Lost
        }
        _ => Verdict::Refused,
    }
}

/// The first two characters of a code, which say what kind of error it is; empty for what is no code of SQL.
fn class(code: &SqlState) -> &str {
    code.code().get(..2).unwrap_or_default()
}

/// Dewar's error for one of the driver: what to do, whether a retry may help, and the cause.
pub(super) fn explain(
    server: &Server,
    operation: Operation,
    error: tokio_postgres::Error,
) -> Error {
    let (what, retry) = match tls::explain(&error, &FILES) {
        Some(what) => (Cow::from(what), Retry::IsUseless),
        None => {
            let (what, retry) = diagnose(&error);
            (Cow::from(what), retry)
        }
    };
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
        // By the words of the driver, which has no other sign for these.
        let cause = error.source().map(ToString::to_string);
        return match cause.as_deref() {
            Some("server does not support TLS") => (
                "the server has no TLS, and the URL asks for it; turn it on there (ssl = on), or write sslmode=disable \
                 where nobody can listen on the way",
                IsUseless,
            ),
            Some("database does not allow writes") => (
                "the last host of the URL is read-only, perhaps a replica, and target_session_attrs wants one that is \
                 not; name the primary, or promote this one",
                MayHelp,
            ),
            _ => (
                "no connection; is a PostgreSQL server listening there?",
                MayHelp,
            ),
        };
    };
    match code.code() {
        "28P01" => ("the server refuses user or password", IsUseless),
        "28000" => (
            "the server lets nobody in like this: its pg_hba.conf may want another user or host, TLS (sslmode=require), or \
             a certificate of ours (sslcert, sslkey); the cause says which",
            IsUseless,
        ),
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
        "26000" | "42P05" => (
            "the statements that the server has prepared are not those of this connection; a PgBouncer in transaction mode \
             wants max_prepared_statements (1.21 and newer), or prepared_statement_cache_size left out of the URL",
            IsUseless,
        ),
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
        _ => match class(code) {
            "08" | "53" | "57" | "58" => ("the server has a problem of its own", MayHelp),
            _ => ("the server refuses the statement", IsUseless),
        },
    }
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
