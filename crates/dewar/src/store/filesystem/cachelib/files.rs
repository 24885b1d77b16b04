//! cachelib's files: their names, their count, and how one takes the place of another.

use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use rustix::io::Errno;

use super::Names;
use crate::UnixTime;
use crate::data::pickle;
use crate::store::Key;
use crate::store::filesystem::folder::{self, Folder, Lock, Name, hex};
use crate::store::filesystem::legacy::{self, COUNTERS, HEADER, Legacy};

/// What a file is written as before it gets its name; cachelib leaves what ends so alone.
const UNFINISHED: &str = "dewar-new.__wz_cache";

pub(super) struct Files {
    pub(super) folder: Folder,
    pub(super) names: Names,
}

/// What became of a file that was to be put into its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    Done,
    /// cachelib has written another one meanwhile.
    Conflict,
    /// cachelib has deleted the one before meanwhile.
    Gone,
}

impl Files {
    /// Makes the folder if it is missing, and tries whether it can be used.
    pub(super) fn open(folder: Folder, names: Option<Names>) -> io::Result<Files> {
        folder.prepare()?;
        let files = Files::open_to_read(folder, names);
        let _locked = files.folder.lock_legacy()?;
        let unfinished = files.folder.root.join(UNFINISHED);
        files.folder.write_unfinished(&unfinished, b"")?;
        files.folder.remove(&unfinished)?;
        Ok(files)
    }

    pub(super) fn open_to_read(folder: Folder, names: Option<Names>) -> Files {
        let names = names.unwrap_or_else(|| {
            let [md5, sha256] = COUNTERS.map(|name| folder.root.join(name).exists());
            match md5 && !sha256 {
                true => Names::Md5,
                false => Names::Sha256,
            }
        });
        Files { folder, names }
    }

    /// What lives under the key.
    pub(super) fn find(&self, key: &Key, now: UnixTime) -> io::Result<Option<Legacy>> {
        let [usual, other] = self.paths(key);
        // Between the two looks it may have moved from the other name to the usual one.
        for path in [usual.clone(), other, usual] {
            if let Some(found) = legacy::read(path, now)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Puts a file where none lives.
    pub(super) fn add(&self, key: &Key, file: &[u8], locked: &Lock) -> io::Result<Placed> {
        let [usual, _] = self.paths(key);
        if legacy::is_counter(&usual) {
            return Err(io::Error::other("a key that cachelib uses itself"));
        }
        // What has expired is in the way.
        self.remove(key, locked)?;
        let placed = self.put_new(&usual, file)?;
        if placed == Placed::Done {
            self.count(1, locked);
        }
        Ok(placed)
    }

    /// Puts a file in the place of the one that was found.
    pub(super) fn replace(
        &self,
        key: &Key,
        file: &[u8],
        found: &Legacy,
        _locked: &Lock,
    ) -> io::Result<Placed> {
        let [usual, _] = self.paths(key);
        if found.path == usual {
            return self.exchange(&usual, file, &found.pickle);
        }
        // Under the usual name there may be what has expired.
        self.folder.remove(&usual)?;
        let placed = self.put_new(&usual, file)?;
        if placed == Placed::Done {
            self.folder.remove(&found.path)?;
        }
        Ok(placed)
    }

    /// Removes what is there under both names.
    pub(super) fn remove(&self, key: &Key, locked: &Lock) -> io::Result<()> {
        let mut removed = 0;
        for path in self.paths(key) {
            if !legacy::is_counter(&path) && path.exists() {
                self.folder.remove(&path)?;
                removed += 1;
            }
        }
        self.count(-removed, locked);
        Ok(())
    }

    /// Adds to cachelib's count of files, if it keeps one there. It counts anew when it starts, and each of its
    /// own processes may overwrite what another counted: that this fails is no reason to fail.
    pub(super) fn count(&self, change: i64, _locked: &Lock) {
        if change == 0 {
            return;
        }
        if let Err(error) = self.try_count(change) {
            let folder = self.folder.root.display();
            tracing::warn!(%folder, %error, "cachelib's count of files could not be written");
        }
    }

    fn try_count(&self, change: i64) -> io::Result<()> {
        let [md5, sha256] = COUNTERS;
        let counter = self.folder.root.join(match self.names {
            Names::Md5 => md5,
            Names::Sha256 => sha256,
        });
        let Some(file) = folder::read(&counter)? else {
            return Ok(());
        };
        let Some(count) = file.get(HEADER..).and_then(pickle::read_count) else {
            return Ok(());
        };
        let never = [0; HEADER];
        let count = pickle::write_count(count.saturating_add(change).max(0));
        let unfinished = self.unfinished();
        let file = [&never[..], &count].concat();
        self.folder.write_unfinished(&unfinished, &file)?;
        let renamed = || std::fs::rename(&unfinished, &counter);
        self.folder.finish(&unfinished, renamed)
    }

    fn put_new(&self, path: &Path, file: &[u8]) -> io::Result<Placed> {
        let unfinished = self.unfinished();
        self.folder.write_unfinished(&unfinished, file)?;
        let linked = || match std::fs::hard_link(&unfinished, path) {
            Ok(()) => Ok(Placed::Done),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::Conflict),
            // A file system without links.
            Err(_) => std::fs::rename(&unfinished, path).map(|()| Placed::Done),
        };
        let placed = self.folder.finish(&unfinished, linked)?;
        self.folder.remove(&unfinished)?;
        Ok(placed)
    }

    /// Puts a file in the place of the one that holds what was seen.
    ///
    /// Both change places in one step, so that there is always one, and none where cachelib has deleted it. What
    /// was taken out is then compared: if cachelib has written meanwhile, both go back.
    fn exchange(&self, path: &Path, file: &[u8], seen: &[u8]) -> io::Result<Placed> {
        let unfinished = self.unfinished();
        self.folder.write_unfinished(&unfinished, file)?;
        let exchanged = || match folder::exchange(&unfinished, path) {
            Ok(()) => {
                let taken = folder::read(&unfinished)?.unwrap_or_default();
                if taken.get(HEADER..) == Some(seen) {
                    return Ok(Placed::Done);
                }
                put_back(&unfinished, path, file)?;
                Ok(Placed::Conflict)
            }
            Err(Errno::NOENT) => Ok(Placed::Gone),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                std::fs::rename(&unfinished, path).map(|()| Placed::Done)
            }
            Err(error) => Err(error.into()),
        };
        let placed = self.folder.finish(&unfinished, exchanged)?;
        self.folder.remove(&unfinished)?;
        Ok(placed)
    }

    fn unfinished(&self) -> PathBuf {
        self.folder.root.join(UNFINISHED)
    }

    /// The name for new files first.
    fn paths(&self, key: &Key) -> [PathBuf; 2] {
        let key = key.expose().as_bytes();
        let sha256 = self.folder.root.join(Name::of(key).hex());
        let md5 = self.folder.root.join(hex(&Md5::digest(key)));
        match self.names {
            Names::Sha256 => [sha256, md5],
            Names::Md5 => [md5, sha256],
        }
    }
}

/// Undoes an exchange that took out what cachelib had just written.
fn put_back(unfinished: &Path, path: &Path, ours: &[u8]) -> io::Result<()> {
    match folder::exchange(unfinished, path) {
        Ok(()) => {}
        // Deleted since: so it is gone for both.
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    // It may have written once more in between; the newest stays.
    if folder::read(unfinished)?.as_deref() != Some(ours) {
        let _ = folder::exchange(unfinished, path);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
