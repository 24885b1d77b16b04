//! Stores by their URLs: the one place that knows which there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dewar::config::{Config, KEYS, Preset};
use dewar::data::Format;
use dewar::store::filesystem::{CachelibStore, FilesystemStore, user_of};
use dewar::store::{Cursor, Key, Listing, Page, Store};
use dewar_stores::{Availability, KINDS, Kind, Place};
use sha2::{Digest, Sha256};

use crate::exit::{Failure, Outcome};
use crate::text::count;
use crate::ui::Ui;

/// A store that was opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// What messages call it; holds no password.
    pub(crate) name: String,
    /// The format of its records, if it takes no other.
    pub(crate) format: Option<Format>,
    /// Itself, if it is one in whose folder cachelib's files may lie beside its own.
    pub(crate) files: Option<FilesystemStore>,
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing is written, and nothing made.
    Read,
    /// What is there is changed; a folder, a file or a table that is not there is not made.
    Change,
    /// What is not there is made.
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

/// Where a store is that was not opened yet.
#[derive(Debug)]
pub(crate) enum Location {
    Filesystem(PathBuf),
    Cachelib(PathBuf),
    Place(Place),
}

impl Location {
    /// The store of a URL; what the URL does not say, such as the table's name, is as a configuration says.
    pub(crate) fn of_url(url: &str, config: &Config) -> Outcome<Location> {
        Ok(match url.split_once(':') {
            Some(("filesystem", folder)) => Location::Filesystem(folder.into()),
            Some(("cachelib", folder)) => Location::Cachelib(folder.into()),
            _ => Location::Place(place_of(url)?.configured_by(config)?),
        })
    }

    /// The store that a configuration means.
    pub(crate) fn of_config(config: &Config) -> Outcome<Location> {
        let kind = config
            .text("SESSION_TYPE")?
            .map(|kind| kind.to_ascii_lowercase());
        let folder = || Ok::<_, Failure>(config.text("SESSION_FILE_DIR")?.unwrap_or_default());
        match kind.as_deref() {
            Some("filesystem") => Ok(Location::Filesystem(folder()?.into())),
            Some("cachelib") => {
                let said = config.text("SESSION_CACHELIB")?;
                let said = said.filter(|folder| !folder.is_empty());
                Ok(Location::Cachelib(said.map_or_else(folder, Ok)?.into()))
            }
            Some("memory") => Err(Failure::unusable("SESSION_TYPE is 'memory': the sessions are within the processes that serve them, out of reach")
                .hint("--store names another store by its URL")),
            _ => configured_place(config)?.map(Location::Place).ok_or_else(|| {
                Failure::unusable("no store is configured: SESSION_TYPE names none")
                    .hint("set FLASK_SESSION_TYPE, or name a store by its URL: --store filesystem:FOLDER")
            }),
        }
    }

    /// The folder of sessions, if it is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Location::Filesystem(folder) | Location::Cachelib(folder) => Some(folder),
            Location::Place(_) => None,
        }
    }

    /// Says where the store is taken to be if no key says it.
    pub(crate) fn say_assumed(&self, ui: &mut Ui) {
        if let Location::Place(place) = self
            && let Some(key) = place.assumed()
        {
            ui.note(format_args!(
                "{key} is not set: {place} is assumed, as with Flask-Session"
            ));
        }
    }

    /// Opens the store.
    pub(crate) fn open(self, access: Access) -> Outcome<Opened> {
        if let Some(folder) = self.folder() {
            must_be_there(folder, access)?;
            must_be_own(folder, access)?;
        }
        match self {
            Location::Filesystem(folder) => open_folder(&folder, access),
            Location::Cachelib(folder) => open_cachelib(&folder, access),
            Location::Place(place) => open_place(place, access),
        }
    }
}

