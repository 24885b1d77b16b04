//! Sessions in a folder, a file for each, for all processes of a machine.
//!
//! ```text
//! flask_session/                     the folder
//!   2029240f6d1128be89ddc32729463129  cachelib's own files, read where they lie
//!   dewar.__wz_cache/                what Dewar writes; the ending makes cachelib leave it alone
//!     00/ … ff/                      by the first byte of the key's SHA-256
//!       3f9a…                        a record, named by the other 31 bytes
//!       new                          a record's file that is being made
//!     locks/
//! ```
//!
//! * **Writes** go into that half of a record's file that the last one did not go into, so that a process that is killed
//!   leaves the record as it was before or as it is after. So does a machine that goes down, unless the disk was at both halves
//!   at that moment, which [`Durability::Machine`] excludes. That costs a tenth of a new file that takes
//!   the old one's place, as is made for a new session and for one that has outgrown its file: ext4 begins to write such a
//!   file to the disk at once.
//! * **A damaged file** counts as absent, with a warning. It is removed as expired ones are, once nobody has written to it for
//!   a month and no expiry that it tells is still to come.
//! * **Compare and replace** is made under an advisory lock (`flock`) of the record's subfolder; a process that
//!   dies loses its lock. Readers take none. The folder must not lie on a file system without locks.
//! * **Nothing here waits for the disk**, unless asked to ([`Durability`]): a load takes microseconds, a
//!   write tens of them, so both are done at once rather than on a thread of their own.
//! * **cachelib's files** (Flask-Session's `filesystem`) are found under the MD5 and SHA-256 names of the key, with
//!   the pickle as the record's data. A touch overwrites their expiry; the first replace moves the session
//!   into Dewar's files. They cannot be listed, because their names do not tell the key.

mod cachelib;
mod folder;
mod legacy;
mod listing;
mod look;
mod owner;
mod record;
mod sweep;

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{Clock, SystemClock};
use crate::{Error, ErrorKind, OsRandom, Random, Result, UnixTime};

pub use self::cachelib::{CachelibOptions, CachelibStore, Names};
pub use self::owner::{Foreign, user_of};
use super::{
    Capabilities, Created, Cursor, Deleted, Expiry, ImmediateStore, Key, Listing, Page, Purged,
    Record, Replaced, Sharing, Touched, Version,
};
use folder::{Folder, LARGEST, Lock, Name};
use legacy::Legacy;
use look::Look;
use record::Stored;
use sweep::Sweep;

/// A store of one file per session, used by several processes at once. Clones share the search for expired files.
///
/// ```
/// use dewar::UnixTime;
/// use dewar::store::{Key, Store, filesystem::FilesystemStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> dewar::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("dewar-doc-{}", std::process::id()));
/// let store = FilesystemStore::at(&folder).open()?;
/// let key = Key::new("session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo");
/// store.create(&key, "data".into(), UnixTime::from_seconds(4_000_000_000)).await?;
/// assert_eq!(store.load(&key).await?.map(|record| record.blob), Some("data".into()));
/// # drop(std::fs::remove_dir_all(folder));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FilesystemStore(Arc<Shared>);

struct Shared {
    folder: Folder,
    clock: Arc<dyn Clock>,
    sweep: Mutex<Sweep>,
}

/// How a [`FilesystemStore`] is to be opened.
#[derive(Clone, Debug)]
#[must_use = "a store is made by `open`"]
pub struct FilesystemOptions {
    root: PathBuf,
    mode: u32,
    durability: Durability,
    clock: Arc<dyn Clock>,
}

/// What an acknowledged write outlasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it comes. The last writes before the machine goes down may be lost: those of half a minute,
    /// as Linux is set up usually. A session is then as it was before them; one that is new, or that was written more than once
    /// since the disk had it, may be lost.
    #[default]
    Process,
    /// The end of the machine too: every write waits for the disk, with the session's subfolder locked.
    Machine,
}

impl FilesystemOptions {
    /// The permission bits of the files (`SESSION_FILE_MODE`); 0600 unless given. Who may read the files may
    /// enter the folders that the store makes.
    pub fn mode(mut self, mode: u32) -> FilesystemOptions {
        self.mode = mode & 0o777 | 0o600;
        self
    }

