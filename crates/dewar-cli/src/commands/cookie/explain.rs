use clap::Args;
use serde_json::{Value, json};

use super::{AgeOptions, CookieSource, SigningOptions, verify};
use crate::cookies::{Flask, Judge, Shape, Verdict, content, payload, timestamp, too_large};
use crate::exit::{Exit, Outcome};
use crate::keys::KeyOptions;
use crate::text::{count, python, time};
use crate::ui::{Output, STRONG, Ui};

/// `dewar cookie explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    source: CookieSource,

    #[command(flatten)]
    age: AgeOptions,

    #[command(flatten)]
    signing: SigningOptions,

    #[command(flatten)]
    keys: KeyOptions,
}

impl Explain {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let keys = self.keys.find(ui)?;
        let pasted = self.source.read(ui)?;
        let judge = self.signing.judge(&self.age, &keys)?;
        let text = String::from_utf8_lossy(&pasted.value).into_owned();
        let shape = Shape::of(&text);
        let verdict = (keys.len() > 0).then(|| judge.judge(&pasted.value));
        let parts = match &shape {
            Shape::Flask(parts) => of_session(parts, &judge),
            Shape::SignedId { id, signature } => vec![
                (
                    "id",
                    json!(format!(
                        "{}, which are the key in the store",
                        count(id.len(), "character")
                    )),
                ),
                ("signature", json!(count(signature.len(), "character"))),
            ],
            _ => Vec::new(),
        };
        match ui.output() {
            Output::Json => ui.json(&report(&shape, text.len(), &parts, verdict.as_ref()))?,
            Output::Text => {
                ui.line(format_args!(
                    "{STRONG}kind{STRONG:#}       {}, {}",
                    shape.name(),
                    count(text.len(), "byte")
                ))?;
                for (name, value) in &parts {
                    let value = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    ui.line(format_args!("{STRONG}{name:<10}{STRONG:#} {value}"))?;
                }
                if let Some(verdict) = &verdict {
                    verify::print(verdict, &shape, ui)?;
                } else if matches!(shape, Shape::Flask(_) | Shape::SignedId { .. }) {
                    ui.hint("with a key (FLASK_SECRET_KEY, --key-file, --key-env) this says whether the cookie is accepted");
                }
            }
        }
        let refused = verdict.is_some_and(|verdict| verdict.refusal.is_some());
        if let Some(warning) = too_large(&text).filter(|_| !refused) {
            ui.warning(warning);
        }
        Ok(if refused { Exit::No } else { Exit::Done })
    }
}

/// Names and types, never a value: the text can go into a ticket.
fn of_session(parts: &Flask, judge: &Judge) -> Vec<(&'static str, Value)> {
    let stored = count(parts.payload.len(), "character");
    let size = payload(parts.payload)
        .ok()
        .map(|bytes| count(bytes.len(), "byte"));
    let payload = match (parts.compressed(), size) {
        (true, Some(size)) => format!("{stored}, compressed; {size} of JSON"),
        (false, Some(size)) => format!("{stored}; {size} of JSON"),
        (_, None) => stored,
    };
    let holds = match content(parts.payload) {
        Ok(document) => {
            let dict = document.to_dict();
            let entries = dict
                .iter()
                .map(|(key, value)| format!("{} {}", python::text(key), value.type_name()));
            let entries: Vec<_> = entries.collect();
            if entries.is_empty() {
                "nothing".into()
            } else {
                entries.join(", ")
            }
        }
        Err(refusal) => refusal.message,
    };
    let made = match parts.timestamp.map(timestamp) {
        Some(Some(issued)) => format!(
            "{}, {}",
            time::moment(issued),
            time::relative(issued, judge.now)
        ),
        Some(None) => "is none".into(),
        None => "is missing".into(),
    };
    let signature = parts.signature.map_or_else(
        || "is missing".into(),
        |text| count(text.len(), "character"),
    );
    vec![
        ("payload", json!(payload)),
        ("holds", json!(holds)),
        ("timestamp", json!(made)),
        ("signature", json!(signature)),
    ]
}

fn report(
    shape: &Shape,
    bytes: usize,
    parts: &[(&str, Value)],
    verdict: Option<&Verdict>,
) -> Value {
    let parts: serde_json::Map<_, _> = parts
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    json!({
        "kind": shape.kind(),
        "bytes": bytes,
        "parts": parts,
        "accepted": verdict.map(|verdict| verdict.refusal.is_none()),
        "key": verdict.and_then(|verdict| verdict.key.clone()),
        "refusal": verdict.and_then(|verdict| verdict.refusal.clone()),
    })
}
