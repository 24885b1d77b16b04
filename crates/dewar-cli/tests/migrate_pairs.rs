//! Sessions move between every two stores that can list, while they are written to, in runs that are killed.
//!
//! `DEWAR_TEST_REDIS_URL`, `DEWAR_TEST_POSTGRESQL_URL` and so on name the servers; `scripts/servers` starts some. A pair whose server is not there is ignored, and fails with `CI=true`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dewar::UnixTime;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Created, Cursor, Key, Store};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

const EXPIRES: UnixTime = UnixTime::from_seconds(2_000_000_000);
/// Those that can list, but for memory, which no other process reaches.
const KINDS: [&str; 7] = [
    "dynamodb",
    "filesystem",
    "mongodb",
    "mysql",
    "postgresql",
    "redis",
    "sqlite",
];

/// How much an application does meanwhile.
#[derive(Clone, Copy)]
struct Load {
    /// How many sessions there are at the beginning.
    sessions: usize,
    /// How long it rests after each thing it does.
    rest: Duration,
}

impl Load {
    /// DynamoDB's stand-in answers one request at a time, in milliseconds.
    fn of(kinds: [&str; 2]) -> Load {
        let (sessions, rest) = if kinds.contains(&"dynamodb") {
            (40, Duration::from_millis(10))
        } else {
            (150, Duration::from_micros(500))
        };
        Load { sessions, rest }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    let mut trials = Vec::new();
    for from in KINDS {
        for to in KINDS {
            let absent = absent(from).or(absent(to));
            let trial = Trial::test(format!("{from}_to_{to}"), move || match absent {
                Some(variable) => Err(Failed::from(format!("{variable} is not set"))),
                None => move_sessions(from, to),
            });
            trials.push(trial.with_ignored_flag(absent.is_some() && !strict));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The variable that does not name the server of this kind.
fn absent(kind: &str) -> Option<&'static str> {
    variable(kind).filter(|variable| std::env::var_os(variable).is_none())
}

fn variable(kind: &str) -> Option<&'static str> {
    match kind {
        "dynamodb" => Some("DEWAR_TEST_DYNAMODB_URL"),
        "mongodb" => Some("DEWAR_TEST_MONGODB_URL"),
        "mysql" => Some("DEWAR_TEST_MYSQL_URL"),
        "postgresql" => Some("DEWAR_TEST_POSTGRESQL_URL"),
        "redis" => Some("DEWAR_TEST_REDIS_URL"),
        _ => None,
    }
}

/// A store with what stands before the keys of one side of one pair.
struct Side {
    url: String,
    prefix: String,
}

impl Side {
    fn new(kind: &str, side: &str, pair: &str, folder: &Path) -> Side {
        let path = folder.join(side).display().to_string();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Side {
            url: match variable(kind) {
                Some(variable) => std::env::var(variable).unwrap(),
                None if kind == "sqlite" => format!("sqlite:///{path}.db"),
                None => format!("filesystem:{path}"),
            },
            prefix: format!("{pair}_{side}_{:x}:", since.as_nanos()),
        }
    }

    /// A handle for the runtime of one thread.
    fn open(&self) -> Arc<dyn Store> {
        match self.url.strip_prefix("filesystem:") {
            Some(folder) => Arc::new(FilesystemStore::at(folder).open().unwrap()),
            None => dewar_stores::Place::of_url(&self.url)
                .unwrap()
                .open()
                .unwrap(),
        }
    }

    fn key(&self, number: usize) -> Key {
        Key::new(format!("{}session-of-somebody-{number:08}", self.prefix))
    }

    /// The records by their keys without the prefix.
    async fn content(&self, store: &dyn Store) -> BTreeMap<String, Bytes> {
        let mut content = BTreeMap::new();
        let mut cursor = Some(Cursor::start());
        while let Some(place) = cursor {
            let page = store
                .list(&self.prefix, place, 1000)
                .await
                .unwrap()
                .unwrap();
            for entry in page.entries {
                let record = store.load(&entry.key).await.unwrap().unwrap();
                // Redis is told, and tells, how much time is left, which is later by what that takes on a busy machine. Some
                // tables keep whole seconds.
                let expires = record.expires.unwrap().seconds();
                assert!((expires - EXPIRES.seconds()).abs() <= 60, "{expires}");
                let id = entry.key.expose().strip_prefix(&self.prefix).unwrap();
                content.insert(id.to_owned(), record.blob);
            }
            cursor = page.next;
        }
        content
    }

    async fn clear(&self, store: &dyn Store) {
        for id in self.content(store).await.keys() {
            let key = Key::new(format!("{}{id}", self.prefix));
            store.delete(&key).await.unwrap();
        }
    }
}

fn move_sessions(from_kind: &str, to_kind: &str) -> Result<(), Failed> {
    let load = Load::of([from_kind, to_kind]);
    let folder = tempfile::tempdir()?;
    let pair = format!("{from_kind}_{to_kind}");
    let from = Side::new(from_kind, "from", &pair, folder.path());
    let to = Side::new(to_kind, "to", &pair, folder.path());
    let runtime = runtime();
    let source = from.open();
    runtime.block_on(async {
        for number in 0..load.sessions {
            let created = source
                .create(&from.key(number), blob("first"), EXPIRES)
                .await;
            assert!(matches!(created.unwrap(), Created::Done(_)));
        }
    });
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| use_sessions(&from, load, &done));
        for wait in [15, 60, 120] {
            let mut child = migrate(folder.path(), &from, &to, &[]);
            std::thread::sleep(Duration::from_millis(wait));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // One that nothing disturbs but the application.
        let code = migrate(folder.path(), &from, &to, &[])
            .wait()
            .unwrap()
            .code();
        // A session that was written to all the time is left for the next run, and 1 says so.
        assert!(matches!(code, Some(0 | 1)), "{code:?}");
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 0, "nothing was written meanwhile");
    });
    let code = migrate(folder.path(), &from, &to, &["--mirror"])
        .wait()?
        .code();
    assert_eq!(code, Some(0));
    runtime.block_on(async {
        let target = to.open();
        let (there, here) = (from.content(&*source).await, to.content(&*target).await);
        from.clear(&*source).await;
        to.clear(&*target).await;
        assert!(!there.is_empty());
        assert!(
            there == here,
            "{} in the source, {} in the target",
            there.len(),
            here.len()
        );
    });
    Ok(())
}

