//! Dewar beside its peers: the same requests, in turn, in one process; what a session adds to a request's CPU time.
//!
//! ```sh
//! cargo run --release -- redis://127.0.0.1:6379/0 redis://127.0.0.1:6380/0 postgresql://user:password@127.0.0.1/postgres
//! cargo run --release -- --quick                  # without servers; prints figures, writes nothing
//! cargo run --release -- --only Dewar/memory      # a name, a place, or both: for a profiler
//! ```
//!
//! `--rounds N` makes N rounds instead of 15. It writes `docs/peers.md` and `docs/images/peers.svg`, unless it is told to do a part only.

mod by_hand;
mod contention;
mod contestants;
mod measure;
mod network;
mod report;
mod round_trips;
mod routes;

use std::error::Error;

use contestants::{Contestant, Redis, Servers};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut quick, mut only, mut serve, mut rounds) = (false, None, None, None);
    let (mut servers, mut urls) = (Servers::default(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--rounds" => rounds = arguments.next().map(|rounds| rounds.parse()).transpose()?,
            "--only" => only = arguments.next(),
            "--serve" => serve = arguments.next().map(|port| port.parse()).transpose()?,
            url if url.starts_with("redis://") => {}
            url if url.starts_with("postgresql://") => servers.postgresql = Some(url.to_owned()),
            other => {
                let known = "--quick, --rounds N, --only NAME/PLACE, and the URLs of a Redis, a Valkey and a PostgreSQL server";
                return Err(format!("{other}: use {known}").into());
            }
        }
        if argument.contains("://") {
            urls.push(argument);
        }
    }
    // One thread does everything, so that the process's CPU time is that of the requests.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        for url in urls.iter().filter(|url| url.starts_with("redis://")) {
            servers.redis.push(Redis::at(url.clone()).await?);
        }
        let mut contestants = contestants::all(&servers).await?;
        if let Some(only) = &only {
            let wanted = |contestant: &Contestant| {
                let mut parts = only.split('/');
                parts.all(|part| part == contestant.name || part == contestant.place)
            };
            contestants.retain(|contestant| {
                (contestant.place == "none" && serve.is_none()) || wanted(contestant)
            });
        }
        if let Some(port) = serve {
            return network::serve(contestants.first().ok_or("no such contestant")?, port).await;
        }
        for contestant in &mut contestants {
            contestant.prepare().await?;
        }
        let (usual, requests) = if quick { (3, 300) } else { (15, 2_000) };
        let rounds: usize = rounds.unwrap_or(usual);
        // Requests on the first core, servers on the second: otherwise a server is now on the same one and now on the other,
        // and a round trip takes a third, or three times, of what it took before.
        routes::pin(0);
        let counts = round_trips::run(&servers).await?;
        let redis = &servers.redis;
        let figures = measure::run(&contestants, rounds, requests, redis, &counts).await?;
        let over_network = network::run(
            &contestants,
            (rounds / 3).max(2),
            requests / 10,
            &urls,
            only.is_none(),
        )
        .await?;
        if only.is_some() || quick {
            return report::print(&figures, &over_network);
        }
        routes::pin(0);
        let kept = contention::run(redis.iter().find(|redis| redis.place == "Redis")).await?;
        report::write(&figures, &over_network, &kept, redis, rounds, requests)
    })
}
