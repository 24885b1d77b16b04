//! Sessions in a folder of cachelib's files, which Flask-Session's `cachelib` and `filesystem` read and write as well.

mod files;

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use self::files::{Files, Placed};
use super::folder::{Folder, LARGEST, Lock};
use super::legacy::{self, Legacy};
use super::sweep::Sweep;
use crate::clock::{Clock, SystemClock};
use crate::store::{
    Capabilities, Created, Cursor, Deleted, Expiry, ImmediateStore, Key, Listing, Page, Purged,
    Record, Replaced, Sharing, Touched, Version,
};
use crate::{Error, ErrorKind, Result, UnixTime};

/// A store of one file per session, each as cachelib's `FileSystemCache` writes it, for applications that use both.
///
/// The data must be a pickle of a dict, [`Format::Pickle`](crate::data::Format::Pickle), which is what the engine writes
/// with `SESSION_TYPE` `cachelib`: nothing else is of use to the other side. Its form is [in `legacy`](super).
///
/// * **Among Dewar's processes** a write is compared and replaced under one lock (`flock` on `dewar.__wz_cache`, whose
///   ending makes cachelib leave it alone): no change is lost, nothing that ended comes back.
/// * **cachelib takes no lock and compares nothing**: the last write of a Flask application that runs on it wins, as it does
///   between two of those. What it overwrote, Dewar's next write notices, and puts this request's changes into what is
///   there. What it wrote is not overwritten unseen, and what it deleted does not come back: a file changes its
///   content in one step (`renameat2`, where the file system has it), after which what was there is compared.
/// * **Nothing is evicted**, but cachelib evicts: beyond its threshold, 500 files unless set, it deletes live sessions of both
///   sides. Set `threshold=0` there. Where it counts its files, new and deleted ones are counted here too.
/// * **Its names are hashes**, so the sessions cannot be listed.
///
/// ```
/// use bytes::Bytes;
/// use dewar::UnixTime;
/// use dewar::store::{Key, Store, filesystem::CachelibStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> dewar::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("dewar-cachelib-{}", std::process::id()));
/// let store = CachelibStore::at(&folder).open()?;
/// let key = Key::new("session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo");
/// let empty_dict = Bytes::from_static(b"\x80\x04}.");
/// store.create(&key, empty_dict.clone(), UnixTime::from_seconds(4_000_000_000)).await?;
/// assert_eq!(store.load(&key).await?.map(|record| record.blob), Some(empty_dict));
/// # drop(std::fs::remove_dir_all(folder));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CachelibStore(Arc<Shared>);

struct Shared {
    files: Files,
    clock: Arc<dyn Clock>,
    sweep: Mutex<Sweep>,
}

/// What the names of new files are made by; files under either are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// SHA-256: cachelib from 0.16.0 on.
    Sha256,
    /// MD5: cachelib up to 0.15.4, or one that is told so.
    Md5,
}

/// How a [`CachelibStore`] is to be opened.
#[derive(Clone, Debug)]
#[must_use = "a store is made by `open`"]
pub struct CachelibOptions {
    root: PathBuf,
    mode: u32,
    names: Option<Names>,
    clock: Arc<dyn Clock>,
}

impl CachelibOptions {
    /// The permission bits of the files (`SESSION_FILE_MODE`); 0600 unless given, as with cachelib.
    pub fn mode(mut self, mode: u32) -> CachelibOptions {
        self.mode = mode & 0o777 | 0o600;
        self
    }

    /// What the names of new files are made by. Unless given, what cachelib's own file in the folder is named
    /// by, or else SHA-256.
    pub fn names(mut self, names: Names) -> CachelibOptions {
        self.names = Some(names);
        self
    }

    /// The clock that expiry goes by; the system's unless given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> CachelibOptions {
        self.clock = clock;
        self
    }

    /// Makes the folder if it is missing, and tries whether it can be used.
    ///
    /// # Errors
    /// If not: with the folder, the reason and what to do.
    pub fn open(self) -> Result<CachelibStore> {
        let folder = Folder::of_cachelib(self.root, self.mode);
        let root = folder.root.clone();
        let files = Files::open(folder, self.names).map_err(|source| {
            let message = format!(
                "sessions cannot be kept in cachelib's folder {}: {}. Make it a folder that this process' user owns \
                 and can write to, on a file system with locks, in which SESSION_TYPE 'filesystem' of Dewar keeps none, \
                 or set SESSION_CACHELIB to another",
                root.display(),
                super::told(&root, &source)
            );
            Error::new(ErrorKind::Store, message).with_source(source)
        })?;
        super::warn_if_open(&files.folder);
        Ok(CachelibStore::of(files, self.clock))
    }

    /// Makes nothing and tries nothing: for a tool that looks at the sessions of an application, as whatever user. What is
    /// missing is made with the first write.
    pub fn open_to_read(self) -> CachelibStore {
        let folder = Folder::of_cachelib(self.root, self.mode);
        CachelibStore::of(Files::open_to_read(folder, self.names), self.clock)
    }
}

