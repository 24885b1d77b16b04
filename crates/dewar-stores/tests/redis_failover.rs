//! Redis with more than one server: a master dies or freezes under load, and slots move.

#![allow(clippy::print_stderr, clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dewar::UnixTime;
use dewar::store::{Key, Replaced, Store, Verdict};
use dewar_stores::redis::RedisStore;
use support::{Freeze, Server, absent};

const WRITERS: usize = 16;

/// How long the servers may take to agree on a new master, and the store to follow.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so many milliseconds of silence a cluster takes a node for dead: in tests where one dies, and in those where none
/// does, however long a busy machine holds it up.
const SOON: &str = "1000";
const LATE: &str = "60000";

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_a_killed_master_is_followed() {
    let Some(mut service) = Service::start() else {
        return absent("redis-server");
    };
    let load = Load::start(service.store()).await;
    service.master.kill();
    let report = load.until_all_write_again().await;
    report.print("Sentinel, master killed");
    report.must_be_in_time();
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_a_frozen_master_is_followed_and_a_thawed_one_is_left_alone() {
    let Some(service) = Service::start() else {
        return absent("redis-server");
    };
    let load = Load::start(service.store()).await;
    service.master.freeze();
    let report = load.until_all_write_again().await;
    report.print("Sentinel, master frozen");
    report.must_be_in_time();
    service.master.thaw();
    // Sentinel makes a replica of it. Nobody must go back meanwhile.
    let load = Load::start(service.store()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let report = load.finish().await;
    report.print("Sentinel, old master thawed");
    report.must_be_in_time();
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_what_fails_is_told_by_its_address() {
    let (Some(mut master), Some(other)) = (Server::redis(&[]), Server::redis(&[])) else {
        return absent("redis-server");
    };
    let Some(mut sentinel) = Server::sentinel(master.port) else {
        return absent("redis-server");
    };
    let of = |server: &Server, service: &str| {
        let url = format!("redis+sentinel://127.0.0.1:{}/{service}", server.port);
        store(url, TIMEOUT)
    };
    let store = of(&sentinel, "main");
    let key = Key::new("session:whose-server-comes-and-goes-00000001");
    let told = async |store: &RedisStore, server: &Server, words: &str| {
        let error = store.load(&key).await.unwrap_err();
        let begin = format!("redis at 127.0.0.1:{}", server.port);
        let text = error.to_string();
        assert!(text.starts_with(&begin) && text.contains(words), "{text}");
        error.is_temporary()
    };
    assert!(store.load(&key).await.unwrap().is_none());
    let named = format!(
        "named by 127.0.0.1:{} (Sentinel, service main)",
        sentinel.port
    );

    master.freeze();
    assert!(told(&store, &master, &named).await);
    assert!(told(&store, &master, "no connection within").await);
    master.thaw();
    master.redis_cli(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
    assert!(
        told(
            &store,
            &master,
            "it is no master, although Sentinel names it"
        )
        .await
    );
    master.kill();
    assert!(told(&store, &master, "nothing listens there").await);

    assert!(told(&of(&sentinel, "other"), &sentinel, "is its name right?").await);
    assert!(!told(&of(&other, "main"), &other, "is no Sentinel").await);
    sentinel.redis_cli(&["ACL", "SETUSER", "default", ">password"]);
    sentinel.redis_cli(&["CONFIG", "SET", "requirepass", "password"]);
    assert!(!told(&store, &sentinel, "sentinel_log_in").await);
    sentinel.kill();
    assert!(told(&store, &sentinel, "nothing listens there").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_a_master_that_has_lost_its_replicas_is_left_for_the_new_one() {
    let (Some(old), Some(new)) = (Server::redis(&[]), Server::redis(&[])) else {
        return absent("redis-server");
    };
    let Some(sentinel) = Server::sentinel(old.port) else {
        return absent("redis-server");
    };
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port);
    let store = store(url, TIMEOUT);
    let key = Key::new("session:who-stays-where-the-replicas-are-0001");
    assert!(store.load(&key).await.unwrap().is_none());
    // It was cut off, and does not know yet that it is the master no longer.
    old.redis_cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    sentinel.redis_cli(&["SENTINEL", "REMOVE", "main"]);
    let port = new.port.to_string();
    sentinel.redis_cli(&["SENTINEL", "MONITOR", "main", "127.0.0.1", &port, "1"]);
    begin(&store, &key).await;
    assert_eq!(new.redis_cli(&["DBSIZE"]), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_a_killed_master_is_replaced() {
    let Some(mut cluster) = Cluster::start(SOON) else {
        return absent("redis-server");
    };
    let load = Load::start(cluster.store()).await;
    cluster.nodes[0].kill();
    let report = load.until_all_write_again().await;
    report.print("Cluster, master killed");
    report.must_be_in_time();
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_a_frozen_master_is_replaced() {
    let Some(cluster) = Cluster::start(SOON) else {
        return absent("redis-server");
    };
    let load = Load::start(cluster.store()).await;
    cluster.nodes[0].freeze();
    let report = load.until_all_write_again().await;
    report.print("Cluster, master frozen");
    report.must_be_in_time();
    cluster.nodes[0].thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_slots_that_move_lose_nothing() {
    let Some(cluster) = Cluster::start(LATE) else {
        return absent("redis-server");
    };
    let load = Load::start(cluster.patient_store()).await;
    cluster.move_slots(0, 1, 2_000);
    cluster.move_slots(1, 2, 2_000);
    let report = load.finish().await;
    report.print("Cluster, 4,000 slots moved");
    assert_eq!(report.errors.len(), 0);
    assert_eq!(report.lost, 0);
}

/// Writers that count up, each in a record of its own, as fast as the store lets them.
struct Load {
    store: Arc<RedisStore>,
    keys: Vec<Key>,
    stop: Arc<AtomicBool>,
    since: Instant,
    writers: Vec<tokio::task::JoinHandle<Writer>>,
    progress: Vec<tokio::sync::watch::Receiver<Instant>>,
}

#[derive(Default)]
struct Writer {
    acknowledged: u64,
    longest_call: Duration,
    longest_gap: Duration,
    errors: HashMap<String, u64>,
}

struct Report {
    acknowledged: u64,
    lost: u64,
    longest_call: Duration,
    longest_gap: Duration,
    errors: HashMap<String, u64>,
}

impl Load {
    async fn start(store: RedisStore) -> Load {
        let store = Arc::new(store);
        let stop = Arc::new(AtomicBool::new(false));
        let since = Instant::now();
        let run = UnixTime::now().millis();
        let (mut keys, mut writers, mut progress) = (Vec::new(), Vec::new(), Vec::new());
        for writer in 0..WRITERS {
            let key = Key::new(format!("session:{run}:{writer}"));
            begin(&store, &key).await;
            let (told, seen) = tokio::sync::watch::channel(since);
            writers.push(tokio::spawn(count_up(
                store.clone(),
                key.clone(),
                stop.clone(),
                told,
            )));
            keys.push(key);
            progress.push(seen);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        Load {
            store,
            keys,
            stop,
            since: Instant::now(),
            writers,
            progress,
        }
    }

    /// Goes on until each writer has written a second after the servers broke, at the least.
    async fn until_all_write_again(mut self) -> Report {
        let again = self.since + Duration::from_secs(1);
        for progress in &mut self.progress {
            let wait = progress.wait_for(|last| *last > again);
            tokio::time::timeout(PATIENCE, wait)
                .await
                .expect("a writer never writes again")
                .unwrap();
        }
        // A connection to what broke may still be in use elsewhere.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.finish().await
    }

    async fn finish(self) -> Report {
        self.stop.store(true, Ordering::SeqCst);
        let mut report = Report {
            acknowledged: 0,
            lost: 0,
            longest_call: Duration::ZERO,
            longest_gap: Duration::ZERO,
            errors: HashMap::new(),
        };
        for (key, writer) in self.keys.iter().zip(self.writers) {
            let writer = writer.await.unwrap();
            let stored = load_in_the_end(&self.store, key).await;
            report.acknowledged += writer.acknowledged;
            report.lost += writer.acknowledged.saturating_sub(stored);
            report.longest_call = report.longest_call.max(writer.longest_call);
            report.longest_gap = report.longest_gap.max(writer.longest_gap);
            for (error, times) in writer.errors {
                *report.errors.entry(error).or_default() += times;
            }
        }
        report
    }
}

impl Report {
    fn print(&self, what: &str) {
        eprintln!(
            "{what}: {} writes acknowledged, {} of them lost by the servers, longest call {:?}, longest time \
             without a write {:?}, errors {:?}",
            self.acknowledged, self.lost, self.longest_call, self.longest_gap, self.errors
        );
    }

    /// No call waited longer than it may; what is sent and answered takes its time on a busy machine.
    fn must_be_in_time(&self) {
        let longest = self.longest_call;
        assert!(longest < TIMEOUT * 2 + SLACK, "{longest:?}");
    }
}

const TIMEOUT: Duration = Duration::from_secs(1);

const SLACK: Duration = Duration::from_secs(8);

async fn count_up(
    store: Arc<RedisStore>,
    key: Key,
    stop: Arc<AtomicBool>,
    told: tokio::sync::watch::Sender<Instant>,
) -> Writer {
    let mut writer = Writer::default();
    let mut last = Instant::now();
    while !stop.load(Ordering::SeqCst) {
        match increment(&store, &key, &mut writer.longest_call).await {
            Ok(Some(stored)) => {
                writer.acknowledged = stored;
                writer.longest_gap = writer.longest_gap.max(last.elapsed());
                last = Instant::now();
                told.send_replace(last);
            }
            // A new master that has not got our record, or another state of it: it goes on from there.
            Ok(None) => {}
            Err(error) => {
                assert!(error.is_temporary(), "{error}");
                *writer.errors.entry(error.to_string()).or_default() += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    writer
}

async fn increment(
    store: &RedisStore,
    key: &Key,
    longest: &mut Duration,
) -> dewar::Result<Option<u64>> {
    let Some(record) = timed(longest, store.load(key)).await? else {
        timed(longest, store.create(key, "0".into(), hour())).await?;
        return Ok(None);
    };
    let next = number(&record.blob) + 1;
    let replace = store.replace(key, next.to_string().into(), hour(), &record.version);
    match timed(longest, replace).await? {
        Replaced::Done(_) => Ok(Some(next)),
        Replaced::Conflict | Replaced::Gone => Ok(None),
    }
}

async fn timed<T>(longest: &mut Duration, call: impl Future<Output = T>) -> T {
    let begin = Instant::now();
    let result = call.await;
    *longest = begin.elapsed().max(*longest);
    result
}

/// What is counted in a record; a store that has just followed its servers may refuse a few calls yet.
async fn load_in_the_end(store: &RedisStore, key: &Key) -> u64 {
    let end = Instant::now() + PATIENCE;
    loop {
        match store.load(key).await {
            Ok(record) => return record.map_or(0, |record| number(&record.blob)),
            Err(error) => assert!(error.is_temporary() && Instant::now() < end, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes a record. On a busy machine, servers may be held up, and take one another for dead.
async fn begin(store: &RedisStore, key: &Key) {
    let end = Instant::now() + PATIENCE;
    while let Err(error) = store.create(key, "0".into(), hour()).await {
        assert!(error.is_temporary() && Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn number(blob: &[u8]) -> u64 {
    std::str::from_utf8(blob).unwrap().parse().unwrap()
}

fn hour() -> UnixTime {
    UnixTime::now() + Duration::from_secs(3600)
}

/// A master, a replica, three Sentinels.
struct Service {
    master: Server,
    _replica: Server,
    sentinels: Vec<Server>,
}

impl Service {
    fn start() -> Option<Service> {
        let master = Server::redis(&[])?;
        let replica = Server::redis(&["--replicaof", &format!("127.0.0.1 {}", master.port)])?;
        until(|| {
            master
                .redis_cli(&["INFO", "replication"])
                .contains("state=online")
        });
        let sentinels: Vec<_> = (0..3)
            .filter_map(|_| Server::sentinel(master.port))
            .collect();
        for sentinel in &sentinels {
            until(|| {
                let seen = sentinel.redis_cli(&["SENTINEL", "MASTER", "main"]);
                seen.contains("num-other-sentinels\n2") && seen.contains("num-slaves\n1")
            });
        }
        Some(Service {
            master,
            _replica: replica,
            sentinels,
        })
    }

    fn store(&self) -> RedisStore {
        let hosts = self
            .sentinels
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port));
        let hosts = hosts.collect::<Vec<_>>().join(",");
        store(format!("redis+sentinel://{hosts}/main"), TIMEOUT)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_a_master_that_is_set_up_worse_than_the_others_is_told() {
    let Some(mut cluster) = Cluster::start(LATE) else {
        return absent("redis-server");
    };
    let store = cluster.patient_store();
    let found = verdicts(&store).await;
    assert_eq!(found["eviction"].0, Verdict::Good);
    assert_eq!(found["replicas"].0, Verdict::Good);
    assert_eq!(found["clock"].0, Verdict::Good);

    let second = &cluster.nodes[1];
    second.redis_cli(&["CONFIG", "SET", "maxmemory", "100mb"]);
    second.redis_cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let address = format!("127.0.0.1:{}", second.port);
    for replica in &mut cluster.nodes[3..] {
        replica.kill();
    }
    until(|| {
        let master = &cluster.nodes[1];
        let replication = master.redis_cli(&["INFO", "replication"]);
        replication.contains("connected_slaves:0")
    });
    let found = verdicts(&store).await;
    assert_eq!(found["eviction"].0, Verdict::Doubtful);
    assert!(found["eviction"].1.contains(&address), "{found:?}");
    assert_eq!(found["replicas"].0, Verdict::Doubtful);
}

/// What the doctor is told, by what it is about.
async fn verdicts(store: &RedisStore) -> HashMap<&'static str, (Verdict, String)> {
    let observations = store.diagnose().await.unwrap().into_iter();
    observations
        .map(|observation| (observation.about, (observation.verdict, observation.what)))
        .collect()
}

/// Three masters with a replica each.
struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    fn start(timeout: &str) -> Option<Cluster> {
        let node = || {
            Server::redis(&[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                timeout,
            ])
        };
        let nodes: Vec<_> = (0..6).map(|_| node()).collect::<Option<_>>()?;
        join(&nodes);
        for node in &nodes {
            until(|| {
                node.redis_cli(&["CLUSTER", "INFO"])
                    .contains("cluster_state:ok")
            });
        }
        for node in &nodes[..3] {
            until(|| {
                node.redis_cli(&["INFO", "replication"])
                    .contains("state=online")
            });
        }
        Some(Cluster { nodes })
    }

    fn store(&self) -> RedisStore {
        store(self.url(), TIMEOUT)
    }

    /// One that bears whatever a busy machine does.
    fn patient_store(&self) -> RedisStore {
        store(self.url(), PATIENCE)
    }

    fn url(&self) -> String {
        let hosts = self
            .nodes
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port));
        let hosts = hosts.collect::<Vec<_>>().join(",");
        format!("redis+cluster://{hosts}")
    }

    fn move_slots(&self, from: usize, to: usize, slots: usize) {
        let [from, to] = [from, to].map(|node| self.nodes[node].redis_cli(&["CLUSTER", "MYID"]));
        let mut reshard = Command::new("redis-cli");
        reshard.args([
            "--cluster",
            "reshard",
            &format!("127.0.0.1:{}", self.nodes[0].port),
        ]);
        reshard.args(["--cluster-from", &from, "--cluster-to", &to]);
        reshard.args(["--cluster-slots", &slots.to_string(), "--cluster-yes"]);
        let output = reshard.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        // What was moved is told from node to node, and nothing can be moved while they disagree.
        until(|| {
            let mut check = Command::new("redis-cli");
            let node = format!("127.0.0.1:{}", self.nodes[0].port);
            let check = check.args(["--cluster", "check", &node]).output().unwrap();
            String::from_utf8_lossy(&check.stdout).contains("All nodes agree about slots")
        });
    }
}

/// Makes one cluster of nodes. `redis-cli` gives up when they do not agree at once, as on a busy machine.
fn join(nodes: &[Server]) {
    let hosts = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(hosts);
    create.args(["--cluster-replicas", "1", "--cluster-yes"]);
    let end = Instant::now() + PATIENCE;
    loop {
        let created = create.output().unwrap();
        if created.status.success() {
            return;
        }
        let said = [created.stdout, created.stderr].concat();
        assert!(Instant::now() < end, "{}", String::from_utf8_lossy(&said));
        for node in nodes {
            node.redis_cli(&["CLUSTER", "RESET", "HARD"]);
        }
    }
}

fn store(url: String, timeout: Duration) -> RedisStore {
    let builder = RedisStore::builder(url).connect_timeout(timeout);
    builder.operation_timeout(timeout).build().unwrap()
}

fn until(reached: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < end, "the servers do not get ready");
        std::thread::sleep(Duration::from_millis(50));
    }
}
