//! The conformance suite on DynamoDB.
//!
//! `DEWAR_TEST_DYNAMODB_URL` names the endpoint; `scripts/servers` starts an emulator.
#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::Store;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
use dewar_stores::dynamodb::{DynamodbBuilder, DynamodbStore};

struct Dynamodb;

const VARIABLE: &str = "DEWAR_TEST_DYNAMODB_URL";

/// What an item holds, less its key and the names of its attributes.
const LARGEST: usize = 400_000;

fn builder(url: &str, table: &str) -> DynamodbBuilder {
    // The emulator answers one request at a time, and the suite sends many.
    let patience = std::time::Duration::from_secs(20);
    DynamodbStore::builder(url)
        .table(table)
        .operation_timeout(patience)
}

#[async_trait::async_trait]
impl StoreFactory for Dynamodb {
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
        SetUp::Ready(place.at(format!("{url} {name}")).with_largest(LARGEST))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        let (url, table) = address.split_once(' ').unwrap();
        Arc::new(builder(url, table).connect().await.unwrap())
    }
}

fn main() -> ExitCode {
    Suite::new().store("dynamodb", Dynamodb).run()
}