/// Where the store is that a configuration means; `None` where it is no server and no database.
fn configured_place(config: &Config) -> Outcome<Option<Place>> {
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
        page.ok_or_else(|| self.unlisted())
    }

    /// Refuses a store that cannot list its sessions.
    pub(crate) fn must_list(&self) -> Outcome<()> {
        match self.store.capabilities().listing {
            Listing::Unsupported => Err(self.unlisted()),
            _ => Ok(()),
        }
    }

    /// Warns of files whose sessions are in no listing; says whether there are some.
    pub(crate) fn warn_of_unlisted(&self, ui: &mut Ui) -> Outcome<bool> {
        let Some(store) = &self.files else {
            return Ok(false);
        };
        let files = store.files_of_cachelib().map_err(|error| {
            Failure::unusable(format!("{} cannot be read", store.folder().display())).because(error)
        })?;
        if files > 0 {
            ui.warning(format_args!(
                "{} of Flask-Session's left out: such a name is a hash of its session's key",
                count(files, "file")
            ));
            ui.hint("dewar sessions show finds one by its id or its cookie; a session that the application changes moves among Dewar's own files");
        }
        Ok(files > 0)
    }

    fn unlisted(&self) -> Failure {
        let why = match self.format {
            Some(Format::Pickle) => "a file's name is a hash of its session's key",
            _ => "the server has no reliable way to list its keys",
        };
        Failure::unusable(format!("{} cannot list its sessions: {why}", self.name))
            .hint("dewar sessions show and dewar sessions delete find one by its id or its cookie")
    }
}

fn open_folder(folder: &Path, access: Access) -> Outcome<Opened> {
    let options = FilesystemStore::at(folder);
    let store = match access {
        Access::Read => options.open_to_read(),
        Access::Change | Access::Make => options.open()?,
    };
    Ok(Opened {
        store: Arc::new(store.clone()),
        name: format!("filesystem at {}", folder.display()),
        format: None,
        files: Some(store),
    })
}

fn open_cachelib(folder: &Path, access: Access) -> Outcome<Opened> {
    let options = CachelibStore::at(folder);
    let store = match access {
        Access::Read => options.open_to_read(),
        Access::Change | Access::Make => options.open()?,
    };
    Ok(Opened {
        store: Arc::new(store),
        name: format!("cachelib at {}", folder.display()),
        format: Some(Format::Pickle),
        files: None,
    })
}

fn must_be_there(folder: &Path, access: Access) -> Outcome<()> {
    if access == Access::Make || folder.is_dir() {
        return Ok(());
    }
    let name = folder.display();
    Err(match folder.try_exists() {
        Err(error) => Failure::unusable(format!("{name} cannot be reached"))
            .because(error)
            .hint("may this user enter each of its folders?"),
        Ok(true) => Failure::unusable(format!("{name} is a file, and no folder of sessions")),
        Ok(false) => Failure::unusable(format!("there is no folder {name}"))
            .hint("SESSION_FILE_DIR is relative to the folder in which the application runs"),
    })
}

/// Keeps root from writing to a folder of an application: it would be refused in the files that root makes.
fn must_be_own(folder: &Path, access: Access) -> Outcome<()> {
    let root = rustix::process::geteuid().is_root();
    match user_of(folder).filter(|user| *user != 0 && root && access != Access::Read) {
        None => Ok(()),
        Some(user) => Err(Failure::unusable(format!(
            "{} belongs to user {user}, and this command runs as root: the application would be refused in what root makes there",
            folder.display()
        ))
        .hint(format!(
            "run it as that user, in the application's environment: sudo -u '#{user}' dewar …"
        ))),
    }
}

fn open_place(place: Place, access: Access) -> Outcome<Opened> {
    let place = match access {
        Access::Read | Access::Change => place.expect_table(),
        Access::Make => place,
    };
    Ok(Opened {
        store: place.open()?,
        name: place.to_string(),
        format: None,
        files: None,
    })
}

/// Where the server or the database of a URL is.
fn place_of(url: &str) -> Outcome<Place> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::chown;

    use super::*;

    #[test]
    fn root_looks_at_the_folder_of_an_application_and_leaves_nothing_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        // Only root can give a folder away.
        let root = rustix::process::geteuid().is_root();
        if root {
            chown(path, Some(65534), None).unwrap();
        }
        let open = |access| Location::Filesystem(path.into()).open(access);
        let cachelib = |access| Location::Cachelib(path.into()).open(access);
        open(Access::Read).unwrap();
        cachelib(Access::Read).unwrap();
        assert_eq!(path.read_dir().unwrap().count(), 0);
        for access in [Access::Change, Access::Make] {
            if root {
                let refused = open(access).unwrap_err();
                assert!(refused.message.contains("belongs to user 65534"));
                assert!(cachelib(access).is_err());
                assert_eq!(path.read_dir().unwrap().count(), 0);
            } else {
                open(access).unwrap();
            }
        }
    }
}
