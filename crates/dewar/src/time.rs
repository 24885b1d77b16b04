use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment as milliseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
///
/// All expiry in Dewar is compared in this type, so no time zone can come into it.
///
/// ```
/// use std::time::Duration;
/// use dewar::UnixTime;
///
/// let start = UnixTime::from_seconds(1_700_000_000);
/// let later = start + Duration::from_millis(1_500);
/// assert_eq!(later.seconds(), 1_700_000_001);
/// assert_eq!(later.since(start), Duration::from_millis(1_500));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// 1970-01-01 00:00:00 UTC.
    pub const EPOCH: UnixTime = UnixTime(0);

    /// The system's clock, now.
    pub fn now() -> UnixTime {
        SystemTime::now().into()
    }

    /// From whole seconds since the epoch; saturates.
    pub const fn from_seconds(seconds: i64) -> UnixTime {
        UnixTime(seconds.saturating_mul(1000))
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> UnixTime {
        UnixTime(millis)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    pub fn since(self, earlier: UnixTime) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for UnixTime {
    type Output = UnixTime;

    fn add(self, duration: Duration) -> UnixTime {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        UnixTime(self.0.saturating_add(millis))
    }
}

impl std::ops::Sub<Duration> for UnixTime {
    type Output = UnixTime;

    fn sub(self, duration: Duration) -> UnixTime {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        UnixTime(self.0.saturating_sub(millis))
    }
}

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> UnixTime {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => UnixTime::EPOCH + after,
            Err(before) => UnixTime::EPOCH - before.duration(),
        }
    }
}

impl From<UnixTime> for SystemTime {
    fn from(time: UnixTime) -> SystemTime {
        let distance = Duration::from_millis(time.0.unsigned_abs());
        if time.0 >= 0 {
            UNIX_EPOCH + distance
        } else {
            UNIX_EPOCH - distance
        }
    }
}

impl fmt::Debug for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} ms since the epoch", self.0),
        }
    }
}
