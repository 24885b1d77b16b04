//! `docs/configuration.md` says what the tables of keys and findings say.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;

use dewar::config::{Code, DefinedBy, KEYS, Key, Kind, Preset, SESSION_TYPES, Scope};

const START: &str =
    "<!-- From here on written by `UPDATE_DOCS=1 cargo test -p dewar --test config_docs`. -->\n";

#[test]
fn the_page_about_configuration_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (prose, _) = page
        .split_once(START)
        .expect("the line after which the tables stand");
    let expected = format!("{prose}{START}{}", tables());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert!(
            page == expected,
            "docs/configuration.md differs: run with UPDATE_DOCS=1"
        );
    }
}

fn tables() -> String {
    let mut out = String::from(
        "\n## Values of `SESSION_TYPE`\n\n| value | where sessions live |\n| --- | --- |\n",
    );
    for kind in SESSION_TYPES {
        writeln!(out, "| `{}` | {} |", kind.name, cell(kind.meaning)).unwrap();
    }
    out.push_str("\n## Keys\n\n| key | value | default | what it does | defined by | means something with |\n| --- | --- | --- | --- | --- | --- |\n");
    for key in KEYS {
        let defined_by = match key.defined_by {
            DefinedBy::Flask => "Flask",
            DefinedBy::FlaskSession => "Flask-Session",
            _ => "Dewar",
        };
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {defined_by} | {} |",
            key.name,
            kind(key.kind),
            preset(key),
            cell(key.meaning),
            scope(key.scope)
        )
        .unwrap();
    }
    out.push_str("\n`SESSION_TYPE` `postgresql`, `SESSION_POSTGRESQL` with its two keys and `SESSION_DYNAMODB_TABLE_EXISTS` are in Flask-Session's development version, not in its release 0.8.0.\n");
    out.push_str("\n## Findings\n\nThe stable code of each finding of the check at start-up, with what it is about; each has its page in [diagnostics](diagnostics/README.md).\n\n| code | finding |\n| --- | --- |\n");
    for code in Code::ALL {
        writeln!(
            out,
            "| [{code}](diagnostics/{code}.md) | {} |",
            cell(code.meaning())
        )
        .unwrap();
    }
    out
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Bool => "true or false".into(),
        Kind::Integer => "whole number".into(),
        Kind::Duration => "seconds, `31d`, `12h`, `P31D`".into(),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::SessionType => "see above".into(),
        Kind::FileMode => "permission bits".into(),
        Kind::Secret => "secret".into(),
        Kind::SecretList => "list of secrets".into(),
        Kind::Connection => "URL or object".into(),
        other => format!("{other:?}"),
    }
}

fn preset(key: &Key) -> String {
    match key.default {
        Preset::Unset(what) => cell(what),
        Preset::Integer(mode) if key.kind == Kind::FileMode => format!("`\"{mode:04o}\"`"),
        Preset::Bool(value) => value.to_string(),
        Preset::Integer(value) => value.to_string(),
        Preset::Text(value) => format!("`{value}`"),
        Preset::Seconds(value) => format!("{value} s"),
    }
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Everywhere => "all".into(),
        Scope::SignedCookie => "`cookie`".into(),
        Scope::ServerSide => "every store".into(),
        Scope::Stores(names) => names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
        other => format!("{other:?}"),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
