//! What a Redis server says of itself: eviction, persistence, time.

use std::collections::{BTreeMap, HashMap};

use ::redis::{RedisResult, cmd};
use dewar::store::{Observation, Verdict};
use dewar::{Result, UnixTime};

use super::RedisStore;
use super::link::Turn;
use crate::server::Operation;
use crate::skew;

/// Asks the server, the master of a Sentinel service, or every master of a cluster.
pub(super) async fn observe(store: &RedisStore) -> Result<Vec<Observation>> {
    let turn = |turn: Turn| async move {
        let connection = turn.connection();
        let information: Answers<String> =
            permitted(connection.of_each_master(&cmd("INFO")).await)?;
        let times: Answers<(i64, i64)> = permitted(connection.of_each_master(&cmd("TIME")).await)?;
        let alone = information.get("").map(String::as_str);
        let node = alone.is_some_and(|information| Facts::read(information).is_in_a_cluster());
        let cluster: Answers<String> = match node {
            true => permitted(connection.of_each_master(cmd("CLUSTER").arg("INFO")).await)?,
            false => Answers::new(),
        };
        Ok((information, times, cluster))
    };
    let (information, times, cluster) = store.link.run(Operation::Diagnose, turn).await?;
    let mut observations = Vec::new();
    for (node, information) in &information {
        let facts = Facts::read(information);
        let mut of_node = vec![facts.eviction()];
        of_node.extend(facts.persistence());
        of_node.extend(facts.replicas());
        let cluster = cluster.get(node).map(|cluster| Facts::read(cluster));
        of_node.extend(cluster.and_then(|cluster| cluster.other_nodes()));
        let time: Option<&(i64, i64)> = times.get(node);
        if let Some((seconds, _)) = time {
            let server = UnixTime::from_seconds(*seconds);
            of_node.push(skew::observe(server, store.clock.now()));
        }
        observations.extend(
            of_node
                .into_iter()
                .map(|observation| (node.as_str(), observation)),
        );
    }
    Ok(worst_of_each(observations))
}

/// What each server says, by its address where there are several.
type Answers<T> = BTreeMap<String, T>;

/// Nothing where the user may not ask: one who may keep sessions need not be one who may.
fn permitted<T>(answers: RedisResult<Answers<T>>) -> RedisResult<Answers<T>> {
    match answers {
        Err(error) if error.code() == Some("NOPERM") => Ok(Answers::new()),
        answers => answers,
    }
}

/// Of what was observed at several nodes, the worst about each thing, with the node that it is about.
fn worst_of_each(observations: Vec<(&str, Observation)>) -> Vec<Observation> {
    let mut worst: Vec<(&str, Observation)> = Vec::new();
    for (node, observation) in observations {
        match worst
            .iter_mut()
            .find(|(_, seen)| seen.about == observation.about)
        {
            None => worst.push((node, observation)),
            Some(seen) if rank(observation.verdict) > rank(seen.1.verdict) => {
                *seen = (node, observation);
            }
            Some(_) => {}
        }
    }
    let name = |(node, mut observation): (&str, Observation)| {
        if !node.is_empty() && observation.verdict != Verdict::Good {
            observation.what = format!("master {node}: {}", observation.what);
        }
        observation
    };
    worst.into_iter().map(name).collect()
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Good => 0,
        Verdict::Doubtful => 1,
        Verdict::Bad => 2,
    }
}

/// The lines of INFO, or of CLUSTER INFO.
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

    fn is_in_a_cluster(&self) -> bool {
        self.number("cluster_enabled") == 1
    }

    /// Of a node that is used as if it were a server of its own: whether others have a part of the sessions.
    fn other_nodes(&self) -> Option<Observation> {
        let masters = self.number("cluster_size");
        (masters > 1).then(|| {
            Observation::bad(
                "cluster",
                format!(
                    "the server is one of {masters} masters of a cluster, and refuses the sessions that the others have"
                ),
                "use a URL that begins with redis+cluster://",
            )
        })
    }

    /// Of a cluster: whether somebody takes a master's place.
    fn replicas(&self) -> Option<Observation> {
        let replicas = self.number("connected_slaves");
        self.is_in_a_cluster().then(|| match replicas {
            0 => Observation::doubtful(
                "replicas",
                "no replica takes its place: while it is down, its share of the sessions cannot be reached",
                "give every master a replica (redis-cli --cluster add-node … --cluster-slave)",
            ),
            1.. => Observation::good("replicas", "every master has a replica that takes its place"),
        })
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
    fn of_several_masters_the_worst_is_told_with_its_address() {
        let of = |node, information| (node, Facts::read(information).eviction());
        let observations = worst_of_each(vec![
            of("a:1", "maxmemory:0\r\n"),
            of("b:2", "maxmemory:9\r\nmaxmemory_policy:allkeys-lru\r\n"),
            of("c:3", "maxmemory:0\r\n"),
        ]);
        let [eviction] = &observations[..] else {
            panic!("{observations:?}");
        };
        assert_eq!(eviction.verdict, Verdict::Doubtful);
        assert!(eviction.what.starts_with("master b:2: "), "{eviction:?}");
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
