//! Dice, and a store that is slow and fails as they fall.

use std::collections::HashSet;
use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dewar::clock::Clock;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Key, Page, Purged, Record, Replaced, Store, Touched,
    Version,
};
use dewar::{Error, ErrorKind, Result, UnixTime};
use tokio::task::yield_now;

use crate::support::{Bench, FaultyStore};

/// The dice of one seed, and what happened so far.
#[derive(Debug)]
pub(crate) struct Script {
    seed: u64,
    rolls: AtomicU64,
    /// How many of a hundred calls of the store fail before their work is done, and as many after it.
    faults: u64,
    /// How many of a hundred saves are given up.
    pub(crate) given_up: u64,
    /// The request that is being polled.
    polled: AtomicUsize,
    events: Mutex<Events>,
}

#[derive(Debug, Default)]
struct Events {
    trace: Vec<String>,
    /// Requests for which the store failed.
    failed: HashSet<usize>,
    /// Requests that changed what is stored.
    wrote: HashSet<usize>,
    /// Who removed what, or tried to.
    removed: HashSet<(usize, String)>,
}

impl Script {
    pub(crate) fn new(seed: u64) -> Script {
        let mut script = Script {
            seed,
            rolls: AtomicU64::new(seed << 32),
            faults: 0,
            given_up: 0,
            polled: AtomicUsize::new(0),
            events: Mutex::default(),
        };
        if seed % 2 == 1 {
            script.faults = script.below(12);
            script.given_up = script.below(50);
        }
        script
    }

    /// A number below the limit, by SplitMix64.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        let roll = self.rolls.fetch_add(1, Ordering::Relaxed);
        let mixed = roll.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// How often the dice were rolled.
    pub(crate) fn rolls(&self) -> u32 {
        self.rolls.load(Ordering::Relaxed) as u32
    }

    /// Whether the store fails, and saves are given up.
    pub(crate) fn has_faults(&self) -> bool {
        self.seed % 2 == 1
    }

    /// What happens from now on happens to this request.
    pub(crate) fn turn_to(&self, number: usize) {
        self.polled.store(number, Ordering::Relaxed);
    }

    fn polled(&self) -> usize {
        self.polled.load(Ordering::Relaxed)
    }

    /// Whether the request changed what is stored, or tried to.
    pub(crate) fn wrote(&self) -> bool {
        self.events.lock().unwrap().wrote.contains(&self.polled())
    }

    /// Whether another request than this one removed what the cookie names.
    pub(crate) fn removed_by_another(&self, cookie: &str) -> bool {
        let polled = self.polled();
        let removed = &self.events.lock().unwrap().removed;
        removed
            .iter()
            .any(|(who, key)| *who != polled && key.ends_with(cookie))
    }

    pub(crate) fn note(&self, what: String) {
        let polled = self.polled();
        let mut events = self.events.lock().unwrap();
        events.trace.push(format!("request {polled}: {what}"));
    }

    /// Lets others go first, mostly a few times or not at all.
    pub(crate) async fn wait(&self) {
        let times = [0, 0, 0, 1, 1, self.below(12)][self.below(6) as usize];
        for _ in 0..times {
            yield_now().await;
        }
    }

    /// That a request may be told of this error: of the store's only where that failed for it.
    pub(crate) fn check(&self, error: &Error) {
        let polled = self.polled();
        let expected = match error.kind() {
            ErrorKind::Store => self.events.lock().unwrap().failed.contains(&polled),
            kind => matches!(kind, ErrorKind::Gone | ErrorKind::ReadOnly),
        };
        assert!(expected, "request {polled}: {error}");
    }

    fn fail(&self, what: &str) -> Result<()> {
        if !self.chance(self.faults) {
            return Ok(());
        }
        self.note(what.to_owned());
        let polled = self.polled();
        self.events.lock().unwrap().failed.insert(polled);
        Err(Error::new(ErrorKind::Store, what))
    }
}

impl Drop for Script {
    /// Tells how a test came to fail.
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let trace = &self.events.lock().unwrap().trace;
            eprintln!("seed {}:\n{}", self.seed, trace.join("\n"));
        }
    }
}

/// A store that takes its time before its work and after it, and fails then, or loses its answer.
#[derive(Debug)]
pub(crate) struct UnrulyStore {
    inner: FaultyStore,
    clock: Arc<dyn Clock>,
    script: Arc<Script>,
}

impl UnrulyStore {
    pub(crate) fn new(bench: &Bench, script: &Arc<Script>) -> UnrulyStore {
        UnrulyStore {
            inner: bench.store.clone(),
            clock: bench.clock.clone(),
            script: script.clone(),
        }
    }

    async fn call<T: Debug>(
        &self,
        name: &str,
        key: &Key,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.script.wait().await;
        self.script.fail(&format!("{name} fails"))?;
        let answer = work.await?;
        let id = key.expose().rsplit(':').next().unwrap();
        self.script
            .note(format!("{name} {} {answer:.20?}", &id[..4]));
        self.script.wait().await;
        self.script.fail(&format!("answer to {name} is lost"))?;
        Ok(answer)
    }

    fn writes(&self, blob: &[u8], expires: UnixTime) {
        assert!(blob.len() > 2, "an empty record is stored");
        assert!(expires > self.clock.now(), "it has expired already");
        let polled = self.script.polled();
        self.script.events.lock().unwrap().wrote.insert(polled);
    }

    fn removes(&self, key: &Key) {
        let polled = self.script.polled();
        let mut events = self.script.events.lock().unwrap();
        events.wrote.insert(polled);
        events.removed.insert((polled, key.expose().to_owned()));
    }
}

#[async_trait]
impl Store for UnrulyStore {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        self.call("load", key, self.inner.load(key)).await
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        self.writes(&blob, expires);
        let work = self.inner.create(key, blob, expires);
        self.call("create", key, work).await
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        self.writes(&blob, expires);
        let work = self.inner.replace(key, blob, expires, seen);
        self.call("replace", key, work).await
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        assert!(expires > self.clock.now(), "it has expired already");
        self.call("touch", key, self.inner.touch(key, expires))
            .await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.removes(key);
        self.call("delete", key, self.inner.delete(key)).await
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let work = self.inner.delete_unchanged(key, seen);
        self.removes(key);
        self.call("delete_unchanged", key, work).await
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        self.inner.delete_expired(now, limit).await
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        self.inner.list(prefix, cursor, limit).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}
