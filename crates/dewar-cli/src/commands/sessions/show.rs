use bytes::Bytes;
use clap::Args;
use dewar::UnixTime;
use dewar::data::{Document, Format};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{CookieOptions, StoreOptions};
use crate::commands::cookie::tagged;
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::stores::{Access, handle};
use crate::text::{count, python, time};
use crate::ui::{Output, STRONG, Ui};

/// `dewar sessions show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A handle, an id, or a cookie that holds the id; without it or with -, standard input
    session: Option<String>,

    /// Show the values too, not only keys and types
    #[arg(long)]
    values: bool,

    /// The time that counts as now
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment)]
    at: Option<UnixTime>,

    #[command(flatten)]
    cookie: CookieOptions,

    #[command(flatten)]
    store: StoreOptions,
}

/// A session for programs; the payload goes in as text, so that no number loses a digit.
#[derive(Serialize)]
struct Shown {
    handle: String,
    bytes: usize,
    expires: Option<String>,
    format: &'static str,
    keys: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

impl Show {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let config = self.store.config.read_usable()?;
        let sessions = self.store.open_as(&config, Access::Read, ui)?;
        let text = match self.session.as_deref() {
            None | Some("-") => String::from_utf8_lossy(&files::read_stdin()?).into_owned(),
            Some(text) => text.to_owned(),
        };
        let absent = || {
            Failure::new(
                Exit::No,
                format!(
                    "there is no such session in {}, or it has expired",
                    sessions.place.name
                ),
            )
        };
        let sought = sessions.sought(&text, &self.cookie.name(&config)?)?;
        let key = sessions.find(sought).await?.ok_or_else(absent)?;
        let record = sessions.place.store.load(&key).await?.ok_or_else(absent)?;
        let document = Document::detect(Format::Msgpack, record.blob.clone()).map_err(|error| {
            Failure::unusable(
                "the session's record is neither msgpack, JSON nor a pickle of plain types",
            )
            .because(error)
        })?;
        let shown = Shown {
            handle: handle(&key),
            bytes: record.blob.len(),
            expires: record.expires.map(time::rfc3339),
            format: format(&record.blob),
            keys: document
                .keys()
                .map(|key| key.to_string_lossy().into_owned())
                .collect(),
            payload: match self.values && ui.output() == Output::Json {
                true => Some(tagged(&document)?),
                false => None,
            },
        };
        match ui.output() {
            Output::Json => ui.json(&shown)?,
            Output::Text => self.print(&shown, record.expires, &document, ui)?,
        }
        Ok(Exit::Done)
    }

    fn print(
        &self,
        shown: &Shown,
        expires: Option<UnixTime>,
        document: &Document,
        ui: &mut Ui,
    ) -> Outcome<()> {
        let now = self.at.unwrap_or_else(UnixTime::now);
        ui.line(format_args!("{STRONG}handle {STRONG:#} {}", shown.handle))?;
        ui.line(format_args!(
            "{STRONG}size   {STRONG:#} {}, {}",
            count(shown.bytes, "byte"),
            shown.format
        ))?;
        if let Some(expires) = expires {
            ui.line(format_args!(
                "{STRONG}expires{STRONG:#} {}, {}",
                time::moment(expires),
                time::relative(expires, now)
            ))?;
        }
        let dict = document.to_dict();
        if self.values {
            return ui.line(python::pretty(&dict));
        }
        let entries = dict
            .iter()
            .map(|(key, value)| format!("{} {}", python::text(key), value.type_name()));
        let entries: Vec<_> = entries.collect();
        ui.line(format_args!(
            "{STRONG}holds  {STRONG:#} {}",
            if entries.is_empty() {
                "nothing".into()
            } else {
                entries.join(", ")
            }
        ))?;
        ui.hint("--values shows the values");
        Ok(())
    }
}

/// The format that a record is written in.
fn format(blob: &Bytes) -> &'static str {
    let is = |format| Document::parse(format, blob.clone()).is_ok();
    if is(Format::Msgpack) {
        "msgpack"
    } else if is(Format::Json) {
        "json"
    } else {
        "pickle (legacy)"
    }
}
