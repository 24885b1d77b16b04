use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};
use serde::ser::Serialize;

use super::draft::Draft;
use super::exposure::Exposure;
use super::values::{self, Parse, Refusal};
use super::{
    Code, Environment, Key, Origin, Problem, Report, Setting, Settings, Severity, Stage, checks,
};
use crate::{Error, ErrorKind, Result};

/// Values for Flask's and Flask-Session's configuration keys, each with its origin.
///
/// There is one rule of precedence: **what is set later wins**, and a key that nothing sets has its default. So this
/// lets the environment override the file, and the code override both:
///
/// ```
/// use dewar::config::{Config, Environment, Origin};
///
/// let environment = Environment::of([("FLASK_SESSION_COOKIE_NAME", "shop"), ("FLASK_SESSION_TYPE", "redis")]);
/// let file = serde_json::json!({ "SECRET_KEY": "3a9f…c2, long enough", "SESSION_COOKIE_NAME": "id" });
/// let config = Config::new().merge("settings.json", file).environment(environment).session_type("memory");
///
/// let settings = config.settings()?.settings;
/// assert_eq!(settings.cookie.name, "shop");
/// assert_eq!(*config.origin("SESSION_COOKIE_NAME"), Origin::Variable("FLASK_SESSION_COOKIE_NAME".into()));
/// assert!(matches!(config.origin("SESSION_TYPE"), Origin::Code(_)));
/// # Ok::<(), dewar::Error>(())
/// ```
///
/// [`Setting::Null`] (Python's `None`) set later takes a value back to the default. Names are upper case, as in Flask.
/// Keys that are not about sessions are ignored, so that a Flask application's whole configuration can be given;
/// names that look like a misspelt key are reported.
#[derive(Clone, Default)]
pub struct Config {
    values: BTreeMap<String, Entry>,
    /// What went wrong while values were collected.
    problems: Vec<Problem>,
    /// Variables that would set a key if they had the prefix.
    overlooked: Vec<Overlooked>,
    /// What the code says.
    stage: Option<Stage>,
    /// What sections and variables say.
    hinted_stage: Option<Stage>,
    /// Where sessions live if `SESSION_TYPE` is not set.
    unless_set: UnlessSet,
}

/// Where sessions live if `SESSION_TYPE` is not set.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum UnlessSet {
    /// In signed cookies if there is a secret key, or else nowhere.
    #[default]
    AsInFlask,
    /// In the store that the engine is given.
    InTheStoreGiven,
}

