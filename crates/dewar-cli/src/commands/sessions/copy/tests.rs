#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use dewar::Result;
use dewar::clock::SystemClock;
use dewar::store::memory::MemoryStore;
use dewar::store::{Capabilities, Cursor, Page, Purged, Record};

use super::*;
use crate::stores::Opened;

/// A source in which something happens to the session between the first time that it is read and the second.
#[derive(Debug)]
struct Busy {
    store: MemoryStore,
    loads: AtomicUsize,
    event: Event,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Nothing,
    LogOut,
    Change,
}

const FIRST: Bytes = Bytes::from_static(b"\x81\xa1n\x01");
const SECOND: Bytes = Bytes::from_static(b"\x81\xa1n\x02");

#[async_trait]
impl Store for Busy {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        if self.loads.fetch_add(1, Ordering::Relaxed) == 1 {
            match self.event {
                Event::Nothing => {}
                Event::LogOut => self.store.delete(key).await?,
                Event::Change => {
                    let seen = self.store.load(key).await?.unwrap();
                    self.store
                        .replace(key, SECOND, later(), &seen.version)
                        .await?;
                }
            }
        }
        self.store.load(key).await
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        self.store.create(key, blob, expires).await
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        self.store.replace(key, blob, expires, seen).await
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        self.store.touch(key, expires).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.store.delete(key).await
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        self.store.delete_unchanged(key, seen).await
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        self.store.delete_expired(now, limit).await
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        self.store.list(prefix, cursor, limit).await
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

fn later() -> UnixTime {
    UnixTime::now() + Duration::from_secs(3_600)
}

fn memory() -> MemoryStore {
    MemoryStore::new(100, Arc::new(SystemClock))
}

fn sessions(store: impl Store) -> Sessions {
    Sessions {
        place: Opened {
            store: Arc::new(store),
            name: "memory".into(),
            folder: None,
            format: None,
        },
        prefix: "session:".into(),
    }
}

/// Copies one session during which this happens; what became of it, and what is in the target.
fn copied(event: Event) -> (Copied, Option<Bytes>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let key = Key::new("session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo");
        let store = memory();
        store.create(&key, FIRST, later()).await.unwrap();
        let from = sessions(Busy {
            store,
            loads: AtomicUsize::new(0),
            event,
        });
        let to = sessions(memory());
        let mut copier = Copier {
            from: &from,
            to: &to,
            format: Target::Keep,
            state: State::none(),
        };
        let entry = Entry {
            key: key.clone(),
            size: None,
            expires: None,
        };
        let done = copier.copy(&entry).await.unwrap();
        let there = to.place.store.load(&key).await.unwrap();
        (done, there.map(|record| record.blob))
    })
}

#[test]
fn a_session_is_copied_as_it_is() {
    assert_eq!(copied(Event::Nothing), (Copied::Made, Some(FIRST)));
}

#[test]
fn a_session_that_ends_while_it_is_copied_does_not_stay() {
    assert_eq!(copied(Event::LogOut), (Copied::Gone, None));
}

#[test]
fn a_session_that_changes_while_it_is_copied_arrives_as_it_is_in_the_end() {
    assert_eq!(copied(Event::Change), (Copied::Made, Some(SECOND)));
}
