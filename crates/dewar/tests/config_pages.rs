//! Each finding has its page in `docs/diagnostics`, whose example leads to the finding and shows what is said then.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use dewar::config::{Code, Config, ConfigFile, Environment};

/// Findings whose cause is neither in a file nor in a variable's text.
const WITHOUT_EXAMPLE: &[Code] = &[
    Code::SourceNotATable,
    Code::VariableNotUnicode,
    Code::FileUnreadable,
    Code::SecretFileOpen,
];

/// Findings of the check in `dewar-stores`, whose tests look at their pages.
const OF_STORES: &[Code] = &[Code::AddressMissing];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/diagnostics")
}

/// Writes the page with `UPDATE_DOCS=1`, or else compares.
fn expect(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, expected).unwrap();
    } else {
        let page = fs::read_to_string(path).unwrap();
        assert_eq!(
            page,
            expected,
            "{} differs: run with UPDATE_DOCS=1",
            path.display()
        );
    }
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let pages: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(pages, codes);
    for code in Code::ALL {
        let page = fs::read_to_string(folder().join(format!("{code}.md"))).unwrap();
        assert!(
            page.starts_with(&format!("# {code}: {}\n", code.meaning())),
            "{code}"
        );
        for part in [
            "**What you see.** ",
            "**How to put it right.** ",
            "## Example\n",
        ] {
            assert!(page.contains(part), "{code}: {part}");
        }
        assert!(
            code.page()
                .ends_with(&format!("/docs/diagnostics/{code}.md"))
        );
    }
}

#[test]
fn the_index_lists_every_code() {
    let mut index = String::from(
        "# Findings\n\nWhat the check of a configuration finds, at start-up and with `dewar config check`. A code never changes its meaning.\n\n| code | finding |\n| --- | --- |\n",
    );
    for code in Code::ALL {
        writeln!(index, "| [{code}]({code}.md) | {} |", code.meaning()).unwrap();
    }
    expect(&folder().join("README.md"), &index);
}

#[test]
fn every_example_leads_to_its_finding_and_shows_what_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    for code in Code::ALL.iter().filter(|code| !OF_STORES.contains(code)) {
        let path = folder().join(format!("{code}.md"));
        let page = fs::read_to_string(&path).unwrap();
        let Some((before, _)) = page.split_once("```text\n") else {
            assert!(WITHOUT_EXAMPLE.contains(code), "{code} has no example");
            continue;
        };
        let variables: Vec<(&str, &str)> = block(&page, "sh")
            .unwrap_or_default()
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .collect();
        let environment = Environment::of(variables);
        let mut config = Config::new();
        if let Some(toml) = block(&page, "toml") {
            let file = scratch.path().join("session.toml");
            fs::write(&file, toml).unwrap();
            config = config.file(ConfigFile::at(file).environment(environment.clone()));
        }
        let report = config.environment(environment).check();
        let mut said = String::new();
        for problem in report.problems.iter().filter(|found| found.code == *code) {
            writeln!(said, "{problem}").unwrap();
        }
        assert!(!said.is_empty(), "{code}: {report}");
        let said = said.replace(&format!("{}/", scratch.path().display()), "");
        expect(&path, &format!("{before}```text\n{said}```\n"));
    }
}

/// The first block of this language.
fn block<'a>(page: &'a str, language: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("```{language}\n"))?;
    Some(rest.split_once("```")?.0)
}
