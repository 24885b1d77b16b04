//! Listing: subfolder after subfolder, each in the order of its names.

use std::io;

use crate::UnixTime;
use crate::store::{Cursor, Entry, Key, Page};

use super::folder::{self, Folder};
use super::record::{HEADER, Header};

/// How many files one page looks at, at most.
const STEP: usize = 1024;
/// Enough for the header and almost any key.
const START: usize = 512;

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
            entries.extend(entry(&path, prefix, now)?);
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
        let name = file?.file_name().into_string();
        names.extend(
            name.ok()
                .filter(|name| name.len() == 62 && name.as_str() > after),
        );
    }
    names.sort_unstable();
    Ok(names)
}

fn entry(path: &std::path::Path, prefix: &str, now: UnixTime) -> io::Result<Option<Entry>> {
    let Some(mut start) = folder::read_start(path, START)? else {
        return Ok(None);
    };
    let Ok(header) = Header::read(&start) else {
        return Ok(None);
    };
    let end = HEADER + header.key_length as usize;
    if end > START {
        start = folder::read_start(path, end.min(1 << 20))?.unwrap_or_default();
    }
    let key = start
        .get(HEADER..end)
        .and_then(|key| std::str::from_utf8(key).ok());
    Ok(key
        .filter(|key| key.starts_with(prefix) && header.expires > now)
        .map(|key| Entry {
            key: Key::new(key),
            size: Some(header.data_length),
            expires: Some(header.expires),
        }))
}
