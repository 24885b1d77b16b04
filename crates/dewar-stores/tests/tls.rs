//! TLS with Redis, PostgreSQL and MariaDB: whom a store trusts, what it shows of itself, and what it says where that does
//! not do. The certificates are made by `openssl` while the test runs.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dewar::store::{Created, Key, Replaced, Store};
use dewar::{Error, ErrorKind, UnixTime};
use dewar_stores::Place;
use dewar_stores::mysql::MysqlStore;
use dewar_stores::postgresql::PostgresqlStore;
use dewar_stores::redis::RedisStore;
use support::databases::{Mariadb, Postgresql, copy_for};
use support::faults::SECRET;
use support::{Certificates, Server, free_port};

/// How a kind of server is reached over TLS, in the words of its users.
struct Words {
    /// What a URL begins with: scheme and log-in.
    begin: &'static str,
    /// What follows the port.
    database: &'static str,
    /// The parameter with which the server must prove who it is.
    verify: &'static str,
    /// The parameter with which any certificate will do.
    encrypt: Option<&'static str>,
    authorities: &'static str,
    certificate: &'static str,
    key: &'static str,
    /// What is said of a server that has no TLS.
    without_tls: &'static str,
    /// What is said where the server wants a certificate and gets none.
    uncertified: &'static str,
}

const POSTGRESQL: Words = Words {
    begin: "postgresql://dewar:s3cret@",
    database: "/postgres",
    verify: "sslmode=verify-full",
    encrypt: Some("sslmode=require"),
    authorities: "sslrootcert",
    certificate: "sslcert",
    key: "sslkey",
    without_tls: "sslmode",
    uncertified: "sslcert",
};

const MARIADB: Words = Words {
    begin: "mysql://dewar:s3cret@",
    database: "/app",
    verify: "ssl_mode=VERIFY_IDENTITY",
    encrypt: Some("ssl_mode=REQUIRED"),
    authorities: "ssl_ca",
    certificate: "ssl_cert",
    key: "ssl_key",
    without_tls: "ssl_mode",
    uncertified: "ssl_cert",
};

const REDIS: Words = Words {
    begin: "rediss://",
    database: "/0",
    verify: "",
    encrypt: None,
    authorities: "ssl_ca_certs",
    certificate: "ssl_certfile",
    key: "ssl_keyfile",
    // The server waits for the rest of what it takes for a command.
    without_tls: "is TLS used on both sides",
    uncertified: "ssl_certfile",
};

impl Words {
    fn url(&self, host: &str, port: u16, parameters: &[&str]) -> String {
        let Words {
            begin, database, ..
        } = self;
        let given = parameters.iter().filter(|parameter| !parameter.is_empty());
        let query: Vec<_> = given.copied().collect();
        format!("{begin}{host}:{port}{database}?{}", query.join("&"))
    }

    fn authority(&self, of: &Certificates) -> String {
        format!("{}={}", self.authorities, of.path("ca.pem"))
    }

    fn identity(&self, of: &Certificates) -> String {
        let (certificate, key) = (of.path("client.pem"), of.path("client.key"));
        format!("{}={certificate}&{}={key}", self.certificate, self.key)
    }
}

/// What a server offers to its clients.
#[derive(Clone, Copy, PartialEq)]
enum Offers {
    NoTls,
    Tls,
    /// The same, to those that show a certificate from its authority.
    TlsToKnown,
}

/// Starts a server with these certificates; it, and its port.
type Start = fn(Offers, &Certificates) -> Option<(Box<dyn Send>, u16)>;

/// A session's way through a store.
async fn used(url: &str) -> Result<(), Error> {
    let store = Place::of_url(url)?.open()?;
    let key = Key::new("session:yTvVK3Bq0cOd5R8nCiZYm1cJXs3cWrTMbYbCq6XHqJQ");
    let later = UnixTime::now() + Duration::from_secs(60);
    let Created::Done(seen) = store.create(&key, "one".into(), later).await? else {
        panic!("it is there already");
    };
    let replaced = store.replace(&key, "two".into(), later, &seen).await?;
    assert!(matches!(replaced, Replaced::Done(_)), "{replaced:?}");
    assert_eq!(store.load(&key).await?.unwrap().blob, &b"two"[..]);
    store.delete(&key).await
}

/// The error of a store that is of no use, which says where, why and what to do.
#[track_caller]
fn refusal(used: Result<(), Error>, port: u16, words: &str) -> Error {
    let error = used.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(
        text.contains(&format!(":{port}")) && text.contains(words),
        "{text}"
    );
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    error
}

