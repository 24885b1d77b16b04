use toml_edit::{Document, Item, Value};

use super::{Fault, Line, Node, Place, Table};
use crate::config::Setting;

/// The values of a TOML file.
pub(super) fn read(text: &str) -> Result<Table, Fault> {
    let document = Document::parse(text).map_err(|error| {
        let place = error
            .span()
            .map(|span| Place::of(text.as_bytes(), span.start));
        Fault::syntax(place, format!("not valid TOML: {}", error.message()))
    })?;
    Ok(Reader { text }.table(document.as_table()))
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn table(&self, table: &dyn toml_edit::TableLike) -> Table {
        let lines = table.iter().filter_map(|(name, item)| {
            let key = table.key(name);
            let place = key
                .and_then(toml_edit::Key::span)
                .or_else(|| item.span())
                .map_or(Place::START, |span| {
                    Place::of(self.text.as_bytes(), span.start)
                });
            Some(Line {
                name: name.into(),
                number: place.line,
                node: self.node(item)?,
            })
        });
        Table(lines.collect())
    }

    fn node(&self, item: &Item) -> Option<Node> {
        match item {
            Item::None => None,
            Item::Table(table) => Some(Node::Table(self.table(table))),
            Item::Value(Value::InlineTable(table)) => Some(Node::Table(self.table(table))),
            Item::Value(value) => Some(Node::Value(setting(value))),
            Item::ArrayOfTables(tables) => {
                let items = tables.iter().map(|table| self.table(table).setting());
                Some(Node::Value(Setting::List(items.collect())))
            }
        }
    }
}

fn setting(value: &Value) -> Setting {
    match value {
        Value::String(text) => Setting::Text(text.value().clone()),
        Value::Integer(number) => Setting::Integer(*number.value()),
        Value::Float(number) => Setting::Float(*number.value()),
        Value::Boolean(value) => Setting::Bool(*value.value()),
        // No key is a date; as text it is refused by its type.
        Value::Datetime(date) => Setting::Text(date.value().to_string()),
        Value::Array(items) => Setting::List(items.iter().map(setting).collect()),
        Value::InlineTable(table) => {
            let items = table.iter();
            Setting::Table(
                items
                    .map(|(name, value)| (name.to_owned(), setting(value)))
                    .collect(),
            )
        }
    }
}
