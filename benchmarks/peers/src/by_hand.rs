//! Handlers that do what a store must do, and nothing else: no cookie is looked at, nothing expires, nothing is compared.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::contestants::{CART, Contestant, Result, in_axum, next};

const LESS: &str = "no cookie, no expiry, no comparison";
const KEY: &str = "by-hand:session";

fn session(visits: u64) -> String {
    serde_json::json!({"user": "ada", "cart": CART, "visits": visits}).to_string()
}

fn visits(session: &[u8]) -> u64 {
    let session: serde_json::Value = serde_json::from_slice(session).unwrap();
    session["visits"].as_u64().unwrap()
}

/// The same routes as everybody's, on a `get` and a `set` of bytes.
macro_rules! routes {
    ($get:expr, $set:expr) => {{
        let (reading, checking, rereading) = ($get, $get, $get);
        let (filling, writing) = ($set, $set);
        Router::new()
            .route("/untouched", get(|| async { "hello" }))
            .route(
                "/fill",
                get(move || async move {
                    filling(session(17)).await;
                    ([(header::SET_COOKIE, "session=by-hand")], "hello")
                }),
            )
            .route(
                "/read",
                get(move || async move {
                    assert!(visits(&reading().await) >= 17);
                    "hello"
                }),
            )
            .route(
                "/check",
                get(move || async move {
                    assert!(visits(&checking().await) >= 1_000);
                    "hello"
                }),
            )
            .route(
                "/write",
                get(move || async move {
                    rereading().await;
                    writing(session(next())).await;
                    "hello"
                }),
            )
    }};
}

pub async fn redis(url: &str) -> Result<Contestant> {
    let connection = redis::Client::open(url)?
        .get_multiplexed_async_connection()
        .await?;
    let get = || {
        let connection = connection.clone();
        move || {
            let mut connection = connection.clone();
            async move {
                let bytes: Vec<u8> = redis::cmd("GET")
                    .arg(KEY)
                    .query_async(&mut connection)
                    .await
                    .unwrap();
                bytes
            }
        }
    };
    let set = || {
        let connection = connection.clone();
        move |session: String| {
            let mut connection = connection.clone();
            async move {
                let mut set = redis::cmd("SET");
                set.arg(KEY).arg(session).arg("EX").arg(86_400);
                let () = set.query_async(&mut connection).await.unwrap();
            }
        }
    };
    Ok(in_axum(
        "Redis",
        "by hand (GET and SET)",
        LESS,
        routes!(get(), set()),
    ))
}

/// Prepared statements on one connection, in the thread of the request.
pub fn sqlite(file: &Path) -> Result<Contestant> {
    let connection = rusqlite::Connection::open(file)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE sessions (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB, expiry TEXT)",
    )?;
    let connection = Arc::new(Mutex::new(connection));
    let get = || {
        let connection = connection.clone();
        move || {
            let connection = connection.lock().unwrap();
            let mut select = connection
                .prepare_cached("SELECT data, expiry FROM sessions WHERE name = ?1")
                .unwrap();
            let bytes: Vec<u8> = select.query_row([KEY], |row| row.get(0)).unwrap();
            std::future::ready(bytes)
        }
    };
    let set = || {
        let connection = connection.clone();
        move |session: String| {
            let connection = connection.lock().unwrap();
            let replace = "INSERT INTO sessions (name, data, expiry) VALUES (?1, ?2, '2027-01-01') \
                           ON CONFLICT (name) DO UPDATE SET data = excluded.data";
            connection
                .prepare_cached(replace)
                .unwrap()
                .execute((KEY, session.as_bytes()))
                .unwrap();
            std::future::ready(())
        }
    };
    Ok(in_axum(
        "SQLite",
        "by hand (SELECT and UPSERT)",
        LESS,
        routes!(get(), set()),
    ))
}

/// A file, written beside and renamed, in the thread of the request.
pub fn files(folder: &Path) -> Result<Contestant> {
    let (file, new) = (folder.join("by-hand"), folder.join("by-hand.new"));
    let get = || {
        let file = file.clone();
        move || std::future::ready(std::fs::read(&file).unwrap())
    };
    let set = || {
        let (file, new) = (file.clone(), new.clone());
        move |session: String| {
            std::fs::write(&new, session).unwrap();
            std::future::ready(std::fs::rename(&new, &file).unwrap())
        }
    };
    Ok(in_axum(
        "filesystem",
        "by hand (read, write, rename)",
        LESS,
        routes!(get(), set()),
    ))
}
