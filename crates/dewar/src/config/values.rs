//! From a configured value to the type that its key has.

use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::setting::quoted;
use super::{Code, Key, Kind, SESSION_TYPES, SessionType, Setting};
use crate::signing::SecretKey;

/// Why a value cannot be taken.
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) what: String,
    pub(super) fix: String,
}

impl Refusal {
    pub(super) fn new(code: Code, what: String, fix: impl Into<String>) -> Refusal {
        Refusal {
            code,
            what,
            fix: fix.into(),
        }
    }
}

type Parsed<T> = Result<T, Refusal>;

/// Reads the value of a key.
pub(super) type Parse<T> = fn(&Key, &Setting) -> Parsed<T>;

pub(super) fn text(key: &Key, value: &Setting) -> Parsed<String> {
    match value {
        // A folder of that name would be made, and stand in messages with the URL's password.
        Setting::Text(text)
            if matches!(key.name, "SESSION_FILE_DIR" | "SESSION_CACHELIB")
                && text.contains("://") =>
        {
            Err(Refusal::new(
                Code::WrongType,
                format!("expected a folder, found the URL {}", quoted(text)),
                "write a path; the URL of a server goes into the key of its own store, which SESSION_TYPE names",
            ))
        }
        Setting::Text(text) => Ok(text.clone()),
        // Flask takes any false value for "no domain", and `False` was once the way to write it.
        Setting::Bool(false) if key.name == "SESSION_COOKIE_DOMAIN" => Ok(String::new()),
        _ => Err(wrong_type(key, value)),
    }
}

pub(super) fn boolean(key: &Key, value: &Setting) -> Parsed<bool> {
    match value {
        Setting::Bool(value) => Ok(*value),
        Setting::Integer(0) => Ok(false),
        Setting::Integer(1) => Ok(true),
        Setting::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(wrong_type(key, value)),
        },
        _ => Err(wrong_type(key, value)),
    }
}

pub(super) fn integer(key: &Key, value: &Setting) -> Parsed<i64> {
    match value {
        Setting::Integer(value) => Ok(*value),
        Setting::Text(text) => text.trim().parse().map_err(|_| wrong_type(key, value)),
        _ => Err(wrong_type(key, value)),
    }
}

pub(super) fn count(key: &Key, value: &Setting) -> Parsed<usize> {
    let number = integer(key, value)?;
    usize::try_from(number).map_err(|_| {
        let what = format!("{number} is negative");
        Refusal::new(
            Code::OutOfRange,
            what,
            "write a number that is not negative",
        )
    })
}

/// Any length, also a negative one: what is too short is another finding than what is no duration.
pub(super) fn duration(key: &Key, value: &Setting) -> Parsed<SignedDuration> {
    let found = match value {
        Setting::Duration(value) => {
            return Ok(SignedDuration::try_from(*value).unwrap_or(SignedDuration::MAX));
        }
        Setting::Integer(seconds) => return Ok(SignedDuration::from_secs(*seconds)),
        Setting::Float(seconds) => SignedDuration::try_from_secs_f64(*seconds).ok(),
        Setting::Text(text) => duration_text(text.trim()),
        _ => return Err(wrong_type(key, value)),
    };
    found.ok_or_else(|| {
        let what = format!("{} is not a duration", value.describe());
        let fix = "write seconds (3600), or a text such as '31d', '12h 30m', 'P31D' or '12:30:00'";
        Refusal::new(Code::NotADuration, what, fix)
    })
}

fn duration_text(text: &str) -> Option<SignedDuration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return SignedDuration::try_from_secs_f64(seconds).ok();
    }
    let span = text.parse::<Span>().ok()?;
    // Months and years have no fixed length; a week has, as far as sessions are concerned.
    if span.get_years() != 0 || span.get_months() != 0 {
        return None;
    }
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

/// The choice in the letters of its table; only `SESSION_COOKIE_SAMESITE` may be written in any case, as in Werkzeug.
pub(super) fn choice(key: &Key, value: &Setting) -> Parsed<&'static str> {
    let Kind::Choice(choices) = key.kind else {
        return Err(wrong_type(key, value));
    };
    let Setting::Text(text) = value else {
        return Err(wrong_type(key, value));
    };
    let same = |choice: &&&str| match key.name {
        "SESSION_COOKIE_SAMESITE" => choice.eq_ignore_ascii_case(text),
        _ => **choice == text,
    };
    choices.iter().find(same).copied().ok_or_else(|| {
        let lower = text.to_ascii_lowercase();
        let meant = choices
            .iter()
            .find(|choice| choice.eq_ignore_ascii_case(&lower))
            .copied();
        let meant = meant.or_else(|| super::keys::nearest(&lower, choices.iter().copied()));
        unknown_value(text, meant, choices)
    })
}

