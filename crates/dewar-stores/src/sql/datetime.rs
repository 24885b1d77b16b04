//! Dates without a time zone, as text.

use dewar::UnixTime;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The earliest and the latest time that Python, SQLite, MySQL and `jiff` all have: the years 1000 to 9999, less the
/// last day.
const EARLIEST: i64 = -30_610_224_000_000;
const LATEST: i64 = 253_402_207_200_000;

/// `2023-11-14 22:13:20.000000`, as SQLAlchemy writes a DATETIME of SQLite: in the order of time, compared as text.
///
/// Times before the year 1000 and at the end of 9999 become the nearest that there is.
#[cfg(feature = "sqlite")]
pub(crate) fn to_text(time: UnixTime) -> String {
    let time = civil(time);
    let (date, clock) = (time.date(), time.time());
    let digits = [
        (i64::from(date.year()), 4, '-'),
        (i64::from(date.month()), 2, '-'),
        (i64::from(date.day()), 2, ' '),
        (i64::from(clock.hour()), 2, ':'),
        (i64::from(clock.minute()), 2, ':'),
        (i64::from(clock.second()), 2, '.'),
        (i64::from(clock.subsec_nanosecond() / 1000), 6, '\0'),
    ];
    let mut text = String::with_capacity(26);
    for (number, width, end) in digits {
        let mut unit = 10_i64.pow(width - 1);
        while unit > 0 {
            text.push(char::from(
                b'0' + u8::try_from(number / unit % 10).unwrap_or(0),
            ));
            unit /= 10;
        }
        if end != '\0' {
            text.push(end);
        }
    }
    text
}

/// The time of a text like that of [`to_text`]; a fraction may be absent and is rounded down to milliseconds.
#[cfg(feature = "sqlite")]
pub(crate) fn from_text(text: &str) -> Option<UnixTime> {
    let time: DateTime = text.parse().ok()?;
    let time = Offset::UTC.to_timestamp(time).ok()?;
    Some(UnixTime::from_millis(time.as_millisecond()))
}

/// The date and time on a clock in UTC.
pub(crate) fn civil(time: UnixTime) -> DateTime {
    let millis = time.millis().clamp(EARLIEST, LATEST);
    let timestamp = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::UTC.to_datetime(timestamp)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_sqlalchemy_writes() {
        for (millis, text) in [
            (1_700_000_000_000, "2023-11-14 22:13:20.000000"),
            (1_700_000_000_123, "2023-11-14 22:13:20.123000"),
            (-1, "1969-12-31 23:59:59.999000"),
            (i64::MAX, "9999-12-30 22:00:00.000000"),
            (i64::MIN, "1000-01-01 00:00:00.000000"),
        ] {
            assert_eq!(to_text(UnixTime::from_millis(millis)), text);
        }
    }

    #[test]
    fn text_is_read_with_and_without_a_fraction() {
        for (text, millis) in [
            ("2023-11-14 22:13:20.123456", Some(1_700_000_000_123)),
            ("2023-11-14 22:13:20", Some(1_700_000_000_000)),
            ("2023-11-14T22:13:20", Some(1_700_000_000_000)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(from_text(text), millis.map(UnixTime::from_millis), "{text}");
        }
    }
}
