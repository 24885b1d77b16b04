//! Times as MySQL sends them: the fields of a date and a clock, without a time zone.

use std::time::Duration;

use dewar::UnixTime;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use mysql_async::Value;

use crate::sql::datetime::civil;

/// A time to compare with.
pub(super) fn exactly(time: UnixTime) -> Value {
    let time = civil(time);
    let unsigned = |number: i8| u8::try_from(number).unwrap_or(0);
    Value::Date(
        u16::try_from(time.year()).unwrap_or(0),
        unsigned(time.month()),
        unsigned(time.day()),
        unsigned(time.hour()),
        unsigned(time.minute()),
        unsigned(time.second()),
        u32::try_from(time.subsec_nanosecond() / 1000).unwrap_or(0),
    )
}

/// A time to store: the next whole second, because a DATETIME has no fraction and the server would round it, half
/// of the times down.
pub(super) fn rounded_up(time: UnixTime) -> Value {
    let up = time + Duration::from_millis(999);
    exactly(UnixTime::from_seconds(up.seconds()))
}

/// The time in a column, unless it is NULL or MySQL's `0000-00-00`.
pub(super) fn read(value: &Value) -> Option<UnixTime> {
    let &Value::Date(year, month, day, hour, minute, second, micros) = value else {
        return None;
    };
    let signed = |number: u8| i8::try_from(number).ok();
    let time = DateTime::new(
        i16::try_from(year).ok()?,
        signed(month)?,
        signed(day)?,
        signed(hour)?,
        signed(minute)?,
        signed(second)?,
        i32::try_from(micros.checked_mul(1000)?).ok()?,
    );
    let time = Offset::UTC.to_timestamp(time.ok()?).ok()?;
    Some(UnixTime::from_millis(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_there_and_back() {
        for millis in [0, -1, 1_700_000_000_123, 253_402_207_200_000] {
            let time = UnixTime::from_millis(millis);
            assert_eq!(read(&exactly(time)), Some(time));
        }
    }

    #[test]
    fn a_stored_time_is_never_earlier() {
        let seconds = |seconds| exactly(UnixTime::from_seconds(seconds));
        assert_eq!(
            rounded_up(UnixTime::from_millis(1_700_000_000_000)),
            seconds(1_700_000_000)
        );
        assert_eq!(
            rounded_up(UnixTime::from_millis(1_700_000_000_001)),
            seconds(1_700_000_001)
        );
        assert_eq!(
            rounded_up(UnixTime::from_millis(i64::MAX)),
            exactly(UnixTime::from_millis(i64::MAX))
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in [
            Value::NULL,
            Value::Int(1),
            Value::Date(0, 0, 0, 0, 0, 0, 0),
            Value::Date(u16::MAX, 255, 255, 255, 255, 255, u32::MAX),
        ] {
            assert_eq!(read(&value), None);
        }
    }
}
