use std::fmt::Write;

use dewar::data::{Dict, Text, Value};

/// A dict as Python would print it, an entry a line.
pub(crate) fn pretty(dict: &Dict) -> String {
    let mut out = String::new();
    write_dict(dict, 0, &mut out);
    out
}

/// A text as Python's `repr`, without anything that could act on a terminal.
pub(crate) fn text(value: &Text) -> String {
    let mut out = String::new();
    write_text(value, &mut out);
    out
}

/// Below this many characters a container stays on one line.
const SHORT: usize = 72;

fn write_value(value: &Value, depth: usize, out: &mut String) {
    // Writing to a text does not fail.
    let _ = match value {
        Value::Null => write!(out, "None"),
        Value::Bool(value) => write!(out, "{}", if *value { "True" } else { "False" }),
        Value::Int(value) => write!(out, "{value}"),
        Value::BigInt(value) => write!(out, "{value}"),
        Value::Float(value) => return write_float(*value, out),
        Value::Str(value) => return write_text(value, out),
        Value::Bytes(bytes) => return write_bytes(bytes, out),
        Value::Tuple(items) => {
            return write_items(
                items,
                ["(", if items.len() == 1 { ",)" } else { ")" }],
                depth,
                out,
            );
        }
        Value::List(items) => return write_items(items, ["[", "]"], depth, out),
        Value::Set(items) if items.is_empty() => write!(out, "set()"),
        Value::Set(items) => return write_items(items, ["{", "}"], depth, out),
        Value::Dict(dict) => return write_dict(dict, depth, out),
        Value::DateTime(moment) => write!(out, "datetime('{moment}')"),
        Value::NaiveDateTime(moment) => write!(out, "datetime('{moment}')"),
        Value::Date(date) => write!(out, "date('{date}')"),
        Value::Time(time) => write!(out, "time('{time}')"),
        Value::TimeDelta(span) => write!(out, "timedelta(seconds={})", seconds(*span)),
        Value::Uuid(uuid) => write!(out, "UUID('{uuid}')"),
        Value::Decimal(decimal) => write!(out, "Decimal('{decimal}')"),
        Value::Markup(markup) => {
            out.push_str("Markup(");
            write_text(markup, out);
            write!(out, ")")
        }
        // A type that this command does not know yet is at least named.
        other => write!(out, "<{}>", other.type_name()),
    };
}

fn write_dict(dict: &Dict, depth: usize, out: &mut String) {
    let entries = dict.iter().map(|(key, value)| {
        let mut entry = text(key);
        entry.push_str(": ");
        write_value(value, depth + 1, &mut entry);
        entry
    });
    write_parts(entries.collect(), ["{", "}"], depth, out);
}

fn write_items(items: &[Value], brackets: [&str; 2], depth: usize, out: &mut String) {
    let items = items.iter().map(|item| {
        let mut text = String::new();
        write_value(item, depth + 1, &mut text);
        text
    });
    write_parts(items.collect(), brackets, depth, out);
}

fn write_parts(parts: Vec<String>, [open, close]: [&str; 2], depth: usize, out: &mut String) {
    let width: usize = parts.iter().map(|part| part.len() + 2).sum();
    let one_line = width <= SHORT && depth > 0 && parts.iter().all(|part| !part.contains('\n'));
    out.push_str(open);
    if one_line || parts.is_empty() {
        out.push_str(&parts.join(", "));
    } else {
        for part in parts {
            // Indents deeper than a screen is wide help nobody, and cost the square of the depth.
            let _ = write!(
                out,
                "\n{:width$}{part},",
                "",
                width = 2 * (depth + 1).min(40)
            );
        }
        let _ = write!(out, "\n{:width$}", "", width = 2 * depth.min(40));
    }
    out.push_str(close);
}

fn write_float(value: f64, out: &mut String) {
    let _ = match value {
        value if value.is_nan() => write!(out, "nan"),
        value if value.is_infinite() => write!(out, "{}inf", if value < 0.0 { "-" } else { "" }),
        value => write!(out, "{value:?}"),
    };
}

fn write_bytes(bytes: &[u8], out: &mut String) {
    out.push_str("b'");
    for byte in bytes {
        let _ = match byte {
            b'\'' | b'\\' => write!(out, "\\{}", char::from(*byte)),
            b' '..=b'~' => write!(out, "{}", char::from(*byte)),
            _ => write!(out, "\\x{byte:02x}"),
        };
    }
    out.push('\'');
}

fn write_text(value: &Text, out: &mut String) {
    let lossy = value.to_string_lossy();
    let quote = if lossy.contains('\'') && !lossy.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for character in lossy.chars() {
        let _ = match character {
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            c if c == quote => write!(out, "\\{c}"),
            c if is_invisible(c) && (c as u32) < 0x100 => write!(out, "\\x{:02x}", c as u32),
            c if is_invisible(c) && (c as u32) < 0x1_0000 => write!(out, "\\u{:04x}", c as u32),
            c if is_invisible(c) => write!(out, "\\U{:08x}", c as u32),
            c => write!(out, "{c}"),
        };
    }
    out.push(quote);
}

/// Characters that would not be seen, or would change how others are seen.
pub(crate) fn is_invisible(character: char) -> bool {
    // `escape_debug` escapes what is not printable by the Unicode tables of the standard library.
    character.is_control()
        || (character.escape_debug().len() > 1 && !matches!(character, '\'' | '"' | '\\'))
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

fn seconds(span: jiff::SignedDuration) -> String {
    let (whole, micros) = (span.as_secs(), span.subsec_micros());
    match micros {
        0 => whole.to_string(),
        _ => format!("{}", span.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_python_prints_them() {
        let dict: Dict = [
            ("a", Value::Tuple(vec![1.into()])),
            ("b", Value::Bytes(vec![0, b'\'', b'x'])),
            ("c", Value::from("it's")),
            ("d", Value::Float(1.0)),
            ("e", Value::Null),
            ("f", Value::Bool(true)),
        ]
        .into();
        let expected = "{\n  'a': (1,),\n  'b': b'\\x00\\'x',\n  'c': \"it's\",\n  'd': 1.0,\n  'e': None,\n  'f': True,\n}";
        assert_eq!(pretty(&dict), expected);
    }

    #[test]
    fn nothing_in_a_text_can_act_on_a_terminal() {
        let shown = text(&"\u{1b}[31m\u{202e}\u{7}\u{9b}".into());
        assert_eq!(shown, "'\\x1b[31m\\u202e\\x07\\x9b'");
    }
}
