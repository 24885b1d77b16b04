use std::fmt;

/// Why a signed value was not accepted; nothing of the value is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadData {
    /// There is no separator, so no signature.
    NoSeparator,
    /// The signature is that of none of the keys.
    SignatureMismatch {
        /// How many keys were tried.
        keys: usize,
    },
    /// The signature is right, but there is no timestamp.
    TimestampMissing,
    /// The signature is right, but the timestamp is not one.
    TimestampMalformed,
    /// The signature is right, but too old. Both in seconds.
    Expired {
        /// How old it is.
        age: u64,
        /// How old it may be.
        max_age: u64,
    },
    /// The signature is right, but was made in the future: a clock is wrong.
    FromTheFuture {
        /// How many seconds ahead it is.
        ahead: u64,
    },
    /// The signature is right, but the payload is not base64.
    PayloadNotBase64,
    /// The signature is right, but the payload is not zlib data, though it says so.
    PayloadNotZlib,
    /// The signature is right, but the payload would inflate to more than is allowed.
    PayloadTooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
}

impl fmt::Display for BadData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadData::NoSeparator => f.write_str("no signature: the separator is not in the value"),
            BadData::SignatureMismatch { keys: 1 } => {
                f.write_str("the signature was not made with the key")
            }
            BadData::SignatureMismatch { keys } => {
                write!(f, "the signature was not made with any of the {keys} keys")
            }
            BadData::TimestampMissing => f.write_str("the timestamp is missing"),
            BadData::TimestampMalformed => f.write_str("the timestamp is malformed"),
            BadData::Expired { age, max_age } => {
                write!(f, "expired: {age} s old, {max_age} s are allowed")
            }
            BadData::FromTheFuture { ahead } => {
                write!(f, "from the future: signed {ahead} s ahead of the clock")
            }
            BadData::PayloadNotBase64 => f.write_str("the payload is not base64"),
            BadData::PayloadNotZlib => f.write_str("the payload is marked as zlib data but is not"),
            BadData::PayloadTooLarge { limit } => {
                write!(f, "the payload inflates to more than {limit} bytes")
            }
        }
    }
}

impl std::error::Error for BadData {}
