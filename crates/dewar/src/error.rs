use std::error::Error as StdError;
use std::fmt;

/// A `Result` with Dewar's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with its cause; never holds a key, cookie, session id or session value.
///
/// ```
/// use dewar::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Store, "redis at 127.0.0.1:6379: GET timed out after 2 s").temporary();
/// assert!(error.is_temporary());
/// assert_eq!(error.kind(), ErrorKind::Store);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    temporary: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`], for code that must tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration has problems; the message lists all of them.
    Config,
    /// A null session was written to, because a setting is missing. The message is Flask's.
    NoSecretKey,
    /// The store failed and the session was opened empty and read-only, as configured.
    ReadOnly,
    /// Another request ended the session: a logout, or a new id after a login.
    Gone,
    /// A session value does not have the type that was asked for, or cannot be represented.
    Value,
    /// Bytes cannot be decoded as the format that they should have.
    Decode,
    /// The cookie would be larger than browsers keep.
    CookieTooLarge,
    /// The store failed.
    Store,
    /// Other requests changed the session so often that this one's changes could not be merged.
    Contention,
    /// The random source failed.
    Random,
}

impl Error {
    /// An error of `kind`; `message` says what is wrong, where, and how to put it right.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            temporary: false,
            source: None,
        }))
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// Marks the error as one that the same call may not meet again later.
    #[must_use]
    pub fn temporary(mut self) -> Error {
        self.0.temporary = true;
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later: a timeout, a lost connection, contention.
    pub fn is_temporary(&self) -> bool {
        self.0.temporary
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// The kind, the message as people read it, and each cause in a line of its own: a `main` that returns an error shows it so.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_main_shows_of_an_error_can_be_read() {
        let cause = Error::new(ErrorKind::Decode, "no such byte").with_source("its cause");
        let error = Error::new(ErrorKind::Config, "one line\n  another").with_source(cause);
        assert_eq!(
            format!("{error:?}"),
            "Config: one line\n  another\n  caused by: no such byte\n  caused by: its cause"
        );
    }
}
