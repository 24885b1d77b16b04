use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dewar::{OsRandom, Random};
use serde_json::json;
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, Existing};
use crate::ui::{Output, Ui};

/// `dewar key new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// How many random bytes
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(16..=1024))]
    bytes: u16,

    /// How the key is written
    #[arg(long, value_enum, default_value_t = Format::Hex)]
    format: Format,

    /// Write into a new file, which only its owner can read
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Replace a file that is there; the key in it is lost
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The bytes themselves
    Raw,
    /// Hexadecimal digits
    Hex,
    /// URL-safe base64 without padding
    Base64,
    /// A line for a .env file: FLASK_SECRET_KEY=...
    Env,
    /// A line for a TOML file: SECRET_KEY = "..."
    Toml,
}

impl New {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let mut random = Zeroizing::new(vec![0; self.bytes.into()]);
        OsRandom.fill(&mut random)?;
        let key = self.format.write(&random);
        match &self.out {
            Some(path) => {
                let existing = if self.force {
                    Existing::Replace
                } else {
                    Existing::Keep
                };
                let made = files::create(path, self.format.in_file(&key).as_slice(), existing);
                made.map_err(|failure| match path.is_file() && !self.force {
                    true => failure
                        .hint("dewar key rotate changes the key in a file and keeps the old one valid")
                        .hint("--force replaces the file"),
                    false => failure,
                })?;
                self.report(path, ui)
            }
            None => self.print(&key, ui),
        }
    }

    fn report(&self, path: &std::path::Path, ui: &mut Ui) -> Outcome {
        let bits = u32::from(self.bytes) * 8;
        match ui.output() {
            Output::Json => ui.json(
                &json!({ "file": path.display().to_string(), "bits": bits, "mode": "0600" }),
            )?,
            Output::Text => ui.line(format_args!(
                "{}: a key of {bits} bits, mode 0600",
                path.display()
            ))?,
        }
        Ok(Exit::Done)
    }

    fn print(&self, key: &[u8], ui: &mut Ui) -> Outcome {
        match std::str::from_utf8(key) {
            _ if self.format == Format::Raw && ui.output() == Output::Json => {
                return Err(Failure::usage("raw bytes are no JSON")
                    .hint("use --format hex or --format base64"));
            }
            _ if self.format == Format::Raw && ui.is_terminal() => {
                return Err(
                    Failure::usage("raw bytes would upset the terminal").hint("use --out FILE")
                );
            }
            Ok(text) if self.format != Format::Raw => match ui.output() {
                Output::Json => {
                    ui.json(&json!({ "key": text, "bits": u32::from(self.bytes) * 8 }))?
                }
                Output::Text => ui.line(text)?,
            },
            _ => ui.bytes(key)?,
        }
        Ok(Exit::Done)
    }
}

impl Format {
    fn write(self, random: &[u8]) -> Zeroizing<Vec<u8>> {
        let hex = || base16(random);
        Zeroizing::new(match self {
            Format::Raw => random.to_vec(),
            Format::Hex => hex().into_bytes(),
            Format::Base64 => base64_simd::URL_SAFE_NO_PAD
                .encode_to_string(random)
                .into_bytes(),
            Format::Env => format!("FLASK_SECRET_KEY={}", hex()).into_bytes(),
            Format::Toml => format!("SECRET_KEY = \"{}\"", hex()).into_bytes(),
        })
    }

    /// A file that is the key has no line's end: some programs would take it for a part of the key.
    fn in_file(self, key: &[u8]) -> Zeroizing<Vec<u8>> {
        let end: &[u8] = if matches!(self, Format::Env | Format::Toml) {
            b"\n"
        } else {
            b""
        };
        Zeroizing::new([key, end].concat())
    }
}

/// Two hexadecimal digits for each byte.
pub(super) fn base16(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
