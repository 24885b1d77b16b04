use clap::Args;
use dewar::config::{Problem, Severity};
use serde_json::{Value, json};

use super::ConfigOptions;
use crate::exit::{Exit, Outcome};
use crate::text::count;
use crate::ui::{BAD, DOUBTFUL, GOOD, Output, Ui};

/// `dewar config check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Count warnings as errors
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    config: ConfigOptions,
}

impl Check {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let report = dewar_stores::check(&self.config.read());
        let problems: Vec<_> = report.problems.iter().collect();
        match ui.output() {
            Output::Json => ui.json(&json!({ "problems": as_json(&problems) }))?,
            Output::Text => {
                print(&problems, ui)?;
                summary(&problems, ui)?;
            }
        }
        let wrong = report.has_errors() || (self.strict && !problems.is_empty());
        Ok(if wrong { Exit::No } else { Exit::Done })
    }
}

fn summary(problems: &[&Problem], ui: &mut Ui) -> Outcome<()> {
    if problems.is_empty() {
        return ui.line(format_args!(
            "{GOOD}good{GOOD:#}: the configuration has no errors and no warnings"
        ));
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let warnings = problems.len() - errors;
    ui.line(format_args!(
        "the configuration has {} and {}",
        count(errors, "error"),
        count(warnings, "warning")
    ))
}

/// Each finding with its origin, and how to put it right.
pub(in crate::commands) fn print(problems: &[&Problem], ui: &mut Ui) -> Outcome<()> {
    for problem in problems {
        let style = match problem.severity {
            Severity::Error => BAD,
            Severity::Warning => DOUBTFUL,
        };
        let text = problem.to_string();
        let (severity, rest) = text.split_once('[').unwrap_or((&text, ""));
        ui.line(format_args!("{style}{severity}{style:#}[{rest}"))?;
        ui.line("")?;
    }
    Ok(())
}

/// The findings for programs.
pub(in crate::commands) fn as_json(problems: &[&Problem]) -> Value {
    let problems = problems.iter().map(|problem| {
        json!({
            "code": problem.code.as_str(),
            "severity": problem.severity.to_string(),
            "key": problem.key,
            "origin": problem.origin.to_string(),
            "what": problem.what,
            "fix": problem.fix,
            "page": problem.code.page(),
        })
    });
    problems.collect()
}
