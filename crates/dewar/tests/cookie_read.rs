//! Reading `Cookie` headers, as `werkzeug.sansio.http.parse_cookie(header).get("session")` of Werkzeug 3.1.9 does.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use dewar::cookie::find;
use proptest::prelude::*;

fn session(header: &str) -> Option<String> {
    find(header.as_bytes(), "session").map(|value| String::from_utf8(value.into_owned()).unwrap())
}

#[test]
fn headers_are_read_as_werkzeug_reads_them() {
    let read_by_werkzeug = [
        ("", None),
        ("session=a", Some("a")),
        ("session=a; session=b", Some("a")),
        ("session", Some("")),
        ("session=", Some("")),
        ("session= ;a", Some("")),
        ("; ;session=a", Some("a")),
        (" session = a ;x", Some("a")),
        ("\tsession\t=\ta\t", Some("a")),
        ("session=a=b=", Some("a=b=")),
        ("session==a", Some("=a")),
        ("=a; session=b", Some("b")),
        ("xsession=a; sessionx=b", None),
        ("SESSION=a", None),
        // A value with blanks or a stray quote is no cookie, and the next one counts.
        ("session=a b; session=c", Some("c")),
        ("session=a\"b", None),
        ("session=a,b", Some("a,b")),
        // Quoted values may hold semicolons.
        (r#"session="a;b"; x=y"#, Some("a;b")),
        (r#"session="""#, Some("")),
        (r#"session="a\073b\"c\\""#, Some("a;b\"c\\")),
        (r#"session="\303\251\4\12""#, Some("é412")),
        (r#"session="a"b; session=c"#, Some("c")),
        (r#"session="a" ; x"#, Some("a")),
        (r#"x="session=evil;"; session=a"#, Some("a")),
        (r#"x="; session=evil"; session=a"#, Some("a")),
        (r#"x="; session=evil; "; session=a"#, Some("a")),
        (r#"session="\400""#, Some("400")),
        // A quote that never closes is no quoted value.
        (r#"x="session=evil; session=a"#, Some("a")),
        (r#"session="a"#, None),
        (r#"session=""#, None),
        (r#"session="\"#, None),
    ];
    for (header, value) in read_by_werkzeug {
        assert_eq!(session(header).as_deref(), value, "{header}");
    }
}

#[test]
fn a_name_that_is_no_token_is_never_found() {
    assert_eq!(find(b"=a", ""), None);
    assert_eq!(find(b"a b=c", "a b"), None);
    assert_eq!(find(b"a\"=c", "a\""), None);
}

#[test]
fn plain_and_quoted_values_are_borrowed() {
    for header in ["a=b; session=value; c=d", r#"session="value""#] {
        let value = find(header.as_bytes(), "session");
        assert!(matches!(value, Some(Cow::Borrowed(b"value"))), "{header}");
    }
}

#[test]
fn bytes_that_are_not_text_are_kept() {
    assert_eq!(
        find(b"session=\xff\xfe", "session").as_deref(),
        Some(&b"\xff\xfe"[..])
    );
    assert_eq!(
        find(br#"session="\377""#, "session").as_deref(),
        Some(&b"\xff"[..])
    );
}

/// A megabyte of what could make a reader go over the same text again and again.
#[test]
fn the_time_is_linear_in_the_header() {
    for part in [
        "a=\"",
        "a=\"\\\";",
        ";",
        "\"",
        "\\",
        "a=\";a=\"x;",
        " ",
        "=",
        "a=\"\\=\"\\",
    ] {
        let header = part.repeat(1_000_000 / part.len());
        assert_eq!(session(&header), None);
    }
}

proptest! {
    #[test]
    fn arbitrary_headers_do_not_panic(header in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = find(&header, "session");
    }

    #[test]
    fn headers_of_awkward_parts_do_not_panic(
        parts in proptest::collection::vec("session|[=;\" \\\\]|\\\\073|[a-z]", 0..30),
    ) {
        let _ = session(&parts.concat());
    }

    #[test]
    fn a_cookie_is_found_among_others(
        before in "([a-r]{1,9}=[!-!#-+\\--:<-~]{0,20}; ?){0,5}", value in "[A-Za-z0-9._-]{1,80}",
    ) {
        prop_assert_eq!(session(&format!("{before}session={value}; x=y")), Some(value));
    }
}
