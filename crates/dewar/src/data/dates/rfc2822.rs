//! Reads a date as Flask does: with Python's `email.utils.parsedate_to_datetime`, which is lenient.

use jiff::civil::DateTime;

use super::{MONTHS, moment};
use crate::data::Value;

/// The moment that the text means; `None` where Python gives none.
///
/// As in Python a year below 100 is one of the years 1969 to 2068, however many digits it has.
pub(in crate::data) fn parse(text: &str) -> Option<Value> {
    let mut parts: Vec<&str> = text.split_ascii_whitespace().collect();
    // A weekday may stick to the day.
    if let Some(first) = parts.first_mut()
        && let Some((_, day)) = first.rsplit_once(',')
        && !day.is_empty()
    {
        *first = day;
    }
    let parts = match parts.as_slice() {
        [weekday, rest @ ..] if is_weekday(weekday) => rest,
        all => all,
    };
    // `02-Jan-2020` is one part where the others are three.
    let dashed: Vec<&str> = parts
        .first()
        .map_or(Vec::new(), |first| first.split('-').collect());
    let (day, month, year, rest) = match (dashed.as_slice(), parts) {
        ([day, month, year], [_, rest @ ..]) => (*day, *month, *year, rest),
        (_, [day, month, year, rest @ ..]) => (*day, *month, *year, rest),
        _ => return None,
    };
    let (time, zone) = rest.split_first()?;
    // A zone may stick to the time.
    let (time, stuck) = time.split_at(time.find(['+', '-']).unwrap_or(time.len()));
    let (hour, minute, second) = time_of_day(time)?;
    let date_time = DateTime::new(
        full_year(number(year)?),
        self::month(month)?,
        number(day)?,
        hour,
        minute,
        second,
        0,
    )
    .ok()?;
    let offset = match zone {
        _ if !stuck.is_empty() => offset_seconds(stuck)?,
        [] => 0,
        [zone, ..] => offset_seconds(zone)?,
    };
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let seconds = date_time.duration_since(epoch).as_secs() - offset;
    let in_python = -62_135_596_800..=253_402_300_799;
    // Python keeps the offset, so its date may lie outside its range in UTC by less than a day.
    in_python
        .contains(&(seconds + offset))
        .then(|| moment(seconds, 0))
        .flatten()
}

fn is_weekday(text: &str) -> bool {
    let name = text.trim_end_matches(',').to_ascii_lowercase();
    text.ends_with(',')
        || ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].contains(&name.as_str())
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.trim_end_matches(',');
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

fn full_year(year: i16) -> i16 {
    match year {
        0..=68 => year + 2000,
        69..=99 => year + 1900,
        _ => year,
    }
}

fn month(text: &str) -> Option<i8> {
    let name = text.trim_end_matches(',');
    let position = MONTHS.iter().position(|month| {
        name.get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case(month))
    })?;
    const LONG: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let known = name.len() == 3 || name.eq_ignore_ascii_case(LONG[position]);
    known.then_some(position as i8 + 1)
}

fn time_of_day(text: &str) -> Option<(i8, i8, i8)> {
    let separator = if text.contains(':') { ':' } else { '.' };
    let mut parts = text.trim_end_matches(',').split(separator);
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = parts.next().map_or(Some(0), number)?;
    parts.next().is_none().then_some((hour, minute, second))
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if let Some(digits) = zone.strip_prefix(['+', '-']) {
        let sign = if zone.starts_with('-') { -1 } else { 1 };
        let value: i64 = number(digits)?;
        let (hours, minutes) = (value / 100, value % 100);
        // Python's zones are within a day. Many more hours are more seconds than there are numbers.
        if hours >= 24 {
            return None;
        }
        let seconds = hours * 3600 + minutes * 60;
        return (seconds < 86_400).then_some(sign * seconds);
    }
    let hours = match zone.to_ascii_uppercase().as_str() {
        "AST" => -4,
        "ADT" => -3,
        "EST" => -5,
        "EDT" => -4,
        "CST" => -6,
        "CDT" => -5,
        "MST" => -7,
        "MDT" => -6,
        "PST" => -8,
        "PDT" => -7,
        // UT, UTC, GMT and Z; Python takes an unknown name for UTC as well.
        _ => 0,
    };
    Some(hours * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        match parse(text)? {
            Value::DateTime(moment) => Some(moment.as_second()),
            _ => None,
        }
    }

    #[test]
    fn dates_are_read_as_python_reads_them() {
        // python -c 'from email.utils import parsedate_to_datetime as p; print(p("…").timestamp())'
        for (text, expected) in [
            ("Thu, 02 Jan 2020 03:04:05 GMT", Some(1_577_934_245)),
            ("Thu, 02 Jan 2020 03:04:05", Some(1_577_934_245)),
            ("Thu, 02 Jan 2020 03:04:05 +0200", Some(1_577_927_045)),
            ("Thu,02 Jan 2020 03:04:05 GMT", Some(1_577_934_245)),
            ("02-Jan-2020 03.04.05+0200", Some(1_577_927_045)),
            ("2 Jan 20 03:04", Some(1_577_934_240)),
            ("Mon, 01 Jan 0001 00:00:00 GMT", Some(978_307_200)),
            ("Thu, 02 Jan 0099 03:04:05 GMT", Some(915_246_245)),
            ("Sat, 30 Feb 2020 03:04:05 GMT", None),
            ("Thu, 02 Jan 2020 03:04:05 +2359", Some(1_577_847_905)),
            ("Thu, 02 Jan 2020 03:04:05 +2360", None),
            ("Thu, 02 Jan 2020 03:04:05 +2400", None),
            ("Thu, 02 Jan 2020 03:04:05 -9223372036854775807", None),
            ("Thu, 02 Jan 2020 03:04:05 +9223372036854775808", None),
            ("nope", None),
            ("", None),
            ("1583020800", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
