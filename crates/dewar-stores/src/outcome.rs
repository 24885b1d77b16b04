use bytes::Bytes;
use dewar::store::{Deleted, Replaced, Version};

/// What a write did that was to change only the version that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What it was to do.
    Done,
    /// Nothing: somebody else wrote since.
    Conflict,
    /// Nothing: the record is not there.
    Gone,
}

impl Outcome {
    /// Of a write of these bytes, which are the version from now on.
    pub(crate) fn replaced(self, blob: Bytes) -> Replaced {
        match self {
            Outcome::Done => Replaced::Done(Version::content(blob)),
            Outcome::Conflict => Replaced::Conflict,
            Outcome::Gone => Replaced::Gone,
        }
    }

    /// Of a removal.
    pub(crate) fn deleted(self) -> Deleted {
        match self {
            Outcome::Done => Deleted::Done,
            Outcome::Conflict => Deleted::Conflict,
            Outcome::Gone => Deleted::Gone,
        }
    }
}
