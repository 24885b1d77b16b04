use std::fmt::Debug;

use crate::{Error, ErrorKind, Result};

/// A source of unpredictable bytes: an argument, so that a test can give its own.
pub trait Random: Debug + Send + Sync + 'static {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// If the source has none to give; the caller then makes no session.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// The operating system's source (`getrandom`), the only one fit for session ids and keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|source| {
            Error::new(
                ErrorKind::Random,
                "the operating system gave no random bytes",
            )
            .with_source(source)
        })
    }
}
