use std::fmt::{self, Debug};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dewar::{Error, Result};
use tokio::runtime::{self, Handle};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::connection::{Address, Connection, Failure, LogIn, Outcome, Request};
use crate::server::{Operation, Server};

/// The connections to one server; one is used for one request at a time, on the runtime that it was made on: on another one it
/// would wait for what that one is busy with.
pub(super) struct Pool {
    server: Server,
    address: Address,
    log_in: LogIn,
    limits: Limits,
    idle: Mutex<Vec<(runtime::Id, Connection)>>,
    slots: Semaphore,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connect: Duration,
    pub(super) operation: Duration,
    pub(super) connections: usize,
}

/// One call of the store: as many requests as it takes, in the time that one call has.
pub(super) struct Errand<'a> {
    pool: &'a Pool,
    operation: Operation,
    end: Instant,
}

/// A request whose connection was lost, and with it maybe the answer.
#[derive(Debug)]
pub(super) struct Lost(Error);

impl From<Lost> for Error {
    fn from(lost: Lost) -> Error {
        lost.0
    }
}

impl Pool {
    pub(super) fn new(address: Address, log_in: LogIn, limits: Limits) -> Pool {
        Pool {
            server: Server::new("memcached", address.to_string()),
            address,
            log_in,
            limits,
            idle: Mutex::default(),
            slots: Semaphore::new(limits.connections),
        }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    pub(super) fn errand(&self, operation: Operation) -> Errand<'_> {
        Errand {
            pool: self,
            operation,
            end: Instant::now() + self.limits.connect + self.limits.operation,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(runtime::Id, Connection)>> {
        // Nothing panics while it is held.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, connection: Connection) {
        self.idle().push((Handle::current().id(), connection));
    }

    fn take_idle(&self) -> Option<Connection> {
        let here = Handle::current().id();
        let mut idle = self.idle();
        // One that the server has closed meanwhile, because it was restarted say, is not worth a failure.
        while let Some(place) = idle.iter().rposition(|(runtime, _)| *runtime == here) {
            let (_, connection) = idle.remove(place);
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        // Another one is made, for which one of another runtime may have to go.
        let rest = idle.len().min(self.slots.available_permits());
        let surplus = idle.len() - rest;
        idle.drain(..surplus);
        None
    }
}

impl Errand<'_> {
    /// Asks; once more when the connection was lost, so only what is the same done twice.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Outcome> {
        match self.ask_once(request).await? {
            Ok(outcome) => Ok(outcome),
            Err(_) => Ok(self.ask_once(request).await??),
        }
    }

    /// Asks; the inner error is a lost connection.
    pub(super) async fn ask_once(
        &self,
        request: &Request<'_>,
    ) -> Result<std::result::Result<Outcome, Lost>> {
        let (mut connection, _slot) = self.connection().await?;
        let until = self.end.min(Instant::now() + self.pool.limits.operation);
        // A connection that is not put back is closed: nobody must get the answer to another's request.
        let Ok(answer) = timeout_at(until, connection.ask(request)).await else {
            return Err(self
                .pool
                .server
                .timed_out(self.operation, self.pool.limits.operation));
        };
        let failure = match answer {
            Ok(outcome) => {
                self.pool.put_back(connection);
                return Ok(Ok(outcome));
            }
            Err(failure) => failure,
        };
        if failure.leaves_connection_usable() {
            self.pool.put_back(connection);
        }
        let lost = matches!(failure, Failure::Io(_) | Failure::Garbled);
        let error = self.explain(failure, request.size());
        if lost {
            Ok(Err(Lost(error)))
        } else {
            Err(error)
        }
    }

    async fn connection(&self) -> Result<(Connection, SemaphorePermit<'_>)> {
        let limits = &self.pool.limits;
        let until = self.end.min(Instant::now() + limits.connect);
        let Ok(Ok(slot)) = timeout_at(until, self.pool.slots.acquire()).await else {
            let what = format!(
                "all {} connections are in use for longer than {:?}; allow more, or see why the server is slow",
                limits.connections, limits.connect
            );
            return Err(self.pool.server.error(self.operation, what).temporary());
        };
        if let Some(connection) = self.pool.take_idle() {
            return Ok((connection, slot));
        }
        let open = Connection::open(&self.pool.address, &self.pool.log_in);
        match timeout_at(until, open).await {
            Ok(Ok(connection)) => Ok((connection, slot)),
            Ok(Err(failure)) => Err(self.explain(failure, 0)),
            Err(_) => Err(self.pool.server.unreachable(self.operation, limits.connect)),
        }
    }

    fn explain(&self, failure: Failure, size: usize) -> Error {
        let error = |what: &str| self.pool.server.error(self.operation, what);
        match failure {
            Failure::Io(cause) if cause.kind() == std::io::ErrorKind::ConnectionRefused => {
                error("nothing listens there; is the server running, and is the address right?")
                    .temporary()
                    .with_source(cause)
            }
            Failure::Io(cause) => error("the connection cannot be made, or was lost")
                .temporary()
                .with_source(cause),
            Failure::Garbled => error("what answers there is not memcached; are host and port right?"),
            Failure::Unknown => error("the server does not know the command; memcached 1.6 or newer is needed"),
            Failure::TooLarge => error(&format!(
                "the session has {size} bytes, more than the server takes (option -I of memcached, 1 MB unless set)"
            )),
            Failure::Full => {
                error("the server's memory is full; give it more (option -m), or shorten the sessions' lifetime")
                    .temporary()
            }
            Failure::Denied => error(
                "the server refuses this user and password; put them into the URL as memcached://user:password@…, with \
                 ?auth=text if the server was started with -Y",
            ),
            Failure::Refused(words) => error(&format!("the server says: {words}")),
        }
    }
}

impl Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("server", &self.server)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
