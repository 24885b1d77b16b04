//! Servers of a test's own, which it may stop, freeze and break.

#![allow(dead_code, clippy::print_stderr, clippy::unwrap_used)]

#[cfg(any(feature = "mysql", feature = "postgresql"))]
pub(crate) mod databases;
#[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
pub(crate) mod disk;
pub(crate) mod faults;
pub(crate) mod ports;
pub(crate) mod proxy;

use std::fs::Permissions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use dewar::UnixTime;
use dewar::store::{Created, Key, Store};
pub(crate) use ports::free_port;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// What a server does, to start or to stop, it does sooner, on the busiest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What can be stopped in its place and go on.
pub(crate) trait Freeze {
    /// The ids of the processes that it consists of.
    fn processes(&self) -> Vec<String>;

    /// Stops their processor time: a server accepts connections, and answers nothing.
    fn freeze(&self) {
        send("-STOP", &self.processes());
    }

    /// Lets them go on after [`Freeze::freeze`].
    fn thaw(&self) {
        send("-CONT", &self.processes());
    }
}

/// A server process on a port and in a folder of its own; killed when dropped.
pub(crate) struct Server {
    program: String,
    arguments: Vec<String>,
    child: Option<Child>,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
}

impl Server {
    /// A Redis server, with further arguments of `redis-server`; `None` where it is not installed.
    pub(crate) fn redis(arguments: &[&str]) -> Option<Server> {
        let (port, folder) = (free_port(), folder());
        let socket = folder.path().join("redis.sock");
        let mut all = strings(&["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]);
        all.extend(strings(&["--port", &port.to_string()]));
        all.extend(strings(&["--dir", folder.path().to_str().unwrap()]));
        all.extend(strings(&["--unixsocket", socket.to_str().unwrap()]));
        all.extend(strings(arguments));
        if arguments.contains(&"--cluster-enabled") {
            // The port that Redis takes by itself, ten thousand above, is one of those for clients.
            all.extend(strings(&["--cluster-port", &free_port().to_string()]));
        }
        Server::start("redis-server", all, port, folder)
    }

    /// A Redis Sentinel that watches the master on a port, as the service `main`.
    pub(crate) fn sentinel(master: u16) -> Option<Server> {
        let (port, folder) = (free_port(), folder());
        let configuration = format!(
            "sentinel monitor main 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n"
        );
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut all = strings(&[file.to_str().unwrap(), "--sentinel"]);
        all.extend(strings(&[
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
        ]));
        Server::start("redis-server", all, port, folder)
    }

    /// A memcached, with further arguments; `None` where it is not installed.
    pub(crate) fn memcached(arguments: &[&str]) -> Option<Server> {
        let port = free_port();
        let mut all = strings(&["-u", "nobody", "-U", "0", "-l", "127.0.0.1"]);
        all.extend(strings(&["-p", &port.to_string()]));
        all.extend(strings(arguments));
        Server::start("memcached", all, port, folder())
    }

    /// A memcached on a Unix socket; `None` where it is not installed.
    pub(crate) fn memcached_on_socket(socket: &Path) -> Option<Server> {
        let arguments = strings(&["-u", "nobody", "-s", socket.to_str().unwrap()]);
        let mut child = Command::new("memcached").args(&arguments).spawn().ok()?;
        let end = Instant::now() + PATIENCE;
        // It is there before anybody listens.
        while UnixStream::connect(socket).is_err() {
            assert!(
                Instant::now() < end && child.try_wait().unwrap().is_none(),
                "memcached does not start"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Server {
            program: "memcached".to_owned(),
            arguments,
            child: Some(child),
            port: 0,
            folder: folder(),
        })
    }

    /// A memcached with SASL and this one user; `None` where it, or `saslpasswd2`, is not installed.
    pub(crate) fn memcached_sasl(user: &str, password: &str) -> Option<Server> {
        let (port, folder) = (free_port(), folder());
        let (configuration, users) = (
            folder.path().join("memcached.conf"),
            folder.path().join("users"),
        );
        let lines = format!(
            "mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\n",
            users.display()
        );
        std::fs::write(configuration, lines).unwrap();
        let mut add = Command::new("saslpasswd2");
        add.args(["-p", "-c", "-a", "memcached", "-f"])
            .arg(&users)
            .arg(user);
        let mut add = add.stdin(Stdio::piped()).spawn().ok()?;
        add.stdin
            .take()
            .unwrap()
            .write_all(password.as_bytes())
            .unwrap();
        assert!(add.wait().unwrap().success());
        // The user that memcached runs as must read it.
        let readable =
            |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode));
        readable(folder.path(), 0o755)
            .and(readable(&users, 0o644))
            .unwrap();
        let mut all = strings(&["-u", "nobody", "-U", "0", "-l", "127.0.0.1", "-S"]);
        all.extend(strings(&["-p", &port.to_string()]));
        Server::start("memcached", all, port, folder)
    }

    /// The stand-in for MongoDB, with further arguments; `None` where no Python with `bson` is named.
    pub(crate) fn mongodb(arguments: &[&str]) -> Option<Server> {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/emulators/mongodb.py"
        );
        let (python, port) = (std::env::var("DEWAR_TEST_PYTHON").ok()?, free_port());
        let number = port.to_string();
        let all = [&[script, &number], arguments].concat();
        Server::start(&python, strings(&all), port, folder())
    }

