use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use dewar::config::Config;
use dewar::engine::Reload;
use dewar::plan::{CookieAction, Plan};
use dewar::store::{Created, Key, Store};
use dewar::{Engine, ErrorKind, Random, Session};

use crate::support::{Bench, Browser, KEY, START, cookie_bench, server_bench};

#[tokio::test]
async fn the_cookie_holds_a_random_id_of_256_bits_and_nothing_else() {
    let bench = server_bench(Config::new());
    let (mut one, mut other) = (Browser::default(), Browser::default());
    for browser in [&mut one, &mut other] {
        browser.write(&bench.engine, "user", "ada").await;
        assert_eq!(browser.cookie.as_ref().unwrap().len(), 43);
    }
    assert_ne!(one.cookie, other.cookie);
    let session = one.open(&bench.engine).await;
    assert_eq!(
        session.id().unwrap().unwrap().expose(),
        one.cookie.as_deref().unwrap()
    );
}

/// A source that gives the same for the first two ids.
#[derive(Debug, Default)]
struct Stuttering(AtomicU8);

impl Random for Stuttering {
    fn fill(&self, bytes: &mut [u8]) -> dewar::Result<()> {
        bytes.fill(self.0.fetch_add(1, Ordering::SeqCst).saturating_sub(1));
        Ok(())
    }
}

#[tokio::test]
async fn an_id_that_is_taken_is_left_to_who_has_it() {
    let bench = server_bench(Config::new());
    let engine = Engine::builder(Config::new().session_type("memory"))
        .store(bench.store.clone())
        .clock(bench.clock.clone())
        .random(Stuttering::default())
        .build()
        .unwrap();
    let (mut one, mut other) = (Browser::default(), Browser::default());
    one.write(&engine, "user", "ada").await;
    other.write(&engine, "user", "grace").await;
    assert_ne!(one.cookie, other.cookie);
    let user: Option<String> = one.see(&engine, "user").await;
    assert_eq!(user.as_deref(), Some("ada"));
    let user: Option<String> = other.see(&engine, "user").await;
    assert_eq!(user.as_deref(), Some("grace"));
}

#[tokio::test]
async fn an_id_that_the_store_does_not_know_is_never_adopted() {
    let bench = server_bench(Config::new());
    let planted = "PLANTED-PLANTED-PLANTED-PLANTED-PLANTED-123".to_owned();
    let mut browser = Browser {
        cookie: Some(planted.clone()),
    };
    let reply = browser.write(&bench.engine, "user", "ada").await;
    assert_eq!(reply.decision().cookie, CookieAction::Set);
    assert_ne!(browser.cookie, Some(planted));
}

#[tokio::test]
async fn text_that_is_no_id_never_reaches_the_store() {
    let bench = server_bench(Config::new());
    for text in [
        "../../etc/passwd",
        "short",
        "a b c d e f g h i j k l m n",
        &"x".repeat(300),
    ] {
        let browser = Browser {
            cookie: Some(text.to_owned()),
        };
        assert!(browser.open(&bench.engine).await.is_new());
    }
    assert_eq!(bench.faults.calls(), 0);
}

#[tokio::test]
async fn an_untouched_session_is_neither_saved_nor_announced() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let reply = browser.request(&bench.engine, |_| {}).await;
    assert_eq!((reply.set_cookie(), reply.varies()), (None, false));
    let reply = browser
        .request(&bench.engine, |session| {
            assert!(session.is_empty_but_permanent())
        })
        .await;
    assert_eq!((reply.set_cookie(), reply.varies()), (None, true));
    assert_eq!(bench.faults.calls(), 0);
}

trait EmptyButPermanent {
    fn is_empty_but_permanent(&self) -> bool;
}

impl EmptyButPermanent for dewar::Session {
    /// `SESSION_PERMANENT` is on by default for server-side sessions, as in Flask-Session.
    fn is_empty_but_permanent(&self) -> bool {
        self.keys() == ["_permanent"]
    }
}

