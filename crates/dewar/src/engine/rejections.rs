//! Rejected cookies, and how loudly each is told.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::UnixTime;
use crate::cookie::Rejection;
use crate::events;

/// How long nothing more is warned of after a warning. Whoever changes a key on purpose meets the old cookies for weeks.
const QUIET: Duration = Duration::from_secs(600);

/// Tells of rejected cookies: of those that a wrong key or clock explains by a warning, if none was given lately.
pub(super) struct Rejections {
    signatures: Warnings,
    clocks: Warnings,
}

impl Rejections {
    pub(super) const fn new() -> Rejections {
        Rejections {
            signatures: Warnings::new(),
            clocks: Warnings::new(),
        }
    }

    #[cold]
    pub(super) fn tell(&self, rejection: &Rejection, now: UnixTime) {
        let untold = match rejection {
            Rejection::BadSignature { .. } => self.signatures.due(now),
            Rejection::FromTheFuture { .. } => self.clocks.due(now),
            _ => None,
        };
        events::rejected(rejection, untold);
    }
}

struct Warnings {
    /// Until when nothing is said, in milliseconds.
    quiet_until: AtomicI64,
    /// What nothing was said of.
    untold: AtomicU64,
}

impl Warnings {
    const fn new() -> Warnings {
        Warnings {
            quiet_until: AtomicI64::new(i64::MIN),
            untold: AtomicU64::new(0),
        }
    }

    /// How many there were since the last warning, this one too, if it is time for another.
    fn due(&self, now: UnixTime) -> Option<u64> {
        let number = self.untold.fetch_add(1, Relaxed) + 1;
        let quiet_until = self.quiet_until.load(Relaxed);
        let next = (now + QUIET).millis();
        // One that ends later is from before the clock was set back.
        if now.millis() < quiet_until && quiet_until <= next {
            return None;
        }
        // Of two that are due at once one tells.
        self.quiet_until
            .compare_exchange(quiet_until, next, Relaxed, Relaxed)
            .ok()?;
        self.untold.fetch_sub(number, Relaxed);
        Some(number)
    }
}
