use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::{RedisError, RedisResult};
use dewar::{Error, Result};
use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::commands::Connection;
use super::failure::{self, Verdict};
use super::target::{Target, Waiting};
use crate::server::{Operation, Server};

/// The way to the server: a connection for everybody on a runtime, made when it is needed and made anew when it broke.
pub(super) struct Link {
    shared: Arc<Lines>,
    connect_timeout: Duration,
    operation_timeout: Duration,
}

/// One try of a call.
pub(super) struct Turn {
    live: Arc<Live>,
    /// Whether there was a try before whose answer was lost.
    pub(super) repeated: bool,
}

struct Lines {
    /// What the URL names.
    server: Server,
    target: Target,
    waiting: Waiting,
    state: Mutex<State>,
    connect_timeout: Duration,
    operation_timeout: Duration,
}

#[derive(Default)]
struct State {
    lines: Vec<Line>,
}

/// The connection of one runtime. The driver's task runs there: on another one, whoever waits would also wait for what that
/// one is busy with, as workers of actix-web would for one another's handlers.
struct Line {
    /// None if calls wait on their thread, whatever the runtime.
    runtime: Option<runtime::Id>,
    /// Closed once the runtime has ended.
    ended: Option<oneshot::Sender<()>>,
    live: Option<Arc<Live>>,
    /// The attempt to connect that everybody waits for who needs a connection now.
    attempt: Option<WeakShared<Attempt>>,
}

struct Live {
    connection: Connection,
    /// The same for a call whose first try may have been carried out.
    sent_before: Connection,
    /// What messages call the server: behind Sentinel, with its own address.
    server: Server,
    failures: AtomicU32,
}

type Attempt = Pin<Box<dyn Future<Output = std::result::Result<Arc<Live>, Refused>> + Send>>;

/// Why there is no connection.
#[derive(Clone)]
enum Refused {
    By(Server, RedisError),
    BySentinels(RedisError),
    TimedOut(Server),
}

/// So many calls fail before the connection to a cluster is made anew: one may have been slow by chance.
const FAILURES_UNTIL_CLUSTER_IS_LEFT: u32 = 2;

/// A socket takes no limit of zero.
const SHORTEST_LIMIT: Duration = Duration::from_millis(1);

impl Turn {
    pub(super) fn connection(&self) -> &Connection {
        match self.repeated {
            true => &self.live.sent_before,
            false => &self.live.connection,
        }
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
        let lines = Lines {
            server,
            target,
            waiting,
            state,
            connect_timeout,
            operation_timeout,
        };
        Link {
            shared: Arc::new(lines),
            connect_timeout,
            operation_timeout,
        }
    }

    pub(super) fn server(&self) -> &Server {
        &self.shared.server
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
                    return Err(self.late(&live, operation));
                }
            };
            let verdict = failure::verdict(&error);
            if verdict != Verdict::Refused {
                self.shared.falter(&live);
            }
            match verdict {
                Verdict::Lost if first => repeated = true,
                Verdict::Demoted if first => {}
                _ => return Err(failure::explain(&live.server, operation, error)),
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

    fn late(&self, live: &Live, operation: Operation) -> Error {
        match live.connection {
            // The driver asks until the time is over, also where the cluster says that it is down.
            Connection::Cluster(_) => {
                let what = format!(
                    "no answer within {:?}; is part of the cluster down (CLUSTER INFO says cluster_state:fail), or a node \
                     overloaded, frozen or cut off? Where this is normal, raise the time that the operation may take \
                     (SESSION_OPERATION_TIMEOUT)",
                    self.operation_timeout
                );
                live.server.error(operation, what).temporary()
            }
            _ => live.server.timed_out(operation, self.operation_timeout),
        }
    }

    async fn live(&self, operation: Operation, end: Instant) -> Result<Arc<Live>> {
        let attempt = match self.shared.live_or_attempt() {
            Ok(live) => return Ok(live),
            Err(attempt) => attempt,
        };
        match timeout_at(end, attempt).await {
            Ok(Ok(live)) => Ok(live),
            Ok(Err(Refused::By(server, error))) => Err(failure::explain(&server, operation, error)),
            Ok(Err(Refused::BySentinels(error))) => {
                Err(failure::explain_search(self.server(), operation, error))
            }
            Ok(Err(Refused::TimedOut(server))) => {
                Err(server.unreachable(operation, self.connect_timeout))
            }
            Err(_) => Err(self.server().unreachable(operation, self.connect_timeout)),
        }
    }
}

impl State {
    /// The line of a runtime: the one that this runs on, if there is none yet.
    fn line(&mut self, runtime: Option<runtime::Id>) -> &mut Line {
        let place = self.lines.iter().position(|line| line.runtime == runtime);
        let place = place.unwrap_or_else(|| {
            self.lines.retain(|line| !line.is_of_the_past());
            self.lines.push(Line::new(runtime));
            self.lines.len() - 1
        });
        &mut self.lines[place]
    }

