use std::fmt;

use crate::signing::BadData;

/// Why a cookie was not accepted, in words for a log line; nothing of the cookie is in it.
///
/// A rejected cookie is not an error to the user, who gets a fresh session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// It has not the parts that it should have.
    Malformed,
    /// Its signature is that of none of the keys.
    BadSignature {
        /// How many keys were tried.
        keys: usize,
    },
    /// It is authentic but too old. Both in seconds.
    Expired {
        /// How old it is.
        age: u64,
        /// How old it may be.
        max_age: u64,
    },
    /// It is authentic but was made in the future: a clock is wrong.
    FromTheFuture {
        /// How many seconds ahead it is.
        ahead: u64,
    },
    /// It is authentic but would inflate to more than is allowed.
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
    /// It is authentic but what it holds cannot be decoded.
    Undecodable,
    /// What it holds could not be a session id.
    NotAnId,
    /// The store has no such session: it has ended, or the id was made up.
    Unknown,
    /// The session has reached its absolute lifetime.
    Over,
}

impl Rejection {
    /// A short name that does not change, for metrics.
    ///
    /// ```
    /// use dewar::cookie::Rejection;
    ///
    /// assert_eq!(Rejection::Expired { age: 90, max_age: 60 }.reason(), "expired");
    /// ```
    pub fn reason(&self) -> &'static str {
        match self {
            Rejection::Malformed => "malformed",
            Rejection::BadSignature { .. } => "bad_signature",
            Rejection::Expired { .. } => "expired",
            Rejection::FromTheFuture { .. } => "from_the_future",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::Undecodable => "undecodable",
            Rejection::NotAnId => "not_an_id",
            Rejection::Unknown => "unknown",
            Rejection::Over => "over",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Malformed => f.write_str("the cookie is not a signed one"),
            Rejection::BadSignature { keys: 1 } => {
                f.write_str("the cookie was not signed with SECRET_KEY, or was changed")
            }
            Rejection::BadSignature { keys } => write!(
                f,
                "the cookie was not signed with any of the {keys} keys, or was changed"
            ),
            Rejection::Expired { age, max_age } => write!(
                f,
                "the cookie has expired: it is {age} s old, {max_age} s are allowed"
            ),
            Rejection::FromTheFuture { ahead } => write!(
                f,
                "the cookie was signed {ahead} s in the future: compare the clocks of the servers"
            ),
            Rejection::TooLarge { limit } => {
                write!(f, "the cookie inflates to more than {limit} bytes")
            }
            Rejection::Undecodable => {
                f.write_str("the session is there but its data cannot be decoded")
            }
            Rejection::NotAnId => f.write_str("the cookie does not hold a session id"),
            Rejection::Unknown => {
                f.write_str("the store has no such session: it has ended, or the id was made up")
            }
            Rejection::Over => f.write_str("the session has reached SESSION_ABSOLUTE_LIFETIME"),
        }
    }
}

impl std::error::Error for Rejection {}

impl From<BadData> for Rejection {
    fn from(bad: BadData) -> Rejection {
        match bad {
            BadData::NoSeparator | BadData::TimestampMissing | BadData::TimestampMalformed => {
                Rejection::Malformed
            }
            BadData::SignatureMismatch { keys } => Rejection::BadSignature { keys },
            BadData::Expired { age, max_age } => Rejection::Expired { age, max_age },
            BadData::FromTheFuture { ahead } => Rejection::FromTheFuture { ahead },
            BadData::PayloadTooLarge { limit } => Rejection::TooLarge { limit },
            BadData::PayloadNotBase64 | BadData::PayloadNotZlib => Rejection::Undecodable,
        }
    }
}
