//! What stores find out about their servers: full ones, forgetful ones, and ones whose clock is wrong.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::{Observation, Store, Verdict};

/// 2023-11-14 22:13:20 UTC.
const LONG_AGO: UnixTime = UnixTime::from_seconds(1_700_000_000);

async fn diagnose(store: &dyn Store) -> Vec<Observation> {
    let observations = store.diagnose().await.unwrap();
    for observation in &observations {
        // Whoever is told that something is wrong is told what to do.
        assert_eq!(
            observation.fix.is_none(),
            observation.verdict == Verdict::Good
        );
    }
    observations
}

async fn verdict(store: &dyn Store, about: &str) -> Option<Verdict> {
    let mut observations = diagnose(store).await.into_iter();
    let found = observations.find(|observation| observation.about == about);
    found.map(|observation| observation.verdict)
}

/// Sessions of so many bytes, of which later ones may be refused.
async fn fill(store: &dyn Store, sessions: usize, bytes: usize) {
    for number in 0..sessions {
        let key = dewar::store::Key::new(format!("session:session-of-somebody-{number:08}"));
        let expires = UnixTime::now() + Duration::from_secs(3600);
        let blob = vec![b'x'; bytes].into();
        store.create(&key, blob, expires).await.unwrap();
    }
}

mod redis {
    use dewar_stores::redis::RedisStore;

    use super::support::{Server, absent};
    use super::*;

    macro_rules! server {
        ($($argument:expr),*) => {
            match Server::redis(&[$($argument),*]) {
                Some(server) => server,
                None => return absent("redis-server"),
            }
        };
    }

    fn store(server: &Server) -> RedisStore {
        let url = format!("redis://127.0.0.1:{}", server.port);
        RedisStore::builder(url).build().unwrap()
    }

    #[tokio::test]
    async fn a_server_as_it_is_installed_forgets_at_a_restart() {
        let server = server!();
        let store = store(&server);
        assert_eq!(verdict(&store, "eviction").await, Some(Verdict::Good));
        assert_eq!(verdict(&store, "restart").await, Some(Verdict::Doubtful));
        assert_eq!(verdict(&store, "clock").await, Some(Verdict::Good));
    }

    #[tokio::test]
    async fn a_server_that_keeps_a_log_survives_a_restart() {
        let server = server!("--appendonly", "yes");
        let verdict = verdict(&store(&server), "restart").await;
        assert_eq!(verdict, Some(Verdict::Good));
    }

    #[tokio::test]
    async fn a_server_that_throws_sessions_away_is_told_before_and_after_it_does() {
        let server = server!("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru");
        let store = store(&server);
        assert_eq!(verdict(&store, "eviction").await, Some(Verdict::Doubtful));
        fill(&store, 200, 50_000).await;
        assert_eq!(verdict(&store, "eviction").await, Some(Verdict::Bad));
    }

    #[tokio::test]
    async fn a_server_that_refuses_writes_keeps_its_sessions() {
        let server = server!("--maxmemory", "100mb", "--maxmemory-policy", "noeviction");
        let verdict = verdict(&store(&server), "eviction").await;
        assert_eq!(verdict, Some(Verdict::Good));
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_is_told() {
        let server = server!();
        let url = format!("redis://127.0.0.1:{}", server.port);
        let store = RedisStore::builder(url)
            .clock(ManualClock::new(LONG_AGO))
            .build()
            .unwrap();
        assert_eq!(verdict(&store, "clock").await, Some(Verdict::Doubtful));
    }

    #[tokio::test]
    async fn a_user_who_may_not_ask_is_told_nothing() {
        let server = server!();
        server.redis_cli(&[
            "ACL", "SETUSER", "shop", "on", ">pass", "~*", "+@all", "-info",
        ]);
        let url = format!("redis://shop:pass@127.0.0.1:{}", server.port);
        let store = RedisStore::builder(url).build().unwrap();
        assert_eq!(diagnose(&store).await, []);
    }

    #[tokio::test]
    async fn a_user_who_may_not_ask_for_the_time_is_told_the_rest() {
        let server = server!();
        let shop = ["ACL", "SETUSER", "shop", "on", ">pass", "~*", "+@all"];
        server.redis_cli(&[&shop[..], &["-time"]].concat());
        let url = format!("redis://shop:pass@127.0.0.1:{}", server.port);
        let store = RedisStore::builder(url).build().unwrap();
        assert_eq!(verdict(&store, "eviction").await, Some(Verdict::Good));
        assert_eq!(verdict(&store, "clock").await, None);
    }

    #[tokio::test]
    async fn a_user_who_may_not_ask_the_nodes_of_a_cluster_is_told_nothing() {
        let server = server!("--cluster-enabled", "yes");
        server.redis_cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        let shop = ["ACL", "SETUSER", "shop", "on", ">pass", "~*", "+@all"];
        server.redis_cli(&[&shop[..], &["-info"]].concat());
        let url = format!("redis+cluster://shop:pass@127.0.0.1:{}", server.port);
        let store = RedisStore::builder(url).build().unwrap();
        assert_eq!(diagnose(&store).await, []);
    }

    #[tokio::test]
    async fn a_url_of_one_server_that_leads_to_a_node_of_a_cluster_is_told() {
        let node = || Server::redis(&["--cluster-enabled", "yes"]);
        let [one, other] = [node(), node()];
        let (Some(one), Some(other)) = (one, other) else {
            return absent("redis-server");
        };
        let store = store(&one);
        one.redis_cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        assert_eq!(verdict(&store, "cluster").await, None);
        one.redis_cli(&["CLUSTER", "DELSLOTSRANGE", "100", "16383"]);
        other.redis_cli(&["CLUSTER", "ADDSLOTSRANGE", "100", "16383"]);
        let bus = other.redis_cli(&["CONFIG", "GET", "cluster-port"]);
        let bus = bus.split_whitespace().last().unwrap();
        one.redis_cli(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string(), bus]);
        let end = Instant::now() + Duration::from_secs(60);
        let information = || one.redis_cli(&["CLUSTER", "INFO"]);
        while !information().contains("cluster_size:2") {
            assert!(Instant::now() < end, "{}", information());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(verdict(&store, "cluster").await, Some(Verdict::Bad));
    }
}

mod memcached {
    use dewar_stores::memcached::MemcachedStore;

