//! The conformance suite on MySQL or MariaDB.
//!
//! `DEWAR_TEST_MYSQL_URL` names the server; `scripts/servers` starts one. The user must be allowed to make tables.
#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::Store;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
use dewar_stores::mysql::{MysqlBuilder, MysqlStore};
use dewar_stores::sql::Table;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

struct Mysql;

const VARIABLE: &str = "DEWAR_TEST_MYSQL_URL";

fn builder(url: &str, table: &str) -> MysqlBuilder {
    let table = Table::sqlalchemy().named(table).unwrap();
    MysqlStore::builder(url).table(table)
}

#[async_trait::async_trait]
impl StoreFactory for Mysql {
    async fn set_up(&self) -> SetUp {
        let Ok(url) = std::env::var(VARIABLE) else {
            return SetUp::Absent(format!(
                "{VARIABLE} is not set: run eval \"$(scripts/servers start && scripts/servers env)\""
            ));
        };
        let table = TestTable::new(&url);
        let clock = Arc::new(ManualClock::new(UnixTime::now()));
        let open = || builder(&url, &table.name).clock(clock.clone()).connect();
        let (one, other) = (open().await.unwrap(), open().await.unwrap());
        let place = Place::new(Arc::new(one), Arc::new(other), Time::Manual(clock.clone()));
        SetUp::Ready(place.at(format!("{url} {}", table.name)).keeping(table))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        let (url, table) = address.split_once(' ').unwrap();
        Arc::new(builder(url, table).connect().await.unwrap())
    }
}

/// A table of one case, dropped with it.
struct TestTable {
    url: String,
    name: String,
}

impl TestTable {
    fn new(url: &str) -> TestTable {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        TestTable {
            url: url.to_owned(),
            name: format!("dewar_test_{}_{number}", std::process::id()),
        }
    }
}

impl Drop for TestTable {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        // A thread, because this one is within a runtime already.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let mut connection = Conn::from_url(&url).await.unwrap();
                connection
                    .query_drop(format!("DROP TABLE IF EXISTS `{name}`"))
                    .await
                    .unwrap();
                connection.disconnect().await.unwrap();
            });
        });
        dropping.join().unwrap();
    }
}

fn main() -> ExitCode {
    Suite::new().store("mysql", Mysql).run()
}
