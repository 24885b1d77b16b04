use std::collections::HashSet;

use clap::Args;
use dewar::UnixTime;
use dewar::store::{Cursor, Entry};
use serde_json::{Value, json};

use super::{Sessions, StoreOptions};
use crate::exit::{Exit, Outcome};
use crate::stores::handle;
use crate::text::{count, parse_number, time};
use crate::ui::{Output, Ui};

/// `dewar sessions list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    store: StoreOptions,

    /// Show at most so many
    #[arg(long, value_name = "NUMBER", value_parser = parse_number)]
    limit: Option<usize>,

    /// Show session ids instead of handles; whoever has an id has the session
    #[arg(long)]
    ids: bool,

    /// The time that counts as now
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment)]
    at: Option<UnixTime>,
}

impl List {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let sessions = self.store.open(ui)?;
        if self.ids && ui.is_terminal() {
            ui.warning(
                "whoever has a session id has the session: keep this out of tickets and logs",
            );
        }
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut seen = HashSet::new();
        let mut listed = Vec::new();
        let mut cursor = Some(Cursor::start());
        while let Some(place) = cursor.filter(|_| seen.len() < limit) {
            let page = sessions.place.page(&sessions.prefix, place).await?;
            cursor = page.next;
            for entry in page.entries {
                // A store may give a session twice while others come and go.
                if seen.len() < limit && seen.insert(entry.key.clone()) {
                    match ui.output() {
                        Output::Json => listed.push(self.json(&sessions, &entry)),
                        Output::Text => ui.line(self.row(&sessions, &entry))?,
                    }
                }
            }
        }
        match ui.output() {
            Output::Json => ui.json(&listed)?,
            Output::Text => ui.note(format_args!(
                "{} in {}",
                count(seen.len(), "session"),
                sessions.place.name
            )),
        }
        Ok(Exit::Done)
    }

    fn name(&self, sessions: &Sessions, entry: &Entry) -> String {
        if self.ids {
            sessions.id(&entry.key).to_owned()
        } else {
            handle(&entry.key)
        }
    }

    fn row(&self, sessions: &Sessions, entry: &Entry) -> String {
        let size = entry
            .size
            .map_or_else(|| "?".into(), |size| size.to_string());
        let now = self.at.unwrap_or_else(UnixTime::now);
        let expires = entry.expires.map_or_else(
            || "expiry not listed".into(),
            |expires| {
                format!(
                    "expires {}, {}",
                    time::moment(expires),
                    time::relative(expires, now)
                )
            },
        );
        format!("{}  {size:>7} bytes  {expires}", self.name(sessions, entry))
    }

    fn json(&self, sessions: &Sessions, entry: &Entry) -> Value {
        let name = if self.ids { "id" } else { "handle" };
        json!({
            name: self.name(sessions, entry),
            "bytes": entry.size,
            "expires": entry.expires.map(time::rfc3339),
        })
    }
}
