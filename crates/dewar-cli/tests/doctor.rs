//! What the doctor says of a store that is not there, that does not answer, that is something else, or that loses sessions.

#![allow(clippy::print_stderr, clippy::unwrap_used)]

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

#[path = "../../dewar-stores/tests/support/ports.rs"]
mod ports;

/// Runs the doctor against a server that treats each connection like this.
fn doctor(serve: fn(TcpStream)) -> String {
    examine(&format!("redis://ada:hunter2@{}", server(serve)))
}

fn examine(url: &str) -> String {
    said_bad(run(url, &["--quick"]))
}

fn said_bad(output: Output) -> String {
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let found = ["bad       store", "bad       open "];
    assert!(found.iter().any(|found| said.contains(found)), "{said}");
    assert!(said.contains("next: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    said
}

/// A Redis server of the test's own; killed when dropped.
struct Redis(Child, u16);

impl Redis {
    /// `None` where it is not installed: nothing locally, a failure in CI.
    fn start(arguments: &[&str]) -> Option<Redis> {
        let port = ports::free_port();
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
        Some(Redis(server, port).listening())
    }

    /// It, or whatever else was started, once it can be connected to.
    fn listening(mut self) -> Redis {
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.1)).is_err() {
            let ended = self.0.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            assert!(Instant::now() < end, "the server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        self
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Where nobody listens.
fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, ports::free_port()).into()
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

/// Does this for every kind of server at once: most of it is waiting.
fn of_every_server(examine: impl Fn(&str, &str) + Sync) {
    std::thread::scope(|scope| {
        for (kind, begin) in SERVERS {
            scope.spawn(|| examine(kind, begin));
        }
    });
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
    of_every_server(|kind, begin| {
        for address in [free_address(), frozen, website] {
            let said = examine(&url_at(kind, begin, address));
            assert!(said.contains(&address.to_string()), "{kind}: {said}");
        }
    });
}

/// A driver's error may say little, and its cause the rest.
#[test]
fn the_last_cause_is_told() {
    let said = examine(&url_at(
        "postgresql",
        "postgresql://ada:hunter2",
        free_address(),
    ));
    assert!(said.contains("Connection refused"), "{said}");
}

#[test]
fn every_store_that_is_well_is_said_to_be() {
    of_every_server(|kind, _| {
        let Some(url) = server_url(&kind.to_ascii_uppercase()) else {
            return;
        };
        let output = run_in_time(&url, &[]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{kind}: {said}");
        assert!(said.contains("sessions work"), "{kind}: {said}");
    });
}

#[test]
fn a_redis_that_takes_no_writes_is_told() {
    // A replica whose master is not there answers reads.
    let master = ports::free_port().to_string();
    let Some(redis) = Redis::start(&["--replicaof", "127.0.0.1", &master]) else {
        return;
    };
    let said = said_bad(doctor_of(&format!("redis://127.0.0.1:{}", redis.1)));
    assert!(said.contains("replica"), "{said}");
    // It is up, and at the right address.
    assert!(!said.contains("is the server up"), "{said}");
}

#[test]
fn a_redis_that_takes_no_more_clients_is_told() {
    let Some(redis) = Redis::start(&["--maxclients", "1"]) else {
        return;
    };
    let end = Instant::now() + Duration::from_secs(60);
    // Whoever looked whether it listens may not be gone yet.
    let _only = loop {
        let mut client = TcpStream::connect(("127.0.0.1", redis.1)).unwrap();
        let mut answer = [0; 5];
        let asked = client.write_all(b"PING\r\n");
        if asked.is_ok() && client.read_exact(&mut answer).is_ok() && answer == *b"+PONG" {
            break client;
        }
        assert!(Instant::now() < end, "the server takes no client");
    };
    let said = said_bad(doctor_of(&format!("redis://127.0.0.1:{}", redis.1)));
    assert!(said.contains("maxclients"), "{said}");
}

#[test]
fn a_postgresql_that_takes_no_writes_is_told() {
    let Ok(url) = std::env::var("DEWAR_TEST_POSTGRESQL_URL") else {
        assert!(std::env::var_os("CI").is_none(), "no PostgreSQL");
        eprintln!("ignored: DEWAR_TEST_POSTGRESQL_URL is not set");
        return;
    };
    let and = if url.contains('?') { '&' } else { '?' };
    let read_only = format!("{url}{and}options=-c%20default_transaction_read_only%3Don");
    let said = said_bad(doctor_of(&read_only));
    assert!(said.contains("read-only"), "{said}");
}

#[test]
fn a_mysql_user_who_may_only_read_is_told() {
    let Some(url) = server_url("MYSQL") else {
        return;
    };
    // Who may do everything makes the table and the user.
    let said = String::from_utf8(doctor_of(&url).stdout).unwrap();
    assert!(said.contains("sessions work"), "{said}");
    // Made by scripts/servers; on a server of your own: GRANT SELECT ON the database TO reader.
    let (_, at) = url.split_once('@').unwrap();
    let said = said_bad(doctor_of(&format!("mysql://reader:reader@{at}")));
    assert!(said.contains("the user may not do this"), "{said}");
    assert!(said.contains("INSERT"), "{said}");
}

#[test]
fn a_postgresql_user_who_may_only_read_is_told() {
    let Some(url) = server_url("POSTGRESQL") else {
        return;
    };
    let said = String::from_utf8(doctor_of(&url).stdout).unwrap();
    assert!(said.contains("sessions work"), "{said}");
    let Some(reader) = limited_postgresql_user(&url) else {
        panic!("psql is not installed");
    };
    let said = said_bad(doctor_of(&reader));
    assert!(said.contains("permission denied"), "{said}");
}

#[test]
fn whether_a_table_of_dynamodb_removes_what_has_expired_is_what_the_table_says() {
    let Some((_emulator, address)) = emulator("dynamodb", &[]) else {
        return;
    };
    let url = format!("dynamodb+http://ada:hunter2@{address}/?region=eu-central-1");
    let said = String::from_utf8(doctor_of(&url).stdout).unwrap();
    let cleanup: Vec<_> = said
        .lines()
        .filter(|line| line.contains("cleanup"))
        .collect();
    assert!(
        matches!(&cleanup[..], [one] if one.contains("the table \"Sessions\" removes")),
        "{said}"
    );
}

#[test]
fn a_mongodb_and_a_dynamodb_that_may_only_be_read_are_told() {
    let cases = [
        ("mongodb", "mongodb://", ""),
        (
            "dynamodb",
            "dynamodb+http://ada:hunter2@",
            "/?region=eu-central-1",
        ),
    ];
    for (name, begin, end) in cases {
        let Some((_emulator, address)) = emulator(name, &["--read-only"]) else {
            return;
        };
        let said = said_bad(doctor_of(&format!("{begin}{address}{end}")));
        assert!(said.contains("may not"), "{name}: {said}");
    }
}

/// A stand-in for a server, and where it is; `None` where no Python for it is named.
fn emulator(name: &str, arguments: &[&str]) -> Option<(Redis, SocketAddr)> {
    let Ok(python) = std::env::var("DEWAR_TEST_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "no DEWAR_TEST_PYTHON");
        eprintln!("ignored: DEWAR_TEST_PYTHON is not set");
        return None;
    };
    let address = free_address();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/emulators/");
    let emulator = Command::new(&python)
        .arg(format!("{script}{name}.py"))
        .arg(address.port().to_string())
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some((Redis(emulator, address.port()).listening(), address))
}

/// A user of the test server, made anew, who may look at all tables and change none.
fn limited_postgresql_user(url: &str) -> Option<String> {
    let statements = "DROP OWNED BY reader; DROP USER reader;";
    let run = |statements: &str| {
        let mut psql = Command::new("psql");
        psql.args(["-v", "ON_ERROR_STOP=1", "-c", statements, url]);
        psql.output().ok()
    };
    // It is not there the first time.
    run(statements)?;
    let made = run(
        "CREATE USER reader PASSWORD 'hunter2'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    )?;
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let (_, at) = url.split_once('@').unwrap();
    Some(format!("postgresql://reader:hunter2@{at}"))
}

#[test]
fn an_sqlite_file_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let url = format!("sqlite:///{}", file.display());
    // Root would not make it.
    std::fs::write(&file, "").unwrap();
    let output = doctor_of(&url);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // The file system's own: permissions do not hold root back.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let said = examine(&url);
    assert!(said.contains("sessions.db"), "{said}");
    let nowhere = examine("sqlite:////proc/no-such-folder/sessions.db");
    assert!(nowhere.contains("/proc/no-such-folder"), "{nowhere}");
}

/// The user of an application that is not this test's: nobody.
const OTHER: u32 = 65_534;

/// Whether this test may give files away; a failure in CI where it may not.
fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        assert!(
            std::env::var_os("CI").is_none(),
            "in CI the tests run as root"
        );
        eprintln!("ignored: only root can give files to another user");
    }
    root
}

/// All that lies in a folder, the folder included.
fn all_in(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_path_buf()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap();
        all.extend(entries.flat_map(|entry| all_in(&entry.unwrap().path())));
    }
    all
}

/// Gives a folder and all that is in it to the other user.
fn give_away(path: &Path) {
    for path in all_in(path) {
        std::os::unix::fs::lchown(path, Some(OTHER), Some(OTHER)).unwrap();
    }
}

/// What the doctor says of a store, and that it is bad.
fn bad(url: &str) -> String {
    let output = doctor_of(url);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[test]
fn a_folder_of_another_user_is_told_and_nothing_is_written_there() {
    if !is_root() {
        return;
    }
    for kind in ["filesystem", "cachelib"] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("{kind}:{}", folder.path().display());
        assert_eq!(doctor_of(&url).status.code(), Some(0));
        give_away(folder.path());
        let before = all_in(folder.path());
        let said = bad(&url);
        assert!(
            said.contains("belongs to user 65534, and this command runs as 0: nothing was tried"),
            "{said}"
        );
        assert!(said.contains("sudo -u '#65534' dewar doctor"), "{said}");
        assert!(!said.contains("a session is created"), "{said}");
        let after = all_in(folder.path());
        assert_eq!(after, before);
        let theirs = |path: &PathBuf| std::fs::metadata(path).unwrap().uid() == OTHER;
        assert!(after.iter().all(theirs));
    }
}

#[test]
fn an_empty_folder_of_another_user_stays_empty() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    give_away(folder.path());
    let said = bad(&format!("filesystem:{}", folder.path().display()));
    assert!(said.contains("belongs to user 65534"), "{said}");
    assert_eq!(all_in(folder.path()).len(), 1);
}

