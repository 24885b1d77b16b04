//! Many requests on one session at once, through the engine, on every store: no change is lost, and what has ended stays so.
//!
//! `DEWAR_RACES=1000` gives the full counts: 64 writers make so many changes each, and so many logouts race with slow
//! requests. Without it there are 20, so that the tests take seconds. What was merged and retried is printed with `--nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![cfg(any(
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis",
    feature = "sqlite"
))]

mod support;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dewar::config::Config;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Key, Store};
use dewar::{Engine, ErrorKind, Session};

const WRITERS: u32 = 64;
/// How long a writer tries to save one change.
const PATIENCE: Duration = Duration::from_secs(60);

fn rounds() -> u32 {
    let rounds = std::env::var("DEWAR_RACES").map(|rounds| rounds.parse().unwrap());
    rounds.unwrap_or(20)
}

fn engine(store: Arc<dyn Store>) -> Engine {
    // The engine need not know which kind of store it has.
    let engine = Engine::builder(Config::new().session_type("memory"));
    engine.shared_store(store).build().unwrap()
}

async fn open(engine: &Engine, id: &str) -> Session {
    let cookie = format!("session={id}");
    engine.open([cookie.as_bytes()]).await.unwrap()
}

/// A new session's id.
async fn begin(engine: &Engine) -> String {
    let session = engine.open([]).await.unwrap();
    session.insert("user", "ada").unwrap();
    let reply = engine.close(&session).await.unwrap();
    let cookie = reply.set_cookie().unwrap();
    let value = cookie.strip_prefix("session=").unwrap();
    value.split(';').next().unwrap().to_owned()
}

/// What happened on the way.
#[derive(Default)]
struct Tally {
    merges: u32,
    retries: u32,
}

