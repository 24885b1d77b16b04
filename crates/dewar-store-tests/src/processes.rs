//! The test program, started anew as a child that does one task.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use dewar::UnixTime;
use dewar::store::{Created, Key, Store};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::check::{increment, load, try_replace};
use crate::place::{Place, StoreFactory};

const ROLE: &str = "DEWAR_STORE_TESTS_ROLE";

/// The name of the key that [`Task::Increment`] counts in.
pub(crate) const COUNTER: &str = "counter";
/// How many tasks an incrementing child has.
pub(crate) const TASKS: u64 = 2;
/// How often each of them increments.
pub(crate) const INCREMENTS: u64 = 100;
/// How many keys [`Task::Write`] writes to, by turns.
pub(crate) const KEYS: u64 = 5;

/// What a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Adds to one record, as often as agreed, from several tasks.
    Increment,
    /// Writes records until it is killed, and says after each which number it was.
    Write,
}

/// What this process was started for, if it is a child.
pub(crate) struct Role {
    pub(crate) store: String,
    address: String,
    prefix: String,
    task: Task,
}

impl Role {
    pub(crate) fn of_this_process() -> Option<Role> {
        let text = std::env::var(ROLE).ok()?;
        let mut lines = text.splitn(4, '\n').map(str::to_owned);
        Some(Role {
            task: match lines.next()?.as_str() {
                "Increment" => Task::Increment,
                _ => Task::Write,
            },
            store: lines.next()?,
            prefix: lines.next()?,
            address: lines.next()?,
        })
    }

    pub(crate) async fn play(self, factory: &dyn StoreFactory) {
        match self.task {
            Task::Increment => self.increment(factory).await,
            Task::Write => self.write(factory).await,
        }
    }

    async fn increment(&self, factory: &dyn StoreFactory) {
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let store = factory.open(&self.address).await;
            let key = self.key(COUNTER);
            tasks.push(tokio::spawn(async move {
                for _ in 0..INCREMENTS {
                    increment(&store, &key, in_an_hour()).await;
                }
            }));
        }
        for task in tasks {
            task.await.expect("an incrementing task");
        }
    }

    async fn write(&self, factory: &dyn StoreFactory) {
        let store: Arc<dyn Store> = factory.open(&self.address).await;
        for number in 0.. {
            let key = self.key(&slot_name(number % KEYS));
            let created = store.create(&key, blob(number).into(), in_an_hour()).await;
            if created.expect("create") == Created::Taken {
                let seen = load(&*store, &key).await.version;
                try_replace(&*store, &key, &blob(number), in_an_hour(), &seen).await;
            }
            let mut out = std::io::stdout().lock();
            // The parent is gone: so should this process be.
            if writeln!(out, "{number}").is_err() {
                return;
            }
        }
    }

    fn key(&self, name: &str) -> Key {
        Key::new(format!("{}{name}", self.prefix))
    }
}

/// A running child.
pub(crate) struct Child(tokio::process::Child);

impl Child {
    pub(crate) fn start(place: &Place, store: &str, task: Task) -> Child {
        let address = place.address.as_deref().unwrap_or_default();
        let role = format!("{task:?}\n{store}\n{}\n{address}", place.prefix());
        let program = std::env::current_exe().expect("this program's path");
        let child = Command::new(program)
            .env(ROLE, role)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        Child(child.expect("a child process"))
    }

    pub(crate) async fn must_succeed(mut self) {
        let status = self.0.wait().await.expect("the child's status");
        assert!(status.success(), "a child process failed: {status}");
    }

    /// Kills the child a while after its first write, and returns the numbers of all writes it said were done.
    pub(crate) async fn kill_after(mut self, moment: Duration) -> Vec<u64> {
        let out = self.0.stdout.take().expect("the child's output");
        let mut lines = BufReader::new(out).lines();
        let mut acknowledged = Vec::new();
        let mut alarm = None;
        loop {
            let until =
                alarm.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(30));
            tokio::select! {
                () = tokio::time::sleep_until(until) => {
                    self.0.kill().await.expect("kill");
                    // What is still in the pipe was said before.
                    while let Ok(Some(line)) = lines.next_line().await {
                        acknowledged.extend(line.parse::<u64>());
                    }
                    assert!(!acknowledged.is_empty(), "the child never wrote anything");
                    return acknowledged;
                }
                line = lines.next_line() => {
                    let line = line.expect("the child's output").expect("the child ended by itself");
                    acknowledged.extend(line.parse::<u64>());
                    alarm.get_or_insert_with(|| tokio::time::Instant::now() + moment);
                }
            }
        }
    }
}

pub(crate) fn slot_name(slot: u64) -> String {
    format!("written{slot}")
}

/// The data of a write: its number over and over, now short, now long.
pub(crate) fn blob(number: u64) -> Vec<u8> {
    let times = if number.is_multiple_of(3) {
        20_000
    } else {
        20 + number % 50
    };
    let mut blob = times.to_le_bytes().to_vec();
    for _ in 0..times {
        blob.extend_from_slice(&number.to_le_bytes());
    }
    blob
}

/// Which write's data this is; `None` if it is not whole.
pub(crate) fn number_in(data: &[u8]) -> Option<u64> {
    let number = data.get(8..16)?.try_into().ok()?;
    let number = u64::from_le_bytes(number);
    (data == blob(number)).then_some(number)
}

fn in_an_hour() -> UnixTime {
    UnixTime::now() + Duration::from_secs(3600)
}
