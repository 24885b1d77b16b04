//! The way to a database server: time limits, and what is repeated when.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool::managed::Manager;
use dewar::{Error, Result};
use tokio::time::{Instant, timeout_at};

use super::pool::{Lent, Pool, Refused};
use super::{Table, Tables};
use crate::migrated::{MAKE_IT, Migrated};
use crate::server::{Operation, Server};

/// A kind of database server, by the manager of its connections.
pub(crate) trait Backend: Manager<Type: Send, Error: Send> {
    /// The SQL of a store whose table was checked.
    type Statements: Send + Sync + 'static;

    /// How it is spoken to, where there is a choice.
    type Options: Copy + Send + Sync + 'static;

    /// What an error means for the call that met it.
    fn verdict(error: &Self::Error) -> Verdict;

    /// Dewar's error for one of the driver, without keys and data.
    fn explain(server: &Server, operation: Operation, error: Self::Error) -> Error;

    /// Checks the table; makes it where it is absent and was to be made.
    fn prepare(
        connection: &mut Self::Type,
        table: &Table,
        tables: Tables,
        options: Self::Options,
    ) -> impl Future<Output = Result<(Self::Statements, Migrated), Trouble<Self::Error>>> + Send;
}

/// What an error means for the call that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The connection is lost, and maybe the answer with it.
    Lost,
    /// The server took everything back because of another transaction: the same once more is safe.
    RolledBack,
    /// The server may not write (any longer), and did nothing: the address may lead to another one by now.
    ReadOnly,
    /// The server said no.
    Refused,
}

/// What is wrong with the table.
pub(crate) enum Trouble<E> {
    /// The server's own complaint.
    Server(E),
    /// The table is absent and was not to be made.
    Absent,
    /// The table is another one; why.
    Foreign(String),
}

impl<E> From<E> for Trouble<E> {
    fn from(error: E) -> Trouble<E> {
        Trouble::Server(error)
    }
}

/// The connections to a server, and what is known of its table.
pub(crate) struct Link<B: Backend> {
    pub(crate) server: Server,
    pub(crate) pool: SharedPool<B>,
    pub(crate) table: Table,
    pub(crate) tables: Tables,
    pub(crate) connect_timeout: Duration,
    pub(crate) operation_timeout: Duration,
    pub(crate) statements: OnceLock<Arc<B::Statements>>,
    pub(crate) options: B::Options,
}

/// The connections of a link, which each loan gives its own back to.
pub(crate) struct SharedPool<B: Backend>(Arc<Pool<B>>);

impl<B: Backend> SharedPool<B> {
    /// As many connections as that, made when they are needed.
    pub(crate) fn new(backend: B, connections: usize) -> SharedPool<B> {
        SharedPool(Arc::new(Pool::new(backend, connections)))
    }
}

/// What an operation does in one try.
pub(crate) type Work<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// What an operation does in one try, put into its box.
pub(crate) fn work<'a, T, E>(
    future: impl Future<Output = Result<T, E>> + Send + 'a,
) -> Work<'a, T, E> {
    Box::pin(future)
}

/// One try of an operation.
pub(crate) struct Turn<B: Backend> {
    loan: Loan<B>,
    pub(crate) statements: Arc<B::Statements>,
    /// Whether an earlier try may have been carried out though its answer was lost.
    pub(crate) repeated: Repeated,
}

/// Whether an earlier try may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeated {
    Yes,
    No,
}

impl<B: Backend> Turn<B> {
    /// The connection, for a call that [`Turn::ended`] must follow.
    pub(crate) fn begin(&mut self) -> &mut B::Type {
        self.loan.begin()
    }

    /// Passes on the end of a call: the connection can be used for others.
    pub(crate) fn ended<T>(&mut self, done: Result<T, B::Error>) -> Result<T, B::Error> {
        self.loan.ended(&done);
        done
    }
}

/// How often a statement is sent again that the server took back because of others.
const ROLLBACKS: u32 = 20;

