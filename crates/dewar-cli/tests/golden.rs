//! What the command says, to the letter: each file in `tests/golden` is a shell session with everything that came back.
//!
//! ```text
//! # A comment.
//! $ dewar key check --env NO_SUCH_VARIABLE
//! err| error: the environment variable NO_SUCH_VARIABLE is not set
//! exit 3
//! ```
//!
//! Each file runs in an empty folder of its own, with nothing in the environment but `COOKIES`, the folder of cookies that
//! `tests/make_cookies.py` made. `DEWAR_BLESS=1 cargo test -p dewar-cli --test golden` writes the files anew; read the difference.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

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
        if std::env::var_os("DEWAR_BLESS").is_some() {
            fs::write(&file, actual).unwrap();
        } else {
            let name = file.file_name().unwrap().to_string_lossy();
            writeln!(wrong, "{name}:\n{}", difference(&expected, &actual)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Runs the commands of a session and writes it anew.
fn replay(session: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
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
    masked
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
