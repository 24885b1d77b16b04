//! Files, temporary files and locks of a session folder.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::buffer::spare_capacity;
use rustix::fs::{FlockOperation, Mode, OFlags, RawMode, flock};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::Durability;

/// The subfolder that is Dewar's own. cachelib counts, prunes and clears every name in its folder but those
/// with this ending.
pub(super) const OWN: &str = "dewar.__wz_cache";
/// What a record's file is called while it is being made.
pub(super) const UNFINISHED: &str = "new";
/// How often a file is read that does not hold what it must. It may have been written to meanwhile, but hardly so often in a row.
pub(super) const LOOKS: usize = 16;
/// How many locks there are; subfolder `s` belongs to lock `s % LOCKS`.
const LOCKS: u8 = 64;
/// The size below which a record is read at once.
const SMALL: usize = 4096;
/// The largest file that is read or written.
pub(super) const LARGEST: u64 = 256 << 20;

/// A session folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) own: PathBuf,
    pub(super) mode: u32,
    pub(super) durability: Durability,
    owner: Owner,
}

/// Whose files lie in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Dewar,
    Cachelib,
}

/// Where a key's record lies: the key's SHA-256, so that no key can name another place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name([u8; 32]);

impl Name {
    pub(super) fn of(key: &[u8]) -> Name {
        Name(Sha256::digest(key).into())
    }

    pub(super) fn subfolder(&self) -> u8 {
        self.0[0]
    }

    /// 64 characters; the first two name the subfolder.
    pub(super) fn hex(&self) -> String {
        hex(&self.0)
    }
}

/// Whether a file in a subfolder is called as a record is: the rest of [`Name::hex`].
pub(super) fn is_records_name(name: &OsStr) -> bool {
    name.len() == 62
}

/// Lowercase hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

impl Folder {
    pub(super) fn new(root: PathBuf, mode: u32, durability: Durability) -> Folder {
        let own = root.join(OWN);
        Folder {
            root,
            own,
            mode,
            durability,
            owner: Owner::Dewar,
        }
    }

    /// A folder that holds cachelib's files alone: what is Dewar's own is an empty file, for the lock.
    pub(super) fn of_cachelib(root: PathBuf, mode: u32) -> Folder {
        Folder {
            owner: Owner::Cachelib,
            ..Folder::new(root, mode, Durability::Process)
        }
    }