    /// What an acknowledged write outlasts.
    pub fn durability(mut self, durability: Durability) -> FilesystemOptions {
        self.durability = durability;
        self
    }

    /// The clock that expiry goes by; the system's unless given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> FilesystemOptions {
        self.clock = clock;
        self
    }

    /// Makes the folder if it is missing, and tries whether it can be used.
    ///
    /// # Errors
    /// If not: with the folder, the reason and what to do.
    pub fn open(self) -> Result<FilesystemStore> {
        let store = self.open_to_read();
        store.try_out().map_err(|source| {
            let message = format!(
                "sessions cannot be kept in the folder {}: {}. Make it a folder that this process' user owns and \
                 can write to, on a file system with locks, or set SESSION_FILE_DIR to another",
                store.0.folder.root.display(),
                told(&store.0.folder.root, &source)
            );
            Error::new(ErrorKind::Store, message).with_source(source)
        })?;
        warn_if_open(&store.0.folder);
        Ok(store)
    }

    /// Makes nothing and tries nothing: for a tool that looks at the sessions of an application, as whatever user. What is
    /// missing is made with the first write.
    pub fn open_to_read(self) -> FilesystemStore {
        FilesystemStore(Arc::new(Shared {
            folder: Folder::new(self.root, self.mode, self.durability),
            clock: self.clock,
            sweep: Mutex::default(),
        }))
    }
}

impl FilesystemStore {
    /// A store in this folder (`SESSION_FILE_DIR`), to be opened with [`FilesystemOptions::open`].
    pub fn at(folder: impl Into<PathBuf>) -> FilesystemOptions {
        FilesystemOptions {
            root: folder.into(),
            mode: 0o600,
            durability: Durability::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder.root
    }

    /// How many files of cachelib's lie in the folder: their sessions are found by id, and cannot be listed.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn files_of_cachelib(&self) -> io::Result<usize> {
        let mut files = 0;
        for entry in std::fs::read_dir(self.folder())? {
            files += usize::from(legacy::is_legacy(&entry?.path()));
        }
        Ok(files)
    }

    fn try_out(&self) -> io::Result<()> {
        let folder = &self.0.folder;
        folder.prepare()?;
        let name = Name::of(b"");
        let lock = folder.lock(name.subfolder())?;
        let path = folder.path(&name);
        folder.write(&name, b"", &lock)?;
        folder.remove(&path)
    }

    /// What lives under the key. Without the lock it may have changed when this returns.
    fn find(&self, key: &Key, name: &Name, locked: Option<&Lock>) -> io::Result<Found> {
        let folder = &self.0.folder;
        let now = self.0.clock.now();
        if let Some(verdict) = self.find_own(key, name, now, locked)? {
            return Ok(verdict);
        }
        if let Some(legacy) = legacy::find(folder, key.expose().as_bytes(), name, now)? {
            return Ok(Found::Legacy(legacy));
        }
        // Between the two looks it may have moved from there to here.
        let verdict = self.find_own(key, name, now, locked)?;
        Ok(verdict.unwrap_or(Found::Nothing))
    }

    /// `None` if Dewar has no file for the key; a file decides, also one that is expired or damaged.
    fn find_own(
        &self,
        key: &Key,
        name: &Name,
        now: UnixTime,
        locked: Option<&Lock>,
    ) -> io::Result<Option<Found>> {
        let folder = &self.0.folder;
        let path = folder.path(name);
        let seen = match locked {
            Some(_) => look::look(&path)?,
            None => look::look_closely(folder, name.subfolder(), &path)?,
        };
        match seen {
            Look::Absent => return Ok(None),
            Look::Record(stored) if stored.key() == key.expose().as_bytes() => {
                let lives = stored.expires > now;
                return Ok(Some(if lives {
                    Found::Own(stored)
                } else {
                    Found::Nothing
                }));
            }
            Look::Record(_) | Look::Unclear => {}
        }
        tracing::warn!(
            folder = %folder.root.display(),
            "a session's file is damaged and counts as absent"
        );
        Ok(Some(Found::Nothing))
    }

