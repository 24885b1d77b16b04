use std::path::PathBuf;

use clap::Args;
use dewar::config::{Code, Config, Environment, Origin, Setting};
use dewar::signing::{Keyring, SecretKey};

use super::KeyFile;
use super::file::KEY;
use crate::exit::{Failure, Outcome};
use crate::text::parse_name;
use crate::ui::Ui;

/// Where the command gets keys from; without any of these, FLASK_SECRET_KEY or SECRET_KEY and their fallbacks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyOptions {
    /// A file that holds the key, or a .env or TOML file with SECRET_KEY; may be repeated, the first key signs
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,

    /// An environment variable that holds the key; may be repeated
    #[arg(long, value_name = "VAR")]
    key_env: Vec<String>,

    /// The key itself, which then stands in the shell's history and in the list of processes
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,

    /// The table of a TOML file that has SECRET_KEY
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    section: Option<String>,
}

/// A key and what to call it in messages.
pub(crate) struct FoundKey {
    pub(crate) key: SecretKey,
    pub(crate) name: String,
    /// The bytes of the file that is the key, where a line's end follows the key.
    pub(crate) with_newline: Option<SecretKey>,
}

/// The keys to try, in this order; the first one signs.
pub(crate) struct Keys(Vec<FoundKey>);

impl Keys {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &FoundKey> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys as a ring, if there are any.
    pub(crate) fn ring(&self) -> Option<Keyring> {
        let (first, rest) = self.0.split_first()?;
        let fallbacks = rest.iter().map(|found| found.key.clone());
        Some(Keyring::new(first.key.clone()).with_fallbacks(fallbacks))
    }
}

impl KeyOptions {
    /// The keys, of which there must be one.
    pub(crate) fn required(&self, ui: &mut Ui) -> Outcome<Keys> {
        let keys = self.find(ui)?;
        if keys.0.is_empty() {
            return Err(Failure::unusable("there is no secret key to work with")
                .hint("set FLASK_SECRET_KEY or SECRET_KEY, or name a file with --key-file, or a variable with --key-env"));
        }
        Ok(keys)
    }

    /// The keys, if there are any.
    pub(crate) fn find(&self, ui: &mut Ui) -> Outcome<Keys> {
        let mut found = Vec::new();
        for path in &self.key_file {
            from_file(path, self.section.as_deref(), &mut found)?;
        }
        for variable in &self.key_env {
            found.push(from_variable(variable)?);
        }
        if !self.key.is_empty() {
            ui.warning("a key on the command line stands in the shell's history and in the list of processes");
            ui.hint("use --key-file or --key-env");
        }
        for (at, key) in self.key.iter().enumerate() {
            let name = if self.key.len() == 1 {
                "--key".into()
            } else {
                format!("--key number {}", at + 1)
            };
            found.push(plain(SecretKey::new(key.as_str()), name));
        }
        if found.is_empty() {
            found = from_environment()?;
        }
        match found.iter().find(|found| found.key.is_empty()) {
            Some(empty) => Err(Failure::unusable(format!(
                "the key of {} is empty",
                empty.name
            ))),
            None => Ok(Keys(found)),
        }
    }
}

/// The configuration of the process's environment, by prefixed and by plain names.
pub(crate) fn environment() -> Config {
    Config::new().environment(Environment::of_process().with_plain_names())
}

/// The bytes of a variable.
pub(crate) fn variable_bytes(name: &str) -> Outcome<SecretKey> {
    use std::os::unix::ffi::OsStringExt;

    let value = std::env::var_os(name)
        .ok_or_else(|| Failure::unusable(format!("the environment variable {name} is not set")))?;
    Ok(SecretKey::new(value.into_vec()))
}

fn from_file(
    path: &std::path::Path,
    section: Option<&str>,
    found: &mut Vec<FoundKey>,
) -> Outcome<()> {
    let file = KeyFile::read(path, section)?;
    let whole = *file.place() == super::Place::Whole;
    found.push(FoundKey {
        key: file.key(),
        name: match whole {
            true => format!("file {}", path.display()),
            false => format!("{} in {}", file.name(), path.display()),
        },
        with_newline: (whole && file.bytes() != file.key().expose())
            .then(|| SecretKey::new(file.bytes())),
    });
    let beside = file.fallbacks_path();
    for (at, key) in file.fallbacks().into_iter().enumerate() {
        found.push(plain(
            key,
            format!("fallback {} in {}", at + 1, beside.display()),
        ));
    }
    Ok(())
}

fn from_variable(variable: &str) -> Outcome<FoundKey> {
    Ok(plain(
        variable_bytes(variable)?,
        format!("environment variable {variable}"),
    ))
}

fn from_environment() -> Outcome<Vec<FoundKey>> {
    let config = environment();
    let problems = config.check().problems;
    let unread = problems.into_iter().find(|problem| {
        matches!(
            problem.code,
            Code::SecretFileUnreadable | Code::VariableNotUnicode
        ) && problem.key.starts_with(KEY)
    });
    if let Some(problem) = unread {
        return Err(
            Failure::unusable(format!("{}: {}", problem.origin, problem.what)).hint(problem.fix),
        );
    }
    let mut found = Vec::new();
    if let Some(setting) = config.get("SECRET_KEY") {
        let origin = config.origin("SECRET_KEY");
        found.push(plain(
            from_setting(setting, origin)?,
            format!("SECRET_KEY ({origin})"),
        ));
    }
    let origin = config.origin("SECRET_KEY_FALLBACKS");
    match config.get("SECRET_KEY_FALLBACKS") {
        Some(Setting::List(items)) => {
            for (at, item) in items.iter().enumerate() {
                found.push(plain(
                    from_setting(item, origin)?,
                    format!("SECRET_KEY_FALLBACKS[{at}] ({origin})"),
                ));
            }
        }
        Some(_) => {
            return Err(Failure::unusable(format!(
                "SECRET_KEY_FALLBACKS ({origin}) is not a list"
            ))
            .hint("write a JSON list of texts: [\"the key before\"]"));
        }
        None => {}
    }
    Ok(found)
}

fn from_setting(setting: &Setting, origin: &Origin) -> Outcome<SecretKey> {
    match setting {
        Setting::Text(text) => Ok(SecretKey::new(text.as_str())),
        Setting::Bytes(bytes) => Ok(SecretKey::new(bytes.as_slice())),
        other => Err(Failure::unusable(format!("a secret key is text, not {other:?} ({origin})"))
            .hint("a value that is JSON is taken as JSON: put it in double quotes within the variable")),
    }
}

fn plain(key: SecretKey, name: String) -> FoundKey {
    FoundKey {
        key,
        name,
        with_newline: None,
    }
}
