//! What a Redis server says of itself: eviction, persistence, time.

use std::collections::HashMap;

use ::redis::cmd;
use dewar::store::Observation;
use dewar::{Result, UnixTime};

use super::RedisStore;
use super::commands::Connection;
use super::link::Turn;
use crate::server::Operation;
use crate::skew;

/// Asks a single server, the master of a Sentinel service included; of a cluster, whose nodes may differ, nothing.
pub(super) async fn observe(store: &RedisStore) -> Result<Vec<Observation>> {
    let turn = |turn: Turn| async move {
        if let Connection::Cluster(_) = turn.connection {
            return Ok(None);
        }
        let information: String = match turn.connection.query(&cmd("INFO")).await {
            // A user who may keep sessions need not be one who may ask.
            Err(error) if error.code() == Some("NOPERM") => return Ok(None),
            information => information?,
        };
        let time: (i64, i64) = turn.connection.query(&cmd("TIME")).await?;
        Ok(Some((information, time)))
    };
    let Some((information, (seconds, _))) = store.link.run(Operation::Diagnose, turn).await? else {
        return Ok(Vec::new());
    };
    let facts = Facts::read(&information);
    let server = UnixTime::from_seconds(seconds);
    let mut observations = vec![facts.eviction()];
    observations.extend(facts.persistence());
    observations.push(skew::observe(server, store.clock.now()));
    Ok(observations)
}

/// The lines of INFO.
struct Facts<'a>(HashMap<&'a str, &'a str>);

impl<'a> Facts<'a> {
    fn read(information: &'a str) -> Facts<'a> {
        Facts(
            information
                .lines()
                .filter_map(|line| line.trim_end().split_once(':'))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    fn eviction(&self) -> Observation {
        const FIX: &str = "set maxmemory-policy to noeviction, and give sessions a server or enough memory of their own";
        let (limit, policy) = (self.number("maxmemory"), self.text("maxmemory_policy"));
        let evicted = self.number("evicted_keys");
        let safe = limit == 0 || policy == "noeviction" || policy.is_empty();
        match (safe, evicted) {
            (_, 1..) => Observation::bad(
                "eviction",
                format!(
                    "the server has thrown {evicted} keys away since it started, for want of memory (maxmemory {limit}, {policy}): live sessions may be among them"
                ),
                FIX,
            ),
            (false, 0) => Observation::doubtful(
                "eviction",
                format!(
                    "when its {limit} bytes are full, the server throws live sessions away (maxmemory-policy {policy})"
                ),
                FIX,
            ),
            (true, 0) if limit == 0 => Observation::good(
                "eviction",
                "the server has no memory limit and evicts nothing",
            ),
            (true, 0) => Observation::good(
                "eviction",
                format!(
                    "when its {limit} bytes are full, the server refuses writes and keeps live sessions"
                ),
            ),
        }
    }

    fn persistence(&self) -> Option<Observation> {
        if self.number("loading") == 1 {
            return Some(Observation::doubtful(
                "restart",
                "the server is still loading its data",
                "wait until it has, and run this again",
            ));
        }
        let failed = ["aof_last_write_status", "rdb_last_bgsave_status"]
            .into_iter()
            .find(|name| self.text(name) == "err");
        if let Some(name) = failed {
            return Some(Observation::bad(
                "restart",
                format!(
                    "the server could not write its data to disk ({name}: err): a restart loses sessions, and it may refuse writes"
                ),
                "look into the server's log; often the disk is full, or its folder belongs to another user",
            ));
        }
        Some(match self.text("aof_enabled") {
            "1" => Observation::good(
                "restart",
                "sessions survive a restart of the server (appendonly)",
            ),
            "0" => Observation::doubtful(
                "restart",
                "a restart of the server loses the sessions since its last snapshot, or all of them (appendonly is off)",
                "set appendonly to yes if logging everybody out would hurt",
            ),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use dewar::store::Verdict;

    use super::*;

    fn eviction(information: &str) -> Verdict {
        Facts::read(information).eviction().verdict
    }

    fn persistence(information: &str) -> Option<Verdict> {
        let observation = Facts::read(information).persistence();
        observation.map(|observation| observation.verdict)
    }

    #[test]
    fn eviction_is_told_before_and_after_it_happens() {
        assert_eq!(
            eviction("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"),
            Verdict::Good
        );
        assert_eq!(
            eviction("maxmemory:9\r\nmaxmemory_policy:noeviction\r\n"),
            Verdict::Good
        );
        assert_eq!(
            eviction("maxmemory:9\r\nmaxmemory_policy:volatile-ttl\r\n"),
            Verdict::Doubtful
        );
        assert_eq!(
            eviction("maxmemory:9\r\nmaxmemory_policy:noeviction\r\nevicted_keys:3\r\n"),
            Verdict::Bad
        );
        assert_eq!(eviction(""), Verdict::Good);
    }

    #[test]
    fn what_a_restart_loses_is_told() {
        assert_eq!(persistence("aof_enabled:1\r\n"), Some(Verdict::Good));
        assert_eq!(persistence("aof_enabled:0\r\n"), Some(Verdict::Doubtful));
        assert_eq!(
            persistence("aof_enabled:1\r\nrdb_last_bgsave_status:err\r\n"),
            Some(Verdict::Bad)
        );
        assert_eq!(
            persistence("loading:1\r\naof_enabled:1\r\n"),
            Some(Verdict::Doubtful)
        );
        assert_eq!(persistence(""), None);
    }
}