    /// Makes the folders that are missing.
    pub(super) fn prepare(&self) -> io::Result<()> {
        if !self.root.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(self.folder_mode());
            builder.create(self.root.parent().unwrap_or(&self.root))?;
            self.make_folder(&self.root)?;
            // Fails where something else has the name, such as a link that leads nowhere.
            builder.create(&self.root)?;
        }
        if self.owner == Owner::Cachelib {
            return Ok(());
        }
        self.make_folder(&self.own)?;
        self.make_folder(&self.own.join("locks"))
    }

    pub(super) fn path(&self, name: &Name) -> PathBuf {
        let hex = name.hex();
        let (subfolder, file) = hex.split_at(2);
        let mut path = PathBuf::with_capacity(self.own.as_os_str().len() + 72);
        path.push(&self.own);
        path.push(subfolder);
        path.push(file);
        path
    }

    pub(super) fn subfolder(&self, subfolder: u8) -> PathBuf {
        self.own.join(hex(&[subfolder]))
    }

    /// Keeps everybody else from changing records of this subfolder; readers take no lock.
    pub(super) fn lock(&self, subfolder: u8) -> io::Result<Lock> {
        self.lock_named(&hex(&[subfolder % LOCKS]))
    }

    /// Keeps everybody else from changing a cachelib file where it lies, or removing it as expired.
    pub(super) fn lock_legacy(&self) -> io::Result<Lock> {
        match self.owner {
            Owner::Dewar => self.lock_named("legacy"),
            // The same file as the Python package locks for a cache that the application made.
            Owner::Cachelib => self.lock_at(&self.own),
        }
    }

    fn lock_named(&self, name: &str) -> io::Result<Lock> {
        self.lock_at(&self.own.join("locks").join(name))
    }

    // The lock's file is opened each time: a descriptor that is shared, by threads or after a fork, would
    // not exclude those who share it.
    fn lock_at(&self, path: &Path) -> io::Result<Lock> {
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE;
            let file = match open(path, flags, self.mode) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.prepare()?;
                    continue;
                }
                file => file?,
            };
            self.apply_mode(&file)?;
            while let Err(error) = flock(&file, FlockOperation::LockExclusive) {
                if error != rustix::io::Errno::INTR {
                    return Err(error.into());
                }
            }
            let lock = Lock(file);
            // Somebody may have cleared the folder meanwhile; that lock would exclude nobody.
            if lock.0.metadata()?.nlink() > 0 {
                return Ok(lock);
            }
        }
    }

    /// Puts a record's file in its place, whole, at once. The subfolder must be locked: the unfinished
    /// file's name is not shared, and one that lies there is what a dead process left.
    pub(super) fn write(&self, name: &Name, bytes: &[u8], _locked: &Lock) -> io::Result<()> {
        let subfolder = self.subfolder(name.subfolder());
        let unfinished = subfolder.join(UNFINISHED);
        self.write_unfinished(&unfinished, bytes)?;
        let path = self.path(name);
        self.finish(&unfinished, || std::fs::rename(&unfinished, &path))?;
        self.settle(&subfolder)
    }

    /// Writes into a record's file, if it may be written into: whether it was. Its subfolder must be locked.
    pub(super) fn write_into(
        &self,
        path: &Path,
        at: u64,
        bytes: &[u8],
        _locked: &Lock,
    ) -> io::Result<bool> {
        match open_alone(path)? {
            Some((file, metadata)) if self.is_ours(&metadata) => {
                self.apply_mode(&file)?;
                self.write_at(&file, at, bytes)
            }
            _ => Ok(false),
        }
    }

    /// Moves the expiry in a record's file, if it may be written into: whether it was. Its subfolder must be locked.
    pub(super) fn touch_in(
        &self,
        path: &Path,
        at: u64,
        expiry: &[u8],
        _locked: &Lock,
    ) -> io::Result<bool> {
        match open_alone(path)? {
            // Another user's stays theirs: it is told nothing.
            Some((file, _)) => self.write_at(&file, at, expiry),
            None => Ok(false),
        }
    }

    fn write_at(&self, file: &File, at: u64, bytes: &[u8]) -> io::Result<bool> {
        file.write_all_at(bytes, at)?;
        match self.durability {
            Durability::Process => {}
            Durability::Machine => file.sync_data()?,
        }
        Ok(true)
    }

    /// Whether no more may read a file than the mode allows, nor did another user make it.
    fn is_ours(&self, metadata: &Metadata) -> bool {
        let ours = metadata.uid() == rustix::process::geteuid().as_raw();
        ours && metadata.mode() & 0o7777 & !self.mode == 0
    }

    /// Writes a file that is yet to get its place. Whoever calls holds the lock under which this name is used.
    pub(super) fn write_unfinished(&self, unfinished: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.make_unfinished(unfinished)?;
        self.finish(unfinished, || {
            self.apply_mode(&file)?;
            file.write_all(bytes)?;
            match self.durability {
                Durability::Process => Ok(()),
                Durability::Machine => file.sync_data(),
            }
        })
    }

    /// Does a step on an unfinished file; if that fails, the file is removed.
    pub(super) fn finish<T>(
        &self,
        unfinished: &Path,
        step: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        step().inspect_err(|_| {
            // The first failure is what the caller must hear of.
            drop(std::fs::remove_file(unfinished));
        })
    }

    fn make_unfinished(&self, unfinished: &Path) -> io::Result<File> {
        loop {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            match open(unfinished, flags, self.mode) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    remove(unfinished)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.prepare()?;
                    self.make_folder(unfinished.parent().unwrap_or(&self.root))?;
                }
                file => return file,
            }
        }
    }

    /// Removes a file; one that is absent is a success.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        if remove(path)? {
            self.settle(path.parent().unwrap_or(&self.root))?;
        }
        Ok(())
    }

    /// Makes a change of names outlast the machine, if that is asked for.
    fn settle(&self, folder: &Path) -> io::Result<()> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Machine => File::open(folder)?.sync_all(),
        }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mode = self.folder_mode();
        match DirBuilder::new().mode(mode).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
            // The process' mask may have taken away what a group was to have. The folder around it may give its own group to
            // all that is made in it.
            Ok(()) => {
                const GIVES_GROUP: u32 = 0o2000;
                let given = std::fs::metadata(path)?.mode() & GIVES_GROUP;
                std::fs::set_permissions(path, Permissions::from_mode(mode | given))
            }
        }
    }

    fn apply_mode(&self, file: &File) -> io::Result<()> {
        if self.mode == 0o600 || file.metadata()?.mode() & 0o777 == self.mode {
            return Ok(());
        }
        file.set_permissions(Permissions::from_mode(self.mode))
    }

    /// Whoever may read a file may enter its folder.
    fn folder_mode(&self) -> u32 {
        self.mode | (self.mode & 0o444) >> 2 | 0o700
    }
}

