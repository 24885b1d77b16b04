//! Flash messages: written in one request, shown in the next.

use std::fmt;

use serde::Serialize;

use crate::data::Value;

/// The key under which Flask keeps flash messages: a list of (category, message).
pub(crate) const FLASHES: &str = "_flashes";

/// A message for the next page, as Flask's `flash` stores it.
///
/// To templates and JSON it is a struct of `category` and `message`; markup is plain text there.
///
/// ```
/// # use dewar::{Engine, config::Config, store::memory::MemoryStore};
/// # async fn example(session: dewar::Session) -> dewar::Result<()> {
/// session.flash("success", "Your order is on its way.")?;
/// for flash in session.flashes() {
///     println!("[{}] {flash}", flash.category());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flash {
    category: String,
    message: Value,
}

impl Flash {
    /// The default category, as in Flask.
    pub const DEFAULT_CATEGORY: &'static str = "message";

    /// A message of a category.
    pub fn new(category: impl Into<String>, message: impl Into<Value>) -> Flash {
        Flash {
            category: category.into(),
            message: message.into(),
        }
    }

    /// `message`, `error`, `info`, `warning`, or whatever the application uses.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// The message: usually text, [`Value::Markup`] if it is safe to put into HTML as it is.
    pub fn message(&self) -> &Value {
        &self.message
    }

    /// From what is stored: a tuple (in cookies) or a list (in Flask-Session's stores) of two.
    pub(crate) fn from_stored(value: Value) -> Flash {
        match value {
            Value::Tuple(pair) | Value::List(pair) if pair.len() == 2 => {
                let mut pair = pair.into_iter();
                match (pair.next(), pair.next()) {
                    (Some(category), Some(message)) => Flash {
                        category: text(&category),
                        message,
                    },
                    _ => Flash::new(Flash::DEFAULT_CATEGORY, Value::Null),
                }
            }
            message => Flash {
                category: Flash::DEFAULT_CATEGORY.to_owned(),
                message,
            },
        }
    }

    pub(crate) fn to_stored(&self) -> Value {
        Value::Tuple(vec![
            Value::from(self.category.as_str()),
            self.message.clone(),
        ])
    }
}

impl fmt::Display for Flash {
    /// The message as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.message))
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(text) | Value::Markup(text) => text.to_string_lossy().into_owned(),
        other => crate::data::from_value::<String>(other.clone()).unwrap_or_default(),
    }
}
