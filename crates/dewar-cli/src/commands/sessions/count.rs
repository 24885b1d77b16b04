use std::collections::HashSet;

use clap::Args;
use dewar::store::Cursor;
use serde_json::json;

use super::StoreOptions;
use crate::exit::{Exit, Outcome};
use crate::stores::Access;
use crate::ui::{Output, Ui};

/// `dewar sessions count`.
#[derive(Debug, Args)]
pub(crate) struct Count {
    #[command(flatten)]
    store: StoreOptions,
}

impl Count {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let sessions = self.store.open(Access::Read, ui)?;
        let bar = ui.progress("counting");
        let (mut seen, mut bytes) = (HashSet::new(), Some(0));
        let mut cursor = Some(Cursor::start());
        while let Some(place) = cursor {
            let page = sessions.place.page(&sessions.prefix, place).await?;
            for entry in page.entries {
                if seen.insert(entry.key) {
                    bytes = bytes.zip(entry.size).map(|(sum, size)| sum + size);
                }
            }
            bar.set_position(seen.len() as u64);
            cursor = page.next;
        }
        bar.finish_and_clear();
        match ui.output() {
            Output::Json => ui.json(&json!({ "sessions": seen.len(), "bytes": bytes }))?,
            Output::Text => ui.line(seen.len())?,
        }
        sessions.place.warn_of_unlisted(ui)?;
        Ok(Exit::Done)
    }
}
