use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Fault, Line, Node, Place, Table};
use crate::config::Setting;

/// The values of a JSON file; of a key that is there twice the last one counts, as in Python.
pub(super) fn read(text: &str) -> Result<Table, Fault> {
    Reader { text }.table(text, SECTION_DEPTH)
}

/// How deep sections lie within sections; what is deeper is one value.
const SECTION_DEPTH: usize = 8;

struct Reader<'t> {
    text: &'t str,
}

impl<'t> Reader<'t> {
    /// The values of the object that is this part of the text.
    fn table(&self, part: &'t str, depth: usize) -> Result<Table, Fault> {
        let entries: Entries<'t> =
            serde_json::from_str(part).map_err(|error| self.fault(part, &error))?;
        let lines = entries.0.into_iter().map(|(name, raw)| {
            let node = match raw.starts_with('{') && depth > 0 {
                true => Node::Table(self.table(raw, depth - 1)?),
                false => Node::Value(self.value(raw)?),
            };
            let number = self.place(raw).line;
            Ok(Line { name, number, node })
        });
        Ok(Table(lines.collect::<Result<_, Fault>>()?))
    }

    fn value(&self, part: &str) -> Result<Setting, Fault> {
        let value: serde_json::Value =
            serde_json::from_str(part).map_err(|error| self.fault(part, &error))?;
        Ok(value.into())
    }

    /// Where a part of the text begins.
    fn place(&self, part: &str) -> Place {
        let at = part.as_ptr().addr() - self.text.as_ptr().addr();
        Place::of(self.text.as_bytes(), at)
    }

    fn fault(&self, part: &str, error: &serde_json::Error) -> Fault {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let begin = self.place(part);
        let place = match error.line() {
            0 | 1 => Place {
                line: begin.line,
                column: begin.column + number(error.column().saturating_sub(1)),
            },
            line => Place {
                line: begin.line + number(line - 1),
                column: number(error.column()),
            },
        };
        // Messages of the other kinds may quote a value.
        let what = match error.classify() {
            Category::Syntax | Category::Eof => error.to_string(),
            Category::Data | Category::Io => "it is no object of keys and values".into(),
        };
        let what = what.split(" at line ").next().unwrap_or_default();
        Fault::syntax(Some(place), format!("not valid JSON: {what}"))
    }
}

/// An object's entries, each value as it stands, so that its place in the text is known.
struct Entries<'t>(BTreeMap<String, &'t str>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries<'de>, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((name, raw)) = map.next_entry::<String, &'de RawValue>()? {
            entries.insert(name, raw.get());
        }
        Ok(Entries(entries))
    }
}
