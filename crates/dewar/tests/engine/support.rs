//! A browser of one cookie, an engine on a clock that stands still, and a store that fails when told to.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dewar::clock::ManualClock;
use dewar::config::Config;
use dewar::engine::Reply;
use dewar::plan::Kept;
use dewar::store::memory::MemoryStore;
use dewar::store::{Cursor, Key, Record, Store};
use dewar::{Engine, Error, ErrorKind, Result, Session, UnixTime};
use dewar_store_tests::{Call, Hook, HookedStore};

pub(crate) const START: UnixTime = UnixTime::from_seconds(1_700_000_000);
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// An engine with what a test needs to steer it.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: HookedStore<MemoryStore>,
    pub(crate) faults: Arc<Faults>,
}

pub(crate) fn cookie_bench(config: Config) -> Bench {
    bench(config.secret_key(KEY), Kept::InCookie)
}

pub(crate) fn server_bench(config: Config) -> Bench {
    bench(config.session_type("memory"), Kept::InStore)
}

fn bench(config: Config, kept: Kept) -> Bench {
    let clock = Arc::new(ManualClock::new(START));
    let memory = MemoryStore::new(10_000, clock.clone());
    let faults = Arc::new(Faults::of(memory.clone()));
    let store = HookedStore::new(memory, faults.clone());
    let mut engine = Engine::builder(config).clock(clock.clone());
    if kept == Kept::InStore {
        engine = engine.store(store.clone());
    }
    let engine = engine.build().unwrap();
    Bench {
        engine,
        clock,
        store,
        faults,
    }
}

impl Bench {
    /// How many sessions live.
    pub(crate) async fn sessions(&self) -> usize {
        let page = self
            .faults
            .memory
            .list("session:", Cursor::start(), 100_000)
            .await
            .unwrap()
            .unwrap();
        page.entries.len()
    }
}

/// Keeps one cookie, as a browser does.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) async fn open(&self, engine: &Engine) -> Session {
        self.try_open(engine).await.unwrap()
    }

    pub(crate) async fn try_open(&self, engine: &Engine) -> Result<Session> {
        let header = self
            .cookie
            .as_ref()
            .map(|cookie| format!("{}={cookie}", engine.cookie_name()));
        engine
            .open(header.as_ref().map(|header| header.as_bytes()))
            .await
    }

    /// Closes the session and obeys the reply.
    pub(crate) async fn close(&mut self, session: &Session) -> Reply {
        let reply = session.engine().close(session).await.unwrap();
        self.obey(&reply);
        reply
    }

    pub(crate) fn obey(&mut self, reply: &Reply) {
        if let Some(set_cookie) = reply.set_cookie() {
            let (pair, attributes) = set_cookie.split_once(';').unwrap();
            let value = pair.split_once('=').unwrap().1;
            self.cookie = (!attributes.contains("Max-Age=0")).then(|| value.to_owned());
        }
    }

    /// One request: open, let `handle` do its work, close.
    pub(crate) async fn request(
        &mut self,
        engine: &Engine,
        handle: impl FnOnce(&Session),
    ) -> Reply {
        let session = self.open(engine).await;
        handle(&session);
        self.close(&session).await
    }

    /// A request that writes one key.
    pub(crate) async fn write(
        &mut self,
        engine: &Engine,
        key: &str,
        value: impl serde::Serialize,
    ) -> Reply {
        self.request(engine, |session| session.insert(key, value).unwrap())
            .await
    }

    /// What a page that only reads would see.
    pub(crate) async fn see<T: serde::de::DeserializeOwned>(
        &self,
        engine: &Engine,
        key: &str,
    ) -> Option<T> {
        self.open(engine).await.get(key).unwrap()
    }
}

/// Lets the operations of a memory store fail when told to. It has to be asked for expiries apart, as Redis has.
#[derive(Debug)]
pub(crate) struct Faults {
    memory: MemoryStore,
    failing: Mutex<Vec<&'static str>>,
    hanging: Mutex<Hanging>,
    calls: AtomicU32,
    asked: AtomicU32,
    silent: AtomicBool,
    rivals: Mutex<Rivals>,
}

