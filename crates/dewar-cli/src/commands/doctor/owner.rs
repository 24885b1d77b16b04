use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dewar::store::filesystem::{Foreign, user_of};

use super::Finding;
use crate::stores::Location;

/// Whether the store may be written to: what this command makes in a folder or beside a file of another user, that user could not
/// write to afterwards.
pub(super) fn may_write(location: &Location, findings: &mut Vec<Finding>) -> bool {
    match location {
        Location::Filesystem(folder) | Location::Cachelib(folder) => of_folder(folder, findings),
        Location::Place(place) => place.file().is_none_or(|file| of_file(&file, findings)),
    }
}

fn of_folder(folder: &Path, findings: &mut Vec<Finding>) -> bool {
    let name = folder.display();
    if !folder.exists() {
        return may_make("folder", folder, findings);
    }
    let Some(user) = user_of(folder) else {
        // That it is none is said when it is opened.
        return true;
    };
    if let Some(foreign) = Foreign::find(folder, user) {
        findings.push(refused("folder", &foreign, user).fix(format!("chown -R {user} {name}")));
    }
    is_ours("folder", folder, user, findings)
}

fn refused(check: &'static str, foreign: &Foreign, user: u32) -> Finding {
    let what = format!("{foreign}, and the application's user is {user}: it is refused there");
    Finding::bad(check, what)
}

fn of_file(file: &Path, findings: &mut Vec<Finding>) -> bool {
    let Ok(metadata) = fs::metadata(file) else {
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        // Without its folder it is not made by anybody.
        return !folder.is_none_or(Path::is_dir) || may_make("file", file, findings);
    };
    let user = metadata.uid();
    for beside in ["-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(beside);
        let path = PathBuf::from(path);
        if let Some(foreign) = Foreign::at(&path, user) {
            let fix = format!("chown {user} {}", path.display());
            findings.push(refused("file", &foreign, user).fix(fix));
        }
    }
    is_ours("file", file, user, findings)
}

/// Root makes nothing that is not there.
fn may_make(check: &'static str, path: &Path, findings: &mut Vec<Finding>) -> bool {
    let root = own_user() == 0;
    if root {
        findings.push(
            Finding::bad(
                check,
                format!(
                    "there is no {check} {}, and it was not made: this command runs as root, and the application may be refused in what root \
                     makes",
                    path.display()
                ),
            )
            .fix(format!("start the application once, or {}", as_user("USER"))),
        );
    }
    !root
}

fn is_ours(check: &'static str, path: &Path, user: u32, findings: &mut Vec<Finding>) -> bool {
    let own = own_user();
    if user != own {
        findings.push(
            Finding::bad(
                check,
                format!(
                    "{} belongs to user {user}, and this command runs as {own}: nothing was tried, as the application would be refused in \
                     what this command makes",
                    path.display()
                ),
            )
            .fix(as_user(&format!("'#{user}'"))),
        );
    }
    user == own
}

fn as_user(user: &str) -> String {
    format!(
        "run this command as the user of the application, in its environment: sudo -u {user} dewar doctor …"
    )
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
