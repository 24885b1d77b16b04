use super::Version;

/// What [`Store::create`](super::Store::create) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The record is there, in this version.
    Done(Version),
    /// Another record lives under that key; it was left alone.
    Taken,
}

/// What [`Store::replace`](super::Store::replace) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The record is overwritten; this is its version now.
    Done(Version),
    /// Somebody else wrote since; nothing was changed.
    Conflict,
    /// The record is no longer there; nothing was made.
    Gone,
}

/// What [`Store::touch`](super::Store::touch) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The expiry is moved.
    Done,
    /// There is no such record; nothing was made.
    Gone,
}

/// What [`Store::delete_unchanged`](super::Store::delete_unchanged) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The record is removed.
    Done,
    /// Somebody else wrote since; nothing was changed.
    Conflict,
    /// There was no such record.
    Gone,
}

/// What a step of [`Store::delete_expired`](super::Store::delete_expired) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purged {
    /// So many are removed, and more may be left: call again.
    More(u64),
    /// So many are removed, and this step ended a round through all records.
    Finished(u64),
}

impl Purged {
    /// How many records were removed.
    pub fn removed(self) -> u64 {
        match self {
            Purged::More(removed) | Purged::Finished(removed) => removed,
        }
    }
}