/// All of it on one kind of server.
async fn tls_is_what_the_url_says(words: Words, start: Start) {
    let (Some(ours), Some(others)) = (Certificates::make(), Certificates::make()) else {
        return support::absent("openssl");
    };
    let Some((_server, port)) = start(Offers::Tls, &ours) else {
        return support::absent("the server");
    };
    let url = |parameters: &[&str]| words.url("localhost", port, parameters);
    let (known, foreign) = (words.authority(&ours), words.authority(&others));
    let verify = words.verify;
    used(&url(&[verify, &known])).await.unwrap();
    used(&url(&[&known])).await.unwrap();
    if let Some(encrypt) = words.encrypt {
        used(&url(&[encrypt])).await.unwrap();
    }
    for unknown in ["", &foreign] {
        let error = refusal(
            used(&url(&[verify, unknown])).await,
            port,
            words.authorities,
        );
        assert!(!error.is_temporary());
    }
    let url = words.url("127.0.0.1", port, &[verify, &known]);
    let error = refusal(used(&url).await, port, "another name");
    assert!(!error.is_temporary());

    let (_plain, port) = start(Offers::NoTls, &ours).unwrap();
    let encrypt = words.encrypt.unwrap_or_default();
    for parameters in [[verify, &known], [encrypt, ""], ["", &known]] {
        let url = words.url("localhost", port, &parameters);
        refusal(used(&url).await, port, words.without_tls);
    }

    let (_strict, port) = start(Offers::TlsToKnown, &ours).unwrap();
    let url = |identity: &str| words.url("localhost", port, &[verify, &known, identity]);
    used(&url(&words.identity(&ours))).await.unwrap();
    for unknown in ["", &words.identity(&others)] {
        let error = refusal(used(&url(unknown)).await, port, words.uncertified);
        assert!(!error.is_temporary());
    }
}

#[tokio::test]
async fn postgresql_by_url() {
    tls_is_what_the_url_says(POSTGRESQL, postgresql).await;
}

#[tokio::test]
async fn mariadb_by_url() {
    tls_is_what_the_url_says(MARIADB, mariadb).await;
}

#[tokio::test]
async fn redis_by_url() {
    tls_is_what_the_url_says(REDIS, redis).await;
}

fn postgresql(offers: Offers, certificates: &Certificates) -> Option<(Box<dyn Send>, u16)> {
    let file = |name: &str| certificates.path(name);
    let rules = file("pg_hba.conf");
    let rule = match offers {
        Offers::NoTls => "host all all 127.0.0.1/32 scram-sha-256\n",
        Offers::Tls => "hostssl all all 127.0.0.1/32 scram-sha-256\n",
        Offers::TlsToKnown => "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n",
    };
    std::fs::write(&rules, rule).unwrap();
    let mut settings = vec![format!("hba_file={}", copy_for("postgres", &rules))];
    if offers != Offers::NoTls {
        settings.extend([
            "ssl=on".to_owned(),
            format!("ssl_ca_file={}", file("ca.pem")),
            format!("ssl_cert_file={}", file("server.pem")),
            format!("ssl_key_file={}", copy_for("postgres", &file("server.key"))),
        ]);
    }
    let server = Postgresql::start_with(&settings)?;
    let port = server.port;
    Some((Box::new(server), port))
}

fn mariadb(offers: Offers, certificates: &Certificates) -> Option<(Box<dyn Send>, u16)> {
    let file = |name: &str| certificates.path(name);
    let mut arguments = Vec::new();
    if offers != Offers::NoTls {
        arguments.extend([
            format!("--ssl-ca={}", file("ca.pem")),
            format!("--ssl-cert={}", file("server.pem")),
            format!("--ssl-key={}", copy_for("mysql", &file("server.key"))),
        ]);
    }
    let server = Mariadb::start_with(&arguments)?;
    if offers == Offers::TlsToKnown {
        server.as_root("ALTER USER dewar@'127.0.0.1' REQUIRE X509");
    }
    let port = server.port;
    Some((Box::new(server), port))
}

