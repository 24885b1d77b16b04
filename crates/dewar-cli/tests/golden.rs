//! What the command says, to the letter: each file in `tests/golden` is a shell session with everything that came back.
//!
//! ```text
//! # A comment.
//! $ dewar key check --env NO_SUCH_VARIABLE
//! err| error: the environment variable NO_SUCH_VARIABLE is not set
//! exit 3
//! ```
//!
//! Each file runs in a folder of its own, with nothing in it but the store `flask_session` ([`sessions`]), and nothing in the environment but `COOKIES`, the folder of cookies that
//! `tests/make_cookies.py` made. `UPDATE_DOCS=1 cargo test -p dewar-cli --test golden` writes the files anew; read the difference.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use dewar::UnixTime;
use dewar::clock::ManualClock;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::{Created, Key, Store};

#[test]
fn every_session_goes_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = String::new();
    for file in files {
        let expected = fs::read_to_string(&file).unwrap();
        let actual = replay(&expected);
        if actual == expected {
            continue;
        }
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&file, actual).unwrap();
        } else {
            let name = file.file_name().unwrap().to_string_lossy();
            writeln!(wrong, "{name}:\n{}", difference(&expected, &actual)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn no_secret_is_ever_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let said = line.starts_with("out| ") || line.starts_with("err| ");
            for secret in ["hunter2", "correct horse", "other-key", "one more"] {
                assert!(!said || !line.contains(secret), "{line}");
            }
            // Ids are results that somebody asked for, and never part of a message.
            assert!(
                !line.starts_with("err| ") || !line.contains("session-of-"),
                "{line}"
            );
        }
    }
}

#[test]
fn the_examples_of_the_manual_are_true() {
    examples_are_true("command.md");
}

#[test]
fn the_examples_of_the_guide_to_troubles_are_true() {
    examples_are_true("troubleshooting.md");
}

/// Runs the commands of a page, all in one folder for each block.
fn examples_are_true(page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    let expected = fs::read_to_string(&file).unwrap();
    let mut actual = String::new();
    for (number, part) in expected.split("```").enumerate() {
        if number > 0 {
            actual.push_str("```");
        }
        match part.strip_prefix("console\n").filter(|_| number % 2 == 1) {
            Some(block) => write!(actual, "console\n{}", replay_plain(block)).unwrap(),
            None => actual.push_str(part),
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, actual).unwrap();
    } else {
        assert!(actual == expected, "\n{}", difference(&expected, &actual));
    }
}

/// As [`replay`], written as a terminal shows it.
fn replay_plain(block: &str) -> String {
    let commands: String = block
        .lines()
        .filter(|line| line.starts_with("$ "))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut plain = String::new();
    for line in replay(&commands)
        .lines()
        .filter(|line| !line.starts_with("exit "))
    {
        let line = line
            .strip_prefix("out|")
            .or(line.strip_prefix("err|"))
            .map_or(line, |line| line.strip_prefix(' ').unwrap_or(line));
        writeln!(plain, "{line}").unwrap();
    }
    plain
}

/// A store with a session in each format, one that nobody can read, and one that has expired.
fn sessions(folder: &Path) {
    const PICKLE: &[u8] = b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04user\x94\x8c\x03ada\x94\x8c\x01n\x94K\x01u.";
    let now = UnixTime::from_seconds(1_700_000_000);
    let then = FilesystemStore::at(folder)
        .clock(Arc::new(ManualClock::new(now)))
        .open()
        .unwrap();
    let records: [(&str, &[u8], i64); 5] = [
        (
            "msgpack-session-of-ada-0000000000000000001",
            b"\x82\xa4user\xa3ada\xa5items\x93\x01\x02\x03",
            4_000_000_000,
        ),
        (
            "json-session-of-ada-0000000000000000000002",
            br#"{"user":"ada","html":"<b>"}"#,
            4_000_000_060,
        ),
        (
            "pickle-session-of-ada-00000000000000000003",
            PICKLE,
            4_000_003_600,
        ),
        (
            "broken-session-of-nobody-00000000000000004",
            b"\xc1garbage",
            4_000_086_400,
        ),
        (
            "expired-session-of-ada-0000000000000000005",
            b"\x80",
            1_700_000_060,
        ),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for (id, blob, expires) in records {
        let key = Key::new(format!("session:{id}"));
        let blob = bytes::Bytes::from_static(blob);
        let created = runtime.block_on(then.create(&key, blob, UnixTime::from_seconds(expires)));
        assert!(matches!(created.unwrap(), Created::Done(_)));
    }
}

/// Runs the commands of a session and writes it anew.
fn replay(session: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    sessions(&folder.path().join("flask_session"));
    let mut written = String::new();
    for line in session.lines() {
        if line.starts_with('#') || line.is_empty() {
            writeln!(written, "{line}").unwrap();
        } else if let Some(command) = line.strip_prefix("$ ") {
            writeln!(written, "{line}").unwrap();
            run(command, folder.path(), &mut written);
        }
    }
    written
}

fn run(command: &str, folder: &Path, written: &mut String) {
    let program = Path::new(env!("CARGO_BIN_EXE_dewar")).parent().unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("umask 022; {command}")])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .env(
            "COOKIES",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cookies"),
        )
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    for (stream, label) in [(output.stdout, "out"), (output.stderr, "err")] {
        for line in mask(&String::from_utf8_lossy(&stream)).lines() {
            writeln!(written, "{}", format!("{label}| {line}").trim_end()).unwrap();
        }
    }
    writeln!(written, "exit {}", output.status.code().unwrap()).unwrap();
}

/// Keys differ each time: runs of 32 or more hexadecimal digits in a row become `[HEX]`.
fn mask(text: &str) -> String {
    let mut masked = String::new();
    let mut run = String::new();
    for character in text.chars().chain(['\0']) {
        if matches!(character, '0'..='9' | 'a'..='f') {
            run.push(character);
            continue;
        }
        masked.push_str(if run.len() >= 32 { "[HEX]" } else { &run });
        run.clear();
        masked.push(character);
    }
    masked.pop();
    times_masked(&times_masked(&masked, " ms"), " µs")
}

/// How long something took differs too: `0.3 ms` and `35 µs` become `[TIME]`.
fn times_masked(text: &str, unit: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(unit) {
        masked.push_str(&rest[..at]);
        let number = masked
            .trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
        if number < masked.len() {
            masked.truncate(number);
            masked.push_str("[TIME]");
        } else {
            masked.push_str(unit);
        }
        rest = &rest[at + unit.len()..];
    }
    masked + rest
}

fn difference(expected: &str, actual: &str) -> String {
    let (mut expected, mut actual) = (expected.lines(), actual.lines());
    let mut report = String::new();
    let mut command = "";
    loop {
        let (left, right) = (expected.next(), actual.next());
        if let Some(line) = right.filter(|line| line.starts_with("$ ")) {
            command = line;
        }
        match (left, right) {
            (None, None) => return report,
            (left, right) if left == right => {}
            (left, right) => {
                let (left, right) = (left.unwrap_or("(nothing)"), right.unwrap_or("(nothing)"));
                writeln!(report, "{command}\n  expected: {left}\n       got: {right}").unwrap();
                // One difference shifts all that follows.
                return report;
            }
        }
    }
}