impl CachelibStore {
    /// A store in this folder (`SESSION_CACHELIB`, or else `SESSION_FILE_DIR`), to be opened with [`CachelibOptions::open`].
    pub fn at(folder: impl Into<PathBuf>) -> CachelibOptions {
        CachelibOptions {
            root: folder.into(),
            mode: 0o600,
            names: None,
            clock: Arc::new(SystemClock),
        }
    }

    fn of(files: Files, clock: Arc<dyn Clock>) -> CachelibStore {
        CachelibStore(Arc::new(Shared {
            files,
            clock,
            sweep: Mutex::new(Sweep::of_cachelib()),
        }))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0.files.folder.root
    }

    fn lock(&self) -> Result<Lock> {
        let lock = self.0.files.folder.lock_legacy();
        lock.map_err(self.failed("lock"))
    }

    /// What lives under the key. Without the lock it may have changed when this returns.
    fn find(&self, key: &Key) -> Result<Option<Legacy>> {
        let found = self.0.files.find(key, self.0.clock.now());
        found.map_err(self.failed("read"))
    }

    fn file(&self, blob: &[u8], expires: UnixTime) -> Result<Vec<u8>> {
        let length = legacy::HEADER + blob.len();
        if length as u64 > LARGEST {
            let message = format!(
                "a session of {} bytes is larger than the {LARGEST} that a file of the cachelib store may have",
                blob.len()
            );
            return Err(Error::new(ErrorKind::Store, message));
        }
        Ok([&legacy::header(expires)[..], blob].concat())
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> Error + '_ {
        move |source| super::failed(&self.0.files.folder, what, source)
    }
}

fn version(blob: &[u8]) -> Version {
    Version::content(Bytes::copy_from_slice(blob))
}

/// Whether what was found is what was seen.
fn is(found: &Legacy, seen: &Version) -> bool {
    seen.as_content() == Some(&found.pickle)
}

impl ImmediateStore for CachelibStore {
    fn load(&self, key: &Key) -> Result<Option<Record>> {
        Ok(self.find(key)?.map(|found| Record {
            version: Version::content(found.pickle.clone()),
            blob: found.pickle,
            expires: found.expires,
        }))
    }

    fn create(&self, key: &Key, blob: &[u8], expires: UnixTime) -> Result<Created> {
        let file = self.file(blob, expires)?;
        let locked = self.lock()?;
        if self.find(key)?.is_some() {
            return Ok(Created::Taken);
        }
        let placed = self.0.files.add(key, &file, &locked);
        match placed.map_err(self.failed("write to"))? {
            Placed::Done => Ok(Created::Done(version(blob))),
            Placed::Conflict | Placed::Gone => Ok(Created::Taken),
        }
    }

    fn replace(
        &self,
        key: &Key,
        blob: &[u8],
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let file = self.file(blob, expires)?;
        let locked = self.lock()?;
        let found = match self.find(key)? {
            None => return Ok(Replaced::Gone),
            Some(found) if !is(&found, seen) => return Ok(Replaced::Conflict),
            Some(found) => found,
        };
        let placed = self.0.files.replace(key, &file, &found, &locked);
        Ok(match placed.map_err(self.failed("write to"))? {
            Placed::Done => Replaced::Done(version(blob)),
            Placed::Conflict => Replaced::Conflict,
            Placed::Gone => Replaced::Gone,
        })
    }

    fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let locked = self.lock()?;
        let Some(found) = self.find(key)? else {
            return Ok(Touched::Gone);
        };
        let touched = legacy::touch(&found, expires, self.0.clock.now(), &locked);
        match touched.map_err(self.failed("write to"))? {
            true => Ok(Touched::Done),
            false => Ok(Touched::Gone),
        }
    }

    fn delete(&self, key: &Key) -> Result<()> {
        let locked = self.lock()?;
        let removed = self.0.files.remove(key, &locked);
        removed.map_err(self.failed("write to"))
    }

    fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let locked = self.lock()?;
        match self.find(key)? {
            None => return Ok(Deleted::Gone),
            Some(found) if !is(&found, seen) => return Ok(Deleted::Conflict),
            Some(_) => {}
        }
        let removed = self.0.files.remove(key, &locked);
        removed.map_err(self.failed("write to"))?;
        Ok(Deleted::Done)
    }

    /// One step looks at 256 files at most.
    fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let files = &self.0.files;
        let purged = {
            let sweep = self.0.sweep.lock();
            let mut sweep = sweep.unwrap_or_else(PoisonError::into_inner);
            let step = sweep.step(&files.folder, now, limit);
            step.map_err(self.failed("remove expired sessions from"))?
        };
        if purged.removed() > 0 {
            let locked = self.lock()?;
            files.count(-i64::try_from(purged.removed()).unwrap_or(0), &locked);
        }
        Ok(purged)
    }

    /// Not possible: the names of the files do not tell the keys.
    fn list(&self, _: &str, _: Cursor, _: usize) -> Result<Option<Page>> {
        Ok(None)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            expiry: Expiry::Purged,
            listing: Listing::Unsupported,
            sharing: Sharing::Machine,
        }
    }
}

impl Debug for CachelibStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachelibStore")
            .field("folder", &self.folder())
            .field("names", &self.0.files.names)
            .finish_non_exhaustive()
    }
}
