//! Listing: subfolder after subfolder, each in the order of its names.

use std::io;
use std::path::Path;

use crate::UnixTime;
use crate::store::{Cursor, Entry, Key, Page};

use super::folder::{self, Folder, Name};
use super::look;

/// How many files one page looks at, at most.
const STEP: usize = 1024;

/// A page. The cursor is a subfolder's number and the last name that was looked at.
pub(super) fn page(
    folder: &Folder,
    prefix: &str,
    cursor: &Cursor,
    limit: usize,
    now: UnixTime,
) -> io::Result<Page> {
    let (first, last_name) = match cursor.place() {
        [subfolder, name @ ..] => (*subfolder, String::from_utf8_lossy(name).into_owned()),
        [] => (0, String::new()),
    };
    let mut entries = Vec::new();
    let mut seen = 0;
    for subfolder in first..=u8::MAX {
        let after = if subfolder == first {
            last_name.as_str()
        } else {
            ""
        };
        for name in names(folder, subfolder, after)? {
            let path = folder.subfolder(subfolder).join(&name);
            entries.extend(entry(folder, subfolder, &path, prefix, now)?);
            seen += 1;
            if entries.len() >= limit || seen == STEP {
                let place = [&[subfolder], name.as_bytes()].concat();
                let next = Some(Cursor::at(place));
                return Ok(Page { entries, next });
            }
        }
    }
    Ok(Page {
        entries,
        next: None,
    })
}

fn names(folder: &Folder, subfolder: u8, after: &str) -> io::Result<Vec<String>> {
    let files = match std::fs::read_dir(folder.subfolder(subfolder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut names = Vec::new();
    for file in files {
        let name = file?.file_name();
        if folder::is_records_name(&name)
            && let Ok(name) = name.into_string()
            && name.as_str() > after
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn entry(
    folder: &Folder,
    subfolder: u8,
    path: &Path,
    prefix: &str,
    now: UnixTime,
) -> io::Result<Option<Entry>> {
    let Some(summary) = look::checked_summary(folder, subfolder, path)? else {
        return Ok(None);
    };
    let wanted = std::str::from_utf8(&summary.key).ok().filter(|key| {
        folder.path(&Name::of(key.as_bytes())) == path
            && key.starts_with(prefix)
            && summary.expires > now
    });
    Ok(wanted.map(|key| Entry {
        key: Key::new(key),
        size: Some(summary.length),
        expires: Some(summary.expires),
    }))
}
