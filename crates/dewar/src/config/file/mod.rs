//! Configuration files: TOML, JSON and `.env`, with sections and the line of every value.

mod json;
mod toml;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::exposure::Exposure;
use super::{Code, Config, Environment, Key, Origin, Problem, Setting, Severity, Stage, dotenv};

/// A file of settings: TOML or JSON by its ending, `.env` by its name.
///
/// In TOML and JSON, the keys at the top hold for all. A table `default`, and then the one table that is chosen, such
/// as `production`, override them. The section is chosen by [`section`](ConfigFile::section), or else by the
/// environment variable `DEWAR_ENV`. Without both, only the top and `default` are read. A section within a table is
/// written with dots: `tool.shop`.
///
/// A file without sections is what Flask reads with
/// `app.config.from_file("session.toml", load=tomllib.load, text=False)`; of one with sections, Flask takes the top.
///
/// A `.env` file is read as if its variables were in the environment, and it has no sections.
///
/// ```
/// use dewar::config::{Config, ConfigFile, Origin};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("session.toml");
/// std::fs::write(&path, "SESSION_TYPE = 'memory'\n\n[production]\nSESSION_COOKIE_SECURE = true\n")?;
///
/// let config = Config::new().file(ConfigFile::at(&path).section("production"));
/// assert!(config.settings()?.settings.cookie.secure);
/// let Origin::Source { line, .. } = config.origin("SESSION_COOKIE_SECURE") else { panic!() };
/// assert_eq!(*line, Some(4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a file is read by `Config::file`"]
pub struct ConfigFile {
    path: PathBuf,
    section: Option<String>,
    environment: Environment,
}

/// The most bytes that are read of a configuration file.
const LIMIT: u64 = 1024 * 1024;

/// The section that holds for all others.
const DEFAULT: &str = "default";

impl ConfigFile {
    /// The file at this path, with the section that `DEWAR_ENV` names.
    pub fn at(path: impl Into<PathBuf>) -> ConfigFile {
        ConfigFile {
            path: path.into(),
            section: None,
            environment: Environment::of_process(),
        }
    }

    /// Takes this section, whatever `DEWAR_ENV` says; the file must have it.
    pub fn section(mut self, name: impl Into<String>) -> ConfigFile {
        self.section = Some(name.into());
        self
    }

    /// Looks for `DEWAR_ENV` in this environment, and takes its prefix for the names in a `.env` file.
    pub fn environment(mut self, environment: Environment) -> ConfigFile {
        self.environment = environment;
        self
    }

    pub(super) fn read_into(self, config: &mut Config) {
        match self.contents() {
            Ok(contents) => contents.read_into(config, self),
            Err(faults) => {
                for fault in faults {
                    config.report(fault.problem(&self.path));
                }
            }
        }
    }

    fn contents(&self) -> Result<Contents, Vec<Fault>> {
        let file = File::open(&self.path).map_err(Fault::unreadable)?;
        let exposure = Exposure::of(&file, &self.path);
        // Room for all from the start: a buffer that grows leaves copies of secrets behind.
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        let room = usize::try_from(size.min(LIMIT)).unwrap_or(0) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(LIMIT + 1)
            .read_to_end(&mut bytes)
            .map_err(Fault::unreadable)?;
        if bytes.len() as u64 > LIMIT {
            return Err(Fault::unreadable("it is larger than 1 MiB").into());
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let place = Place::of(&bytes, error.valid_up_to());
            Fault::syntax(Some(place), "there is a byte that is not UTF-8")
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let values = match Format::of(&self.path)? {
            Format::Toml => Values::Table(toml::read(text)?),
            Format::Json => Values::Table(json::read(text)?),
            Format::Dotenv => Values::Variables(variables(text)?),
        };
        Ok(Contents { values, exposure })
    }
}

impl<P: Into<PathBuf>> From<P> for ConfigFile {
    fn from(path: P) -> ConfigFile {
        ConfigFile::at(path)
    }
}

enum Format {
    Toml,
    Json,
    Dotenv,
}

impl Format {
    fn of(path: &Path) -> Result<Format, Fault> {
        let part = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().to_ascii_lowercase())
                .unwrap_or_default()
        };
        let name = part(path.file_name());
        match part(path.extension()).as_str() {
            "toml" => Ok(Format::Toml),
            "json" => Ok(Format::Json),
            "env" => Ok(Format::Dotenv),
            _ if name == ".env" || name.starts_with(".env.") || name == ".flaskenv" => {
                Ok(Format::Dotenv)
            }
            "py" => Err(Fault::unknown(
                "it is Python, which is not run here",
                "write the settings in TOML, JSON or a .env file; what a Flask application sets itself is examined by: flask dewar doctor",
            )),
            _ => Err(Fault::unknown(
                "its name does not say whether it is TOML, JSON or .env",
                "give it a name that ends in .toml, .json or .env; other formats are not read",
            )),
        }
    }
}