#[tokio::test]
async fn use_extends_the_record_without_a_write_and_not_at_every_request() {
    let config = Config::new()
        .set("PERMANENT_SESSION_LIFETIME", 1000)
        .set("SESSION_REFRESH_AFTER", 100);
    let bench = server_bench(config);
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let read = |session: &dewar::Session| assert!(session.contains("user"));
    let steps = [
        (99, Plan::Nothing, CookieAction::Keep),
        (1, Plan::Touch, CookieAction::Set),
        (99, Plan::Nothing, CookieAction::Keep),
        (900, Plan::Touch, CookieAction::Set),
    ];
    for (after, plan, cookie) in steps {
        bench.clock.advance(Duration::from_secs(after));
        let decision = browser.request(&bench.engine, read).await.decision();
        assert_eq!(
            (decision.plan, decision.cookie),
            (plan, cookie),
            "after {after} seconds"
        );
    }
    // A request that does not touch its session does not extend it.
    bench.clock.advance(Duration::from_secs(999));
    assert_eq!(
        browser.request(&bench.engine, |_| {}).await.decision().plan,
        Plan::Nothing
    );
    bench.clock.advance(Duration::from_secs(1));
    assert!(!browser.open(&bench.engine).await.contains("user"));
}

#[tokio::test]
async fn a_store_that_has_to_be_asked_for_an_expiry_is_asked_once_a_minute() {
    let bench = server_bench(Config::new().set("PERMANENT_SESSION_LIFETIME", "31d"));
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let read = |session: &dewar::Session| assert!(session.contains("user"));
    // What this process wrote itself it knows.
    for (after, asked) in [(0, 0), (59, 0), (1, 1), (1, 1), (58, 1), (1, 2)] {
        bench.clock.advance(Duration::from_secs(after));
        browser.request(&bench.engine, read).await;
        assert_eq!(bench.faults.asked(), asked, "after {after} more seconds");
    }
}

#[tokio::test]
async fn a_session_is_extended_when_it_is_due_however_often_its_expiry_was_asked_for() {
    let config = Config::new()
        .set("PERMANENT_SESSION_LIFETIME", 10_000)
        .set("SESSION_REFRESH_AFTER", 100);
    let bench = server_bench(config.clone());
    let builder = Engine::builder(config.session_type("memory"));
    let builder = builder.clock(bench.clock.clone());
    let other = builder.store(bench.store.clone()).build().unwrap();
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let read = |session: &dewar::Session| assert!(session.contains("user"));
    let steps = [
        (&other, 99, Plan::Nothing),
        (&bench.engine, 0, Plan::Nothing),
        (&other, 1, Plan::Touch),
        // The other one was faster.
        (&bench.engine, 0, Plan::Nothing),
        (&bench.engine, 99, Plan::Nothing),
        (&bench.engine, 1, Plan::Touch),
    ];
    for (engine, after, plan) in steps {
        bench.clock.advance(Duration::from_secs(after));
        let decision = browser.request(engine, read).await.decision();
        assert_eq!(decision.plan, plan, "after {after} more seconds");
    }
}

#[tokio::test]
async fn a_request_that_goes_on_for_minutes_extends_no_session_that_is_not_due() {
    let bench = server_bench(Config::new().set("PERMANENT_SESSION_LIFETIME", "31d"));
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    for (wait, open, plan) in [
        (1, 31, Plan::Nothing),
        // What is known of it ends meanwhile.
        (1, 31, Plan::Nothing),
        (1, 1800, Plan::Nothing),
        // An hour after it was written, it is due.
        (1735, 0, Plan::Touch),
        (10, 3599, Plan::Nothing),
        (0, 0, Plan::Touch),
        (10, 3600, Plan::Touch),
    ] {
        bench.clock.advance(Duration::from_secs(wait));
        let session = browser.open(&bench.engine).await;
        assert!(session.contains("user"));
        bench.clock.advance(Duration::from_secs(open));
        let reply = browser.close(&session).await;
        assert_eq!(reply.decision().plan, plan, "{wait}, {open}");
    }
}

