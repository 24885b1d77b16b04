//! The connections to a database server, each on the runtime that it was made on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool::managed::{Manager, Metrics};
use tokio::runtime::{self, Handle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// The connections to a server; one is lent to one call at a time, on the runtime that it was made on. Its socket, and what the
/// driver does meanwhile, are there: on another one, whoever waits would also wait for what that one is busy with, as
/// workers of actix-web would for one another's handlers.
pub(super) struct Pool<M: Manager> {
    manager: M,
    connections: usize,
    idle: Mutex<Vec<(runtime::Id, M::Type)>>,
    slots: Arc<Semaphore>,
}

/// A connection out of the pool, which it goes back to unless it is [discarded](Pool::discard).
pub(super) struct Lent<C> {
    pub(super) connection: C,
    runtime: runtime::Id,
    /// After the connection, so that there are never more of them than slots.
    _slot: OwnedSemaphorePermit,
}

/// Why none is lent.
pub(super) enum Refused<E> {
    By(E),
    AllBusy,
    TimedOut,
}

impl<M: Manager> Pool<M> {
    pub(super) fn new(manager: M, connections: usize) -> Pool<M> {
        Pool {
            manager,
            connections,
            idle: Mutex::default(),
            slots: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// How many connections there may be.
    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// One that is idle, or a new one.
    pub(super) async fn lend(&self, end: Instant) -> Result<Lent<M::Type>, Refused<M::Error>> {
        let slot = timeout_at(end, self.slots.clone().acquire_owned()).await;
        let Ok(Ok(slot)) = slot else {
            return Err(Refused::AllBusy);
        };
        let runtime = Handle::current().id();
        let connection = match self.take_idle(runtime).await {
            Some(connection) => connection,
            None => {
                self.make_room();
                match timeout_at(end, self.manager.create()).await {
                    Ok(made) => made.map_err(Refused::By)?,
                    Err(_) => return Err(Refused::TimedOut),
                }
            }
        };
        Ok(Lent {
            connection,
            runtime,
            _slot: slot,
        })
    }

    pub(super) fn put_back(&self, lent: Lent<M::Type>) {
        self.idle().push((lent.runtime, lent.connection));
    }

    /// Closes one that is of no use.
    pub(super) fn discard(&self, mut lent: Lent<M::Type>) {
        self.manager.detach(&mut lent.connection);
    }

    /// Closes all that are idle.
    pub(super) fn discard_idle(&self) {
        let idle = std::mem::take(&mut *self.idle());
        self.close(idle);
    }

    async fn take_idle(&self, here: runtime::Id) -> Option<M::Type> {
        loop {
            let (_, mut connection) = {
                let mut idle = self.idle();
                let place = idle.iter().rposition(|(runtime, _)| *runtime == here)?;
                idle.remove(place)
            };
            // One that the server has closed meanwhile, because it was restarted say, is not worth a failure.
            let unknown = Metrics::default();
            let usable = self.manager.recycle(&mut connection, &unknown).await;
            if usable.is_ok() {
                return Some(connection);
            }
            self.manager.detach(&mut connection);
        }
    }

    /// Closes those of other runtimes that are too many beside one that is made.
    fn make_room(&self) {
        let surplus: Vec<_> = {
            let mut idle = self.idle();
            let rest = idle.len().min(self.slots.available_permits());
            let surplus = idle.len() - rest;
            idle.drain(..surplus).collect()
        };
        self.close(surplus);
    }

    fn close(&self, connections: Vec<(runtime::Id, M::Type)>) {
        for (_, mut connection) in connections {
            self.manager.detach(&mut connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(runtime::Id, M::Type)>> {
        // Nothing panics while it is held.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
