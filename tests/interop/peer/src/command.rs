//! A command's arguments.

use dewar::cookie::Rejection;
use dewar::signing::BadData;
use dewar::{Error, UnixTime};
use serde_json::Value as Json;

use crate::neutral;

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Dewar said no, for this reason.
    Refused(String),
    /// The command makes no sense.
    Protocol(String),
}

/// One line of the tests.
pub(crate) struct Command(Json);

impl Command {
    pub(crate) fn parse(line: &str) -> Result<Command, serde_json::Error> {
        serde_json::from_str(line).map(Command)
    }

    /// An argument of any type.
    pub(crate) fn value(&self, name: &str) -> Result<&Json, Fault> {
        self.0.get(name).ok_or_else(|| self.wrong(name))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, Fault> {
        self.value(name)?.as_str().ok_or_else(|| self.wrong(name))
    }

    /// A text that may be `null`.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.value(name)? {
            Json::Null => Ok(None),
            _ => self.text(name).map(Some),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Fault> {
        self.value(name)?.as_bool().ok_or_else(|| self.wrong(name))
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, Fault> {
        neutral::from_hex(self.text(name)?).ok_or_else(|| self.wrong(name))
    }

    /// A list of byte strings.
    pub(crate) fn list_of_bytes(&self, name: &str) -> Result<Vec<Vec<u8>>, Fault> {
        let items = self
            .value(name)?
            .as_array()
            .ok_or_else(|| self.wrong(name))?;
        let bytes = |item: &Json| item.as_str().and_then(neutral::from_hex);
        items
            .iter()
            .map(bytes)
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(name))
    }

    pub(crate) fn seconds(&self, name: &str) -> Result<u64, Fault> {
        self.value(name)?.as_u64().ok_or_else(|| self.wrong(name))
    }

    pub(crate) fn time(&self, name: &str) -> Result<UnixTime, Fault> {
        let seconds = self.value(name)?.as_i64().ok_or_else(|| self.wrong(name))?;
        Ok(UnixTime::from_seconds(seconds))
    }

    /// A time that may be `null`.
    pub(crate) fn optional_time(&self, name: &str) -> Result<Option<UnixTime>, Fault> {
        match self.value(name)? {
            Json::Null => Ok(None),
            _ => self.time(name).map(Some),
        }
    }

    /// An argument whose type can be made from text, by the names that the original libraries use.
    pub(crate) fn named<T: std::str::FromStr>(&self, name: &str) -> Result<T, Fault> {
        self.text(name)?.parse().map_err(|_| self.wrong(name))
    }

    /// A complaint about one argument.
    pub(crate) fn wrong(&self, name: &str) -> Fault {
        Fault::Protocol(format!("{name} in {}", self.0))
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Fault {
        Fault::Refused(rejection.reason().into())
    }
}

impl From<BadData> for Fault {
    fn from(bad: BadData) -> Fault {
        Rejection::from(bad).into()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Refused(format!("{:?}: {error}", error.kind()).to_lowercase())
    }
}
