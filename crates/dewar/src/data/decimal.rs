use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind, Result};

/// Python's `Decimal`: a number kept as its exact decimal text, as `str(Decimal)` gives it.
///
/// ```
/// use dewar::data::Decimal;
///
/// let price: Decimal = "19.90".parse()?;
/// assert_eq!(price.as_str(), "19.90");
/// assert_eq!("1e5".parse::<Decimal>()?.as_str(), "1E+5");
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(Box<str>);

impl Decimal {
    /// The text, as Python prints it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is zero, of either sign and any exponent.
    pub fn is_zero(&self) -> bool {
        let digits = self.0.split('E').next().unwrap_or_default();
        digits.bytes().all(|byte| b"-0.".contains(&byte))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Decimal {
    type Err = Error;

    /// Reads what Python's `Decimal` reads, in ASCII digits and without blanks and underscores.
    fn from_str(text: &str) -> Result<Decimal> {
        normalize(text)
            .map(|text| Decimal(text.into_boxed_str()))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Value,
                    "text that is not a decimal number was given as a Decimal",
                )
            })
    }
}

/// The text that Python prints for the decimal that `text` reads as.
fn normalize(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    special(sign, unsigned).or_else(|| finite(sign, unsigned))
}

/// Infinity and NaN, quiet or signalling, with digits that say why.
fn special(sign: &str, unsigned: &str) -> Option<String> {
    let lower = unsigned.to_ascii_lowercase();
    if lower == "inf" || lower == "infinity" {
        return Some(format!("{sign}Infinity"));
    }
    let (name, digits) = match lower.strip_prefix("snan") {
        Some(digits) => ("sNaN", digits),
        None => ("NaN", lower.strip_prefix("nan")?),
    };
    let payload = digits.trim_start_matches('0');
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| format!("{sign}{name}{payload}"))
}

fn finite(sign: &str, unsigned: &str) -> Option<String> {
    let (number, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent - i64::try_from(fraction.len()).ok()?;
    let coefficient = match digits.trim_start_matches('0') {
        "" => "0",
        significant => significant,
    };
    Some(to_scientific(sign, coefficient, exponent))
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // Python's own limit is 18 digits as well.
    let valid =
        (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok()).flatten()
}

/// The specification's "to-scientific-string".
fn to_scientific(sign: &str, coefficient: &str, exponent: i64) -> String {
    let length = coefficient.len() as i64;
    let leading = exponent + length;
    if exponent <= 0 && leading > -6 {
        let (point, zeros) = (leading.max(0) as usize, (-leading).max(0) as usize);
        let (whole, fraction) = coefficient.split_at(point);
        let whole = if whole.is_empty() { "0" } else { whole };
        let dot = if exponent < 0 { "." } else { "" };
        return format!("{sign}{whole}{dot}{}{fraction}", "0".repeat(zeros));
    }
    let (first, rest) = coefficient.split_at(1);
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{dot}{rest}E{:+}", leading - 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn text_is_what_python_prints() {
        // python3 -c 'from decimal import Decimal; print(Decimal("…"))'
        for (read, printed) in [
            ("0", "0"),
            ("-0", "-0"),
            ("0.00", "0.00"),
            ("1.50", "1.50"),
            ("+1", "1"),
            ("1e5", "1E+5"),
            ("123e-2", "1.23"),
            (".5", "0.5"),
            ("5.", "5"),
            ("0.0000001", "1E-7"),
            ("0.000001", "0.000001"),
            ("123E+3", "1.23E+5"),
            ("0E+3", "0E+3"),
            ("0E-7", "0E-7"),
            ("0E-6", "0.000000"),
            ("00012", "12"),
            ("inf", "Infinity"),
            ("-INFINITY", "-Infinity"),
            ("nan", "NaN"),
            ("sNaN0012", "sNaN12"),
        ] {
            assert_eq!(read.parse::<Decimal>().unwrap().as_str(), printed, "{read}");
        }
    }

    #[test]
    fn text_that_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "1_0",
            " 1",
            "1.2.3",
            "nanx",
            "--1",
            "1e1234567890123456789",
            "٣",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