#[test]
fn root_makes_neither_a_folder_nor_a_file_of_sessions() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    for kind in ["filesystem:", "cachelib:", "sqlite:///"] {
        let said = bad(&format!("{kind}{}", path.display()));
        assert!(
            said.contains("it was not made: this command runs as root"),
            "{said}"
        );
        assert!(
            said.contains("next: start the application once, or run this command as"),
            "{said}"
        );
        assert!(!path.exists());
    }
}

#[test]
fn a_lock_a_subfolder_and_a_file_of_another_user_are_told_with_the_chown() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("filesystem:{}", folder.path().display());
    assert_eq!(doctor_of(&url).status.code(), Some(0));
    let own = folder.path().join("dewar.__wz_cache");
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd";
    std::fs::create_dir_all(own.join("62")).unwrap();
    std::fs::write(own.join("62").join(secret), "").unwrap();
    std::fs::write(own.join("locks/22"), "").unwrap();
    for (foreign, told) in [
        (own.join("locks/22"), "locks/22 belongs to user 0"),
        (own.join("62"), "dewar.__wz_cache/62 belongs to user 0"),
        (own.join("62").join(secret), "a file in "),
    ] {
        give_away(folder.path());
        std::os::unix::fs::chown(&foreign, Some(0), Some(0)).unwrap();
        let said = bad(&url);
        assert!(said.contains(told), "{said}");
        let fix = format!("next: chown -R 65534 {}", folder.path().display());
        assert!(said.contains(&fix), "{said}");
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }
    // Where the group may write, several users share the folder on purpose.
    give_away(folder.path());
    let lock = own.join("locks/22");
    std::os::unix::fs::chown(&lock, Some(0), Some(OTHER)).unwrap();
    std::fs::set_permissions(&lock, Permissions::from_mode(0o660)).unwrap();
    assert!(!bad(&url).contains("locks/22"));
}

