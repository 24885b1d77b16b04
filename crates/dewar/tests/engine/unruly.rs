//! Dice, and a store that is slow and fails as they fall.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dewar::clock::Clock;
use dewar::{Error, ErrorKind, Result};
use dewar_store_tests::{Call, Hook};
use tokio::task::yield_now;

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

/// Lets a store take its time before its work and after it, and fail then, or lose its answer.
#[derive(Debug)]
pub(crate) struct Unruly {
    clock: Arc<dyn Clock>,
    script: Arc<Script>,
}

impl Unruly {
    pub(crate) fn new(clock: Arc<dyn Clock>, script: Arc<Script>) -> Unruly {
        Unruly { clock, script }
    }

    /// Checks a call that changes what is stored, and notes whose it is.
    fn watch(&self, call: &Call<'_>) {
        if let Some(blob) = &call.blob {
            assert!(blob.len() > 2, "an empty record is stored");
        }
        if let Some(expires) = call.expires {
            assert!(expires > self.clock.now(), "it has expired already");
        }
        let polled = self.script.polled();
        let mut events = self.script.events.lock().unwrap();
        if call.blob.is_some() {
            events.wrote.insert(polled);
        }
        if let ("delete" | "delete_unchanged", Some(key)) = (call.method, call.key) {
            events.wrote.insert(polled);
            events.removed.insert((polled, key.expose().to_owned()));
        }
    }
}

#[async_trait]
impl Hook for Unruly {
    async fn before(&self, call: &Call<'_>) -> Result<()> {
        if call.key.is_none() {
            return Ok(());
        }
        self.watch(call);
        self.script.wait().await;
        self.script.fail(&format!("{} fails", call.method))
    }

    async fn after(&self, call: &Call<'_>, answer: &(dyn Debug + Sync)) -> Result<()> {
        let Some(key) = call.key else {
            return Ok(());
        };
        let (method, id) = (call.method, key.expose().rsplit(':').next().unwrap());
        self.script
            .note(format!("{method} {} {answer:.20?}", &id[..4]));
        self.script.wait().await;
        self.script.fail(&format!("answer to {method} is lost"))
    }
}
