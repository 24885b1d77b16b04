//! Which sessions this process knows to have been extended lately, so that the store need not be asked when they expire.
//!
//! The expiry counts for one question, whether use is to move it (`SESSION_REFRESH_AFTER`), and that is answered for a while
//! once it is known: with the same rules, everybody moves it only further away. For a store that has to be asked apart, as Redis has, that saves
//! a command of every read of a session that is in use. It is answered when a request begins: one during which the session becomes due leaves that to
//! the next, unless it goes on for another pause. Expiries that somebody else brings closer, by hand or with another lifetime, are
//! noticed after [`TRUSTED`].

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::UnixTime;
use crate::config::Refresh;
use crate::store::Key;

/// How long what was seen counts.
const TRUSTED: Duration = Duration::from_secs(60);

/// A power of two. Of two sessions in one place the older one is forgotten, and asked for again.
const PLACES: usize = 1 << 14;

/// Sessions, and until when each is certain not to be due. It takes 128 KB however many there are.
pub(super) struct Lately {
    /// The pause between two extensions.
    pause: Duration,
    hasher: RandomState,
    /// The upper half of the key's hash, and the lower half of the time in seconds: a word, so that it is read and written as one.
    places: Box<[AtomicU64]>,
}

impl Lately {
    /// `None` if the expiry decides nothing: use never moves it, or each time.
    pub(super) fn of(refresh: Refresh) -> Option<Lately> {
        match refresh {
            Refresh::Never | Refresh::After(Duration::ZERO) => None,
            Refresh::After(pause) => Some(Lately {
                pause,
                hasher: RandomState::new(),
                places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            }),
        }
    }

    /// Notes that a session was extended at `extended`, as was seen now.
    pub(super) fn note(&self, key: &Key, extended: UnixTime, now: UnixTime) {
        let until = (extended + self.pause).min(now + TRUSTED);
        // Seconds are rounded down: it is asked again rather too early.
        let (place, tag) = self.place(key);
        place.store(tag | u64::from(seconds(until)), Relaxed);
    }

    /// Whether the session is known not to be due.
    pub(super) fn is_not_due(&self, key: &Key, now: UnixTime) -> bool {
        let (place, tag) = self.place(key);
        let noted = place.load(Relaxed);
        if noted & TAG != tag {
            return false;
        }
        // Counted from now, as half of the time is kept; a clock that was set back is no reason to trust it for longer.
        let left = Duration::from_secs((noted as u32).wrapping_sub(seconds(now)).into());
        let until = UnixTime::from_seconds(now.seconds()) + left;
        now < until && left <= TRUSTED
    }

    fn place(&self, key: &Key) -> (&AtomicU64, u64) {
        let hash = self.hasher.hash_one(key);
        (&self.places[hash as usize % PLACES], hash & TAG)
    }
}

/// Where a place says whose it is.
const TAG: u64 = !0 << u32::BITS;

fn seconds(time: UnixTime) -> u32 {
    time.seconds() as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn lately(pause: Duration) -> Lately {
        Lately::of(Refresh::After(pause)).unwrap()
    }

    fn key(name: &str) -> Key {
        Key::new(name)
    }

    #[test]
    fn what_was_seen_counts_for_a_minute() {
        let lately = lately(HOUR);
        let extended = NOW - Duration::from_secs(600);
        lately.note(&key("a"), extended, NOW);
        for (after, known) in [
            (0, true),
            (59_999, true),
            (60_000, false),
            (7_200_000, false),
        ] {
            let then = NOW + Duration::from_millis(after);
            assert_eq!(lately.is_not_due(&key("a"), then), known, "{after}");
        }
        assert!(!lately.is_not_due(&key("b"), NOW));
    }

    #[test]
    fn of_sessions_in_one_place_none_is_taken_for_another() {
        let lately = lately(HOUR);
        for number in 0..2 * PLACES {
            lately.note(&key(&format!("known {number}")), NOW, NOW);
            assert!(!lately.is_not_due(&key(&format!("another {number}")), NOW));
        }
    }

    #[test]
    fn nothing_is_known_of_a_session_from_when_it_is_due() {
        let pause = Duration::from_secs(30);
        let lately = lately(pause);
        lately.note(&key("a"), NOW, NOW);
        let due = NOW + pause;
        let before = due - Duration::from_millis(1);
        assert!(lately.is_not_due(&key("a"), before));
        assert!(!lately.is_not_due(&key("a"), due));
        // It was due when it was seen.
        lately.note(&key("a"), NOW - pause, NOW);
        assert!(!lately.is_not_due(&key("a"), NOW));
    }

    #[test]
    fn what_counts_never_does_so_beyond_the_pause() {
        for millis in 0..2_000 {
            let pause = Duration::from_millis(1_700);
            let lately = lately(pause);
            let now = NOW + Duration::from_millis(millis);
            lately.note(&key("a"), now, now);
            assert!(!lately.is_not_due(&key("a"), now + pause), "{millis}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_count_for_longer() {
        let lately = lately(HOUR);
        lately.note(&key("a"), NOW, NOW);
        assert!(!lately.is_not_due(&key("a"), NOW - HOUR));
    }

    #[test]
    fn the_expiry_decides_nothing_where_use_moves_it_never_or_always() {
        assert!(Lately::of(Refresh::Never).is_none());
        assert!(Lately::of(Refresh::After(Duration::ZERO)).is_none());
    }
}
