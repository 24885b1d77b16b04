#![allow(clippy::unwrap_used)]

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use anstream::ColorChoice;
use async_trait::async_trait;
use bytes::Bytes;
use dewar::clock::SystemClock;
use dewar::store::memory::MemoryStore;
use dewar::store::{Key, Store};
use dewar::{Error, ErrorKind, Result, UnixTime};
use dewar_store_tests::{Call, Hook, HookedStore};

use super::*;
use crate::stores::Opened;

/// What happens to a store while sessions are copied.
#[derive(Debug)]
struct Busy {
    store: MemoryStore,
    event: Event,
    loads: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Nothing,
    /// The session ends between the first time that it is read and the second.
    LogOut,
    /// It changes between the two.
    Change,
    /// A session begins whenever one is read, and is listed after all others.
    Arrival,
    /// Nothing can be written over: a run that is killed looks like that to the next.
    Failure,
}

impl Busy {
    fn new(event: Event) -> Busy {
        Busy {
            store: memory(),
            event,
            loads: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        }
    }

    async fn loaded(&self, key: &Key) -> Result<()> {
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        let loads = self.loads.fetch_add(1, Ordering::Relaxed);
        match self.event {
            Event::LogOut if loads == 1 => self.store.delete(key).await?,
            Event::Change if loads == 1 => {
                let seen = self.store.load(key).await?.unwrap();
                self.store
                    .replace(key, SECOND, later(), &seen.version)
                    .await?;
            }
            Event::Arrival if loads < MANY => {
                let new = Key::new(format!("session:new{loads:06}"));
                self.store.create(&new, FIRST, later()).await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn around_its_store(self: &Arc<Self>) -> Arc<dyn Store> {
        Arc::new(HookedStore::new(self.store.clone(), self.clone()))
    }
}

const FIRST: Bytes = Bytes::from_static(b"\x81\xa1n\x01");
const SECOND: Bytes = Bytes::from_static(b"\x81\xa1n\x02");

#[async_trait]
impl Hook for Busy {
    async fn before(&self, call: &Call<'_>) -> Result<()> {
        match (call.method, call.key) {
            ("load", Some(key)) => self.loaded(key).await,
            ("replace", _) if self.event == Event::Failure => {
                Err(Error::new(ErrorKind::Store, "cut off"))
            }
            _ => Ok(()),
        }
    }
}

fn later() -> UnixTime {
    UnixTime::now() + Duration::from_secs(3_600)
}

/// More than any test copies, and few enough that a test which follows them all ends.
const MANY: usize = 5_000;

fn memory() -> MemoryStore {
    MemoryStore::new(2 * MANY, Arc::new(SystemClock))
}

fn sessions(store: Arc<dyn Store>) -> Sessions {
    Sessions {
        place: Opened {
            store,
            name: "memory".into(),
            format: None,
            files: None,
        },
        prefix: "session:".into(),
    }
}

/// Copies this many sessions while this happens: what became of them, the source, and the target.
async fn copied(number: usize, event: Event) -> (Tally, Arc<Busy>, Arc<MemoryStore>) {
    let source = Arc::new(Busy::new(event));
    for at in 0..number {
        source.store.create(&key(at), FIRST, later()).await.unwrap();
    }
    let target = Arc::new(memory());
    let (from, to) = (
        sessions(source.around_its_store()),
        sessions(target.clone()),
    );
    let copier = Copier::new(&from, &to, Target::Keep, State::none());
    let mut tally = Tally::default();
    let run = Run {
        ui: &Ui::new(Output::Text, ColorChoice::Never),
        stop: Arc::new(AtomicBool::new(false)),
    };
    tally.complete = run.copy(&copier, &mut tally).await.unwrap();
    assert!(tally.complete);
    (tally, source, target)
}

fn key(number: usize) -> Key {
    Key::new(format!("session:{number:043}"))
}

async fn blob(store: &MemoryStore) -> Option<Bytes> {
    let record = store.load(&key(0)).await.unwrap();
    record.map(|record| record.blob)
}

#[tokio::test]
async fn a_session_is_copied_as_it_is() {
    let (tally, _, target) = copied(1, Event::Nothing).await;
    assert_eq!((tally.made, blob(&target).await), (1, Some(FIRST)));
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_copied_does_not_stay() {
    let (tally, _, target) = copied(1, Event::LogOut).await;
    assert_eq!((tally.gone, blob(&target).await), (1, None));
}

#[tokio::test]
async fn a_session_that_changes_while_it_is_copied_arrives_as_it_is_in_the_end() {
    let (tally, _, target) = copied(1, Event::Change).await;
    assert_eq!((tally.made, blob(&target).await), (1, Some(SECOND)));
}

#[tokio::test]
async fn what_a_run_wrote_before_it_was_cut_off_is_its_own_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let state = || State::open(&folder.path().join("state")).unwrap();
    let (source, target) = (Arc::new(memory()), Arc::new(Busy::new(Event::Failure)));
    source.create(&key(0), SECOND, later()).await.unwrap();
    target.store.create(&key(0), FIRST, later()).await.unwrap();
    let (from, to) = (sessions(source), sessions(target.around_its_store()));
    let entry = Entry {
        key: key(0),
        size: None,
        expires: None,
    };
    let cut_off = Copier::new(&from, &to, Target::Keep, state());
    assert!(cut_off.copy(&entry).await.is_err());

    let after = Arc::new(memory());
    after.create(&key(0), FIRST, later()).await.unwrap();
    let to = sessions(after.clone());
    let next = Copier::new(&from, &to, Target::Keep, state());
    assert_eq!(next.copy(&entry).await.unwrap(), Copied::Renewed);
    assert_eq!(blob(&after).await, Some(SECOND));
}

#[tokio::test]
async fn several_are_on_their_way_at_once() {
    let (tally, source, _) = copied(100, Event::Nothing).await;
    assert_eq!(tally.made, 100);
    assert_eq!(source.most_at_once.load(Ordering::Relaxed), AT_ONCE);
}

#[tokio::test]
async fn a_run_ends_even_if_sessions_begin_faster_than_it_copies() {
    // More than a page, or whoever followed them would have seen the end at once.
    let (tally, source, _) = copied(600, Event::Arrival).await;
    assert_eq!(tally.made, 600);
    assert!(source.loads.load(Ordering::Relaxed) >= 600);
}
