use crate::{Error, ErrorKind};

/// What is wrong with bytes that cannot be decoded, and where: a pointer, because every step of a reader may return it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault(Box<Found>);

#[derive(Debug, PartialEq, Eq)]
struct Found {
    what: &'static str,
    at: usize,
}

impl Fault {
    #[cold]
    pub(super) fn new(what: &'static str, at: usize) -> Fault {
        Fault(Box::new(Found { what, at }))
    }

    /// The error for whoever asked for the document.
    pub(super) fn into_error(self, format: &str) -> Error {
        Error::new(
            ErrorKind::Decode,
            format!(
                "not valid as {format}: {} at byte {}",
                self.0.what, self.0.at
            ),
        )
    }
}
