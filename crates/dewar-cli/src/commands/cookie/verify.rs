use clap::Args;
use serde_json::json;

use super::{AgeOptions, CookieSource, SigningOptions};
use crate::cookies::{Shape, Verdict};
use crate::exit::{Exit, Outcome};
use crate::keys::KeyOptions;
use crate::text::time;
use crate::ui::{BAD, GOOD, Output, Ui};

/// `dewar cookie verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    source: CookieSource,

    #[command(flatten)]
    age: AgeOptions,

    #[command(flatten)]
    signing: SigningOptions,

    #[command(flatten)]
    keys: KeyOptions,
}

impl Verify {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let keys = self.keys.required(ui)?;
        let pasted = self.source.read(ui)?;
        let judge = self.signing.judge(&self.age, &keys)?;
        let verdict = judge.judge(&pasted.value);
        let text = String::from_utf8_lossy(&pasted.value);
        let kind = Shape::of(&text).kind();
        let expires = verdict.issued.map(|issued| issued + judge.max_age);
        match ui.output() {
            Output::Json => ui.json(&json!({
                "accepted": verdict.refusal.is_none(),
                "kind": kind,
                "key": verdict.key,
                "issued": verdict.issued.map(time::rfc3339),
                "expires": expires.map(time::rfc3339),
                "refusal": verdict.refusal,
            }))?,
            Output::Text => print(&verdict, &Shape::of(&text), ui)?,
        }
        if let (Output::Text, None, Some(issued), Some(expires)) =
            (ui.output(), &verdict.refusal, verdict.issued, expires)
        {
            ui.line(format_args!(
                "made {}, {}",
                time::moment(issued),
                time::relative(issued, judge.now)
            ))?;
            ui.line(format_args!(
                "expires {}, {}",
                time::moment(expires),
                time::relative(expires, judge.now)
            ))?;
        }
        Ok(if verdict.refusal.is_none() {
            Exit::Done
        } else {
            Exit::No
        })
    }
}

/// The verdict's first lines, with hints on standard error.
pub(super) fn print(verdict: &Verdict, shape: &Shape, ui: &mut Ui) -> Outcome<()> {
    match (&verdict.refusal, &verdict.key) {
        (Some(refusal), _) => {
            ui.line(format_args!(
                "{BAD}refused{BAD:#}: {}: {}",
                refusal.part.name(),
                refusal.message
            ))?;
            refusal.hints.iter().for_each(|hint| ui.hint(hint));
        }
        (None, Some(key)) => {
            ui.line(format_args!(
                "{GOOD}accepted{GOOD:#}: {}, signed with {key}",
                shape.name()
            ))?;
        }
        (None, None) => ui.line(format_args!("{GOOD}accepted{GOOD:#}: {}", shape.name()))?,
    }
    Ok(())
}