#[test]
fn what_is_refused_is_told_with_its_owner() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Neither the folder of the build nor that of the test is open to everybody.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("dewar");
    // By another process: what this one has open for writing, a child that another test starts may have open as well, and it
    // could not be run.
    let copied = Command::new("cp")
        .args([env!("CARGO_BIN_EXE_dewar").as_ref(), program.as_path()])
        .status();
    assert!(copied.unwrap().success());
    let sessions = folder.path().join("sessions");
    std::fs::create_dir(&sessions).unwrap();
    let run = || {
        let output = Command::new(&program)
            .args(["doctor", "--quick", "--store"])
            .arg(format!("filesystem:{}", sessions.display()))
            .env_clear()
            .uid(OTHER)
            .gid(OTHER)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    give_away(&sessions);
    assert!(run().contains("good: sessions work"));
    let locks = sessions.join("dewar.__wz_cache/locks");
    for lock in 0..64 {
        // The one that is needed to open the folder stays as it is.
        if lock != 0x23 {
            let lock = locks.join(format!("{lock:02x}"));
            std::fs::write(&lock, "").unwrap();
            std::fs::set_permissions(&lock, Permissions::from_mode(0o600)).unwrap();
            std::os::unix::fs::chown(&lock, Some(0), Some(0)).unwrap();
        }
    }
    let said = run();
    let refused = said.contains("cannot lock a part of the session folder")
        && said.contains("belongs to user 0, and this process runs as user 65534: chown -R 65534");
    assert!(refused || said.contains("good      delete"), "{said}");
    std::os::unix::fs::chown(locks.join("23"), Some(0), Some(0)).unwrap();
    let said = run();
    assert!(
        said.contains("Permission denied (os error 13) (") && said.contains("runs as user 65534"),
        "{said}"
    );
}

