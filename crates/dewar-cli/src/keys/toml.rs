use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::file::{FALLBACKS, Found, KEY};
use crate::exit::{Failure, Outcome};
use crate::text::shell_word;

/// What a TOML file, or a table in it, has of keys.
pub(super) fn read(text: &str, section: Option<&str>) -> Outcome<Found> {
    let document = parse(text)?;
    let table = table(document.as_table(), section)?;
    let key = match table.get(KEY) {
        Some(item) => item.as_str().ok_or_else(|| not_text(KEY))?.to_owned(),
        None => return Err(missing(&document, section)),
    };
    let fallbacks = match table.get(FALLBACKS) {
        None => Vec::new(),
        Some(item) => {
            let items = item.as_array().ok_or_else(not_texts)?;
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(not_texts)?
        }
    };
    let lifetime =
        table
            .get("PERMANENT_SESSION_LIFETIME")
            .and_then(|item| match item.as_value()? {
                Value::Integer(seconds) => Some(seconds.value().to_string()),
                Value::String(text) => Some(text.value().clone()),
                _ => None,
            });
    Ok(Found {
        key,
        fallbacks,
        lifetime,
    })
}

/// The file with other keys and everything else as it was.
pub(super) fn write(
    text: &str,
    section: Option<&str>,
    key: Option<&str>,
    fallbacks: &[String],
) -> Outcome<String> {
    let mut list: Array = fallbacks.iter().map(String::as_str).collect();
    list.fmt();
    let mark = &text[..text.len() - without_mark(text).len()];
    let mut written = without_mark(text).to_owned();
    if let Some(key) = key {
        written = with(&written, section, KEY, key.into())?;
    }
    written = with(&written, section, FALLBACKS, Value::Array(list))?;
    Ok(format!("{mark}{written}"))
}

/// The file with another value.
fn with(text: &str, section: Option<&str>, name: &str, value: Value) -> Outcome<String> {
    let mut document = parse(text)?;
    let before = document.to_string();
    let mut table = document.as_table_mut();
    for part in section.into_iter().flat_map(|section| section.split('.')) {
        table = table
            .get_mut(part)
            .and_then(Item::as_table_mut)
            .ok_or_else(|| no_section(part))?;
    }
    set(table, name, value);
    Ok(with_line_ends(text, &before, &document.to_string()))
}

/// What became of a text, of which toml_edit wrote `before` and, with a change, `after`: lines that did not change are as they were, and
/// others end as its first one does.
fn with_line_ends(text: &str, before: &str, after: &str) -> String {
    fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }
    fn bare(line: &str) -> &str {
        line.trim_end_matches(['\r', '\n'])
    }
    let whole = after;
    let (old, before, after) = (lines(text), lines(before), lines(after));
    // toml_edit brings dotted keys of one table together.
    if !old
        .iter()
        .map(|line| bare(line))
        .eq(before.iter().map(|line| bare(line)))
    {
        return whole.into();
    }
    let same = |(one, other): &(&&str, &&str)| one == other;
    let first = before.iter().zip(&after).take_while(same).count();
    let (rest, changed) = (&before[first..], &after[first..]);
    let last = rest
        .iter()
        .rev()
        .zip(changed.iter().rev())
        .take_while(same)
        .count();
    let end = match old.first() {
        Some(line) if line.ends_with("\r\n") => "\r\n",
        _ => "\n",
    };
    let mut written = old[..first].concat();
    if !written.is_empty() && !written.ends_with('\n') {
        written.push_str(end);
    }
    for line in &changed[..changed.len() - last] {
        written.push_str(bare(line));
        written.push_str(end);
    }
    written + &old[old.len() - last..].concat()
}

/// The text without the byte order mark that editors on Windows begin a file with.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Sets a value; the comment behind an old one stays.
fn set(table: &mut Table, name: &str, mut value: Value) {
    if let Some(before) = table.get(name).and_then(Item::as_value) {
        *value.decor_mut() = before.decor().clone();
    }
    table.insert(name, Item::Value(value));
}

fn parse(text: &str) -> Outcome<DocumentMut> {
    // The parser's message quotes the line, which may hold the key.
    text.parse::<DocumentMut>().map_err(|error| {
        let line = error
            .span()
            .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let place = line.map_or(String::new(), |line| format!(" in line {line}"));
        Failure::unusable(format!(
            "the file is not valid TOML{place}: {}",
            error.message()
        ))
    })
}

fn table<'a>(root: &'a Table, section: Option<&str>) -> Outcome<&'a Table> {
    let mut table = root;
    for part in section.into_iter().flat_map(|section| section.split('.')) {
        table = table
            .get(part)
            .and_then(Item::as_table)
            .ok_or_else(|| no_section(part))?;
    }
    Ok(table)
}

fn missing(document: &DocumentMut, section: Option<&str>) -> Failure {
    let failure = Failure::unusable(format!(
        "there is no {KEY} {}",
        match section {
            Some(section) => format!("in the table [{section}]"),
            None => "at the top of the file".into(),
        }
    ));
    let tables = document
        .iter()
        .filter(|(_, item)| item.as_table().is_some_and(|table| table.contains_key(KEY)));
    tables.fold(failure, |failure, (name, _)| {
        failure.hint(format!(
            "the table [{name}] has one: --section {}",
            shell_word(name)
        ))
    })
}

fn no_section(name: &str) -> Failure {
    Failure::unusable(format!("there is no table [{name}] in the file"))
}

fn not_text(name: &str) -> Failure {
    Failure::unusable(format!("{name} is not a text"))
}

fn not_texts() -> Failure {
    Failure::unusable(format!("{FALLBACKS} is not a list of texts"))
}
