use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dewar::signing::SecretKey;
use dewar::{OsRandom, UnixTime};
use serde_json::json;
use zeroize::Zeroizing;

use super::new::base16;
use crate::exit::{Exit, Failure, Outcome};
use crate::keys::{KeyFile, Place};
use crate::text::{count, time};
use crate::ui::{Output, Ui};

/// `dewar key rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// A file that is the key (its fallbacks are then kept in FILE.fallbacks, a key a line), or a .env or TOML file with SECRET_KEY
    file: PathBuf,

    /// The table of a TOML file that has SECRET_KEY
    #[arg(long, value_name = "NAME")]
    section: Option<String>,

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
        let file = KeyFile::read(&self.file, self.section.as_deref())?;
        let (lifetime, origin) = self.lifetime(&file)?;
        let key = SecretKey::generate(&OsRandom)?;
        let key = Zeroizing::new(base16(key.expose()));
        let fallbacks = file.rotate(&key, self.keep.into())?;

        let safe_after = self.at.unwrap_or_else(UnixTime::now) + lifetime;
        let place = file.fallbacks_path();
        let path = self.file.display();
        match ui.output() {
            Output::Json => ui.json(&json!({
                "file": self.file,
                "fallbacks_file": place,
                "fallbacks": fallbacks,
                "old_key_needed_until": time::rfc3339(safe_after),
            }))?,
            Output::Text => {
                let name = file.name();
                let now_in = match file.place() {
                    Place::Whole => place.display().to_string(),
                    _ => format!("{name}_FALLBACKS"),
                };
                ui.line(format_args!("{path}: {name} is a new key of 256 bits"))?;
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
        ui.hint("restart or reload every process that signs at about the same time: one that does not know the new key refuses its cookies");
        if *file.place() == Place::Whole {
            ui.hint(format_args!(
                "processes read the fallbacks with FLASK_SECRET_KEY_FALLBACKS_FILE={}",
                place.display()
            ));
        }
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
