//! The conformance suite on the store of cachelib's files, with several processes, one of which is killed.

use std::process::ExitCode;
use std::sync::Arc;

use dewar::UnixTime;
use dewar::clock::{Clock, ManualClock};
use dewar::store::Store;
use dewar::store::filesystem::CachelibStore;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};

struct Cachelib;

#[async_trait::async_trait]
impl StoreFactory for Cachelib {
    async fn set_up(&self) -> SetUp {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::new(UnixTime::now()));
        let open = |clock: Arc<dyn Clock>| -> Arc<dyn Store> {
            let options = CachelibStore::at(folder.path());
            Arc::new(options.clock(clock).open().expect("a store"))
        };
        let place = Place::new(
            open(clock.clone()),
            open(clock.clone()),
            Time::Manual(clock),
        );
        let address = folder.path().to_str().expect("a path in UTF-8").to_owned();
        SetUp::Ready(place.at(address).keeping(folder))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        let store = CachelibStore::at(address).open();
        Arc::new(store.expect("a store"))
    }
}

fn main() -> ExitCode {
    Suite::new().store("cachelib", Cachelib).run()
}
