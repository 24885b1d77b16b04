//! Stores by the number of sessions that live in them, and the removal of expired ones while traffic goes on.
//!
//! ```sh
//! populations memory 1000,1000000,10000000
//! populations filesystem 1000,1000000
//! populations sqlite 1000,1000000
//! ```
//!
//! One line of JSON for each population, on the standard output; `benchmarks/run populations` makes a page of them.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dewar::UnixTime;
use dewar::clock::SystemClock;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::memory::MemoryStore;
use dewar::store::{Created, Key, Purged, Replaced, Store};
use dewar_benchmarks::{Times, quartiles};
use dewar_stores::sqlite::SqliteStore;
use pollster::block_on;
use serde_json::{Value, json};

const BLOB: &[u8] = &[b'x'; 300];
const DAY: Duration = Duration::from_secs(86_400);
/// Sessions that do not expire, which the traffic is on while the others are removed.
const LASTING: u64 = 10_000;
/// How many expired sessions one call removes, as `dewar sessions purge` asks for.
const STEP: usize = 1000;
const ROUNDS: usize = 20;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, sizes] = &arguments[..] else {
        return Err("populations memory|filesystem|sqlite SIZE,SIZE…".into());
    };
    let sizes = sizes.split(',').map(|size| size.trim().parse::<u64>());
    for sessions in sizes.collect::<std::result::Result<Vec<_>, _>>()? {
        let figures = match kind.as_str() {
            "memory" => memory(sessions)?,
            "filesystem" => filesystem(sessions)?,
            "sqlite" => sqlite(sessions)?,
            other => return Err(format!("there is no store {other}").into()),
        };
        println!("{figures}");
    }
    Ok(())
}

/// The floor is a hash map behind a lock: no expiry, no versions, keys as they come.
fn memory(sessions: u64) -> Result<Value> {
    let before = resident()?;
    let store = MemoryStore::new((sessions + LASTING) as usize, Arc::new(SystemClock));
    let filled = fill(&store, sessions);
    let over = over_payload(resident()? - before, sessions);
    let before = resident()?;
    let map: Mutex<HashMap<String, Bytes>> = Mutex::default();
    for n in 0..sessions + LASTING {
        let record = Bytes::copy_from_slice(black_box(BLOB));
        map.lock()
            .unwrap()
            .insert(key(n).expose().to_owned(), record);
    }
    let map_over = over_payload(resident()? - before, sessions);
    let bare_read = |key: &Key| {
        black_box(map.lock().unwrap().get(key.expose()).cloned()).unwrap();
    };
    let bare_write = |key: &Key| {
        black_box(map.lock().unwrap().get(key.expose()).cloned()).unwrap();
        let record = Bytes::copy_from_slice(black_box(BLOB));
        map.lock().unwrap().insert(key.expose().to_owned(), record);
    };
    let mut figures = compare(&store, sessions, 5_000, bare_read, bare_write);
    drop(map);
    figures["cleanup"] = cleanup(&store, sessions)?;
    figures["bytes"] = json!({"over": over, "floor": map_over});
    Ok(described("memory", sessions, filled, figures))
}

/// The floor is the same on the very same files: a read, and a write to a new one with a rename over the old.
fn filesystem(sessions: u64) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let store = FilesystemStore::at(folder.path()).open()?;
    let filled = fill(&store, sessions);
    let mut paths = Vec::new();
    files(folder.path(), &mut paths)?;
    let (mut reads, mut writes) = (scattered(paths.len()), scattered(paths.len()));
    let bare_read = |_: &Key| {
        black_box(std::fs::read(&paths[reads()]).unwrap());
    };
    let bare_write = |_: &Key| {
        let path = &paths[writes()];
        let record = std::fs::read(path).unwrap();
        let new = path.with_extension("new");
        std::fs::write(&new, record).unwrap();
        std::fs::rename(&new, path).unwrap();
    };
    let mut figures = compare(&store, sessions, 250, bare_read, bare_write);
    figures["cleanup"] = cleanup(&store, sessions)?;
    Ok(described("filesystem", sessions, filled, figures))
}

/// The floor is prepared statements on a copy of the file, without conditions.
fn sqlite(sessions: u64) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sessions.db");
    let store = SqliteStore::builder(file.to_string_lossy()).open()?;
    let filled = fill(&store, sessions);
    let copy = folder.path().join("copy.db");
    rusqlite::Connection::open(&file)?.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    let bare = rusqlite::Connection::open(copy)?;
    bare.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    bare.pragma_update(None, "synchronous", "NORMAL")?;
    let mut select = bare.prepare("SELECT data, expiry FROM sessions WHERE session_id = ?1")?;
    let mut again = bare.prepare("SELECT data, expiry FROM sessions WHERE session_id = ?1")?;
    let mut update =
        bare.prepare("UPDATE sessions SET data = ?2, expiry = ?3 WHERE session_id = ?1")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?));
    let bare_read = |key: &Key| {
        black_box(select.query_row([key.expose()], row).unwrap());
    };
    let bare_write = |key: &Key| {
        let (_, expiry) = again.query_row([key.expose()], row).unwrap();
        assert_eq!(update.execute((key.expose(), BLOB, expiry)).unwrap(), 1);
    };
    // Every few hundred writes the log is copied into the file, which takes longer than all of them: each round has many.
    let mut figures = compare(&store, sessions, 5000, bare_read, bare_write);
    figures["cleanup"] = cleanup(&store, sessions)?;
    Ok(described("SQLite", sessions, filled, figures))
}

