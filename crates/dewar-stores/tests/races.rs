//! Many requests on one session at once, through the engine, on every store: no change is lost, and what has ended stays so.
//!
//! `DEWAR_RACES=1000` gives the full counts: 64 writers make so many changes each, and so many logouts race with slow
//! requests. Without it there are 20, so that the tests take seconds. What was merged and retried is printed with `--nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]
#![cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis",
    feature = "sqlite"
))]

mod support;

use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dewar::config::Config;
use dewar::store::filesystem::{CachelibStore, FilesystemStore};
use dewar::store::{Key, Store};
use dewar::{Engine, ErrorKind, Session};
use dewar_stores::Place;

/// How many write at once.
const WRITERS: u32 = 64;

/// How long a writer tries to save one change.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often each of them writes. The stand-ins for DynamoDB and MongoDB answer one request at a time, in milliseconds.
fn rounds(kind: &str) -> u32 {
    let rounds = std::env::var("DEWAR_RACES").map(|rounds| rounds.parse().unwrap());
    rounds.unwrap_or(match kind {
        "dynamodb" | "mongodb" => 2,
        _ => 20,
    })
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

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.merges += other.merges;
        self.retries += other.retries;
    }

    fn report(&self, kind: &str, how: &str, begun: Instant) {
        let (merges, retries, rounds) = (self.merges, self.retries, rounds(kind));
        let seconds = begun.elapsed();
        eprintln!(
            "{kind}, {how}: {WRITERS} writers, {rounds} changes each: {merges} merges, {retries} retries, {seconds:.1?}"
        );
    }
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

async fn write_together(engine: &Engine, id: &str, writers: Range<u32>, rounds: u32) -> Tally {
    let tasks = writers.map(|writer| {
        let (engine, id) = (engine.clone(), id.to_owned());
        tokio::spawn(write(engine, id, writer, rounds))
    });
    let mut total = Tally::default();
    for task in tasks.collect::<Vec<_>>() {
        total.add(&task.await.unwrap());
    }
    total
}

async fn must_hold_everything(engine: &Engine, id: &str, rounds: u32) {
    let session = open(engine, id).await;
    for writer in 0..WRITERS {
        let count = session.get::<u32>(&format!("w{writer}")).unwrap();
        assert_eq!(count, Some(rounds), "of writer {writer}");
    }
}

/// All writers in one process.
async fn writers_lose_nothing(kind: &str, store: Arc<dyn Store>) {
    let engine = engine(store);
    let (id, begun) = (begin(&engine).await, Instant::now());
    let tally = write_together(&engine, &id, 0..WRITERS, rounds(kind)).await;
    must_hold_everything(&engine, &id, rounds(kind)).await;
    tally.report(kind, "one process", begun);
}

/// Whatever comes first: a slow request that saves after a logout, or after a new id, brings nothing back.
async fn what_has_ended_stays_ended(kind: &str, store: Arc<dyn Store>) {
    let (engine, begun) = (engine(store.clone()), Instant::now());
    for round in 0..rounds(kind) {
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
        "{kind}: {} slow requests over an end: none came back, {:.1?}",
        rounds(kind),
        begun.elapsed()
    );
}

/// The writers in four processes.
async fn processes_lose_nothing(kind: &str, place: &str) {
    let engine = engine(open_store(kind, place).await);
    let (id, begun) = (begin(&engine).await, Instant::now());
    let children = (0..4).map(|child| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "writers_of_another_process",
            "--exact",
            "--ignored",
            "--nocapture",
        ]);
        command.env(
            "DEWAR_RACES_ROLE",
            format!("{kind}\n{place}\n{id}\n{child}"),
        );
        command.stdout(Stdio::piped()).spawn().unwrap()
    });
    let mut total = Tally::default();
    for child in children.collect::<Vec<_>>() {
        let output = child.wait_with_output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let tally = output.lines().find_map(|line| line.strip_prefix(TALLY));
        let Some((merges, retries)) = tally.and_then(|tally| tally.split_once(' ')) else {
            panic!("a process failed: {output}");
        };
        let (merges, retries) = (merges.parse().unwrap(), retries.parse().unwrap());
        total.add(&Tally { merges, retries });
    }
    must_hold_everything(&engine, &id, rounds(kind)).await;
    total.report(kind, "4 processes", begun);
}

/// What a process ends its line with to the one that started it.
const TALLY: &str = "tally: ";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "the tests of several processes start it"]
async fn writers_of_another_process() {
    let role = std::env::var("DEWAR_RACES_ROLE").unwrap();
    let [kind, place, id, child] = role.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let share = WRITERS / 4;
    let first = child.parse::<u32>().unwrap() * share;
    let engine = engine(open_store(kind, place).await);
    let tally = write_together(&engine, id, first..first + share, rounds(kind)).await;
    println!("\n{TALLY}{} {}", tally.merges, tally.retries);
}

async fn open_store(kind: &str, place: &str) -> Arc<dyn Store> {
    match kind {
        "cachelib" => Arc::new(CachelibStore::at(place).open().unwrap()),
        "filesystem" => Arc::new(FilesystemStore::at(place).open().unwrap()),
        #[cfg(feature = "dynamodb")]
        "dynamodb" => {
            // The stand-in answers one request at a time: what is given up and asked again makes the others wait longer.
            let builder = dewar_stores::dynamodb::DynamodbStore::builder(place);
            Arc::new(builder.operation_timeout(PATIENCE / 2).build().unwrap())
        }
        _ => Place::of_url(place).unwrap().open().unwrap(),
    }
}

/// All of it on one store.
async fn nothing_is_lost(kind: &str, place: &str) {
    writers_lose_nothing(kind, open_store(kind, place).await).await;
    processes_lose_nothing(kind, place).await;
    what_has_ended_stays_ended(kind, open_store(kind, place).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filesystem_keeps_every_change() {
    let folder = tempfile::tempdir().unwrap();
    nothing_is_lost("filesystem", folder.path().to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cachelib_keeps_every_change() {
    let folder = tempfile::tempdir().unwrap();
    nothing_is_lost("cachelib", folder.path().to_str().unwrap()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("sessions.db");
    nothing_is_lost("sqlite", &format!("sqlite:///{}", place.display())).await;
}

macro_rules! on_a_server {
    ($feature:literal, $test:ident, $variable:literal) => {
        #[cfg(feature = $feature)]
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let Ok(url) = std::env::var($variable) else {
                return support::absent($variable);
            };
            nothing_is_lost($feature, &url).await;
        }
    };
}

on_a_server!(
    "dynamodb",
    dynamodb_keeps_every_change,
    "DEWAR_TEST_DYNAMODB_URL"
);
on_a_server!(
    "memcached",
    memcached_keeps_every_change,
    "DEWAR_TEST_MEMCACHED_URL"
);
on_a_server!(
    "mongodb",
    mongodb_keeps_every_change,
    "DEWAR_TEST_MONGODB_URL"
);
on_a_server!("mysql", mysql_keeps_every_change, "DEWAR_TEST_MYSQL_URL");
on_a_server!(
    "postgresql",
    postgresql_keeps_every_change,
    "DEWAR_TEST_POSTGRESQL_URL"
);
on_a_server!("redis", redis_keeps_every_change, "DEWAR_TEST_REDIS_URL");
