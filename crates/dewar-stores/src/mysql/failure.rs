//! What an error of the driver means: for the connection, and for the reader of the message.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Display};

use dewar::Error;
use mysql_async::{DriverError, Error as MysqlError, IoError};

use super::url::FILES;
use crate::server::{Operation, Server};
use crate::sql::link::Verdict;
use crate::tls;

pub(super) fn verdict(error: &MysqlError) -> Verdict {
    match error {
        MysqlError::Server(error) => match error.code {
            // 1152 to 1184: the server could not read or write, or ends the connection.
            1053 | 1152 | 1158..=1161 | 1184 | 1927 | 3169 => Verdict::Lost,
            // 1412, 1615: the table was changed between two steps of the statement, which is to be sent again.
            1213 | 1020 | 1412 | 1615 => Verdict::RolledBack,
            1290 | 1792 | 1836 => Verdict::ReadOnly,
            _ => Verdict::Refused,
        },
        MysqlError::Url(_) => Verdict::Refused,
        _ => Verdict::Lost,
    }
}

/// Whether there is a row with this key already.
pub(super) fn is_duplicate(error: &MysqlError) -> bool {
    matches!(error, MysqlError::Server(error) if error.code == 1062)
}

/// Dewar's error for one of the driver: what to do, whether a retry may help, and the cause.
pub(super) fn explain(server: &Server, operation: Operation, error: MysqlError) -> Error {
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
    match error {
        MysqlError::Io(error) => explained.with_source(error),
        error => explained.with_source(Answer::of(&error)),
    }
}

enum Retry {
    MayHelp,
    IsUseless,
}

fn diagnose(error: &MysqlError) -> (&'static str, Retry) {
    use Retry::{IsUseless, MayHelp};
    let code = match error {
        MysqlError::Server(error) => error.code,
        MysqlError::Io(IoError::Tls(_)) => {
            return (
                "no TLS connection can be made with these files and this host's name; the cause says why",
                IsUseless,
            );
        }
        MysqlError::Driver(DriverError::NoClientSslFlagFromServer) => {
            return (
                "the server has no TLS, and the URL asks for it; turn it on there (ssl_cert, ssl_key), or write \
                 ssl_mode=DISABLED where nobody can listen on the way",
                IsUseless,
            );
        }
        MysqlError::Driver(DriverError::PacketTooLarge) => return TOO_LARGE,
        _ => {
            return (
                "no connection; is a MySQL or MariaDB server listening there?",
                MayHelp,
            );
        }
    };
    match code {
        1045 | 1698 | 1251 | 2059 => (
            "the server refuses user or password; it may also want TLS (ssl_mode=REQUIRED) or a certificate of ours \
             (ssl_cert, ssl_key) from this user",
            IsUseless,
        ),
        3159 => (
            "the server takes connections with TLS only; write ssl_mode=VERIFY_IDENTITY, or REQUIRED",
            IsUseless,
        ),
        1044 => ("the user may not use this database", IsUseless),
        1049 => ("there is no such database", IsUseless),
        1130 => ("the server takes no connection from this host", IsUseless),
        1146 => (
            "the table is gone; make it with `dewar store migrate`",
            IsUseless,
        ),
        1054 => ("the table was changed since it was checked", IsUseless),
        1142 | 1143 | 1370 => (
            "the user may not do this; it needs SELECT, INSERT, UPDATE and DELETE on the table, and CREATE and INDEX \
             where the table is to be made",
            IsUseless,
        ),
        1406 | 1153 => TOO_LARGE,
        1290 | 1792 | 1836 => (
            "the server is read-only, perhaps a replica; name the primary",
            MayHelp,
        ),
        1040 | 1203 | 1226 => (
            "the server has no connection left; use a smaller pool, or raise max_connections",
            MayHelp,
        ),
        1021 | 1114 => ("the server's disk, or the table, is full", MayHelp),
        1205 | 1213 | 1020 => ("other transactions hold the session's row", MayHelp),
        1412 | 1615 => ("the table is being changed or made", MayHelp),
        1317 | 1969 | 3024 => ("the server cancelled the statement", MayHelp),
        1053 | 1152 | 1158..=1161 | 1184 | 1927 | 3169 => (
            "the server is shutting down, or closed the connection",
            MayHelp,
        ),
        _ => ("the server refuses the statement", IsUseless),
    }
}

const TOO_LARGE: (&str, Retry) = (
    "the session is larger than the server takes: a BLOB, as SQLAlchemy makes it, holds 65,535 bytes (make it a \
     LONGBLOB with ALTER TABLE), and max_allowed_packet bounds what is sent",
    Retry::IsUseless,
);

/// What the server or the driver said, by its number or kind alone: their texts quote keys and data.
#[derive(Debug)]
struct Answer(String);

impl Answer {
    fn of(error: &MysqlError) -> Answer {
        Answer(match error {
            MysqlError::Server(error) => format!("MySQL error {} ({})", error.code, error.state),
            MysqlError::Driver(DriverError::ConnectionClosed) => "connection closed".to_owned(),
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

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;

    use super::*;

    #[test]
    fn what_passes_is_done_again_or_temporary() {
        let server = Server::new("mysql", "db.example:3306/app".to_owned());
        for (code, expected, temporary) in [
            (1160, Verdict::Lost, true),
            (1412, Verdict::RolledBack, true),
            (1615, Verdict::RolledBack, true),
            (1064, Verdict::Refused, false),
        ] {
            let error = MysqlError::Server(ServerError {
                code,
                message: "secret".to_owned(),
                state: "HY000".to_owned(),
            });
            assert_eq!(verdict(&error), expected, "{code}");
            let explained = explain(&server, Operation::Load, error);
            assert_eq!(explained.is_temporary(), temporary, "{code}");
            assert!(!format!("{explained:?}").contains("secret"));
        }
    }
}
