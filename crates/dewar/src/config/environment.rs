use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::exposure::Exposure;
use super::layers::Overlooked;
use super::{Code, Config, KEYS, Key, Kind, Origin, Problem, Setting, Severity, Stage};

/// Environment variables that configure sessions, read as Flask's `Config.from_prefixed_env` reads them.
///
/// - `FLASK_SECRET_KEY` is `SECRET_KEY`. A value that is JSON is taken as JSON, anything else as text.
/// - `FLASK_A__B` sets the item `B` of the table `A`. None of the keys of sessions is a table.
/// - `FLASK_SECRET_KEY_FILE` names a file that holds the secret, for mounted secrets; so for every key that is
///   secret. One newline at its end is not part of the secret. `SECRET_KEY_FALLBACKS_FILE` holds a key a line.
/// - A systemd credential of the variable's name, `LoadCredential=FLASK_SECRET_KEY:/etc/shop/key`, is such a file too.
/// - `DEWAR_ENV` says whether this is production ([`Stage`]), and which section of a file holds.
///
/// ```
/// use dewar::config::{Config, Environment};
///
/// let environment = Environment::of([("SHOP_SESSION_TYPE", "memory"), ("SESSION_COOKIE_SECURE", "true")])
///     .with_prefix("SHOP")
///     .with_plain_names();
/// let settings = Config::new().environment(environment).settings()?.settings;
/// assert!(settings.cookie.secure);
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    prefix: String,
    plain: PlainNames,
    /// The `.env` file that the variables stand in, if they are not the process's.
    file: Option<Lines>,
}

/// Where variables stand in a file.
#[derive(Clone)]
struct Lines {
    name: String,
    numbers: BTreeMap<OsString, u32>,
    exposure: Exposure,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PlainNames {
    Ignored,
    Read,
}

/// The most bytes that are read of a file with a secret.
const SECRET_FILE_LIMIT: u64 = 64 * 1024;

/// The variable in which systemd names the folder of a service's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The deepest table that `__` makes.
const NESTING_LIMIT: usize = 16;

impl Environment {
    /// This process's variables.
    pub fn of_process() -> Environment {
        Environment::of(std::env::vars_os())
    }

    /// These variables.
    pub fn of<N: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Environment {
        let variables = variables.into_iter();
        Environment {
            variables: variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            prefix: "FLASK_".into(),
            plain: PlainNames::Ignored,
            file: None,
        }
    }

    /// Another prefix than `FLASK`; the underscore after it is understood.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Environment {
        self.prefix = format!("{prefix}_");
        self
    }

    /// Reads the keys' plain names too, such as `SECRET_KEY`; a name with the prefix wins.
    ///
    /// Unknown names are left alone (desktops set `SESSION_MANAGER`), unless they look like a misspelt key.
    #[must_use]
    pub fn with_plain_names(mut self) -> Environment {
        self.plain = PlainNames::Read;
        self
    }

