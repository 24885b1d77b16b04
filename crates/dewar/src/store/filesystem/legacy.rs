//! Files of cachelib, which Flask-Session writes: 4 bytes of expiry and a pickle.
//!
//! ```text
//! 0   4   expiry in seconds since 1970, unsigned, in the machine's byte order; 0 = never
//! 4   n   the pickle
//! ```
//!
//! They lie in the root of the folder under the SHA-256 of the key in hex (cachelib 0.16 and later) or its
//! MD5 (before). cachelib takes no lock: a file that it replaces while Dewar moves it is the older one's loss.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use md5::{Digest, Md5};
use rustix::fs::OFlags;

use crate::UnixTime;

use super::folder::{self, Folder, Lock, Name, hex};

/// cachelib's counter of files, under either hash of `__wz_cache_count`.
pub(super) const COUNTERS: [&str; 2] = [
    "2029240f6d1128be89ddc32729463129",
    "79bc207ee04a581ab2348ca1f3494e64cd0ec36128735b8c6bc85ddd8fe1938c",
];

/// The bytes of the expiry.
pub(super) const HEADER: usize = 4;

/// A session that cachelib wrote.
pub(super) struct Legacy {
    pub(super) path: PathBuf,
    pub(super) pickle: Bytes,
    /// `None` for never.
    pub(super) expires: Option<UnixTime>,
}

/// Both names that a key can have.
pub(super) fn paths(folder: &Folder, key: &[u8], name: &Name) -> [PathBuf; 2] {
    let names = [name.hex(), hex(&Md5::digest(key))];
    names.map(|name| folder.root.join(name))
}

/// The session under this key, if cachelib wrote one that lives.
pub(super) fn find(
    folder: &Folder,
    key: &[u8],
    name: &Name,
    now: UnixTime,
) -> io::Result<Option<Legacy>> {
    for path in paths(folder, key, name) {
        if let Some(legacy) = read(path, now)? {
            return Ok(Some(legacy));
        }
    }
    Ok(None)
}

/// The session of this file, if it is one that lives.
pub(super) fn read(path: PathBuf, now: UnixTime) -> io::Result<Option<Legacy>> {
    if is_counter(&path) {
        return Ok(None);
    }
    let Some(file) = folder::read(&path)? else {
        return Ok(None);
    };
    let living = expiry(&file).filter(|expiry| expiry.is_none_or(|expires| expires > now));
    Ok(living.map(|expires| Legacy {
        path,
        pickle: Bytes::from(file).slice(HEADER..),
        expires,
    }))
}

/// What a file begins with. Rounded up to a second; 0 would be never.
pub(super) fn header(expires: UnixTime) -> [u8; HEADER] {
    let seconds = (expires + std::time::Duration::from_millis(999)).seconds();
    let seconds = u32::try_from(seconds.max(1)).unwrap_or(u32::MAX);
    seconds.to_ne_bytes()
}

/// Overwrites the expiry where it lies, if the session still lives. The folder's files of cachelib are locked.
pub(super) fn touch(
    legacy: &Legacy,
    expires: UnixTime,
    now: UnixTime,
    _locked: &Lock,
) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;

    let file = match folder::open(&legacy.path, OFlags::RDWR, 0) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    let mut start = [0; HEADER];
    file.read_exact_at(&mut start, 0)?;
    if expiry(&start)
        .flatten()
        .is_some_and(|expires| expires <= now)
    {
        return Ok(false);
    }
    file.write_all_at(&header(expires), 0)?;
    Ok(true)
}

/// Removes a file of the folder's root if cachelib wrote it and it had expired.
pub(super) fn remove_expired(folder: &Folder, path: &Path, now: UnixTime) -> io::Result<bool> {
    if !is_legacy(path) || !has_expired(path, now)? {
        return Ok(false);
    }
    let _lock = folder.lock_legacy()?;
    if !has_expired(path, now)? {
        return Ok(false);
    }
    folder.remove(path)?;
    Ok(true)
}

fn has_expired(path: &Path, now: UnixTime) -> io::Result<bool> {
    let start = folder::read_start(path, HEADER)?;
    let expires = start.and_then(|start| expiry(&start)).flatten();
    Ok(expires.is_some_and(|expires| expires <= now))
}

/// `None` if the file is too short to be one; `Some(None)` for never.
fn expiry(file: &[u8]) -> Option<Option<UnixTime>> {
    let seconds = u32::from_ne_bytes(*file.first_chunk()?);
    Some((seconds != 0).then(|| UnixTime::from_seconds(seconds.into())))
}

pub(super) fn is_legacy(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let hash = name.is_some_and(|name| {
        matches!(name.len(), 32 | 64)
            && name
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    hash && !is_counter(path)
}

pub(super) fn is_counter(path: &Path) -> bool {
    COUNTERS.iter().any(|counter| path.ends_with(counter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_the_hashes_of_their_name() {
        let name = b"__wz_cache_count";
        assert_eq!(COUNTERS, [hex(&Md5::digest(name)), Name::of(name).hex()]);
    }
}
