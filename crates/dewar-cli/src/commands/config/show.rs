use clap::Args;
use dewar::config::{Config, KEYS, Key, Origin};
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
    key: String,
    value: String,
    origin: String,
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

/// The keys that something sets.
pub(in crate::commands) fn set(config: &Config) -> Vec<Line> {
    let names = config
        .keys()
        .filter_map(|name| Some((name, config.get(name)?)));
    let lines = names.map(|(name, value)| Line {
        key: name.into(),
        value: shown(Key::find(name), value),
        origin: config.origin(name).to_string(),
    });
    lines.collect()
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
