//! Making room for one another: how long a request waits before it tries again what others were faster with.

use std::time::Duration;

use super::{Engine, Server};
use crate::UnixTime;

/// A round trip that the clock cannot see takes this long.
const SHORTEST: Duration = Duration::from_millis(1);
/// How often the range is doubled.
const DOUBLINGS: u32 = 6;
/// A range grows to this, or to so many tries where they take long: on a server that does one thing after another a try
/// takes as long as all that came before it.
const LONGEST: Duration = Duration::from_millis(250);
const LONGEST_IN_TRIES: u32 = 4;

/// The tries of one request on one record.
///
/// The second one comes at once: most conflicts are between two. From then on each waits for a random part of a range that
/// doubles, measured by what a try takes. Without that, all who lost would load and write at the same moment
/// again; of 64 one would win, and some would lose until their tries are used up.
pub(super) struct Turns {
    begun: UnixTime,
    conflicts: u32,
}

impl Turns {
    /// The first try begins now.
    pub(super) fn new(now: UnixTime) -> Turns {
        Turns {
            begun: now,
            conflicts: 0,
        }
    }

    /// Waits after a conflict. What is loaded before this is old; the next try begins by loading again.
    pub(super) async fn step_aside(&mut self, engine: &Engine, server: &Server) {
        if server.store.immediate().is_some() {
            // Whoever was faster is done already: a store that never waits is not waited for.
            std::thread::yield_now();
            return;
        }
        self.conflicts += 1;
        let Some(doublings) = self.conflicts.checked_sub(2) else {
            self.begun = engine.now();
            return;
        };
        let took = engine.now().since(self.begun).max(SHORTEST);
        let longest = LONGEST.max(took * LONGEST_IN_TRIES);
        let range = (took * 2u32.pow(doublings.min(DOUBLINGS))).min(longest);
        let mut part = [0; 4];
        // Without random bytes the whole range is waited for, which is as good as any.
        let part = match engine.0.random.fill(&mut part) {
            Ok(()) => u32::from_le_bytes(part),
            Err(_) => u32::MAX,
        };
        let pause = range.mul_f64(f64::from(part) / f64::from(u32::MAX));
        server.store.pause(pause).await;
        self.begun = engine.now();
    }
}
