//! The conformance suite on the memory store.

use std::process::ExitCode;
use std::sync::Arc;

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::memory::MemoryStore;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};

struct Memory;

#[async_trait::async_trait]
impl StoreFactory for Memory {
    async fn set_up(&self) -> SetUp {
        let clock = Arc::new(ManualClock::new(UnixTime::now()));
        let store = MemoryStore::new(10_000, clock.clone());
        let other = store.clone();
        SetUp::Ready(Place::new(
            Arc::new(store),
            Arc::new(other),
            Time::Manual(clock),
        ))
    }
}

fn main() -> ExitCode {
    Suite::new().store("memory", Memory).run()
}
