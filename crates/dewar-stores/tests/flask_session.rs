//! The stores and Flask-Session 0.8 on one table or collection, both ways.
//!
//! `DEWAR_TEST_PYTHON` names a Python with what is in `tests/requirements.txt`; the servers are those of the
//! conformance suite.
#![allow(clippy::unwrap_used)]
#![cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis",
    feature = "sqlite"
))]

mod support;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dewar::config::Config;
use dewar::store::{Created, Key, Replaced, Store};
use dewar::{Engine, UnixTime};
#[cfg(feature = "dynamodb")]
use dewar_stores::dynamodb::DynamodbStore;
#[cfg(feature = "memcached")]
use dewar_stores::memcached::MemcachedStore;
#[cfg(feature = "mongodb")]
use dewar_stores::mongodb::MongodbStore;
#[cfg(feature = "mysql")]
use dewar_stores::mysql::MysqlStore;
#[cfg(feature = "postgresql")]
use dewar_stores::postgresql::PostgresqlStore;
#[cfg(feature = "redis")]
use dewar_stores::redis::RedisStore;
#[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
use dewar_stores::sql::{Table, Tables};
#[cfg(feature = "sqlite")]
use dewar_stores::sqlite::SqliteStore;

/// What Flask-Session writes for `{"_permanent": True, "n": n}`.
fn data(n: u8) -> Vec<u8> {
    let mut data = b"\x82\xaa_permanent\xc3\xa1n".to_vec();
    data.push(n);
    data
}

const ID: &str = "yTvVK3Bq0cOd5R8nCiZYm1cJXs3cWrTMbYbCq6XHqJQ";

/// One request to the app in `flask_app.py`: the session's id and how many requests it has counted.
fn flask(python: &str, url: &str, table: &str, id: Option<&str>) -> (String, u8) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/flask_app.py");
    let output = Command::new(python)
        .args([script, url, table])
        .args(id)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (id, count) = text.trim().split_once(' ').unwrap();
    (id.to_owned(), count.parse().unwrap())
}

/// How far off an expiry is at most that is kept to the second.
const SECOND: Duration = Duration::from_secs(1);

/// Both write the table that Flask made, and read what the other wrote, an expiry to the `grain`.
async fn both_ways(
    store: &Arc<dyn Store>,
    python: &str,
    url: &str,
    table: &str,
    id: &str,
    grain: Duration,
) {
    // Flask wrote, we read.
    let key = Key::new(format!("session:{id}"));
    let record = store.load(&key).await.unwrap().unwrap();
    assert_eq!(record.blob, data(1));

    // We overwrite, Flask reads on from there, and we notice what it wrote.
    let later = UnixTime::now() + Duration::from_secs(60);
    let replaced = store
        .replace(&key, data(10).into(), later, &record.version)
        .await
        .unwrap();
    let Replaced::Done(seen) = replaced else {
        panic!("{replaced:?}")
    };
    let begun = UnixTime::now();
    assert_eq!(flask(python, url, table, Some(id)), (id.to_owned(), 11));
    let month = Duration::from_secs(31 * 24 * 60 * 60);
    let (earliest, latest) = (begun + month, UnixTime::now() + month);
    let replaced = store
        .replace(&key, data(20).into(), later, &seen)
        .await
        .unwrap();
    assert_eq!(replaced, Replaced::Conflict);
    let record = store.load(&key).await.unwrap().unwrap();
    assert_eq!(record.blob, data(11));
    let expires = record.expires.unwrap();
    assert!(
        earliest - grain <= expires && expires <= latest + grain,
        "{expires:?} is not a month from {begun:?}"
    );

    // We create, Flask reads.
    let ours = Key::new(format!("session:{ID}"));
    // A server of one's own may have it from an earlier run.
    store.delete(&ours).await.unwrap();
    let created = store.create(&ours, data(5).into(), later).await.unwrap();
    assert!(matches!(created, Created::Done(_)));
    assert_eq!(flask(python, url, table, Some(ID)), (ID.to_owned(), 6));

    // A pickle, as Flask-Session before 0.7 wrote it, is read through the engine, which leaves what Flask can read.
    let record = store.load(&ours).await.unwrap().unwrap();
    let pickle =
        &b"\x80\x02}q\x00(X\n\x00\x00\x00_permanentq\x01\x88X\x01\x00\x00\x00nq\x02K\x14u."[..];
    let replaced = store
        .replace(&ours, pickle.into(), later, &record.version)
        .await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    let engine = Engine::builder(Config::new().session_type("memory"));
    let engine = engine.shared_store(store.clone()).build().unwrap();
    let cookie = format!("session={ID}");
    let session = engine.open([cookie.as_bytes()]).await.unwrap();
    session.update("n", |n: &mut u8| *n += 10).unwrap();
    engine.close(&session).await.unwrap();
    assert_eq!(flask(python, url, table, Some(ID)), (ID.to_owned(), 31));

    // We delete, and Flask begins anew.
    store.delete(&key).await.unwrap();
    let (new, count) = flask(python, url, table, Some(id));
    assert!(new != id && count == 1);
}

#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis",
    feature = "sqlite"
))]
/// What we let expire is gone for Flask, where Flask-Session looks at the expiry and does not leave it to the server.
async fn ends_for_flask(store: &Arc<dyn Store>, python: &str, url: &str, table: &str) {
    let ours = Key::new(format!("session:{ID}"));
    store
        .touch(&ours, UnixTime::now() + Duration::from_millis(1))
        .await
        .unwrap();
    std::thread::sleep(Duration::from_millis(2_100));
    let (new, count) = flask(python, url, table, Some(ID));
    assert!(new != ID && count == 1);
}

