//! The conformance suite on SQLite files.
#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::sync::Arc;

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::Store;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
use dewar_stores::sqlite::SqliteStore;

struct Sqlite;

#[async_trait::async_trait]
impl StoreFactory for Sqlite {
    async fn set_up(&self) -> SetUp {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db").display().to_string();
        let clock = Arc::new(ManualClock::new(UnixTime::now()));
        let open = || {
            SqliteStore::builder(&path)
                .clock(clock.clone())
                .open()
                .unwrap()
        };
        let place = Place::new(
            Arc::new(open()),
            Arc::new(open()),
            Time::Manual(clock.clone()),
        );
        SetUp::Ready(place.at(path.clone()).keeping(folder))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        Arc::new(SqliteStore::builder(address).open().unwrap())
    }
}

fn main() -> ExitCode {
    Suite::new().store("sqlite", Sqlite).run()
}
