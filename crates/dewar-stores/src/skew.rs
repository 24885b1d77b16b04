//! How far the clock of a server is from this machine's.

use std::time::Duration;

use dewar::UnixTime;
use dewar::store::Observation;

/// A difference below this is what asking takes, and harms nothing.
const HARMLESS: Duration = Duration::from_secs(5);

/// Compares the server's time with this machine's.
pub(crate) fn observe(server: UnixTime, here: UnixTime) -> Observation {
    let (ahead, behind) = (server.since(here), here.since(server));
    let apart = ahead.max(behind);
    if apart < HARMLESS {
        return Observation::good(
            "clock",
            "the clocks of the server and of this machine agree",
        );
    }
    let direction = match ahead > behind {
        true => "ahead of",
        false => "behind",
    };
    Observation::doubtful(
        "clock",
        format!(
            "the server's clock is {} s {direction} this machine's: one of them is wrong",
            apart.as_secs()
        ),
        "synchronize both with NTP: sessions end by the clocks of the machines that serve, and signed cookies from the future are refused",
    )
}

#[cfg(test)]
mod tests {
    use dewar::store::Verdict;

    use super::*;

    #[test]
    fn clocks_that_differ_are_told_with_the_direction() {
        let here = UnixTime::from_seconds(1_700_000_000);
        assert_eq!(observe(here, here).verdict, Verdict::Good);
        assert_eq!(
            observe(here + Duration::from_secs(4), here).verdict,
            Verdict::Good
        );
        let ahead = observe(here + Duration::from_secs(90), here);
        assert_eq!(ahead.verdict, Verdict::Doubtful);
        assert!(ahead.what.contains("90 s ahead"), "{ahead:?}");
        let behind = observe(here, here + Duration::from_secs(7));
        assert!(behind.what.contains("7 s behind"), "{behind:?}");
    }
}