    fn line_of(&mut self, live: &Arc<Live>) -> Option<&mut Line> {
        let is_it = |line: &&mut Line| {
            let current = line.live.as_ref();
            current.is_some_and(|current| Arc::ptr_eq(current, live))
        };
        self.lines.iter_mut().find(is_it)
    }
}

impl Line {
    fn new(runtime: Option<runtime::Id>) -> Line {
        let ended = runtime.map(|_| {
            let (ended, end) = oneshot::channel();
            // A runtime that ends drops its tasks.
            tokio::spawn(end);
            ended
        });
        Line {
            runtime,
            ended,
            live: None,
            attempt: None,
        }
    }

    fn is_of_the_past(&self) -> bool {
        self.ended.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

impl Lines {
    fn live_or_attempt(self: &Arc<Lines>) -> std::result::Result<Arc<Live>, Shared<Attempt>> {
        let runtime = match self.waiting {
            Waiting::Task => Handle::try_current().ok().map(|runtime| runtime.id()),
            Waiting::Thread => None,
        };
        let mut state = self.state();
        let line = state.line(runtime);
        if let Some(live) = &line.live {
            return Ok(live.clone());
        }
        if let Some(attempt) = line.attempt.as_ref().and_then(WeakShared::upgrade)
            && attempt.peek().is_none()
        {
            return Err(attempt);
        }
        let lines = self.clone();
        let attempt: Attempt = Box::pin(async move {
            let live = lines.dial().await?;
            lines.state().line(runtime).live = Some(live.clone());
            Ok(live)
        });
        let attempt = attempt.shared();
        // Weak: an attempt that nobody waits for any more would stand still, and be found in the way later.
        line.attempt = attempt.downgrade();
        Err(attempt)
    }

    async fn dial(&self) -> std::result::Result<Arc<Live>, Refused> {
        let end = Instant::now() + self.connect_timeout;
        let server = self.server.clone();
        let place = match timeout_at(end, self.target.find()).await {
            Ok(Ok(place)) => place,
            Ok(Err(error)) if !error.is_timeout() => return Err(Refused::BySentinels(error)),
            Ok(Err(_)) | Err(_) => return Err(Refused::TimedOut(server)),
        };
        let server = match place.address() {
            Some(address) => server.leading_to(&address),
            None => server,
        };
        let dial = place.dial(self.waiting, self.connect_timeout, self.operation_timeout);
        match timeout_at(end, dial).await {
            Ok(Ok(connection)) => Ok(Arc::new(Live {
                sent_before: connection.sent_before(),
                connection,
                server,
                failures: AtomicU32::new(0),
            })),
            Ok(Err(error)) if !error.is_timeout() => Err(Refused::By(server, error)),
            Ok(Err(_)) | Err(_) => Err(Refused::TimedOut(server)),
        }
    }

    /// Notes that a connection broke, did not answer in time or leads to the wrong server.
    ///
    /// One to a single server is left at once: making another costs little, and is all that helps. One to a
    /// cluster mends itself, except that it never leaves a node that hangs; it goes on serving what the other
    /// nodes have until another is made.
    fn falter(self: &Arc<Lines>, live: &Arc<Live>) {
        if !matches!(live.connection, Connection::Cluster(_)) {
            if let Some(line) = self.state().line_of(live) {
                line.live = None;
            }
            return;
        }
        if live.failures.fetch_add(1, Ordering::Relaxed) + 1 != FAILURES_UNTIL_CLUSTER_IS_LEFT {
            return;
        }
        let (lines, live) = (self.clone(), live.clone());
        tokio::spawn(async move {
            match lines.dial().await {
                Ok(fresh) => {
                    if let Some(line) = lines.state().line_of(&live) {
                        line.live = Some(fresh);
                    }
                }
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
            .field("server", self.server())
            .field("connect_timeout", &self.connect_timeout)
            .field("operation_timeout", &self.operation_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn runtimes_have_a_line_each_until_they_end() {
        let lines = Arc::new(Lines {
            server: Server::new("redis", "localhost"),
            target: Target::Single(::redis::Client::open("redis://127.0.0.1").unwrap()),
            waiting: Waiting::Task,
            state: Mutex::default(),
            connect_timeout: Duration::ZERO,
            operation_timeout: Duration::ZERO,
        });
        let runtime = || Builder::new_current_thread().build().unwrap();
        let connect = async || drop(lines.live_or_attempt());
        let (first, second) = (runtime(), runtime());
        first.block_on(connect());
        second.block_on(connect());
        first.block_on(connect());
        assert_eq!(lines.state().lines.len(), 2);
        drop((first, second));
        runtime().block_on(connect());
        assert_eq!(lines.state().lines.len(), 1);
    }
}