struct Contents {
    values: Values,
    exposure: Exposure,
}

enum Values {
    Table(Table),
    /// The name, the value and its line.
    Variables(Vec<(String, String, u32)>),
}

/// What TOML and JSON come to: values with their lines.
#[derive(Default)]
struct Table(Vec<Line>);

struct Line {
    name: String,
    /// Counted from 1.
    number: u32,
    node: Node,
}

enum Node {
    Value(Setting),
    Table(Table),
}

impl Contents {
    fn read_into(self, config: &mut Config, file: ConfigFile) {
        let name = file.path.display().to_string();
        match self.values {
            Values::Table(table) => table.read_into(config, &file, &name, self.exposure),
            Values::Variables(variables) => {
                if let Some(section) = file.section {
                    return config.report(Problem {
                        code: Code::SectionMissing,
                        severity: Severity::Error,
                        key: ALL_KEYS.into(),
                        origin: Origin::Source { name, line: None },
                        what: format!(
                            "a .env file has no sections, and {} was chosen",
                            super::setting::quoted(&section)
                        ),
                        fix: "write one .env file for each section, and name the right one".into(),
                    });
                }
                let lines = variables
                    .iter()
                    .map(|(name, _, line)| (name.into(), *line))
                    .collect::<BTreeMap<_, _>>();
                let values = variables.into_iter().map(|(name, value, _)| (name, value));
                file.environment
                    .with_variables_of(values, name, lines, self.exposure)
                    .read_into(config);
            }
        }
    }
}

/// What stands for the key in a finding about a whole file.
const ALL_KEYS: &str = "(all keys)";

impl Table {
    fn read_into(self, config: &mut Config, file: &ConfigFile, name: &str, exposure: Exposure) {
        let chosen = match &file.section {
            Some(section) => Some((section.clone(), true)),
            None => {
                let variable = file.environment.variable(Stage::VARIABLE);
                variable.map(|section| (section, false))
            }
        };
        let finding = |code, severity, what: String, fix: String| Problem {
            code,
            severity,
            key: ALL_KEYS.into(),
            origin: Origin::Source {
                name: name.into(),
                line: None,
            },
            what,
            fix,
        };
        let sections = self.sections();
        match &chosen {
            Some((section, explicit)) => {
                config.hint_stage(Stage::of_name(section));
                if self.find(section).is_none() && (*explicit || !sections.is_empty()) {
                    let quoted = super::setting::quoted(section);
                    let by = match explicit {
                        true => String::new(),
                        false => format!(", which {} names", Stage::VARIABLE),
                    };
                    config.report(finding(
                        Code::SectionMissing,
                        Severity::Error,
                        format!("there is no section {quoted}{by}"),
                        match sections.is_empty() {
                            true => {
                                "choose no section: the file has none with settings of sessions"
                                    .into()
                            }
                            false => format!(
                                "choose one of: {}; or add {quoted}, which may be empty",
                                sections.join(", ")
                            ),
                        },
                    ));
                }
            }
            None if !sections.is_empty() => config.report(finding(
                Code::SectionNotChosen,
                Severity::Warning,
                "no section is chosen, so the settings in sections have no effect".into(),
                format!("set {} to one of: {}", Stage::VARIABLE, sections.join(", ")),
            )),
            None => {}
        }
        let mut layers = vec![None, Some(DEFAULT.to_owned())];
        layers.extend(chosen.map(|(section, _)| Some(section)));
        let lines = layers.iter().filter_map(|layer| match layer {
            None => Some(&self),
            Some(section) => self.find(section),
        });
        for line in lines.flat_map(|table| &table.0) {
            let value = match &line.node {
                Node::Value(value) => value.clone(),
                // Keys are upper case, sections are not.
                Node::Table(table) if is_upper(&line.name) => table.setting(),
                Node::Table(_) => continue,
            };
            let origin = Origin::Source {
                name: name.into(),
                line: Some(line.number),
            };
            config.put_from(line.name.clone(), value, origin, exposure);
        }
    }

