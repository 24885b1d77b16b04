//! `dewar cookie`: read cookies, and say why one is refused.

use std::time::Duration;

use clap::{Args, Subcommand};
use dewar::UnixTime;
use dewar::config::Setting;
use dewar::signing::{Digest, KeyDerivation, Scheme};

use crate::cookies::{Judge, Pasted};
use crate::exit::{Failure, Outcome};
use crate::files;
use crate::keys::{self, Keys};
use crate::text::time;
use crate::ui::Ui;

mod decode;
mod explain;
mod sign;
mod verify;

pub(super) use decode::tagged;

/// What can be done with cookies.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is in a cookie, without verifying it
    Decode(decode::Decode),

    /// Say whether a cookie is accepted, and if not, why
    Verify(verify::Verify),

    /// Make the cookie of a session
    Sign(sign::Sign),

    /// Go through a cookie part by part; shows no value and nothing that could be used to log in
    Explain(explain::Explain),
}

impl Command {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        match self {
            Command::Decode(command) => command.run(ui),
            Command::Verify(command) => command.run(ui),
            Command::Sign(command) => command.run(ui),
            Command::Explain(command) => command.run(ui),
        }
    }
}

/// Where the cookie is.
#[derive(Debug, Args)]
struct CookieSource {
    /// The value, or a pasted Cookie or Set-Cookie header; without it or with -, standard input
    cookie: Option<String>,

    /// The cookie's name in a header; without it, SESSION_COOKIE_NAME of the environment, or 'session'
    #[arg(long)]
    name: Option<String>,
}

/// How cookies are signed and how long they live; without these, as the environment says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signing")]
struct SigningOptions {
    /// The salt; Flask's is 'cookie-session'
    #[arg(long)]
    salt: Option<String>,

    /// The digest: sha1 (Flask's), sha256 or sha512
    #[arg(long)]
    digest: Option<Digest>,

    /// The key derivation: hmac (Flask's), django-concat, concat or none
    #[arg(long, value_name = "NAME")]
    key_derivation: Option<KeyDerivation>,

    /// The time that counts as now: Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment)]
    at: Option<UnixTime>,
}

/// How old a cookie may be.
#[derive(Debug, Args)]
struct AgeOptions {
    /// How old it may be; without it, PERMANENT_SESSION_LIFETIME of the environment, or 31 days
    #[arg(long, value_name = "SPAN", value_parser = time::parse_lifetime, help_heading = "Signing")]
    max_age: Option<Duration>,
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(31 * 86_400);

impl CookieSource {
    fn read(&self, ui: &mut Ui) -> Outcome<Pasted> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => text_of("SESSION_COOKIE_NAME")?.unwrap_or_else(|| "session".into()),
        };
        let pasted = match self.cookie.as_deref() {
            None | Some("-") => {
                let bytes = files::read_stdin()?;
                let text = std::str::from_utf8(&bytes)
                    .map_err(|_| Failure::unusable("standard input is not text"))?;
                Pasted::read(text, &name)?
            }
            Some(text) => Pasted::read(text, &name)?,
        };
        for note in &pasted.notes {
            ui.warning(note);
        }
        Ok(pasted)
    }
}

impl SigningOptions {
    fn now(&self) -> UnixTime {
        self.at.unwrap_or_else(UnixTime::now)
    }

    fn digest(&self) -> Outcome<Digest> {
        match (self.digest, text_of("SESSION_SIGNING_DIGEST")?) {
            (Some(digest), _) => Ok(digest),
            (None, Some(name)) => Ok(name.parse()?),
            (None, None) => Ok(Digest::default()),
        }
    }

    fn scheme(&self) -> Outcome<Scheme> {
        let derivation = match (
            self.key_derivation,
            text_of("SESSION_SIGNING_KEY_DERIVATION")?,
        ) {
            (Some(derivation), _) => derivation,
            (None, Some(name)) => name.parse()?,
            (None, None) => KeyDerivation::Hmac,
        };
        let salt = match &self.salt {
            Some(salt) => salt.clone(),
            None => text_of("SESSION_SIGNING_SALT")?.unwrap_or_else(|| "cookie-session".into()),
        };
        Ok(Scheme::new(salt)
            .with_digest(self.digest()?)
            .with_key_derivation(derivation))
    }

    fn judge<'a>(&self, age: &AgeOptions, keys: &'a Keys) -> Outcome<Judge<'a>> {
        Ok(Judge {
            keys,
            scheme: self.scheme()?,
            digest: self.digest()?,
            now: self.now(),
            max_age: age.lifetime()?,
        })
    }
}

impl AgeOptions {
    fn lifetime(&self) -> Outcome<Duration> {
        if let Some(max_age) = self.max_age {
            return Ok(max_age);
        }
        let text = match keys::environment().get("PERMANENT_SESSION_LIFETIME") {
            None => return Ok(DEFAULT_LIFETIME),
            Some(Setting::Text(text)) => text.clone(),
            Some(Setting::Integer(seconds)) => seconds.to_string(),
            Some(_) => String::new(),
        };
        time::parse_lifetime(&text).map_err(|fix| {
            Failure::unusable("PERMANENT_SESSION_LIFETIME of the environment is no span of time")
                .hint(fix)
        })
    }
}

/// A text of the environment's configuration.
fn text_of(key: &str) -> Outcome<Option<String>> {
    let config = keys::environment();
    match config.get(key) {
        None => Ok(None),
        Some(Setting::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Failure::unusable(format!(
            "{key} ({}) is not a text",
            config.origin(key)
        ))),
    }
}
