use clap::Args;
use serde_json::json;

use super::{CookieOptions, Sessions, Sought, StoreOptions};
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::stores::{Access, handle};
use crate::text::count;
use crate::ui::{Output, Ui};

/// `dewar sessions delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Handles, ids, or cookies that hold an id; with -, one a line from standard input
    #[arg(required = true)]
    sessions: Vec<String>,

    #[command(flatten)]
    cookie: CookieOptions,

    #[command(flatten)]
    store: StoreOptions,
}

/// What became of the sessions so far.
#[derive(Default)]
struct Done {
    deleted: Vec<String>,
    absent: usize,
}

impl Delete {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let config = self.store.config.read_usable()?;
        let sessions = self.store.open_as(&config, Access::Change, ui)?;
        let sought = self.sought(&sessions, &self.cookie.name(&config)?)?;
        if sought.is_empty() {
            ui.note("no session is named: nothing is deleted");
        }
        let mut done = Done::default();
        let end = done.delete(&sessions, sought, ui).await;
        if ui.output() == Output::Json {
            ui.json(&json!({ "deleted": done.deleted, "absent": done.absent }))?;
        }
        end?;
        if done.absent > 0 {
            ui.warning(format_args!(
                "{} not there, or expired",
                count(done.absent, "session")
            ));
        }
        Ok(if done.absent > 0 {
            Exit::No
        } else {
            Exit::Done
        })
    }

    /// What is to be deleted, all of it, before anything is.
    fn sought(&self, sessions: &Sessions, cookie: &str) -> Outcome<Vec<Sought>> {
        let wanted = self.wanted()?;
        let several = wanted.len() > 1;
        let sought = wanted.iter().enumerate().map(|(at, text)| {
            let sought = sessions.sought(text, cookie);
            sought.map_err(|failure| match several {
                true => Failure {
                    message: format!(
                        "session {} of {}: {}; nothing is deleted",
                        at + 1,
                        wanted.len(),
                        failure.message
                    ),
                    ..failure
                },
                false => failure,
            })
        });
        sought.collect()
    }

    fn wanted(&self) -> Outcome<Vec<String>> {
        if self.sessions != ["-"] {
            return Ok(self.sessions.clone());
        }
        let bytes = files::read_stdin()?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::unusable("standard input is not text"))?;
        Ok(text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect())
    }
}

impl Done {
    async fn delete(
        &mut self,
        sessions: &Sessions,
        sought: Vec<Sought>,
        ui: &mut Ui,
    ) -> Outcome<()> {
        let store = &sessions.place.store;
        for sought in sought {
            let key = sessions.find(sought).await?;
            let there = match &key {
                Some(key) => store.load(key).await?.is_some(),
                None => false,
            };
            let Some(key) = key.filter(|_| there) else {
                self.absent += 1;
                continue;
            };
            store.delete(&key).await?;
            let handle = handle(&key);
            if ui.output() == Output::Text {
                ui.line(format_args!("deleted {handle}"))?;
            }
            self.deleted.push(handle);
        }
        Ok(())
    }
}
