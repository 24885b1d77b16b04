//! The tables and the picture in `docs`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use crate::contention::Kept;
use crate::contestants::Redis;
use crate::measure::Figure;
use crate::network;

const PLACES: [&str; 7] = [
    "signed cookie",
    "memory",
    "Redis",
    "Valkey",
    "PostgreSQL",
    "SQLite",
    "filesystem",
];

pub fn write(
    figures: &[Figure],
    over_network: &[network::Figure],
    kept: &[Kept],
    redis: &[Redis],
    rounds: usize,
    requests: usize,
) -> Result<(), Box<dyn Error>> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut text = tables(figures, redis, rounds, requests)?;
    text.push_str(&of_network(over_network)?);
    text.push_str(&of_contention(kept)?);
    print!("{text}");
    std::fs::write(docs.join("peers.md"), text)?;
    std::fs::write(docs.join("images/peers.svg"), picture(figures)?)?;
    Ok(())
}

/// The medians, a line each.
pub fn print(figures: &[Figure], over_network: &[network::Figure]) -> Result<(), Box<dyn Error>> {
    for figure in figures {
        let round_trips = figure
            .round_trips
            .map_or(String::new(), |times| format!("  {times:.1} round trips"));
        println!(
            "{:14} {:32} {:10} {:>24} {:4} allocations{round_trips}",
            figure.place,
            figure.name,
            figure.route,
            spread(figure),
            figure.allocations
        );
    }
    for figure in over_network {
        println!(
            "{:14} {:32} {:10} {:>8.0} requests/s {:>6.1} µs of CPU, p50 {:.0} p99 {:.0} µs",
            figure.place,
            figure.name,
            figure.route,
            figure.rate[1],
            figure.cpu[1],
            figure.p50,
            figure.p99
        );
    }
    Ok(())
}

fn of<'a>(figures: &'a [Figure], place: &str, name: &str, route: &str) -> Option<&'a Figure> {
    figures
        .iter()
        .find(|figure| figure.place == place && figure.name == name && figure.route == route)
}

fn names(figures: &[Figure], place: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for figure in figures.iter().filter(|figure| figure.place == place) {
        if !names.contains(&figure.name) {
            names.push(figure.name);
        }
    }
    names
}

fn tables(
    figures: &[Figure],
    redis: &[Redis],
    rounds: usize,
    requests: usize,
) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("# Dewar beside its peers\n\n");
    writeln!(
        text,
        "Written by `benchmarks/run requests`. The same requests to each in turn, in one process, without a network: \
         {rounds} rounds of {requests} requests (a quarter of that for stores outside of the process). Sessions hold 150 bytes. The figures are what a session adds to the CPU time of a request \
         without one in the same framework: the median of the rounds, and in brackets its quartiles; times Dewar: the same of what one takes over what Dewar takes in the same round. Everything runs on one thread on the first core, servers of stores on the second; CPU time is that of the whole process.\n"
    )?;
    writeln!(text, "{}\n", machine())?;
    writeln!(text, "Versions: {}.\n", versions(redis))?;
    writeln!(
        text,
        "![What a session adds to a request](images/peers.svg)\n"
    )?;
    for place in PLACES {
        let names = names(figures, place);
        if names.is_empty() {
            continue;
        }
        writeln!(text, "## {}\n", capital(place))?;
        let columns = match place {
            "Redis" | "Valkey" => [
                " round trips: untouched, read, written | CPU of the server: read, written |",
                " --- | --- |",
            ],
            "PostgreSQL" => [" round trips: untouched, read, written |", " --- |"],
            _ => ["", ""],
        };
        writeln!(
            text,
            "| | untouched | read | written | times Dewar: read, written | p50, p99 of a write | allocations: untouched, read, written |{}\n| --- | --- | --- | --- | --- | --- | --- |{}",
            columns[0], columns[1]
        )?;
        for name in &names {
            let route = |route: &str| of(figures, place, name, route).ok_or("a figure is missing");
            let (untouched, read, write) =
                (route("/untouched")?, route("/read")?, route("/write")?);
            write!(
                text,
                "| {name} | {} | {} | {} | {}, {} | {:.0}, {:.0} µs | {}, {}, {} |",
                spread(untouched),
                spread(read),
                spread(write),
                times(read),
                times(write),
                write.p50,
                write.p99,
                untouched.allocations,
                read.allocations,
                write.allocations,
            )?;
            if let (Some(none), Some(one), Some(two)) =
                (untouched.round_trips, read.round_trips, write.round_trips)
            {
                write!(text, " {none:.1}, {one:.1}, {two:.1} |")?;
            }
            if let (Some(read), Some(write)) = (read.redis, write.redis) {
                write!(text, " {read:.0}, {write:.0} µs |")?;
            }
            text.push('\n');
        }
        let less = names
            .iter()
            .filter_map(|name| of(figures, place, name, "/read"))
            .filter(|figure| !figure.less.is_empty());
        let less: Vec<String> = less
            .map(|figure| format!("{}: {}", figure.name, figure.less))
            .collect();
        if !less.is_empty() {
            writeln!(text, "\nWhere less is done: {}.", less.join("; "))?;
        }
        text.push('\n');
    }
    let bare = |name: &str| {
        of(figures, "none", name, "/untouched").map_or(f64::NAN, |figure| figure.over[1])
    };
    writeln!(
        text,
        "A request without a session takes {:.2} µs of CPU in axum, {:.2} µs in axum with a layer that does nothing, and {:.2} µs in actix-web, the test's own part in it.\n",
        bare("axum, no session"),
        bare("axum, a layer that does nothing"),
        bare("actix-web, no session")
    )?;
    Ok(text)
}

