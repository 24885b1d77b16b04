//! Listing: subfolder after subfolder, each in the order of its names.

use std::io;
use std::path::Path;

use crate::UnixTime;
use crate::store::{Cursor, Entry, Key, Page};

use super::folder::{self, Folder, LOOKS, Name};
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
            entries.extend(entry(folder, &path, prefix, now)?);
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

fn entry(folder: &Folder, path: &Path, prefix: &str, now: UnixTime) -> io::Result<Option<Entry>> {
    for _ in 0..LOOKS {
        let Some(start) = read_header(path)? else {
            return Ok(None);
        };
        // Any other may be another record's by now.
        if let Some((key, header)) = key(&start)
            && folder.path(&Name::of(key.as_bytes())) == path
        {
            let wanted = key.starts_with(prefix) && header.expires > now;
            return Ok(wanted.then(|| Entry {
                key: Key::new(key),
                size: Some(header.data_length),
                expires: Some(header.expires),
            }));
        }
    }
    Ok(None)
}

/// The start of a file, up to the end of its key.
fn read_header(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let start = folder::read_start(path, START)?;
    let end = start
        .as_deref()
        .and_then(|start| Some(end_of_key(&Header::read(start)?)));
    match end {
        Some(end) if end > START => folder::read_start(path, end.min(1 << 20)),
        _ => Ok(start),
    }
}

fn key(start: &[u8]) -> Option<(&str, Header)> {
    let header = Header::read(start)?;
    let key = start.get(HEADER..end_of_key(&header))?;
    Some((std::str::from_utf8(key).ok()?, header))
}

fn end_of_key(header: &Header) -> usize {
    HEADER + header.key_length as usize
}
