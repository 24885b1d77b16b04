//! Dates as text: the HTTP dates of Flask's cookies and the ISO 8601 of msgspec.

use std::fmt::Write;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, tz};

use super::Value;
use crate::{Error, ErrorKind, Result};

mod rfc2822;

pub(super) use rfc2822::parse as parse_http;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Whole seconds in UTC, as Flask writes any date: `Thu, 02 Jan 2020 03:04:05 GMT`.
pub(super) fn http(moment: DateTime) -> Result<String> {
    let year = python_year(moment.date())?;
    let weekday = match moment.weekday() {
        jiff::civil::Weekday::Monday => "Mon",
        jiff::civil::Weekday::Tuesday => "Tue",
        jiff::civil::Weekday::Wednesday => "Wed",
        jiff::civil::Weekday::Thursday => "Thu",
        jiff::civil::Weekday::Friday => "Fri",
        jiff::civil::Weekday::Saturday => "Sat",
        jiff::civil::Weekday::Sunday => "Sun",
    };
    let month = MONTHS[moment.month() as usize - 1];
    let (day, hour, minute, second) = (
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
    );
    Ok(format!(
        "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
    ))
}

/// A moment's date and time in UTC.
pub(super) fn utc(moment: Timestamp) -> DateTime {
    tz::Offset::UTC.to_datetime(moment)
}

/// A moment in UTC as a value: beyond what a [`Timestamp`] holds, a naive `datetime`.
pub(super) fn moment(seconds: i64, nanoseconds: i32) -> Option<Value> {
    if let Ok(moment) = Timestamp::new(seconds, nanoseconds) {
        return Some(Value::DateTime(moment));
    }
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let moment = epoch
        .checked_add(SignedDuration::new(seconds, nanoseconds))
        .ok()?;
    Some(Value::NaiveDateTime(moment))
}

/// `2020-01-02T03:04:05.678901`, with microseconds if there are any.
pub(super) fn iso_date_time(moment: DateTime) -> Result<String> {
    Ok(format!(
        "{}T{}",
        iso_date(moment.date())?,
        iso_time(moment.time())
    ))
}

/// `2020-01-02`.
pub(super) fn iso_date(date: Date) -> Result<String> {
    let year = python_year(date)?;
    Ok(format!("{year:04}-{:02}-{:02}", date.month(), date.day()))
}

/// `03:04:05.678901`, with microseconds if there are any.
pub(super) fn iso_time(time: Time) -> String {
    let mut text = format!(
        "{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    );
    let microseconds = time.subsec_nanosecond() / 1000;
    if microseconds != 0 {
        // Writing into a String cannot fail.
        let _ = write!(text, ".{microseconds:06}");
    }
    text
}

/// Days and seconds, as msgspec writes a `timedelta`: `-P1DT3661.5S`.
pub(super) fn iso_duration(delta: SignedDuration) -> String {
    let microseconds = delta.as_micros();
    let sign = if microseconds < 0 { "-" } else { "" };
    let total = microseconds.unsigned_abs();
    let (seconds, microseconds) = (total / 1_000_000, total % 1_000_000);
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let mut text = format!("{sign}P");
    let time = seconds != 0 || microseconds != 0;
    if days != 0 || !time {
        let _ = write!(text, "{days}D");
    }
    if time {
        let _ = write!(text, "T{seconds}");
        if microseconds != 0 {
            let fraction = format!("{microseconds:06}");
            let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
        }
        text.push('S');
    }
    text
}

/// Python's dates have the years 1 to 9999.
pub(super) fn python_year(date: Date) -> Result<i16> {
    match date.year() {
        year @ 1..=9999 => Ok(year),
        _ => Err(Error::new(
            ErrorKind::Value,
            "a date before the year 1 cannot be stored",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn http_dates_are_written_for_every_year_that_python_has() {
        let date = |text: &str| http(text.parse().unwrap()).unwrap();
        assert_eq!(
            date("2020-01-02T03:04:05.678901"),
            "Thu, 02 Jan 2020 03:04:05 GMT"
        );
        assert_eq!(date("0001-01-01T00:00:00"), "Mon, 01 Jan 0001 00:00:00 GMT");
        assert_eq!(
            date("9999-12-31T23:59:59.999999"),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
        assert!(http(DateTime::constant(0, 1, 1, 0, 0, 0, 0)).is_err());
    }

    #[test]
    fn durations_are_written_as_msgspec_writes_them() {
        // python -c 'import msgspec, datetime; print(msgspec.json.encode(datetime.timedelta(…)))'
        for (seconds, nanoseconds, text) in [
            (0, 0, "P0D"),
            (86_400, 0, "P1D"),
            (1, 0, "PT1S"),
            (86_405, 7_000, "P1DT5.000007S"),
            (0, -1_000, "-PT0.000001S"),
            (-86_400, 0, "-P1D"),
            (-86_399, 0, "-PT86399S"),
            (90_061, 500_000_000, "P1DT3661.5S"),
        ] {
            assert_eq!(
                iso_duration(SignedDuration::new(seconds, nanoseconds)),
                text
            );
        }
    }

    #[test]
    fn a_moment_that_a_timestamp_cannot_hold_is_naive() {
        assert_eq!(
            moment(0, 5),
            Some(Value::DateTime(Timestamp::new(0, 5).unwrap()))
        );
        let last = "9999-12-31T23:59:59.999999".parse().unwrap();
        assert_eq!(
            moment(253_402_300_799, 999_999_000),
            Some(Value::NaiveDateTime(last))
        );
        assert_eq!(moment(i64::MAX, 0), None);
    }
}