/// Waits after what is temporary, as who serves requests does.
async fn wait_out(tally: &mut Tally, begun: Instant, error: dewar::Error) {
    let contended = error.kind() == ErrorKind::Contention;
    assert!(contended || error.is_temporary(), "{error}");
    assert!(begun.elapsed() < PATIENCE, "{error}");
    tally.retries += 1;
    // A server that is busy answers the same if it is asked again at once.
    if !contended {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Adds one to a writer's own key, in a request of its own each time.
async fn write(engine: Engine, id: String, writer: u32, rounds: u32) -> Tally {
    let (name, cookie) = (format!("w{writer}"), format!("session={id}"));
    let mut tally = Tally::default();
    for _ in 0..rounds {
        let begun = Instant::now();
        let session = loop {
            match engine.open([cookie.as_bytes()]).await {
                Ok(session) => break session,
                Err(error) => wait_out(&mut tally, begun, error).await,
            }
        };
        assert!(session.contains("user"), "the session is lost");
        session
            .update(&name, |count: &mut u32| *count += 1)
            .unwrap();
        let begun = Instant::now();
        tally.merges += loop {
            match engine.close(&session).await {
                Ok(reply) => break reply.merges(),
                Err(error) => wait_out(&mut tally, begun, error).await,
            }
        };
    }
    tally
}

async fn write_together(engine: &Engine, id: &str, writers: std::ops::Range<u32>) -> Tally {
    let tasks = writers.map(|writer| {
        let (engine, id) = (engine.clone(), id.to_owned());
        tokio::spawn(write(engine, id, writer, rounds()))
    });
    let mut total = Tally::default();
    for task in tasks.collect::<Vec<_>>() {
        let tally = task.await.unwrap();
        total.merges += tally.merges;
        total.retries += tally.retries;
    }
    total
}

async fn must_hold_everything(engine: &Engine, id: &str) {
    let session = open(engine, id).await;
    for writer in 0..WRITERS {
        let count = session.get::<u32>(&format!("w{writer}")).unwrap();
        assert_eq!(count, Some(rounds()), "of writer {writer}");
    }
}

/// 64 writers in one process.
async fn writers_lose_nothing(name: &str, store: Arc<dyn Store>) {
    let engine = engine(store);
    let (id, begin) = (begin(&engine).await, Instant::now());
    let tally = write_together(&engine, &id, 0..WRITERS).await;
    must_hold_everything(&engine, &id).await;
    eprintln!(
        "{name}: {WRITERS} writers, {} changes each: {} merges, {} retries, {:.1?}",
        rounds(),
        tally.merges,
        tally.retries,
        begin.elapsed()
    );
}

/// Whatever comes first: a slow request that saves after a logout, or after a new id, brings nothing back.
async fn what_has_ended_stays_ended(name: &str, store: Arc<dyn Store>) {
    let (engine, begun) = (engine(store.clone()), Instant::now());
    for round in 0..rounds() {
        let id = begin(&engine).await;
        let (slow, last) = (open(&engine, &id).await, open(&engine, &id).await);
        slow.insert("slow", round).unwrap();
        match round % 2 {
            0 => last.destroy().unwrap(),
            _ => last.regenerate().unwrap(),
        }
        // Now one first, now the other, now both at once.
        let delay = move |before: bool| async move {
            for _ in 0..if before { round % 23 } else { 0 } {
                tokio::task::yield_now().await;
            }
        };
        let saving = {
            let engine = engine.clone();
            tokio::spawn(async move {
                delay(round % 4 < 2).await;
                engine.close(&slow).await.map(drop)
            })
        };
        let ending = {
            let engine = engine.clone();
            tokio::spawn(async move {
                delay(round % 4 >= 2).await;
                engine.close(&last).await.map(drop)
            })
        };
        if let Err(error) = saving.await.unwrap() {
            assert_eq!(error.kind(), ErrorKind::Gone, "{error}");
        }
        ending.await.unwrap().unwrap();
        let key = Key::new(format!("session:{id}"));
        assert!(
            store.load(&key).await.unwrap().is_none(),
            "round {round}: it is back"
        );
        let session = open(&engine, &id).await;
        assert!(!session.contains("user"), "round {round}: it is shown");
    }
    eprintln!(
        "{name}: {} slow requests over an end: none came back, {:.1?}",
        rounds(),
        begun.elapsed()
    );
}

/// 64 writers in four processes.
async fn processes_lose_nothing(kind: &str, place: &str, store: Arc<dyn Store>) {
    let engine = engine(store);
    let (id, begun) = (begin(&engine).await, Instant::now());
    let children = (0..4).map(|child| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["writers_of_another_process", "--exact", "--ignored"]);
        command.env(
            "DEWAR_RACES_ROLE",
            format!("{kind}\n{place}\n{id}\n{child}"),
        );
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    });
    for mut child in children.collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
    must_hold_everything(&engine, &id).await;
    let (rounds, elapsed) = (rounds(), begun.elapsed());
    eprintln!("{kind}: {WRITERS} writers in 4 processes, {rounds} changes each: {elapsed:.1?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "the tests of several processes start it"]
async fn writers_of_another_process() {
    let role = std::env::var("DEWAR_RACES_ROLE").unwrap();
    let [kind, place, id, child] = role.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let store: Arc<dyn Store> = match kind {
        "filesystem" => filesystem(place),
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite(place),
        #[cfg(feature = "redis")]
        "redis" => redis(place).await,
        _ => unreachable!("{kind}"),
    };
    let first = child.parse::<u32>().unwrap() * WRITERS / 4;
    write_together(&engine(store), id, first..first + WRITERS / 4).await;
}

fn filesystem(place: &str) -> Arc<dyn Store> {
    Arc::new(FilesystemStore::at(place).open().unwrap())
}

#[cfg(feature = "sqlite")]
fn sqlite(place: &str) -> Arc<dyn Store> {
    let url = format!("sqlite:///{place}");
    Arc::new(
        dewar_stores::sqlite::SqliteStore::builder(url)
            .open()
            .unwrap(),
    )
}

#[cfg(feature = "redis")]
async fn redis(place: &str) -> Arc<dyn Store> {
    Arc::new(
        dewar_stores::redis::RedisStore::builder(place)
            .connect()
            .await
            .unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filesystem_keeps_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    writers_lose_nothing("filesystem", filesystem(place)).await;
    processes_lose_nothing("filesystem", place, filesystem(place)).await;
    what_has_ended_stays_ended("filesystem", filesystem(place)).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("sessions.db").display().to_string();
    writers_lose_nothing("sqlite", sqlite(&place)).await;
    processes_lose_nothing("sqlite", &place, sqlite(&place)).await;
    what_has_ended_stays_ended("sqlite", sqlite(&place)).await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_keeps_every_change() {
    let Ok(url) = std::env::var("DEWAR_TEST_REDIS_URL") else {
        return support::absent("DEWAR_TEST_REDIS_URL");
    };
    writers_lose_nothing("redis", redis(&url).await).await;
    processes_lose_nothing("redis", &url, redis(&url).await).await;
    what_has_ended_stays_ended("redis", redis(&url).await).await;
}

macro_rules! on_a_server {
    ($feature:literal, $test:ident, $store:path, $variable:literal) => {
        #[cfg(feature = $feature)]
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let Ok(url) = std::env::var($variable) else {
                return support::absent($variable);
            };
            let store: Arc<dyn Store> = Arc::new(<$store>::builder(url).connect().await.unwrap());
            writers_lose_nothing($feature, store.clone()).await;
            what_has_ended_stays_ended($feature, store).await;
        }
    };
}

on_a_server!(
    "memcached",
    memcached_keeps_every_change,
    dewar_stores::memcached::MemcachedStore,
    "DEWAR_TEST_MEMCACHED_URL"
);
on_a_server!(
    "mongodb",
    mongodb_keeps_every_change,
    dewar_stores::mongodb::MongodbStore,
    "DEWAR_TEST_MONGODB_URL"
);
on_a_server!(
    "mysql",
    mysql_keeps_every_change,
    dewar_stores::mysql::MysqlStore,
    "DEWAR_TEST_MYSQL_URL"
);
on_a_server!(
    "postgresql",
    postgresql_keeps_every_change,
    dewar_stores::postgresql::PostgresqlStore,
    "DEWAR_TEST_POSTGRESQL_URL"
);
