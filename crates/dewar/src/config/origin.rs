use std::fmt;
use std::panic::Location;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nothing set it.
    Default,
    /// A line of the application.
    Code(&'static Location<'static>),
    /// An environment variable.
    Variable(String),
    /// A file that an environment variable names, such as `FLASK_SECRET_KEY_FILE`.
    SecretFile {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A serde source.
    Source {
        /// The name that it was given, such as the file's.
        name: String,
        /// The line in it, where it is known.
        line: Option<u32>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Code(at) => write!(f, "{}:{}", at.file(), at.line()),
            Origin::Variable(name) => write!(f, "environment variable {}", name.escape_debug()),
            Origin::SecretFile { variable, path } => {
                let variable = variable.escape_debug();
                write!(f, "{path:?}, named by environment variable {variable}")
            }
            Origin::Source { name, line: None } => f.write_str(name),
            Origin::Source {
                name,
                line: Some(line),
            } => write!(f, "{name}:{line}"),
        }
    }
}
