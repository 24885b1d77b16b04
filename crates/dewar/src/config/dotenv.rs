//! `.env` files, read as python-dotenv reads them.

use std::fmt;
use std::ops::Range;

use zeroize::Zeroize;

/// A `NAME=value` of a `.env` file, with where its value stands; may be a secret, so it is wiped when dropped.
#[non_exhaustive]
pub struct Assignment {
    /// The name, as it is written.
    pub name: String,
    /// The value, without quotes and escapes.
    pub value: String,
    /// The value with its quotes.
    pub place: Range<usize>,
    /// What stands before the name: blanks and `export`.
    pub lead: Range<usize>,
    /// Just after the line on which the value ends.
    pub end: usize,
}

impl Drop for Assignment {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

/// The name and the place only.
impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assignment")
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// All assignments in order; lines that are none are passed over.
pub fn assignments(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        match assignment(text, at, line_end) {
            Some(assignment) => {
                at = assignment.end;
                found.push(assignment);
            }
            None => at = line_end,
        }
    }
    found
}

/// A value that python-dotenv and shells read back as this text.
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,:/+=@%[]\"".contains(c);
    // A quote at the beginning would be taken for the value's own.
    if !value.is_empty() && !value.starts_with('"') && value.chars().all(plain) {
        return value.into();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn assignment(text: &str, start: usize, line_end: usize) -> Option<Assignment> {
    let line = &text[start..line_end];
    let mut name_at = line.len() - line.trim_start().len();
    if let Some(rest) = line[name_at..].strip_prefix("export")
        && rest.starts_with([' ', '\t'])
    {
        name_at = line.len() - rest.trim_start().len();
    }
    let equals = name_at + line[name_at..].find('=')?;
    let name = line[name_at..equals].trim_end().trim_matches('\'');
    if name.is_empty()
        || !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
    {
        return None;
    }
    let after = &line[equals + 1..];
    let value_at = start + equals + 1 + (after.len() - after.trim_start_matches([' ', '\t']).len());
    let (value, length) = match text[value_at..].chars().next() {
        Some(quote @ ('\'' | '"')) => in_quotes(&text[value_at + 1..], quote)
            .map(|(value, length)| (value, length + 2))
            .unwrap_or_else(|| bare(&text[value_at..line_end])),
        _ => bare(&text[value_at..line_end]),
    };
    let place = value_at..value_at + length;
    let end = text[place.end..]
        .find('\n')
        .map_or(text.len(), |end| place.end + end + 1);
    Some(Assignment {
        name: name.into(),
        value,
        lead: start..start + name_at,
        place,
        end,
    })
}

/// The text up to the closing quote, and its length as written.
fn in_quotes(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some((value, at));
        }
        if character != '\\' {
            value.push(character);
            continue;
        }
        let (_, escaped) = characters.next()?;
        match (quote, escaped) {
            (_, '\\' | '\'') => value.push(escaped),
            ('"', '"') => value.push('"'),
            ('"', 'n') => value.push('\n'),
            ('"', 'r') => value.push('\r'),
            ('"', 't') => value.push('\t'),
            _ => value.extend(['\\', escaped]),
        }
    }
    None
}

/// The rest of the line without a comment, and its length.
fn bare(line: &str) -> (String, usize) {
    let line = line.trim_end_matches(['\n', '\r']);
    let comment = line
        .match_indices('#')
        .find(|(at, _)| line[..*at].ends_with([' ', '\t']))
        .map_or(line.len(), |(at, _)| at);
    let value = line[..comment].trim_end();
    (value.into(), value.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn values_are_read_as_python_dotenv_reads_them() {
        let text = "# c\nA=one # two\n export B = 'it\\'s #1'\nC=\"a\\nb\" # x\nD=\nE=x#y\nF='two\nlines'\nnot one\nG='open\n";
        let found: Vec<_> = assignments(text)
            .into_iter()
            .map(|a| (a.name.clone(), a.value.clone()))
            .collect();
        let expected = [
            ("A", "one"),
            ("B", "it's #1"),
            ("C", "a\nb"),
            ("D", ""),
            ("E", "x#y"),
            ("F", "two\nlines"),
            ("G", "'open"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_and_every_value_stands_where_it_is_said_to(text in "([A-Z]{1,3}|export A|é)?[ ]?=?[ ]?['\"]?[a-z\\\\'\"# é\n=]{0,30}") {
            for found in assignments(&text) {
                proptest::prop_assert!(text.get(found.place.clone()).is_some());
                proptest::prop_assert!(text.get(found.lead.clone()).is_some());
                proptest::prop_assert!(found.place.end <= found.end && text.is_char_boundary(found.end));
            }
        }

        #[test]
        fn any_line_that_is_quoted_reads_back(value in "[^\r\0]{0,40}") {
            let text = format!("K={}\nL=1\n", quoted(&value));
            let read: Vec<_> = assignments(&text).into_iter().map(|found| found.value.clone()).collect();
            proptest::prop_assert_eq!(read, [value, "1".to_owned()]);
        }
    }

    #[test]
    fn what_is_quoted_reads_back() {
        for value in [
            "abc",
            "",
            "a b",
            "it's",
            "\\",
            "[\"a\",\"b\"]",
            "\"x\"",
            "# no comment",
            "ä $HOME",
        ] {
            let text = format!("K={}\n", quoted(value));
            assert_eq!(assignments(&text)[0].value, value, "{text}");
        }
    }
}