    fn write(
        &self,
        key: &Key,
        name: &Name,
        data: &[u8],
        expires: UnixTime,
        lock: &Lock,
        before: Option<&Stored>,
    ) -> Result<Version> {
        if record::length_alone(key.expose(), data) > LARGEST {
            let message = format!(
                "a session of {} bytes is larger than the {LARGEST} that a file of the filesystem store may have",
                data.len()
            );
            return Err(Error::new(ErrorKind::Store, message));
        }
        let mut version = [0; 8];
        OsRandom.fill(&mut version)?;
        let version = u64::from_le_bytes(version);
        let written = || {
            let folder = &self.0.folder;
            let half = before.and_then(|before| before.next(data, expires, version));
            if let Some((at, half)) = half
                && folder.write_into(&folder.path(name), at, &half, lock)?
            {
                return Ok(());
            }
            let file = record::file(key.expose(), data, expires, version);
            folder.write(name, &file, lock)
        };
        written().map_err(self.failed("write to"))?;
        Ok(Version::token(version))
    }

    fn touch_own(
        &self,
        key: &Key,
        name: &Name,
        stored: &Stored,
        expires: UnixTime,
        lock: &Lock,
    ) -> io::Result<()> {
        let folder = &self.0.folder;
        let moved = record::expiry_bytes(expires);
        if folder.touch_in(&folder.path(name), stored.expiry_at(), &moved, lock)? {
            return Ok(());
        }
        let file = record::file(key.expose(), &stored.data(), expires, stored.version);
        folder.write(name, &file, lock)
    }

    /// Removes cachelib's files for the key. The subfolder must be locked.
    fn remove_legacy(&self, key: &Key, name: &Name) -> io::Result<()> {
        let folder = &self.0.folder;
        for path in legacy::paths(folder, key.expose().as_bytes(), name) {
            folder.remove(&path)?;
        }
        Ok(())
    }

    fn remove(&self, key: &Key, name: &Name, _locked: &Lock) -> io::Result<()> {
        // First cachelib's: a process that is killed in between must not leave it alone, to live again.
        self.remove_legacy(key, name)?;
        self.0.folder.remove(&self.0.folder.path(name))
    }

    fn lock(&self, name: &Name) -> Result<Lock> {
        let lock = self.0.folder.lock(name.subfolder());
        lock.map_err(self.failed("lock a part of"))
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> Error + '_ {
        move |source| failed(&self.0.folder, what, source)
    }
}

/// Says it if others than this process's user could make sessions in the folder.
fn warn_if_open(folder: &Folder) {
    let user = rustix::process::geteuid().as_raw();
    if let Some(open) = owner::open_to_others(&folder.root, folder.mode, user) {
        tracing::warn!("whoever may write to the session folder can make sessions, and {open}");
    }
}

/// Why something failed, and where it was refused, what of the folder belongs to whom.
fn told(root: &Path, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::PermissionDenied => format!("{source}{}", owner::why_refused(root)),
        _ => source.to_string(),
    }
}

/// Says which folder it was that failed, and never which session's file: its name comes from a session's key.
fn failed(folder: &Folder, what: &'static str, source: io::Error) -> Error {
    let message = format!(
        "cannot {what} the session folder {}: {}",
        folder.root.display(),
        told(&folder.root, &source)
    );
    let passes = matches!(
        source.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::Interrupted
    ) || source.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error())
        || source.raw_os_error() == Some(rustix::io::Errno::NFILE.raw_os_error());
    let error = Error::new(ErrorKind::Store, message).with_source(source);
    if passes { error.temporary() } else { error }
}

/// What lies under a key.
enum Found {
    Own(Stored),
    Legacy(Legacy),
    Nothing,
}

impl Found {
    fn into_record(self) -> Option<Record> {
        let version = self.version()?;
        Some(match self {
            Found::Own(stored) => Record {
                blob: stored.data(),
                version,
                expires: Some(stored.expires),
            },
            Found::Legacy(legacy) => Record {
                blob: legacy.pickle,
                version,
                expires: legacy.expires,
            },
            Found::Nothing => return None,
        })
    }

