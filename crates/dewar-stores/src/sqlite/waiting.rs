//! How a call waits for another process's lock.

use std::time::{Duration, Instant};

/// How often a call looks again at once when another process is writing: a write takes some ten microseconds.
const QUICK_TRIES: u32 = 4;

/// The pauses of one call that finds the file locked: none at first, then longer ones, and not all alike.
#[derive(Default)]
pub(super) struct Waiting {
    begin: Option<Instant>,
    tries: u32,
}

impl Waiting {
    /// How long to wait before the next try; `None` when the time is over.
    pub(super) fn next(&mut self, timeout: Duration) -> Option<Duration> {
        let waited = self.begin.get_or_insert_with(Instant::now).elapsed();
        let left = timeout.checked_sub(waited).filter(|left| !left.is_zero())?;
        self.tries += 1;
        let Some(round) = self.tries.checked_sub(QUICK_TRIES + 1) else {
            return Some(Duration::ZERO);
        };
        let longest = 1000 << round.min(4);
        // Any number will do that differs between those who wait.
        let spread = waited.subsec_nanos() % (longest / 2);
        Some(Duration::from_micros(u64::from(longest - spread)).min(left))
    }
}

/// Waits without holding the thread; outside of a tokio runtime, on it.
pub(super) async fn pause(time: Duration) {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => tokio::time::sleep(time).await,
        Err(_) => std::thread::sleep(time),
    }
}
