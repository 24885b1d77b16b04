//! From a configuration to the store that it means.

use std::sync::Arc;

use dewar::clock::SystemClock;
use dewar::config::{Config, Interface, Setting, StoreSettings};
use dewar::store::Store;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::memory::MemoryStore;
use dewar::{Error, ErrorKind, Result};
use dewar_stores::Kind;
use dewar_stores::memcached::MemcachedStore;
use dewar_stores::mysql::MysqlStore;
use dewar_stores::postgresql::PostgresqlStore;
use dewar_stores::redis::RedisStore;
use dewar_stores::sql::Table;
use dewar_stores::sqlite::SqliteStore;

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
        StoreSettings::Other { name } => name,
        _ => {
            return Err(refused(
                "SESSION_TYPE names a store that this package does not know",
            ));
        }
    };
    let (key, url) = address(config, &name)?;
    let kind = Kind::of_url(&url).ok_or_else(|| {
        refused(&format!(
            "{key} is not the URL of a store: it starts with none of the schemes that are known"
        ))
    })?;
    let table = table(config, &name)?;
    match kind.name {
        // It closes what a child inherited by itself: SQLite must know of every connection to a file in a process.
        "sqlite" => {
            let store: Arc<dyn Store> = Arc::new(SqliteStore::builder(url).table(table).open()?);
            lanes(move || Ok(store.clone()))
        }
        "redis" => lanes(move || Ok(Arc::new(RedisStore::builder(&url).build()?))),
        "memcached" => lanes(move || {
            Ok(Arc::new(
                MemcachedStore::builder(&url).connections(1).build()?,
            ))
        }),
        "postgresql" => lanes(move || {
            Ok(Arc::new(
                PostgresqlStore::builder(&url)
                    .table(table.clone())
                    .connections(1)
                    .build()?,
            ))
        }),
        "mysql" => lanes(move || {
            Ok(Arc::new(
                MysqlStore::builder(&url)
                    .table(table.clone())
                    .connections(1)
                    .build()?,
            ))
        }),
        other => Err(refused(&format!(
            "{key} names {other}, which this package cannot open"
        ))),
    }
}

fn lanes(
    open: impl Fn() -> Result<Arc<dyn Store>> + Send + Sync + 'static,
) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(Lanes::new(Box::new(open))?))
}

/// The URL of a store, and the key that gives it.
fn address(config: &Config, name: &str) -> Result<(&'static str, String)> {
    let (key, example) = match name {
        "redis" => ("SESSION_REDIS", "redis://127.0.0.1:6379"),
        "memcached" => ("SESSION_MEMCACHED", "memcached://127.0.0.1:11211"),
        "mongodb" => ("SESSION_MONGODB", "mongodb://127.0.0.1:27017"),
        "postgresql" => ("SESSION_POSTGRESQL", "postgresql://user@127.0.0.1/app"),
        "dynamodb" => ("SESSION_DYNAMODB", "dynamodb://eu-central-1"),
        "sqlite" => ("SESSION_SQLALCHEMY", "sqlite:///sessions.db"),
        "mysql" => ("SESSION_SQLALCHEMY", "mysql://user@127.0.0.1/app"),
        "sqlalchemy" => ("SESSION_SQLALCHEMY", "postgresql://user@127.0.0.1/app"),
        _ => {
            return Err(refused(&format!(
                "SESSION_TYPE is '{name}', which needs an object that the application made"
            )));
        }
    };
    match config.get(key) {
        Some(Setting::Text(url)) => Ok((key, url.clone())),
        _ => Err(refused(&format!(
            "SESSION_TYPE is '{name}', and {key} is not set: set it to the address of the server, such as '{example}', \
             or to a client that the application made. Nothing is assumed, so that no session goes to another server \
             than the one that is meant"
        ))),
    }
}

fn table(config: &Config, name: &str) -> Result<Table> {
    let text = |key: &str| match config.get(key) {
        Some(Setting::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let (mut table, keys) = match name {
        "postgresql" => (
            Table::postgresql(),
            ["SESSION_POSTGRESQL_TABLE", "SESSION_POSTGRESQL_SCHEMA", ""],
        ),
        _ => (
            Table::sqlalchemy(),
            [
                "SESSION_SQLALCHEMY_TABLE",
                "SESSION_SQLALCHEMY_SCHEMA",
                "SESSION_SQLALCHEMY_SEQUENCE",
            ],
        ),
    };
    let [named, schema, sequence] = keys.map(text);
    if let Some(named) = named {
        table = table.named(&named)?;
    }
    if let Some(schema) = schema {
        table = table.in_schema(&schema)?;
    }
    if let Some(sequence) = sequence {
        table = table.with_sequence(&sequence)?;
    }
    Ok(table)
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Config, what)
}
