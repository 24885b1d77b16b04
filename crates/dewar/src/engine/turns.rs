//! Making room for one another: how long a request waits before it tries again what others were faster with.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_lock::{Mutex, MutexGuard};

use super::{Engine, Server};
use crate::UnixTime;
use crate::store::Key;

/// A round trip that the clock cannot see takes this long.
const SHORTEST: Duration = Duration::from_millis(1);
/// How often the range is doubled.
const DOUBLINGS: u32 = 6;
/// A range grows to this, or to so many tries where they take long: on a server that does one thing after another a try
/// takes as long as all that came before it.
const LONGEST: Duration = Duration::from_millis(250);
const LONGEST_IN_TRIES: u32 = 4;
/// A try that the clock sees take longer takes this long: the clock may have been set forward meanwhile.
const SLOWEST: Duration = Duration::from_secs(1);
/// Who has lost so often is let pass.
const STARVING: u32 = 8;

/// The tries of one request on one record.
///
/// Whoever loses stands in line with those of this process that lost on the same record: one at a time loads and writes
/// again, at once. Against requests of other processes, each further try waits for a random part of a range that doubles, measured by
/// what a try takes. Without either, all who lost would load and write at the same moment again; of 64 one would win, and
/// some would lose until their tries are used up. Who waits for other processes leaves the line meanwhile; who loses again and
/// again is let pass by those of this process that come new.
pub(super) struct Turns<'e> {
    engine: &'e Engine,
    server: &'e Server,
    begun: UnixTime,
    conflicts: u32,
    place: Option<MutexGuard<'e, ()>>,
    starving: Option<Starving<'e>>,
}

impl<'e> Turns<'e> {
    /// The first try begins now.
    pub(super) fn new(engine: &'e Engine, server: &'e Server, now: UnixTime) -> Turns<'e> {
        Turns {
            engine,
            server,
            begun: now,
            conflicts: 0,
            place: None,
            starving: None,
        }
    }

    /// Waits before a try, if somebody else is at the record who has lost again and again.
    pub(super) async fn let_pass(&mut self, key: &Key) {
        if self.place.is_none() && self.server.lines.is_anybody_starving() {
            // In a place of its own: most requests never get here, and would carry it about.
            self.place = Box::pin(self.wait_in_line(key)).await;
        }
    }

    /// Waits after a conflict. What is loaded before this is old; the next try begins by loading again.
    pub(super) async fn step_aside(&mut self, key: &Key) {
        self.conflicts += 1;
        if self.conflicts == STARVING {
            self.starving = Some(self.server.lines.starve());
        }
        // Most conflicts are between two, of which the other one is done: the second try comes at once.
        if let Some(doublings) = self.conflicts.checked_sub(2) {
            if self.server.store.immediate().is_some() {
                self.make_room();
            } else {
                // Nobody stands behind one who sleeps.
                self.place = None;
                self.pause(doublings).await;
            }
        }
        if self.place.is_none() {
            self.place = Box::pin(self.wait_in_line(key)).await;
        }
        self.begun = self.engine.now();
    }

    /// For a store that never waits: whoever was faster is on another thread or in another process, and done.
    fn make_room(&self) {
        match self.starving {
            None => std::thread::yield_now(),
            // In step with another process, one of two would lose again and again.
            Some(_) => std::thread::sleep(self.random_part(SHORTEST)),
        }
    }

    /// The place at the head of the line; `None` if it takes too long to get there: somebody may stand there who hangs.
    async fn wait_in_line(&self, key: &Key) -> Option<MutexGuard<'e, ()>> {
        let line = self.server.lines.of(key);
        if let Some(place) = line.try_lock() {
            return Some(place);
        }
        if self.server.store.immediate().is_some() {
            // Whoever stands there does so on another thread, and waits for nothing.
            #[cfg(not(target_family = "wasm"))]
            return Some(line.lock_blocking());
            #[cfg(target_family = "wasm")]
            return None;
        }
        let mut place = pin!(line.lock());
        let (mut pause, mut waited) = (SHORTEST, Duration::ZERO);
        // In steps: where a pause blocks the thread, the line is only looked at between two.
        while waited < LONGEST {
            let paused = self.server.store.pause(pause);
            if let Some(place) = whichever_first(place.as_mut(), pin!(paused)).await {
                return Some(place);
            }
            waited += pause;
            pause *= 2;
        }
        None
    }

    async fn pause(&self, doublings: u32) {
        let took = self.engine.now().since(self.begun);
        let took = took.clamp(SHORTEST, SLOWEST);
        let longest = LONGEST.max(took * LONGEST_IN_TRIES);
        let range = (took * 2u32.pow(doublings.min(DOUBLINGS))).min(longest);
        self.server.store.pause(self.random_part(range)).await;
    }

    fn random_part(&self, range: Duration) -> Duration {
        let mut part = [0; 4];
        // Without random bytes the whole range is waited for, which is as good as any.
        let part = match self.engine.0.random.fill(&mut part) {
            Ok(()) => u32::from_le_bytes(part),
            Err(_) => u32::MAX,
        };
        range.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }
}

