//! What the doctor says of a store that is not there, that does not answer, that is something else, or that loses sessions.

#![allow(clippy::print_stderr, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Runs the doctor against a server that treats each connection like this.
fn doctor(serve: fn(TcpStream)) -> String {
    examine(&format!("redis://ada:hunter2@{}", server(serve)))
}

fn examine(url: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dewar"))
        .args(["doctor", "--quick", "--store", "env:URL"])
        .env_clear()
        .env("URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("bad       store"), "{said}");
    assert!(said.contains("next: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    said
}

/// A Redis server of the test's own; killed when dropped.
struct Redis(Child, u16);

impl Redis {
    /// `None` where it is not installed: nothing locally, a failure in CI.
    fn start(arguments: &[&str]) -> Option<Redis> {
        let port = free_address().port();
        let server = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn();
        let Ok(server) = server else {
            assert!(std::env::var_os("CI").is_none(), "install redis-server");
            eprintln!("ignored: redis-server is not installed");
            return None;
        };
        let redis = Redis(server, port);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[test]
fn what_the_server_says_of_itself_is_told_with_what_to_do() {
    let full = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(redis) = Redis::start(&full) else {
        return;
    };
    let output = Command::new(env!("CARGO_BIN_EXE_dewar"))
        .args(["doctor", "--quick", "--store"])
        .arg(format!("redis://127.0.0.1:{}", redis.1))
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("doubtful  eviction"), "{said}");
    assert!(
        said.contains("next: set maxmemory-policy to noeviction"),
        "{said}"
    );
    assert!(said.contains("good      clock"), "{said}");
    assert!(said.contains("doubtful: sessions work"), "{said}");
}

/// The stores on servers, and how their URLs begin.
const SERVERS: &[(&str, &str)] = &[
    ("dynamodb", "dynamodb+http://ada:hunter2"),
    ("memcached", "memcached://ada:hunter2"),
    ("mongodb", "mongodb://ada:hunter2"),
    ("mysql", "mysql://ada:hunter2"),
    ("postgresql", "postgresql://ada:hunter2"),
    ("redis", "redis://ada:hunter2"),
];

/// The URL of a store of this kind at an address.
fn url_at(kind: &str, begin: &str, address: SocketAddr) -> String {
    let end = match kind {
        "dynamodb" => "?region=local",
        "mysql" | "postgresql" => "/shop",
        _ => "",
    };
    format!("{begin}@{address}{end}")
}

/// A server that treats each connection like this.
fn server(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

#[test]
fn every_store_that_is_down_frozen_or_something_else_is_told_with_its_address() {
    let frozen = server(std::mem::forget);
    let website = server(|mut stream| {
        let mut request = [0; 512];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    for (kind, begin) in SERVERS {
        for address in [free_address(), frozen, website] {
            let said = examine(&url_at(kind, begin, address));
            assert!(said.contains(&address.to_string()), "{kind}: {said}");
        }
    }
}

#[test]
fn every_store_that_is_well_is_said_to_be() {
    for (kind, _) in SERVERS {
        let variable = format!("DEWAR_TEST_{}_URL", kind.to_ascii_uppercase());
        let Ok(url) = std::env::var(&variable) else {
            assert!(std::env::var_os("CI").is_none(), "{variable} is not set");
            eprintln!("ignored: {variable} is not set");
            continue;
        };
        let output = Command::new(env!("CARGO_BIN_EXE_dewar"))
            .args(["doctor", "--store", "env:URL"])
            .env_clear()
            .env("URL", url)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{kind}: {said}");
        assert!(said.contains("sessions work"), "{kind}: {said}");
    }
}

#[test]
fn a_redis_that_takes_no_writes_is_told() {
    // A replica whose master is not there answers reads.
    let master = free_address().port().to_string();
    let Some(redis) = Redis::start(&["--replicaof", "127.0.0.1", &master]) else {
        return;
    };
    let said = examine(&format!("redis://127.0.0.1:{}", redis.1));
    assert!(said.contains("replica"), "{said}");
}

#[test]
fn a_postgresql_that_takes_no_writes_is_told() {
    let Ok(url) = std::env::var("DEWAR_TEST_POSTGRESQL_URL") else {
        assert!(std::env::var_os("CI").is_none(), "no PostgreSQL");
        eprintln!("ignored: DEWAR_TEST_POSTGRESQL_URL is not set");
        return;
    };
    let and = if url.contains('?') { '&' } else { '?' };
    let said = examine(&format!(
        "{url}{and}options=-c%20default_transaction_read_only%3Don"
    ));
    assert!(said.contains("read-only"), "{said}");
}

#[test]
fn nothing_listens_there() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let said = examine(&format!("redis://{free}"));
    assert!(said.contains("nothing listens there"), "{said}");
}

#[test]
fn nothing_is_answered() {
    let said = doctor(std::mem::forget);
    // Which of the two waits ends first is the store's own affair.
    let waited = said.contains("no answer in time") || said.contains("no connection within");
    assert!(waited, "{said}");
}

#[test]
fn another_service_answers() {
    let said = doctor(|mut stream| {
        let mut request = [0; 512];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31m<html>\r\n");
    });
    assert!(said.contains("does not speak Redis"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}
