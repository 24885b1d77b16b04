//! An application that may not make tables, and `dewar store migrate` that makes them before it starts.
//!
//! `DEWAR_TEST_POSTGRESQL_URL` and so on name the servers; `scripts/servers` starts some. A store whose server is not there
//! is ignored, and fails with `CI=true`.

#![allow(clippy::unwrap_used)]

use std::process::{Command, ExitCode, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dewar::UnixTime;
use dewar::config::Config;
use dewar::store::{Created, Key};
use libtest_mimic::{Arguments, Failed, Trial};

/// A store that needs something made.
#[derive(Clone, Copy)]
struct Kind {
    session_type: &'static str,
    address: &'static str,
    /// The variable that names its server; a file needs none.
    server: Option<&'static str>,
    table: &'static str,
    /// What tells the application that the table is there.
    exists: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        session_type: "sqlite",
        address: "SESSION_SQLITE",
        server: None,
        table: "SESSION_SQLALCHEMY_TABLE",
        exists: "SESSION_TABLE_EXISTS",
    },
    Kind {
        session_type: "postgresql",
        address: "SESSION_POSTGRESQL",
        server: Some("DEWAR_TEST_POSTGRESQL_URL"),
        table: "SESSION_POSTGRESQL_TABLE",
        exists: "SESSION_TABLE_EXISTS",
    },
    Kind {
        session_type: "mysql",
        address: "SESSION_MYSQL",
        server: Some("DEWAR_TEST_MYSQL_URL"),
        table: "SESSION_SQLALCHEMY_TABLE",
        exists: "SESSION_TABLE_EXISTS",
    },
    Kind {
        session_type: "mongodb",
        address: "SESSION_MONGODB",
        server: Some("DEWAR_TEST_MONGODB_URL"),
        table: "SESSION_MONGODB_COLLECT",
        exists: "SESSION_TABLE_EXISTS",
    },
    Kind {
        session_type: "dynamodb",
        address: "SESSION_DYNAMODB",
        server: Some("DEWAR_TEST_DYNAMODB_URL"),
        table: "SESSION_DYNAMODB_TABLE",
        exists: "SESSION_DYNAMODB_TABLE_EXISTS",
    },
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    let trials = KINDS.map(|kind| {
        let absent = kind
            .server
            .filter(|variable| std::env::var_os(variable).is_none());
        let trial = Trial::test(kind.session_type, move || match absent {
            Some(variable) => Err(Failed::from(format!("{variable} is not set"))),
            None => makes_what_is_absent(kind),
        });
        trial.with_ignored_flag(absent.is_some() && !strict)
    });
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn makes_what_is_absent(kind: Kind) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let url = match kind.server {
        Some(variable) => std::env::var(variable)?,
        None => format!("sqlite:///{}/sessions.db", folder.path().display()),
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let table = format!("made_{:x}", since.as_nanos());
    let config = Config::new()
        .session_type(kind.session_type)
        .set(kind.address, url.as_str())
        .set(kind.table, table.as_str())
        .set(kind.exists, true);
    let runtime = tokio::runtime::Runtime::new()?;
    let key = Key::new("session:session-of-somebody-00000001");

    // A file is looked for at once, a server at the first use.
    let loaded =
        dewar_stores::open(&config).and_then(|store| runtime.block_on(store.unwrap().load(&key)));
    let error = loaded.map(drop).unwrap_err().to_string();
    assert!(error.contains("dewar store migrate"), "{error}");

    let migrate = || {
        Command::new(env!("CARGO_BIN_EXE_dewar"))
            .args(["store", "migrate", "--json"])
            .current_dir(folder.path())
            .env_clear()
            .env("FLASK_SESSION_TYPE", kind.session_type)
            .env(format!("FLASK_{}", kind.address), &url)
            .env(format!("FLASK_{}", kind.table), &table)
            .env(format!("FLASK_{}", kind.exists), "true")
            .output()
    };
    assert_eq!(migrated(&migrate()?), "created");
    assert_eq!(migrated(&migrate()?), "unchanged");

    let after = dewar_stores::open(&config)?.unwrap();
    let expires = UnixTime::from_seconds(2_000_000_000);
    let created = runtime.block_on(after.create(&key, Bytes::from_static(b"\x80"), expires));
    assert!(matches!(created?, Created::Done(_)));
    runtime.block_on(after.delete(&key))?;
    Ok(())
}

/// What the command says that it did.
fn migrated(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    said["migrated"].as_str().unwrap().to_owned()
}