fn of_network(figures: &[network::Figure]) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("## Over the network\n\n");
    writeln!(
        text,
        "Each application in a process of its own, with one thread, on the first core; 16 connections from the second one, each with a session of its own. \
         Servers of stores are on the second one too. Requests per second and the application's CPU time, with quartiles of the rounds. \
         The SQL stores of tower-sessions are here alone: their SQLite and Dewar's cannot be linked into one program. Theirs is in WAL mode with `synchronous=NORMAL`, as Dewar's; their writes are not compared.\n"
    )?;
    writeln!(
        text,
        "| | | requests per second | CPU for a request | p50, p99 |\n| --- | --- | --- | --- | --- |"
    )?;
    let mut figures: Vec<&network::Figure> = figures.iter().collect();
    let group = |figure: &&network::Figure| PLACES.iter().position(|place| *place == figure.place);
    figures.sort_by_key(group);
    for figure in figures {
        let ([slow, rate, fast], [low, cpu, high]) = (figure.rate, figure.cpu);
        let place = if figure.place == "none" {
            String::new()
        } else {
            format!(", {}", figure.place)
        };
        writeln!(
            text,
            "| {}{place} | {} | {rate:.0} ({slow:.0} to {fast:.0}) | {cpu:.1} µs ({low:.1} to {high:.1}) | {:.0}, {:.0} µs |",
            figure.name,
            figure.route.trim_start_matches('/'),
            figure.p50,
            figure.p99
        )?;
    }
    text.push('\n');
    Ok(text)
}

fn of_contention(kept: &[Kept]) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("## 64 requests at once on one session\n\n");
    writeln!(
        text,
        "Each sets a key of its own, and lets the others run before it is done. What is there afterwards, how long all of them took, and how often a server was sent something for a request; of nine times the least, the median, the mean:\n"
    )?;
    writeln!(
        text,
        "| | keys of 64 | all done after | round trips |\n| --- | --- | --- | --- |"
    )?;
    for kept in kept {
        let round_trips = kept
            .round_trips
            .map_or(String::new(), |times| format!("{times:.1}"));
        let (name, place, keys) = (kept.name, kept.place, kept.keys);
        let took = kept.took.as_secs_f64() * 1e3;
        writeln!(
            text,
            "| {name}, {place} | {keys} | {took:.1} ms | {round_trips} |"
        )?;
    }
    Ok(text)
}

