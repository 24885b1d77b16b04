use std::time::Duration;

use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::ui::{BAD, DOUBTFUL, GOOD, Ui};

/// What an examination of one thing gave.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// What was examined, in words that do not change.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Good,
    Doubtful,
    Bad,
}

impl Finding {
    pub(super) fn good(check: &'static str, message: impl Into<String>) -> Finding {
        Finding::new(check, Verdict::Good, message)
    }

    pub(super) fn doubtful(check: &'static str, message: impl Into<String>) -> Finding {
        Finding::new(check, Verdict::Doubtful, message)
    }

    pub(super) fn bad(check: &'static str, message: impl Into<String>) -> Finding {
        Finding::new(check, Verdict::Bad, message)
    }

    /// Something could not be done at all.
    pub(super) fn of_failure(check: &'static str, failure: Failure) -> Finding {
        let causes = failure.causes().join(": ");
        let message = match causes.is_empty() {
            true => failure.message,
            false => format!("{} ({causes})", failure.message),
        };
        let finding = Finding::bad(check, message);
        match failure.hints.into_iter().next() {
            Some(hint) => finding.fix(hint),
            None => finding,
        }
    }

    /// The same as something that need not be bad.
    pub(super) fn doubted(mut self) -> Finding {
        self.verdict = Verdict::Doubtful;
        self
    }

    /// What to do next.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Finding {
        self.fix = Some(fix.into());
        self
    }

    /// What to do next, unless that is known better.
    pub(super) fn or_fix(self, fix: &str) -> Finding {
        match self.fix {
            Some(_) => self,
            None => self.fix(fix),
        }
    }

    fn new(check: &'static str, verdict: Verdict, message: impl Into<String>) -> Finding {
        Finding {
            check,
            verdict,
            message: message.into(),
            fix: None,
        }
    }

    pub(super) fn print(&self, ui: &mut Ui) -> Outcome<()> {
        let (style, word) = match self.verdict {
            Verdict::Good => (GOOD, "good"),
            Verdict::Doubtful => (DOUBTFUL, "doubtful"),
            Verdict::Bad => (BAD, "bad"),
        };
        ui.line(format_args!(
            "{style}{word:<8}{style:#}  {:<8}  {}",
            self.check, self.message
        ))?;
        match &self.fix {
            Some(fix) => ui.line(format_args!("                next: {fix}")),
            None => Ok(()),
        }
    }
}

/// A time as people compare it: `35 µs`, `1.5 ms`.
pub(super) fn short(duration: Duration) -> String {
    match duration.as_micros() {
        micros @ ..1_000 => format!("{micros} µs"),
        micros => format!("{:.1} ms", micros as f64 / 1_000.0),
    }
}