    /// The value of a variable, if it is set and not empty.
    #[cfg(feature = "files")]
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let value = self.variables.get(&OsString::from(name))?;
        Some(value.to_str()?.to_owned()).filter(|value| !value.is_empty())
    }

    /// The variables of a `.env` file instead, by the same names.
    #[cfg(feature = "files")]
    pub(super) fn with_variables_of(
        self,
        variables: impl IntoIterator<Item = (String, String)>,
        name: String,
        numbers: BTreeMap<OsString, u32>,
        exposure: Exposure,
    ) -> Environment {
        Environment {
            prefix: self.prefix,
            plain: self.plain,
            file: Some(Lines {
                name,
                numbers,
                exposure,
            }),
            ..Environment::of(variables)
        }
    }

    pub(super) fn read_into(self, config: &mut Config) {
        let stage = self.variables.get(&OsString::from(Stage::VARIABLE));
        if let Some(stage) = stage.and_then(|stage| stage.to_str()) {
            config.hint_stage(Stage::of_name(stage));
        }
        self.read_credentials(config);
        for (name, value) in &self.variables {
            let Some(name) = name.to_str() else { continue };
            let plain = name.strip_suffix("_FILE").unwrap_or(name);
            let known = |name| Key::find(name).is_some();
            match self.plain {
                PlainNames::Read if known(name) || known(plain) || Key::nearest(name).is_some() => {
                    self.read(name, name, value, config);
                }
                PlainNames::Ignored if known(name) || known(plain) => {
                    config.overlook(Overlooked {
                        name: name.into(),
                        read: format!("{}{name}", self.prefix),
                        origin: self.origin(name),
                    });
                }
                _ => {}
            }
        }
        for (name, value) in &self.variables {
            let Some(name) = name.to_str() else { continue };
            if let Some(key) = name.strip_prefix(&self.prefix) {
                self.read(name, key, value, config);
            }
        }
    }

    fn read(&self, variable: &str, key: &str, value: &OsString, config: &mut Config) {
        let secret = key
            .strip_suffix("_FILE")
            .and_then(Key::find)
            .filter(|key| key.is_secret());
        if let Some(secret) = secret {
            return self.read_file(variable, secret, Path::new(value), config);
        }
        let origin = self.origin(variable);
        let Some(value) = value.to_str() else {
            // A variable that has nothing to do with sessions is nobody's business here.
            if Key::find(key).is_some() {
                config.report(Problem {
                    code: Code::VariableNotUnicode,
                    severity: Severity::Error,
                    key: key.into(),
                    origin,
                    what: "the variable's value is not UTF-8".into(),
                    fix: "write text; a secret of raw bytes goes into a file that the variable with _FILE at its end names".into(),
                });
            }
            return;
        };
        // It is JSON's null, but whoever writes it means the type of that name.
        if key == "SESSION_TYPE" && value.trim() == "null" {
            return config.put(key.into(), "null".into(), origin);
        }
        let exposure = match &self.file {
            Some(file) => file.exposure,
            None => Exposure::Limited,
        };
        match key.split_once("__") {
            None => config.put_from(key.into(), parse(value), origin, exposure),
            Some((table, rest)) => {
                let mut whole = match config.get(table) {
                    Some(Setting::Table(items)) => Setting::Table(items.clone()),
                    _ => Setting::Table(BTreeMap::new()),
                };
                nest(&mut whole, rest, parse(value), NESTING_LIMIT);
                config.put(table.into(), whole, origin);
            }
        }
    }

    fn origin(&self, variable: &str) -> Origin {
        match &self.file {
            None => Origin::Variable(variable.into()),
            Some(file) => Origin::Source {
                name: file.name.clone(),
                line: file.numbers.get(&OsString::from(variable)).copied(),
            },
        }
    }

    /// Secrets that systemd hands over: files by the variables' names in a folder of the service's own.
    fn read_credentials(&self, config: &mut Config) {
        let Some(folder) = self.variables.get(&OsString::from(CREDENTIALS)) else {
            return;
        };
        let names = match self.plain {
            PlainNames::Read => &["", self.prefix.as_str()][..],
            PlainNames::Ignored => &[self.prefix.as_str()][..],
        };
        for prefix in names {
            for key in KEYS.iter().filter(|key| key.is_secret()) {
                let variable = format!("{prefix}{}", key.name);
                let path = Path::new(folder).join(&variable);
                if path.exists() {
                    self.take_file(CREDENTIALS, &variable, key, &path, config);
                }
            }
        }
    }

    fn read_file(&self, variable: &str, key: &'static Key, path: &Path, config: &mut Config) {
        let direct = variable.strip_suffix("_FILE").unwrap_or(variable);
        self.take_file(variable, direct, key, path, config);
    }

    /// Takes the secret in a file that `variable` leads to, unless the variable `direct` holds one too.
    fn take_file(
        &self,
        variable: &str,
        direct: &str,
        key: &'static Key,
        path: &Path,
        config: &mut Config,
    ) {
        let problem = |code, what, fix: &str| Problem {
            code,
            severity: Severity::Error,
            key: key.name.into(),
            origin: self.origin(variable),
            what,
            fix: fix.into(),
        };
        if self.variables.contains_key(&OsString::from(direct)) {
            return config.report(problem(
                Code::SecretGivenTwice,
                match variable {
                    CREDENTIALS => {
                        format!("both the variable {direct} and a credential of that name are set")
                    }
                    _ => format!("both {direct} and {variable} are set"),
                },
                "remove one of the two",
            ));
        }
        let fix = "name a file that this process may read and that holds nothing but the secret";
        match secret_file(path) {
            Ok((bytes, exposure)) => {
                let origin = Origin::SecretFile {
                    variable: variable.into(),
                    path: PathBuf::from(path),
                };
                let value = from_file(key.kind, &bytes);
                config.put_from(key.name.into(), value, origin, exposure);
            }
            Err(error) => {
                let what = format!("the file {path:?} cannot be read: {error}");
                config.report(problem(Code::SecretFileUnreadable, what, fix));
            }
        }
    }
}

/// Names of variables only: values may be secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("prefix", &self.prefix)
            .field("variables", &self.variables.len())
            .finish()
    }
}

/// JSON where it is JSON, with the three names that Python's `json` knows beside; text otherwise.
fn parse(value: &str) -> Setting {
    let json_space = |c| matches!(c, ' ' | '\t' | '\n' | '\r');
    match value.trim_matches(json_space) {
        "NaN" => return Setting::Float(f64::NAN),
        "Infinity" => return Setting::Float(f64::INFINITY),
        "-Infinity" => return Setting::Float(f64::NEG_INFINITY),
        _ => {}
    }
    serde_json::from_str::<serde_json::Value>(value)
        .map_or_else(|_| Setting::Text(value.into()), Setting::from)
}

fn nest(table: &mut Setting, path: &str, value: Setting, depth: usize) {
    if !matches!(table, Setting::Table(_)) {
        *table = Setting::Table(BTreeMap::new());
    }
    let Setting::Table(items) = table else { return };
    match path.split_once("__") {
        None => {
            items.insert(path.into(), value);
        }
        Some((part, rest)) if depth > 0 => {
            let inner = items.entry(part.into()).or_insert(Setting::Null);
            nest(inner, rest, value, depth - 1);
        }
        Some(_) => {}
    }
}

fn secret_file(path: &Path) -> std::io::Result<(Zeroizing<Vec<u8>>, Exposure)> {
    // Room for all from the start: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_FILE_LIMIT as usize + 1));
    let file = File::open(path)?;
    let exposure = Exposure::of(&file, path);
    file.take(SECRET_FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SECRET_FILE_LIMIT {
        return Err(std::io::Error::other("it is larger than 64 KiB"));
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    Ok((bytes, exposure))
}

fn from_file(kind: Kind, bytes: &[u8]) -> Setting {
    let one = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Setting::Text(text.into()),
        Err(_) => Setting::Bytes(bytes.into()),
    };
    match kind {
        Kind::SecretList if bytes.is_empty() => Setting::List(Vec::new()),
        Kind::SecretList => {
            let lines = bytes.split(|byte| *byte == b'\n');
            Setting::List(
                lines
                    .map(|line| one(line.strip_suffix(b"\r").unwrap_or(line)))
                    .collect(),
            )
        }
        _ => one(bytes),
    }
}
