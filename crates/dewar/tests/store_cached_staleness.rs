//! What a cache shows, and for how long, when somebody else writes to the store behind it.
#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use dewar::clock::{Clock, ManualClock};
use dewar::store::cached::CachedStore;
use dewar::store::memory::MemoryStore;
use dewar::store::{Created, Key, Replaced, Store, Touched, Version};
use dewar::{Result, UnixTime};
use dewar_store_tests::{Call, Hook, HookedStore};

const STALENESS: Duration = Duration::from_secs(2);

struct Setting {
    clock: Arc<ManualClock>,
    /// What other processes write to.
    store: MemoryStore,
    cached: CachedStore,
}

fn setting(entries: usize) -> Setting {
    let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(1_700_000_000)));
    let store = MemoryStore::new(10_000, clock.clone());
    let entries = NonZeroUsize::new(entries).unwrap();
    let cached = CachedStore::new(Arc::new(store.clone()), STALENESS, entries);
    Setting {
        cached: cached.with_clock(clock.clone()),
        store,
        clock,
    }
}

impl Setting {
    fn later(&self) -> UnixTime {
        self.clock.now() + Duration::from_secs(3600)
    }

    async fn create(&self, key: &Key) -> Version {
        let created = self.store.create(key, "one".into(), self.later()).await;
        let Created::Done(version) = created.unwrap() else {
            panic!("taken")
        };
        version
    }

    async fn shown(&self, key: &Key) -> Option<String> {
        let record = self.cached.load(key).await.unwrap()?;
        Some(String::from_utf8(record.blob.to_vec()).unwrap())
    }
}

/// Lets a store's `replace` wait before its work, and its `load` and its removals after it, while they are held.
#[derive(Debug)]
struct Slow {
    held: Mutex<Vec<&'static str>>,
}

