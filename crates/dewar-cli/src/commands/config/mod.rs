//! `dewar config`: what is configured, by whom, and whether it is right.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dewar::config::{Code, Config, ConfigFile, Environment, Key, Kind, Preset, Setting, Stage};

use crate::exit::{Failure, Outcome};
use crate::text::{parse_name, time};
use crate::ui::Ui;

mod check;
mod explain;
mod show;

pub(super) use check::{as_json as problems_as_json, print as print_problems};
pub(super) use show::{print as print_values, set as set_values};

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show every value and where it comes from; secrets stay hidden
    Show(show::Show),

    /// Say everything that is wrong, with how to put it right
    Check(check::Check),

    /// Say what a key does
    Explain(explain::Explain),
}

impl Command {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        match self {
            Command::Show(command) => command.run(ui),
            Command::Check(command) => command.run(ui),
            Command::Explain(command) => command.run(ui),
        }
    }
}

/// Where the configuration is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct ConfigOptions {
    /// A TOML, JSON or .env file of settings; variables of the environment override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The section of the file, such as production; without it, the one that DEWAR_ENV names
    #[arg(long, value_name = "NAME", requires = "config", value_parser = parse_name)]
    section: Option<String>,

    /// What stands before the keys' names in the environment, without the underscore
    #[arg(long, value_name = "NAME", default_value = "FLASK", value_parser = parse_prefix)]
    env_prefix: String,

    /// Read plain names too: SECRET_KEY besides FLASK_SECRET_KEY
    #[arg(long)]
    plain_names: bool,
}

impl ConfigOptions {
    /// The configuration, for a command that reports what is wrong with it.
    pub(super) fn read(&self) -> Config {
        let environment = Environment::of_process().with_prefix(&self.env_prefix);
        let environment = match self.plain_names {
            true => environment.with_plain_names(),
            false => environment,
        };
        let mut config = Config::new();
        if let Some(path) = &self.config {
            let mut file = ConfigFile::at(path).environment(environment.clone());
            if let Some(section) = &self.section {
                file = file.section(section);
            }
            config = config.file(file);
        }
        config.environment(environment)
    }

    /// The configuration as a server that real users depend on sees it, unless something says that it is none.
    pub(super) fn for_users(&self, config: Config) -> Config {
        match self.says_stage() {
            true => config,
            false => config.stage(Stage::Production),
        }
    }

    /// Whether something says whether this is production.
    pub(super) fn says_stage(&self) -> bool {
        self.section.is_some() || std::env::var_os("DEWAR_ENV").is_some()
    }

    /// The configuration, unless its file cannot be taken: what is not in it would be somewhere else than was meant.
    pub(super) fn read_usable(&self) -> Outcome<Config> {
        let config = self.read();
        let problems = config.check().problems;
        let broken = problems.iter().find(|problem| {
            matches!(
                problem.code,
                Code::FileUnreadable | Code::FileSyntax | Code::SectionMissing
            )
        });
        match broken {
            None => Ok(config),
            Some(problem) => Err(Failure::unusable(format!(
                "{}: {}",
                problem.origin, problem.what
            ))
            .hint(problem.fix.clone())),
        }
    }

    /// The variable that sets a key.
    pub(super) fn variable(&self, key: &str) -> String {
        format!("{}_{key}", self.env_prefix)
    }
}

/// Reads a prefix; who writes the underscore after it means no second one.
fn parse_prefix(text: &str) -> Result<String, &'static str> {
    parse_name(text.strip_suffix('_').unwrap_or(text))
}

/// A value as it may be shown: of a secret, of a key that nobody knows, or of a URL with a user, only its kind.
fn shown(key: Option<&Key>, value: &Setting) -> String {
    match key {
        Some(key) if !key.is_secret() && !value.names_user() => plain(value),
        _ => format!("hidden: {value:?}"),
    }
}

/// A value as TOML and Python people read it.
fn plain(value: &Setting) -> String {
    match value {
        Setting::Bool(value) => value.to_string(),
        Setting::Integer(value) => value.to_string(),
        Setting::Float(value) => value.to_string(),
        Setting::Text(value) => format!("'{}'", value.escape_debug()),
        Setting::Duration(value) => time::span(*value),
        other => format!("{other:?}"),
    }
}

/// The default of a key in words.
fn default(key: &Key) -> String {
    match key.default {
        Preset::Unset(consequence) => consequence.into(),
        Preset::Integer(mode) if key.kind == Kind::FileMode => format!("'{mode:04o}'"),
        preset => plain(&preset.setting()),
    }
}
