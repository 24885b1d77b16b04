//! What drivers write to the log, of whatever level, holds no session's key and nothing of its data.
#![allow(clippy::unwrap_used)]
#![cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql",
    feature = "redis"
))]

mod support;

use std::fmt::{Debug, Write};
use std::sync::{Mutex, Once};
use std::time::Duration;

use bytes::Bytes;
use dewar::UnixTime;
use dewar::store::{Created, Key, Replaced};
use dewar_stores::Place;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// All that was written by now.
static WRITTEN: Mutex<String> = Mutex::new(String::new());

/// Takes down every word of `log` and of `tracing`.
struct Everything;

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut written = WRITTEN.lock().unwrap();
        writeln!(written, "{} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(span.metadata().target()));
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(event.metadata().target()));
    }

    fn record(&self, _: &Id, record: &Record<'_>) {
        record.record(&mut Fields("a span"));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields(&'static str);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut written = WRITTEN.lock().unwrap();
        writeln!(written, "{} {field}={value:?}", self.0).unwrap();
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Everything).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        tracing::subscriber::set_global_default(Everything).unwrap();
    });
}

/// The ways in which bytes are written for people: as text, in hex, and as a list of numbers.
fn forms(secret: &str) -> [String; 3] {
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    [secret.to_owned(), hex, numbers.join(", ")]
}

async fn nothing_is_told(test: &str, url: &str) {
    listen();
    let store = Place::of_url(url).unwrap().open().unwrap();
    let unique = format!("{test}-{}", std::process::id());
    let (key, data) = (format!("session:{unique}"), format!("data of {unique}"));
    let (secret, blob) = (Key::new(key.as_str()), Bytes::from(data.clone()));
    let expires = UnixTime::now() + Duration::from_secs(60);

    let created = store.create(&secret, blob.clone(), expires).await.unwrap();
    assert!(matches!(created, Created::Done(_)));
    let version = store.load(&secret).await.unwrap().unwrap().version;
    let replaced = store.replace(&secret, blob, expires, &version).await;
    assert!(matches!(replaced.unwrap(), Replaced::Done(_)));
    store.touch(&secret, expires).await.unwrap();
    let version = store.load(&secret).await.unwrap().unwrap().version;
    store.delete_unchanged(&secret, &version).await.unwrap();
    store.delete(&secret).await.unwrap();

    let written = WRITTEN.lock().unwrap().clone();
    for form in forms(&key).into_iter().chain(forms(&data)) {
        let told = written.lines().find(|line| line.contains(&form));
        assert!(told.is_none(), "{told:?}");
    }
}

macro_rules! on_a_server {
    ($feature:literal, $test:ident, $variable:literal, $options:literal) => {
        #[cfg(feature = $feature)]
        #[tokio::test]
        async fn $test() {
            let Ok(url) = std::env::var($variable) else {
                return support::absent($variable);
            };
            nothing_is_told(stringify!($test), &format!("{url}{}", $options)).await;
        }
    };
}

on_a_server!("dynamodb", dynamodb, "DEWAR_TEST_DYNAMODB_URL", "");
on_a_server!("memcached", memcached, "DEWAR_TEST_MEMCACHED_URL", "");
on_a_server!("mongodb", mongodb, "DEWAR_TEST_MONGODB_URL", "");
on_a_server!("mysql", mysql, "DEWAR_TEST_MYSQL_URL", "");
on_a_server!("postgresql", postgresql, "DEWAR_TEST_POSTGRESQL_URL", "");
on_a_server!(
    "postgresql",
    postgresql_prepared,
    "DEWAR_TEST_POSTGRESQL_URL",
    "?prepared_statement_cache_size=100"
);
on_a_server!("redis", redis, "DEWAR_TEST_REDIS_URL", "");
on_a_server!("redis", redis_cluster, "DEWAR_TEST_REDIS_CLUSTER_URL", "");
