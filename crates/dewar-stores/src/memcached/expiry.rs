//! Times as memcached wants them: whole seconds, counted from now up to 30 days, from 1970 on beyond.

use std::time::Duration;

use dewar::UnixTime;

/// From here on a number of seconds is a Unix time.
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

/// A moment that has passed: the end of January 1970, the first Unix time that is not taken for a number of seconds.
const PASSED: u32 = 2_592_001;

/// What memcached must be told for a record to live until `expires`.
///
/// Its clock ticks once in a second: of the seconds that it is told, the first may be over at once.
pub(super) fn exptime(expires: UnixTime, now: UnixTime) -> u32 {
    let left = expires.since(now);
    if left.is_zero() {
        return PASSED;
    }
    let seconds = left.as_millis().div_ceil(1000) + 1;
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    if seconds <= THIRTY_DAYS {
        return u32::try_from(seconds).unwrap_or(u32::MAX);
    }
    let now = u64::try_from(now.seconds()).unwrap_or(0);
    // The binary protocol has 32 bits, and memcached takes those above for a time before 1970.
    let latest = i32::MAX.unsigned_abs();
    u32::try_from(now.saturating_add(seconds)).map_or(latest, |time| time.min(latest))
}

/// How long a record lives of which memcached says that it has so many seconds; `None` if for ever.
pub(super) fn left(seconds: i64) -> Option<Duration> {
    let seconds = u64::try_from(seconds).ok()?;
    Some(Duration::from_secs(seconds.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn what_has_passed_is_no_number_of_seconds() {
        assert_eq!(exptime(NOW, NOW), PASSED);
        assert_eq!(exptime(NOW - Duration::from_secs(9), NOW), PASSED);
    }

    #[test]
    fn a_part_of_a_second_is_one_and_the_running_second_does_not_count() {
        assert_eq!(exptime(NOW + Duration::from_millis(1), NOW), 2);
        assert_eq!(exptime(NOW + Duration::from_millis(1_000), NOW), 2);
        assert_eq!(exptime(NOW + Duration::from_millis(1_001), NOW), 3);
        assert_eq!(left(2), Some(Duration::from_secs(1)));
        assert_eq!(left(0), Some(Duration::ZERO));
        assert_eq!(left(-1), None);
    }

    #[test]
    fn beyond_thirty_days_it_is_a_unix_time() {
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        assert_eq!(
            exptime(NOW + days(30) - Duration::from_secs(1), NOW),
            2_592_000
        );
        assert_eq!(exptime(NOW + days(30), NOW), 1_800_000_000 + 2_592_001);
        assert_eq!(
            exptime(NOW + days(31), NOW),
            1_800_000_000 + 31 * 86_400 + 1
        );
        assert_eq!(exptime(NOW + days(1_000_000), NOW), 2_147_483_647);
    }
}
