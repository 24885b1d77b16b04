//! The search for expired records, a few files at a time.

use std::ffi::OsStr;
use std::fs::ReadDir;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::UnixTime;
use crate::store::Purged;

use super::folder::{self, Folder, Name, UNFINISHED};
use super::record::{Remains, Stored};
use super::{legacy, look};

/// How many files one step looks at, at most.
const STEP: usize = 256;
/// How long a damaged file is left as it is: as long as a session of Flask's, if nothing else is set.
const KEPT: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// The folder's root, with cachelib's files, comes after the 256 subfolders.
const ROOT: u16 = 256;

/// How far the search has come. It goes on where the last step ended, over all subfolders in turn, and past what it may not
/// look at or remove: that is told when it has been everywhere.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    first: u16,
    place: u16,
    files: Option<ReadDir>,
    /// The first failure of this round.
    failed: Option<io::Error>,
}

impl Sweep {
    /// Over cachelib's files alone.
    pub(super) fn of_cachelib() -> Sweep {
        Sweep {
            first: ROOT,
            place: ROOT,
            files: None,
            failed: None,
        }
    }

    pub(super) fn step(
        &mut self,
        folder: &Folder,
        now: UnixTime,
        limit: usize,
    ) -> io::Result<Purged> {
        let (mut removed, mut seen) = (0, 0);
        while removed < limit && seen < STEP {
            seen += 1;
            let Some(files) = &mut self.files else {
                if self.place > ROOT {
                    self.place = self.first;
                    return match self.failed.take() {
                        Some(error) => Err(error),
                        None => Ok(Purged::Finished(removed as u64)),
                    };
                }
                let files = open_folder(folder, self.place);
                self.files = self.or_note(files).flatten();
                if self.files.is_none() {
                    self.place += 1;
                }
                continue;
            };
            let Some(entry) = files.next() else {
                self.files = None;
                self.place += 1;
                continue;
            };
            let gone = entry.and_then(|entry| match u8::try_from(self.place) {
                Ok(subfolder) => remove_expired(folder, subfolder, &entry.path(), now),
                Err(_) => legacy::remove_expired(folder, &entry.path(), now),
            });
            removed += usize::from(self.or_note(gone).unwrap_or(false));
        }
        Ok(Purged::More(removed as u64))
    }

    fn or_note<T>(&mut self, done: io::Result<T>) -> Option<T> {
        done.map_err(|error| self.failed.get_or_insert(error)).ok()
    }
}

fn open_folder(folder: &Folder, place: u16) -> io::Result<Option<ReadDir>> {
    let path = match u8::try_from(place) {
        Ok(subfolder) => folder.subfolder(subfolder),
        Err(_) => folder.root.clone(),
    };
    match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        files => files.map(Some),
    }
}

fn remove_expired(folder: &Folder, subfolder: u8, path: &Path, now: UnixTime) -> io::Result<bool> {
    if path.file_name() == Some(OsStr::new(UNFINISHED)) {
        // What a process left that died.
        let _lock = folder.lock(subfolder)?;
        folder.remove(path)?;
        return Ok(false);
    }
    let is_record = path.file_name().is_some_and(folder::is_records_name);
    match look::summary(path)? {
        Some(summary) if summary.expires > now => return Ok(false),
        None if !is_record => return Ok(false),
        _ => {}
    }
    // Somebody may have touched or replaced it since.
    let _lock = folder.lock(subfolder)?;
    let Some(file) = folder::read(path)? else {
        return Ok(false);
    };
    let remains = Remains::read(&file);
    let key = match (Stored::read(file), remains) {
        (Some(stored), _) if stored.expires <= now => Some(stored.key().to_vec()),
        (None, Some(remains)) if is_record && is_over(&remains, path, now)? => remains.key,
        _ => return Ok(false),
    };
    // First what a killed process may have left of the same session in cachelib's form: alone it would live again.
    let key = key.filter(|key| folder.path(&Name::of(key)) == path);
    if let Some(key) = key {
        for legacy in legacy::paths(folder, &key, &Name::of(&key)) {
            folder.remove(&legacy)?;
        }
    }
    folder.remove(path)?;
    Ok(true)
}

/// Whether what is left of a damaged file can be of use to nobody: it counts as absent as it is, and nobody is about to
/// put back what belongs there.
fn is_over(remains: &Remains, path: &Path, now: UnixTime) -> io::Result<bool> {
    let written = UnixTime::from(std::fs::symlink_metadata(path)?.modified()?);
    let expires = remains.expires.unwrap_or(UnixTime::EPOCH);
    Ok(expires <= now && written + KEPT <= now)
}
