//! How results read: times, sizes, Python's values.

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

/// A count with its noun: `1 key`, `2 keys`.
pub(crate) fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}
