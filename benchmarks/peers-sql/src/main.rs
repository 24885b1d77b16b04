//! tower-sessions on its SQL stores: an axum application that `dewar-peers` starts, `dewar-peers-sql URL PORT`.
//!
//! A program of its own, since its SQLite and that of Dewar cannot be linked into one.

#[path = "../../peers/src/routes.rs"]
mod routes;

use std::error::Error;
use std::str::FromStr;

use routes::{CART, axum_routes, next, tower_sessions_routes};
use tower_sessions::SessionManagerLayer;
use tower_sessions_sqlx_store::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous,
};
use tower_sessions_sqlx_store::sqlx::{PgPool, SqlitePool};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, port] = &arguments[..] else {
        return Err("dewar-peers-sql sqlite://…|postgresql://… PORT".into());
    };
    let routes = tower_sessions_routes!(tower_sessions::Session);
    let router = if url.starts_with("sqlite:") {
        // As Dewar's file is.
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let store = SqliteStore::new(SqlitePool::connect_with(options).await?);
        store.migrate().await?;
        routes.layer(SessionManagerLayer::new(store).with_secure(false))
    } else {
        let store = PostgresStore::new(PgPool::connect(url).await?);
        store.migrate().await?;
        routes.layer(SessionManagerLayer::new(store).with_secure(false))
    };
    Ok(routes::serve(router, port.parse()?).await?)
}
