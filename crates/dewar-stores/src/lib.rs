//! Session stores on servers and databases, one cargo feature each, compatible with Flask-Session's records.
//!
//! | feature | `SESSION_TYPE` | store | crates that it adds | seconds to build |
//! | --- | --- | --- | --- | --- |
//! | `dynamodb` | `dynamodb` | `dynamodb::DynamodbStore` | 99 | 77 |
//! | `memcached` | `memcached` | `memcached::MemcachedStore` | 3 | 10 |
//! | `mongodb` | `mongodb` | `mongodb::MongodbStore` | 142 | 104 |
//! | `mysql` | `mysql` | `mysql::MysqlStore` | 89 | 60 |
//! | `postgresql` | `postgresql` | `postgresql::PostgresqlStore` | 58 | 35 |
//! | `redis` | `redis` | `redis::RedisStore` | 64 | 56 |
//! | `sqlite` | `sqlite` | `sqlite::SqliteStore` | 13, and SQLite in C | 66 |
//!
//! The crates are those that `cargo tree -e normal,build` shows beside the engine's 61; several stores share many of theirs.
//! The seconds are those of a development build on two cores, beside the engine's 37.
//! `memory`, `filesystem` and `cachelib` are in the engine.
//!
//! [`KINDS`] is the same table for programs. [`engine`] opens the store that a configuration means.
//!
//! What all of them have in common:
//!
//! * Each is made from a connection URL with `XStore::builder(url)`, and can be told how long connecting and how
//!   long an operation may take; a call returns within that time, whatever the server does.
//! * After a failure a store connects anew by itself.
//! * Only what is safe to repeat is repeated.
//! * An error names the server and the operation and says what to do; it never holds a password or a session id.
//!   [`Error::is_temporary`](dewar::Error::is_temporary) says whether the same call may succeed later.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod kinds;
mod migrated;
mod open;
#[cfg(any(
    feature = "dynamodb",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql",
    feature = "sqlite"
))]
mod outcome;
#[cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis"
))]
mod percent;
mod place;
#[cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis",
    feature = "sqlite"
))]
mod server;
#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis"
))]
mod skew;
#[cfg(any(feature = "mysql", feature = "postgresql", feature = "redis"))]
mod tls;

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "memcached")]
pub mod memcached;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "postgresql")]
pub mod postgresql;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use kinds::{Availability, KINDS, Kind};
pub use migrated::Migrated;
pub use open::{check, engine, open};
pub use place::{Place, Unsaid};
