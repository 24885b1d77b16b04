//! The conformance suite on Redis: a single server, the same waited for by the calling thread, a cluster, a service
//! watched by Sentinels, and a Valkey whose `SET` compares.
//!
//! `DEWAR_TEST_REDIS_URL`, `DEWAR_TEST_REDIS_CLUSTER_URL`, `DEWAR_TEST_REDIS_SENTINEL_URL` and `DEWAR_TEST_VALKEY_URL`
//! name the servers (`scripts/servers` starts some); without the first, a server is started for the test.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use dewar::store::Store;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
use dewar_stores::redis::{RedisBuilder, RedisStore};
use support::Server;

struct Redis {
    variable: &'static str,
    url: Option<String>,
    waiting: fn(RedisBuilder) -> RedisBuilder,
}

impl Redis {
    fn named_by(variable: &'static str) -> Redis {
        let url = std::env::var(variable).ok();
        Redis {
            variable,
            url,
            waiting: |builder| builder,
        }
    }

    /// The same server, whose answers the calling thread waits for.
    fn blocking(&self) -> Redis {
        Redis {
            variable: self.variable,
            url: self.url.clone(),
            waiting: RedisBuilder::blocking,
        }
    }
}

#[async_trait::async_trait]
impl StoreFactory for Redis {
    async fn set_up(&self) -> SetUp {
        let Some(url) = &self.url else {
            return SetUp::Absent(format!(
                "{} is not set: run eval \"$(scripts/servers start && scripts/servers env)\"",
                self.variable
            ));
        };
        let (one, other) = (self.open(url).await, self.open(url).await);
        SetUp::Ready(Place::new(one, other, Time::Real).at(url))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        let builder = (self.waiting)(RedisStore::builder(address));
        let store = builder.connect().await;
        Arc::new(store.expect("a store"))
    }
}

fn main() -> ExitCode {
    let mut single = Redis::named_by("DEWAR_TEST_REDIS_URL");
    // The processes that a case starts are told the address.
    let server = match &single.url {
        None if !dewar_store_tests::started_by_a_case() => Server::redis(&[]),
        _ => None,
    };
    if let Some(server) = &server {
        single.url = Some(format!("redis://127.0.0.1:{}", server.port));
    }
    let blocking = single.blocking();
    Suite::new()
        .store("redis", single)
        .store("redis_blocking", blocking)
        .store(
            "redis_cluster",
            Redis::named_by("DEWAR_TEST_REDIS_CLUSTER_URL"),
        )
        .store(
            "redis_sentinel",
            Redis::named_by("DEWAR_TEST_REDIS_SENTINEL_URL"),
        )
        .store("valkey", Redis::named_by("DEWAR_TEST_VALKEY_URL"))
        .run()
}
