use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dewar::UnixTime;
use dewar::store::Key;
use sha2::{Digest, Sha256};

use crate::exit::{Failure, Outcome};
use crate::files;

/// What earlier runs copied: a line for each write, with the hashes of key and record, and the expiry in seconds.
///
/// With it a run knows whether a session that is missing in the target was never copied or has ended there, and whether one
/// that differs was changed there or in the source.
pub(super) struct State {
    known: HashMap<Hash, Copy>,
    file: Option<File>,
}

/// What was written for a session.
#[derive(Default)]
struct Copy {
    /// Every record that was written: a run that is killed leaves the last or the one before.
    records: Vec<Hash>,
    expires: i64,
}

type Hash = String;

impl State {
    /// No memory of earlier runs.
    pub(super) fn none() -> State {
        State {
            known: HashMap::new(),
            file: None,
        }
    }

    /// The memory in a file, which is made where it is missing.
    pub(super) fn open(path: &Path) -> Outcome<State> {
        let mut state = State::none();
        let mut whole = 0;
        files::may_be_file(path)?;
        let foreign = || {
            Failure::unusable(format!(
                "{} is not what an earlier run wrote",
                path.display()
            ))
        };
        if path.exists() {
            let text = files::read_large(path)?;
            // A line that a killed run did not finish says nothing.
            let lines = text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            for line in lines {
                let (key, record, expires) = parse(line.trim_end()).ok_or_else(foreign)?;
                state.note(key.into(), record.into(), expires);
                whole += line.len() as u64;
            }
            // A file without a line may be anything, and would be emptied.
            if whole == 0 && !text.is_empty() {
                return Err(foreign());
            }
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|error| unwritable(path, error))?;
        // Cuts off what a killed run did not finish, so that the next line stands by itself.
        file.set_len(whole)
            .map_err(|error| unwritable(path, error))?;
        state.file = Some(file);
        Ok(state)
    }

    /// Whether a session that is missing was copied before and would still be there, had nobody ended it.
    pub(super) fn has_ended(&self, key: &Key, now: UnixTime) -> bool {
        let copy = self.known.get(&hash(key.expose().as_bytes()));
        copy.is_some_and(|copy| now.seconds() < copy.expires)
    }

    /// Whether a session that was copied before was changed by somebody else since.
    pub(super) fn was_changed(&self, key: &Key, record: &[u8]) -> bool {
        let copy = self.known.get(&hash(key.expose().as_bytes()));
        copy.is_some_and(|copy| !copy.records.contains(&hash(record)))
    }

    /// Remembers what was copied, or is about to be written over what was.
    pub(super) fn remember(&mut self, key: &Key, record: &[u8], expires: UnixTime) -> Outcome<()> {
        let (key, record, expires) = (
            hash(key.expose().as_bytes()),
            hash(record),
            expires.seconds(),
        );
        let same = |copy: &Copy| copy.expires == expires && copy.records.contains(&record);
        let Some(file) = self
            .file
            .as_mut()
            .filter(|_| !self.known.get(&key).is_some_and(same))
        else {
            return Ok(());
        };
        file.write_all(format!("{key} {record} {expires}\n").as_bytes())
            .map_err(|error| {
                Failure::unusable("the state file cannot be written").because(error)
            })?;
        self.note(key, record, expires);
        Ok(())
    }

    fn note(&mut self, key: Hash, record: Hash, expires: i64) {
        let copy = self.known.entry(key).or_default();
        copy.expires = expires;
        if !copy.records.contains(&record) {
            copy.records.push(record);
        }
    }
}

/// Hexadecimal digits of a hash, 128 bits.
const LENGTH: usize = 32;

fn parse(line: &str) -> Option<(&str, &str, i64)> {
    let mut parts = line.split(' ');
    let (key, record) = (parts.next()?, parts.next()?);
    let expires = parts.next()?.parse().ok()?;
    (key.len() == LENGTH && record.len() == LENGTH && parts.next().is_none())
        .then_some((key, record, expires))
}

fn hash(bytes: &[u8]) -> Hash {
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .take(LENGTH / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    Failure::unusable(format!("{} cannot be written", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_copied_is_known_to_the_next_run_even_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (ada, bob) = (Key::new("session:ada"), Key::new("session:bob"));
        let (now, later) = (UnixTime::from_seconds(100), UnixTime::from_seconds(200));
        let mut state = State::open(&path).unwrap();
        state.remember(&ada, b"one", now).unwrap();
        state.remember(&ada, b"two", later).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"0123").unwrap();

        let mut state = State::open(&path).unwrap();
        assert!(state.has_ended(&ada, now) && !state.has_ended(&ada, later));
        assert!(!state.has_ended(&bob, now));
        assert!(!state.was_changed(&ada, b"one") && !state.was_changed(&ada, b"two"));
        assert!(state.was_changed(&ada, b"three") && !state.was_changed(&bob, b"three"));
        state.remember(&bob, b"one", later).unwrap();
        assert!(State::open(&path).unwrap().has_ended(&bob, now));
        assert!(!std::fs::read_to_string(&path).unwrap().contains("bob"));
    }

    #[test]
    fn another_file_is_not_taken_for_a_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for content in ["buy milk\n", "buy milk", "0f3a9c5e7b1d2468ace013579bdf0246"] {
            std::fs::write(&path, content).unwrap();
            assert!(State::open(&path).is_err(), "{content}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }
}
