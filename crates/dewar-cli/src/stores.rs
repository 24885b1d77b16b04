//! Stores by their URLs: the one place that knows which there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dewar::config::{Config, KEYS, Preset};
use dewar::data::Format;
use dewar::store::filesystem::{CachelibStore, FilesystemStore};
use dewar::store::{Cursor, Key, Page, Store};
use dewar_stores::{Availability, KINDS, Kind, Place};
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
    /// The format of its records, if it takes no other.
    pub(crate) format: Option<Format>,
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

/// Opens the store of a URL.
pub(crate) fn open(url: &str, missing: Missing) -> Outcome<Opened> {
    match url.split_once(':') {
        Some(("filesystem", folder)) => open_folder(Path::new(folder), missing),
        Some(("cachelib", folder)) => open_cachelib(Path::new(folder), missing),
        _ => open_place(place_of(url)?, missing),
    }
}

/// Whether a URL names a folder of sessions.
pub(crate) fn is_folder(url: &str) -> bool {
    url.starts_with("filesystem:") || url.starts_with("cachelib:")
}

/// Opens the store that a configuration means.
pub(crate) fn open_configured(config: &Config, missing: Missing) -> Outcome<Opened> {
    let kind = config
        .text("SESSION_TYPE")?
        .map(|kind| kind.to_ascii_lowercase());
    match kind.as_deref() {
        Some("filesystem") => {
            let folder = config.text("SESSION_FILE_DIR")?.unwrap_or_default();
            open_folder(Path::new(&folder), missing)
        }
        Some("cachelib") => {
            let folder = match config.text("SESSION_CACHELIB")? {
                Some(folder) => folder,
                None => config.text("SESSION_FILE_DIR")?.unwrap_or_default(),
            };
            open_cachelib(Path::new(&folder), missing)
        }
        Some("memory") => Err(Failure::unusable("SESSION_TYPE is 'memory': the sessions are within the processes that serve them, out of reach")
            .hint("--store names another store by its URL")),
        _ => match configured_place(config)? {
            Some(place) => open_place(place, missing),
            None => Err(Failure::unusable("no store is configured: SESSION_TYPE names none")
                .hint("set FLASK_SESSION_TYPE, or name a store by its URL: --store filesystem:FOLDER")),
        },
    }
}

/// Where the store is that a configuration means; `None` where it is no server and no database.
pub(crate) fn configured_place(config: &Config) -> Outcome<Option<Place>> {
    Place::of_config(config).map_err(|error| {
        Failure::unusable(error.to_string())
            .hint("--store names a store by its URL; dewar config check says what else is wrong")
    })
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
    must_be_there(folder, missing)?;
    Ok(Opened {
        store: Arc::new(FilesystemStore::at(folder).open()?),
        name: format!("filesystem at {}", folder.display()),
        folder: Some(folder.into()),
        format: None,
    })
}

fn open_cachelib(folder: &Path, missing: Missing) -> Outcome<Opened> {
    must_be_there(folder, missing)?;
    Ok(Opened {
        store: Arc::new(CachelibStore::at(folder).open()?),
        name: format!("cachelib at {}", folder.display()),
        folder: Some(folder.into()),
        format: Some(Format::Pickle),
    })
}

fn must_be_there(folder: &Path, missing: Missing) -> Outcome<()> {
    if missing == Missing::Refuse && !folder.is_dir() {
        return Err(
            Failure::unusable(format!("there is no folder {}", folder.display()))
                .hint("SESSION_FILE_DIR is relative to the folder in which the application runs"),
        );
    }
    Ok(())
}

fn open_place(place: Place, missing: Missing) -> Outcome<Opened> {
    let place = match missing {
        Missing::Refuse => place.expect_table(),
        Missing::Make => place,
    };
    Ok(Opened {
        store: place.open()?,
        name: place.to_string(),
        folder: None,
        format: None,
    })
}

/// Where the store of a URL is.
pub(crate) fn place_of(url: &str) -> Outcome<Place> {
    if Kind::of_url(url).is_some() {
        return Ok(Place::of_url(url)?);
    }
    let built = KINDS
        .iter()
        .filter(|kind| kind.availability == Availability::BuiltIn);
    let schemes: Vec<_> = built
        .filter_map(|kind| Some(format!("{}://", kind.schemes.first()?)))
        .collect();
    Err(
        Failure::usage("that is not the URL of a store").hint(format!(
            "write filesystem:FOLDER or cachelib:FOLDER, or a URL that starts with {}",
            schemes.join(" or ")
        )),
    )
}
