//! Handlers that do what a store must do, and nothing else: the cookie is the key as it is, nothing expires, nothing is compared.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::get;

use crate::contestants::{Contestant, Result, in_axum};
use crate::routes::{CART, next};

const LESS: &str = "the cookie is the key as it is, no expiry, no comparison";

fn session(visits: u64) -> String {
    serde_json::json!({"user": "ada", "cart": CART, "visits": visits}).to_string()
}

fn visits(session: &[u8]) -> u64 {
    let session: serde_json::Value = serde_json::from_slice(session).unwrap();
    session["visits"].as_u64().unwrap()
}

/// The cookie that is the session's key.
fn key(headers: &HeaderMap) -> String {
    headers[header::COOKIE].to_str().unwrap().to_owned()
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
                    // As long as everybody's: hyper's buffers notice the length of a request.
                    let key = format!("session={:043}", next());
                    filling(key.clone(), session(17)).await;
                    ([(header::SET_COOKIE, key)], "hello")
                }),
            )
            .route(
                "/read",
                get(move |headers: HeaderMap| async move {
                    assert!(visits(&reading(key(&headers)).await) >= 17);
                    "hello"
                }),
            )
            .route(
                "/check",
                get(move |headers: HeaderMap| async move {
                    assert!(visits(&checking(key(&headers)).await) >= 1_000);
                    "hello"
                }),
            )
            .route(
                "/write",
                get(move |headers: HeaderMap| async move {
                    rereading(key(&headers)).await;
                    writing(key(&headers), session(next())).await;
                    "hello"
                }),
            )
    }};
}

pub async fn redis(place: &'static str, url: &str) -> Result<Contestant> {
    let connection = redis::Client::open(url)?
        .get_multiplexed_async_connection()
        .await?;
    let get = || {
        let connection = connection.clone();
        move |key: String| {
            let mut connection = connection.clone();
            async move {
                let bytes: Vec<u8> = redis::cmd("GET")
                    .arg(&key)
                    .query_async(&mut connection)
                    .await
                    .unwrap();
                bytes
            }
        }
    };
    let set = || {
        let connection = connection.clone();
        move |key: String, session: String| {
            let mut connection = connection.clone();
            async move {
                let mut set = redis::cmd("SET");
                set.arg(&key).arg(session).arg("EX").arg(86_400);
                let () = set.query_async(&mut connection).await.unwrap();
            }
        }
    };
    Ok(in_axum(
        place,
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
        move |key: String| {
            let connection = connection.lock().unwrap();
            let mut select = connection
                .prepare_cached("SELECT data, expiry FROM sessions WHERE name = ?1")
                .unwrap();
            let bytes: Vec<u8> = select.query_row([&key], |row| row.get(0)).unwrap();
            std::future::ready(bytes)
        }
    };
    let set = || {
        let connection = connection.clone();
        move |key: String, session: String| {
            let connection = connection.lock().unwrap();
            let replace = "INSERT INTO sessions (name, data, expiry) VALUES (?1, ?2, '2027-01-01') \
                           ON CONFLICT (name) DO UPDATE SET data = excluded.data";
            connection
                .prepare_cached(replace)
                .unwrap()
                .execute((&key, session.as_bytes()))
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

/// Prepared statements on one connection.
pub async fn postgresql(url: &str) -> Result<Contestant> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(async move { drop(connection.await) });
    let table = "CREATE TABLE IF NOT EXISTS by_hand (name TEXT PRIMARY KEY, data BYTEA, expiry TIMESTAMPTZ)";
    client.batch_execute(table).await?;
    let select = client
        .prepare("SELECT data, expiry FROM by_hand WHERE name = $1")
        .await?;
    let replace = "INSERT INTO by_hand (name, data, expiry) VALUES ($1, $2, now() + interval '31 days') \
                   ON CONFLICT (name) DO UPDATE SET data = excluded.data, expiry = excluded.expiry";
    let replace = client.prepare(replace).await?;
    let client = Arc::new(client);
    let get = || {
        let (client, select) = (client.clone(), select.clone());
        move |key: String| {
            let (client, select) = (client.clone(), select.clone());
            async move {
                let bytes: Vec<u8> = client.query_one(&select, &[&key]).await.unwrap().get(0);
                bytes
            }
        }
    };
    let set = || {
        let (client, replace) = (client.clone(), replace.clone());
        move |key: String, session: String| {
            let (client, replace) = (client.clone(), replace.clone());
            async move {
                client
                    .execute(&replace, &[&key, &session.as_bytes()])
                    .await
                    .unwrap();
            }
        }
    };
    Ok(in_axum(
        "PostgreSQL",
        "by hand (SELECT and UPSERT)",
        LESS,
        routes!(get(), set()),
    ))
}

/// A file, written beside and renamed, in the thread of the request.
pub fn files(folder: &Path) -> Result<Contestant> {
    let get = || {
        let folder = folder.to_owned();
        move |key: String| std::future::ready(std::fs::read(folder.join(key)).unwrap())
    };
    let set = || {
        let folder = folder.to_owned();
        move |key: String, session: String| {
            let new = folder.join(format!("{key}.new"));
            std::fs::write(&new, session).unwrap();
            std::fs::rename(&new, folder.join(key)).unwrap();
            std::future::ready(())
        }
    };
    Ok(in_axum(
        "filesystem",
        "by hand (read, write, rename)",
        LESS,
        routes!(get(), set()),
    ))
}
