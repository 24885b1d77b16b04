//! The same over the network: the application on one core, its clients on another.

use std::error::Error;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::contestants::{Contestant, ROUTES, Result, cookies};
use crate::measure::quartiles;
use crate::routes::{self, pin};

/// Connections that send one request after the other, each with a session of its own.
const CLIENTS: usize = 16;

/// What a route took.
pub struct Figure {
    pub place: &'static str,
    pub name: &'static str,
    pub route: &'static str,
    /// Requests per second: quartiles of the rounds.
    pub rate: [f64; 3],
    /// From request to response, in µs.
    pub p50: f64,
    pub p99: f64,
    /// The application's CPU time for a request, in µs: quartiles of the rounds.
    pub cpu: [f64; 3],
}

/// Serves a contestant until it is killed, on the first core.
pub async fn serve(contestant: &Contestant, port: u16) -> Result<()> {
    let router = contestant
        .router
        .clone()
        .ok_or("only axum applications are served")?;
    Ok(routes::serve(router, port).await?)
}

struct Served {
    place: &'static str,
    name: &'static str,
    process: Child,
    clients: Vec<Client>,
    samples: Vec<Sample>,
}

struct Sample {
    route: usize,
    rate: f64,
    cpu: f64,
    times: Vec<f64>,
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Figures of every axum application, and where they are `all`, of tower-sessions on its SQL stores.
pub async fn run(
    contestants: &[Contestant],
    rounds: usize,
    requests: usize,
    urls: &[String],
    all: bool,
) -> Result<Vec<Figure>> {
    pin(1);
    let mut served = Vec::new();
    for contestant in contestants
        .iter()
        .filter(|contestant| contestant.router.is_some())
    {
        let mut command = Command::new(std::env::current_exe()?);
        let only = format!("{}/{}", contestant.name, contestant.place);
        command.args(["--only", &only]).args(urls).arg("--serve");
        served.push(start(contestant.place, contestant.name, command).await?);
    }
    let folder = tempfile::tempdir()?;
    // Their SQLite and Dewar's cannot be linked into one program.
    if all && Path::new(SQL).exists() {
        for (place, url) in sql(folder.path(), urls) {
            let mut command = Command::new(SQL);
            command.arg(url);
            served.push(start(place, "tower-sessions", command).await?);
        }
    }
    for round in 0..=rounds {
        for application in &mut served {
            for (at, route) in ROUTES.iter().copied().enumerate() {
                let (began, used) = (Instant::now(), cpu(application.process.id())?);
                let sending = application
                    .clients
                    .iter_mut()
                    .map(|client| client.send_all(route, requests));
                let times = try_join_all(sending).await?.concat();
                let took = began.elapsed();
                let used = cpu(application.process.id())? - used;
                let count = (requests * CLIENTS) as f64;
                // The first round warms up.
                if round > 0 {
                    let cpu = used.as_secs_f64() * 1e6 / count;
                    application.samples.push(Sample {
                        route: at,
                        rate: count / took.as_secs_f64(),
                        cpu,
                        times,
                    });
                }
            }
        }
    }
    let mut figures = Vec::new();
    for application in &served {
        for (at, route) in ROUTES.iter().copied().enumerate() {
            let of_route = || {
                application
                    .samples
                    .iter()
                    .filter(|sample| sample.route == at)
            };
            let mut times: Vec<f64> = of_route()
                .flat_map(|sample| sample.times.iter().copied())
                .collect();
            times.sort_by(f64::total_cmp);
            figures.push(Figure {
                place: application.place,
                name: application.name,
                route,
                rate: quartiles(of_route().map(|sample| sample.rate).collect()),
                p50: times[times.len() / 2],
                p99: times[times.len() * 99 / 100],
                cpu: quartiles(of_route().map(|sample| sample.cpu).collect()),
            });
        }
    }
    Ok(figures)
}

/// `../peers-sql`, if it is built.
const SQL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../peers-sql/target/release/dewar-peers-sql"
);

/// The databases of `../peers-sql`.
fn sql(folder: &Path, urls: &[String]) -> Vec<(&'static str, String)> {
    let file = folder.join("sessions.db");
    let postgresql = urls.iter().find(|url| url.starts_with("postgresql://"));
    let mut all = vec![("SQLite", format!("sqlite://{}?mode=rwc", file.display()))];
    all.extend(postgresql.map(|url| ("PostgreSQL", url.clone())));
    all
}

/// Starts an application by a command whose last argument is to be a port.
async fn start(place: &'static str, name: &'static str, mut command: Command) -> Result<Served> {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let process = command.arg(port.to_string()).stdin(Stdio::null()).spawn()?;
    let mut served = Served {
        place,
        name,
        process,
        clients: Vec::new(),
        samples: Vec::new(),
    };
    for _ in 0..CLIENTS {
        served.clients.push(Client::begin(port).await?);
    }
    Ok(served)
}

/// The CPU time of all threads of a process.
fn cpu(process: u32) -> Result<Duration> {
    let mut sum = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile; those that do have done nothing.
        let text = std::fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        sum += text
            .split(' ')
            .next()
            .and_then(|nanoseconds| nanoseconds.parse().ok())
            .unwrap_or(0);
    }
    Ok(Duration::from_nanos(sum))
}

struct Client {
    connection: TcpStream,
    cookie: String,
}

impl Client {
    /// Connects, and begins a session.
    async fn begin(port: u16) -> Result<Client> {
        let mut tries = 0;
        let connection = loop {
            match TcpStream::connect(("127.0.0.1", port)).await {
                Ok(connection) => break connection,
                Err(error) if tries == 500 => return Err(error.into()),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        connection.set_nodelay(true)?;
        let mut client = Client {
            connection,
            cookie: "a=b".into(),
        };
        let response = client.send("/fill").await?;
        let set = response
            .lines()
            .filter_map(|line| line.strip_prefix("set-cookie: "));
        if let Some(cookie) = cookies(set.map(str::as_bytes)) {
            client.cookie = cookie;
        }
        Ok(client)
    }

    /// The microseconds that each of these requests took.
    async fn send_all(&mut self, path: &str, requests: usize) -> Result<Vec<f64>> {
        let mut times = Vec::with_capacity(requests);
        for _ in 0..requests {
            let began = Instant::now();
            self.send(path).await?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        Ok(times)
    }

    /// The head of the response.
    async fn send(&mut self, path: &str) -> Result<String> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {}\r\n\r\n",
            self.cookie
        );
        self.connection.write_all(request.as_bytes()).await?;
        let mut response = Vec::with_capacity(1_024);
        while !response.ends_with(b"\r\n\r\nhello") {
            if self.connection.read_buf(&mut response).await? == 0 {
                return Err(Box::<dyn Error>::from(format!(
                    "{path}: {}",
                    String::from_utf8_lossy(&response)
                )));
            }
        }
        Ok(String::from_utf8(response)?)
    }
}
