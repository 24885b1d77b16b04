//! How often a request sends something to its server: counted by a proxy between the two, apart from what is timed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::contestants::{self, ROUTES, Result, Servers};

const REQUESTS: u64 = 50;

/// Where, who, which route, how often.
pub type Count = (&'static str, &'static str, &'static str, f64);

/// The counts of every contestant that has a server.
pub async fn run(servers: &Servers) -> Result<Vec<Count>> {
    let sent = Arc::new(AtomicU64::new(0));
    let postgresql = servers.postgresql.as_deref();
    let mut servers = Servers {
        redis: servers.redis.clone(),
        postgresql: postgresql.map(|url| proxy(url, &sent)).transpose()?,
    };
    for redis in &mut servers.redis {
        redis.url = proxy(&redis.url, &sent)?;
    }
    let mut counts = Vec::new();
    for mut contestant in contestants::all(&servers).await? {
        if !matches!(contestant.place, "Redis" | "Valkey" | "PostgreSQL") {
            continue;
        }
        contestant.prepare().await?;
        for route in ROUTES {
            contestant.request(route).await?;
            let before = sent.load(Ordering::SeqCst);
            for _ in 0..REQUESTS {
                contestant.request(route).await?;
            }
            let count = sent.load(Ordering::SeqCst) - before;
            counts.push((
                contestant.place,
                contestant.name,
                route,
                count as f64 / REQUESTS as f64,
            ));
        }
    }
    Ok(counts)
}

/// The URL of a server through a proxy that counts what is sent to it.
pub fn proxy(url: &str, sent: &Arc<AtomicU64>) -> Result<String> {
    let (scheme, rest) = url.split_once("://").ok_or("not a URL")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority
        .rsplit_once('@')
        .map_or((String::new(), authority), |(user, host)| {
            (format!("{user}@"), host)
        });
    let default = if scheme == "redis" { 6379 } else { 5432 };
    let host = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{default}")
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let sent = sent.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&host) else {
                continue;
            };
            let sent = sent.clone();
            if let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone()) {
                std::thread::spawn(move || pass(from_server, to_client, || ()));
                std::thread::spawn(move || {
                    pass(client, server, || {
                        sent.fetch_add(1, Ordering::SeqCst);
                    })
                });
            }
        }
    });
    Ok(format!("{scheme}://{user}127.0.0.1:{port}/{path}"))
}

fn pass(mut from: TcpStream, mut to: TcpStream, each: impl Fn()) {
    to.set_nodelay(true).ok();
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        each();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}
