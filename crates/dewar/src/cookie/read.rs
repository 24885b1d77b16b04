use std::borrow::Cow;

/// The value of the first cookie of this name in a `Cookie` header, read as Werkzeug 3.1 reads it.
///
/// Quoted values come unquoted (`\"`, `\073`); parts that are no cookies are skipped. With several headers,
/// ask them in order.
///
/// ```
/// use dewar::cookie::find;
///
/// let header = br#"theme=dark; session=eyJ9.aBc.dEf; note="a\073 b""#;
/// assert_eq!(find(header, "session").as_deref(), Some(&b"eyJ9.aBc.dEf"[..]));
/// assert_eq!(find(header, "note").as_deref(), Some(&b"a; b"[..]));
/// assert_eq!(find(header, "other"), None);
/// ```
pub fn find<'a>(header: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let mut rest = Some(header);
    while let Some(text) = rest {
        let end = memchr::memchr(b';', text);
        let part = &text[..end.unwrap_or(text.len())];
        rest = end.map(|end| &text[end + 1..]);

        let equals = memchr::memchr(b'=', part);
        let key = trim(&part[..equals.unwrap_or(part.len())]);
        let value_at = equals.map_or(part.len(), |equals| equals + 1);
        // Only a quoted value can hold a semicolon, and only after a sound name.
        let quoted = trim_start(&text[value_at..]);
        if quoted.first() == Some(&b'"') && is_token(key) {
            if let Some((inner, after)) = split_quoted(quoted) {
                if key == name.as_bytes() {
                    return Some(unquote(inner));
                }
                rest = after;
            }
        } else if key == name.as_bytes() && is_token(key) {
            let value = trim(&part[value_at..]);
            if value.is_empty() || is_token(value) {
                return Some(Cow::Borrowed(value));
            }
        }
    }
    None
}

/// Whether the text could be a name or an unquoted value: not empty, no blanks, no quotes.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && memchr::memchr3(b' ', b'\t', b'"', text).is_none()
}

/// Splits `"inner" ;rest` after its semicolon; `None` if the quotes do not close or something else follows.
fn split_quoted(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        match (text[at], text.get(at + 1)) {
            (b'"', _) => break,
            (_, None | Some(b'\n')) => return None,
            (_, Some(_)) => at += 2,
        }
    }
    match trim_start(&text[at + 1..]) {
        [] => Some((&text[1..at], None)),
        [b';', rest @ ..] => Some((&text[1..at], Some(rest))),
        _ => None,
    }
}

/// Resolves `\nnn`, three octal digits of a byte, and `\c`, a character itself.
fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else {
        return Cow::Borrowed(text);
    };
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend_from_slice(&text[..first]);
    let mut rest = &text[first..];
    loop {
        rest = match rest {
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                rest @ ..,
            ] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', character, rest @ ..] | [character, rest @ ..] => {
                bytes.push(*character);
                rest
            }
            [] => return Cow::Owned(bytes),
        };
    }
}

fn trim(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| !is_blank(byte));
    trim_start(&text[..end.map_or(0, |last| last + 1)])
}

fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_blank(byte));
    &text[start.unwrap_or(text.len())..]
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
