//! The conformance suite on PostgreSQL, with both tables of Flask-Session, and through PgBouncer.
//!
//! `DEWAR_TEST_POSTGRESQL_URL` and `DEWAR_TEST_PGBOUNCER_URL` (in transaction mode) name the servers;
//! `scripts/servers` starts some. The user must be allowed to make tables in the schema `public`.
#![allow(clippy::unwrap_used)]

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::Store;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
use dewar_stores::postgresql::{PostgresqlBuilder, PostgresqlStore};
use dewar_stores::sql::Table;

struct Postgresql {
    variable: &'static str,
    url: Option<String>,
    table: Table,
    prepared: bool,
}

impl Postgresql {
    fn named_by(variable: &'static str, table: Table) -> Postgresql {
        let url = std::env::var(variable).ok();
        Postgresql {
            variable,
            url,
            table,
            prepared: false,
        }
    }

    fn prepared(self) -> Postgresql {
        Postgresql {
            prepared: true,
            ..self
        }
    }

    fn builder(&self, url: &str, table: &str) -> PostgresqlBuilder {
        let table = self.table.clone().named(table).unwrap();
        let builder = PostgresqlStore::builder(url).table(table);
        builder.prepared(self.prepared)
    }
}

#[async_trait::async_trait]
impl StoreFactory for Postgresql {
    async fn set_up(&self) -> SetUp {
        let Some(url) = &self.url else {
            return SetUp::Absent(format!(
                "{} is not set: run eval \"$(scripts/servers start && scripts/servers env)\"",
                self.variable
            ));
        };
        let table = TestTable::new(url);
        let clock = Arc::new(ManualClock::new(UnixTime::now()));
        let open = || {
            self.builder(url, &table.name)
                .clock(clock.clone())
                .connect()
        };
        let (one, other) = (open().await.unwrap(), open().await.unwrap());
        let place = Place::new(Arc::new(one), Arc::new(other), Time::Manual(clock.clone()));
        SetUp::Ready(place.at(format!("{url} {}", table.name)).keeping(table))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        let (url, table) = address.split_once(' ').unwrap();
        Arc::new(self.builder(url, table).connect().await.unwrap())
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
        let command = format!("DROP TABLE IF EXISTS {}", self.name);
        let dropped = Command::new("psql")
            .args([&self.url, "-qc", &command])
            .status();
        assert!(dropped.is_ok_and(|status| status.success()));
    }
}

fn main() -> ExitCode {
    let url = "DEWAR_TEST_POSTGRESQL_URL";
    Suite::new()
        .store("postgresql", Postgresql::named_by(url, Table::postgresql()))
        .store(
            "postgresql_prepared",
            Postgresql::named_by(url, Table::postgresql()).prepared(),
        )
        .store(
            "postgresql_sqlalchemy",
            Postgresql::named_by(url, Table::sqlalchemy()),
        )
        .store(
            "postgresql_pgbouncer",
            Postgresql::named_by("DEWAR_TEST_PGBOUNCER_URL", Table::postgresql()),
        )
        .run()
}
