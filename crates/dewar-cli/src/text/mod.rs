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
