use std::collections::HashSet;

use clap::Args;
use dewar::data::Text;
use dewar::store::{Cursor, Entry};
use dewar::{SessionId, UnixTime};
use serde_json::{Value, json};

use super::{Sessions, StoreOptions};
use crate::exit::{Exit, Outcome};
use crate::stores::{Access, handle};
use crate::text::{count, parse_number, python, time};
use crate::ui::{Output, Ui};

/// `dewar sessions list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Show at most so many
    #[arg(long, value_name = "NUMBER", value_parser = parse_number)]
    limit: Option<usize>,

    /// Show session ids instead of handles; whoever has an id has the session
    #[arg(long)]
    ids: bool,

    /// The time that counts as now
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment)]
    at: Option<UnixTime>,

    #[command(flatten)]
    store: StoreOptions,
}

impl List {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let sessions = self.store.open(Access::Read, ui)?;
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
                "{}{} in {}",
                if seen.len() == limit {
                    "the first "
                } else {
                    ""
                },
                count(seen.len(), "session"),
                sessions.place.name
            )),
        }
        sessions.place.warn_of_unlisted(ui)?;
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
        let name = on_terminal(self.name(sessions, entry));
        format!("{name}  {size:>7} bytes  {expires}")
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

/// A name as it is, or quoted if no session id looks so: others may write to the store, and a terminal would obey what it is shown.
fn on_terminal(name: String) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match plain || SessionId::parse(&name).is_some() {
        true => name,
        false => python::text(&Text::from(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_acts_on_a_terminal() {
        for name in [
            "0f6310f55a01",
            "kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZ-_",
        ] {
            assert_eq!(on_terminal(name.to_owned()), name);
        }
        let name = "a\u{1b}]0;title\u{7}\n\u{9b}2J\u{202e}";
        let shown = on_terminal(name.to_owned());
        assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown}");
    }
}