/// In any case, as Flask-Session takes it.
pub(super) fn session_type(key: &Key, value: &Setting) -> Parsed<&'static str> {
    let Setting::Text(text) = value else {
        return Err(wrong_type(key, value));
    };
    let lower = text.to_ascii_lowercase();
    let names: Vec<_> = SESSION_TYPES.iter().map(|known| known.name).collect();
    let known = names.iter().find(|name| **name == lower).copied();
    known.ok_or_else(|| unknown_value(text, SessionType::nearest(&lower), &names))
}

pub(super) fn file_mode(key: &Key, value: &Setting) -> Parsed<u32> {
    let refuse = |what| {
        let fix = "write octal digits as text, \"0600\", or as Python's number 384; the owner must be able to read and write";
        Refusal::new(Code::FileMode, what, fix)
    };
    let mode = match value {
        Setting::Integer(number) => u32::try_from(*number).ok(),
        Setting::Text(text) => {
            let digits = text.trim().trim_start_matches("0o");
            let octal = digits.bytes().all(|b| b.is_ascii_digit());
            octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
        }
        _ => return Err(wrong_type(key, value)),
    };
    match mode {
        Some(mode) if mode <= 0o777 && mode & 0o600 == 0o600 => Ok(mode),
        _ => Err(refuse(match (value, mode) {
            (Setting::Integer(number), Some(mode)) if looks_octal(*number) => {
                format!(
                    "the decimal number {number} is {mode:#o}; {number:04} was probably meant in octal"
                )
            }
            _ => format!("{} is no mode for session files", value.describe()),
        })),
    }
}

fn looks_octal(number: i64) -> bool {
    let mode = u32::from_str_radix(&number.to_string(), 8);
    mode.is_ok_and(|mode| (0o100..=0o777).contains(&mode))
}

pub(super) fn secret(key: &Key, value: &Setting) -> Parsed<SecretKey> {
    match value {
        Setting::Text(text) => Ok(SecretKey::new(text.as_str())),
        Setting::Bytes(bytes) => Ok(SecretKey::new(bytes.as_slice())),
        _ => Err(wrong_type(key, value)),
    }
}

pub(super) fn secrets(key: &Key, value: &Setting) -> Parsed<Vec<SecretKey>> {
    let Setting::List(items) = value else {
        return Err(wrong_type(key, value));
    };
    items.iter().map(|item| secret(key, item)).collect()
}

fn unknown_value(text: &str, meant: Option<&str>, known: &[&str]) -> Refusal {
    let all = known.join(", ");
    let fix = match meant {
        Some(meant) => format!("did you mean '{meant}'? Known are: {all}"),
        None => format!("write one of: {all}"),
    };
    let what = format!("{} is not known", quoted(text));
    Refusal::new(Code::UnknownValue, what, fix)
}

fn wrong_type(key: &Key, value: &Setting) -> Refusal {
    let found = match key.is_secret() {
        true => format!("{value:?}"),
        false => value.describe(),
    };
    let (expected, fix) = match key.kind {
        Kind::Text => (
            "a text",
            "write a text in quotes; in an environment variable that would be JSON otherwise, keep the quotes: '\"123\"'",
        ),
        Kind::Bool => ("true or false", "write true or false"),
        Kind::Integer => ("a whole number", "write a whole number"),
        Kind::Duration => (
            "a duration",
            "write seconds (3600), or a text such as '31d', '12h 30m', 'P31D' or '12:30:00'",
        ),
        Kind::Choice(_) | Kind::SessionType => ("a word", "write a text in quotes"),
        Kind::FileMode => ("a file mode", "write octal digits as text: \"0600\""),
        Kind::Secret => (
            "a text or bytes",
            "write a text in quotes; an environment variable that holds only digits is a number, as in Flask: keep quotes around it, '\"123\"'",
        ),
        Kind::SecretList => (
            "a list of texts",
            "write a list, also for one key; in an environment variable a JSON list: '[\"old key\"]'",
        ),
        Kind::Connection => ("a connection", "see the store's documentation"),
    };
    Refusal::new(
        Code::WrongType,
        format!("expected {expected}, found {found}"),
        fix,
    )
}
