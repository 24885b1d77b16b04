//! From a configuration to the store that it means.

use std::sync::Arc;

use dewar::clock::SystemClock;
use dewar::config::{Config, Interface, StoreSettings};
use dewar::store::Store;
use dewar::store::filesystem::{CachelibStore, FilesystemStore};
use dewar::store::memory::MemoryStore;
use dewar::{Error, ErrorKind, Result};
use dewar_stores::Place;

use super::lanes::Lanes;

/// Opens the store that `SESSION_TYPE` names; its servers are connected to when it is first used.
pub(super) fn open(config: &Config) -> Result<Arc<dyn Store>> {
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
        StoreSettings::Filesystem { directory, mode } => {
            return Ok(Arc::new(FilesystemStore::at(directory).mode(mode).open()?));
        }
        StoreSettings::Cachelib { directory, mode } => {
            return Ok(Arc::new(CachelibStore::at(directory).mode(mode).open()?));
        }
        StoreSettings::Other { name } => name,
        _ => return Err(unknown_store()),
    };
    // A lane serves one thread at a time, with one connection.
    let config = config.clone().set("SESSION_CONNECTIONS", 1);
    let place = Place::of_config(&config)?
        .ok_or_else(unknown_store)?
        .blocking();
    if let (Some(key), Some(usual)) = (place.assumed(), place.usual_address()) {
        return Err(nowhere(
            key,
            &format!(
                "SESSION_TYPE is '{name}', and {key} is not set; nothing is assumed, so that no session goes to another \
                 server than the one that is meant"
            ),
            &format!(
                "set it to the address of the server, such as '{usual}', or to a client that the application made"
            ),
        ));
    }
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
fn nowhere(key: &str, what: &str, fix: &str) -> Error {
    refused(&format!("error[DW0901] {key}: {what}\n   fix: {fix}"))
}

fn lanes(
    open: impl Fn() -> Result<Arc<dyn Store>> + Send + Sync + 'static,
) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(Lanes::new(Box::new(open))?))
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Config, what)
}
