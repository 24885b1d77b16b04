use std::future::ready;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use dewar::store::{Cursor, Entry};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::copy::{Copied, Copier, Target, different};
use super::state::State;
use super::{Sessions, key_prefix};
use crate::commands::config::ConfigOptions;
use crate::exit::{Exit, Failure, Outcome};
use crate::stores::{self, Access, Location};
use crate::ui::{Output, Ui};

/// `dewar sessions migrate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Run it as often as you like while the application uses FROM; each run copies what is there when it begins and has changed since the last. Then let the application \
use TO, and run it once more for the last changes, with the same --state file as before: without one, it would overwrite what \
changed in TO and bring back what ended there. Ctrl-C finishes the sessions at hand and stops; the next run goes on.")]
pub(crate) struct Migrate {
    /// The URL of the store to copy from, which is only read, or env:NAME for the URL in a variable
    from: String,

    /// The URL of the store to copy to, or env:NAME
    to: String,

    /// How records are written
    #[arg(long, value_enum, default_value_t = Target::Keep)]
    format: Target,

    /// A file that remembers what was copied, for runs while TO is in use; made where it is missing
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Delete in TO what is not in FROM: sessions that ended since the last run. Not for a TO that is in use
    #[arg(long)]
    mirror: bool,

    /// What stands before the session id in FROM; without it, SESSION_KEY_PREFIX or 'session:'
    #[arg(long, value_name = "TEXT")]
    from_prefix: Option<String>,

    /// What stands before the session id in TO; without it, SESSION_KEY_PREFIX or 'session:'
    #[arg(long, value_name = "TEXT")]
    to_prefix: Option<String>,

    #[command(flatten)]
    config: ConfigOptions,
}

/// How many sessions met which fate.
#[derive(Debug, Default, Serialize)]
struct Tally {
    made: u64,
    renewed: u64,
    same: u64,
    kept: u64,
    gone: u64,
    undecodable: u64,
    busy: u64,
    deleted: u64,
    foreign: u64,
    complete: bool,
}

impl Migrate {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let stop = until_interrupted()?;
        let config = self.config.read_usable()?;
        let prefix = key_prefix(&config);
        let from_prefix = self.from_prefix.as_ref().unwrap_or(&prefix);
        let to_prefix = self.to_prefix.as_ref().unwrap_or(&prefix);
        let source = stores::resolve(&self.from, ui)?;
        let target = stores::resolve(&self.to, ui)?;
        different(&source, from_prefix, &target, to_prefix)?;
        let from = Sessions {
            place: Location::of_url(&source, &config)?.open(Access::Read)?,
            prefix: from_prefix.clone(),
        };
        // What can be wrong without a target is found before one is made.
        from.place.must_list()?;
        let state = match &self.state {
            Some(path) => State::open(path)?,
            None => State::none(),
        };
        let to = Sessions {
            place: Location::of_url(&target, &config)?.open(Access::Make)?,
            prefix: to_prefix.clone(),
        };
        let format = match (to.place.format, self.format) {
            (None, format) => format,
            (Some(_), Target::Keep) => Target::Pickle,
            (Some(_), _) => {
                let what = "cachelib's files hold pickles, and nothing else";
                return Err(Failure::usage(what).hint("leave --format out"));
            }
        };
        to.ask().await?;
        let copier = Copier::new(&from, &to, format, state);
        let run = Run { ui, stop };
        let mut tally = Tally::default();
        tally.complete = run.copy(&copier, &mut tally).await?;
        if self.mirror && tally.complete {
            tally.complete = run.mirror(&copier, &mut tally).await?;
        }
        tally.report(&from, &to, ui)
    }
}

/// How many sessions are on their way at once: a store far away takes most of its time to answer. As many as a store has
/// connections.
const AT_ONCE: usize = 8;

/// A run over one store; Ctrl-C ends it after the sessions at hand.
struct Run<'a> {
    ui: &'a Ui,
    stop: Arc<AtomicBool>,
}

