//! Stores by their URLs: the one place that knows which there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dewar::config::{Config, KEYS, Preset, Setting};
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Cursor, Key, Page, Store};
use dewar_stores::memcached::MemcachedStore;
use dewar_stores::mysql::MysqlStore;
use dewar_stores::postgresql::PostgresqlStore;
use dewar_stores::redis::RedisStore;
use dewar_stores::sql::Tables;
use dewar_stores::sqlite::SqliteStore;
use dewar_stores::{Availability, KINDS, Kind};
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure, Outcome};
use crate::ui::Ui;

/// A store that was opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// What messages call it; holds no password.
    pub(crate) name: String,
    /// Where its files are, if it is a folder.
    pub(crate) folder: Option<PathBuf>,
}

/// What to do with a folder or a file of sessions that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Refuse,
    Make,
}

/// The URL that a person gave: itself, or with `env:NAME` that of a variable.
pub(crate) fn resolve(given: &str, ui: &mut Ui) -> Outcome<String> {
    if let Some(variable) = given.strip_prefix("env:") {
        return std::env::var(variable).map_err(|_| {
            Failure::unusable(format!("the environment variable {variable} is not set"))
        });
    }
    let user = given
        .split_once("://")
        .and_then(|(_, rest)| Some(rest.rsplit_once('@')?.0));
    if user.is_some_and(|user| user.contains(':')) {
        ui.warning("a password on the command line stands in the shell's history and in the list of processes");
        ui.hint("put the URL into a variable and write env:NAME");
    }
    Ok(given.into())
}

/// Opens the store of a URL: a line for each kind.
pub(crate) fn open(url: &str, missing: Missing) -> Outcome<Opened> {
    if let Some(folder) = url.strip_prefix("filesystem:") {
        return open_folder(Path::new(folder), missing);
    }
    let kind = Kind::of_url(url).ok_or_else(unknown_scheme)?;
    let name = format!("{} at {}", kind.name, address(url));
    let store: Arc<dyn Store> = match kind.name {
        "memcached" => Arc::new(MemcachedStore::builder(url).build()?),
        "mysql" => Arc::new(MysqlStore::builder(url).tables(tables(missing)).build()?),
        "postgresql" => Arc::new(
            PostgresqlStore::builder(url)
                .tables(tables(missing))
                .build()?,
        ),
        "redis" => Arc::new(RedisStore::builder(url).build()?),
        "sqlite" => Arc::new(SqliteStore::builder(url).tables(tables(missing)).open()?),
        _ => return Err(cannot_open(kind)),
    };
    Ok(Opened {
        store,
        name,
        folder: None,
    })
}

/// The URL of the store that a configuration means.
pub(crate) fn url_of(config: &Config) -> Outcome<String> {
    let text = |key: &str| match config.get(key) {
        Some(Setting::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let kind = text("SESSION_TYPE").map(|kind| kind.to_ascii_lowercase());
    match kind.as_deref() {
        Some("filesystem") => {
            let folder = text("SESSION_FILE_DIR").unwrap_or_else(|| default_text("SESSION_FILE_DIR"));
            Ok(format!("filesystem:{folder}"))
        }
        Some("redis") => Ok(text("SESSION_REDIS").unwrap_or_else(|| "redis://127.0.0.1:6379".into())),
        Some("sqlalchemy" | "sqlite") => text("SESSION_SQLALCHEMY").ok_or_else(|| no_address("SESSION_SQLALCHEMY")),
        Some("postgresql") => text("SESSION_POSTGRESQL").ok_or_else(|| no_address("SESSION_POSTGRESQL")),
        Some("memcached") => text("SESSION_MEMCACHED").ok_or_else(|| no_address("SESSION_MEMCACHED")),
        Some("memory") => Err(Failure::unusable("SESSION_TYPE is 'memory': the sessions are within the processes that serve them, out of reach")
            .hint("--store names another store by its URL")),
        Some("cookie" | "null") | None => Err(Failure::unusable("no store is configured: SESSION_TYPE names none")
            .hint("set FLASK_SESSION_TYPE, or name a store by its URL: --store filesystem:FOLDER")),
        Some(other) => Err(Failure::unusable(format!("this command cannot open a store of SESSION_TYPE '{}'", other.escape_debug()))
            .hint("dewar config check says whether the name is right")),
    }
}

/// The text that a key has where nothing sets it.
pub(crate) fn default_text(key: &str) -> String {
    KEYS.iter()
        .find(|known| known.name == key)
        .and_then(|known| match known.default {
            Preset::Text(text) => Some(text.to_owned()),
            _ => None,
        })
        .unwrap_or_default()
}

/// What stands for a session in listings and messages: it says which one, and is of no use to log in.
pub(crate) fn handle(key: &Key) -> String {
    let digest = Sha256::digest(key.expose().as_bytes());
    digest
        .iter()
        .take(HANDLE / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Characters of a handle; session ids are longer.
pub(crate) const HANDLE: usize = 12;

impl Opened {
    /// A page of the sessions under a prefix.
    pub(crate) async fn page(&self, prefix: &str, cursor: Cursor) -> Outcome<Page> {
        const PAGE: usize = 500;
        let page = self.store.list(prefix, cursor, PAGE).await?;
        page.ok_or_else(|| {
            Failure::new(
                Exit::Unusable,
                format!("{} cannot list its sessions", self.name),
            )
        })
    }
}

fn open_folder(folder: &Path, missing: Missing) -> Outcome<Opened> {
    if missing == Missing::Refuse && !folder.is_dir() {
        return Err(
            Failure::unusable(format!("there is no folder {}", folder.display()))
                .hint("SESSION_FILE_DIR is relative to the folder in which the application runs"),
        );
    }
    Ok(Opened {
        store: Arc::new(FilesystemStore::at(folder).open()?),
        name: format!("filesystem at {}", folder.display()),
        folder: Some(folder.into()),
    })
}

/// Whether a table that is absent is made.
fn tables(missing: Missing) -> Tables {
    match missing {
        Missing::Refuse => Tables::Expect,
        Missing::Make => Tables::Create,
    }
}

fn cannot_open(kind: &Kind) -> Failure {
    Failure::usage(format!("this command cannot open {}", kind.name))
}

/// Where a URL leads, without user, password and options.
fn address(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    // `sqlite:///app.db` is a relative path, `sqlite:////srv/app.db` an absolute one.
    rest.strip_prefix('/').unwrap_or(rest)
}

fn unknown_scheme() -> Failure {
    let built = KINDS
        .iter()
        .filter(|kind| kind.availability == Availability::BuiltIn);
    let schemes: Vec<_> = built
        .filter_map(|kind| Some(format!("{}://", kind.schemes.first()?)))
        .collect();
    Failure::usage("that is not the URL of a store").hint(format!(
        "write filesystem:FOLDER, or a URL that starts with {}",
        schemes.join(" or ")
    ))
}

fn no_address(key: &str) -> Failure {
    Failure::unusable(format!("{key} is not set: the store's URL is not known"))
        .hint("set it, or name the store by its URL: --store")
}
