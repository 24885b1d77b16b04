use std::time::Duration;

use dewar::ErrorKind;
use dewar::config::Config;
use dewar::plan::{CookieAction, Plan};
use dewar::signing::{Keyring, Scheme, UrlSafeTimedSerializer};

use crate::support::{Browser, KEY, START, cookie_bench, server_bench};

#[tokio::test]
async fn what_is_written_in_one_request_is_read_in_the_next() {
    let bench = cookie_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let session = browser.open(&bench.engine).await;
    assert!(!session.is_new());
    assert_eq!(
        session.get::<String>("user").unwrap().as_deref(),
        Some("ada")
    );
    assert_eq!(session.id().unwrap(), None);
}

#[tokio::test]
async fn a_session_that_is_not_permanent_has_a_cookie_without_expiry() {
    let bench = cookie_bench(Config::new());
    let mut browser = Browser::default();
    let reply = browser.write(&bench.engine, "user", "ada").await;
    let set_cookie = reply.set_cookie().unwrap();
    assert!(
        set_cookie.ends_with("; HttpOnly; Path=/"),
        "attributes differ from Flask's"
    );
    assert!(!set_cookie.contains("Expires") && !set_cookie.contains("Max-Age"));
    assert!(reply.varies());
}

#[tokio::test]
async fn a_permanent_session_says_when_the_cookie_expires_and_is_renewed_once_it_is_due() {
    let config = Config::new()
        .set("PERMANENT_SESSION_LIFETIME", 1000)
        .set("SESSION_REFRESH_AFTER", 100);
    let bench = cookie_bench(config);
    let mut browser = Browser::default();
    let reply = browser
        .request(&bench.engine, |session| {
            session.insert("user", "ada").unwrap();
            session.set_permanent(true).unwrap();
        })
        .await;
    // 2023-11-14 22:13:20 and 1000 seconds.
    assert!(
        reply
            .set_cookie()
            .unwrap()
            .contains("; Expires=Tue, 14 Nov 2023 22:30:00 GMT; ")
    );

    let read = |session: &dewar::Session| assert!(session.is_permanent());
    bench.clock.advance(Duration::from_secs(99));
    assert_eq!(
        browser.request(&bench.engine, read).await.set_cookie(),
        None
    );
    bench.clock.advance(Duration::from_secs(1));
    let reply = browser.request(&bench.engine, read).await;
    assert_eq!(reply.decision().plan, Plan::Touch);
    assert!(
        reply
            .set_cookie()
            .unwrap()
            .contains("; Expires=Tue, 14 Nov 2023 22:31:40 GMT; ")
    );
    // Renewed: it lives 1000 seconds from now.
    bench.clock.advance(Duration::from_secs(1000));
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("ada")
    );
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(browser.see::<String>(&bench.engine, "user").await, None);
}

#[tokio::test]
async fn an_empty_cookie_is_none() {
    for bench in [cookie_bench(Config::new()), server_bench(Config::new())] {
        let mut browser = Browser {
            cookie: Some(String::new()),
        };
        let reply = browser
            .request(&bench.engine, |session| {
                assert!(session.is_new());
                session.destroy().unwrap();
            })
            .await;
        assert_eq!(
            reply.set_cookie(),
            None,
            "a cookie was deleted that was not sent"
        );
        assert_eq!(bench.faults.calls(), 0);
    }
}

#[tokio::test]
async fn a_cookie_that_cannot_be_accepted_gives_a_fresh_session_and_is_left_alone() {
    let bench = cookie_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let good = browser.cookie.clone().unwrap();
    for bad in [
        "",
        "x",
        "a.b.c",
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}x"),
    ] {
        let mut browser = Browser {
            cookie: Some(bad.to_owned()),
        };
        let session = browser.open(&bench.engine).await;
        assert!(session.is_new() && session.is_empty());
        let reply = browser.close(&session).await;
        assert_eq!(reply.decision().cookie, CookieAction::Keep);
    }
}

#[tokio::test]
async fn a_key_that_was_rotated_out_still_verifies_and_the_new_one_signs() {
    let old = cookie_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&old.engine, "user", "ada").await;

    let new_key = "fedcba9876543210fedcba9876543210";
    let config = || Config::new().set("SECRET_KEY_FALLBACKS", vec![crate::support::KEY.to_owned()]);
    let rotated = dewar::Engine::builder(config().secret_key(new_key))
        .clock(old.clock.clone())
        .build()
        .unwrap();
    assert_eq!(
        browser.see::<String>(&rotated, "user").await.as_deref(),
        Some("ada")
    );
    browser.write(&rotated, "seen", true).await;
    assert_eq!(
        browser.see::<String>(&old.engine, "user").await,
        None,
        "signed with the old key"
    );
}

#[tokio::test]
async fn a_destroyed_session_leaves_no_cookie_where_new_ones_are_permanent() {
    let bench = cookie_bench(Config::new().set("SESSION_PERMANENT", true));
    let mut browser = Browser::default();
    let destroy = |session: &dewar::Session| session.destroy().unwrap();
    assert_eq!(
        browser.request(&bench.engine, destroy).await.set_cookie(),
        None
    );
    browser.write(&bench.engine, "user", "ada").await;
    let reply = browser.request(&bench.engine, destroy).await;
    assert_eq!(reply.decision().cookie, CookieAction::Delete);
    assert!(browser.open(&bench.engine).await.is_new());
}

