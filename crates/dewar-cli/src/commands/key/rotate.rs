use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dewar::signing::SecretKey;
use dewar::{OsRandom, UnixTime};
use serde_json::json;
use zeroize::Zeroizing;

use super::new::base16;
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::keys::{KeyFile, Place, Rotated};
use crate::text::{count, parse_name, shell_word, time};
use crate::ui::{Output, Ui};

/// `dewar key rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// A file that is the key (its fallbacks are then kept in FILE.fallbacks, a key a line), or a .env or TOML file with SECRET_KEY
    file: PathBuf,

    /// The table of a TOML file that has SECRET_KEY
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    section: Option<String>,

    /// Do the first step for several processes: the new key is accepted from now on, and signs after the next `rotate`
    #[arg(long)]
    prepare: bool,

    /// How many older keys stay valid at most
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    keep: u16,

    /// How long sessions live; without it, what the file has for PERMANENT_SESSION_LIFETIME, or 31 days
    #[arg(long, value_name = "SPAN", value_parser = time::parse_lifetime)]
    lifetime: Option<Duration>,

    /// The time to count from
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment)]
    at: Option<UnixTime>,
}

/// `PERMANENT_SESSION_LIFETIME` where nothing sets it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(31 * 86_400);

impl Rotate {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let key = SecretKey::generate(&OsRandom)?;
        let key = Zeroizing::new(base16(key.expose()));
        let lock = files::lock(&self.file)?;
        let file = KeyFile::read(&self.file, self.section.as_deref())?;
        let (lifetime, origin) = self.lifetime(&file)?;
        if self.prepare {
            let added = file.prepare(&key)?;
            drop(lock);
            return self.report_prepared(ui, &file, added);
        }
        let Rotated {
            fallbacks,
            prepared,
        } = file.rotate(&key, self.keep.into())?;
        drop(lock);

        let safe_after = self.at.unwrap_or_else(UnixTime::now) + lifetime;
        let place = file.fallbacks_path();
        let path = self.file.display();
        match ui.output() {
            Output::Json => ui.json(&json!({
                "file": path.to_string(),
                "fallbacks_file": place.display().to_string(),
                "fallbacks": fallbacks,
                "prepared": prepared,
                "old_key_needed_until": time::rfc3339(safe_after),
            }))?,
            Output::Text => {
                let name = file.name();
                let now_in = fallbacks_in(&file);
                let which = match prepared {
                    true => "the key that was prepared",
                    false => "a new key of 256 bits",
                };
                ui.line(format_args!("{path}: {name} is {which}"))?;
                ui.line(format_args!(
                    "the key before it is the first in {now_in} ({})",
                    count(fallbacks, "key")
                ))?;
                ui.line(format_args!(
                    "it can go after {}, when the last cookie that it signed has expired ({origin}: {})",
                    time::moment(safe_after),
                    time::span(lifetime),
                ))?;
            }
        }
        match prepared {
            true => ui.hint("restart or reload every process, in any order: each accepts both keys"),
            false => ui.hint("restart or reload every process that signs at about the same time: one that does not know the new key refuses its cookies (--prepare avoids that)"),
        }
        hint_fallbacks(ui, &file);
        Ok(Exit::Done)
    }

    /// What the first step for several processes did.
    fn report_prepared(&self, ui: &mut Ui, file: &KeyFile, added: Option<usize>) -> Outcome {
        let path = self.file.display();
        match ui.output() {
            Output::Json => ui.json(&json!({
                "file": path.to_string(),
                "fallbacks_file": file.fallbacks_path().display().to_string(),
                "noted_in": file.next_path().display().to_string(),
                "added": added.is_some(),
            }))?,
            Output::Text => {
                let now_in = fallbacks_in(file);
                match added {
                    Some(fallbacks) => ui.line(format_args!(
                        "{path}: a new key of 256 bits is the last in {now_in} ({}); {} is as it was",
                        count(fallbacks, "key"),
                        file.name()
                    ))?,
                    None => ui.line(format_args!(
                        "{path}: a key is prepared already, in {now_in}; nothing was changed"
                    ))?,
                }
            }
        }
        let section = match &self.section {
            Some(name) => format!(" --section {}", shell_word(name)),
            None => String::new(),
        };
        ui.hint(format_args!(
            "restart or reload every process, in any order, so that all accept the key; then: dewar key rotate {}{section}",
            shell_word(path)
        ));
        hint_fallbacks(ui, file);
        Ok(Exit::Done)
    }

    /// How long sessions live, and who says so.
    fn lifetime(&self, file: &KeyFile) -> Outcome<(Duration, &'static str)> {
        if let Some(lifetime) = self.lifetime {
            return Ok((lifetime, "--lifetime"));
        }
        match file.lifetime() {
            None => Ok((DEFAULT_LIFETIME, "PERMANENT_SESSION_LIFETIME's default")),
            Some(text) => match time::parse_lifetime(text) {
                Ok(lifetime) => Ok((lifetime, "PERMANENT_SESSION_LIFETIME")),
                Err(fix) => Err(Failure::unusable(format!(
                    "{}: PERMANENT_SESSION_LIFETIME is no span of time; nothing was changed",
                    self.file.display()
                ))
                .hint(fix)),
            },
        }
    }
}

/// Where the older keys are, as a person would say it.
fn fallbacks_in(file: &KeyFile) -> String {
    match file.place() {
        Place::Whole => file.fallbacks_path().display().to_string(),
        _ => format!("{}_FALLBACKS", file.name()),
    }
}

fn hint_fallbacks(ui: &mut Ui, file: &KeyFile) {
    if *file.place() == Place::Whole {
        ui.hint(format_args!(
            "processes read the fallbacks with FLASK_SECRET_KEY_FALLBACKS_FILE={}",
            file.fallbacks_path().display()
        ));
    }
}
