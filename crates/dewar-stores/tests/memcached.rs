//! The conformance suite on memcached: one server, several, one with SASL.
//!
//! `DEWAR_TEST_MEMCACHED_URL` and `DEWAR_TEST_MEMCACHED_SASL_URL` name the servers (`scripts/servers` starts some);
//! without them servers are started for the test.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use dewar::store::Store;
use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
use dewar_stores::memcached::MemcachedStore;
use support::Server;

struct Memcached {
    url: Option<String>,
    why_not: &'static str,
}

#[async_trait::async_trait]
impl StoreFactory for Memcached {
    async fn set_up(&self) -> SetUp {
        let Some(url) = &self.url else {
            return SetUp::Absent(self.why_not.to_owned());
        };
        let (one, other) = (self.open(url).await, self.open(url).await);
        SetUp::Ready(Place::new(one, other, Time::Real).at(url))
    }

    async fn open(&self, address: &str) -> Arc<dyn Store> {
        let store = MemcachedStore::builder(address).connect().await;
        Arc::new(store.expect("a store"))
    }
}

fn main() -> ExitCode {
    // Whoever is started by a case is told the address.
    let (mut servers, mut sasl) = (Vec::new(), None);
    if !dewar_store_tests::started_by_a_case() {
        servers.extend((0..3).map_while(|_| Server::memcached(&[])));
        sasl = Server::memcached_sasl("user", "p@ss");
    }
    let hosts: Vec<_> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port))
        .collect();
    let own =
        |hosts: &[String]| (!hosts.is_empty()).then(|| format!("memcached://{}", hosts.join(",")));
    let named = |variable: &str| std::env::var(variable).ok();
    let of_sasl = sasl
        .as_ref()
        .map(|server| format!("memcached://user:p%40ss@127.0.0.1:{}", server.port));
    let why_not = "install memcached";
    let memcached = Memcached {
        url: named("DEWAR_TEST_MEMCACHED_URL").or_else(|| own(&hosts[..1.min(hosts.len())])),
        why_not,
    };
    let several = Memcached {
        url: own(&hosts),
        why_not,
    };
    let sasl = Memcached {
        url: named("DEWAR_TEST_MEMCACHED_SASL_URL").or(of_sasl),
        why_not: "install memcached, sasl2-bin and libsasl2-modules",
    };
    Suite::new()
        .store("memcached", memcached)
        .store("memcached_several", several)
        .store("memcached_sasl", sasl)
        .run()
}