#[tokio::test]
async fn an_expiry_that_somebody_brought_closer_is_noticed_within_a_minute() {
    let bench = server_bench(Config::new().set("PERMANENT_SESSION_LIFETIME", "31d"));
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let id = browser.open(&bench.engine).await.id().unwrap().unwrap();
    let key = Key::new(format!("session:{}", id.expose()));
    let soon = START + Duration::from_secs(100);
    bench.store.touch(&key, soon).await.unwrap();
    let read = |session: &dewar::Session| assert!(session.contains("user"));
    for (after, plan) in [(59, Plan::Nothing), (1, Plan::Touch)] {
        bench.clock.advance(Duration::from_secs(after));
        let decision = browser.request(&bench.engine, read).await.decision();
        assert_eq!(decision.plan, plan, "after {after} more seconds");
    }
}

#[tokio::test]
async fn a_store_that_can_tell_no_expiry_moves_it_once_a_minute() {
    let bench = server_bench(Config::new().set("PERMANENT_SESSION_LIFETIME", "31d"));
    bench.faults.fall_silent();
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let read = |session: &dewar::Session| assert!(session.contains("user"));
    for (after, plan) in [
        (59, Plan::Nothing),
        (1, Plan::Touch),
        (59, Plan::Nothing),
        (1, Plan::Touch),
        (3600, Plan::Touch),
    ] {
        bench.clock.advance(Duration::from_secs(after));
        let decision = browser.request(&bench.engine, read).await.decision();
        assert_eq!(decision.plan, plan, "after {after} more seconds");
    }
}

#[tokio::test]
async fn a_store_is_not_asked_for_expiries_that_decide_nothing() {
    for (setting, plan) in [
        (("SESSION_REFRESH_EACH_REQUEST", "false"), Plan::Nothing),
        (("SESSION_REFRESH_AFTER", "0"), Plan::Touch),
    ] {
        let bench = server_bench(Config::new().set(setting.0, setting.1));
        let mut browser = Browser::default();
        browser.write(&bench.engine, "user", "ada").await;
        let read = |session: &dewar::Session| assert!(session.contains("user"));
        for _ in 0..3 {
            bench.clock.advance(Duration::from_secs(600));
            let decision = browser.request(&bench.engine, read).await.decision();
            assert_eq!(decision.plan, plan, "{setting:?}");
        }
        assert_eq!(bench.faults.asked(), 0, "{setting:?}");
    }
}

#[tokio::test]
async fn a_save_in_a_stream_that_is_open_for_long_extends_the_session() {
    let bench = server_bench(Config::new().set("PERMANENT_SESSION_LIFETIME", 1000));
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let streamed = browser.open(&bench.engine).await;
    assert!(streamed.contains("user"));
    browser.close(&streamed).await;
    for _ in 0..3 {
        bench.clock.advance(Duration::from_secs(600));
        streamed.save().await.unwrap();
    }
    assert!(browser.open(&bench.engine).await.contains("user"));
    // It does not bring back one that has expired.
    bench.clock.advance(Duration::from_secs(1000));
    assert_eq!(streamed.save().await.unwrap_err().kind(), ErrorKind::Gone);
    assert!(!browser.open(&bench.engine).await.contains("user"));
}

#[tokio::test]
async fn a_record_that_lives_as_long_as_it_may_is_not_extended_at_every_request() {
    let config = Config::new()
        .set("PERMANENT_SESSION_LIFETIME", 1000)
        .set("SESSION_REFRESH_AFTER", 100)
        .set("SESSION_ABSOLUTE_LIFETIME", 1500);
    let bench = server_bench(config);
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let read = |session: &dewar::Session| assert!(session.contains("user"));
    let steps = [
        (600, Plan::Touch),
        (100, Plan::Nothing),
        (700, Plan::Nothing),
    ];
    for (after, plan) in steps {
        bench.clock.advance(Duration::from_secs(after));
        let reply = browser.request(&bench.engine, read).await;
        assert_eq!(reply.decision().plan, plan, "after {after} more seconds");
    }
}

