use std::path::{Path, PathBuf};

use clap::Args;
use dewar::signing::SecretKey;
use serde::Serialize;

use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::keys::{self, KeyFile, Place};
use crate::text::{count, parse_name, shell_word};
use crate::ui::{BAD, DOUBTFUL, GOOD, Output, Ui};

/// `dewar key check`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["file", "env"]))]
pub(crate) struct Check {
    /// A file that is the key, a .env or TOML file with SECRET_KEY, or - for standard input
    file: Option<PathBuf>,

    /// An environment variable that holds the key
    #[arg(long, value_name = "VAR")]
    env: Option<String>,

    /// The table of a TOML file that has SECRET_KEY
    #[arg(long, value_name = "NAME", requires = "file", value_parser = parse_name)]
    section: Option<String>,
}

/// What was found out about a key, and nothing of the key.
#[derive(Debug, Serialize)]
struct Verdict {
    name: String,
    bytes: usize,
    estimated_bits: u32,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    severity: Severity,
    /// What it is, in a word that does not change.
    finding: &'static str,
    message: String,
    fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Error,
    Warning,
}

/// Fewer bits can be tried out.
const BITS_TO_RESIST: u32 = 80;
/// What keys should have at least.
const BITS_TO_BE_SAFE: u32 = 128;

impl Check {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let verdicts = match (&self.file, &self.env) {
            (Some(file), _) if file.as_os_str() == "-" => {
                vec![of_bytes("standard input".into(), &files::read_stdin()?)]
            }
            (Some(file), _) => of_file(file, self.section.as_deref())?,
            (None, Some(variable)) => {
                let key = keys::variable_bytes(variable)?;
                vec![Verdict::new(
                    format!("environment variable {variable}"),
                    &key,
                )]
            }
            (None, None) => return Err(Failure::usage("there is no key to check")),
        };
        match ui.output() {
            Output::Json => ui.json(&verdicts)?,
            Output::Text => verdicts.iter().try_for_each(|verdict| verdict.print(ui))?,
        }
        let wrong = |verdict: &Verdict| {
            verdict
                .findings
                .iter()
                .any(|finding| finding.severity == Severity::Error)
        };
        Ok(if verdicts.iter().any(wrong) {
            Exit::No
        } else {
            Exit::Done
        })
    }
}

fn of_file(path: &Path, section: Option<&str>) -> Outcome<Vec<Verdict>> {
    let file = KeyFile::read(path, section)?;
    let mut first = match file.place() {
        Place::Whole => of_bytes(path.display().to_string(), file.bytes()),
        _ => Verdict::new(
            format!("{} in {}", file.name(), path.display()),
            &file.key(),
        ),
    };
    mode(path, &mut first)?;
    let mut verdicts = vec![first];
    let beside = file.fallbacks_path();
    for (at, key) in file.fallbacks().iter().enumerate() {
        let mut verdict = Verdict::new(format!("fallback {} in {}", at + 1, beside.display()), key);
        if *key == file.key() {
            verdict.add(
                Severity::Warning,
                "duplicate",
                "it is SECRET_KEY itself",
                "remove it from the fallbacks",
            );
        }
        if beside != path {
            mode(&beside, &mut verdict)?;
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// The verdict on a key that is a file or a stream, where a line's end may follow.
fn of_bytes(name: String, bytes: &[u8]) -> Verdict {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut verdict = Verdict::new(name, &SecretKey::new(line));
    if line.starts_with("\u{feff}".as_bytes()) {
        verdict.add(
            Severity::Warning,
            "byte-order-mark",
            "the key begins with a byte order mark, as editors on Windows write it, which is a part of it: whoever reads it without has another",
            "write the key without it, as UTF-8 without a mark; that is another key, so keep this one among the fallbacks for as long as sessions live",
        );
    }
    if line.len() < bytes.len() {
        verdict.add(
            Severity::Warning,
            "trailing-newline",
            "a line's end follows the key: Dewar drops it, a program that reads the file as it is takes it as part of the key",
            "write the key without it, or strip it wherever the file is read",
        );
    }
    verdict
}

fn mode(path: &Path, verdict: &mut Verdict) -> Outcome<()> {
    let mode = files::mode(path)?;
    let fix = format!("chmod 600 {}", shell_word(path.display()));
    if mode & 0o007 != 0 {
        let message = format!("every user of this machine may reach the file (mode {mode:04o})");
        verdict.add(Severity::Error, "file-mode", message, fix);
    } else if mode & 0o070 != 0 {
        let message = format!("the file's group may reach it (mode {mode:04o})");
        verdict.add(Severity::Warning, "file-mode", message, fix);
    }
    Ok(())
}

impl Verdict {
    fn new(name: String, key: &SecretKey) -> Verdict {
        let mut verdict = Verdict {
            name,
            bytes: key.len(),
            estimated_bits: key.estimated_bits(),
            findings: Vec::new(),
        };
        verdict.judge(key);
        verdict
    }

    fn judge(&mut self, secret: &SecretKey) {
        const MAKE: &str = "make a new one with: dewar key new";
        if secret.is_empty() {
            return self.add(
                Severity::Error,
                "empty",
                "the key is empty: anybody can sign with it",
                MAKE,
            );
        }
        if let Some(place) = secret.well_known() {
            let message = format!("the key is well known, from {place}: anybody can sign with it");
            return self.add(Severity::Error, "well-known", message, MAKE);
        }
        let bits = self.estimated_bits;
        if bits < BITS_TO_RESIST {
            let message = format!(
                "at most about {bits} bits are left to chance: the key can be found by trying"
            );
            self.add(Severity::Error, "guessable", message, MAKE);
        } else if bits < BITS_TO_BE_SAFE {
            let message = format!(
                "at most about {bits} bits are left to chance, fewer than {BITS_TO_BE_SAFE}"
            );
            self.add(Severity::Warning, "weak", message, MAKE);
        }
        let key = secret.expose();
        let quote = key[0];
        if key.len() > 1 && (quote == b'"' || quote == b'\'') && key.last() == Some(&quote) {
            self.add(
                Severity::Warning,
                "quoted",
                "the key stands in quotes, which are part of it here: docker's --env-file keeps quotes, other tools drop them",
                "write the key without quotes",
            );
        }
        let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        if blank(key.first()) || blank(key.last()) {
            self.add(
                Severity::Warning,
                "blank",
                "the key begins or ends with a blank, which some tools drop",
                "write the key without it",
            );
        }
    }

    fn add(
        &mut self,
        severity: Severity,
        finding: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.findings.push(Finding {
            severity,
            finding,
            message: message.into(),
            fix: fix.into(),
        });
    }

    fn print(&self, ui: &mut Ui) -> Outcome<()> {
        let bytes = count(self.bytes, "byte");
        let name = &self.name;
        if self.findings.is_empty() {
            ui.line(format_args!(
                "{GOOD}good{GOOD:#}: {name}: {bytes}, {BITS_TO_BE_SAFE} bits of chance or more"
            ))?;
        }
        for Finding {
            severity,
            message,
            fix,
            ..
        } in &self.findings
        {
            let (style, word) = match severity {
                Severity::Error => (BAD, "bad"),
                Severity::Warning => (DOUBTFUL, "doubtful"),
            };
            ui.line(format_args!(
                "{style}{word}{style:#}: {name}: {message} ({bytes})"
            ))?;
            ui.hint(fix);
        }
        Ok(())
    }
}
