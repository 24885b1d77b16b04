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

/// What is wrong with a line that is no assignment; holds nothing of its text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// Where it begins.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// All assignments in order; lines that are none are passed over.
pub fn assignments(text: &str) -> Vec<Assignment> {
    statements(text).filter_map(Result::ok).collect()
}

/// The lines that are neither assignments nor comments nor blank, in order.
pub fn mistakes(text: &str) -> Vec<Mistake> {
    statements(text).filter_map(Result::err).collect()
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

fn statements(text: &str) -> impl Iterator<Item = Result<Assignment, Mistake>> {
    // A byte order mark at the beginning is no part of a name.
    let mut at = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    std::iter::from_fn(move || {
        while at < text.len() {
            let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
            let found = statement(text, at, line_end);
            at = match &found {
                Some(Ok(assignment)) => assignment.end,
                _ => line_end,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    })
}

/// What a line says; `None` if it says nothing.
fn statement(text: &str, start: usize, line_end: usize) -> Option<Result<Assignment, Mistake>> {
    let line = &text[start..line_end];
    let first = line.len() - line.trim_start().len();
    let mistake = |at, what| Some(Err(Mistake { at, what }));
    let (mut name_at, mut exported) = (first, false);
    if let Some(rest) = line[first..].strip_prefix("export")
        && rest.starts_with([' ', '\t'])
    {
        (name_at, exported) = (line.len() - rest.trim_start().len(), true);
    }
    if line[first..].is_empty() || line[first..].starts_with('#') {
        return None;
    }
    let Some(length) = line[name_at..].find('=') else {
        // It hands on a variable that is set elsewhere.
        return match exported && is_name(line[name_at..].trim_end()) {
            true => None,
            false => mistake(start + first, "there is no '='"),
        };
    };
    let equals = name_at + length;
    let name = line[name_at..equals].trim_end().trim_matches('\'');
    if !is_name(name) {
        return mistake(start + first, "there is no name before '='");
    }
    let after = &line[equals + 1..];
    let value_at = start + equals + 1 + (after.len() - after.trim_start_matches([' ', '\t']).len());
    let (value, length) = match text[value_at..].chars().next() {
        Some(quote @ ('\'' | '"')) => match in_quotes(&text[value_at + 1..], quote) {
            Some((value, length)) => (value, length + 2),
            None => return mistake(value_at, NOT_CLOSED),
        },
        _ => bare(&text[value_at..line_end]),
    };
    let place = value_at..value_at + length;
    let end = text[place.end..]
        .find('\n')
        .map_or(text.len(), |end| place.end + end + 1);
    let rest = text[place.end..end].trim();
    if !rest.is_empty() && !rest.starts_with('#') {
        // A quote that a later line closes was hardly meant to go on until there.
        return mistake(
            value_at,
            match place.end > line_end {
                true => NOT_CLOSED,
                false => "something follows the closing quote",
            },
        );
    }
    Some(Ok(Assignment {
        name: name.into(),
        value,
        lead: start..start + name_at,
        place,
        end,
    }))
}

const NOT_CLOSED: &str = "the quote is not closed";

/// As python-dotenv takes names; shells take fewer.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '#')
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
        let text = "# c\nA=one # two\n export B = 'it\\'s #1'\nC=\"a\\nb\" # x\nD=\nE=x#y\nF='two\nlines'\nnot one\nG-H=1\n";
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
            ("G-H", "1"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        let text = "\u{feff}export A=1\n\u{feff}B=2\n";
        let found = assignments(text);
        assert_eq!(
            (&*found[0].name, &text[found[0].lead.clone()]),
            ("A", "export ")
        );
        assert_eq!(found[1].name, "\u{feff}B");
        assert_eq!(mistakes("\u{feff}"), []);
        assert_eq!(mistakes("\u{feff}A")[0].at, 3);
    }

    #[test]
    fn lines_that_are_no_assignments_are_told_by_their_place() {
        let told = |text: &str| -> Vec<_> {
            let found = mistakes(text).into_iter();
            found.map(|found| (found.at, found.what)).collect()
        };
        for fine in [
            "",
            "\n  \n# no = '\n",
            "export A=1",
            "export A\n",
            "A='b' # c\r\n",
            "A=",
        ] {
            assert_eq!(told(fine), [], "{fine}");
        }
        for (text, at, what) in [
            ("A=1\n SECRET_KEY value\n", 5, "there is no '='"),
            ("SECRET_KEY", 0, "there is no '='"),
            ("=value", 0, "there is no name before '='"),
            ("this is = none", 0, "there is no name before '='"),
            ("A='open\nB=1\n", 2, NOT_CLOSED),
            ("A=\"open\nB=\"x\"\n", 2, NOT_CLOSED),
            ("A='b'c\n", 2, "something follows the closing quote"),
        ] {
            assert_eq!(told(text), [(at, what)], "{text}");
        }
        let after = assignments("A=\"open\nB=\"x\"\n");
        assert_eq!(after[0].value, "x");
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
