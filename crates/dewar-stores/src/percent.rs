//! `%2F` and the like in URLs.

use percent_encoding::percent_decode_str;

/// Text with its `%2F` and the like read; what is no such thing stays.
#[cfg(any(feature = "mysql", feature = "postgresql", feature = "redis"))]
pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A user, password or key of a URL, in which each percent sign must mean something.
///
/// # Errors
/// What the URL has instead, to be said after what it is.
#[cfg(any(feature = "dynamodb", feature = "memcached"))]
pub(crate) fn credential(text: &str) -> Result<String, &'static str> {
    let is_escape = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err("has credentials with a % that no two hexadecimal digits follow (write %25)");
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| "has credentials that are not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(any(feature = "mysql", feature = "postgresql", feature = "redis"))]
    fn percent_signs_are_read() {
        assert_eq!(decoded("%2Fetc%2fca.pem"), "/etc/ca.pem");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%é%+f"), "%zz%é%+f");
    }

    #[test]
    #[cfg(any(feature = "dynamodb", feature = "memcached"))]
    fn credentials_are_read_exactly_or_not_at_all() {
        assert_eq!(credential("a%2Fb%c3%A9"), Ok("a/b\u{e9}".to_owned()));
        for (text, fault) in [
            ("100%", "%25"),
            ("%2", "%25"),
            ("%+f", "%25"),
            ("%\u{e9}", "%25"),
            ("%ff", "UTF-8"),
        ] {
            assert!(
                credential(text).is_err_and(|what| what.contains(fault)),
                "{text}"
            );
        }
    }
}
