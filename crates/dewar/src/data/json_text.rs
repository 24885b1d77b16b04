//! The text of JSON's strings and numbers, as Python's `json` and msgspec read and write it.

use std::io::Write;

use num_bigint::BigInt;

use super::Value;
use super::json_scan::Dialect;
use super::text::{Text, TextBuilder};

/// A number.
pub(super) enum Number {
    Int(i64),
    Big(BigInt),
    Float(f64),
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        match number {
            Number::Int(value) => Value::Int(value),
            Number::Big(value) => Value::from(value),
            Number::Float(value) => Value::Float(value),
        }
    }
}

/// Reads a number whose syntax was checked.
pub(super) fn number(text: &[u8], float: bool) -> Number {
    if !float && let Some(value) = small(text) {
        return Number::Int(value);
    }
    // The text is ASCII.
    let text = std::str::from_utf8(text).unwrap_or("0");
    if float {
        // Rust reads `NaN` and `Infinity` as well.
        return Number::Float(text.parse().unwrap_or(f64::NAN));
    }
    match text.parse() {
        Ok(value) => Number::Int(value),
        Err(_) => Number::Big(text.parse().unwrap_or_default()),
    }
}

/// An integer of so few digits that it cannot overflow.
fn small(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.len() > 18 {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(if digits.len() == text.len() {
        value
    } else {
        -value
    })
}

/// Reads a string's content, whose syntax was checked.
pub(super) fn string(content: &[u8], escaped: bool) -> Text {
    if !escaped {
        return Text::from_wtf8(content).unwrap_or_else(|| Text::from(""));
    }
    let mut builder = TextBuilder::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        builder.push_str(&String::from_utf8_lossy(&rest[..at]));
        rest = &rest[at..];
        let (point, length) = escape(rest);
        builder.push(point);
        rest = rest.get(length..).unwrap_or_default();
    }
    builder.push_str(&String::from_utf8_lossy(rest));
    builder.finish()
}

/// The code point of the escape at the start, and its length.
fn escape(text: &[u8]) -> (u32, usize) {
    let simple = match text.get(1) {
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => 0x0a,
        Some(b'r') => 0x0d,
        Some(b't') => 0x09,
        Some(b'u') => return unicode(text),
        Some(&other) => u32::from(other),
        None => 0,
    };
    (simple, 2)
}

fn unicode(text: &[u8]) -> (u32, usize) {
    let unit = unicode_escape(text).unwrap_or(0);
    if (0xd800..0xdc00).contains(&unit)
        && let Some(low @ 0xdc00..0xe000) = text.get(6..).and_then(unicode_escape)
    {
        return (0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 12);
    }
    (unit, 6)
}

/// The code unit of `\uXXXX` at the start.
pub(super) fn unicode_escape(text: &[u8]) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = text.first_chunk::<6>()? else {
        return None;
    };
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | char::from(digit).to_digit(16)?)
    })
}

/// Whether a control character is written as `\uXXXX`, because it has no shorter escape.
pub(super) fn needs_unicode_escape(unit: u32) -> bool {
    unit < 0x20 && !matches!(unit, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d)
}

/// Appends a string with its quotes; the text must be UTF-8 in msgspec's dialect.
pub(super) fn write_string(out: &mut Vec<u8>, text: &Text, dialect: Dialect) {
    out.push(b'"');
    match dialect {
        Dialect::Python => write_ascii(out, text),
        Dialect::Msgspec => write_escaped(out, text.as_wtf8()),
    }
    out.push(b'"');
}

fn write_ascii(out: &mut Vec<u8>, text: &Text) {
    let bytes = text.as_wtf8();
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return write_escaped(out, bytes);
    }
    for point in text.code_points() {
        match point {
            0..0x7f => write_escaped(out, &[point as u8]),
            0x10000.. => {
                let offset = point - 0x10000;
                write_unit(out, 0xd800 + (offset >> 10));
                write_unit(out, 0xdc00 + (offset & 0x3ff));
            }
            _ => write_unit(out, point),
        }
    }
}

