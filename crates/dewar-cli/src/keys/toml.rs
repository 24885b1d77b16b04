use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::file::{FALLBACKS, Found, KEY};
use crate::exit::{Failure, Outcome};

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
    let mut document = parse(text)?;
    let mut table = document.as_table_mut();
    for part in section.into_iter().flat_map(|section| section.split('.')) {
        table = table
            .get_mut(part)
            .and_then(Item::as_table_mut)
            .ok_or_else(|| no_section(part))?;
    }
    let mut list: Array = fallbacks.iter().map(String::as_str).collect();
    list.fmt();
    if let Some(key) = key {
        set(table, KEY, key.into());
    }
    set(table, FALLBACKS, Value::Array(list));
    Ok(document.to_string())
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
        failure.hint(format!("the table [{name}] has one: --section {name}"))
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
