use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use dewar::clock::{Clock, SystemClock};
use dewar::{Error, ErrorKind, Result};

use super::MemcachedStore;
use super::pool::{Limits, Pool};
use super::ring::Ring;
use super::url;

/// Builds a [`MemcachedStore`]; made by [`MemcachedStore::builder`].
#[must_use = "a builder does nothing before `build` or `connect`"]
pub struct MemcachedBuilder {
    url: String,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl MemcachedBuilder {
    pub(super) fn new(url: String) -> MemcachedBuilder {
        MemcachedBuilder {
            url,
            limits: Limits {
                connect: Duration::from_secs(2),
                operation: Duration::from_secs(2),
                connections: 64,
            },
            clock: Arc::new(SystemClock),
        }
    }

    /// How long getting a connection may take: waiting for one, or name resolution and log-in. Two seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> MemcachedBuilder {
        self.limits.connect = timeout;
        self
    }

    /// How long a server may take to answer. Two seconds unless set.
    ///
    /// A call on the store takes at most this and the [time to connect](MemcachedBuilder::connect_timeout) together.
    pub fn operation_timeout(mut self, timeout: Duration) -> MemcachedBuilder {
        self.limits.operation = timeout;
        self
    }

    /// How many connections there may be to each server, 64 unless set; a call has one for itself.
    pub fn connections(mut self, connections: usize) -> MemcachedBuilder {
        self.limits.connections = connections;
        self
    }

    /// The clock that the expiry of sessions is counted by; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> MemcachedBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// The store; it connects when it is first used.
    pub fn build(self) -> Result<MemcachedStore> {
        let limits = self.limits;
        let connections = 1..=tokio::sync::Semaphore::MAX_PERMITS;
        if limits.connect.is_zero()
            || limits.operation.is_zero()
            || !connections.contains(&limits.connections)
        {
            return Err(Error::new(
                ErrorKind::Config,
                "the timeouts and the number of connections of the memcached store must be more than zero",
            ));
        }
        let place = url::parse(&self.url)?;
        let names: Vec<_> = place.addresses.iter().map(ToString::to_string).collect();
        let ring = Ring::of(names.iter().map(String::as_str));
        let pool = |address| Pool::new(address, place.log_in.clone(), limits);
        Ok(MemcachedStore {
            pools: place.addresses.into_iter().map(pool).collect(),
            ring,
            clock: self.clock,
        })
    }

    /// The store, connected to every server: what is wrong with an address or the log-in shows now.
    pub async fn connect(self) -> Result<MemcachedStore> {
        let store = self.build()?;
        store.check().await?;
        Ok(store)
    }
}

impl Debug for MemcachedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
