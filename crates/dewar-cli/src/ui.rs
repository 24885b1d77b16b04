use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::exit::{Exit, Failure, Outcome};
use crate::text::visible_json;

/// Where the command writes: results to standard output, everything said about them to standard error.
pub(crate) struct Ui {
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
    output: Output,
}

/// What results look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Lines for a person.
    Text,
    /// One JSON document.
    Json,
}

/// Things that stand out; never the only sign of anything.
pub(crate) const STRONG: Style = Style::new().bold();
/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What probably is not.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

impl Ui {
    /// The process's standard streams.
    pub(crate) fn new(output: Output, color: ColorChoice) -> Ui {
        Ui {
            out: AutoStream::new(io::stdout(), color),
            err: AutoStream::new(io::stderr(), color),
            output,
        }
    }

    /// What results are to look like.
    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// Writes lines of a result.
    pub(crate) fn line(&mut self, line: impl Display) -> Outcome<()> {
        delivered(writeln!(self.out, "{line}"))
    }

    /// Writes a result that is bytes, as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome<()> {
        let mut out = io::stdout().lock();
        delivered(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Writes a result as JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Outcome<()> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Failure::unusable("the result cannot be written as JSON").because(error)
        })?;
        self.line(visible_json(&text))
    }

    /// Whether somebody looks at the results as they come.
    pub(crate) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Shows on a terminal how far something is; nowhere else.
    pub(crate) fn progress(&self, doing: &'static str) -> ProgressBar {
        let bar = ProgressBar::no_length().with_message(doing);
        styled(bar, "{spinner} {msg} {human_pos} ({elapsed})")
    }

    /// The same for work that has an end.
    pub(crate) fn progress_to(&self, doing: &'static str, end: usize) -> ProgressBar {
        let bar = ProgressBar::new(end as u64).with_message(doing);
        styled(
            bar,
            "{spinner} {msg} {human_pos} of {human_len} ({elapsed}, {eta} to go)",
        )
    }

    /// Says that something is probably not as it was meant.
    pub(crate) fn warning(&mut self, message: impl Display) {
        self.say(DOUBTFUL, "warning", message);
    }

    /// Says what to do next.
    pub(crate) fn hint(&mut self, message: impl Display) {
        self.say(HINT, "hint", message);
    }

    /// Says something else that is not part of the result.
    pub(crate) fn note(&mut self, message: impl Display) {
        // A message that cannot be written changes nothing about the work.
        let _ = writeln!(self.err, "{message}");
    }

    /// Says why the command could not do its work.
    pub(crate) fn failure(&mut self, failure: &Failure) -> Exit {
        if failure.message.is_empty() {
            return failure.exit;
        }
        self.say(BAD, "error", &failure.message);
        for cause in failure.causes() {
            self.note(format_args!("  caused by: {cause}"));
        }
        for hint in &failure.hints {
            self.hint(hint);
        }
        failure.exit
    }

    fn say(&mut self, style: Style, label: &str, message: impl Display) {
        let _ = writeln!(self.err, "{style}{label}:{style:#} {message}");
    }
}

/// A reader that has seen enough (`| head`) ends the command without a word.
fn delivered(result: io::Result<()>) -> Outcome<()> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::new(Exit::Done, ""),
        _ => Failure::unusable("the result cannot be written to standard output").because(error),
    })
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
