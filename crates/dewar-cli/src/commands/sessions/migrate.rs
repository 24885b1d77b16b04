use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use dewar::store::Cursor;
use serde::Serialize;

use super::copy::{Copied, Copier, Target, different};
use super::state::State;
use super::{Sessions, key_prefix};
use crate::commands::config::ConfigOptions;
use crate::exit::{Exit, Failure, Outcome};
use crate::stores::{self, Missing};
use crate::ui::{Output, Ui};

/// `dewar sessions migrate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Run it as often as you like while the application uses FROM; each run copies what changed since. Then let the application \
use TO, and run it once more for the last changes, with the same --state file as before: without one, it would overwrite what \
changed in TO and bring back what ended there. Ctrl-C finishes the session at hand and stops; the next run goes on.")]
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
    complete: bool,
}

impl Migrate {
    pub(super) async fn run(self, ui: &mut Ui) -> Outcome {
        let prefix = key_prefix(&self.config.read_usable()?);
        let from_prefix = self.from_prefix.as_ref().unwrap_or(&prefix);
        let to_prefix = self.to_prefix.as_ref().unwrap_or(&prefix);
        let source = stores::resolve(&self.from, ui)?;
        let target = stores::resolve(&self.to, ui)?;
        different(&source, from_prefix, &target, to_prefix)?;
        let from = Sessions {
            place: stores::open(&source, Missing::Refuse)?,
            prefix: from_prefix.clone(),
        };
        let to = Sessions {
            place: stores::open(&target, Missing::Make)?,
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
        let mut copier = Copier {
            from: &from,
            to: &to,
            format,
            state: match &self.state {
                Some(path) => State::open(path)?,
                None => State::none(),
            },
        };
        let stop = until_interrupted();
        let mut tally = Tally::default();
        tally.complete = copy_all(&mut copier, &stop, &mut tally, ui).await?;
        if self.mirror && tally.complete {
            tally.complete = mirror(&copier, &stop, &mut tally, ui).await?;
        }
        tally.report(&from, &to, ui)
    }
}

/// Copies page by page; says whether it came to the end.
async fn copy_all(
    copier: &mut Copier<'_>,
    stop: &AtomicBool,
    tally: &mut Tally,
    ui: &Ui,
) -> Outcome<bool> {
    let bar = ui.progress("copying");
    let mut seen = HashSet::new();
    let mut cursor = Some(Cursor::start());
    while let Some(place) = cursor {
        let page = copier.from.place.page(&copier.from.prefix, place).await?;
        for entry in &page.entries {
            // Lets the signal be heard; stores that are files never wait by themselves.
            tokio::task::yield_now().await;
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if seen.insert(entry.key.clone()) {
                tally.add(copier.copy(entry).await?);
                bar.inc(1);
            }
        }
        cursor = page.next;
    }
    bar.finish_and_clear();
    Ok(true)
}

/// Deletes in the target what the source no longer has; says whether it came to the end.
async fn mirror(
    copier: &Copier<'_>,
    stop: &AtomicBool,
    tally: &mut Tally,
    ui: &Ui,
) -> Outcome<bool> {
    let bar = ui.progress("comparing");
    let mut cursor = Some(Cursor::start());
    while let Some(place) = cursor {
        let page = copier.to.place.page(&copier.to.prefix, place).await?;
        for entry in &page.entries {
            tokio::task::yield_now().await;
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            tally.deleted += u64::from(copier.mirror(entry).await?);
            bar.inc(1);
        }
        cursor = page.next;
    }
    bar.finish_and_clear();
    Ok(true)
}

/// Becomes true with Ctrl-C, from when on the session at hand is the last.
fn until_interrupted() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    stop
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
        Ok(if self.undecodable + self.busy > 0 {
            Exit::No
        } else {
            Exit::Done
        })
    }
}
