use std::fmt::{self, Write};

use httpdate::HttpDate;

use crate::config::{CookieSettings, SameSite};
use crate::{Error, ErrorKind, UnixTime};

/// Writes `Set-Cookie` headers for one cookie, exactly as Werkzeug's `dump_cookie` does.
///
/// Everything that is the same for each response is put together once, here.
///
/// ```text
/// name=value; Domain=…; Expires=…; Secure; HttpOnly; Path=/; SameSite=Lax; Partitioned
/// ```
#[derive(Clone, Debug)]
pub struct CookieTemplate {
    /// Name and equals sign.
    name: String,
    /// What comes between value and expiry.
    domain: String,
    path: String,
    /// What comes after the expiry, the path included.
    tail: String,
    max_size: Option<usize>,
}

impl CookieTemplate {
    /// The cookie with this name, scope and flags.
    pub fn new(settings: &CookieSettings) -> CookieTemplate {
        CookieTemplate {
            name: format!("{}=", settings.name),
            domain: domain(settings),
            path: settings.path.clone(),
            tail: tail(settings),
            max_size: settings.max_size,
        }
    }

    /// The cookie's name.
    pub fn name(&self) -> &str {
        &self.name[..self.name.len() - 1]
    }

    /// Whether a browser takes this cookie and the other one for the same: by name, domain and path.
    pub(crate) fn replaces(&self, other: &CookieTemplate) -> bool {
        self.name == other.name && self.domain == other.domain && self.path == other.path
    }

    /// The header's value that sets the cookie, until `expires` or, without it, until the browser closes.
    ///
    /// # Errors
    /// If the header's value would be larger than the settings allow.
    pub fn set(&self, value: &str, expires: Option<UnixTime>) -> Result<String, CookieTooLarge> {
        if value.bytes().all(is_plain) {
            self.set_with(value.len(), expires, |out| out.push_str(value))
        } else {
            self.set_with(2 * value.len(), expires, |out| quote(value, out))
        }
    }

    /// As [`set`](CookieTemplate::set), with the cookie's value appended by `write`, so that it is never copied: base64
    /// and dots, which stand in a header as they are. There is room for a value of `length` bytes: one that has them
    /// leaves none, and so whoever takes the text over need not move it.
    ///
    /// # Errors
    /// If the header's value would be larger than the settings allow.
    pub fn set_with(
        &self,
        length: usize,
        expires: Option<UnixTime>,
        write: impl FnOnce(&mut String),
    ) -> Result<String, CookieTooLarge> {
        let expiry = expires.map_or(0, |_| EXPIRY_LENGTH);
        let around = self.name.len() + self.domain.len() + expiry + self.tail.len();
        let mut header = String::with_capacity(around + length);
        header.push_str(&self.name);
        write(&mut header);
        header.push_str(&self.domain);
        if let Some(expires) = expires {
            write_expires(&mut header, expires);
        }
        header.push_str(&self.tail);
        match self.max_size {
            Some(limit) if header.len() > limit => Err(CookieTooLarge {
                size: header.len(),
                limit,
            }),
            _ => Ok(header),
        }
    }

    /// The header's value that deletes the cookie: the same scope and flags, no value, expired in 1970.
    pub fn delete(&self) -> String {
        let expired = "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0";
        [&self.name, &self.domain, expired, &self.tail].concat()
    }
}

/// The value of a `Set-Cookie` header is larger than browsers keep (`MAX_COOKIE_SIZE`).
///
/// ```
/// use dewar::cookie::CookieTooLarge;
///
/// let error = CookieTooLarge { size: 5000, limit: 4093 };
/// assert!(error.to_string().starts_with("the session cookie would have 5000 bytes, 907 more than"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieTooLarge {
    /// The size in bytes, of the whole value of the header.
    pub size: usize,
    /// How large it may be.
    pub limit: usize,
}

impl fmt::Display for CookieTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the session cookie would have {} bytes, {} more than MAX_COOKIE_SIZE ({}), and browsers drop cookies \
             that are too large: keep less in the session, or keep it on the server with another SESSION_TYPE",
            self.size,
            self.size.saturating_sub(self.limit),
            self.limit
        )
    }
}

impl std::error::Error for CookieTooLarge {}

impl From<CookieTooLarge> for Error {
    fn from(error: CookieTooLarge) -> Error {
        Error::new(ErrorKind::CookieTooLarge, error.to_string())
    }
}

/// The length of `; Expires=Thu, 01 Jan 1970 00:00:00 GMT`.
const EXPIRY_LENGTH: usize = 39;

/// Without port and leading dots, as Werkzeug writes it; browsers ignore the dot.
fn domain(settings: &CookieSettings) -> String {
    let Some(domain) = &settings.domain else {
        return String::new();
    };
    let host = domain.split(':').next().unwrap_or_default();
    format!("; Domain={}", host.trim_start_matches('.'))
}

fn tail(settings: &CookieSettings) -> String {
    let mut tail = String::new();
    // Browsers drop a partitioned cookie that is not secure.
    if settings.secure || settings.partitioned {
        tail.push_str("; Secure");
    }
    if settings.http_only {
        tail.push_str("; HttpOnly");
    }
    tail.push_str("; Path=");
    quote_path(&settings.path, &mut tail);
    if let Some(same_site) = settings.same_site {
        tail.push_str(match same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
    }
    if settings.partitioned {
        tail.push_str("; Partitioned");
    }
    tail
}

/// Percent-encodes what cannot stand in a path or, like the semicolon, in the header.
fn quote_path(path: &str, out: &mut String) {
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~%!$&'()*+,/:=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 0x0f] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

/// Quotes a value that holds characters that RFC 6265 does not allow in one.
///
/// Werkzeug leaves the bytes 0x1A to 0x1F as they are, which no HTTP library sends; here they are escaped.
fn quote(value: &str, header: &mut String) {
    header.push('"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => header.extend(['\\', char::from(byte)]),
            b',' | b';' | 0..=0x1f | 0x7f.. => {
                let octal = [byte >> 6, byte >> 3 & 7, byte & 7];
                header.push('\\');
                header.extend(octal.map(|digit| char::from(b'0' + digit)));
            }
            _ => header.push(char::from(byte)),
        }
    }
    header.push('"');
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// `; Expires=Thu, 01 Jan 1970 00:00:00 GMT`, in whole seconds, between 1970 and the year 9999.
fn write_expires(header: &mut String, expires: UnixTime) {
    const LAST_SECOND_OF_9999: i64 = 253_402_300_799;
    let seconds = expires.seconds().clamp(0, LAST_SECOND_OF_9999);
    let date = HttpDate::from(std::time::SystemTime::from(UnixTime::from_seconds(seconds)));
    // Writing to a text does not fail.
    let _ = write!(header, "; Expires={date}");
}