fn described(store: &str, sessions: u64, filled: Duration, mut figures: Value) -> Value {
    figures["store"] = store.into();
    figures["sessions"] = sessions.into();
    figures["filled"] = filled.as_secs_f64().into();
    figures
}

/// The key of a session, always the same one: as random as a real one, and nobody has to keep it.
fn key(number: u64) -> Key {
    let mut state = number;
    let mut id = [0; 32];
    for part in id.chunks_exact_mut(8) {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        part.copy_from_slice(&(bits ^ (bits >> 31) ^ number).to_le_bytes());
    }
    Key::new(format!(
        "session:{}",
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(id)
    ))
}

/// Numbers below a limit, in an order that helps no cache.
fn scattered(below: usize) -> impl FnMut() -> usize {
    let mut random = 1_u64;
    move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((random >> 33) as usize) % below
    }
}

/// `sessions` that expire within a day, each at a time of its own, and those that last.
fn fill(store: &dyn Store, sessions: u64) -> Duration {
    let (began, now) = (Instant::now(), UnixTime::now());
    let mut second = scattered(86_400);
    for number in 0..sessions + LASTING {
        let expires = if number < sessions {
            now + Duration::from_secs(3600 + second() as u64)
        } else {
            now + 30 * DAY
        };
        let created = block_on(store.create(&key(number), Bytes::from_static(BLOB), expires));
        assert!(matches!(created, Ok(Created::Done(_))));
    }
    began.elapsed()
}

fn read(store: &dyn Store, key: &Key) {
    black_box(block_on(store.load(key)).unwrap()).expect("a live session");
}

fn write(store: &dyn Store, key: &Key) {
    let record = block_on(store.load(key)).unwrap().expect("a live session");
    let expires = record.expires.expect("an expiry");
    let replaced = block_on(store.replace(key, Bytes::from_static(BLOB), expires, &record.version));
    assert!(matches!(replaced, Ok(Replaced::Done(_))));
}

/// Reads and writes beside the floor, in turn.
fn compare(
    store: &dyn Store,
    sessions: u64,
    operations: usize,
    mut bare_read: impl FnMut(&Key),
    mut bare_write: impl FnMut(&Key),
) -> Value {
    let mut next = scattered(sessions as usize);
    let mut timed = |work: &mut dyn FnMut(&Key)| {
        let mut times = Times::default();
        for _ in 0..operations {
            let key = key(next() as u64);
            let began = Instant::now();
            work(&key);
            times.add(began.elapsed());
        }
        times
    };
    let mut all: [Times; 4] = Default::default();
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let round_times = [
            timed(&mut |key| read(store, key)),
            timed(&mut bare_read),
            timed(&mut |key| write(store, key)),
            timed(&mut bare_write),
        ];
        // The first round warms up.
        if round > 0 {
            reads.push(round_times[0].mean() / round_times[1].mean());
            writes.push(round_times[2].mean() / round_times[3].mean());
            all.iter_mut()
                .zip(round_times)
                .for_each(|(all, round)| all.extend(round));
        }
    }
    let [read, bare_read, write, bare_write] = all.map(|times| times.figures());
    json!({
        "read": {"store": read, "floor": bare_read, "ratio": quartiles(reads)},
        "write": {"store": write, "floor": bare_write, "ratio": quartiles(writes)},
    })
}

/// Removes all but those that last, on a thread of its own, with reads and every fifth time a write beside it; and
/// the same traffic before, with nothing beside it.
fn cleanup(store: &dyn Store, sessions: u64) -> Result<Value> {
    let traffic = |until: &dyn Fn(u64) -> bool| {
        let mut next = scattered(LASTING as usize);
        let (mut reads, mut writes, mut count) = (Times::default(), Times::default(), 0);
        while !until(count) {
            let key = key(sessions + next() as u64);
            let began = Instant::now();
            if count % 5 == 4 {
                write(store, &key);
                writes.add(began.elapsed());
            } else {
                read(store, &key);
                reads.add(began.elapsed());
            }
            count += 1;
        }
        json!({"read": reads.figures(), "write": writes.figures()})
    };
    let quiet = traffic(&|count| count >= 20_000);
    let done = AtomicBool::new(false);
    let (removed, took, busy) = std::thread::scope(|scope| {
        let remover = scope.spawn(|| {
            let (began, mut removed) = (Instant::now(), 0);
            let later = UnixTime::now() + 2 * DAY;
            loop {
                match block_on(store.delete_expired(later, STEP)) {
                    Ok(Purged::More(some)) => removed += some,
                    Ok(Purged::Finished(some)) => {
                        removed += some;
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            done.store(true, Ordering::Release);
            (removed, began.elapsed())
        });
        let busy = traffic(&|_| done.load(Ordering::Acquire));
        let (removed, took) = remover.join().expect("the thread that removes");
        (removed, took, busy)
    });
    if removed != sessions {
        return Err(format!("{removed} of {sessions} expired sessions were removed").into());
    }
    Ok(json!({"removed": removed, "seconds": took.as_secs_f64(), "quiet": quiet, "busy": busy}))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files(&entry.path(), found)?;
        } else if entry.metadata()?.len() >= BLOB.len() as u64 {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// The memory of this process that lies in RAM, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line
        .and_then(|line| line.trim().split(' ').next())
        .ok_or("no RssAnon")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

fn over_payload(bytes: u64, sessions: u64) -> f64 {
    bytes as f64 / (sessions + LASTING) as f64 - BLOB.len() as f64
}
