//! From a checked configuration to an engine.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::keys::Signing;
use super::lately::Lately;
use super::rejections::Rejections;
use super::turns::Lines;
use super::{Engine, Inner, Interface, Server};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ServerSideSettings, SignedCookieSettings, StoreSettings};
use crate::cookie::{CookieTemplate, SessionCookie, SignedId};
use crate::plan::Policy;
use crate::store::Store;
use crate::store::cached::CachedStore;
#[cfg(unix)]
use crate::store::filesystem::{CachelibStore, FilesystemStore};
use crate::store::memory::MemoryStore;
use crate::{Error, ErrorKind, OsRandom, Random, Result, config, events};

/// Builds an [`Engine`] whose store, clock or random source is given.
///
/// ```
/// use std::sync::Arc;
/// use dewar::clock::ManualClock;
/// use dewar::config::Config;
/// use dewar::{Engine, UnixTime};
///
/// let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(1_700_000_000)));
/// let engine = Engine::builder(Config::new().session_type("memory"))
///     .clock(clock.clone())
///     .build()?;
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct EngineBuilder {
    config: Config,
    store: Option<Arc<dyn Store>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl EngineBuilder {
    pub(super) fn new(config: Config) -> EngineBuilder {
        EngineBuilder {
            config,
            store: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
        }
    }

    /// Keeps sessions in this store. `SESSION_TYPE` need not be set, and may name whichever store.
    ///
    /// ```
    /// use dewar::store::memory::MemoryStore;
    /// use dewar::{Engine, clock::SystemClock, config::Config};
    /// use std::sync::Arc;
    ///
    /// // Or one of your own: whatever is a `Store`.
    /// let store = MemoryStore::new(10_000, Arc::new(SystemClock));
    /// let engine = Engine::builder(Config::new()).store(store).build()?;
    /// assert!(engine.store().is_some());
    /// # Ok::<(), dewar::Error>(())
    /// ```
    pub fn store(self, store: impl Store) -> EngineBuilder {
        self.shared_store(Arc::new(store))
    }

    /// As [`store`](EngineBuilder::store), for one that somebody else uses too.
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> EngineBuilder {
        self.store = Some(store);
        self
    }

    /// Reads the time from this clock; a store that is given must be on the same one.
    pub fn clock(mut self, clock: impl Clock) -> EngineBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// Takes random bytes from this source.
    pub fn random(mut self, random: impl Random) -> EngineBuilder {
        self.random = Arc::new(random);
        self
    }

    /// Checks the configuration and builds the engine.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], with every problem at once, or if there is a store that `SESSION_TYPE` leaves unused (`cookie`,
    /// `null`); [`ErrorKind::Store`] if the folder of the filesystem store cannot be used.
    pub fn build(self) -> Result<Engine> {
        let config = match self.store {
            Some(_) => self.config.for_a_given_store(),
            None => self.config,
        };
        let checked = config.settings()?;
        for warning in &checked.warnings {
            events::config_warning(warning);
        }
        let settings = checked.settings;
        let policy = Policy {
            lifetime: settings.lifetime,
            absolute_lifetime: settings.absolute_lifetime,
            refresh: settings.refresh,
        };
        let interface = match &settings.interface {
            config::Interface::Null { .. } | config::Interface::SignedCookie(_)
                if self.store.is_some() =>
            {
                return Err(unused_store(&config));
            }
            config::Interface::Null { missing } => Interface::Null {
                missing: missing.as_str().into(),
            },
            config::Interface::SignedCookie(signed) => Interface::Cookie(session_cookie(signed)),
            config::Interface::ServerSide(server) => {
                let store = open_store(server, self.store, &self.clock)?;
                let store = cached(store, server, &self.clock);
                let lately = match store.immediate() {
                    Some(_) => None,
                    None => Lately::of(policy.refresh),
                };
                Interface::Server(Server {
                    store,
                    named: config.get("SESSION_TYPE").is_some(),
                    key_prefix: server.key_prefix.clone(),
                    signer: server
                        .signer
                        .clone()
                        .map(|keys| Signing::new(keys, SignedId::new)),
                    id_bytes: server.id_bytes,
                    format: server.format.into(),
                    cleanup_every: server.cleanup_every,
                    requests: AtomicU32::new(0),
                    lines: Lines::new(),
                    lately,
                })
            }
        };
        Ok(Engine(Arc::new(Inner {
            interface,
            policy,
            permanence: settings.permanent,
            cookie: CookieTemplate::new(&settings.cookie),
            on_store_failure: settings.on_store_failure,
            clock: self.clock,
            random: self.random,
            rejections: Rejections::new(),
        })))
    }
}

/// Only a `SESSION_TYPE` that is set has sessions live elsewhere.
fn unused_store(config: &Config) -> Error {
    let place = config.text("SESSION_TYPE").ok().flatten();
    Error::new(
        ErrorKind::Config,
        format!(
            "SESSION_TYPE is '{}' (from {}), and the store that the engine is given would not be used: leave SESSION_TYPE out to keep \
             sessions in it, or build the engine without a store",
            place.unwrap_or_default(),
            config.origin("SESSION_TYPE")
        ),
    )
}

/// The cookie as these settings have it signed, whatever the keys of the moment are.
fn session_cookie(settings: &SignedCookieSettings) -> Signing<SessionCookie> {
    let scheme = SessionCookie::scheme(settings);
    Signing::new(settings.keys.clone(), move |keys| {
        SessionCookie::with_keys(keys, &scheme)
    })
}

/// The store behind the cache that is asked for, or the store itself.
fn cached(
    store: Arc<dyn Store>,
    settings: &ServerSideSettings,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn Store> {
    match settings.cache {
        Some(cache) => {
            let cached = CachedStore::new(store, cache.staleness, cache.entries);
            Arc::new(cached.with_clock(clock.clone()))
        }
        None => store,
    }
}

fn open_store(
    settings: &ServerSideSettings,
    given: Option<Arc<dyn Store>>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Store>> {
    if let Some(store) = given {
        return Ok(store);
    }
    match &settings.store {
        StoreSettings::Memory { capacity } => {
            Ok(Arc::new(MemoryStore::new(*capacity, clock.clone())))
        }
        #[cfg(unix)]
        StoreSettings::Filesystem { directory, mode } => {
            let store = FilesystemStore::at(directory)
                .mode(*mode)
                .clock(clock.clone())
                .open()?;
            Ok(Arc::new(store))
        }
        #[cfg(unix)]
        StoreSettings::Cachelib { directory, mode } => {
            let store = CachelibStore::at(directory)
                .mode(*mode)
                .clock(clock.clone())
                .open()?;
            Ok(Arc::new(store))
        }
        #[cfg(not(unix))]
        StoreSettings::Filesystem { .. } | StoreSettings::Cachelib { .. } => Err(Error::new(
            ErrorKind::Config,
            "SESSION_TYPE `filesystem` and `cachelib` need the files of a Unix system: choose `cookie`, `memory` or a \
             store on a server",
        )),
        StoreSettings::Other { name } => Err(Error::new(
            ErrorKind::Config,
            format!(
                "SESSION_TYPE is {name:?}, a store that the crate `dewar` does not bring: add the crate `dewar-stores` and build the \
                 engine with dewar_stores::engine(config), hand over a store of your own with \
                 Engine::builder(config).store(…), or choose `cookie`, `memory`, `filesystem` or `cachelib`"
            ),
        )),
    }
}