/// Checked settings, and what should be said about them nevertheless.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// The settings.
    pub settings: Settings,
    /// Findings that do not prevent an engine.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// No values: every key has its default.
    pub fn new() -> Config {
        Config::default()
    }

    /// The values of this process's environment, as [`Environment::of_process`] reads them.
    pub fn from_env() -> Config {
        Config::new().environment(Environment::of_process())
    }

    /// `SECRET_KEY`: text, bytes or a [`SecretKey`](crate::signing::SecretKey).
    #[track_caller]
    #[must_use]
    pub fn secret_key(self, key: impl Into<Setting>) -> Config {
        self.set("SECRET_KEY", key)
    }

    /// `SECRET_KEY_FALLBACKS`: older keys that are still accepted.
    #[track_caller]
    #[must_use]
    pub fn secret_key_fallbacks<K: Into<Setting>>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Config {
        let keys = keys.into_iter().map(Into::into).collect();
        self.set("SECRET_KEY_FALLBACKS", Setting::List(keys))
    }

    /// `SESSION_TYPE`: one of [`SESSION_TYPES`](super::SESSION_TYPES).
    #[track_caller]
    #[must_use]
    pub fn session_type(self, name: impl Into<String>) -> Config {
        self.set("SESSION_TYPE", name.into())
    }

    /// `PERMANENT_SESSION_LIFETIME`: how long a session lives after its last use.
    #[track_caller]
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Config {
        self.set("PERMANENT_SESSION_LIFETIME", lifetime)
    }

    /// `SESSION_ABSOLUTE_LIFETIME`: how long a session lives after it was made.
    #[track_caller]
    #[must_use]
    pub fn absolute_lifetime(self, lifetime: Duration) -> Config {
        self.set("SESSION_ABSOLUTE_LIFETIME", lifetime)
    }

    /// Any key, by its name in [`KEYS`](super::KEYS).
    ///
    /// ```
    /// use dewar::config::Config;
    ///
    /// let config = Config::new().session_type("memory").set("SESSION_COOKIE_SECURE", true);
    /// assert!(config.settings()?.settings.cookie.secure);
    /// # Ok::<(), dewar::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Setting>) -> Config {
        self.put(key.into(), value.into(), Origin::Code(Location::caller()));
        self
    }

    /// The values of a serde source: a parsed TOML or JSON table, a map, or a struct whose fields have the keys' names.
    ///
    /// `name` is what reports call it; a file's name is best.
    ///
    /// ```
    /// #[derive(serde::Serialize)]
    /// #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    /// struct Web {
    ///     session_type: &'static str,
    ///     permanent_session_lifetime: &'static str,
    /// }
    ///
    /// let web = Web { session_type: "memory", permanent_session_lifetime: "12h" };
    /// let checked = dewar::config::Config::new().merge("the shop's settings", web).settings()?;
    /// assert_eq!(checked.settings.lifetime.as_secs(), 43_200);
    /// # Ok::<(), dewar::Error>(())
    /// ```
    #[must_use]
    pub fn merge(mut self, name: impl Into<String>, values: impl Serialize) -> Config {
        let origin = Origin::Source {
            name: name.into(),
            line: None,
        };
        // Serde's message is left out: it may quote a value, and a value may be a secret.
        match serde_json::to_value(values) {
            Ok(serde_json::Value::Object(table)) => {
                for (key, value) in table {
                    self.put(key, value.into(), origin.clone());
                }
            }
            _ => self.problems.push(Problem {
                code: Code::SourceNotATable,
                severity: Severity::Error,
                key: "(all keys)".into(),
                origin,
                what: "the source is not a table of keys and values".into(),
                fix: "give a map, or a struct with named fields, whose values have JSON's types"
                    .into(),
            }),
        }
        self
    }

    /// The values of a TOML, JSON or `.env` file, each with its line, as [`ConfigFile`](super::ConfigFile) reads them.
    ///
    /// What is wrong with the file is in the report, with everything else.
    ///
    /// ```
    /// use dewar::config::{Config, Environment};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("session.toml");
    /// std::fs::write(&path, "SESSION_TYPE = 'memory'\nSESSION_COOKIE_NAME = shop\n")?;
    /// let report = Config::new().file(&path).settings().unwrap_err().to_string();
    /// assert!(report.contains("session.toml:2"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "files")]
    #[must_use]
    pub fn file(mut self, file: impl Into<super::ConfigFile>) -> Config {
        file.into().read_into(&mut self);
        self
    }

    /// The values of a source that is no serde source, such as Flask's `app.config`; `name` is what reports call it.
    ///
    /// ```
    /// use dewar::config::{Config, Setting};
    ///
    /// let values = [("SESSION_TYPE".to_owned(), Setting::from("memory")), ("DEBUG".to_owned(), Setting::from(true))];
    /// let config = Config::new().source("app.config", values);
    /// assert_eq!(config.origin("SESSION_TYPE").to_string(), "app.config");
    /// ```
    #[must_use]
    pub fn source(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = (String, Setting)>,
    ) -> Config {
        let origin = Origin::Source {
            name: name.into(),
            line: None,
        };
        for (key, value) in values {
            self.put(key, value, origin.clone());
        }
        self
    }

    /// The values of an environment.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Config {
        environment.read_into(&mut self);
        self
    }

    /// Says whether this is production, whatever sections and `DEWAR_ENV` say.
    #[must_use]
    pub fn stage(mut self, stage: Stage) -> Config {
        self.stage = Some(stage);
        self
    }

    /// Whether this is production: what the code says; or else whether a section or `DEWAR_ENV` says that it is.
    pub fn current_stage(&self) -> Stage {
        self.stage
            .or(self.hinted_stage)
            .unwrap_or(Stage::Development)
    }

    /// The same, for an engine that is given its store.
    pub(crate) fn for_a_given_store(mut self) -> Config {
        self.unless_set = UnlessSet::InTheStoreGiven;
        self
    }

    pub(super) fn unless_set(&self) -> UnlessSet {
        self.unless_set
    }

    /// The value that is set for `key`, which may be a secret.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        let entry = self.values.get(key)?;
        (entry.value != Setting::Null).then_some(&entry.value)
    }

    /// The text of `key` or its default, for stores that are opened from a configuration.
    ///
    /// ```
    /// use dewar::config::Config;
    ///
    /// let config = Config::new().set("SESSION_MONGODB_DB", 3);
    /// assert_eq!(config.text("SESSION_MONGODB_COLLECT")?.as_deref(), Some("sessions"));
    /// assert!(config.text("SESSION_MONGODB_DB").is_err());
    /// # Ok::<(), dewar::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is not a text.
    pub fn text(&self, key: &str) -> Result<Option<String>> {
        self.read(key, values::text).map_err(Error::from)
    }

    /// Whether `key` or its default is true.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is neither true nor false.
    pub fn flag(&self, key: &str) -> Result<bool> {
        let flag = self.read(key, values::boolean)?;
        Ok(flag.unwrap_or_default())
    }

    /// The number of `key` or its default; zero or more.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no such number.
    pub fn number(&self, key: &str) -> Result<Option<usize>> {
        self.read(key, values::count).map_err(Error::from)
    }

    /// The duration of `key` or its default.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no duration, or a negative one.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>> {
        let Some(duration) = self.read(key, values::duration)? else {
            return Ok(None);
        };
        Duration::try_from(duration).map(Some).map_err(|_| {
            self.problem(
                key,
                Refusal::new(
                    Code::OutOfRange,
                    "the duration is negative".into(),
                    "write a duration of zero or more",
                ),
            )
            .into()
        })
    }

    /// The value of `key`, or else its default, in its type; `None` if it has neither.
    pub(super) fn read<T>(&self, key: &str, parse: Parse<T>) -> Result<Option<T>, Box<Problem>> {
        let Some(known) = Key::find(key) else {
            return Ok(None);
        };
        let default = known.default.setting();
        match self.get(key).unwrap_or(&default) {
            Setting::Null => Ok(None),
            value => match parse(known, value) {
                Ok(value) => Ok(Some(value)),
                Err(refusal) => Err(Box::new(self.problem(key, refusal))),
            },
        }
    }

    fn problem(&self, key: &str, refusal: Refusal) -> Problem {
        Problem {
            code: refusal.code,
            severity: Severity::Error,
            key: key.into(),
            origin: self.origin(key).clone(),
            what: refusal.what,
            fix: refusal.fix,
        }
    }

    /// Where the value of `key` comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.values
            .get(key)
            .map_or(&Origin::Default, |entry| &entry.origin)
    }

    /// The names of the keys that are set, known or not.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Checks everything and makes the settings.
    ///
    /// ```
    /// let wrong = dewar::config::Config::new().session_type("memcache").set("SESSION_ID_LENGTH", 8);
    /// let report = wrong.settings().unwrap_err().to_string();
    /// assert!(report.contains("'memcached'") && report.contains("SESSION_ID_LENGTH"));
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the whole report as its text, if one of the findings is an error.
    pub fn settings(&self) -> Result<Checked> {
        let (report, settings) = self.inspect();
        match settings {
            Some(settings) if !report.has_errors() => Ok(Checked {
                settings,
                warnings: report.problems,
            }),
            _ => Err(Error::new(ErrorKind::Config, report.to_string())),
        }
    }

    /// Checks everything and says what it found.
    pub fn check(&self) -> Report {
        self.inspect().0
    }

    fn inspect(&self) -> (Report, Option<Settings>) {
        let mut problems = self.problems.clone();
        let draft = Draft::read(self, &mut problems);
        checks::run(self, &draft, &mut problems);
        (Report::of(problems), draft.into_settings())
    }

    /// Takes note of what a section or a variable says; once one says production, it is.
    pub(super) fn hint_stage(&mut self, stage: Stage) {
        if self.hinted_stage != Some(Stage::Production) {
            self.hinted_stage = Some(stage);
        }
    }

    /// Whether the value of `key` comes from a file that every user of the machine may read.
    pub(super) fn is_exposed(&self, key: &str) -> bool {
        let entry = self.values.get(key);
        entry.is_some_and(|entry| entry.exposure == Exposure::Everybody)
    }

    /// Sets a value, unless its key has nothing to do with sessions.
    pub(super) fn put(&mut self, key: String, value: Setting, origin: Origin) {
        self.put_from(key, value, origin, Exposure::Limited);
    }

    /// Sets a value that comes from a file.
    pub(super) fn put_from(
        &mut self,
        key: String,
        value: Setting,
        origin: Origin,
        exposure: Exposure,
    ) {
        let ours = matches!(origin, Origin::Code(_))
            || key.to_ascii_uppercase().starts_with("SESSION_")
            || Key::find(&key).is_some()
            || Key::nearest(&key).is_some();
        let entry = Entry {
            value,
            origin,
            exposure,
        };
        if ours {
            self.values.insert(key, entry);
        }
    }

    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn overlook(&mut self, overlooked: Overlooked) {
        self.overlooked.push(overlooked);
    }

    /// The variables that would set a key if they had the prefix.
    pub(super) fn overlooked(&self) -> &[Overlooked] {
        &self.overlooked
    }
}

/// The values of known keys that are not secret, and the origins of all.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, entry) in &self.values {
            // The value of an unknown key may be a secret whose key was misspelt.
            let value = match Key::find(name) {
                Some(key) if !key.is_secret() => entry.value.describe(),
                _ => format!("{:?}", entry.value),
            };
            map.entry(name, &format_args!("{value} ({})", entry.origin));
        }
        map.finish()
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let mut config = Config::new();
        for (key, value) in BTreeMap::<String, Setting>::deserialize(deserializer)? {
            let origin = Origin::Source {
                name: "deserialized configuration".into(),
                line: None,
            };
            config.put(key, value, origin);
        }
        Ok(config)
    }
}

/// A variable with a key's plain name where only names with the prefix are read.
#[derive(Clone)]
pub(super) struct Overlooked {
    pub(super) name: String,
    /// The name that is read.
    pub(super) read: String,
    pub(super) origin: Origin,
}

/// A value with its origin; wiped when dropped, as it may be a secret.
#[derive(Clone)]
struct Entry {
    value: Setting,
    origin: Origin,
    exposure: Exposure,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.value.wipe();
    }
}