impl<B: Backend> Link<B> {
    /// Runs an operation: again after a lost connection (once), after the server took it back, and on a new connection
    /// (once) after it could only read.
    pub(crate) async fn run<'a, T>(
        &self,
        operation: Operation,
        work: impl Fn(Turn<B>) -> Work<'a, T, B::Error>,
    ) -> Result<T> {
        let deadline = Instant::now() + self.connect_timeout + self.operation_timeout;
        let (mut repeated, mut rollbacks, mut left) = (Repeated::No, 0, false);
        loop {
            let mut loan = self.lend(operation, deadline).await?;
            let end = deadline.min(Instant::now() + self.operation_timeout);
            let late = |_| self.server.timed_out(operation, self.operation_timeout);
            let statements = match self.statements.get() {
                Some(statements) => Ok(statements.clone()),
                None => {
                    // In a place of its own: it is large, and all calls but the first do without.
                    let prepare = Box::pin(self.prepare(&mut loan, self.tables));
                    timeout_at(end, prepare)
                        .await
                        .map_err(late)?
                        .map(|(statements, _)| statements)
                }
            };
            let done = match statements {
                Ok(statements) => {
                    let turn = Turn {
                        loan,
                        statements,
                        repeated,
                    };
                    timeout_at(end, work(turn)).await.map_err(late)?
                }
                Err(Trouble::Server(error)) => Err(error),
                Err(trouble) => return Err(self.trouble(trouble)),
            };
            let error = match done {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            match B::verdict(&error) {
                Verdict::Lost if repeated == Repeated::No => {
                    // Those that wait in the pool are most likely lost as well.
                    self.pool.0.discard_idle();
                    repeated = Repeated::Yes;
                }
                Verdict::ReadOnly if !left => {
                    self.pool.0.discard_idle();
                    left = true;
                }
                Verdict::RolledBack if rollbacks < ROLLBACKS && Instant::now() < deadline => {
                    rollbacks += 1;
                }
                _ => return Err(B::explain(&self.server, operation, error)),
            }
        }
    }

    /// Connects and checks the table, which is made if it is absent and was to be.
    pub(crate) async fn migrate(&self, tables: Tables) -> Result<Migrated> {
        let operation = Operation::Connect;
        let deadline = Instant::now() + self.connect_timeout + self.operation_timeout;
        let mut repeated = Repeated::No;
        loop {
            let mut loan = self.lend(operation, deadline).await?;
            let prepared = timeout_at(deadline, self.prepare(&mut loan, tables)).await;
            let late = |_| self.server.timed_out(operation, self.operation_timeout);
            match prepared.map_err(late)? {
                Ok((_, migrated)) => return Ok(migrated),
                Err(Trouble::Server(error))
                    if B::verdict(&error) == Verdict::Lost && repeated == Repeated::No =>
                {
                    self.pool.0.discard_idle();
                    repeated = Repeated::Yes;
                }
                Err(trouble) => return Err(self.trouble(trouble)),
            }
        }
    }

    async fn prepare(
        &self,
        loan: &mut Loan<B>,
        tables: Tables,
    ) -> Result<(Arc<B::Statements>, Migrated), Trouble<B::Error>> {
        let (statements, migrated) =
            B::prepare(loan.begin(), &self.table, tables, self.options).await?;
        loan.ended::<()>(&Ok(()));
        let statements = self.statements.get_or_init(|| Arc::new(statements));
        Ok((statements.clone(), migrated))
    }

    /// A connection from the pool, or a new one.
    async fn lend(&self, operation: Operation, deadline: Instant) -> Result<Loan<B>> {
        let end = deadline.min(Instant::now() + self.connect_timeout);
        let error = match self.pool.0.lend(end).await {
            Ok(lent) => return Ok(Loan::new(self.pool.0.clone(), lent)),
            Err(Refused::By(error)) => return Err(B::explain(&self.server, operation, error)),
            Err(Refused::AllBusy) => {
                let what = format!(
                    "all {} connections of the pool are in use; is the server slow? Otherwise allow more",
                    self.pool.0.connections()
                );
                self.server.error(operation, what)
            }
            Err(Refused::TimedOut) => self.server.unreachable(operation, self.connect_timeout),
        };
        Err(error.temporary())
    }

    fn trouble(&self, trouble: Trouble<B::Error>) -> Error {
        let operation = Operation::Connect;
        match trouble {
            Trouble::Server(error) => B::explain(&self.server, operation, error),
            Trouble::Foreign(why) => self.server.error(operation, why),
            Trouble::Absent => {
                let what = format!("the table of sessions is absent; {MAKE_IT}");
                self.server.error(operation, what)
            }
        }
    }
}

impl<B: Backend> Debug for Link<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("server", &self.server)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// A connection out of the pool. It goes back unless a call was abandoned in the middle, because it took too long:
/// the answer may still come, and would be taken for that of the next call.
struct Loan<B: Backend> {
    pool: Arc<Pool<B>>,
    lent: Option<Lent<B::Type>>,
    state: State,
}

/// Whether a connection is in the middle of a call.
#[derive(PartialEq, Eq)]
enum State {
    Idle,
    InCall,
}

impl<B: Backend> Loan<B> {
    fn new(pool: Arc<Pool<B>>, lent: Lent<B::Type>) -> Loan<B> {
        Loan {
            pool,
            lent: Some(lent),
            state: State::Idle,
        }
    }

    fn begin(&mut self) -> &mut B::Type {
        self.state = State::InCall;
        match &mut self.lent {
            Some(lent) => &mut lent.connection,
            None => unreachable!("it is taken out only when the loan is dropped"),
        }
    }

    fn ended<T>(&mut self, done: &Result<T, B::Error>) {
        match done {
            Err(error) if B::verdict(error) == Verdict::Lost => {}
            _ => self.state = State::Idle,
        }
    }
}

impl<B: Backend> Drop for Loan<B> {
    fn drop(&mut self) {
        match self.lent.take() {
            Some(lent) if self.state == State::Idle => self.pool.put_back(lent),
            Some(lent) => self.pool.discard(lent),
            None => {}
        }
    }
}
