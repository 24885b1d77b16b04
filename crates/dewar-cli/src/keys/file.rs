use std::path::{Path, PathBuf};

use dewar::config::dotenv;
use dewar::signing::SecretKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{foreign, toml};
use crate::exit::{Failure, Outcome};
use crate::files;

/// A file that holds `SECRET_KEY`, and maybe `SECRET_KEY_FALLBACKS`.
pub(crate) struct KeyFile {
    path: PathBuf,
    place: Place,
    section: Option<String>,
    text: Zeroizing<Vec<u8>>,
    found: Found,
}

/// How the key stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file is the key; its fallbacks are the lines of `FILE.fallbacks`.
    Whole,
    /// A line of a `.env` file, with this prefix before the names.
    Dotenv { prefix: String },
    /// A key of a TOML file.
    Toml,
}

/// How a file was rotated.
pub(crate) struct Rotated {
    /// How many fallbacks there are now.
    pub(crate) fallbacks: usize,
    /// Whether the key is one that was prepared, so that every process knows it.
    pub(crate) prepared: bool,
}

/// What a file has of keys.
pub(super) struct Found {
    pub(super) key: String,
    pub(super) fallbacks: Vec<String>,
    pub(super) lifetime: Option<String>,
}

pub(super) const KEY: &str = "SECRET_KEY";
pub(super) const FALLBACKS: &str = "SECRET_KEY_FALLBACKS";

impl KeyFile {
    /// Reads a file: TOML by its ending, `.env` by its name or its lines, otherwise the key itself, unless it is in another format.
    pub(crate) fn read(path: &Path, section: Option<&str>) -> Outcome<KeyFile> {
        let text = files::read(path)?;
        let is_toml = path.extension().is_some_and(|ending| ending == "toml");
        let is_named = is_toml || is_named_dotenv(path);
        if let Some(refusal) = foreign::by_name(path).filter(|_| !is_named) {
            return Err(refusal);
        }
        let (place, found) = match std::str::from_utf8(&text) {
            Ok(content) if is_toml => (
                Place::Toml,
                toml::read(content, section).map_err(|failure| in_file(path, failure))?,
            ),
            Ok(content) if is_dotenv(path, content) => {
                let (prefix, found) = check_dotenv(path, content)
                    .and_then(|()| read_dotenv(content))
                    .map_err(|failure| in_file(path, failure))?;
                (Place::Dotenv { prefix }, found)
            }
            Ok(content) => match foreign::by_content(path, content) {
                Some(refusal) => return Err(refusal),
                None => (Place::Whole, read_whole(path)?),
            },
            Err(_) if is_named => {
                let message = "there is a byte that is not UTF-8";
                return Err(in_file(path, Failure::unusable(message)));
            }
            Err(_) => (Place::Whole, read_whole(path)?),
        };
        if section.is_some() && place != Place::Toml {
            return Err(Failure::usage("--section is for TOML files"));
        }
        Ok(KeyFile {
            path: path.into(),
            place,
            section: section.map(str::to_owned),
            text,
            found,
        })
    }

    /// The key: for a file that is one, without the line's end after it, as Dewar reads mounted secrets.
    pub(crate) fn key(&self) -> SecretKey {
        match self.place {
            Place::Whole => SecretKey::new(without_newline(&self.text)),
            _ => SecretKey::new(self.found.key.as_str()),
        }
    }

    /// The file's own bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// The keys that are still accepted.
    pub(crate) fn fallbacks(&self) -> Vec<SecretKey> {
        self.found
            .fallbacks
            .iter()
            .map(|key| SecretKey::new(key.as_str()))
            .collect()
    }