#[tokio::test]
async fn an_expired_record_gives_a_fresh_session() {
    let bench = server_bench(Config::new().set("PERMANENT_SESSION_LIFETIME", 1000));
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    bench.clock.advance(Duration::from_secs(1001));
    let session = browser.open(&bench.engine).await;
    assert!(session.is_new());
    assert!(!session.contains("user"));
}

#[tokio::test]
async fn the_absolute_lifetime_removes_the_record() {
    let config = Config::new()
        .set("PERMANENT_SESSION_LIFETIME", 1000)
        .set("SESSION_ABSOLUTE_LIFETIME", 1500);
    let bench = server_bench(config);
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    bench.clock.advance(Duration::from_secs(800));
    let old = browser.cookie.clone();
    browser
        .request(&bench.engine, |session| session.regenerate().unwrap())
        .await;
    assert_ne!(browser.cookie, old);
    bench.clock.advance(Duration::from_secs(699));
    assert!(browser.open(&bench.engine).await.contains("user"));
    bench.clock.advance(Duration::from_secs(1));
    assert!(
        !browser.open(&bench.engine).await.contains("user"),
        "a new id extended the session"
    );
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn the_absolute_lifetime_is_that_of_the_session_whatever_is_removed_from_it() {
    let clear: fn(&dewar::Session) = |session| session.clear().unwrap();
    let remove: fn(&dewar::Session) = |session| {
        for key in session.keys() {
            session.remove(&key).unwrap();
        }
    };
    let mirror: fn(&dewar::Session) = |session| {
        for key in session.mirror().keys() {
            session.remove_mirrored(key).unwrap();
        }
    };
    for (empty, bench_of) in [
        (clear, server_bench as fn(Config) -> Bench),
        (remove, server_bench),
        (mirror, server_bench),
        (clear, cookie_bench),
    ] {
        let bench = bench_of(Config::new().set("SESSION_ABSOLUTE_LIFETIME", 600));
        let mut browser = Browser::default();
        browser.write(&bench.engine, "user", "ada").await;
        for _ in 0..2 {
            bench.clock.advance(Duration::from_secs(299));
            let session = browser.open(&bench.engine).await;
            assert!(session.contains("user"));
            empty(&session);
            session.insert("user", "bob").unwrap();
            session.save().await.unwrap();
            empty(&session);
            session.insert("user", "eve").unwrap();
            browser.close(&session).await;
        }
        bench.clock.advance(Duration::from_secs(2));
        assert!(browser.open(&bench.engine).await.is_new());
    }
}

#[tokio::test]
async fn the_absolute_lifetime_begins_anew_with_a_session_that_follows_one_that_ended() {
    for end in [dewar::Session::destroy, dewar::Session::clear] {
        let bench = server_bench(Config::new().set("SESSION_ABSOLUTE_LIFETIME", 600));
        let mut browser = Browser::default();
        browser.write(&bench.engine, "user", "ada").await;
        bench.clock.advance(Duration::from_secs(599));
        let session = browser.open(&bench.engine).await;
        end(&session).unwrap();
        session.save().await.unwrap();
        session.insert("user", "bob").unwrap();
        browser.close(&session).await;
        bench.clock.advance(Duration::from_secs(599));
        assert!(browser.open(&bench.engine).await.contains("user"));
    }
}

#[tokio::test]
async fn what_is_written_after_destroy_belongs_to_a_new_session() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let old = browser.clone();
    let reply = browser
        .request(&bench.engine, |session| {
            session.destroy().unwrap();
            session.flash("info", "Goodbye").unwrap();
        })
        .await;
    assert_eq!(reply.decision().plan, Plan::Restart);
    assert_ne!(browser.cookie, old.cookie);
    assert_eq!(old.see::<String>(&bench.engine, "user").await, None);
    let session = browser.open(&bench.engine).await;
    assert!(!session.contains("user"));
    assert_eq!(session.flashes()[0].to_string(), "Goodbye");
}