    /// The stand-in for DynamoDB, with further arguments; `None` where no Python with `moto` is named.
    pub(crate) fn dynamodb(arguments: &[&str]) -> Option<Server> {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/emulators/dynamodb.py"
        );
        let (python, port) = (std::env::var("DEWAR_TEST_PYTHON").ok()?, free_port());
        let number = port.to_string();
        let all = [&[script, &number], arguments].concat();
        Server::start(&python, strings(&all), port, folder())
    }

    fn start(program: &str, arguments: Vec<String>, port: u16, folder: TempDir) -> Option<Server> {
        let mut server = Server {
            program: program.to_owned(),
            arguments,
            child: None,
            port,
            folder,
        };
        server.spawn().then_some(server)
    }

    fn spawn(&mut self) -> bool {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.env("SASL_CONF_PATH", self.folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            return false;
        };
        let child = self.child.insert(child);
        let end = Instant::now() + PATIENCE;
        let socket = self.folder.path().join("redis.sock");
        let on_socket = self.arguments.iter().any(|text| text == "--unixsocket");
        // The socket comes after the port, and one of before a restart may lie there.
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err()
            || on_socket && UnixStream::connect(&socket).is_err()
        {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {ended:?}", self.program);
            assert!(Instant::now() < end, "{} does not start", self.program);
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Kills it, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again after [`Server::kill`].
    pub(crate) fn restart(&mut self) {
        assert!(self.spawn());
    }

    /// The path of its Unix socket, for a Redis server.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// What `redis-cli` prints for a command.
    pub(crate) fn redis_cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli")
            .args(["--no-auth-warning", "-p", &port])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

impl Freeze for Server {
    fn processes(&self) -> Vec<String> {
        vec![self.child.as_ref().unwrap().id().to_string()]
    }
}

impl Freeze for Child {
    fn processes(&self) -> Vec<String> {
        vec![self.id().to_string()]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a server that is no server says to whoever connects; the port.
pub(crate) fn impostor(greeting: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(greeting);
            kept.push(stream);
        }
    });
    port
}

/// Reads a record on a runtime while another one, on which the store has connected, is busy.
pub(crate) fn store_on_a_busy_runtime(store: &dyn Store, key: &Key) {
    let (connected, busy) = mpsc::channel();
    let (done, wait) = mpsc::channel();
    let hour = UnixTime::now() + Duration::from_secs(3600);
    std::thread::scope(|scope| {
        // As a worker of actix-web whose handler computes for a while: nothing else runs on it meanwhile.
        scope.spawn(move || {
            runtime().block_on(async {
                let created = store.create(key, "1".into(), hour).await.unwrap();
                assert!(matches!(created, Created::Done(_)));
                connected.send(()).unwrap();
                wait.recv().unwrap();
            });
        });
        busy.recv().unwrap();
        let record = runtime().block_on(store.load(key));
        done.send(()).unwrap();
        assert_eq!(&record.unwrap().unwrap().blob[..], b"1");
    });
}

/// Uses a store that has two connections on two runtimes in turn: `open` counts no more than after the first time.
pub(crate) fn connections_make_room(store: &dyn Store, key: &Key, open: impl Fn() -> u32) {
    let runtimes = [runtime(), runtime()];
    let both = |runtime: &Runtime| {
        let (one, other) =
            runtime.block_on(async { tokio::join!(store.load(key), store.load(key)) });
        one.and(other).unwrap();
    };
    both(&runtimes[0]);
    let of_one = open();
    for used in [1, 0] {
        both(&runtimes[used]);
        // What is closed is so a moment later, by the runtime that it was on.
        let end = Instant::now() + PATIENCE;
        while open() > of_one {
            assert!(Instant::now() < end, "more than two are open");
            for runtime in &runtimes {
                runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
            }
        }
    }
}

/// A runtime of one thread, as a worker of actix-web has.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// An authority, and certificates from it for a server called `localhost` and for a client.
///
/// The files are `ca.pem`, and `server` and `client` with `.pem` and `.key`; everybody may read the certificates.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    /// Of an authority of their own; `None` where `openssl` is not installed.
    pub(crate) fn make() -> Option<Certificates> {
        let certificates = Certificates(folder());
        let everybody = Permissions::from_mode(0o755);
        std::fs::set_permissions(certificates.0.path(), everybody).unwrap();
        let authority = "-subj /CN=authority -keyout ca.key -out ca.pem";
        let made = certificates.openssl(authority)
            && ["server", "client"].iter().all(|name| {
                certificates.openssl(&format!(
                    "-CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost \
                     -addext basicConstraints=critical,CA:false -subj /CN={name} -keyout {name}.key -out {name}.pem"
                ))
            });
        made.then_some(certificates)
    }

    fn openssl(&self, arguments: &str) -> bool {
        let new = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2";
        let mut command = Command::new("openssl");
        command.args(new.split(' ')).args(arguments.split(' '));
        let output = command.current_dir(self.0.path()).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// What a file holds.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

/// What to say, and do, where a server is not installed: nothing locally, a failure in CI.
pub(crate) fn absent(package: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "in CI every server must be there: install {package}"
    );
    eprintln!("ignored: {package} is not installed");
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|text| (*text).to_owned()).collect()
}

/// Sends a signal to processes; when it is `-STOP`, waits until all their threads stand still.
fn send(signal: &str, processes: &[String]) {
    let status = Command::new("kill").arg(signal).args(processes).status();
    // A process may have ended since they were listed, as a server's does with its connection.
    let ended = |process: &String| !Path::new("/proc").join(process).exists();
    assert!(status.unwrap().success() || processes.iter().any(ended));
    let begin = Instant::now();
    while signal == "-STOP" && !processes.iter().all(|process| stands_still(process)) {
        assert!(begin.elapsed() < PATIENCE, "it does not stop");
        std::thread::yield_now();
    }
}

/// Whether each thread is stopped, or the process has ended.
fn stands_still(process: &str) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name, which is in parentheses.
        stat.rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with(['T', 't', 'Z', 'X']))
    })
}
