//! From a configuration to the store that it means.

use std::sync::Arc;

use dewar::clock::SystemClock;
use dewar::config::{Config, Interface, StoreSettings};
use dewar::store::Store;
use dewar::store::filesystem::FilesystemStore;
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
    match server.store {
        StoreSettings::Memory { capacity } => {
            Ok(Arc::new(MemoryStore::new(capacity, Arc::new(SystemClock))))
        }
        StoreSettings::Filesystem { directory, mode } => {
            Ok(Arc::new(FilesystemStore::at(directory).mode(mode).open()?))
        }
        _ => in_lanes(config),
    }
}

fn in_lanes(config: &Config) -> Result<Arc<dyn Store>> {
    // A lane serves one thread at a time.
    let one_connection = [("SESSION_CONNECTIONS".to_owned(), 1_i64.into())];
    let config = config.clone().source("flask_dewar", one_connection);
    let place = Place::of_config(&config)?.ok_or_else(|| refused("SESSION_TYPE names no store"))?;
    if let Some(key) = place.assumed() {
        return Err(refused(&format!(
            "{key} is not set: set it to the URL of the server, or to a client that the application made. Flask-Session \
             would use {place} without a word; if that is meant, say so"
        )));
    }
    let lanes = match place.kind().name {
        // It closes what a child inherited by itself: SQLite must know of every connection to a file in a process.
        "sqlite" => {
            let store = place.open()?;
            Lanes::new(Box::new(move || Ok(store.clone())))
        }
        _ => Lanes::new(Box::new(move || place.open())),
    };
    Ok(Arc::new(lanes?))
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Config, what)
}