#[tokio::test]
async fn an_emptied_session_and_a_destroyed_one_delete_the_cookie_with_its_attributes() {
    let config = || {
        Config::new()
            .set("SESSION_COOKIE_SECURE", true)
            .set("SESSION_COOKIE_SAMESITE", "Strict")
            .set("SESSION_COOKIE_PATH", "/shop")
            .set("SESSION_COOKIE_DOMAIN", "example.org")
    };
    let bench = cookie_bench(config());
    for end in [dewar::Session::clear, dewar::Session::destroy]
        as [fn(&dewar::Session) -> dewar::Result<()>; 2]
    {
        let mut browser = Browser::default();
        browser.write(&bench.engine, "user", "ada").await;
        let reply = browser
            .request(&bench.engine, |session| end(session).unwrap())
            .await;
        assert_eq!(
            reply.set_cookie(),
            Some(
                "session=; Domain=example.org; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; \
                 Secure; HttpOnly; Path=/shop; SameSite=Strict"
            )
        );
        assert!(reply.varies());
        assert_eq!(browser.cookie, None);
    }
}

#[tokio::test]
async fn a_cookie_that_browsers_would_drop_is_an_error_that_says_by_how_much() {
    let bench = cookie_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    // Random enough that zlib does not help.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let noise: String = std::iter::repeat_with(|| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        char::from(b'a' + u8::try_from(random % 26).unwrap())
    })
    .take(6000)
    .collect();
    session.save().await.unwrap();
    session.insert("noise", &noise).unwrap();
    // Before the handler does what cannot be undone.
    let error = session.save().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CookieTooLarge);
    let error = bench.engine.close(&session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CookieTooLarge);
    let message = error.to_string();
    assert!(message.contains("4093"), "{message}");
    assert!(
        !message.contains(&noise[..20]),
        "the message holds session data"
    );
    // The limit is the application's to set.
    let bench = cookie_bench(Config::new().set("MAX_COOKIE_SIZE", 0));
    let session = Browser::default().open(&bench.engine).await;
    session.insert("noise", &noise).unwrap();
    session.save().await.unwrap();
    assert!(bench.engine.close(&session).await.is_ok());
}

#[tokio::test]
async fn the_first_cookie_of_the_name_counts_also_across_headers() {
    let bench = cookie_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let good = format!("session={}", browser.cookie.unwrap());
    let headers: [&[u8]; 3] = [b"theme=dark", good.as_bytes(), b"session=other"];
    let session = bench.engine.open(headers).await.unwrap();
    assert!(session.contains("user"));
}

#[tokio::test]
async fn a_session_in_the_cookie_cannot_change_once_the_headers_are_sent() {
    let bench = cookie_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    session.insert("before", 1).unwrap();
    session.save().await.unwrap();
    browser.close(&session).await;
    // There is nothing to save.
    session.save().await.unwrap();
    let error = session.insert("after", 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert!(error.to_string().contains("headers are already sent"));
    assert_eq!(browser.see::<u32>(&bench.engine, "before").await, Some(1));
}

#[tokio::test]
async fn the_absolute_lifetime_ends_a_session_that_is_in_constant_use() {
    let config = Config::new()
        .set("PERMANENT_SESSION_LIFETIME", 1000)
        .set("SESSION_ABSOLUTE_LIFETIME", 2500);
    let bench = cookie_bench(config);
    let mut browser = Browser::default();
    browser
        .request(&bench.engine, |session| {
            session.insert("user", "ada").unwrap();
            session.set_permanent(true).unwrap();
        })
        .await;
    for _ in 0..4 {
        bench.clock.advance(Duration::from_secs(600));
        browser
            .request(&bench.engine, |session| assert!(session.contains("user")))
            .await;
    }
    bench.clock.advance(Duration::from_secs(100));
    assert!(browser.open(&bench.engine).await.is_empty());
}

#[tokio::test]
async fn a_cookie_that_may_not_be_permanent_never_opens_as_a_permanent_session() {
    let bench = cookie_bench(Config::new());
    let filled = |json: &str| json.replace('*', &"many words ".repeat(300));
    // Plain, compressed, with the key written in JSON's other way, deeper in, or somewhere else.
    for (json, permanent, may) in [
        (r#"{"_permanent":true,"user":"ada"}"#, true, true),
        (r#"{"_permanent":true,"text":"*"}"#, true, true),
        (r#"{"\u005fperm\u0061nent":true}"#, true, true),
        (r#"{"_permanent":false}"#, false, true),
        (r#"{"text":"*"}"#, false, true),
        (r#"{"user":"ada","list":[1,{"a":"\u20ac"}]}"#, false, false),
        ("no JSON", false, false),
    ] {
        let keys = Keyring::new(KEY);
        let serializer = UrlSafeTimedSerializer::new(&keys, &Scheme::flask("cookie-session"));
        let value = serializer.dumps(filled(json).as_bytes(), START);
        let header = format!("theme=dark; session={value}");
        let headers = [header.as_bytes()];
        let session = bench.engine.open(headers).await.unwrap();
        assert_eq!(session.is_permanent(), permanent, "{json}");
        assert_eq!(bench.engine.may_be_permanent(headers), may, "{json}");
    }
    for nothing in ["", "session=", "theme=dark"] {
        assert!(!bench.engine.may_be_permanent([nothing.as_bytes()]));
    }
    let always = cookie_bench(Config::new().set("SESSION_PERMANENT", true));
    assert!(always.engine.may_be_permanent([&b"theme=dark"[..]]));
}