    use super::support::{Server, absent};
    use super::*;

    #[tokio::test]
    async fn of_several_servers_the_one_that_is_down_is_told() {
        let [one, other] = [0, 1].map(|_| Server::memcached(&[]));
        let (Some(one), Some(mut other)) = (one, other) else {
            return absent("memcached");
        };
        // The last one is asked all the same.
        let url = format!(
            "memcached://127.0.0.1:{},127.0.0.1:{}",
            other.port, one.port
        );
        let store = MemcachedStore::builder(url).build().unwrap();
        assert_eq!(verdict(&store, "server").await, None);
        other.kill();
        let found = diagnose(&store).await;
        let of = |server: &Server, about: &str| {
            let address = format!("127.0.0.1:{}", server.port);
            let about = |observation: &&Observation| {
                observation.about == about && observation.what.contains(&address)
            };
            found
                .iter()
                .find(about)
                .map(|observation| observation.verdict)
        };
        assert_eq!(of(&other, "server"), Some(Verdict::Bad));
        assert_eq!(of(&one, "eviction"), Some(Verdict::Good));
        assert_eq!(of(&one, "clock"), Some(Verdict::Good));
    }

    #[tokio::test]
    async fn a_server_that_throws_sessions_away_is_told() {
        let Some(server) = Server::memcached(&["-m", "8"]) else {
            return absent("memcached");
        };
        let url = format!("memcached://127.0.0.1:{}", server.port);
        let store = MemcachedStore::builder(url.clone()).build().unwrap();
        assert_eq!(verdict(&store, "eviction").await, Some(Verdict::Good));
        assert_eq!(verdict(&store, "restart").await, Some(Verdict::Doubtful));
        assert_eq!(verdict(&store, "clock").await, Some(Verdict::Good));
        fill(&store, 200, 200_000).await;
        assert_eq!(verdict(&store, "eviction").await, Some(Verdict::Bad));
        let late = MemcachedStore::builder(url).clock(ManualClock::new(LONG_AGO));
        let late = late.build().unwrap();
        assert_eq!(verdict(&late, "clock").await, Some(Verdict::Doubtful));
    }
}

#[tokio::test]
async fn the_clock_of_postgresql_is_compared() {
    use dewar_stores::postgresql::PostgresqlStore;

    let Some(server) = support::databases::Postgresql::start() else {
        return support::absent("postgresql");
    };
    let store = PostgresqlStore::builder(server.url());
    let store = store.connect().await.unwrap();
    assert_eq!(verdict(&store, "clock").await, Some(Verdict::Good));
    let late = PostgresqlStore::builder(server.url()).clock(ManualClock::new(LONG_AGO));
    let late = late.connect().await.unwrap();
    assert_eq!(verdict(&late, "clock").await, Some(Verdict::Doubtful));
}

#[tokio::test]
async fn the_clock_of_mariadb_is_compared() {
    use dewar_stores::mysql::MysqlStore;

    let Some(server) = support::databases::Mariadb::start() else {
        return support::absent("mariadb-server");
    };
    let store = MysqlStore::builder(server.url()).connect().await.unwrap();
    assert_eq!(verdict(&store, "clock").await, Some(Verdict::Good));
    let late = MysqlStore::builder(server.url()).clock(ManualClock::new(LONG_AGO));
    let late = late.connect().await.unwrap();
    assert_eq!(verdict(&late, "clock").await, Some(Verdict::Doubtful));
}