#[tokio::test]
async fn a_signed_id_is_flask_sessions_and_a_forged_one_is_refused() {
    let config = Config::new()
        .set("SESSION_USE_SIGNER", true)
        .secret_key(crate::support::KEY);
    let bench = server_bench(config);
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let signed = browser.cookie.clone().unwrap();
    let (id, _) = signed.split_once('.').unwrap();
    assert_eq!(id.len(), 43);
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("ada")
    );
    for forged in [id.to_owned(), format!("{id}.AAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
        let browser = Browser {
            cookie: Some(forged),
        };
        assert!(browser.open(&bench.engine).await.is_new());
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_gives_a_fresh_session() {
    let bench = server_bench(Config::new());
    let id = "kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo";
    for garbage in [&b"garbage"[..], b"", b"\x81", b"cos\nsystem\n(S'true'\ntR."] {
        let key = Key::new(format!("session:{id}"));
        bench.store.delete(&key).await.unwrap();
        let created = bench
            .store
            .create(&key, garbage.into(), START + Duration::from_secs(60))
            .await;
        assert!(matches!(created, Ok(Created::Done(_))));
        let mut browser = Browser {
            cookie: Some(id.to_owned()),
        };
        let session = browser.open(&bench.engine).await;
        assert!(session.is_new());
        session.insert("user", "ada").unwrap();
        browser.close(&session).await;
        assert_ne!(browser.cookie.as_deref(), Some(id));
    }
}

#[tokio::test]
async fn a_session_that_is_saved_before_the_response_is_announced_with_it() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    session.insert("step", 1).unwrap();
    session.save().await.unwrap();
    assert_eq!(bench.sessions().await, 1);
    let reply = browser.close(&session).await;
    assert!(reply.set_cookie().is_some(), "a record without a cookie");

    // And it can go on afterwards, as a stream does.
    session.insert("step", 2).unwrap();
    session.save().await.unwrap();
    assert_eq!(browser.see::<u32>(&bench.engine, "step").await, Some(2));
}

#[tokio::test]
async fn a_logout_that_is_saved_before_the_response_deletes_the_cookie_with_it() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let session = browser.open(&bench.engine).await;
    session.destroy().unwrap();
    session.save().await.unwrap();
    assert_eq!(bench.sessions().await, 0);
    browser.close(&session).await;
    assert_eq!(browser.cookie, None);
}

#[tokio::test]
async fn what_needs_a_cookie_cannot_be_saved_once_the_headers_are_sent() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    browser.close(&session).await;
    session.insert("late", true).unwrap();
    let error = session.save().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn without_a_response_nothing_is_done_that_needs_a_cookie() {
    type Handle = fn(&Session) -> dewar::Result<()>;
    let handles: [(Handle, Plan, bool); 4] = [
        (Session::regenerate, Plan::Nothing, true),
        (|session| session.insert("n", 1), Plan::Replace, true),
        (Session::destroy, Plan::Delete, false),
        (
            |session| session.destroy().and_then(|()| session.insert("bye", 1)),
            Plan::Delete,
            false,
        ),
    ];
    for (handle, plan, lives) in handles {
        let bench = server_bench(Config::new());
        let mut browser = Browser::default();
        browser.write(&bench.engine, "user", "ada").await;
        let session = browser.open(&bench.engine).await;
        handle(&session).unwrap();
        let reply = bench.engine.close_unanswered(&session).await.unwrap();
        assert_eq!((reply.decision().plan, reply.set_cookie()), (plan, None));
        let user = browser.see::<String>(&bench.engine, "user").await;
        assert_eq!(user.is_some(), lives);
        assert_eq!(bench.sessions().await, usize::from(lives));
    }
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session.insert("n", 1).unwrap();
    let reply = bench.engine.close_unanswered(&session).await.unwrap();
    assert_eq!(
        (reply.decision().plan, reply.set_cookie()),
        (Plan::Nothing, None)
    );
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn expired_records_are_removed_about_every_n_requests_if_so_configured() {
    let config = Config::new()
        .set("PERMANENT_SESSION_LIFETIME", 1000)
        .set("SESSION_CLEANUP_N_REQUESTS", 3);
    let bench = server_bench(config);
    let expired = Key::new("session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo");
    bench
        .store
        .create(&expired, "x".into(), START + Duration::from_secs(1))
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(2));
    let calls = bench.faults.calls();
    for _ in 0..6 {
        Browser::default().request(&bench.engine, |_| {}).await;
    }
    assert_eq!(bench.faults.calls() - calls, 2);
    let now = START + Duration::from_secs(2);
    assert_eq!(
        bench.store.delete_expired(now, 10).await.unwrap().removed(),
        0
    );
}

