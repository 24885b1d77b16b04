//! A PostgreSQL server of a test's own, which it may stop, freeze and break.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The password of the user `dewar`.
pub(crate) const PASSWORD: &str = "s3cret";

/// A server on a port and in a folder of its own; stopped when dropped.
pub(crate) struct Postgresql {
    pub(crate) port: u16,
    folder: TempDir,
}

impl Postgresql {
    /// A server whose own time zone is far from UTC; `None` where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Postgresql> {
        static TEMPLATE: OnceLock<Option<TempDir>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(template).as_ref()?;
        let server = Postgresql {
            port: super::free_port(),
            folder: folder(),
        };
        let data = template.path().join("data");
        assert!(run("cp", &["-a", text(&data), text(server.folder.path())]));
        server.restart();
        Some(server)
    }

    /// Its URL, with the password.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgresql://dewar:{PASSWORD}@127.0.0.1:{}/postgres",
            self.port
        )
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
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c timezone=Asia/Kathmandu",
            self.port
        );
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
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < end, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops the processor time of all its processes: it accepts connections, and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`Postgresql::freeze`].
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let main = file.lines().next().unwrap().to_owned();
        let children = Command::new("pgrep").args(["-P", &main]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let mut arguments = vec![signal, &main];
        arguments.extend(children.split_whitespace());
        assert!(
            Command::new("kill")
                .args(arguments)
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Postgresql {
    fn drop(&mut self) {
        self.thaw();
        self.kill();
    }
}

fn template() -> Option<TempDir> {
    let folder = folder();
    let password = folder.path().join("password");
    std::fs::write(&password, PASSWORD).unwrap();
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

/// A folder that the server's user may write.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if is_root() {
        let _ = Command::new("chown")
            .args(["postgres", text(folder.path())])
            .status();
    }
    folder
}

/// Runs a program of PostgreSQL, which refuses to be root.
fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = match is_root() {
        true => {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program]);
            command
        }
        false => Command::new(program),
    };
    command
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