/// One operation that does not come back before it is let go.
#[derive(Debug, Default)]
enum Hanging {
    #[default]
    None,
    /// After so many more of its kind.
    After(&'static str, u32),
    Now,
}

/// Other requests that write to the same session, and how long it is waited for them.
#[derive(Debug, Default)]
struct Rivals {
    /// So many more of them are faster than who writes.
    ahead: u32,
    pauses: Vec<Duration>,
    /// Whether pauses never end, and operations let others go first.
    slow: bool,
}

impl Faults {
    fn of(memory: MemoryStore) -> Faults {
        Faults {
            memory,
            failing: Mutex::default(),
            hanging: Mutex::default(),
            calls: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            silent: AtomicBool::new(false),
            rivals: Mutex::default(),
        }
    }

    /// The next so many writes come too late.
    pub(crate) fn lose(&self, times: u32) {
        self.rivals.lock().unwrap().ahead = times;
    }

    /// How long was waited between tries.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.rivals.lock().unwrap().pauses.clone()
    }

    /// From now on these operations fail.
    pub(crate) fn fail(&self, operations: &[&'static str]) {
        *self.failing.lock().unwrap() = operations.to_vec();
    }

    /// After so many more of these operations, one does not come back before it is let go. `"answer to create"` is one whose
    /// work is done.
    pub(crate) fn hang_after(&self, operation: &'static str, times: u32) {
        *self.hanging.lock().unwrap() = Hanging::After(operation, times);
    }

    /// Whether it is under way.
    pub(crate) fn hangs(&self) -> bool {
        matches!(*self.hanging.lock().unwrap(), Hanging::Now)
    }

    /// Lets the operation go on that hangs.
    pub(crate) fn let_go(&self) {
        *self.hanging.lock().unwrap() = Hanging::None;
    }

    /// From now on operations let others go first, and a pause never ends.
    pub(crate) fn slow_down(&self) {
        self.rivals.lock().unwrap().slow = true;
    }

    /// From now on no expiry is told at all, as by an application's own client.
    pub(crate) fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// How often an expiry was asked for.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// How many operations there were so far, listing apart.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    fn hangs_now(&self, operation: &str) -> bool {
        let mut hanging = self.hanging.lock().unwrap();
        let next = match *hanging {
            Hanging::After(one, 0) if one == operation => Hanging::Now,
            Hanging::After(one, times) if one == operation => Hanging::After(one, times - 1),
            _ => return false,
        };
        *hanging = next;
        matches!(*hanging, Hanging::Now)
    }

    fn is_slow(&self) -> bool {
        self.rivals.lock().unwrap().slow
    }

    fn overtaken(&self) -> bool {
        let mut rivals = self.rivals.lock().unwrap();
        let overtaken = rivals.ahead > 0;
        rivals.ahead -= u32::from(overtaken);
        overtaken
    }

    async fn hang(&self, operation: &str) {
        if self.hangs_now(operation) {
            while self.hangs() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Another request writes what is there once more.
    async fn overtake(&self, key: &Key) -> Result<()> {
        if let Some(Record {
            blob,
            version,
            expires,
        }) = self.memory.load(key).await?
        {
            self.memory
                .replace(key, blob, expires.unwrap(), &version)
                .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Hook for Faults {
    async fn before(&self, call: &Call<'_>) -> Result<()> {
        if call.method == "list" {
            return Ok(());
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.hang(call.method).await;
        if self.is_slow() {
            tokio::task::yield_now().await;
        }
        if self.failing.lock().unwrap().contains(&call.method) {
            return Err(Error::new(
                ErrorKind::Store,
                format!("{} failed, as told", call.method),
            ));
        }
        match call.key {
            Some(key) if call.method == "replace" && self.overtaken() => self.overtake(key).await,
            _ => Ok(()),
        }
    }

    async fn after(&self, call: &Call<'_>, _: &(dyn Debug + Sync)) -> Result<()> {
        self.hang(&format!("answer to {}", call.method)).await;
        Ok(())
    }

    fn tells_expiry(&self, wanted: bool) -> bool {
        self.asked.fetch_add(u32::from(wanted), Ordering::SeqCst);
        wanted && !self.silent.load(Ordering::SeqCst)
    }

    async fn pause(&self, time: Duration) {
        self.rivals.lock().unwrap().pauses.push(time);
        if self.hangs_now("pause") || self.is_slow() {
            std::future::pending().await
        }
    }
}
