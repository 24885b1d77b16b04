use crate::{Error, ErrorKind};

/// What is wrong with bytes that cannot be decoded, and where; small, because every step of a reader may return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    what: &'static str,
    at: usize,
}

impl Fault {
    pub(super) fn new(what: &'static str, at: usize) -> Fault {
        Fault { what, at }
    }

    /// The error for whoever asked for the document.
    pub(super) fn into_error(self, format: &str) -> Error {
        Error::new(
            ErrorKind::Decode,
            format!("not valid as {format}: {} at byte {}", self.what, self.at),
        )
    }
}