    /// The table of a section, whose name may be a path with dots.
    fn find(&self, section: &str) -> Option<&Table> {
        let table = |name: &str| {
            self.0.iter().find_map(|line| match &line.node {
                Node::Table(table) if line.name == name => Some(table),
                _ => None,
            })
        };
        table(section).or_else(|| {
            let (first, rest) = section.split_once('.')?;
            table(first)?.find(rest)
        })
    }

    /// The names of the tables, other than `default`, that have settings of sessions.
    fn sections(&self) -> Vec<&str> {
        let sections = self.0.iter().filter_map(|line| match &line.node {
            Node::Table(table) if !is_upper(&line.name) && line.name != DEFAULT => {
                let known = table.0.iter().any(|line| Key::find(&line.name).is_some());
                known.then_some(line.name.as_str())
            }
            _ => None,
        });
        sections.collect()
    }

    fn setting(&self) -> Setting {
        let items = self.0.iter().map(|line| {
            let value = match &line.node {
                Node::Value(value) => value.clone(),
                Node::Table(table) => table.setting(),
            };
            (line.name.clone(), value)
        });
        Setting::Table(items.collect())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        for line in &mut self.0 {
            if let Node::Value(value) = &mut line.node {
                value.wipe();
            }
        }
    }
}

fn is_upper(name: &str) -> bool {
    !name.contains(|c: char| c.is_ascii_lowercase())
}

fn variables(text: &str) -> Result<Vec<(String, String, u32)>, Vec<Fault>> {
    let mut place = Place::START;
    let mut at = 0;
    let mut place_of = |next| {
        place = place.after(&text.as_bytes()[at..next]);
        at = next;
        place
    };
    let mistakes = dotenv::mistakes(text);
    if !mistakes.is_empty() {
        let told = mistakes.iter().take(MOST_MISTAKES);
        let faults = told.map(|found| Fault::syntax(Some(place_of(found.at)), found.what));
        return Err(faults.collect());
    }
    let assignments = dotenv::assignments(text);
    let lines = assignments.iter().map(|found| {
        let line = place_of(found.place.start).line;
        (found.name.clone(), found.value.clone(), line)
    });
    Ok(lines.collect())
}

/// So many lines of a file are told; one with more is hardly a `.env` file.
const MOST_MISTAKES: usize = 10;

/// Where in a file something stands.
#[derive(Clone, Copy)]
struct Place {
    line: u32,
    column: u32,
}

impl Place {
    const START: Place = Place { line: 1, column: 1 };

    fn of(text: &[u8], at: usize) -> Place {
        Place::START.after(&text[..at.min(text.len())])
    }

    /// The place behind these bytes that begin here; columns count characters.
    fn after(self, bytes: &[u8]) -> Place {
        let characters = |bytes: &[u8]| {
            let count = bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        match memchr::memrchr(b'\n', bytes) {
            None => Place {
                column: self.column.saturating_add(characters(bytes)),
                ..self
            },
            Some(last) => {
                let lines = memchr::memchr_iter(b'\n', bytes).count();
                Place {
                    line: self
                        .line
                        .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)),
                    column: 1 + characters(&bytes[last + 1..]),
                }
            }
        }
    }
}

/// Why a file cannot be taken; holds nothing of its content.
struct Fault {
    code: Code,
    place: Option<Place>,
    what: String,
    fix: String,
}

impl From<Fault> for Vec<Fault> {
    fn from(fault: Fault) -> Vec<Fault> {
        vec![fault]
    }
}

impl Fault {
    fn unreadable(why: impl std::fmt::Display) -> Fault {
        Fault {
            code: Code::FileUnreadable,
            place: None,
            what: format!("the file cannot be read: {why}"),
            fix: "name a file that this process may read".into(),
        }
    }

    fn unknown(what: &str, fix: &str) -> Fault {
        Fault {
            code: Code::FileUnreadable,
            place: None,
            what: what.into(),
            fix: fix.into(),
        }
    }

    fn syntax(place: Option<Place>, what: impl Into<String>) -> Fault {
        Fault {
            code: Code::FileSyntax,
            place,
            what: what.into(),
            fix: "mend the file; nothing of it was taken".into(),
        }
    }

    fn problem(self, path: &Path) -> Problem {
        let column = self
            .place
            .map_or(String::new(), |place| format!("column {}: ", place.column));
        Problem {
            code: self.code,
            severity: Severity::Error,
            key: ALL_KEYS.into(),
            origin: Origin::Source {
                name: path.display().to_string(),
                line: self.place.map(|place| place.line),
            },
            what: format!("{column}{}", self.what),
            fix: self.fix,
        }
    }
}