/// A lock that is held; given back when dropped, or by the kernel when the process dies.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Not left to closing: a child that was forked meanwhile has the descriptor too.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Opens a file, but follows no link and waits for no pipe.
pub(super) fn open(path: &Path, flags: OFlags, mode: u32) -> io::Result<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor = rustix::fs::open(path, flags, Mode::from_raw_mode(mode as RawMode))?;
    Ok(File::from(descriptor))
}

/// Opens a file to write into it; `None` if it may not be, or has another name too, such as a backup's that is made of links.
fn open_alone(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let file = match open(path, OFlags::WRONLY, 0) {
        // Another user's: a file of one's own can take its place, if the folder lets it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    let alone = metadata.is_file() && metadata.nlink() == 1;
    Ok(alone.then_some((file, metadata)))
}

/// Lets two files change places, in one step.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn exchange(one: &Path, other: &Path) -> Result<(), Errno> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// Other systems have no such call: a file takes the other's place.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn exchange(_: &Path, _: &Path) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// A whole file, or `None` if there is none that can be a record.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match open(path, OFlags::RDONLY, 0) {
        Err(error) if is_absent(&error) => Ok(None),
        file => read_rest(file?, Vec::new()),
    }
}

/// As [`read`], in one read where that brings what is enough; most records are small.
pub(super) fn read_record(
    path: &Path,
    is_enough: impl Fn(&[u8]) -> bool,
) -> io::Result<Option<Vec<u8>>> {
    let file = match open(path, OFlags::RDONLY, 0) {
        Err(error) if is_absent(&error) => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::with_capacity(SMALL);
    match rustix::io::read(&file, spare_capacity(&mut bytes)) {
        Ok(_) if is_enough(&bytes) => Ok(Some(bytes)),
        // A folder, a pipe, a signal: what is looked at closely tells.
        _ => read_rest(file, bytes),
    }
}

/// What a file holds that was opened and of which these bytes were read.
fn read_rest(file: File, mut bytes: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Ok(None);
    }
    let rest = (metadata.len() as usize).saturating_sub(bytes.len());
    bytes.reserve_exact(rest + 1);
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The first bytes of a file, at most `length`; `None` as for [`read`].
pub(super) fn read_start(path: &Path, length: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match open(path, OFlags::RDONLY, 0) {
        Err(error) if is_absent(&error) => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::with_capacity(length);
    match file.take(length as u64).read_to_end(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(error),
        Ok(_) => Ok(Some(bytes)),
    }
}

fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
        Ok(()) => Ok(true),
    }
}

/// No such file, or a symbolic link, which is none either; FreeBSD has a number of its own for that.
fn is_absent(error: &io::Error) -> bool {
    const LINK: [Errno; 2] = [Errno::LOOP, Errno::MLINK];
    error.kind() == io::ErrorKind::NotFound
        || LINK
            .iter()
            .any(|link| error.raw_os_error() == Some(link.raw_os_error()))
}
