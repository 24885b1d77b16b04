use std::fmt::{self, Display};

use dewar::{Error, ErrorKind, Result};

/// The name of a table, schema, column or sequence: checked here, and always quoted in SQL.
///
/// ```
/// use dewar_stores::sql::Name;
///
/// assert_eq!(Name::new("web_sessions").unwrap().as_str(), "web_sessions");
/// assert!(Name::new("sessions; DROP TABLE users").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Box<str>);

/// PostgreSQL cuts longer names off silently; MySQL refuses those above 64.
const LONGEST: usize = 63;

impl Name {
    /// A name of letters, digits, `_`, `$` and `-`, at most 63 bytes of them.
    pub fn new(text: impl Into<Box<str>>) -> Result<Name> {
        let text = text.into();
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-');
        let problem = if text.is_empty() {
            "is empty"
        } else if text.len() > LONGEST {
            "is longer than the 63 bytes that databases take"
        } else if text.contains('.') {
            "has a dot in it: the schema is a setting of its own"
        } else if !text.chars().all(allowed) {
            "has characters in it other than letters, digits, _, $ and -"
        } else {
            return Ok(Name(text));
        };
        let message = format!("the SQL name {text:?} {problem}");
        Err(Error::new(ErrorKind::Config, message))
    }

    /// A name that is known to be right.
    pub(crate) fn fixed(text: &'static str) -> Name {
        debug_assert!(Name::new(text).is_ok());
        Name(text.into())
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name between these quotation marks, which it does not contain.
    pub(crate) fn quoted(&self, mark: char) -> impl Display {
        fmt::from_fn(move |f| write!(f, "{mark}{}{mark}", self.0))
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_name_can_leave_its_quotation_marks() {
        for text in [
            "", "a\"b", "a`b", "a'b", "a\0b", "a b", "a;b", "a.b", "a\nb", "a\\b",
        ] {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
        assert!(Name::new("x".repeat(64)).is_err());
        assert!(Name::new("é".repeat(32)).is_err());
    }

    #[test]
    fn names_in_use_are_taken() {
        for text in [
            "sessions",
            "Web-Sessions",
            "séances",
            "t$1",
            &"x".repeat(63),
        ] {
            let name = Name::new(text).unwrap();
            assert_eq!(name.quoted('"').to_string(), format!("\"{text}\""));
        }
    }
}
