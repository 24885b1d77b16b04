use clap::Args;
use dewar::config::{Code, Config, KEYS, Key, Origin};
use serde::Serialize;

use super::{ConfigOptions, default, shown};
use crate::exit::{Exit, Outcome};
use crate::ui::{Output, STRONG, Ui};

/// `dewar config show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Show the keys that nothing sets too, with their defaults
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    config: ConfigOptions,
}

/// A value with its origin, for programs and for the table.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Line {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) origin: String,
}

impl Show {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let config = self.config.read_usable()?;
        let mut lines = set(&config);
        if self.all {
            let unset = KEYS
                .iter()
                .filter(|key| *config.origin(key.name) == Origin::Default);
            lines.extend(unset.map(|key| Line {
                key: key.name.into(),
                value: default(key),
                origin: Origin::Default.to_string(),
            }));
        }
        match ui.output() {
            Output::Json => ui.json(&lines)?,
            Output::Text => print(&lines, ui)?,
        }
        if lines.is_empty() {
            let example = self.config.variable("SECRET_KEY");
            ui.note("nothing is set: every key has its default (--all shows them)");
            ui.hint(format_args!(
                "variables have names such as {example}; --env-prefix and --plain-names change that"
            ));
        }
        Ok(Exit::Done)
    }
}

/// The keys that something sets, and what would set one but was not taken.
pub(in crate::commands) fn set(config: &Config) -> Vec<Line> {
    let names = config
        .keys()
        .filter_map(|name| Some((name, config.get(name)?)));
    let lines = names.map(|(name, value)| Line {
        key: name.into(),
        value: shown(Key::find(name), value),
        origin: config.origin(name).to_string(),
    });
    lines.chain(not_taken(config)).collect()
}

/// Variables and files that hold a value which could not be read, or stands in two places.
pub(super) fn not_taken(config: &Config) -> impl Iterator<Item = Line> {
    let codes = [
        Code::SecretFileUnreadable,
        Code::SecretGivenTwice,
        Code::VariableNotUnicode,
    ];
    let problems = config.check().problems.into_iter();
    problems
        .filter(move |problem| codes.contains(&problem.code))
        .map(|problem| Line {
            value: format!("not taken ({}): {}", problem.code.as_str(), problem.what),
            origin: problem.origin.to_string(),
            key: problem.key,
        })
}

/// A table of three columns.
pub(in crate::commands) fn print(lines: &[Line], ui: &mut Ui) -> Outcome<()> {
    let width = |text: fn(&Line) -> &str| {
        lines
            .iter()
            .map(|line| text(line).chars().count())
            .max()
            .unwrap_or(0)
    };
    // One long value must not push all origins off the screen.
    let (keys, values) = (width(|line| &line.key), width(|line| &line.value).min(36));
    for Line { key, value, origin } in lines {
        ui.line(format_args!(
            "{STRONG}{key:<keys$}{STRONG:#}  {value:<values$}  {origin}"
        ))?;
    }
    Ok(())
}