#[test]
fn an_sqlite_file_of_another_user_is_told_and_not_touched() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    std::fs::write(&file, "").unwrap();
    give_away(folder.path());
    let url = format!("sqlite:///{}", file.display());
    let said = bad(&url);
    assert!(said.contains("belongs to user 65534"), "{said}");
    assert!(said.contains("sudo -u '#65534' dewar doctor"), "{said}");
    assert_eq!(all_in(folder.path()).len(), 2);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);
    let beside = folder.path().join("sessions.db-wal");
    std::fs::write(&beside, "").unwrap();
    let said = bad(&url);
    let fix = format!("next: chown 65534 {}", beside.display());
    assert!(said.contains(&fix), "{said}");
}

/// A file system of the test's own; unmounted when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where this test may not mount.
    fn mount() -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(folder.path())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Disk(folder));
        }
        assert!(
            std::env::var_os("CI").is_none(),
            "no file system can be mounted"
        );
        eprintln!("ignored: no file system can be mounted");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0.path()).status();
        assert!(unmounted.unwrap().success());
    }
}

#[test]
fn a_full_disk_is_not_asked_for_its_address() {
    let Some(disk) = Disk::mount() else {
        return;
    };
    let sessions = disk.0.path().join("sessions");
    std::fs::create_dir(&sessions).unwrap();
    let url = format!("filesystem:{}", sessions.display());
    assert_eq!(doctor_of(&url).status.code(), Some(0));
    let full = std::fs::write(disk.0.path().join("other"), vec![0; 1 << 20]);
    assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let said = examine(&url);
    assert!(said.contains("No space left on device"), "{said}");
    assert!(said.contains("next: is there room on the disk"), "{said}");
    assert!(!said.contains("is the server up"), "{said}");
}

#[test]
fn a_store_that_is_slow_is_told() {
    of_every_server(|kind, _| {
        let Some(url) = server_url(&kind.to_ascii_uppercase()) else {
            return;
        };
        let (begin, rest) = url.split_once("://").unwrap();
        let at = rest.rfind('@').map_or(0, |at| at + 1);
        let address = rest[at..].split(['/', '?']).next().unwrap();
        let slow = slowed(address.parse().unwrap());
        let slow = format!(
            "{begin}://{}{slow}{}",
            &rest[..at],
            &rest[at + address.len()..]
        );
        let output = doctor_of(&slow);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("doubtful  latency"), "{kind}: {said}");
        assert!(
            said.contains("next: bring the store nearer"),
            "{kind}: {said}"
        );
    });
}

/// The same server with 15 ms on the way to it and on the way back.
fn slowed(server: SocketAddr) -> SocketAddr {
    const WAY: Duration = Duration::from_millis(15);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        std::thread::spawn(move || {
            let mut bytes = [0; 16_384];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                std::thread::sleep(WAY);
                if to.write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Both);
        });
    };
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(server) else {
                continue;
            };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            carry(client.try_clone().unwrap(), server.try_clone().unwrap());
            carry(server, client);
        }
    });
    address
}

/// A server that `scripts/servers` started; `None` where it is not there: nothing locally, a failure in CI.
fn server_url(name: &str) -> Option<String> {
    let variable = format!("DEWAR_TEST_{name}_URL");
    let url = std::env::var(&variable).ok();
    if url.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{variable} is not set");
        eprintln!("ignored: {variable} is not set");
    }
    url
}

/// What the doctor says of a store that answers.
fn doctor_of(url: &str) -> Output {
    run_in_time(url, &["--quick"])
}

/// Runs the doctor, again if the server did not answer in time: a busy machine may hold it up, or the doctor.
fn run_in_time(url: &str, options: &[&str]) -> Output {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let output = run(url, options);
        let said = String::from_utf8_lossy(&output.stdout);
        let late = said.contains("within 2s") || said.contains("no answer in time");
        if !late || Instant::now() > end {
            return output;
        }
    }
}

fn run(url: &str, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dewar"))
        .args(["doctor", "--store", "env:URL"])
        .args(options)
        .env_clear()
        .env("URL", url)
        .output()
        .unwrap()
}

#[test]
fn nothing_listens_there() {
    let said = examine(&format!("redis://{}", free_address()));
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