    /// How the key stands in the file.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The name under which the key stands.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Dotenv { prefix } => format!("{prefix}{KEY}"),
            _ => KEY.into(),
        }
    }

    /// The value of `PERMANENT_SESSION_LIFETIME`, if the file has one.
    pub(crate) fn lifetime(&self) -> Option<&str> {
        self.found.lifetime.as_deref()
    }

    /// Where the fallbacks are kept.
    pub(crate) fn fallbacks_path(&self) -> PathBuf {
        match self.place {
            Place::Whole => beside(&self.path, ".fallbacks"),
            _ => self.path.clone(),
        }
    }

    /// Puts the prepared key in front, or else the new one, and keeps at most `keep` older ones.
    pub(crate) fn rotate(&self, new: &str, keep: usize) -> Outcome<Rotated> {
        self.check_line()?;
        let prepared = self.prepared()?;
        let mut fallbacks = self.found.fallbacks.clone();
        let key = match prepared {
            Some(place) => Zeroizing::new(fallbacks.remove(place)),
            None => Zeroizing::new(new.to_owned()),
        };
        fallbacks.retain(|fallback| *fallback != self.found.key);
        fallbacks.insert(0, self.found.key.clone());
        fallbacks.truncate(keep);
        self.write(Some(&key), &fallbacks)?;
        if prepared.is_some() {
            files::remove(&self.next_path())?;
        }
        Ok(Rotated {
            fallbacks: fallbacks.len(),
            prepared: prepared.is_some(),
        })
    }

    /// Puts a key among the fallbacks that is to be the next one, and notes which it is; `None` if there is one already.
    pub(crate) fn prepare(&self, new: &str) -> Outcome<Option<usize>> {
        self.check_line()?;
        if self.prepared()?.is_some() {
            return Ok(None);
        }
        let mut fallbacks = self.found.fallbacks.clone();
        fallbacks.push(new.to_owned());
        // First the note: without its key it is refused by name, while a key without its note would never sign.
        files::create(
            &self.next_path(),
            format!("{}\n", fingerprint(new)).as_bytes(),
            files::Existing::Keep,
        )?;
        self.write(None, &fallbacks)?;
        Ok(Some(fallbacks.len()))
    }

    /// Which of the fallbacks is to be the next key.
    fn prepared(&self) -> Outcome<Option<usize>> {
        let path = self.next_path();
        if !path.exists() {
            return Ok(None);
        }
        let note = files::read(&path)?;
        let fits = |key: &String| fingerprint(key).as_bytes() == without_newline(&note);
        if fits(&self.found.key) {
            // It signs already: who rotated was interrupted before the note was gone.
            files::remove(&path)?;
            return Ok(None);
        }
        match self.found.fallbacks.iter().position(fits) {
            Some(place) => Ok(Some(place)),
            None => Err(Failure::unusable(format!(
                "{} notes a key that was prepared, but it is not among the fallbacks; nothing was changed",
                path.display()
            ))
            .hint(format!(
                "remove {} to begin anew",
                path.display()
            ))),
        }
    }

    /// Where it is noted which of the fallbacks is to be the next key, by its SHA-256.
    pub(crate) fn next_path(&self) -> PathBuf {
        beside(&self.path, ".next")
    }

    /// Writes the key, unless it stays as it is, and the fallbacks.
    fn write(&self, key: Option<&str>, fallbacks: &[String]) -> Outcome<()> {
        match &self.place {
            Place::Whole => {
                let lines: Zeroizing<String> =
                    Zeroizing::new(fallbacks.iter().map(|key| format!("{key}\n")).collect());
                let beside = self.fallbacks_path();
                // First the fallbacks: a reader in between sees a key twice, never one missing.
                if beside.exists() {
                    files::rewrite(&beside, lines.as_bytes())?;
                } else {
                    files::create(&beside, lines.as_bytes(), files::Existing::Keep)?;
                    files::copy_permissions(&self.path, &beside)?;
                }
                if let Some(key) = key {
                    let end = &self.text[without_newline(&self.text).len()..];
                    files::rewrite(&self.path, &[key.as_bytes(), end].concat())?;
                }
            }
            Place::Dotenv { prefix } => {
                let text = self.utf8();
                let text = write_dotenv(text, prefix, key, fallbacks);
                files::rewrite(&self.path, text.as_bytes())?;
            }
            Place::Toml => {
                let text = toml::write(self.utf8(), self.section.as_deref(), key, fallbacks)?;
                files::rewrite(&self.path, text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Refuses keys that a line cannot hold.
    fn check_line(&self) -> Outcome<()> {
        let key = self.key();
        let text = std::str::from_utf8(key.expose());
        match &self.place {
            _ if key.is_empty() => Err(Failure::unusable(format!(
                "the key in {} is empty",
                self.path.display()
            ))
            .hint("make one with: dewar key new")),
            Place::Whole if text.map_or(true, |text| text.contains(['\n', '\r'])) => {
                Err(Failure::unusable(format!(
                    "the key in {} is not a line of text, and fallbacks are kept a key a line",
                    self.path.display()
                ))
                .hint("keep the keys in a TOML or .env file to rotate them"))
            }
            Place::Dotenv { .. } if text.is_ok_and(|text| text.contains("${")) => Err(
                Failure::unusable("the key holds '${', which python-dotenv would expand"),
            ),
            _ => Ok(()),
        }
    }

    /// The text of a file that was read as text.
    fn utf8(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

/// `FILE.fallbacks` has a key a line, newest first, as `SECRET_KEY_FALLBACKS_FILE` is read; `FILE.next` notes a key.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Says which key is meant, and nothing about it: keys that are prepared are random.
fn fingerprint(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn without_newline(bytes: &[u8]) -> &[u8] {
    match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => bytes,
    }
}

fn read_whole(path: &Path) -> Outcome<Found> {
    let beside = beside(path, ".fallbacks");
    let mut found = Found {
        key: String::new(),
        fallbacks: Vec::new(),
        lifetime: None,
    };
    if let Ok(key) = std::str::from_utf8(without_newline(&files::read(path)?)) {
        found.key = key.into();
    }
    if beside.exists() {
        let bytes = files::read(&beside)?;
        let lines = std::str::from_utf8(&bytes).map_err(|_| {
            Failure::unusable(format!(
                "{} does not hold a key a line, in UTF-8",
                beside.display()
            ))
        })?;
        found.fallbacks = lines
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
    }
    Ok(found)
}

/// Whether a file is a `.env` file: by its name, or because a line of it sets a secret key.
fn is_dotenv(path: &Path, content: &str) -> bool {
    is_named_dotenv(path)
        || dotenv::assignments(content)
            .iter()
            .any(|found| is_key(&found.name))
        || dotenv::mistakes(content)
            .iter()
            .any(|mistake| is_of_key(content, mistake))
}

fn is_named_dotenv(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    name == ".env" || name.starts_with(".env.") || name.ends_with(".env")
}

/// Refuses a file with a broken line; in one of another name, which may be a script, only the key's own line counts.
fn check_dotenv(path: &Path, content: &str) -> Outcome<()> {
    let named = is_named_dotenv(path);
    let mistakes = dotenv::mistakes(content);
    let broken = |mistake: &&dotenv::Mistake| named || is_of_key(content, mistake);
    match mistakes.iter().find(broken) {
        None => Ok(()),
        Some(mistake) => {
            let line = content[..mistake.at].matches('\n').count() + 1;
            Err(Failure::unusable(format!("line {line}: {}", mistake.what))
                .hint("mend the line, and run this again"))
        }
    }
}

/// Whether it is the value of a secret key that is broken.
fn is_of_key(content: &str, mistake: &dotenv::Mistake) -> bool {
    let line = content[..mistake.at]
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .trim_start_matches('\u{feff}');
    let name = line.trim_end().strip_suffix('=').unwrap_or_default().trim();
    is_key(name.strip_prefix("export ").unwrap_or(name).trim())
}

fn is_key(name: &str) -> bool {
    name.strip_suffix(KEY)
        .is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
}

fn read_dotenv(text: &str) -> Outcome<(String, Found)> {
    let all = dotenv::assignments(text);
    let last = |name: &str| all.iter().rev().find(|found| found.name == name);
    let preferred = ["FLASK_SECRET_KEY", KEY];
    let key = preferred
        .into_iter()
        .find_map(last)
        .or_else(|| all.iter().rev().find(|found| is_key(&found.name)))
        .ok_or_else(|| {
            Failure::unusable(format!("there is no {KEY} in it"))
                .hint("dewar key new --format env prints a line to add")
        })?;
    let prefix = key.name.strip_suffix(KEY).unwrap_or_default();
    let fallbacks = match last(&format!("{prefix}{FALLBACKS}")) {
        Some(found) => serde_json::from_str(&found.value).map_err(|_| {
            Failure::unusable(format!("{} is not a JSON list of texts", found.name))
        })?,
        None => Vec::new(),
    };
    let found = Found {
        // A value that is JSON is taken as JSON, as `from_prefixed_env` does it.
        key: serde_json::from_str(&key.value).unwrap_or_else(|_| key.value.clone()),
        fallbacks,
        lifetime: last(&format!("{prefix}PERMANENT_SESSION_LIFETIME"))
            .map(|found| found.value.clone()),
    };
    Ok((prefix.into(), found))
}

fn write_dotenv(
    text: &str,
    prefix: &str,
    key: Option<&str>,
    fallbacks: &[String],
) -> Zeroizing<String> {
    let all = dotenv::assignments(text);
    let last = |name: String| all.iter().rev().find(move |found| found.name == name);
    // A list of texts is always JSON.
    let list = serde_json::to_string(fallbacks).unwrap_or_default();
    let list_after = |lead: &str| match lead.contains("export") {
        true => quoted_for_shells(&list),
        false => dotenv::quoted(&list),
    };
    let mut edits = Vec::new();
    if let Some(found) = last(format!("{prefix}{KEY}")) {
        if let Some(key) = key {
            edits.push((found.place.clone(), key.to_owned()));
        }
        if let Some(older) = last(format!("{prefix}{FALLBACKS}")) {
            let list = list_after(&text[older.lead.clone()]);
            edits.push((older.place.clone(), list));
        } else {
            let break_before = if text[..found.end].ends_with('\n') {
                ""
            } else {
                "\n"
            };
            let lead = &text[found.lead.clone()];
            let list = list_after(lead);
            let line = format!("{break_before}{lead}{prefix}{FALLBACKS}={list}\n");
            edits.push((found.end..found.end, line));
        }
    }
    edits.sort_by_key(|(place, _)| place.start);
    let mut written = Zeroizing::new(text.to_owned());
    for (place, value) in edits.into_iter().rev() {
        written.replace_range(place, &value);
    }
    written
}

/// JSON in single quotes, in which shells know no escapes and python-dotenv knows those of the backslash and the quote.
fn quoted_for_shells(json: &str) -> String {
    let plain = json
        .replace(r"\\", r"\u005c")
        .replace(r#"\""#, r"\u0022")
        .replace('\'', r"\u0027");
    format!("'{plain}'")
}

fn in_file(path: &Path, mut failure: Failure) -> Failure {
    failure.message = format!("{}: {}", path.display(), failure.message);
    failure
}
