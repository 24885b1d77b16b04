//! From a configuration to the store that it means.

use std::sync::Arc;

use dewar::clock::SystemClock;
use dewar::config::{Config, Interface, StoreSettings};
use dewar::store::Store;
#[cfg(unix)]
use dewar::store::filesystem::{CachelibStore, FilesystemStore};
use dewar::store::memory::MemoryStore;
use dewar::{Error, ErrorKind, Result};
use dewar_stores::{Place, Unsaid};

use super::lanes::Lanes;

/// Opens the store that `SESSION_TYPE` names; its servers are connected to when it is first used. `shaped` says what is
/// particular about it, if it is one of `dewar_stores`.
pub(super) fn open_at(
    config: &Config,
    shaped: impl FnOnce(Place) -> Place,
) -> Result<Arc<dyn Store>> {
    let settings = config.settings()?.settings;
    let Interface::ServerSide(server) = settings.interface else {
        return Err(refused(
            "SESSION_TYPE names no store: the session is kept in the cookie, or nowhere",
        ));
    };
    let name = match server.store {
        StoreSettings::Memory { capacity } => {
            return Ok(Arc::new(MemoryStore::new(capacity, Arc::new(SystemClock))));
        }
        #[cfg(unix)]
        StoreSettings::Filesystem { directory, mode } => {
            return Ok(Arc::new(FilesystemStore::at(directory).mode(mode).open()?));
        }
        #[cfg(unix)]
        StoreSettings::Cachelib { directory, mode } => {
            return Ok(Arc::new(CachelibStore::at(directory).mode(mode).open()?));
        }
        #[cfg(not(unix))]
        StoreSettings::Filesystem { .. } | StoreSettings::Cachelib { .. } => {
            return Err(refused(
                "SESSION_TYPE filesystem and cachelib need the files of a Unix system: name another",
            ));
        }
        StoreSettings::Other { name } => name,
        _ => return Err(unknown_store()),
    };
    // A lane serves one thread at a time, with one connection.
    let config = config.clone().set("SESSION_CONNECTIONS", 1);
    if let Some(unsaid) = Place::unsaid(&config)? {
        return Err(nowhere(&name, unsaid));
    }
    let place = Place::of_config(&config)?.ok_or_else(unknown_store)?;
    let place = shaped(place.blocking());
    match place.kind().name {
        // It closes what a child inherited by itself: SQLite must know of every connection to a file in a process.
        "sqlite" => {
            let store = place.open()?;
            lanes(move || Ok(store.clone()))
        }
        _ => lanes(move || place.open()),
    }
}

fn unknown_store() -> Error {
    refused("SESSION_TYPE names a store that this package does not know")
}

/// Nothing says where the store is, in the form of the package's findings.
fn nowhere(name: &str, unsaid: Unsaid) -> Error {
    let Unsaid { key, example, .. } = unsaid;
    let page = concat!(
        env!("CARGO_PKG_REPOSITORY"),
        "/blob/main/docs/flask-diagnostics.md"
    );
    refused(&format!(
        "error[DW0901] {key}: SESSION_TYPE is '{name}', and {key} is not set; nothing is assumed, so that no session goes \
         anywhere but where it is meant to be\n   fix: set it to an address, such as {example}, or to a client that the \
         application made\n  page: {page}"
    ))
}

fn lanes(
    open: impl Fn() -> Result<Arc<dyn Store>> + Send + Sync + 'static,
) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(Lanes::new(Box::new(open))?))
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Config, what)
}
