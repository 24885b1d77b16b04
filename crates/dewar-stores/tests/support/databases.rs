//! Database servers of a test's own, which it may stop, freeze and break.

use std::fs::Permissions;
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::faults::SECRET;
use super::{Freeze, PATIENCE};

/// A PostgreSQL server on a port and in a folder of its own; stopped when dropped.
pub(crate) struct Postgresql {
    pub(crate) port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl Postgresql {
    /// A server whose own time zone is far from UTC; `None` where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Postgresql> {
        Postgresql::start_with(&[])
    }

    /// The same with further settings, such as `ssl=on`.
    pub(crate) fn start_with(settings: &[String]) -> Option<Postgresql> {
        static TEMPLATE: OnceLock<Option<TempDir>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(template).as_ref()?;
        let server = Postgresql {
            port: super::free_port(),
            folder: folder(),
            settings: settings.to_vec(),
        };
        let data = template.path().join("data");
        assert!(run("cp", &["-a", text(&data), text(server.folder.path())]));
        server.restart();
        Some(server)
    }

    /// A hot standby, which follows it as a server of its own.
    pub(crate) fn standby(&self) -> Postgresql {
        let standby = Postgresql {
            port: super::free_port(),
            folder: folder(),
            settings: self.settings.clone(),
        };
        let (url, data) = (self.url(), standby.folder.path().join("data"));
        let arguments = ["-d", &url, "-D", text(&data), "-R", "-c", "fast", "-N"];
        assert!(run("pg_basebackup", &arguments), "it cannot be copied");
        standby.restart();
        standby
    }

    /// Makes a standby a primary; when this returns, it may be written to.
    pub(crate) fn promote(&self) {
        let data = self.folder.path().join("data");
        assert!(run("pg_ctl", &["-D", text(&data), "-w", "promote"]));
    }

    /// Its URL, with the password.
    pub(crate) fn url(&self) -> String {
        Postgresql::url_at(self.port)
    }

    /// The URL of a server on a port.
    pub(crate) fn url_at(port: u16) -> String {
        format!("postgresql://dewar:{SECRET}@127.0.0.1:{port}/postgres")
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn kill(&self) {
        let data = self.folder.path().join("data");
        run(
            "pg_ctl",
            &["-D", text(&data), "-m", "immediate", "-w", "stop"],
        );
    }

    /// Starts it again after [`Postgresql::kill`].
    pub(crate) fn restart(&self) {
        let data = self.folder.path().join("data");
        let usual = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "timezone=Asia/Kathmandu",
        ];
        let settings = usual
            .into_iter()
            .chain(self.settings.iter().map(String::as_str));
        let settings = settings.map(|setting| format!(" -c {setting}"));
        let options = format!("-p {}{}", self.port, settings.collect::<String>());
        let log = self.folder.path().join("log");
        let arguments = [
            "-D",
            text(&data),
            "-l",
            text(&log),
            "-o",
            &options,
            "-w",
            "start",
        ];
        assert!(run("pg_ctl", &arguments), "PostgreSQL does not start");
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < end, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Freeze for Postgresql {
    fn processes(&self) -> Vec<String> {
        let main = process(&self.folder.path().join("data/postmaster.pid"));
        let children = Command::new("pgrep").args(["-P", &main]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let mut processes: Vec<_> = children.split_whitespace().map(str::to_owned).collect();
        processes.insert(0, main);
        processes
    }
}

impl Drop for Postgresql {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.thaw();
            self.kill();
        }
    }
}

fn template() -> Option<TempDir> {
    let folder = folder();
    let password = folder.path().join("password");
    std::fs::write(&password, SECRET).unwrap();
    assert!(
        Command::new("chmod")
            .args(["644", text(&password)])
            .status()
            .unwrap()
            .success()
    );
    let data = folder.path().join("data");
    let arguments = ["-D", text(&data), "-U", "dewar", "-A", "scram-sha-256"];
    let password = format!("--pwfile={}", text(&password));
    let more = [&password, "-E", "UTF8", "--locale=C.UTF-8", "-N"];
    run("initdb", &[&arguments[..], &more].concat()).then_some(folder)
}

/// A MariaDB server on a port and in a folder of its own; stopped when dropped.
pub(crate) struct Mariadb {
    pub(crate) port: u16,
    folder: TempDir,
    arguments: Vec<String>,
}

impl Mariadb {
    /// A server whose own time zone is far from UTC; `None` where MariaDB is not installed.
    pub(crate) fn start() -> Option<Mariadb> {
        Mariadb::start_with(&[])
    }

    /// The same with further arguments of `mariadbd`.
    pub(crate) fn start_with(arguments: &[String]) -> Option<Mariadb> {
        static TEMPLATE: OnceLock<Option<TempDir>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(mariadb_template).as_ref()?;
        let server = Mariadb {
            port: super::free_port(),
            folder: folder_of("mysql"),
            arguments: arguments.to_vec(),
        };
        for name in ["data", "init.sql"] {
            let from = template.path().join(name);
            assert!(run_as(
                "mysql",
                "cp",
                &["-a", text(&from), text(server.folder.path())]
            ));
        }
        server.restart();
        Some(server)
    }

    /// Its URL, with the password.
    pub(crate) fn url(&self) -> String {
        Mariadb::url_at(self.port)
    }

    /// The URL of a server on a port.
    pub(crate) fn url_at(port: u16) -> String {
        format!("mysql://dewar:{SECRET}@127.0.0.1:{port}/app")
    }

