//! What memcached servers say of themselves: whether records are thrown away, and the time.

use dewar::store::Observation;
use dewar::{Result, UnixTime};

use super::MemcachedStore;
use super::connection::{Outcome, Request};
use crate::server::Operation;
use crate::skew;

const UNREACHABLE: &str = "put right what the message says of this server: until then its part of the sessions fails, and of the new ones";

/// Asks every server; one whose log-in needs the binary protocol is not asked.
pub(super) async fn observe(store: &MemcachedStore) -> Result<Vec<Observation>> {
    let mut observations = vec![Observation::doubtful(
        "restart",
        "a restart of memcached ends all sessions: it keeps nothing on disk",
        "choose another store if that hurts",
    )];
    for pool in &store.pools {
        let errand = pool.errand(Operation::Diagnose);
        let found = match errand.ask(&Request::Statistics).await {
            Ok(Outcome::Statistics(found)) => found,
            Ok(_) => continue,
            // The others may be well, and nobody notices it by a session of theirs.
            Err(error) if error.is_temporary() => {
                observations.push(Observation::bad("server", error.to_string(), UNREACHABLE));
                continue;
            }
            Err(error) => return Err(error),
        };
        let facts = Facts(found);
        observations.extend(facts.eviction(pool.server()));
        if let Some(seconds) = facts.number("time") {
            let time = i64::try_from(seconds).unwrap_or(i64::MAX);
            let mut clock = skew::observe(UnixTime::from_seconds(time), store.clock.now());
            if store.pools.len() > 1 {
                clock.what = format!("{}: {}", pool.server(), clock.what);
            }
            observations.push(clock);
        }
    }
    Ok(observations)
}

struct Facts(Vec<(String, String)>);

impl Facts {
    fn number(&self, name: &str) -> Option<u64> {
        let (_, value) = self.0.iter().find(|(found, _)| found == name)?;
        value.parse().ok()
    }

    fn eviction(&self, server: impl std::fmt::Display) -> Option<Observation> {
        /// From this share on a full server is near.
        const NEARLY_FULL_PERCENT: u64 = 90;
        const FIX: &str = "give memcached more memory (-m), or sessions a server of their own";
        let (limit, used) = (self.number("limit_maxbytes")?, self.number("bytes")?);
        let evicted = self.number("evictions").unwrap_or(0);
        Some(if evicted > 0 {
            Observation::bad(
                "eviction",
                format!(
                    "{server} has thrown {evicted} records away since it started, for want of memory: live sessions may be among them"
                ),
                FIX,
            )
        } else if used.saturating_mul(100) >= limit.saturating_mul(NEARLY_FULL_PERCENT) {
            Observation::doubtful(
                "eviction",
                format!(
                    "{server} is nearly full, and will throw live sessions away: {used} of {limit} bytes"
                ),
                FIX,
            )
        } else {
            Observation::good(
                "eviction",
                format!("{server} has thrown nothing away; {used} of {limit} bytes are in use"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use dewar::store::Verdict;

    use super::*;

    fn verdict(bytes: u64, evictions: u64) -> Option<Verdict> {
        let facts = [
            ("limit_maxbytes", 1000),
            ("bytes", bytes),
            ("evictions", evictions),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_string()));
        let observation = Facts(facts.into()).eviction("memcached");
        observation.map(|observation| observation.verdict)
    }

    #[test]
    fn eviction_is_told_before_and_after_it_happens() {
        assert_eq!(verdict(10, 0), Some(Verdict::Good));
        assert_eq!(verdict(950, 0), Some(Verdict::Doubtful));
        assert_eq!(verdict(10, 1), Some(Verdict::Bad));
        assert!(Facts(Vec::new()).eviction("memcached").is_none());
    }
}