/// An application that is in use: sessions change, end and begin. Says how many did.
fn use_sessions(side: &Side, load: Load, done: &AtomicBool) -> usize {
    let store = side.open();
    runtime().block_on(async {
        let mut round = 0;
        // It does something, however late it begins.
        while round == 0 || !done.load(Ordering::Relaxed) {
            let at = side.key(round * 7 % load.sessions);
            match round % 3 {
                0 => store.delete(&at).await.unwrap(),
                1 => {
                    if let Some(seen) = store.load(&at).await.unwrap() {
                        let text = format!("round {round}");
                        let replaced = store.replace(&at, blob(&text), EXPIRES, &seen.version);
                        replaced.await.unwrap();
                    }
                }
                _ => {
                    let new = side.key(load.sessions + round);
                    store.create(&new, blob("new"), EXPIRES).await.unwrap();
                }
            }
            round += 1;
            tokio::time::sleep(load.rest).await;
        }
        round
    })
}

fn migrate(folder: &Path, from: &Side, to: &Side, options: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_dewar"))
        .args([
            "sessions", "migrate", "env:FROM", "env:TO", "--state", "state",
        ])
        .args(["--from-prefix", &from.prefix, "--to-prefix", &to.prefix])
        .args(options)
        .current_dir(folder)
        .env_clear()
        .env("FROM", &from.url)
        .env("TO", &to.url)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// msgpack: `{"n": "…"}`.
fn blob(text: &str) -> Bytes {
    let mut bytes = vec![0x81, 0xa1, b'n', 0xd9, u8::try_from(text.len()).unwrap()];
    bytes.extend_from_slice(text.as_bytes());
    bytes.into()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
