//! How a record's file is read while others may write to it.

use std::io;
use std::mem;
use std::path::Path;

use super::folder::{self, Folder, LOOKS};
use super::record::{Stored, Summary};

/// What is found by somebody who reads a record's file while others may write to it.
pub(super) enum Look {
    Absent,
    Record(Stored),
    /// Nothing whole, however often it was looked at: the file is damaged, or others write to it all the time.
    Unclear,
}

/// Looks at the file at a path.
pub(super) fn look(path: &Path) -> io::Result<Look> {
    let mut cut_off = None;
    for _ in 0..LOOKS {
        let Some(file) = folder::read_record(path, Stored::is_whole)? else {
            return Ok(Look::Absent);
        };
        // Any other may be one that a touch is at.
        let Some(stored) = Stored::read(file) else {
            continue;
        };
        // A write may be under way, and others were between the one that is seen and it. What is so twice is so.
        let seen = stored.unfinished.map(|number| (number, stored.version));
        if seen.is_some() && mem::replace(&mut cut_off, seen) != seen {
            continue;
        }
        return Ok(Look::Record(stored));
    }
    Ok(Look::Unclear)
}

/// As [`look`], and once more under the lock of its subfolder if that found nothing clear: then nobody writes.
pub(super) fn look_closely(folder: &Folder, subfolder: u8, path: &Path) -> io::Result<Look> {
    match look(path)? {
        Look::Unclear => {
            let _lock = folder.lock(subfolder)?;
            look(path)
        }
        found => Ok(found),
    }
}

/// What the file at a path says of itself, which is not checked; `None` if it says nothing.
pub(super) fn summary(path: &Path) -> io::Result<Option<Summary>> {
    let start = folder::read_record(path, Summary::is_in)?;
    Ok(start.as_deref().and_then(Summary::read))
}

/// What is in the file at a path; `None` if it is no whole record. Of large data the start has to be enough: they were
/// written before the file got its place.
pub(super) fn checked_summary(
    folder: &Folder,
    subfolder: u8,
    path: &Path,
) -> io::Result<Option<Summary>> {
    let Some(start) = folder::read_record(path, Summary::is_in)? else {
        return Ok(None);
    };
    if let Some(large) = Summary::read(&start).filter(Summary::is_alone) {
        return Ok(Some(large));
    }
    if let Some(stored) = Stored::read(start)
        && stored.unfinished.is_none()
    {
        return Ok(Some(Summary::of(&stored)));
    }
    Ok(match look_closely(folder, subfolder, path)? {
        Look::Record(stored) => Some(Summary::of(&stored)),
        Look::Absent | Look::Unclear => None,
    })
}
