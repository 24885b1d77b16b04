//! Files that hold secrets: read within bounds, written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::exit::{Failure, Outcome};
use crate::text::shell_word;

/// The most bytes that are read of a file or of standard input.
const LIMIT: u64 = 1 << 20;

/// Whether a file that is there may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Keep,
    Replace,
}

/// The whole of a file.
pub(crate) fn read(path: &Path) -> Outcome<Zeroizing<Vec<u8>>> {
    File::open(path)
        .and_then(read_limited)
        .map_err(|error| unreadable(path, error))
}

/// The whole text of a file that may be as large as it likes.
pub(crate) fn read_large(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

/// The whole of standard input.
pub(crate) fn read_stdin() -> Outcome<Zeroizing<Vec<u8>>> {
    read_limited(io::stdin().lock())
        .map_err(|error| Failure::unusable("standard input cannot be read").because(error))
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> Outcome<u32> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    Ok(metadata.mode() & 0o7777)
}

/// Makes a file that only its owner can read; one that is replaced is the one that a symbolic link leads to.
pub(crate) fn create(path: &Path, bytes: &[u8], existing: Existing) -> Outcome<()> {
    may_be_file(path)?;
    let target = match existing {
        Existing::Replace if path.is_symlink() => {
            &fs::canonicalize(path).map_err(|error| unwritable(path, error))?
        }
        _ => path,
    };
    let made = write_beside(target, bytes).and_then(|file| match existing {
        Existing::Replace => file.persist(target).map_err(|error| error.error),
        Existing::Keep => file.persist_noclobber(target).map_err(|error| error.error),
    });
    match made {
        Ok(_) => sync_folder(target),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::unusable(
            format!("{} is there already and was left as it is", path.display()),
        )),
        Err(error) => Err(unwritable(path, error)),
    }
}

/// Replaces the content of a file in one step; its mode and, where the system allows it, its owner stay.
pub(crate) fn rewrite(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let path = &resolve(path)?;
    let rewritten = (|| {
        let before = fs::metadata(path)?;
        let file = write_beside(path, bytes)?;
        let same_owner = file.as_file().metadata()?.uid() == before.uid()
            && file.as_file().metadata()?.gid() == before.gid();
        if !same_owner {
            std::os::unix::fs::fchown(file.as_file(), Some(before.uid()), Some(before.gid()))?;
        }
        file.as_file()
            .set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
        file.persist(path).map_err(|error| error.error)
    })();
    rewritten.map_err(|error| unwritable(path, error))?;
    sync_folder(path)
}

/// Holds off others that change the file by this command, until it is dropped.
///
/// The folder is locked: the file itself is another one once it was rewritten.
pub(crate) fn lock(path: &Path) -> Outcome<File> {
    let target = resolve(path)?;
    may_be_file(path)?;
    let folder = folder_of(&target);
    let lock = File::open(folder).and_then(|file| file.lock().map(|()| file));
    lock.map_err(|error| {
        Failure::unusable(format!("the folder {} cannot be locked", folder.display()))
            .because(error)
    })
}

/// Where a symbolic link leads, so that the file is replaced and not the link.
fn resolve(path: &Path) -> Outcome<PathBuf> {
    fs::canonicalize(path).map_err(|error| unreadable(path, error))
}

/// Refuses a path that no file can have: one of a folder or a device, or in a folder that is not there.
pub(crate) fn may_be_file(path: &Path) -> Outcome<()> {
    let name = path.display();
    if path.is_dir() || path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(
            Failure::unusable(format!("{name} names a folder, and no file"))
                .hint("write the name of a file in it"),
        );
    }
    if path.exists() && !path.is_file() {
        return Err(Failure::unusable(format!(
            "{name} is a device, a pipe or a socket, and no regular file; it was left as it is"
        ))
        .hint("write the name of a file"));
    }
    let folder = folder_of(path);
    let folder_name = folder.display();
    match folder.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Failure::unusable(format!(
            "{folder_name} is a file, and no folder"
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Failure::unusable(format!(
            "there is no folder {folder_name}"
        ))
        .hint(format!(
            "make it first: mkdir -p {}",
            shell_word(folder_name)
        ))),
        Err(error) => Err(unwritable(path, error)),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file with these bytes in the same folder, mode 0600, on the disk.
fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".dewar-")
        .tempfile_in(folder_of(path))
        .map_err(plain)?;
    // Not through `file` itself, whose errors name the unfinished file.
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The error without the name that the unfinished file would have had.
fn plain(error: io::Error) -> io::Error {
    error.kind().into()
}

/// Makes the new name last through a power cut.
fn sync_folder(path: &Path) -> Outcome<()> {
    File::open(folder_of(path))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| unwritable(path, error))
}

fn read_limited(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::unusable(format!("{} cannot be read", path.display())).because(error)
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::unusable(format!("{} cannot be written", path.display())).because(error)
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Outcome<()> {
    fs::remove_file(path).map_err(|error| {
        Failure::unusable(format!("{} cannot be removed", path.display())).because(error)
    })
}

/// Gives a file the permission bits of another.
pub(crate) fn copy_permissions(from: &Path, to: &Path) -> Outcome<()> {
    let permissions = Permissions::from_mode(mode(from)?);
    fs::set_permissions(to, permissions).map_err(|error| unwritable(to, error))
}
