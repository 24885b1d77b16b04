//! Stores with connections, for threads that wait: each thread that is in I/O has a lane of its own.
//!
//! A lane is a runtime for one thread and a store with connections of its own. Whoever needs one takes an idle one or makes
//! one, runs its call on it, on its own thread, and puts it back: no call is handed to another thread, and there are as many
//! lanes as threads were ever in I/O at once.
//!
//! After a fork, the child has copies of its parent's connections, and must neither use nor close them. So lanes belong to a
//! process, and those that a child inherited stay untouched for as long as it lives.

use std::fmt;
use std::mem;
use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Key, Page, Purged, Record, Replaced, Store, Touched,
    Version,
};
use dewar::{Error, ErrorKind, Result, UnixTime};
use tokio::runtime::{Builder, Runtime};

use crate::wait::pause;

type Opener = Box<dyn Fn() -> Result<Arc<dyn Store>> + Send + Sync>;

/// A store that blocks the calling thread, over stores that do not.
pub(super) struct Lanes {
    open: Opener,
    /// One store for what needs no connection.
    example: Arc<dyn Store>,
    first: Pool,
}

/// The lanes of a process, and then those of the child that it was forked into.
struct Pool {
    process: u32,
    idle: Mutex<Vec<Lane>>,
    child: OnceLock<Box<Pool>>,
}

struct Lane {
    // Dropped before the runtime that its connections run on.
    store: Arc<dyn Store>,
    runtime: Runtime,
}

impl Lanes {
    /// Lanes whose stores `open` makes; it connects nothing yet.
    pub(super) fn new(open: Opener) -> Result<Lanes> {
        let example = open()?;
        Ok(Lanes {
            open,
            example,
            first: Pool::of_this_process(),
        })
    }

    /// The pool of this process. Inherited ones are left as they are, their locks too: a thread may have held one when the
    /// process was forked.
    fn pool(&self) -> &Pool {
        let mut last = &self.first;
        while let Some(child) = last.child.get() {
            last = child;
        }
        if last.process == process::id() {
            return last;
        }
        last.child.get_or_init(|| Box::new(Pool::of_this_process()))
    }

    fn take(&self, pool: &Pool) -> Result<Lane> {
        if let Some(lane) = pool.lock().pop() {
            return Ok(lane);
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(
                    ErrorKind::Store,
                    "no event loop could be made for the session store",
                )
                .with_source(error)
            })?;
        let guard = runtime.enter();
        let store = (self.open)()?;
        drop(guard);
        Ok(Lane { store, runtime })
    }
}

impl Pool {
    fn of_this_process() -> Pool {
        Pool {
            process: process::id(),
            idle: Mutex::new(Vec::new()),
            child: OnceLock::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Lane>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.process != process::id() {
            // The parent still uses these connections: closing them here would say goodbye in its name.
            let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(mem::take(idle));
        }
    }
}

/// Runs one call of the store contract on a lane.
macro_rules! on_a_lane {
    ($lanes:expr, $method:ident($($argument:expr),*)) => {{
        let pool = $lanes.pool();
        let lane = $lanes.take(pool)?;
        let result = lane.runtime.block_on(lane.store.$method($($argument),*));
        pool.lock().push(lane);
        result
    }};
}

#[async_trait]
impl Store for Lanes {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        on_a_lane!(self, load(key))
    }

    async fn load_without_expiry(&self, key: &Key) -> Result<Option<Record>> {
        on_a_lane!(self, load_without_expiry(key))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        on_a_lane!(self, create(key, blob, expires))
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        on_a_lane!(self, replace(key, blob, expires, seen))
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        on_a_lane!(self, touch(key, expires))
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        on_a_lane!(self, delete(key))
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        on_a_lane!(self, delete_unchanged(key, seen))
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        on_a_lane!(self, delete_expired(now, limit))
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        on_a_lane!(self, list(prefix, cursor, limit))
    }

    /// On the thread that waits, which needs no lane for it.
    async fn pause(&self, time: Duration) {
        pause(time).await;
    }

    fn capabilities(&self) -> Capabilities {
        self.example.capabilities()
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.example, f)
    }
}
