use clap::Args;
use dewar::UnixTime;
use dewar::data::{Document, Format};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::CookieSource;
use crate::cookies::{Flask, Shape, content, timestamp};
use crate::exit::{Exit, Failure, Outcome};
use crate::text::{python, time};
use crate::ui::{Output, Ui};

/// `dewar cookie decode`.
#[derive(Debug, Args)]
pub(crate) struct Decode {
    #[command(flatten)]
    source: CookieSource,

    /// The time that counts as now, for the age
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment)]
    at: Option<UnixTime>,
}

/// The result as JSON; the payload goes in as text, so that no number loses a digit.
#[derive(Serialize)]
struct Decoded {
    kind: &'static str,
    verified: bool,
    issued: Option<String>,
    payload: Box<RawValue>,
}

impl Decode {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let pasted = self.source.read(ui)?;
        let text = String::from_utf8(pasted.value)
            .map_err(|_| Failure::new(Exit::No, "the value is not ASCII text"))?;
        let shape = Shape::of(&text);
        match &shape {
            Shape::Flask(parts) => self.session(parts, ui),
            Shape::SignedId { id, .. } => self.id(id, &shape, ui),
            Shape::BareId(id) => self.id(id.expose(), &shape, ui),
            Shape::WebToken | Shape::Other => Err(Failure::new(
                Exit::No,
                format!("there is nothing to decode: it is {}", shape.name()),
            )
            .hint("look for the cookie of the session: --name")),
        }
    }

    fn session(&self, parts: &Flask, ui: &mut Ui) -> Outcome {
        let document = content(parts.payload).map_err(|refusal| {
            let cut = parts.signature.is_none() || parts.timestamp.is_none();
            let failure = Failure::new(Exit::No, refusal.message);
            if cut {
                failure.hint("parts are missing at the end: the value is cut off")
            } else {
                failure
            }
        })?;
        let issued = parts.timestamp.and_then(timestamp);
        match ui.output() {
            Output::Json => ui.json(&Decoded {
                kind: "flask",
                verified: false,
                issued: issued.map(time::rfc3339),
                payload: tagged(&document)?,
            })?,
            Output::Text => {
                ui.line(python::pretty(&document.to_dict()))?;
                if let Some(issued) = issued {
                    let now = self.at.unwrap_or_else(UnixTime::now);
                    ui.note(format_args!(
                        "made {}, {}",
                        time::moment(issued),
                        time::relative(issued, now)
                    ));
                }
                ui.note("not verified: dewar cookie verify says whether it is accepted");
                if parts.signature.is_none() {
                    ui.warning("the value is cut off: it has no signature");
                }
            }
        }
        Ok(Exit::Done)
    }

    fn id(&self, id: &str, shape: &Shape, ui: &mut Ui) -> Outcome {
        match ui.output() {
            Output::Json => {
                ui.json(&json!({ "kind": shape.kind(), "verified": false, "id": id }))?
            }
            Output::Text => {
                ui.line(id)?;
                ui.note(format_args!(
                    "{}: the session itself is in the store",
                    shape.name()
                ));
                ui.hint("whoever has the id has the session: keep it out of tickets and logs");
            }
        }
        Ok(Exit::Done)
    }
}

/// A session as Flask's tagged JSON; `NaN` and the infinities, which JSON lacks, become `null`.
pub(in crate::commands) fn tagged(document: &Document) -> Outcome<Box<RawValue>> {
    let bytes = document.encode(Format::TaggedJson)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    RawValue::from_string(text.clone())
        .or_else(|_| RawValue::from_string(without_nan(&text)))
        .map_err(|error| Failure::unusable("the session cannot be written as JSON").because(error))
}

fn without_nan(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_text = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let name = ["NaN", "-Infinity", "Infinity"]
            .iter()
            .find(|name| !in_text && rest.starts_with(**name));
        if let Some(name) = name {
            out.push_str("null");
            rest = &rest[name.len()..];
            continue;
        }
        let escaped = in_text && character == '\\';
        in_text ^= character == '"';
        // An escape is two characters at least, and the second never ends the text.
        let length = if escaped {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            character.len_utf8()
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_json_lacks_become_null() {
        assert_eq!(
            without_nan(r#"{"NaN\"":[NaN,-Infinity,Infinity,1]}"#),
            r#"{"NaN\"":[null,null,null,1]}"#
        );
    }
}
