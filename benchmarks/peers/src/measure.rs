//! CPU time, allocations and commands of requests, contestant after contestant, round after round.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::contestants::{Contestant, ROUTES, Redis};
use crate::round_trips;

/// Counts allocations.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What a contestant's requests to one route took.
pub struct Figure {
    pub place: &'static str,
    pub name: &'static str,
    pub less: &'static str,
    pub route: &'static str,
    /// CPU time over the framework without a session, in µs: quartiles of the rounds.
    pub over: [f64; 3],
    /// The same over that of Dewar in the same place and round.
    pub times: [f64; 3],
    /// The time from request to response, in µs.
    pub p50: f64,
    pub p99: f64,
    /// Over the framework without a session.
    pub allocations: i64,
    /// How often the server was sent something.
    pub round_trips: Option<f64>,
    /// The CPU time of a Redis or Valkey, in µs.
    pub redis: Option<f64>,
}

struct Sample {
    cpu: f64,
    allocations: u64,
    redis: Option<f64>,
}

/// Figures of every contestant and route.
pub async fn run(
    contestants: &[Contestant],
    rounds: usize,
    requests: usize,
    redis: &[Redis],
    round_trips: &[round_trips::Count],
) -> Result<Vec<Figure>, Box<dyn Error>> {
    let places = contestants.len() * ROUTES.len();
    let mut samples: Vec<Vec<Sample>> = (0..places).map(|_| Vec::new()).collect();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); places];
    let mut servers = Vec::new();
    for redis in redis {
        servers.push(Server::connect(redis).await?);
    }
    for round in 0..=rounds {
        for (index, contestant) in contestants.iter().enumerate() {
            for (at, route) in ROUTES.iter().copied().enumerate() {
                let slow = matches!(
                    contestant.place,
                    "Redis" | "Valkey" | "PostgreSQL" | "filesystem" | "SQLite"
                );
                let requests = if slow { requests / 4 } else { requests };
                let mut server = servers
                    .iter_mut()
                    .find(|server| server.place == contestant.place);
                let before = Server::used(&mut server).await?;
                let (allocated, begun) = (ALLOCATIONS.load(Ordering::Relaxed), cpu());
                let mut last = Instant::now();
                let mut here = Vec::with_capacity(requests);
                for _ in 0..requests {
                    contestant.request(route).await?;
                    let now = Instant::now();
                    here.push((now - last).as_secs_f64() * 1e6);
                    last = now;
                }
                let took = cpu() - begun;
                let allocations =
                    (ALLOCATIONS.load(Ordering::Relaxed) - allocated) / requests as u64;
                let after = Server::used(&mut server).await?;
                // The first round warms up.
                if round > 0 {
                    let place = index * ROUTES.len() + at;
                    times[place].extend(here);
                    samples[place].push(Sample {
                        cpu: took.as_secs_f64() * 1e6 / requests as f64,
                        allocations,
                        redis: before
                            .zip(after)
                            .map(|(before, after)| (after - before) / requests as f64),
                    });
                }
            }
        }
    }
    let floor = |name: &str, at: usize| {
        let index = contestants
            .iter()
            .position(|contestant| contestant.name == name)
            .unwrap_or(0);
        &samples[index * ROUTES.len() + at]
    };
    // Of each round: what a request took over one without a session.
    let over = |index: usize, at: usize| -> Vec<f64> {
        let contestant = &contestants[index];
        let (own, floor) = (
            &samples[index * ROUTES.len() + at],
            floor(contestant.floor, at),
        );
        let bare = contestant.place == "none";
        own.iter()
            .zip(floor)
            .map(|(own, floor)| own.cpu - if bare { 0.0 } else { floor.cpu })
            .collect()
    };
    let mut figures = Vec::new();
    for (index, contestant) in contestants.iter().enumerate() {
        let same = |other: &&Contestant| other.place == contestant.place && other.name == "Dewar";
        let dewar = contestants
            .iter()
            .find(same)
            .and_then(|dewar| contestants.iter().position(|one| std::ptr::eq(one, dewar)));
        for (at, route) in ROUTES.iter().copied().enumerate() {
            let place = index * ROUTES.len() + at;
            let (own, floor) = (&samples[place], floor(contestant.floor, at));
            let bare = contestant.place == "none";
            let (over, beside) = (
                over(index, at),
                dewar.map(|dewar| over(dewar, at)).unwrap_or_default(),
            );
            let ratios = over
                .iter()
                .zip(&beside)
                .map(|(own, dewar)| own / dewar)
                .collect();
            times[place].sort_by(f64::total_cmp);
            let (times, last) = (&times[place], &own[own.len() - 1]);
            let allocations = last.allocations as i64
                - if bare {
                    0
                } else {
                    floor[floor.len() - 1].allocations as i64
                };
            figures.push(Figure {
                place: contestant.place,
                name: contestant.name,
                less: contestant.less,
                route,
                over: quartiles(over),
                times: quartiles(ratios),
                p50: times[times.len() / 2],
                p99: times[times.len() * 99 / 100],
                allocations,
                round_trips: round_trips
                    .iter()
                    .find(|count| {
                        (count.0, count.1, count.2) == (contestant.place, contestant.name, route)
                    })
                    .map(|count| count.3),
                redis: own
                    .iter()
                    .map(|sample| sample.redis)
                    .collect::<Option<_>>()
                    .map(|used| quartiles(used)[1]),
            });
        }
    }
    Ok(figures)
}

/// The CPU time of all threads of this process.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// The first, the median and the third.
pub fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| {
        values
            .get(values.len() * quarter / 4)
            .copied()
            .unwrap_or(f64::NAN)
    })
}

/// A Redis or Valkey, to be asked about itself.
struct Server {
    place: &'static str,
    connection: redis::aio::MultiplexedConnection,
}

impl Server {
    async fn connect(redis: &Redis) -> Result<Server, Box<dyn Error>> {
        let client = redis::Client::open(redis.url.as_str())?;
        Ok(Server {
            place: redis.place,
            connection: client.get_multiplexed_async_connection().await?,
        })
    }

    /// The CPU time since its start of a server, in µs, if there is one.
    async fn used(server: &mut Option<&mut Server>) -> Result<Option<f64>, Box<dyn Error>> {
        let Some(server) = server else {
            return Ok(None);
        };
        let text: String = redis::cmd("INFO")
            .arg("cpu")
            .query_async(&mut server.connection)
            .await?;
        let figure = |name: &str| -> f64 {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|figure| figure.trim().parse().ok())
                .unwrap_or(f64::NAN)
        };
        Ok(Some(
            (figure("used_cpu_user") + figure("used_cpu_sys")) * 1e6,
        ))
    }
}