    /// Runs statements that the user `dewar` may not.
    pub(crate) fn as_root(&self, statements: &str) {
        let socket = format!("--socket={}", text(&self.folder.path().join("socket")));
        let arguments = ["--no-defaults", &socket, "-uroot", "-e", statements];
        assert!(run_as("mysql", "mariadb", &arguments), "{statements}");
    }

    /// Kills it, as a crash does.
    pub(crate) fn kill(&self) {
        let file = self.folder.path().join("pid");
        if file.exists() {
            super::send("-KILL", &self.processes());
            let end = Instant::now() + PATIENCE;
            while Path::new("/proc").join(process(&file)).exists() {
                assert!(Instant::now() < end, "MariaDB does not die");
                std::thread::sleep(Duration::from_millis(10));
            }
            std::fs::remove_file(file).unwrap();
        }
    }

    /// Starts it again after [`Mariadb::kill`].
    pub(crate) fn restart(&self) {
        let path = |name: &str| text(&self.folder.path().join(name)).to_owned();
        let arguments = [
            "--no-defaults".to_owned(),
            format!("--datadir={}", path("data")),
            // A server that starts removes the temporary tables that it finds: in /tmp, those of the others.
            format!("--tmpdir={}", text(self.folder.path())),
            format!("--socket={}", path("socket")),
            format!("--pid-file={}", path("pid")),
            format!("--init-file={}", path("init.sql")),
            format!("--log-error={}", path("log.err")),
            format!("--port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--default-time-zone=+05:45".to_owned(),
            "--skip-name-resolve".to_owned(),
            // Not strict: the store must look after itself.
            "--sql-mode=".to_owned(),
            "--innodb-flush-log-at-trx-commit=2".to_owned(),
        ];
        let mut command = as_user("mysql", "mariadbd");
        command
            .args(arguments)
            .args(&self.arguments)
            .current_dir("/")
            .stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Nobody else collects it when it has ended.
        std::thread::spawn(move || child.wait());
        let end = Instant::now() + PATIENCE;
        let written = |path: &Path| std::fs::read(path).is_ok_and(|text| text.ends_with(b"\n"));
        let pid = self.folder.path().join("pid");
        while !greets(self.port) || !written(&pid) {
            assert!(Instant::now() < end, "MariaDB does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Freeze for Mariadb {
    fn processes(&self) -> Vec<String> {
        vec![process(&self.folder.path().join("pid"))]
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read(self.folder.path().join("log.err")).unwrap_or_default();
            eprintln!("MariaDB's log:\n{}", String::from_utf8_lossy(&log));
        }
        self.kill();
    }
}

fn mariadb_template() -> Option<TempDir> {
    let folder = folder_of("mysql");
    let data = format!("--datadir={}", text(&folder.path().join("data")));
    let root = "--auth-root-authentication-method=normal";
    let users = ["'127.0.0.1'", "localhost"].map(|host| {
        format!(
            "CREATE OR REPLACE USER dewar@{host} IDENTIFIED BY '{SECRET}';\nGRANT ALL ON app.* TO dewar@{host};\n"
        )
    });
    let init = format!("CREATE DATABASE IF NOT EXISTS app;\n{}", users.concat());
    let path = folder.path().join("init.sql");
    std::fs::write(&path, init).unwrap();
    assert!(
        Command::new("chmod")
            .args(["644", text(&path)])
            .status()
            .unwrap()
            .success()
    );
    let arguments = ["--no-defaults", "--skip-test-db", root, &data];
    run_as("mysql", "mariadb-install-db", &arguments).then_some(folder)
}

/// A copy of a file beside it that a server's user may read, and nobody else.
pub(crate) fn copy_for(user: &str, file: &str) -> String {
    let copy = format!("{file}.{user}");
    std::fs::copy(file, &copy).unwrap();
    std::fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    give(user, copy.as_ref());
    copy
}

/// Makes a server's user the owner, where we may.
pub(crate) fn give(user: &str, path: &Path) {
    if is_root() {
        let _ = Command::new("chown").args([user, text(path)]).status();
    }
}

/// Whether a server speaks to whoever connects: it listens before it is ready.
fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read(&mut [0]).is_ok_and(|read| read > 0)
}

/// The process id that begins a file.
fn process(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().next().unwrap().trim().to_owned()
}

/// A folder that PostgreSQL may write.
fn folder() -> TempDir {
    folder_of("postgres")
}

/// A folder that a server's user may write.
fn folder_of(user: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    give(user, folder.path());
    folder
}

/// Runs a program of PostgreSQL.
fn run(program: &str, arguments: &[&str]) -> bool {
    run_as("postgres", program, arguments)
}

fn run_as(user: &str, program: &str, arguments: &[&str]) -> bool {
    let mut command = as_user(user, program);
    command
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A program as an unprivileged user: these servers refuse to be root.
fn as_user(user: &str, program: &str) -> Command {
    let program = &installed(program);
    match is_root() {
        true => {
            // Not `runuser`, which would stay between us and the server and stop with it.
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid",
                user,
                "--regid",
                user,
                "--init-groups",
                "--",
                program,
            ]);
            command
        }
        false => Command::new(program),
    }
}

/// Where a program is: Debian keeps PostgreSQL's out of the path.
fn installed(program: &str) -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut places: Vec<_> = versions
        .map(|version| version.unwrap().path().join("bin").join(program))
        .filter(|place| place.exists())
        .collect();
    places.sort();
    match places.last() {
        Some(place) => text(place).to_owned(),
        None => program.to_owned(),
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
