//! Whether files with secrets are kept from other users of the machine.

use std::fs::File;
use std::path::Path;

/// Who may read the file that a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposure {
    /// Its owner or its group, or it is no file.
    Limited,
    /// Every user of the machine.
    Everybody,
}

impl Exposure {
    /// Of a file that was opened under this path: its own mode, and that of every folder above it.
    #[cfg(unix)]
    pub(super) fn of(file: &File, path: &Path) -> Exposure {
        use std::os::unix::fs::MetadataExt;

        const OTHERS_READ: u32 = 0o004;
        const OTHERS_ENTER: u32 = 0o001;
        let readable = file
            .metadata()
            .is_ok_and(|metadata| metadata.mode() & OTHERS_READ != 0);
        let reachable = || {
            // What a link leads to counts, not the link.
            path.canonicalize().is_ok_and(|path| {
                path.ancestors().skip(1).all(|folder| {
                    let metadata = folder.metadata();
                    metadata.is_ok_and(|metadata| metadata.mode() & OTHERS_ENTER != 0)
                })
            })
        };
        match readable && reachable() {
            true => Exposure::Everybody,
            false => Exposure::Limited,
        }
    }

    /// Elsewhere files have no mode that could tell.
    #[cfg(not(unix))]
    pub(super) fn of(_: &File, _: &Path) -> Exposure {
        Exposure::Limited
    }
}
