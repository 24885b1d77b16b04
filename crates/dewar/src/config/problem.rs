use std::fmt;

use super::{KEYS, Origin};
use crate::{Error, ErrorKind};

/// Something that the check of a configuration found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Which finding it is.
    pub code: Code,
    /// Whether an engine can be built nevertheless.
    pub severity: Severity,
    /// The key that it is about.
    pub key: String,
    /// Where the key's value comes from.
    pub origin: Origin,
    /// What is wrong; never shows a secret.
    pub what: String,
    /// How to put it right.
    pub fix: String,
}

impl Problem {
    /// A finding of a check that is not in this crate.
    ///
    /// ```
    /// use dewar::config::{Code, Origin, Problem, Severity};
    ///
    /// let what = ("nothing says where the store is", "set it to sqlite:///sessions.db");
    /// let problem = Problem::new(Severity::Error, Code::AddressMissing, "SESSION_SQLITE", Origin::Default, what);
    /// assert!(problem.to_string().starts_with("error[DW0107] SESSION_SQLITE: nothing says where the store is"));
    /// ```
    pub fn new(
        severity: Severity,
        code: Code,
        key: &str,
        origin: Origin,
        (what, fix): (impl Into<String>, impl Into<String>),
    ) -> Problem {
        Problem {
            code,
            severity,
            key: key.into(),
            origin,
            what: what.into(),
            fix: fix.into(),
        }
    }
}

impl From<Box<Problem>> for Error {
    fn from(problem: Box<Problem>) -> Error {
        Error::from(*problem)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::new(ErrorKind::Config, problem.to_string())
    }
}

/// Whether an engine can be built nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but something is probably not as it was meant.
    Warning,
}

/// All findings of one check: errors first, then by key.
///
/// `Display` is a text of several lines for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The findings.
    pub problems: Vec<Problem>,
}

impl Report {
    /// The findings in their order.
    pub fn of(mut problems: Vec<Problem>) -> Report {
        let place = |name: &str| KEYS.iter().position(|key| key.name == name);
        problems.sort_by_key(|problem| {
            let place = place(&problem.key).unwrap_or(usize::MAX);
            (problem.severity, place, problem.key.clone(), problem.code)
        });
        Report { problems }
    }

    /// Whether no engine can be built.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    fn count(&self, severity: Severity) -> usize {
        let same = |problem: &&Problem| problem.severity == severity;
        self.problems.iter().filter(same).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {one}s"),
        };
        let errors = plural(self.count(Severity::Error), "error");
        let warnings = plural(self.count(Severity::Warning), "warning");
        write!(f, "the configuration has {errors} and {warnings}")?;
        for problem in &self.problems {
            write!(f, "\n\n{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}[{}] {}: {}",
            self.severity,
            self.code,
            self.key.escape_debug(),
            self.what
        )?;
        if self.origin != Origin::Default {
            writeln!(f, "  from: {}", self.origin)?;
        }
        writeln!(f, "   fix: {}", self.fix)?;
        write!(f, "  page: {}", self.code.page())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

macro_rules! codes {
    ($($variant:ident = $text:literal, $meaning:literal;)*) => {
        /// The findings of a check, each with a text that never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("`", $text, "`: ", $meaning, ".")] $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The code's text, such as `DW0101`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$variant => $text,)*
                }
            }

            /// The address of the page that says what it means and how to put it right, with an example.
            pub const fn page(self) -> &'static str {
                match self {
                    $(Code::$variant => concat!(
                        env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/diagnostics/", $text, ".md"
                    ),)*
                }
            }

            /// What the finding is, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Code::$variant => $meaning,)*
                }
            }
        }
    };
}

codes! {
    SecretFileUnreadable = "DW0001", "a file that holds a secret cannot be read";
    SecretGivenTwice = "DW0002", "a secret is given both directly and as a file";
    SourceNotATable = "DW0003", "a source is no table of keys and values";
    VariableNotUnicode = "DW0004", "an environment variable is not UTF-8";
    FileUnreadable = "DW0005", "a configuration file cannot be read";
    FileSyntax = "DW0006", "a configuration file breaks the rules of its format";
    SectionMissing = "DW0007", "a configuration file has no section of the name that was chosen";
    SectionNotChosen = "DW0008", "a configuration file has sections, and none was chosen";
    UnknownKey = "DW0101", "no such key";
    WrongType = "DW0102", "a value of the wrong type";
    UnknownValue = "DW0103", "a value that is none of those that the key knows";
    NotADuration = "DW0104", "a text that is no duration";
    OutOfRange = "DW0105", "a number that is too small or too large";
    UnusedSetting = "DW0106", "a setting that means nothing with the chosen session type";
    AddressMissing = "DW0107", "nothing says where the store is, or nothing that can be";
    SessionsUnavailable = "DW0201", "neither a session type nor a secret key, so that sessions cannot be written";
    SecretKeyMissing = "DW0202", "what was chosen needs a secret key, and there is none";
    SecretKeyEmpty = "DW0203", "the secret key is empty";
    SecretKeyShort = "DW0204", "a key is short enough to be guessed";
    FallbackEmpty = "DW0205", "a fallback key is empty";
    FallbackIsSecretKey = "DW0206", "the secret key is among its own fallbacks";
    SecretKeyWeak = "DW0207", "a key leaves so little to chance that it can be found by trying";
    SecretKeyWellKnown = "DW0208", "a key stands in documentation or a tutorial";
    SecretFileOpen = "DW0209", "every user of the machine may read the file that a key is in";
    SecretKeyWrapped = "DW0210", "a key has quotes or a line's end around it that were hardly meant";
    CookieName = "DW0301", "browsers would not accept the cookie's name";
    CookieDomain = "DW0302", "the cookie's domain is no host name";
    CookiePath = "DW0303", "the cookie's path is no path";
    SameSiteNoneInsecure = "DW0304", "browsers drop a cookie with `SameSite=None` that is not `Secure`";
    CookieNamePrefix = "DW0305", "the cookie's name starts with `__Host-`, `__Secure-` or `__Http-` and breaks its rules";
    PartitionedMeansSecure = "DW0306", "a partitioned cookie is `Secure` although that is not set";
    CookieDomainPublic = "DW0307", "the cookie's domain belongs to everybody (a public suffix)";
    CookieOverHttp = "DW0308", "in production, the cookie is sent over plain HTTP too";
    CookieSameSiteUnset = "DW0309", "in production, it is left to the browser whether requests of other sites carry the cookie";
    CookieOpenToScripts = "DW0310", "in production, scripts in a page can read the cookie";
    LifetimeOutOfRange = "DW0401", "a lifetime is shorter than a second, or absurdly long";
    AbsoluteLifetimeShorter = "DW0402", "the absolute lifetime is shorter than the idle one";
    RefreshTooLate = "DW0403", "sessions expire before use extends them";
    LifetimeOfBrowserSessions = "DW0404", "sessions that end with the browser are kept in the store for 31 days";
    IdLength = "DW0501", "session ids would be guessable, or longer than is accepted";
    KeyPrefixEmpty = "DW0502", "store keys without a prefix";
    FileModeOpen = "DW0503", "other users may reach session files";
    FileMode = "DW0504", "a file mode that is no mode, or was written in decimal";
    KeyPrefixOpen = "DW0505", "other keys may begin with the key prefix";
    KeyPrefixUnusable = "DW0506", "the store does not take keys with this prefix";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
