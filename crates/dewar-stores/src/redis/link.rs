use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::{RedisError, RedisResult};
use dewar::Result;
use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use tokio::time::{Instant, timeout_at};

use super::commands::Connection;
use super::failure::{self, Verdict};
use super::target::{Target, Waiting};
use crate::server::{Operation, Server};

/// The way to the server: one connection for everybody, made when it is needed and made anew when it broke.
pub(super) struct Link {
    server: Server,
    shared: Arc<Line>,
    connect_timeout: Duration,
    operation_timeout: Duration,
}

/// One try of a call.
pub(super) struct Turn {
    live: Arc<Live>,
    /// Whether there was a try before whose answer was lost.
    pub(super) repeated: bool,
}

struct Line {
    target: Target,
    waiting: Waiting,
    state: Mutex<State>,
    connect_timeout: Duration,
    operation_timeout: Duration,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    /// The attempt to connect that everybody waits for who needs a connection now.
    attempt: Option<WeakShared<Attempt>>,
}

struct Live {
    connection: Connection,
    failures: AtomicU32,
}

type Attempt = Pin<Box<dyn Future<Output = std::result::Result<Arc<Live>, Refused>> + Send>>;

/// Why there is no connection.
#[derive(Clone)]
enum Refused {
    By(RedisError),
    TimedOut,
}

/// So many calls fail before the connection to a cluster is made anew: one may have been slow by chance.
const FAILURES_UNTIL_CLUSTER_IS_LEFT: u32 = 2;

/// A socket takes no limit of zero.
const SHORTEST_LIMIT: Duration = Duration::from_millis(1);

impl Turn {
    pub(super) fn connection(&self) -> &Connection {
        &self.live.connection
    }
}

impl Link {
    pub(super) fn new(
        server: Server,
        target: Target,
        waiting: Waiting,
        connect_timeout: Duration,
        operation_timeout: Duration,
    ) -> Link {
        let state = Mutex::default();
        let line = Line {
            target,
            waiting,
            state,
            connect_timeout,
            operation_timeout,
        };
        Link {
            server,
            shared: Arc::new(line),
            connect_timeout,
            operation_timeout,
        }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Carries out a call, within the time to connect and the time for an operation together.
    ///
    /// After a lost connection, and after an answer that says that nothing was done, it is tried once more.
    pub(super) async fn run<T, F>(
        &self,
        operation: Operation,
        turn: impl Fn(Turn) -> F + Send + Sync,
    ) -> Result<T>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        let end = Instant::now() + self.connect_timeout + self.operation_timeout;
        let mut first = true;
        let mut repeated = false;
        loop {
            let live = self.live(operation, end).await?;
            let now = || {
                let live = live.clone();
                turn(Turn { live, repeated })
            };
            let until = end.min(Instant::now() + self.operation_timeout);
            let error = match self.answer(&live.connection, until, first, now).await {
                Some(Ok(value)) => return Ok(value),
                Some(Err(error)) => error,
                None => {
                    self.shared.falter(&live);
                    return Err(self.server.timed_out(operation, self.operation_timeout));
                }
            };
            let verdict = failure::verdict(&error);
            if verdict != Verdict::Refused {
                self.shared.falter(&live);
            }
            match verdict {
                Verdict::Lost if first => repeated = true,
                Verdict::Demoted if first => {}
                _ => return Err(failure::explain(&self.server, operation, error)),
            }
            first = false;
        }
    }

    /// The answer of a call, if it comes in time. The call begins here: handed over as a future, it would be moved about.
    async fn answer<T, F>(
        &self,
        connection: &Connection,
        until: Instant,
        first: bool,
        call: impl FnOnce() -> F + Send,
    ) -> Option<RedisResult<T>>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        let Connection::Blocking(connection) = connection else {
            return timeout_at(until, call()).await.ok();
        };
        // The limit of the connection is that of the first try; for another one less may be left.
        if !first {
            let left = until.saturating_duration_since(Instant::now());
            connection.limit(left.max(SHORTEST_LIMIT)).ok()?;
        }
        let answer = call().await;
        if !first {
            connection.limit(self.operation_timeout).ok()?;
        }
        match answer {
            Err(error) if error.is_timeout() => None,
            answer => Some(answer),
        }
    }

    async fn live(&self, operation: Operation, end: Instant) -> Result<Arc<Live>> {
        let attempt = match self.shared.live_or_attempt() {
            Ok(live) => return Ok(live),
            Err(attempt) => attempt,
        };
        match timeout_at(end, attempt).await {
            Ok(Ok(live)) => Ok(live),
            Ok(Err(Refused::By(error))) => Err(failure::explain(&self.server, operation, error)),
            Ok(Err(Refused::TimedOut)) | Err(_) => {
                Err(self.server.unreachable(operation, self.connect_timeout))
            }
        }
    }
}

impl State {
    fn is_current(&self, live: &Arc<Live>) -> bool {
        let current = self.live.as_ref();
        current.is_some_and(|current| Arc::ptr_eq(current, live))
    }
}

impl Line {
    fn live_or_attempt(self: &Arc<Line>) -> std::result::Result<Arc<Live>, Shared<Attempt>> {
        let mut state = self.state();
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        if let Some(attempt) = state.attempt.as_ref().and_then(WeakShared::upgrade)
            && attempt.peek().is_none()
        {
            return Err(attempt);
        }
        let line = self.clone();
        let attempt: Attempt = Box::pin(async move {
            let live = line.dial().await?;
            line.state().live = Some(live.clone());
            Ok(live)
        });
        let attempt = attempt.shared();
        // Weak: an attempt that nobody waits for any more would stand still, and be found in the way later.
        state.attempt = attempt.downgrade();
        Err(attempt)
    }

    async fn dial(&self) -> std::result::Result<Arc<Live>, Refused> {
        let dial = self
            .target
            .dial(self.waiting, self.connect_timeout, self.operation_timeout);
        match tokio::time::timeout(self.connect_timeout, dial).await {
            Ok(Ok(connection)) => Ok(Arc::new(Live {
                connection,
                failures: AtomicU32::new(0),
            })),
            Ok(Err(error)) if !error.is_timeout() => Err(Refused::By(error)),
            Ok(Err(_)) | Err(_) => Err(Refused::TimedOut),
        }
    }

    /// Notes that a connection broke, did not answer in time or leads to the wrong server.
    ///
    /// One to a single server is left at once: making another costs little, and is all that helps. One to a
    /// cluster mends itself, except that it never leaves a node that hangs; it goes on serving what the other
    /// nodes have until another is made.
    fn falter(self: &Arc<Line>, live: &Arc<Live>) {
        if !matches!(live.connection, Connection::Cluster(_)) {
            let mut state = self.state();
            if state.is_current(live) {
                state.live = None;
            }
            return;
        }
        if live.failures.fetch_add(1, Ordering::Relaxed) + 1 != FAILURES_UNTIL_CLUSTER_IS_LEFT {
            return;
        }
        let (line, live) = (self.clone(), live.clone());
        tokio::spawn(async move {
            let fresh = line.dial().await;
            let mut state = line.state();
            match fresh {
                Ok(fresh) if state.is_current(&live) => state.live = Some(fresh),
                Ok(_) => {}
                Err(_) => live.failures.store(0, Ordering::Relaxed),
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; the state is whole in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("server", &self.server)
            .field("connect_timeout", &self.connect_timeout)
            .field("operation_timeout", &self.operation_timeout)
            .finish_non_exhaustive()
    }
}
