//! Why the demo cannot start.

use std::fmt;
use std::io;
use std::path::Path;

/// What went wrong, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    pub fn folder(path: &Path, error: io::Error) -> Failure {
        Failure::new(format!(
            "the folder {} cannot be used: {error}",
            path.display()
        ))
        .hint("choose another one with --folder <path>")
    }

    pub fn secret_key(path: &Path, error: io::Error) -> Failure {
        Failure::new(format!(
            "the secret key in {} cannot be used: {error}",
            path.display()
        ))
        .hint("see who owns the file, or choose another folder with --folder <path>")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<dewar::Error> for Failure {
    fn from(error: dewar::Error) -> Failure {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Failure::new(message)
    }
}