    /// cachelib's files have no version but what is in them.
    fn version(&self) -> Option<Version> {
        match self {
            Found::Own(stored) => Some(Version::token(stored.version)),
            Found::Legacy(legacy) => Some(Version::content(legacy.pickle.clone())),
            Found::Nothing => None,
        }
    }
}

impl ImmediateStore for FilesystemStore {
    fn load(&self, key: &Key) -> Result<Option<Record>> {
        let name = Name::of(key.expose().as_bytes());
        let found = self.find(key, &name, None);
        Ok(found.map_err(self.failed("read"))?.into_record())
    }

    fn create(&self, key: &Key, blob: &[u8], expires: UnixTime) -> Result<Created> {
        let name = Name::of(key.expose().as_bytes());
        let lock = self.lock(&name)?;
        let found = self.find(key, &name, Some(&lock));
        if found.map_err(self.failed("read"))?.version().is_some() {
            return Ok(Created::Taken);
        }
        let version = self.write(key, &name, blob, expires, &lock, None)?;
        Ok(Created::Done(version))
    }

    fn replace(
        &self,
        key: &Key,
        blob: &[u8],
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let name = Name::of(key.expose().as_bytes());
        let lock = self.lock(&name)?;
        let found = self.find(key, &name, Some(&lock));
        let found = found.map_err(self.failed("read"))?;
        match found.version() {
            None => return Ok(Replaced::Gone),
            Some(version) if version != *seen => return Ok(Replaced::Conflict),
            Some(_) => {}
        }
        let before = match &found {
            Found::Own(stored) => Some(stored),
            _ => None,
        };
        let version = self.write(key, &name, blob, expires, &lock, before)?;
        // Only now: at no moment is there neither.
        if let Found::Legacy(_) = found {
            let removed = self.remove_legacy(key, &name);
            removed.map_err(self.failed("write to"))?;
        }
        Ok(Replaced::Done(version))
    }

    fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let name = Name::of(key.expose().as_bytes());
        let lock = self.lock(&name)?;
        let found = self.find(key, &name, Some(&lock));
        let found = found.map_err(self.failed("read"))?;
        let touched =
            match found {
                Found::Nothing => Ok(false),
                Found::Own(stored) => self
                    .touch_own(key, &name, &stored, expires, &lock)
                    .map(|()| true),
                Found::Legacy(legacy) => self.0.folder.lock_legacy().and_then(|locked| {
                    legacy::touch(&legacy, expires, self.0.clock.now(), &locked)
                }),
            };
        match touched.map_err(self.failed("write to"))? {
            true => Ok(Touched::Done),
            false => Ok(Touched::Gone),
        }
    }

    fn delete(&self, key: &Key) -> Result<()> {
        let name = Name::of(key.expose().as_bytes());
        let lock = self.lock(&name)?;
        self.remove(key, &name, &lock)
            .map_err(self.failed("write to"))
    }

    fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let name = Name::of(key.expose().as_bytes());
        let lock = self.lock(&name)?;
        let found = self.find(key, &name, Some(&lock));
        match found.map_err(self.failed("read"))?.version() {
            None => return Ok(Deleted::Gone),
            Some(version) if version != *seen => return Ok(Deleted::Conflict),
            Some(_) => {}
        }
        self.remove(key, &name, &lock)
            .map_err(self.failed("write to"))?;
        Ok(Deleted::Done)
    }

    /// One step looks at 256 files at most.
    fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let sweep = self.0.sweep.lock();
        let mut sweep = sweep.unwrap_or_else(PoisonError::into_inner);
        let step = sweep.step(&self.0.folder, now, limit);
        step.map_err(self.failed("remove expired sessions from"))
    }

    fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        let now = self.0.clock.now();
        let page = listing::page(&self.0.folder, prefix, &cursor, limit, now);
        page.map(Some).map_err(self.failed("list"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            expiry: Expiry::Purged,
            listing: Listing::Supported,
            sharing: Sharing::Machine,
        }
    }
}

impl Debug for FilesystemStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesystemStore")
            .field("folder", &self.0.folder.root)
            .field("durability", &self.0.folder.durability)
            .finish_non_exhaustive()
    }
}
