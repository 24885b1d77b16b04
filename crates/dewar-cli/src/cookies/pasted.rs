use crate::exit::{Failure, Outcome};
use crate::text::count;

/// A cookie's value, found in what somebody pasted.
#[derive(Debug)]
pub(crate) struct Pasted {
    /// The value as a server reads it.
    pub(crate) value: Vec<u8>,
    /// What should be said about how it stood there.
    pub(crate) notes: Vec<String>,
}

/// The longest text that is looked at; browsers keep 4 KB of a cookie.
const LIMIT: usize = 256 * 1024;

impl Pasted {
    /// Finds the cookie `name` in a header line, in several of them, or takes the text for the value itself.
    pub(crate) fn read(text: &str, name: &str) -> Outcome<Pasted> {
        if text.len() > LIMIT {
            return Err(Failure::unusable(
                "the text is longer than 256 KiB: that is no cookie",
            ));
        }
        let lines: Vec<Line> = text
            .lines()
            .map(Line::of)
            .filter(|line| !line.text.is_empty())
            .collect();
        let headers: Vec<&Line> = lines
            .iter()
            .filter(|line| line.header != Header::None)
            .collect();
        match (headers.as_slice(), lines.as_slice()) {
            ([], []) => Err(Failure::unusable("there is no cookie: the text is empty")),
            ([], [line]) if has_cookie(line.text, name) => from_headers(&[line], name),
            ([], [line]) if looks_like_pairs(line.text) => Err(absent(&[line], name)),
            ([], lines) => Ok(from_value(lines)),
            (headers, _) => from_headers(headers, name),
        }
    }
}

/// A line, and which header it is by its own word.
#[derive(Debug)]
struct Line<'a> {
    header: Header,
    text: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    None,
    Cookie,
    SetCookie,
}

impl Line<'_> {
    fn of(line: &str) -> Line<'_> {
        // The marks of `curl -v`.
        let text = line.trim().trim_start_matches(['<', '>']).trim();
        for (word, header) in [
            ("set-cookie:", Header::SetCookie),
            ("cookie:", Header::Cookie),
        ] {
            if let Some(start) = text.get(..word.len())
                && start.eq_ignore_ascii_case(word)
            {
                let text = text[word.len()..].trim();
                return Line { header, text };
            }
        }
        Line {
            header: Header::None,
            text,
        }
    }

    /// The pairs that can be cookies: of a `Set-Cookie`, only the first.
    fn pairs(&self) -> &str {
        match self.header {
            Header::SetCookie => match self.text.split_once("=\"") {
                // A quoted value may hold semicolons.
                Some(_) => self.text,
                None => self.text.split(';').next().unwrap_or_default(),
            },
            _ => self.text,
        }
    }
}

fn from_headers(headers: &[&Line], name: &str) -> Outcome<Pasted> {
    let mut found = headers.iter().filter_map(|line| {
        let value = dewar::cookie::find(line.pairs().as_bytes(), name)?;
        Some((line, value))
    });
    let (line, value) = found.next().ok_or_else(|| absent(headers, name))?;
    let mut notes = Vec::new();
    if in_quotes(line.text, name) {
        notes.push("the value stands in quotes, which are no part of it: something on the way put them there".into());
    }
    let same = occurrences(line.text, name);
    if same > 1 && line.header != Header::SetCookie {
        notes.push(format!(
            "the header has {} named '{name}' and the first counts: one of another path or domain hides the others",
            count(same, "cookie")
        ));
    }
    if value.is_empty() {
        return Err(Failure::unusable(match line.header {
            Header::SetCookie => {
                format!("the header deletes the cookie '{name}': its value is empty")
            }
            _ => format!("the value of the cookie '{name}' is empty"),
        }));
    }
    Ok(Pasted {
        value: value.into_owned(),
        notes,
    })
}

/// The text as the value itself; a terminal may have broken it into lines.
fn from_value(lines: &[Line]) -> Pasted {
    let mut notes = Vec::new();
    if lines.len() > 1 {
        notes.push(format!(
            "{} were put together to one value",
            count(lines.len(), "line")
        ));
    }
    let text: String = lines.iter().map(|line| line.text).collect();
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
        notes.push("the value stands in quotes, which are no part of it: something on the way put them there".into());
        return Pasted {
            value: inner.as_bytes().to_vec(),
            notes,
        };
    }
    Pasted {
        value: text.into_bytes(),
        notes,
    }
}

fn absent(headers: &[&Line], name: &str) -> Failure {
    let names = headers.iter().flat_map(|line| line.pairs().split(';'));
    let names: Vec<_> = names
        .filter_map(|pair| Some(pair.split_once('=')?.0.trim()))
        .filter(|name| is_name(name))
        .collect();
    let failure = Failure::unusable(format!("there is no cookie named '{name}'"));
    match names.as_slice() {
        [] => failure,
        names => failure.hint(format!(
            "--name says which one is meant: {}",
            names.join(", ")
        )),
    }
}

fn has_cookie(text: &str, name: &str) -> bool {
    occurrences(text, name) > 0
}

fn occurrences(text: &str, name: &str) -> usize {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| key.trim() == name).count()
}

fn in_quotes(text: &str, name: &str) -> bool {
    let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs.any(|(key, value)| key.trim() == name && value.trim_start().starts_with('"'))
}

/// Whether a text is `name=value` pairs and not a value, in which `=` stands at most at the end.
fn looks_like_pairs(text: &str) -> bool {
    text.split(';').any(|pair| match pair.split_once('=') {
        Some((name, value)) => is_name(name.trim()) && !value.is_empty() && !value.starts_with('='),
        None => false,
    })
}

fn is_name(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn value(text: &str) -> String {
        String::from_utf8(Pasted::read(text, "session").unwrap().value).unwrap()
    }

    #[test]
    fn the_value_is_found_however_it_was_pasted() {
        for text in [
            "eyJ9.aBc.dEf",
            " eyJ9.aBc.dEf\n",
            "\"eyJ9.aBc.dEf\"",
            "session=eyJ9.aBc.dEf",
            "session=\"eyJ9.aBc.dEf\"",
            "theme=dark; session=eyJ9.aBc.dEf",
            "Cookie: theme=dark; session=eyJ9.aBc.dEf",
            "< set-cookie: session=eyJ9.aBc.dEf; HttpOnly; Path=/",
            "Set-Cookie: theme=dark; Path=/\r\nSet-Cookie: session=eyJ9.aBc.dEf; Path=/\r\n",
            "eyJ9.aB\nc.dEf",
        ] {
            assert_eq!(value(text), "eyJ9.aBc.dEf", "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_pasted(text in "(Set-Cookie: |Cookie: |< )?(session=)?[\"\\\\.;= a-zé\n]{0,40}") {
            let _ = Pasted::read(&text, "session");
        }
    }

    #[test]
    fn another_name_is_not_taken_for_it() {
        let failure = Pasted::read("Cookie: theme=dark; sid=x", "session").unwrap_err();
        assert_eq!(
            failure.hints,
            ["--name says which one is meant: theme, sid"]
        );
        assert!(Pasted::read("Set-Cookie: session=; Max-Age=0; Path=/", "session").is_err());
        assert!(Pasted::read("", "session").is_err());
    }

    #[test]
    fn a_cookie_that_hides_another_is_noted() {
        let pasted = Pasted::read("Cookie: session=a; session=b", "session").unwrap();
        assert_eq!(pasted.value, b"a");
        assert!(pasted.notes[0].contains("2 cookies"));
    }
}