impl Run<'_> {
    /// Copies what is in the source; says whether it came to the end.
    async fn copy(&self, copier: &Copier<'_>, tally: &mut Tally) -> Outcome<bool> {
        let work = |entry: Entry| async move { copier.copy(&entry).await };
        let note = |copied| tally.add(copied);
        self.each("copying", copier.from, work, note).await
    }

    /// Deletes in the target what the source no longer has; says whether it came to the end.
    async fn mirror(&self, copier: &Copier<'_>, tally: &mut Tally) -> Outcome<bool> {
        let work = |entry: Entry| async move { copier.mirror(&entry).await };
        let note = |deleted| tally.deleted += u64::from(deleted);
        self.each("comparing", copier.to, work, note).await
    }

    /// Does something to each session that is there now, to several at once; says whether it came to the end.
    ///
    /// To those that are there now and no other: work that followed a store which grows faster than it is done would not end.
    async fn each<T, Work>(
        &self,
        doing: &'static str,
        sessions: &Sessions,
        work: impl Fn(Entry) -> Work,
        mut note: impl FnMut(T),
    ) -> Outcome<bool>
    where
        Work: Future<Output = Outcome<T>>,
    {
        let Some(entries) = self.list(sessions).await? else {
            return Ok(false);
        };
        let bar = self.ui.progress_to(doing, entries.len());
        let mut left = entries.len();
        let wanted = stream::iter(entries).take_while(|_| ready(!self.is_stopped()));
        let mut done = pin!(wanted.map(work).buffer_unordered(AT_ONCE));
        while let Some(one) = done.next().await {
            note(one?);
            left -= 1;
            bar.inc(1);
            self.listen().await;
        }
        bar.finish_and_clear();
        Ok(left == 0)
    }

    /// What is in a store now, each session once; `None` if interrupted.
    async fn list(&self, sessions: &Sessions) -> Outcome<Option<Vec<Entry>>> {
        let bar = self.ui.progress("listing");
        let mut entries = Vec::new();
        let mut cursor = Some(Cursor::start());
        while let Some(place) = cursor {
            let page = sessions.place.page(&sessions.prefix, place).await?;
            self.listen().await;
            if self.is_stopped() {
                return Ok(None);
            }
            bar.inc(page.entries.len() as u64);
            entries.extend(page.entries);
            cursor = page.next;
        }
        // Redis may name a key twice.
        entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        entries.dedup_by(|one, other| one.key == other.key);
        bar.finish_and_clear();
        Ok(Some(entries))
    }

    /// Lets the signal be heard; stores that are files never wait by themselves.
    async fn listen(&self) {
        tokio::task::yield_now().await;
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Becomes true with Ctrl-C, from when on the sessions at hand are the last.
fn until_interrupted() -> Outcome<Arc<AtomicBool>> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        Failure::unusable("the signal of Ctrl-C cannot be waited for").because(error)
    })?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    tokio::spawn(async move {
        interrupts.recv().await;
        flag.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}

impl Tally {
    fn add(&mut self, copied: Copied) {
        *match copied {
            Copied::Made => &mut self.made,
            Copied::Renewed => &mut self.renewed,
            Copied::Same => &mut self.same,
            Copied::Kept => &mut self.kept,
            Copied::Gone => &mut self.gone,
            Copied::Undecodable => &mut self.undecodable,
            Copied::Busy => &mut self.busy,
            Copied::Foreign => &mut self.foreign,
        } += 1;
    }

    fn report(&self, from: &Sessions, to: &Sessions, ui: &mut Ui) -> Outcome {
        match ui.output() {
            Output::Json => ui.json(self)?,
            Output::Text => {
                let Tally {
                    made,
                    renewed,
                    same,
                    kept,
                    gone,
                    deleted,
                    foreign,
                    ..
                } = self;
                ui.line(format_args!(
                    "from {} to {}",
                    from.place.name, to.place.name
                ))?;
                ui.line(format_args!(
                    "{made} copied, {renewed} renewed, {same} there already"
                ))?;
                for (number, what) in [
                    (kept, "left alone, because it was changed in the target"),
                    (gone, "ended meanwhile"),
                    (deleted, "deleted, because it is no longer in the source"),
                    (
                        foreign,
                        "left out: no session id follows the prefix, so it is another application's",
                    ),
                ] {
                    if *number > 0 {
                        ui.line(format_args!("{number} {what}"))?;
                    }
                }
            }
        }
        if self.undecodable > 0 {
            ui.warning(format_args!(
                "{} not copied: neither msgpack, JSON nor a pickle of plain types",
                self.undecodable
            ));
        }
        if self.busy > 0 {
            ui.warning(format_args!(
                "{} not copied: written to all the time",
                self.busy
            ));
        }
        if !self.complete {
            ui.note("interrupted; what was copied is whole");
            ui.hint("the same command goes on from here");
            return Ok(Exit::Interrupted);
        }
        let unlisted = from.place.warn_of_unlisted(ui)?;
        Ok(if unlisted || self.undecodable + self.busy > 0 {
            Exit::No
        } else {
            Exit::Done
        })
    }
}

#[cfg(test)]
mod tests;
