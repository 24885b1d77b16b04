use clap::Args;
use dewar::UnixTime;
use dewar::store::{Expiry, Purged};
use serde_json::json;

use super::StoreOptions;
use crate::exit::{Exit, Outcome};
use crate::stores::Access;
use crate::text::count;
use crate::ui::{Output, Ui};

/// `dewar sessions purge`.
#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    store: StoreOptions,
}

impl Purge {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let sessions = self.store.open(Access::Change, ui)?;
        let store = &sessions.place.store;
        if store.capabilities().expiry == Expiry::Native {
            // Nothing is asked of the server, so nothing is said of what is in it.
            match ui.output() {
                Output::Json => ui.json(&json!({ "removed": 0 }))?,
                Output::Text => ui.line(format_args!(
                    "nothing to do for {}: its server removes expired sessions by itself",
                    sessions.place.name
                ))?,
            }
            return Ok(Exit::Done);
        }
        let bar = ui.progress("removing");
        let mut removed = 0;
        // Each step is bounded work, and what it removed stays removed whenever this is interrupted.
        let end = loop {
            match store.delete_expired(UnixTime::now(), 1000).await {
                Ok(step) => {
                    removed += step.removed();
                    bar.set_position(removed);
                    if matches!(step, Purged::Finished(_)) {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        bar.finish_and_clear();
        let sessions_removed = count(
            usize::try_from(removed).unwrap_or(usize::MAX),
            "expired session",
        );
        if let Err(error) = end {
            if removed > 0 {
                ui.note(format_args!("at least {sessions_removed} could be removed"));
            }
            return Err(error.into());
        }
        match ui.output() {
            Output::Json => ui.json(&json!({ "removed": removed }))?,
            Output::Text => ui.line(format_args!(
                "removed {sessions_removed} from {}",
                sessions.place.name
            ))?,
        }
        Ok(Exit::Done)
    }
}