macro_rules! variable {
    ($name:literal) => {
        match std::env::var($name) {
            Ok(value) => value,
            Err(_) => return support::absent($name),
        }
    };
}

#[cfg(any(
    feature = "dynamodb",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql"
))]
fn unique(name: &str) -> String {
    format!("dewar_flask_{name}_{}", std::process::id())
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_works_both_ways() {
    let python = variable!("DEWAR_TEST_PYTHON");
    let folder = tempfile::tempdir().unwrap();
    for (file, table) in [("theirs.db", "sessions"), ("ours.db", "web")] {
        let path = folder.path().join(file).display().to_string();
        let url = format!("sqlite:///{path}");
        let open = || SqliteStore::builder(&url).table(Table::sqlalchemy().named(table).unwrap());
        if file == "ours.db" {
            open().open().unwrap();
        }
        let (id, _) = flask(&python, &url, table, None);
        let store: Arc<dyn Store> = Arc::new(open().tables(Tables::Expect).open().unwrap());
        both_ways(&store, &python, &url, table, &id, SECOND).await;
        ends_for_flask(&store, &python, &url, table).await;
    }
}

#[cfg(feature = "postgresql")]
#[tokio::test]
async fn postgresql_works_both_ways() {
    let python = variable!("DEWAR_TEST_PYTHON");
    let url = variable!("DEWAR_TEST_POSTGRESQL_URL");
    let url = url.replace("postgresql://", "postgresql+psycopg2://");
    for name in ["theirs", "ours"] {
        let table = unique(name);
        let builder = || {
            let table = Table::sqlalchemy().named(&table).unwrap();
            PostgresqlStore::builder(&url).table(table)
        };
        if name == "ours" {
            builder().connect().await.unwrap();
        }
        let (id, _) = flask(&python, &url, &table, None);
        let store: Arc<dyn Store> =
            Arc::new(builder().tables(Tables::Expect).connect().await.unwrap());
        both_ways(&store, &python, &url, &table, &id, SECOND).await;
        ends_for_flask(&store, &python, &url, &table).await;
    }
}

#[cfg(feature = "mysql")]
#[tokio::test]
async fn mysql_works_both_ways() {
    let python = variable!("DEWAR_TEST_PYTHON");
    let url = variable!("DEWAR_TEST_MYSQL_URL");
    let url = url.replace("mysql://", "mysql+pymysql://");
    for name in ["theirs", "ours"] {
        let table = unique(name);
        let builder = || {
            let table = Table::sqlalchemy().named(&table).unwrap();
            MysqlStore::builder(&url).table(table)
        };
        if name == "ours" {
            builder().connect().await.unwrap();
        }
        let (id, _) = flask(&python, &url, &table, None);
        let store: Arc<dyn Store> =
            Arc::new(builder().tables(Tables::Expect).connect().await.unwrap());
        both_ways(&store, &python, &url, &table, &id, SECOND).await;
        ends_for_flask(&store, &python, &url, &table).await;
    }
}

#[cfg(feature = "mongodb")]
#[tokio::test]
async fn mongodb_works_both_ways() {
    let python = variable!("DEWAR_TEST_PYTHON");
    let url = variable!("DEWAR_TEST_MONGODB_URL");
    for name in ["theirs", "ours"] {
        let collection = unique(name);
        let builder = || MongodbStore::builder(&url).collection(&collection);
        if name == "ours" {
            builder().connect().await.unwrap();
        }
        let (id, _) = flask(&python, &url, &collection, None);
        let store: Arc<dyn Store> = Arc::new(builder().connect().await.unwrap());
        both_ways(&store, &python, &url, &collection, &id, SECOND).await;
    }
}

#[cfg(feature = "dynamodb")]
#[tokio::test]
async fn dynamodb_works_both_ways() {
    let python = variable!("DEWAR_TEST_PYTHON");
    let url = variable!("DEWAR_TEST_DYNAMODB_URL");
    for name in ["theirs", "ours"] {
        let table = unique(name);
        let builder = || DynamodbStore::builder(&url).table(&table);
        if name == "ours" {
            builder().connect().await.unwrap();
        }
        let (id, _) = flask(&python, &url, &table, None);
        let store: Arc<dyn Store> = Arc::new(builder().connect().await.unwrap());
        both_ways(&store, &python, &url, &table, &id, SECOND).await;
    }
}

#[cfg(feature = "memcached")]
#[tokio::test]
async fn memcached_works_both_ways() {
    let python = variable!("DEWAR_TEST_PYTHON");
    let url = variable!("DEWAR_TEST_MEMCACHED_URL");
    let (id, _) = flask(&python, &url, "", None);
    let store: Arc<dyn Store> = Arc::new(MemcachedStore::builder(&url).connect().await.unwrap());
    // It counts whole seconds from when it was started, and the clock that it counts them on ticks late when it is busy.
    let grain = Duration::from_secs(10);
    both_ways(&store, &python, &url, "", &id, grain).await;
    ends_for_flask(&store, &python, &url, "").await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_works_both_ways() {
    let python = variable!("DEWAR_TEST_PYTHON");
    let url = variable!("DEWAR_TEST_REDIS_URL");
    let (id, _) = flask(&python, &url, "", None);
    let store: Arc<dyn Store> = Arc::new(RedisStore::builder(&url).connect().await.unwrap());
    both_ways(&store, &python, &url, "", &id, SECOND).await;
    ends_for_flask(&store, &python, &url, "").await;
}
