#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::{CookieTemplate, CookieTooLarge, Opened, Rejection, SessionCookie, SignedId};
use crate::config::{CookieSettings, SameSite, SignedCookieSettings};
use crate::signing::{Digest, KeyDerivation, Keyring, Scheme, TimedSigner};
use crate::{Error, ErrorKind, SessionId, UnixTime};

const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
const HOUR: Duration = Duration::from_secs(3600);
/// `SecureCookieSessionInterface().get_signing_serializer(app).dumps({"user": "ada"})` at NOW, SECRET_KEY `k`.
const COOKIE: &str = "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.1Xmdtc-0j_A3WQnQGYZsvAVQpuU";
/// `Signer("k", salt="flask-session", key_derivation="hmac").sign(ID)`
const ID: &str = "kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo";
const ID_SIGNATURE: &str = "RNKbfvrjG8oOz5XU5MT9E79HP1E";

fn plain() -> CookieSettings {
    CookieSettings {
        name: "session".into(),
        domain: None,
        path: "/".into(),
        secure: false,
        http_only: false,
        same_site: None,
        partitioned: false,
        max_size: Some(4093),
    }
}

fn flask(keys: Keyring) -> SessionCookie {
    SessionCookie::new(&SignedCookieSettings {
        keys,
        salt: "cookie-session".into(),
        digest: Digest::Sha1,
        key_derivation: KeyDerivation::Hmac,
    })
}

#[test]
fn every_combination_of_attributes_is_written_as_werkzeug_writes_it() {
    let mut golden = include_str!("../../tests/cookie_werkzeug.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let same_sites = [
        None,
        Some(SameSite::Strict),
        Some(SameSite::Lax),
        Some(SameSite::None),
    ];
    for domain in [None, Some("example.com")] {
        for expires in [None, Some(NOW)] {
            for secure in [false, true] {
                for http_only in [false, true] {
                    for same_site in same_sites {
                        for partitioned in [false, true] {
                            let template = CookieTemplate::new(&CookieSettings {
                                domain: domain.map(Into::into),
                                secure,
                                http_only,
                                same_site,
                                partitioned,
                                ..plain()
                            });
                            let header = template.set("v", expires).unwrap();
                            assert_eq!(Some(&*header), golden.next());
                        }
                    }
                }
            }
        }
    }
    assert_eq!(golden.next(), None);
}

/// `dump_cookie("session", "v", domain=…)`
#[test]
fn a_domain_loses_leading_dots_and_port() {
    for (domain, written) in [
        (".Example.com", "session=v; Domain=Example.com; Path=/"),
        ("..x.y:80", "session=v; Domain=x.y; Path=/"),
        ("localhost:5000", "session=v; Domain=localhost; Path=/"),
    ] {
        let domain = Some(domain.into());
        let template = CookieTemplate::new(&CookieSettings { domain, ..plain() });
        assert_eq!(template.set("v", None).unwrap(), written);
    }
}

/// `dump_cookie("session", "v", path=…)`
#[test]
fn a_path_is_percent_encoded_where_it_must_be() {
    for (path, written) in [
        ("/shop", "/shop"),
        ("/a b;c", "/a%20b%3Bc"),
        (
            "/é%20?#[]|^`{}<>~",
            "/%C3%A9%20%3F%23%5B%5D%7C%5E%60%7B%7D%3C%3E~",
        ),
        ("/x=y@z:!$&'()*+,", "/x=y@z:!$&'()*+,"),
        ("/\r\nSet-Cookie: a=b", "/%0D%0ASet-Cookie:%20a=b"),
        ("", ""),
    ] {
        let path = path.into();
        let template = CookieTemplate::new(&CookieSettings { path, ..plain() });
        assert_eq!(
            template.set("v", None).unwrap(),
            format!("session=v; Path={written}")
        );
    }
}

