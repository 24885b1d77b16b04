use std::error::Error as StdError;
use std::process::ExitCode;

use dewar::{Error, ErrorKind};

use crate::text::one_line;

/// How the command ended; scripts may rely on the numbers (`docs/command.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or the answer is yes.
    Done = 0,
    /// The answer is no: refused, weak, wrong, not there.
    No = 1,
    /// Wrong usage; clap ends with the same number.
    Usage = 2,
    /// Something that is needed is missing or cannot be read or written.
    Unusable = 3,
    /// The configuration has errors.
    Config = 4,
    /// The store failed.
    Store = 5,
    /// The store failed in a way that may pass.
    StoreForNow = 6,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What every command gives: how it ended, or why it could not do its work.
pub(crate) type Outcome<T = Exit> = Result<T, Failure>;

/// Why a command could not do its work, with causes and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// What caused it, and what caused that, each in a line.
    pub(crate) fn causes(&self) -> Vec<String> {
        let source = self.source.as_deref();
        let mut cause = source.map(|source| source as &dyn StdError);
        let mut causes: Vec<String> = Vec::new();
        while let Some(error) = cause {
            // Libraries often repeat a cause's text as their own.
            let text = one_line(&error.to_string());
            if !causes.last().unwrap_or(&self.message).contains(&text) {
                causes.push(text);
            }
            cause = error.source();
        }
        causes
    }

    /// A failure that ends the command with `exit`.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
            source: None,
            hints: Vec::new(),
        }
    }

    /// Something that is needed is missing or cannot be used.
    pub(crate) fn unusable(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Unusable, message)
    }

    /// Arguments that are well-formed but make no sense together.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// Keeps the cause.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Failure {
        self.source = Some(source.into());
        self
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure {
            exit: exit_of(&error),
            message: error.to_string(),
            source: match StdError::source(&error) {
                Some(_) => Some(Box::new(Cause(error))),
                None => None,
            },
            hints: Vec::new(),
        }
    }
}

/// The one place where kinds of errors become exit codes.
fn exit_of(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::Config => Exit::Config,
        ErrorKind::Store if error.is_temporary() => Exit::StoreForNow,
        ErrorKind::Contention => Exit::StoreForNow,
        ErrorKind::Store => Exit::Store,
        _ => Exit::Unusable,
    }
}

/// The source of an [`Error`] whose own message stands in the failure already.
#[derive(Debug)]
struct Cause(Error);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match StdError::source(&self.0) {
            Some(source) => write!(f, "{source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        StdError::source(&self.0).and_then(StdError::source)
    }
}