#[tokio::test]
async fn a_cache_shows_an_ended_session_for_as_long_as_was_asked_for_and_no_longer() {
    let config = || Config::new().set("SESSION_CACHE_FOR", 2);
    let bench = server_bench(config());
    let elsewhere = Engine::builder(Config::new().session_type("memory"))
        .clock(bench.clock.clone())
        .store(bench.store.clone())
        .build()
        .unwrap();
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    let seen = async || browser.see::<String>(&bench.engine, "user").await;
    assert!(seen().await.is_some());
    let calls = bench.faults.calls();
    assert!(seen().await.is_some());
    assert_eq!(bench.faults.calls(), calls, "the store was asked again");

    let session = browser.open(&elsewhere).await;
    session.destroy().unwrap();
    elsewhere.close(&session).await.unwrap();
    assert!(seen().await.is_some(), "no cache is used");
    bench.clock.advance(Duration::from_secs(2));
    assert!(seen().await.is_none(), "an ended session is still shown");
}

#[tokio::test]
async fn a_store_that_is_given_is_used_where_nothing_says_where_sessions_live() {
    let bench = server_bench(Config::new());
    for config in [Config::new(), Config::new().secret_key(KEY)] {
        let engine = Engine::builder(config.clone()).clock(bench.clock.clone());
        let engine = engine.store(bench.store.clone()).build().unwrap();
        let before = bench.sessions().await;
        let mut browser = Browser::default();
        browser.write(&engine, "user", "ada").await;
        assert_eq!(bench.sessions().await, before + 1);
        assert_eq!(browser.cookie.as_ref().unwrap().len(), 43);
        assert!(format!("{engine:?}").contains("store"), "{engine:?}");
        assert_eq!(engine.reload_keys(&config).unwrap(), Reload::NothingSigned);
    }
    let signed = Config::new().set("SESSION_USE_SIGNER", true);
    let engine = Engine::builder(signed.clone()).store(bench.store.clone());
    let error = engine.build().unwrap_err();
    assert!(error.to_string().contains("DW0202"), "{error}");
    let engine = Engine::builder(signed.clone().secret_key(KEY));
    let engine = engine.store(bench.store.clone()).build().unwrap();
    let new = signed.secret_key("9f3c1e77a05bd2846cf01b9de35a7482");
    assert_eq!(engine.reload_keys(&new).unwrap(), Reload::Changed);
}

#[test]
fn a_store_that_is_given_and_would_not_be_used_is_an_error() {
    let bench = server_bench(Config::new());
    for place in ["cookie", "null"] {
        let config = Config::new().secret_key(KEY).session_type(place);
        let engine = Engine::builder(config).store(bench.store.clone());
        let error = engine.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let message = error.to_string();
        assert!(message.contains(place), "{message}");
        assert!(message.contains("leave SESSION_TYPE out"), "{message}");
    }
}