impl Slow {
    fn holding(held: &[&'static str]) -> Arc<Slow> {
        let held = Mutex::new(held.to_vec());
        Arc::new(Slow { held })
    }

    fn let_go(&self, operation: &'static str) {
        self.held.lock().unwrap().retain(|held| *held != operation);
    }

    async fn wait(&self, operation: &'static str) {
        while self.held.lock().unwrap().contains(&operation) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Hook for Slow {
    async fn before(&self, call: &Call<'_>) -> Result<()> {
        match call.method {
            "replace" => self.wait("replace").await,
            "delete" | "delete_unchanged" => self.wait("start").await,
            _ => {}
        }
        Ok(())
    }

    async fn after(&self, call: &Call<'_>, _: &(dyn Debug + Sync)) -> Result<()> {
        match call.method {
            "load" => self.wait("load").await,
            "delete" | "delete_unchanged" => self.wait("removal").await,
            _ => {}
        }
        Ok(())
    }
}

fn key(name: &str) -> Key {
    Key::new(format!("session:{name}"))
}

#[tokio::test]
async fn a_destroyed_session_is_shown_for_the_stated_time_at_most() {
    let setting = setting(100);
    setting.create(&key("a")).await;
    assert_eq!(setting.shown(&key("a")).await.as_deref(), Some("one"));
    setting.store.delete(&key("a")).await.unwrap();
    setting.clock.advance(STALENESS - Duration::from_millis(1));
    // Shown on: this is what a cache is.
    assert_eq!(setting.shown(&key("a")).await.as_deref(), Some("one"));
    setting.clock.advance(Duration::from_millis(1));
    assert_eq!(setting.shown(&key("a")).await, None);
}

#[tokio::test]
async fn being_read_does_not_keep_a_session_longer() {
    let setting = setting(100);
    setting.create(&key("a")).await;
    setting.shown(&key("a")).await;
    setting.store.delete(&key("a")).await.unwrap();
    for _ in 0..20 {
        setting.clock.advance(STALENESS / 20);
        setting.shown(&key("a")).await;
    }
    assert_eq!(setting.shown(&key("a")).await, None);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nothing() {
    let setting = setting(100);
    setting.create(&key("a")).await;
    setting.shown(&key("a")).await;
    setting.store.delete(&key("a")).await.unwrap();
    setting.clock.set(UnixTime::from_seconds(1_600_000_000));
    assert_eq!(setting.shown(&key("a")).await, None);
}

#[tokio::test]
async fn a_stale_session_overwrites_nothing_and_is_dropped_by_the_conflict() {
    let setting = setting(100);
    let (key, later) = (key("a"), setting.later());
    let seen = setting.create(&key).await;
    let stale = setting.cached.load(&key).await.unwrap().unwrap();
    setting
        .store
        .replace(&key, "two".into(), later, &seen)
        .await
        .unwrap();
    let replaced = setting
        .cached
        .replace(&key, "three".into(), later, &stale.version)
        .await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
    assert_eq!(setting.shown(&key).await.as_deref(), Some("two"));
}

#[tokio::test]
async fn a_session_that_is_found_gone_is_dropped() {
    let setting = setting(100);
    let (a, b) = (key("a"), key("b"));
    for key in [&a, &b] {
        setting.create(key).await;
        setting.shown(key).await;
    }
    let seen = setting.cached.load(&b).await.unwrap().unwrap().version;
    setting.store.delete(&a).await.unwrap();
    setting.store.delete(&b).await.unwrap();
    let touched = setting.cached.touch(&a, setting.later()).await;
    assert_eq!(touched.unwrap(), Touched::Gone);
    assert_eq!(setting.shown(&a).await, None);
    let replaced = setting
        .cached
        .replace(&b, "two".into(), setting.later(), &seen)
        .await;
    assert_eq!(replaced.unwrap(), Replaced::Gone);
    assert_eq!(setting.shown(&b).await, None);
}

#[tokio::test]
async fn what_this_process_destroys_is_gone_at_once() {
    let setting = setting(100);
    setting.create(&key("a")).await;
    setting.shown(&key("a")).await;
    setting.cached.delete(&key("a")).await.unwrap();
    assert_eq!(setting.shown(&key("a")).await, None);
}

#[tokio::test]
async fn what_was_read_before_a_write_of_this_process_is_not_shown_after_it() {
    let setting = setting(100);
    let (key, later) = (key("a"), setting.later());
    let seen = setting.create(&key).await;
    let slow = Slow::holding(&["replace", "load"]);
    let store = Arc::new(HookedStore::new(setting.store.clone(), slow.clone()));
    let cached = CachedStore::new(store, STALENESS, NonZeroUsize::MIN);
    let cached = Arc::new(cached.with_clock(setting.clock.clone()));
    // A read that has begun within a write, and whose answer is on its way while the write ends.
    let writer = tokio::spawn({
        let (cached, key) = (cached.clone(), key.clone());
        async move { cached.replace(&key, "two".into(), later, &seen).await }
    });
    tokio::task::yield_now().await;
    let reader = tokio::spawn({
        let (cached, key) = (cached.clone(), key.clone());
        async move { cached.load(&key).await }
    });
    tokio::task::yield_now().await;
    slow.let_go("replace");
    let replaced = writer.await.unwrap().unwrap();
    assert!(matches!(replaced, Replaced::Done(_)));
    slow.let_go("load");
    let read = reader.await.unwrap().unwrap().unwrap();
    assert_eq!(read.blob, "one");
    let shown = cached.load(&key).await.unwrap().unwrap();
    assert_eq!(shown.blob, "two");
}

#[tokio::test]
async fn what_was_kept_before_a_write_that_was_given_up_is_not_shown_after_it() {
    let setting = setting(100);
    let (key, later) = (key("a"), setting.later());
    let seen = setting.create(&key).await;
    let slow = Slow::holding(&["replace"]);
    let store = Arc::new(HookedStore::new(setting.store.clone(), slow));
    let cached = CachedStore::new(store, STALENESS, NonZeroUsize::MIN);
    let cached = cached.with_clock(setting.clock.clone());
    assert_eq!(cached.load(&key).await.unwrap().unwrap().blob, "one");
    let given_up = tokio::time::timeout(
        Duration::ZERO,
        cached.replace(&key, "two".into(), later, &seen),
    );
    assert!(given_up.await.is_err());
    // It may have reached the store all the same.
    setting
        .store
        .replace(&key, "two".into(), later, &seen)
        .await
        .unwrap();
    assert_eq!(cached.load(&key).await.unwrap().unwrap().blob, "two");
}

#[tokio::test]
async fn what_was_loaded_during_a_removal_that_was_given_up_is_not_shown_after_it() {
    for unchanged in [false, true] {
        let setting = setting(100);
        let key = key("a");
        let seen = setting.create(&key).await;
        let slow = Slow::holding(&["load", "removal"]);
        let store = Arc::new(HookedStore::new(setting.store.clone(), slow.clone()));
        let cached = CachedStore::new(store, STALENESS, NonZeroUsize::MIN);
        let cached = Arc::new(cached.with_clock(setting.clock.clone()));
        // The logout begins, and another request loads; the logout is done, and nobody waits for the answer.
        let mut removal: Pin<Box<dyn Future<Output = Result<()>> + Send>> = match unchanged {
            false => Box::pin(async { cached.delete(&key).await }),
            true => Box::pin(async { cached.delete_unchanged(&key, &seen).await.map(drop) }),
        };
        slow.held.lock().unwrap().push("start");
        let mut context = Context::from_waker(Waker::noop());
        assert!(removal.as_mut().poll(&mut context).is_pending());
        let mut load = Box::pin(cached.load(&key));
        assert!(load.as_mut().poll(&mut context).is_pending());
        slow.let_go("start");
        assert!(removal.as_mut().poll(&mut context).is_pending());
        slow.let_go("load");
        assert!(load.await.unwrap().is_some());
        drop(removal);
        assert!(cached.load(&key).await.unwrap().is_none(), "{unchanged}");
    }
}

#[tokio::test]
async fn no_more_sessions_are_kept_than_were_allowed() {
    let setting = setting(20);
    for at in 0..200 {
        let key = key(&at.to_string());
        setting.create(&key).await;
        setting.shown(&key).await;
        setting.store.delete(&key).await.unwrap();
    }
    let mut shown = 0;
    for at in 0..200 {
        shown += usize::from(setting.shown(&key(&at.to_string())).await.is_some());
    }
    assert!((1..=20).contains(&shown), "{shown} are kept");
}

#[tokio::test]
async fn a_large_session_is_not_kept() {
    let setting = setting(20);
    let large = vec![b'x'; 100_000];
    let created = setting
        .cached
        .create(&key("a"), large.into(), setting.later())
        .await;
    created.unwrap();
    setting.store.delete(&key("a")).await.unwrap();
    assert_eq!(setting.shown(&key("a")).await, None);
}