fn times(figure: &Figure) -> String {
    let [low, median, high] = figure.times;
    if figure.name == "Dewar" {
        "1".to_owned()
    } else {
        format!("{median:.2} ({low:.2} to {high:.2})")
    }
}

fn spread(figure: &Figure) -> String {
    let [low, median, high] = figure.over;
    format!("{median:.2} µs ({low:.2} to {high:.2})")
}

fn capital(place: &str) -> String {
    let mut letters = place.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    format!(
        "Machine: {}, {} cores, load {load} at the end.",
        model.map_or("unknown processor", |(_, name)| name),
        cpu.matches("processor\t").count()
    )
}

/// The versions that Cargo chose, and those of servers.
fn versions(redis: &[Redis]) -> String {
    let locks = [
        include_str!("../Cargo.lock"),
        include_str!("../../peers-sql/Cargo.lock"),
    ];
    let wanted = [
        "actix-session",
        "actix-web",
        "axum",
        "axum_session",
        "fred",
        "redis",
        "rusqlite",
        "tower-sessions",
        "tower-sessions-cookie-store",
        "tower-sessions-redis-store",
        "tower-sessions-sqlx-store",
    ];
    let mut found: Vec<_> = redis
        .iter()
        .map(|server| format!("{} {}", server.place, server.version))
        .collect();
    for package in locks.iter().flat_map(|lock| lock.split("[[package]]")) {
        let field = |name: &str| {
            let line = package
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.map(|value| value.trim_end_matches('"'))
        };
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && wanted.contains(&name)
        {
            found.push(format!("{name} {version}"));
        }
    }
    found.sort_unstable();
    found.dedup();
    found.join(", ")
}

/// Bars of the medians, a group for each place.
fn picture(figures: &[Figure]) -> Result<String, Box<dyn Error>> {
    const LEFT: f64 = 230.0;
    const WIDTH: f64 = 460.0;
    let mut body = String::new();
    let mut y = 20.0;
    for place in PLACES {
        let names = names(figures, place);
        let medians = |route: &str| -> Vec<(&'static str, f64)> {
            let medians = names
                .iter()
                .filter_map(|name| Some((*name, of(figures, place, name, route)?.over[1])));
            medians.collect()
        };
        for (route, what) in [("/read", "read"), ("/write", "written")] {
            let medians = medians(route);
            // One bar compares nothing.
            if medians.len() < 2 {
                continue;
            }
            writeln!(
                body,
                r##"<text x="8" y="{y}" class="h">{}, {what}</text>"##,
                capital(place)
            )?;
            y += 10.0;
            let most = medians.iter().map(|(_, over)| *over).fold(0.1, f64::max);
            for (name, over) in medians {
                let length = (over / most * WIDTH).max(1.0);
                let class = if name.starts_with("Dewar") { "d" } else { "p" };
                writeln!(
                    body,
                    r##"<text x="{}" y="{}" text-anchor="end">{name}</text>"##,
                    LEFT - 8.0,
                    y + 13.0
                )?;
                writeln!(
                    body,
                    r##"<rect x="{LEFT}" y="{y}" width="{length:.1}" height="17" class="{class}"/>"##
                )?;
                writeln!(
                    body,
                    r##"<text x="{:.1}" y="{}">{over:.1} µs</text>"##,
                    LEFT + length + 6.0,
                    y + 13.0
                )?;
                y += 21.0;
            }
            y += 24.0;
        }
    }
    Ok(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 {y}" width="780" height="{y}" role="img" aria-label="CPU time that a session adds to a request">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #24292f }} .h {{ font-weight: 600 }} .back {{ fill: #ffffff }} .d {{ fill: #2f7d57 }} .p {{ fill: #9aa4af }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .back {{ fill: #0d1117 }} .d {{ fill: #4fb583 }} .p {{ fill: #6e7781 }} }}
</style>
<rect class="back" width="780" height="{y}"/>
{body}</svg>
"##
    ))
}