/// Where the requests of a process stand that lost on a record. Records share a line by chance, which costs a little time.
pub(super) struct Lines {
    starving: AtomicU32,
    hasher: RandomState,
    first: Places,
}

/// The lines of a process, and then those of the child that it was forked into: who stood in its parent's does not exist
/// there, and never leaves.
struct Places {
    process: u32,
    lines: Box<[Mutex<()>]>,
    child: OnceLock<Box<Places>>,
}

const LINES: usize = 64;

impl Lines {
    pub(super) fn new() -> Lines {
        Lines {
            starving: AtomicU32::new(0),
            hasher: RandomState::new(),
            first: Places::of_a_new_process(),
        }
    }

    /// After a fork it may say so for ever, for one who starved in the parent: that costs a look at the line.
    fn is_anybody_starving(&self) -> bool {
        self.starving.load(Ordering::Relaxed) > 0
    }

    fn starve(&self) -> Starving<'_> {
        self.starving.fetch_add(1, Ordering::Relaxed);
        Starving(&self.starving)
    }

    /// The line of a record.
    fn of(&self, key: &Key) -> &Mutex<()> {
        let lines = &self.first.of_this_process().lines;
        &lines[self.hasher.hash_one(key) as usize % lines.len()]
    }
}

impl Places {
    fn of_a_new_process() -> Places {
        Places {
            process: this_process(),
            lines: (0..LINES).map(|_| Mutex::new(())).collect(),
            child: OnceLock::new(),
        }
    }

    fn of_this_process(&self) -> &Places {
        let mut last = self;
        while let Some(child) = last.child.get() {
            last = child;
        }
        match last.process == this_process() {
            true => last,
            false => last
                .child
                .get_or_init(|| Box::new(Places::of_a_new_process())),
        }
    }
}

/// The process's number. There is but one in WebAssembly, and it has none.
fn this_process() -> u32 {
    if cfg!(target_family = "wasm") {
        0
    } else {
        std::process::id()
    }
}

/// Counts as one who starves until it is dropped.
struct Starving<'l>(&'l AtomicU32);

impl Drop for Starving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the first one gives, or `None` if the second is ready before it.
async fn whichever_first<T>(
    mut first: Pin<&mut impl Future<Output = T>>,
    mut second: Pin<&mut impl Future<Output = ()>>,
) -> Option<T> {
    poll_fn(|context| {
        if let Poll::Ready(value) = first.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        second.as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_forked_off_has_lines_of_its_own() {
        let mut lines = Lines::new();
        let key = Key::new("session:1");
        let place = lines.of(&key).try_lock();
        assert!(place.is_some());
        assert!(lines.of(&key).try_lock().is_none());
        std::mem::forget(place);
        // As the child finds it.
        lines.first.process += 1;
        let place = lines.of(&key).try_lock();
        assert!(place.is_some());
        assert!(lines.of(&key).try_lock().is_none());
    }

    #[test]
    fn who_starves_counts_until_the_end() {
        let lines = Lines::new();
        let (first, second) = (lines.starve(), lines.starve());
        drop(first);
        assert!(lines.is_anybody_starving());
        drop(second);
        assert!(!lines.is_anybody_starving());
    }
}
