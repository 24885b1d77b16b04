//! How results read: times, sizes, Python's values.

use std::fmt::Display;

pub(crate) mod python;
pub(crate) mod time;

/// A text from outside on one line, without anything that could act on a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let harmless: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    harmless.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// JSON of the same meaning in which everything can be seen: JSON itself leaves as they are DEL, a terminal's other control characters
/// (U+0080 to U+009F) and what turns the direction of text.
pub(crate) fn visible_json(json: &str) -> String {
    let mut visible = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !python::is_invisible(character) {
            visible.push(character);
            continue;
        }
        // Such a character is in a string, where it may be written as one or two code units.
        for unit in character.encode_utf16(&mut [0; 2]) {
            visible.push_str(&format!("\\u{unit:04x}"));
        }
    }
    visible
}

/// Reads how many of something are wanted.
pub(crate) fn parse_number(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "write a whole number, such as 20")
}

/// Reads a name, which is never empty.
pub(crate) fn parse_name(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("write a name, or leave the option out"),
        name => Ok(name.into()),
    }
}

/// A word of a shell's command line, in quotes where it needs them.
pub(crate) fn shell_word(word: impl Display) -> String {
    let word = word.to_string();
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+,=".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A count with its noun: `1 key`, `2 keys`.
pub(crate) fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_shell_reads_a_word_back_as_it_was() {
        for word in [
            "",
            "a",
            "my s.toml",
            "it's $HOME",
            "größe/*",
            "-x",
            "\"",
            "a\nb",
        ] {
            let echoed = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", shell_word(word))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&echoed.stdout), word);
        }
        assert_eq!(shell_word("/etc/shop/app.toml"), "/etc/shop/app.toml");
    }
}
