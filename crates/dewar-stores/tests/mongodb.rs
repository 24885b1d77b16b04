//! The conformance suite on MongoDB.
//!
//! `DEWAR_TEST_MONGODB_URL` names the server; `scripts/servers` starts an emulator.
#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::Store;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
use dewar_stores::mongodb::{MongodbBuilder, MongodbStore};

struct Mongodb;

const VARIABLE: &str = "DEWAR_TEST_MONGODB_URL";

fn builder(url: &str, collection: &str) -> MongodbBuilder {
    MongodbStore::builder(url)
        .database("dewar_test")
        .collection(collection)
}

#[async_trait::async_trait]
impl StoreFactory for Mongodb {
    async fn set_up(&self) -> SetUp {
        let Ok(url) = std::env::var(VARIABLE) else {
            return SetUp::Absent(format!(
                "{VARIABLE} is not set: run eval \"$(scripts/servers start && scripts/servers env)\""
            ));
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sessions_{}_{number}", std::process::id());
        let clock = Arc::new(ManualClock::new(UnixTime::now()));
        let open = || builder(&url, &name).clock(clock.clone()).connect();
        let (one, other) = (open().await.unwrap(), open().await.unwrap());
        let place = Place::new(Arc::new(one), Arc::new(other), Time::Manual(clock.clone()));
        SetUp::Ready(place.at(format!("{url} {name}")))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        let (url, collection) = address.split_once(' ').unwrap();
        Arc::new(builder(url, collection).connect().await.unwrap())
    }
}

fn main() -> ExitCode {
    Suite::new().store("mongodb", Mongodb).run()
}
