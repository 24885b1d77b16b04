//! The conformance suite on a cache before the memory store.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::cached::CachedStore;
use dewar::store::memory::MemoryStore;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};

/// With room for so many sessions.
struct Cached(NonZeroUsize);

#[async_trait::async_trait]
impl StoreFactory for Cached {
    async fn set_up(&self) -> SetUp {
        let clock = Arc::new(ManualClock::new(UnixTime::now()));
        let store = Arc::new(MemoryStore::new(10_000, clock.clone()));
        // Two handles of this process have one cache: what other processes write may be seen late.
        let store = CachedStore::new(store, Duration::from_secs(3600), self.0);
        let store = Arc::new(store.with_clock(clock.clone()));
        SetUp::Ready(Place::new(store.clone(), store, Time::Manual(clock)))
    }
}

fn main() -> ExitCode {
    let entries = |entries| NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN);
    Suite::new()
        .store("cached", Cached(entries(1000)))
        .store("crowded", Cached(entries(1)))
        .run()
}
