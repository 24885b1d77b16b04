use std::time::Duration;

use dewar::UnixTime;
use dewar::config::Config;

/// A moment in UTC, to the second.
pub(crate) fn moment(time: UnixTime) -> String {
    match jiff::Timestamp::from_second(time.seconds()) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{} seconds after 1970", time.seconds()),
    }
}

/// A moment for programs: RFC 3339.
pub(crate) fn rfc3339(time: UnixTime) -> String {
    format!("{:?}", UnixTime::from_seconds(time.seconds()))
}

/// A span in its two largest units: `3 days 4 hours`.
pub(crate) fn span(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let mut rest = duration.as_secs();
    let mut words = Vec::new();
    for (seconds, unit) in UNITS {
        let number = rest / seconds;
        rest %= seconds;
        if number > 0 {
            words.push(super::count(
                usize::try_from(number).unwrap_or(usize::MAX),
                unit,
            ));
        }
        // The second unit is the one after the first, or none.
        if words.len() == 2 || (!words.is_empty() && number == 0) {
            break;
        }
    }
    if words.is_empty() {
        "0 seconds".into()
    } else {
        words.join(" ")
    }
}

/// How a moment lies from another: `3 days ago`, `in 2 hours`, `just now`.
pub(crate) fn relative(time: UnixTime, now: UnixTime) -> String {
    let seconds = now.seconds() - time.seconds();
    let distance = span(Duration::from_secs(seconds.unsigned_abs()));
    match seconds {
        0 => "just now".into(),
        1.. => format!("{distance} ago"),
        _ => format!("in {distance}"),
    }
}

/// Reads a moment: Unix seconds, or RFC 3339 as `2026-11-22T19:30:00Z`.
pub(crate) fn parse_moment(text: &str) -> Result<UnixTime, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(UnixTime::from_seconds(seconds));
    }
    text.parse::<jiff::Timestamp>()
        .map(|timestamp| UnixTime::from_millis(timestamp.as_millisecond()))
        .map_err(|_| "write Unix seconds, or a time such as 2026-11-22T19:30:00Z".into())
}

/// Reads a lifetime as `PERMANENT_SESSION_LIFETIME` is read: seconds, `31d`, `12h 30m`, `P31D`.
pub(crate) fn parse_lifetime(text: &str) -> Result<Duration, String> {
    let config = Config::new().session_type("memory").set(
        "PERMANENT_SESSION_LIFETIME",
        match text.parse::<i64>() {
            Ok(seconds) => dewar::config::Setting::from(seconds),
            Err(_) => text.into(),
        },
    );
    match config.settings() {
        Ok(checked) => Ok(checked.settings.lifetime),
        Err(_) => Err(config
            .check()
            .problems
            .first()
            .map_or_else(String::new, |problem| problem.fix.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_name_their_two_largest_units() {
        let cases = [
            (0, "0 seconds"),
            (1, "1 second"),
            (61, "1 minute 1 second"),
            (3_600, "1 hour"),
            (90_061, "1 day 1 hour"),
            (86_401, "1 day"),
            (31 * 86_400, "31 days"),
        ];
        for (seconds, text) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn lifetimes_are_read_as_the_configuration_reads_them() {
        assert_eq!(parse_lifetime("60"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_lifetime("31d"), Ok(Duration::from_secs(31 * 86_400)));
        assert!(parse_lifetime("soon").is_err());
    }
}