fn redis(offers: Offers, certificates: &Certificates) -> Option<(Box<dyn Send>, u16)> {
    let file = |name: &str| certificates.path(name);
    let port = free_port();
    let certified = match offers {
        Offers::TlsToKnown => "yes",
        Offers::NoTls | Offers::Tls => "no",
    };
    let (number, ca, pem, key) = (
        port.to_string(),
        file("ca.pem"),
        file("server.pem"),
        file("server.key"),
    );
    let arguments = [
        ["--tls-port", &number],
        ["--tls-auth-clients", certified],
        ["--tls-ca-cert-file", &ca],
        ["--tls-cert-file", &pem],
        ["--tls-key-file", &key],
    ];
    let server = match offers {
        Offers::NoTls => Server::redis(&[])?,
        Offers::Tls | Offers::TlsToKnown => Server::redis(arguments.as_flattened())?,
    };
    let port = match offers {
        Offers::NoTls => server.port,
        Offers::Tls | Offers::TlsToKnown => port,
    };
    Some((Box::new(server), port))
}

#[tokio::test]
async fn certificates_may_be_handed_over() {
    let Some(ours) = Certificates::make() else {
        return support::absent("openssl");
    };
    let (authority, certificate, key) = (
        ours.read("ca.pem"),
        ours.read("client.pem"),
        ours.read("client.key"),
    );
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    let Some((_postgresql, port)) = postgresql(Offers::TlsToKnown, &ours) else {
        return support::absent("postgresql");
    };
    let builder = PostgresqlStore::builder(POSTGRESQL.url("localhost", port, &[]));
    let builder = builder.client_certificate(&*certificate, &*key);
    stores.push(Arc::new(
        builder.root_certificates(&*authority).build().unwrap(),
    ));
    let Some((_mariadb, port)) = mariadb(Offers::TlsToKnown, &ours) else {
        return support::absent("mariadb-server");
    };
    let builder = MysqlStore::builder(MARIADB.url("localhost", port, &[]));
    let builder = builder.client_certificate(&*certificate, &*key);
    stores.push(Arc::new(
        builder.root_certificates(&*authority).build().unwrap(),
    ));
    let Some((_redis, port)) = redis(Offers::TlsToKnown, &ours) else {
        return support::absent("redis-server");
    };
    let builder = RedisStore::builder(REDIS.url("localhost", port, &[]));
    let builder = builder.client_certificate(&*certificate, &*key);
    stores.push(Arc::new(
        builder.root_certificates(&*authority).build().unwrap(),
    ));
    let broken = RedisStore::builder("rediss://localhost").client_certificate("no", "PEM");
    assert_eq!(broken.build().unwrap_err().kind(), ErrorKind::Config);
    let broken = PostgresqlStore::builder("postgresql://localhost").client_certificate("no", "PEM");
    assert_eq!(broken.build().unwrap_err().kind(), ErrorKind::Config);
    for store in stores {
        assert!(store.load(&Key::new("session:a")).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_redis_cluster_by_url() {
    let [ours, foreign] = [0, 1].map(|_| Certificates::make());
    let (Some(ours), Some(foreign)) = (ours, foreign) else {
        return support::absent("openssl");
    };
    let Some((_redis, port)) = redis(Offers::Tls, &ours) else {
        return support::absent("redis-server");
    };
    let with = |of: &Certificates| {
        let url = REDIS.url("localhost", port, &[&REDIS.authority(of)]);
        url.replace("rediss://", "rediss+cluster://")
    };
    refusal(used(&with(&foreign)).await, port, "not trusted here");
    // It is no cluster; that it says so itself shows that the connection was made.
    refusal(used(&with(&ours)).await, port, "cluster support disabled");
}

/// A URL without TLS to a server that has nothing else.
#[tokio::test]
async fn a_server_with_tls_alone_says_so_to_those_without() {
    let Some(ours) = Certificates::make() else {
        return support::absent("openssl");
    };
    let Some((_postgresql, port)) = postgresql(Offers::Tls, &ours) else {
        return support::absent("postgresql");
    };
    let url = POSTGRESQL.url("localhost", port, &["sslmode=disable"]);
    refusal(used(&url).await, port, "sslmode=require");
    let Some(mariadb) = Mariadb::start() else {
        return support::absent("mariadb-server");
    };
    mariadb.as_root("SET GLOBAL require_secure_transport = ON");
    refusal(used(&mariadb.url()).await, mariadb.port, "ssl_mode=");
    let Some((_redis, port)) = redis(Offers::Tls, &ours) else {
        return support::absent("redis-server");
    };
    let error = used(&format!("redis://localhost:{port}"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("rediss://"), "{error}");
}
