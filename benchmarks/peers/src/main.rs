//! Dewar beside its peers: the same requests, in turn, in one process; what a session adds to a request's CPU time.
//!
//! ```sh
//! cargo run --release -- redis://127.0.0.1:6379/0     # also --quick; without a URL, no Redis
//! cargo run --release -- --only Dewar,memory redis://127.0.0.1:6379/0   # a name, a place, or both: for a profiler
//! ```
//!
//! It writes `docs/peers.md` and `docs/images/peers.svg`; with `--quick` or `--only` it prints the figures and writes nothing.

mod by_hand;
mod contention;
mod contestants;
mod measure;
mod report;

use std::error::Error;

use contestants::Contestant;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut quick, mut redis, mut only) = (false, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--only" => only = arguments.next(),
            url if url.starts_with("redis://") => redis = Some(url.to_owned()),
            other => {
                return Err(format!(
                    "{other}: use --quick, --only NAME,PLACE and the URL of a Redis server"
                )
                .into());
            }
        }
    }
    // One thread does everything, so that the process's CPU time is that of the requests.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let mut contestants = contestants::all(redis.as_deref()).await?;
        if let Some(only) = &only {
            let wanted = |contestant: &Contestant| {
                only.split(',')
                    .all(|one| one == contestant.name || one == contestant.place)
            };
            contestants.retain(|contestant| contestant.place == "none" || wanted(contestant));
        }
        for contestant in &mut contestants {
            contestant.prepare().await?;
        }
        let (rounds, requests) = if quick { (3, 300) } else { (15, 2_000) };
        let figures = measure::run(&contestants, rounds, requests, redis.as_deref()).await?;
        if only.is_some() || quick {
            return report::print(&figures);
        }
        let kept = contention::run(redis.as_deref()).await?;
        report::write(&figures, &kept, rounds, requests)
    })
}
