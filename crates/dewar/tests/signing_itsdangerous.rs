//! Values that itsdangerous 2.2.0 and Flask 3.1.3 made, and their rules; each with the Python that made it.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use dewar::UnixTime;
use dewar::signing::{
    BadData, Digest, KeyDerivation, Keyring, Scheme, SecretKey, Separator, Signer, TimedSigner,
    UrlSafeTimedSerializer,
};

/// `TimestampSigner.get_timestamp = lambda self: 1_700_000_000`
const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

/// `SecureCookieSessionInterface().get_signing_serializer(app).dumps({"user": "ada"})` with SECRET_KEY `k`.
const FLASK_COOKIE: &str = "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.1Xmdtc-0j_A3WQnQGYZsvAVQpuU";
const FLASK_PAYLOAD: &[u8] = br#"{"user":"ada"}"#;

fn flask(keys: &Keyring) -> UrlSafeTimedSerializer {
    UrlSafeTimedSerializer::new(keys, &Scheme::flask("cookie-session"))
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// `Signer("secret key", salt="my salt", key_derivation=…, digest_method=hashlib.…).get_signature(b"value")`
#[test]
fn every_digest_and_derivation_signs_as_itsdangerous() {
    let made_by_itsdangerous = [
        ("sha1", "hmac", "vOK8p1k4wlxrArj_4esTFKoMgJo"),
        ("sha1", "django-concat", "H8T6DVuWA1FDlLgtcAatqRwbqv0"),
        ("sha1", "concat", "kwTw4b6Zga_NUA_0Oa2ddY_ZuRw"),
        ("sha1", "none", "xHGSDTIWJGIZpBNQp0pLxov75x4"),
        (
            "sha256",
            "hmac",
            "czVqgorbupOnBc9Zfk5LeCeIYAxTLnHViJRTYi3U80Q",
        ),
        (
            "sha256",
            "django-concat",
            "IB5BRb87M_JkR5rIolk2zf8OigKnOpeXYZyBkqop4xQ",
        ),
        (
            "sha256",
            "concat",
            "kLg1Rpv1wCyAy40DVcXOqoxdOlapXFJkhPHU7lt6uM0",
        ),
        (
            "sha256",
            "none",
            "LWiG8StdifTKhdXEm-skhi_TisSzgL54IistYstOwbc",
        ),
        (
            "sha512",
            "hmac",
            "gC1xEUjNBHtfvIUMdiu8kVc6m4iG73SNEC1sxMd6rI9h2jLUxlgU6rRXOgN6ZFC4Yk8OPqLhF5NeYeLy9CjBnA",
        ),
        (
            "sha512",
            "django-concat",
            "K8NOq-2qsXCms3nMa24XzcNVE7rpHeJjdTRV8cHjgals1X1ZEUS7o5y7YSHNZMJ9NBfO6hxO0kPIODSwWic9pQ",
        ),
        (
            "sha512",
            "concat",
            "ovI_pyTz8RrLFaQtVL83Pa-2DZHmm2CKjmuXFiv5-fIXmg9GeVyXz2-brmLzL_HeJVQVyJ-1WpwGJTuwGjsvMA",
        ),
        (
            "sha512",
            "none",
            "c041Xj8dyBX5s_X_RC9hWnJZc5VB1jWGOTO47ugQPCznwG4zk7Vnjl6jWKjc5jqs0XEAGURQGndacJvBRg7o5w",
        ),
    ];
    for (digest, derivation, signature) in made_by_itsdangerous {
        let scheme = Scheme::new("my salt")
            .with_digest(digest.parse().unwrap())
            .with_key_derivation(derivation.parse().unwrap());
        let signer = Signer::new(&Keyring::new("secret key"), &scheme);
        assert_eq!(
            signer.signature(b"value"),
            signature,
            "{digest} {derivation}"
        );
        assert!(signer.validate(format!("value.{signature}").as_bytes()));
    }
}

#[test]
fn names_of_digests_and_derivations_are_those_of_itsdangerous() {
    for name in ["sha1", "sha256", "sha512"] {
        assert_eq!(name.parse::<Digest>().unwrap().to_string(), name);
    }
    for name in ["hmac", "django-concat", "concat", "none"] {
        assert_eq!(name.parse::<KeyDerivation>().unwrap().to_string(), name);
    }
    let error = "md5".parse::<Digest>().unwrap_err().to_string();
    assert_eq!(
        error,
        r#"no digest is named "md5": use 'sha1', 'sha256' or 'sha512'"#
    );
    assert!("HMAC".parse::<KeyDerivation>().is_err());
}

/// `Signer("secret key", sep=":").sign("a.b")`
#[test]
fn another_separator_works() {
    let scheme = Scheme::new("itsdangerous.Signer").with_separator(Separator::new(":").unwrap());
    let signer = Signer::new(&Keyring::new("secret key"), &scheme);
    assert_eq!(signer.sign(b"a.b"), b"a.b:XJAx1PLXU7HPLdMnbaMNUeBrQkA");
    assert_eq!(
        signer.unsign(b"a.b:XJAx1PLXU7HPLdMnbaMNUeBrQkA"),
        Ok(&b"a.b"[..])
    );
}

#[test]
fn a_separator_that_could_be_in_a_signature_is_refused() {
    for text in ["", "a", "Z", "5", "-", "_", "=", "-_=", "abc"] {
        assert!(Separator::new(text).is_err(), "{text:?}");
    }
    for text in [".", ":", "/", "::", ".a", "ba"] {
        assert!(Separator::new(text).is_ok(), "{text:?}");
    }
}

/// `TimestampSigner("secret key").sign("value")` at each time.
#[test]
fn timestamps_are_big_endian_without_leading_zeros() {
    let signer = TimedSigner::new(
        &Keyring::new("secret key"),
        &Scheme::new("itsdangerous.Signer"),
    );
    let made_by_itsdangerous: [(i64, &[u8]); 5] = [
        (0, b"value..gurhjYbAmHdoJHWx764rAr6oSEo"),
        (255, b"value._w.PvqY53yN-HqRg0baGoz8OaXAGl0"),
        (256, b"value.AQA.Puz-qrc6MFpDP60Yoic5UIqvSOw"),
        (1_700_000_000, b"value.ZVPxAA.KI2y6GbLLvwLWsez6iRWxmTeq7g"),
        (4_294_967_296, b"value.AQAAAAA.H05452DW65VeJ-GFgwzg1s41X0c"),
    ];
    for (time, signed) in made_by_itsdangerous {
        let time = UnixTime::from_seconds(time);
        assert_eq!(signer.sign(b"value", time), signed);
        assert_eq!(
            signer.unsign(signed, time, seconds(0)),
            Ok((&b"value"[..], time))
        );
    }
}

#[test]
fn a_flask_cookie_is_read_and_written() {
    let serializer = flask(&Keyring::new("k"));
    assert_eq!(serializer.dumps(FLASK_PAYLOAD, NOW), FLASK_COOKIE);
    let read = serializer.loads(FLASK_COOKIE.as_bytes(), NOW, seconds(0));
    assert_eq!(read, Ok((FLASK_PAYLOAD.to_vec(), NOW)));
}

/// `dumps({"cart": ["apple"] * 40})`, the same app.
#[test]
fn a_compressed_flask_cookie_is_read() {
    let cookie = b".eJyrVkpOLCpRsopWSiwoyElV0hmlyaJjawE0sWf9.ZVPxAA.XWeOdVr1HgLKPlGCrtSn59w3SaA";
    let (payload, _) = flask(&Keyring::new("k")).loads(cookie, NOW, None).unwrap();
    let apples = vec![r#""apple""#; 40].join(",");
    assert_eq!(payload, format!(r#"{{"cart":[{apples}]}}"#).into_bytes());
}

/// The same with SECRET_KEY `new`, SECRET_KEY_FALLBACKS `["k"]`. Flask 3.1.0 signed with the fallback: CVE-2025-47278.
#[test]
fn the_current_key_signs_and_fallback_keys_verify() {
    let rotated = flask(&Keyring::new("new").with_fallbacks(["old", "k"]));
    let by_new = "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.M65cYAi_puEEMwLrpEt3DYIjBDA";
    assert_eq!(rotated.dumps(FLASK_PAYLOAD, NOW), by_new);
    for cookie in [by_new, FLASK_COOKIE] {
        let (payload, _) = rotated.loads(cookie.as_bytes(), NOW, None).unwrap();
        assert_eq!(payload, FLASK_PAYLOAD);
    }
    let by_older = b"eyJ1c2VyIjoiYWRhIn0.ZVPxAA.3x88pPpSddWPUg79DaqbtLvEmIk";
    let refused = rotated.loads(by_older, NOW, None);
    assert_eq!(refused, Err(BadData::SignatureMismatch { keys: 3 }));
}

#[test]
fn ages_are_counted_in_whole_seconds_and_exactly_the_maximum_is_accepted() {
    let serializer = flask(&Keyring::new("k"));
    let read = |now, max_age| {
        serializer
            .loads(FLASK_COOKIE.as_bytes(), now, max_age)
            .map(|(_, issued)| issued)
    };
    let second = Duration::from_secs(1);
    let almost = Duration::from_millis(999);
    assert_eq!(read(NOW + second * 60, seconds(60)), Ok(NOW));
    assert_eq!(read(NOW + second * 60 + almost, seconds(60)), Ok(NOW));
    assert_eq!(read(NOW + second * 60, Some(second * 60 + almost)), Ok(NOW));
    let expired = Err(BadData::Expired {
        age: 61,
        max_age: 60,
    });
    assert_eq!(read(NOW + second * 61, seconds(60)), expired);
    assert_eq!(read(NOW + second * 61, Some(second * 60 + almost)), expired);
    assert_eq!(
        read(NOW - second, seconds(60)),
        Err(BadData::FromTheFuture { ahead: 1 })
    );
    assert_eq!(read(NOW - second, None), Ok(NOW));
    assert_eq!(read(NOW + second * 1_000_000, None), Ok(NOW));
    assert_eq!(read(NOW, seconds(0)), Ok(NOW));
}

/// `signer = TimestampSigner("k", salt="cookie-session", key_derivation="hmac")`, or `Signer` without a time.
#[test]
fn what_is_signed_but_malformed_is_refused_with_the_reason() {
    let serializer = flask(&Keyring::new("k"));
    let made_by_itsdangerous = [
        // Signer.sign("eyJ9")
        (
            "eyJ9.sAlKkKmsD82CAiTCxnY6SPIajRs",
            BadData::TimestampMissing,
        ),
        // Signer.sign("eyJ9.!") is a timestamp of no bytes, 1970.
        (
            "eyJ9.!.XF5l-LNHyF51dgpkhr7Sk8esATc",
            BadData::Expired {
                age: 1_700_000_000,
                max_age: 60,
            },
        ),
        // Signer.sign("eyJ9.AAAAAAAAAAAAAA")
        (
            "eyJ9.AAAAAAAAAAAAAA.qjgG1DT5I-SXff0eIypX8x1WFEk",
            BadData::TimestampMalformed,
        ),
        // signer.sign("eyJ9A")
        (
            "eyJ9A.ZVPxAA.u4YIL-LqnNsMPzda9ahOi_ecOL8",
            BadData::PayloadNotBase64,
        ),
        // signer.sign(b"." + base64_encode(b"not zlib"))
        (
            ".bm90IHpsaWI.ZVPxAA.yUIA6xnZf58qe1QNwGGU4tw5_y8",
            BadData::PayloadNotZlib,
        ),
        // signer.sign(b"." + base64_encode(zlib.compress(b"a" * 100)[:-3]))
        (
            ".eJxLTKQ9AAB6.ZVPxAA.6b3NlAeKCYBx_Xeio1OL2IVpIH0",
            BadData::PayloadNotZlib,
        ),
        ("eyJ1c2VyIjoiYWRhIn0", BadData::NoSeparator),
        ("", BadData::NoSeparator),
        (".", BadData::SignatureMismatch { keys: 1 }),
        ("..", BadData::SignatureMismatch { keys: 1 }),
    ];
    for (text, reason) in made_by_itsdangerous {
        assert_eq!(
            serializer.loads(text.as_bytes(), NOW, seconds(60)),
            Err(reason),
            "{text}"
        );
    }
}

/// All of these are accepted by `serializer.loads`, because CPython's base64 decoder is lenient.
#[test]
fn other_spellings_of_the_right_signature_verify_as_in_python() {
    let serializer = flask(&Keyring::new("k"));
    let same = [
        "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.1Xmdtc-0j_A3WQnQGYZsvAVQpuU=",
        "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.1Xmdtc+0j/A3WQnQGYZsvAVQpuU",
        "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.1Xmdtc-0j_A3WQnQGYZsvAVQpuV",
        "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.1Xmdtc-0j_A3!!!!WQnQGYZsvAVQpuU",
        "eyJ1c2VyIjoiYWRhIn0.ZVPxAA.1Xmdtc-0j_A3WQnQGYZsvAVQpuU=ignored",
    ];
    for text in same {
        let (payload, _) = serializer.loads(text.as_bytes(), NOW, None).unwrap();
        assert_eq!(payload, FLASK_PAYLOAD, "{text}");
    }
    let cut_off = &FLASK_COOKIE.as_bytes()[..FLASK_COOKIE.len() - 1];
    assert!(serializer.loads(cut_off, NOW, None).is_err());
}

#[test]
fn no_change_of_a_byte_makes_other_content_acceptable() {
    let serializer = flask(&Keyring::new("k"));
    let compressed = serializer.dumps(&[b'a'; 200], NOW);
    assert!(compressed.starts_with('.'));
    for (cookie, payload) in [(FLASK_COOKIE, FLASK_PAYLOAD), (&compressed, &[b'a'; 200])] {
        for at in 0..cookie.len() {
            for byte in 0..=255 {
                let mut changed = cookie.as_bytes().to_vec();
                changed[at] = byte;
                if let Ok((read, issued)) = serializer.loads(&changed, NOW, None) {
                    assert_eq!((&*read, issued), (payload, NOW));
                    let signature_at = cookie.rfind('.').unwrap();
                    assert!(at > signature_at || changed == cookie.as_bytes());
                }
            }
        }
    }
}

#[test]
fn compression_is_used_where_it_saves_more_than_its_mark() {
    let serializer = flask(&Keyring::new("k"));
    assert!(!serializer.dumps(b"{}", NOW).starts_with('.'));
    // zlib.compress(b"a" * 8) to b"a" * 17 have 11 bytes each.
    assert!(!serializer.dumps(&[b'a'; 12], NOW).starts_with('.'));
    assert!(serializer.dumps(&[b'a'; 13], NOW).starts_with('.'));
}

/// A signed bomb: somebody who can make Flask keep zeros for him, or who has the key.
#[test]
fn a_bomb_is_refused_at_the_limit() {
    let keys = Keyring::new("k");
    let serializer = flask(&keys);
    let limit = 1 << 20;
    let just_fits = serializer.dumps(&vec![0; limit], NOW);
    let too_large = serializer.dumps(&vec![0; limit + 1], NOW);
    let bomb = serializer.dumps(&vec![0; 64 << 20], NOW);
    let refused = Err(BadData::PayloadTooLarge { limit });
    assert_eq!(
        serializer
            .loads(just_fits.as_bytes(), NOW, None)
            .unwrap()
            .0
            .len(),
        limit
    );
    assert_eq!(serializer.loads(too_large.as_bytes(), NOW, None), refused);
    assert_eq!(serializer.loads(bomb.as_bytes(), NOW, None), refused);

    let strict = flask(&keys).with_inflated_limit(100);
    let read = |length| {
        strict.loads(
            serializer.dumps(&vec![b'a'; length], NOW).as_bytes(),
            NOW,
            None,
        )
    };
    assert_eq!(read(100).unwrap().0.len(), 100);
    assert_eq!(read(101), Err(BadData::PayloadTooLarge { limit: 100 }));
}

#[test]
fn nothing_is_inflated_before_the_signature_is_verified() {
    let bomb = flask(&Keyring::new("somebody else's")).dumps(&vec![0; 2 << 20], NOW);
    let refused = flask(&Keyring::new("k")).loads(bomb.as_bytes(), NOW, None);
    assert_eq!(refused, Err(BadData::SignatureMismatch { keys: 1 }));
}

#[test]
fn text_is_appended_to_what_is_there() {
    let mut header = String::from("session=");
    flask(&Keyring::new("k")).dumps_to(FLASK_PAYLOAD, NOW, &mut header);
    assert_eq!(header, format!("session={FLASK_COOKIE}"));
}

#[test]
fn keys_are_never_shown() {
    let keys = Keyring::new("hunter2").with_fallbacks(["swordfish"]);
    let scheme = Scheme::flask("cookie-session");
    let shown = format!(
        "{keys:?} {:?} {:?}",
        TimedSigner::new(&keys, &scheme),
        UrlSafeTimedSerializer::new(&keys, &scheme)
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("swordfish"),
        "{shown}"
    );
    // Nor as a list of numbers: the first two bytes of the keys.
    assert!(
        !shown.contains("104, 117") && !shown.contains("115, 119"),
        "{shown}"
    );
}

#[test]
fn generated_keys_have_256_bits_and_differ() {
    let key = || SecretKey::generate(&dewar::OsRandom).unwrap();
    assert_eq!(key().len(), 32);
    assert!(key() != key());
    assert!(SecretKey::new("").is_empty());
    assert_eq!(SecretKey::from("é").expose(), [0xc3, 0xa9]);
}
