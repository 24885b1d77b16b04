//! Whose a session folder is, and what in it belongs to somebody else: a process cannot write to what another user made.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::folder::OWN;
use super::legacy::{is_counter, is_legacy};

/// So many sessions' files are looked at, at most.
const MOST_FILES: usize = 1024;

/// A part of a session folder that belongs to another user, and that its group may not write to.
///
/// `Display` says which part it is, and whose. Of a session's file it names only the folder: the file's own name comes from the
/// session's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    part: Part,
    owner: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// A folder or a lock.
    Named(PathBuf),
    FileIn(PathBuf),
}

impl Foreign {
    /// A file or a folder, if this user is to use it and it is such a part.
    pub fn at(path: &Path, user: u32) -> Option<Foreign> {
        Foreign::part(path, Part::Named(path.to_path_buf()), user)
    }

    /// The first such part of a folder that this user is to use.
    pub fn find(folder: &Path, user: u32) -> Option<Foreign> {
        let own = folder.join(OWN);
        let locks = own.join("locks");
        // Whoever has the inner folder needs no right to change the outer one.
        let outer = match own.is_dir() {
            true => own.clone(),
            false => folder.to_path_buf(),
        };
        let subfolders = || entries(&own).filter(|path| is_subfolder(path));
        let named = [outer, own.clone(), locks.clone()]
            .into_iter()
            .chain(entries(&locks))
            .chain(subfolders())
            .map(|path| (path.clone(), Part::Named(path)));
        let of_cachelib = entries(folder).filter(|path| is_legacy(path) || is_counter(path));
        let files = subfolders()
            .flat_map(|subfolder| entries(&subfolder))
            .chain(of_cachelib)
            .take(MOST_FILES)
            .map(|path| {
                let parent = path.parent().unwrap_or(folder).to_path_buf();
                (path, Part::FileIn(parent))
            });
        let mut parts = named.chain(files);
        parts.find_map(|(path, part)| Foreign::part(&path, part, user))
    }

    fn part(path: &Path, part: Part, user: u32) -> Option<Foreign> {
        let owner = other_owner(path, user)?;
        Some(Foreign { part, owner })
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Part::Named(path) => write!(f, "{}", path.display())?,
            Part::FileIn(folder) => write!(f, "a file in {}", folder.display())?,
        }
        write!(f, " belongs to user {}", self.owner)
    }
}

/// The user whose processes keep sessions in a folder: who made Dewar's part of it, unless that was root, or else the
/// folder's owner; `None` if there is no such folder.
pub fn user_of(folder: &Path) -> Option<u32> {
    let outer = fs::metadata(folder).ok().filter(Metadata::is_dir)?.uid();
    let own = fs::metadata(folder.join(OWN)).map_or(0, |own| own.uid());
    Some(if own == 0 { outer } else { own })
}

/// Who else may put files, and with them sessions, into a folder in which this user keeps files of this mode.
///
/// A group is trusted, and root finds the folders of an application in the hands of its user.
pub(super) fn open_to_others(folder: &Path, mode: u32, user: u32) -> Option<String> {
    const EVERYBODY_WRITES: u32 = 0o002;
    const GROUP: u32 = 0o070;
    [folder.to_path_buf(), folder.join(OWN)].iter().find_map(|path| {
        let metadata = fs::metadata(path).ok().filter(Metadata::is_dir)?;
        let owner = metadata.uid();
        let name = path.display();
        if metadata.mode() & EVERYBODY_WRITES != 0 {
            Some(format!(
                "every user of this machine may write to {name} (mode {:04o}): chmod 700 {name}",
                metadata.mode() & 0o7777
            ))
        } else if owner != user && owner != 0 && user != 0 && mode & GROUP == 0 {
            Some(format!("{name} belongs to user {owner}{}", not_this_user(user, path)))
        } else {
            None
        }
    })
}

/// What to add to the message of an operation on a folder that was refused.
pub(super) fn why_refused(folder: &Path) -> String {
    let user = rustix::process::geteuid().as_raw();
    match Foreign::find(folder, user) {
        Some(foreign) => format!(" ({foreign}{})", not_this_user(user, folder)),
        None => format!(" (this process runs as user {user})"),
    }
}

/// What follows on "belongs to user …": who this process is, and how it gets a folder.
fn not_this_user(user: u32, folder: &Path) -> String {
    format!(
        ", and this process runs as user {user}: chown -R {user} {}",
        folder.display()
    )
}

/// The owner of a file that is not this user, if the file's mode leaves writing to its owner.
fn other_owner(path: &Path, user: u32) -> Option<u32> {
    const OTHERS_WRITE: u32 = 0o022;
    let metadata = fs::symlink_metadata(path).ok()?;
    let other = metadata.uid() != user && metadata.mode() & OTHERS_WRITE == 0;
    other.then(|| metadata.uid())
}

/// What is in a folder; nothing, where it cannot be looked into.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.flatten().map(|entry| entry.path())
}

fn is_subfolder(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.len() == 2 && u8::from_str_radix(name, 16).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn who_else_may_put_files_into_a_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let us = fs::metadata(path).unwrap().uid();
        assert_eq!(open_to_others(path, 0o600, us), None);
        fs::set_permissions(path, Permissions::from_mode(0o1777)).unwrap();
        let told = open_to_others(path, 0o600, us).unwrap();
        assert!(
            told.contains("every user") && told.contains("1777"),
            "{told}"
        );
        fs::set_permissions(path, Permissions::from_mode(0o770)).unwrap();
        assert_eq!(open_to_others(path, 0o660, us), None);
        // Only root can give a folder away.
        if us != 0 || chown(path, Some(65534), None).is_ok() {
            let owner = fs::metadata(path).unwrap().uid();
            let told = open_to_others(path, 0o600, owner + 1).unwrap();
            assert!(told.contains(&format!("belongs to user {owner}")), "{told}");
            assert_eq!(open_to_others(path, 0o660, owner + 1), None);
            assert_eq!(open_to_others(path, 0o600, 0), None);
        }
    }
}