/// Appends text, escaping only what JSON requires.
fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest
        .iter()
        .position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            other => write_unit(out, u32::from(other)),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn write_unit(out: &mut Vec<u8>, unit: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS[(unit >> shift & 0xf) as usize];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Appends an integer that fits in 64 bits.
pub(super) fn write_integer(out: &mut Vec<u8>, value: i64) {
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{value}");
}

/// Appends a float: Python's `repr`, or msgspec's text, in which NaN and the infinities are `null`.
pub(super) fn write_float(out: &mut Vec<u8>, value: f64, dialect: Dialect) {
    if !value.is_finite() {
        out.extend_from_slice(match dialect {
            Dialect::Msgspec => b"null",
            Dialect::Python if value.is_nan() => b"NaN",
            Dialect::Python if value > 0.0 => b"Infinity",
            Dialect::Python => b"-Infinity",
        });
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    let text = match text {
        [b'-', text @ ..] => {
            out.push(b'-');
            text
        }
        text => text,
    };
    let (digits, exponent) = decompose(text);
    write_digits(out, digits.trim(), exponent, dialect);
}

/// The significant digits of a float.
struct Digits {
    digits: [u8; 40],
    start: usize,
    end: usize,
}

impl Digits {
    /// The digits without zeros at either end; a single zero for zero.
    fn trim(&self) -> &[u8] {
        match &self.digits[self.start..self.end] {
            [] => b"0",
            digits => digits,
        }
    }
}

/// Takes the text of a float apart, in whichever form it is: its digits, and the exponent if the point is after the first one.
fn decompose(text: &[u8]) -> (Digits, i32) {
    let split = memchr::memchr(b'e', text).unwrap_or(text.len());
    let written = text.get(split + 1..).map_or(0, exponent);
    let mut digits = [0; 40];
    let (mut count, mut point) = (0, None);
    for &byte in &text[..split] {
        if byte == b'.' {
            point = Some(count);
        } else if let Some(place) = digits.get_mut(count) {
            *place = byte;
            count += 1;
        }
    }
    let point = point.unwrap_or(count);
    let start = digits[..count]
        .iter()
        .position(|&digit| digit != b'0')
        .unwrap_or(count);
    let end = digits[..count]
        .iter()
        .rposition(|&digit| digit != b'0')
        .map_or(start, |last| last + 1);
    let exponent = match start == end {
        true => 0,
        false => written + point as i32 - start as i32 - 1,
    };
    (Digits { digits, start, end }, exponent)
}

fn exponent(text: &[u8]) -> i32 {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Appends digits with the first one before the point, times ten to the power of the exponent.
fn write_digits(out: &mut Vec<u8>, digits: &[u8], exponent: i32, dialect: Dialect) {
    let smallest = match dialect {
        Dialect::Python => -4,
        Dialect::Msgspec => -5,
    };
    if exponent < smallest || exponent >= 16 {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        let _ = match dialect {
            // Python writes a sign and at least two digits.
            Dialect::Python => write!(
                out,
                "e{}{:02}",
                if exponent < 0 { '-' } else { '+' },
                exponent.abs()
            ),
            Dialect::Msgspec => write!(out, "e{exponent}"),
        };
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(digits);
    } else {
        let whole = exponent as usize + 1;
        let (before, after) = digits.split_at(whole.min(digits.len()));
        out.extend_from_slice(before);
        out.extend(std::iter::repeat_n(b'0', whole - before.len()));
        out.push(b'.');
        out.extend_from_slice(if after.is_empty() { b"0" } else { after });
    }
}

/// Whether a float's text is what Dewar would write for it.
pub(super) fn is_exact_float(text: &[u8], dialect: Dialect) -> bool {
    if is_short_float(text) {
        return true;
    }
    let Number::Float(value) = number(text, true) else {
        return false;
    };
    let mut written = Vec::with_capacity(32);
    write_float(&mut written, value, dialect);
    written == text
}

/// Whether a float surely is the shortest text of its value: at most 15 digits, no exponent, and no zeros too many.
fn is_short_float(text: &[u8]) -> bool {
    let Some(point) = memchr::memchr(b'.', text) else {
        return false;
    };
    let whole = text[..point].strip_prefix(b"-").unwrap_or(&text[..point]);
    let fraction = &text[point + 1..];
    let plain = whole.len() + fraction.len() <= 15 && fraction.iter().all(u8::is_ascii_digit);
    let trimmed = fraction == b"0" || fraction.last().is_some_and(|&digit| digit != b'0');
    // Smaller numbers have exponents.
    let large =
        whole != b"0" || fraction == b"0" || fraction.iter().take(4).any(|&digit| digit != b'0');
    plain && trimmed && large
}

/// Whether a float's text is beyond the largest float.
pub(super) fn is_infinite(text: &[u8]) -> bool {
    matches!(number(text, true), Number::Float(value) if value.is_infinite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64, dialect: Dialect) -> String {
        let mut out = Vec::new();
        write_float(&mut out, value, dialect);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn floats_are_written_as_python_and_msgspec_write_them() {
        // python -c 'import msgspec; f = …; print(repr(f), msgspec.json.encode(f))'
        for (value, python, msgspec) in [
            (0.0, "0.0", "0.0"),
            (-0.0, "-0.0", "-0.0"),
            (1.0, "1.0", "1.0"),
            (100.0, "100.0", "100.0"),
            (3.25, "3.25", "3.25"),
            (1e15, "1000000000000000.0", "1000000000000000.0"),
            (1e16, "1e+16", "1e16"),
            (
                1.2345678901234568e16,
                "1.2345678901234568e+16",
                "1.2345678901234568e16",
            ),
            (1e-4, "0.0001", "0.0001"),
            (1e-5, "1e-05", "0.00001"),
            (1.5e-5, "1.5e-05", "0.000015"),
            (1.5e-6, "1.5e-06", "1.5e-6"),
            (5e-324, "5e-324", "5e-324"),
            (
                1.7976931348623157e308,
                "1.7976931348623157e+308",
                "1.7976931348623157e308",
            ),
            (123456789012345.6, "123456789012345.6", "123456789012345.6"),
            // Halfway between two texts that read back: the even one.
            (
                1_761_101_226_029_151.0 + 0.25,
                "1761101226029151.2",
                "1761101226029151.2",
            ),
            (
                1_761_101_226_029_151.0 + 0.75,
                "1761101226029151.8",
                "1761101226029151.8",
            ),
            (f64::NAN, "NaN", "null"),
            (f64::INFINITY, "Infinity", "null"),
            (f64::NEG_INFINITY, "-Infinity", "null"),
        ] {
            assert_eq!(float(value, Dialect::Python), python);
            assert_eq!(float(value, Dialect::Msgspec), msgspec);
        }
    }

    #[test]
    fn short_floats_are_recognised_without_writing_them() {
        for text in [
            "0.0",
            "-0.0",
            "19.5",
            "1.0",
            "0.0001",
            "-0.25",
            "123456789012.345",
        ] {
            assert!(
                is_short_float(text.as_bytes()) && is_exact_float(text.as_bytes(), Dialect::Python),
                "{text}"
            );
        }
        for text in [
            "1.50",
            "0.00",
            "1.00",
            "0.00001",
            "1e5",
            "1.5e5",
            "1.00000000000000001",
        ] {
            assert!(
                !is_short_float(text.as_bytes())
                    && !is_exact_float(text.as_bytes(), Dialect::Python),
                "{text}"
            );
        }
        assert!(is_exact_float(b"0.30000000000000004", Dialect::Python));
    }

    #[test]
    fn strings_are_written_as_python_and_msgspec_write_them() {
        let text = Text::from("\u{7f}\u{80}é€😀\u{0}\u{8}\t\n\u{b}\u{c}\r\"\\/");
        let mut out = Vec::new();
        write_string(&mut out, &text, Dialect::Python);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#""\u007f\u0080\u00e9\u20ac\ud83d\ude00\u0000\b\t\n\u000b\f\r\"\\/""#
        );
        out.clear();
        write_string(&mut out, &text, Dialect::Msgspec);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "\"\u{7f}\u{80}é€😀\\u0000\\b\\t\\n\\u000b\\f\\r\\\"\\\\/\""
        );
    }

    #[test]
    fn surrogate_pairs_are_joined_and_lone_ones_kept() {
        assert_eq!(string(br"\ud83d\ude00", true), Text::from("😀"));
        assert_eq!(
            string(br"\ude00\ud83d", true).as_wtf8(),
            b"\xed\xb8\x80\xed\xa0\xbd"
        );
        assert_eq!(string(br"\ud83dx", true).as_wtf8(), b"\xed\xa0\xbdx");
    }
}
