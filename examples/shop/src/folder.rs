//! The folder that outlives the demo: the sessions of the filesystem store, and the secret key.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use dewar::OsRandom;
use dewar::signing::SecretKey;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// The demo's folder.
pub struct Folder(PathBuf);

/// A secret key, and whether it had to be made.
pub struct KeyFile {
    pub key: SecretKey,
    pub path: PathBuf,
    pub origin: Origin,
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Made,
    Found,
}

impl Folder {
    /// Makes the folder unless it is there.
    pub fn open(path: PathBuf) -> Result<Folder, Failure> {
        fs::create_dir_all(&path)
            .and_then(|()| path.canonicalize())
            .map(Folder)
            .map_err(|error| Failure::folder(&path, error))
    }

    /// Beside the program: `target/dewar-shop` after `cargo run`.
    pub fn default_path() -> PathBuf {
        let beside = std::env::current_exe().ok().and_then(|program| {
            let target = program.parent()?.parent()?;
            target
                .ends_with("target")
                .then(|| target.join("dewar-shop"))
        });
        beside.unwrap_or_else(|| std::env::temp_dir().join("dewar-shop"))
    }

    /// Where the filesystem store keeps its sessions.
    pub fn sessions(&self) -> PathBuf {
        self.0.join("sessions")
    }

    /// Reads the secret key; makes one at the first start, so that cookies stay valid after a restart.
    pub fn secret_key(&self) -> Result<KeyFile, Failure> {
        let path = self.0.join("secret-key");
        let failed = |error| Failure::secret_key(&path, error);
        let origin = match fs::metadata(&path) {
            Ok(_) => Origin::Found,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = SecretKey::generate(&OsRandom)?;
                make(&self.0, &path, key.expose()).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        let bytes = fs::read(&path).map_err(failed)?;
        if bytes.len() < SecretKey::GENERATED_LENGTH {
            return Err(failed(io::Error::new(
                ErrorKind::InvalidData,
                "the file is too short to be a key; remove it to have a new one made",
            )));
        }
        Ok(KeyFile {
            key: SecretKey::new(bytes),
            path,
            origin,
        })
    }
}

/// Puts the whole key in place at once, readable by its owner alone; a key that somebody else put there first stays.
fn make(folder: &Path, path: &Path, key: &[u8]) -> io::Result<Origin> {
    // Temporary files have mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(key)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(Origin::Made),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(Origin::Found),
        Err(error) => Err(error.error),
    }
}
