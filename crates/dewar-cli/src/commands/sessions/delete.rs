use clap::Args;
use serde_json::json;

use super::StoreOptions;
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::stores::handle;
use crate::text::count;
use crate::ui::{Output, Ui};

/// `dewar sessions delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Handles, ids, or cookies that hold an id; with -, one a line from standard input
    #[arg(required = true)]
    sessions: Vec<String>,

    #[command(flatten)]
    store: StoreOptions,
}

impl Delete {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let sessions = self.store.open(ui)?;
        let (mut deleted, mut absent) = (Vec::new(), 0);
        for text in &self.wanted()? {
            let key = sessions.find(text).await?;
            let there = match &key {
                Some(key) => sessions.place.store.load(key).await?.is_some(),
                None => false,
            };
            match key.filter(|_| there) {
                Some(key) => {
                    sessions.place.store.delete(&key).await?;
                    deleted.push(handle(&key));
                }
                None => absent += 1,
            }
        }
        match ui.output() {
            Output::Json => ui.json(&json!({ "deleted": deleted, "absent": absent }))?,
            Output::Text => deleted
                .iter()
                .try_for_each(|handle| ui.line(format_args!("deleted {handle}")))?,
        }
        if absent > 0 {
            ui.warning(format_args!(
                "{} not there, or expired",
                count(absent, "session")
            ));
        }
        Ok(if absent > 0 { Exit::No } else { Exit::Done })
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
