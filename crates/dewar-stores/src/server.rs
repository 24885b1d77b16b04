use std::fmt::{self, Display};

use dewar::{Error, ErrorKind};

/// What a message calls a server: the store's kind and where it is, without user or password.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    kind: &'static str,
    address: Box<str>,
}

impl Server {
    /// A server of this kind at an address that holds no secret.
    pub(crate) fn new(kind: &'static str, address: impl Into<Box<str>>) -> Server {
        Server {
            kind,
            address: address.into(),
        }
    }

    /// The server at an address that this one told.
    #[cfg(feature = "redis")]
    pub(crate) fn leading_to(&self, address: &str) -> Server {
        Server::new(self.kind, format!("{address}, named by {}", self.address))
    }

    /// The error of an operation that failed; `what` says why and what to do, and holds no secret.
    pub(crate) fn error(&self, operation: Operation, what: impl Display) -> Error {
        Error::new(
            ErrorKind::Store,
            format!("{self}: {operation} failed: {what}"),
        )
    }

    /// The error of an operation for which no connection could be made in time.
    #[cfg(any(
        feature = "memcached",
        feature = "mongodb",
        feature = "mysql",
        feature = "postgresql",
        feature = "redis"
    ))]
    pub(crate) fn unreachable(&self, operation: Operation, after: std::time::Duration) -> Error {
        let what = format!(
            "no connection within {after:?}; is the address right, does a firewall let it through, is TLS used on both \
             sides or on neither, and is the server not frozen? Where this is normal, raise the time that connecting may take (SESSION_CONNECT_TIMEOUT)"
        );
        self.error(operation, what).temporary()
    }

    /// The error of an operation that was not answered within its time.
    #[cfg(any(
        feature = "memcached",
        feature = "mongodb",
        feature = "mysql",
        feature = "postgresql",
        feature = "redis"
    ))]
    pub(crate) fn timed_out(&self, operation: Operation, after: std::time::Duration) -> Error {
        let what = format!(
            "no answer within {after:?}; is the server overloaded, frozen or cut off? Where this is normal, raise the \
             time that the operation may take (SESSION_OPERATION_TIMEOUT)"
        );
        self.error(operation, what).temporary()
    }
}

impl Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind, self.address)
    }
}

/// The methods of the contract, by the names that messages use, and connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // not every store that can be built alone has them all
pub(crate) enum Operation {
    Connect,
    Load,
    Create,
    Replace,
    Touch,
    Delete,
    DeleteUnchanged,
    DeleteExpired,
    Diagnose,
    List,
}

impl Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Connect => "connecting",
            Operation::Load => "loading a session",
            Operation::Create => "creating a session",
            Operation::Replace => "saving a session",
            Operation::Touch => "extending a session",
            Operation::Delete => "deleting a session",
            Operation::DeleteUnchanged => "deleting an unchanged session",
            Operation::DeleteExpired => "removing expired sessions",
            Operation::Diagnose => "examining the server",
            Operation::List => "listing sessions",
        })
    }
}