/// `dump_cookie("session", …)`
#[test]
fn a_value_is_quoted_where_it_must_be() {
    let template = CookieTemplate::new(&plain());
    for (value, written) in [
        ("", ""),
        (COOKIE, COOKIE),
        (
            "!#$%&'()*+-./:<=>?@[]^_`{|}~",
            "!#$%&'()*+-./:<=>?@[]^_`{|}~",
        ),
        ("a b\",;\\é", r#""a b\"\054\073\\\303\251""#),
        ("\r\nX: y", r#""\015\012X: y""#),
    ] {
        let header = template.set(value, None).unwrap();
        assert_eq!(header, format!("session={written}; Path=/"));
        let (cookie, _) = header.rsplit_once("; ").unwrap();
        let read = super::find(cookie.as_bytes(), "session");
        assert_eq!(read.as_deref(), Some(value.as_bytes()));
    }
    let escape = template.set("\x1a\x1f", None).unwrap();
    assert_eq!(escape, r#"session="\032\037"; Path=/"#);
}

/// `dump_cookie("session", "v", expires=…)`
#[test]
fn expires_is_an_http_date_in_whole_seconds_between_1970_and_9999() {
    let template = CookieTemplate::new(&plain());
    for (millis, written) in [
        (1_700_000_000_999, "Tue, 14 Nov 2023 22:13:20 GMT"),
        (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        let header = template
            .set("v", Some(UnixTime::from_millis(millis)))
            .unwrap();
        assert_eq!(header, format!("session=v; Expires={written}; Path=/"));
    }
}

/// `Response().delete_cookie("session", …)`
#[test]
fn a_deletion_repeats_the_scope_and_flags() {
    let full = CookieTemplate::new(&CookieSettings {
        domain: Some("example.com".into()),
        path: "/shop".into(),
        http_only: true,
        same_site: Some(SameSite::Lax),
        partitioned: true,
        ..plain()
    });
    let expired = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0";
    assert_eq!(
        full.delete(),
        format!(
            "session=; Domain=example.com; {expired}; Secure; HttpOnly; Path=/shop; SameSite=Lax; Partitioned"
        )
    );
    let plain = CookieTemplate::new(&plain());
    assert_eq!(plain.delete(), format!("session=; {expired}; Path=/"));
    assert_eq!(plain.name(), "session");
}

#[test]
fn a_header_over_the_limit_is_an_error_that_says_what_helps() {
    // "session=" and "; Path=/" take 16 bytes.
    let limited = |max_size| {
        CookieTemplate::new(&CookieSettings {
            max_size,
            ..plain()
        })
    };
    let template = limited(Some(116));
    assert_eq!(template.set(&"v".repeat(100), None).unwrap().len(), 116);
    let error = template.set(&"v".repeat(101), None).unwrap_err();
    assert_eq!(
        error,
        CookieTooLarge {
            size: 117,
            limit: 116
        }
    );
    assert!(limited(None).set(&"v".repeat(100_000), None).is_ok());

    let error = Error::from(error);
    assert_eq!(error.kind(), ErrorKind::CookieTooLarge);
    assert_eq!(
        error.to_string(),
        "the session cookie would have 117 bytes, 1 more than MAX_COOKIE_SIZE (116), and browsers drop cookies that \
         are too large: keep less in the session, or keep it on the server with another SESSION_TYPE"
    );
}

#[test]
fn a_session_is_sealed_into_the_header_and_opened_from_it() {
    let cookie = flask(Keyring::new("k"));
    let payload = br#"{"user":"ada"}"#;
    let header = CookieTemplate::new(&plain())
        .set_with(cookie.sealed_length(payload.len()), None, |out| {
            cookie.seal(payload, NOW, out)
        })
        .unwrap();
    assert_eq!(header, format!("session={COOKIE}; Path=/"));
    let opened = Opened {
        payload: payload[..].into(),
        issued: NOW,
    };
    assert_eq!(
        cookie.open(COOKIE.as_bytes(), NOW + HOUR, HOUR),
        Ok(opened.clone())
    );
    assert!(!format!("{opened:?}").contains("ada"));
}

/// `URLSafeTimedSerializer("k", salt="other", signer_kwargs={"key_derivation": "concat", "digest_method": sha256})`
#[test]
fn salt_digest_and_derivation_come_from_the_settings() {
    let cookie = SessionCookie::new(&SignedCookieSettings {
        keys: Keyring::new("k"),
        salt: "other".into(),
        digest: Digest::Sha256,
        key_derivation: KeyDerivation::Concat,
    });
    let mut value = String::new();
    cookie.seal(br#"{"user":"ada"}"#, NOW, &mut value);
    assert_eq!(
        value,
        "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.3gZTaJXMtmHvecjoBj_vEq8GvQe5y1h0ScpinL-eYrE"
    );
}

#[test]
fn a_cookie_that_is_not_accepted_is_rejected_with_the_reason() {
    let cookie = flask(Keyring::new("k"));
    let second = Duration::from_secs(1);
    let reason = |value: &str, now| cookie.open(value.as_bytes(), now, HOUR).unwrap_err();
    assert_eq!(reason("", NOW), Rejection::Malformed);
    assert_eq!(reason("no-signature", NOW), Rejection::Malformed);
    assert_eq!(
        reason("eyJ9.sAlKkKmsD82CAiTCxnY6SPIajRs", NOW),
        Rejection::Malformed
    );
    assert_eq!(reason("a.b.c", NOW), Rejection::BadSignature { keys: 1 });
    assert_eq!(
        reason(COOKIE, NOW + HOUR + second),
        Rejection::Expired {
            age: 3601,
            max_age: 3600
        }
    );
    assert_eq!(
        reason(COOKIE, NOW - second),
        Rejection::FromTheFuture { ahead: 1 }
    );

    let signer = TimedSigner::new(&Keyring::new("k"), &Scheme::flask("cookie-session"));
    let signed = |value: &[u8]| String::from_utf8(signer.sign(value, NOW)).unwrap();
    assert_eq!(reason(&signed(b"A"), NOW), Rejection::Undecodable);
    assert_eq!(reason(&signed(b".AAAA"), NOW), Rejection::Undecodable);
    let mut bomb = String::new();
    cookie.seal(&vec![0; 2 << 20], NOW, &mut bomb);
    assert_eq!(reason(&bomb, NOW), Rejection::TooLarge { limit: 1 << 20 });

    let rotated = flask(Keyring::new("a").with_fallbacks(["b", "c"]));
    let refused = rotated.open(COOKIE.as_bytes(), NOW, HOUR).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the cookie was not signed with any of the 3 keys, or was changed"
    );
    let accepted =
        flask(Keyring::new("a").with_fallbacks(["k"])).open(COOKIE.as_bytes(), NOW, HOUR);
    assert!(accepted.is_ok());
}

#[test]
fn reasons_for_metrics_are_distinct() {
    let all = [
        Rejection::Malformed,
        Rejection::BadSignature { keys: 1 },
        Rejection::Expired { age: 2, max_age: 1 },
        Rejection::FromTheFuture { ahead: 1 },
        Rejection::TooLarge { limit: 1 },
        Rejection::Undecodable,
        Rejection::NotAnId,
    ];
    let reasons: std::collections::BTreeSet<_> = all.iter().map(Rejection::reason).collect();
    assert_eq!(reasons.len(), all.len());
}

#[test]
fn a_signed_id_is_that_of_flask_session() {
    let signed = format!("{ID}.{ID_SIGNATURE}");
    let cookie = SignedId::new(&Keyring::new("k"));
    let id = SessionId::parse(ID).unwrap();
    assert_eq!(cookie.sign(&id), signed);
    assert_eq!(cookie.open(signed.as_bytes()), Ok(id.clone()));

    let rotated = SignedId::new(&Keyring::new("new").with_fallbacks(["k"]));
    assert_eq!(rotated.open(signed.as_bytes()), Ok(id.clone()));
    assert!(cookie.open(rotated.sign(&id).as_bytes()).is_err());
}

#[test]
fn a_signed_id_that_is_not_accepted_is_rejected_with_the_reason() {
    let cookie = SignedId::new(&Keyring::new("k"));
    assert_eq!(cookie.open(ID.as_bytes()), Err(Rejection::Malformed));
    let unsigned = format!("{ID}.");
    let mismatch = Err(Rejection::BadSignature { keys: 1 });
    assert_eq!(cookie.open(unsigned.as_bytes()), mismatch);
    let other = format!("x{ID}.{ID_SIGNATURE}");
    assert_eq!(cookie.open(other.as_bytes()), mismatch);
    // Signer("k", salt="flask-session", key_derivation="hmac").sign("../../etc/passwd") and the like
    let signer = crate::signing::Signer::new(&Keyring::new("k"), &Scheme::flask("flask-session"));
    for text in [
        "../../etc/passwd",
        "",
        "short",
        "\u{e9}23456789012345678901234567890",
    ] {
        let signed = signer.sign(text.as_bytes());
        assert_eq!(cookie.open(&signed), Err(Rejection::NotAnId), "{text}");
    }
    assert_eq!(
        cookie.open(&signer.sign(&[0xff; 40])),
        Err(Rejection::NotAnId)
    );
}
