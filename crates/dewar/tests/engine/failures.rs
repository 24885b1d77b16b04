use dewar::config::Config;
use dewar::plan::Reason;
use dewar::{ErrorKind, Result, Session};

use crate::saving::{append, give_up};
use crate::support::{Bench, Browser, server_bench};

async fn logged_in(bench: &Bench) -> Browser {
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    browser
}

#[tokio::test]
async fn a_store_that_fails_to_load_fails_the_request_by_default() {
    let bench = server_bench(Config::new());
    let browser = logged_in(&bench).await;
    bench.faults.fail(&["load"]);
    let error = browser.try_open(&bench.engine).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    // A visitor without a cookie needs no store.
    assert!(Browser::default().try_open(&bench.engine).await.is_ok());
}

#[tokio::test]
async fn a_store_that_fails_to_load_gives_an_empty_read_only_session_if_so_configured() {
    let bench = server_bench(Config::new().set("SESSION_ON_STORE_FAILURE", "read-only"));
    let mut browser = logged_in(&bench).await;
    let before = browser.clone();
    bench.faults.fail(&["load"]);
    let session = browser.open(&bench.engine).await;
    assert_eq!(session.get::<String>("user").unwrap(), None);
    let error = session.insert("user", "eve").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert!(
        error.to_string().contains("SESSION_ON_STORE_FAILURE"),
        "{error}"
    );
    let reply = browser.close(&session).await;
    assert_eq!(reply.set_cookie(), None);
    assert_eq!(reply.decision().reason, Reason::ReadOnly);

    bench.faults.fail(&[]);
    assert_eq!(
        before.see::<String>(&bench.engine, "user").await.as_deref(),
        Some("ada")
    );
}

#[tokio::test]
async fn a_failed_save_keeps_the_changes_for_another_try() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.insert("cart", [1]).unwrap();
    bench.faults.fail(&["replace"]);
    assert_eq!(
        bench.engine.close(&session).await.unwrap_err().kind(),
        ErrorKind::Store
    );
    assert!(session.is_modified());
    bench.faults.fail(&[]);
    browser.close(&session).await;
    assert_eq!(
        browser.see::<Vec<u32>>(&bench.engine, "cart").await,
        Some(vec![1])
    );
}

#[tokio::test]
async fn a_regeneration_whose_first_step_fails_leaves_the_old_session_as_it_was() {
    let bench = server_bench(Config::new());
    let browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    bench.faults.fail(&["create"]);
    assert!(bench.engine.close(&session).await.is_err());
    bench.faults.fail(&[]);
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("ada")
    );
}

#[tokio::test]
async fn a_regeneration_whose_second_step_fails_loses_nothing() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    session.insert("cart", [1]).unwrap();
    bench.faults.fail(&["delete_unchanged"]);
    let old = browser.cookie.clone();
    browser.close(&session).await;
    assert_ne!(browser.cookie, old);
    bench.faults.fail(&[]);
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("ada")
    );
    assert_eq!(
        browser.see::<Vec<u32>>(&bench.engine, "cart").await,
        Some(vec![1])
    );
}

#[tokio::test]
async fn the_old_record_of_a_regeneration_goes_with_the_next_save_if_it_could_not_before() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    bench.faults.fail(&["delete_unchanged"]);
    session.save().await.unwrap();
    assert_eq!(bench.sessions().await, 2);
    assert!(session.is_modified());
    bench.faults.fail(&[]);
    browser.close(&session).await;
    assert_eq!(bench.sessions().await, 1);
    assert!(browser.open(&bench.engine).await.contains("user"));
}

#[tokio::test]
async fn a_logout_that_fails_is_never_reported_as_done() {
    for policy in ["fail", "read-only"] {
        let bench = server_bench(Config::new().set("SESSION_ON_STORE_FAILURE", policy));
        let browser = logged_in(&bench).await;
        for end in [Session::destroy, Session::clear] as [fn(&Session) -> Result<()>; 2] {
            let session = browser.open(&bench.engine).await;
            end(&session).unwrap();
            bench.faults.fail(&["delete", "delete_unchanged"]);
            let error = bench.engine.close(&session).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store, "{policy}");
            bench.faults.fail(&[]);
        }
    }
}

#[tokio::test]
async fn a_failed_write_goes_on_without_if_so_configured() {
    let bench = server_bench(Config::new().set("SESSION_ON_STORE_FAILURE", "read-only"));
    let mut browser = logged_in(&bench).await;
    bench.faults.fail(&["replace"]);
    let session = browser.open(&bench.engine).await;
    session.insert("cart", [1]).unwrap();
    let reply = browser.close(&session).await;
    assert_eq!(reply.decision().reason, Reason::StoreFailed);
    assert_eq!(reply.set_cookie(), None);
}

#[tokio::test]
async fn a_save_that_fails_says_so_whatever_is_configured() {
    for policy in ["fail", "read-only"] {
        let bench = server_bench(Config::new().set("SESSION_ON_STORE_FAILURE", policy));
        let browser = logged_in(&bench).await;
        bench.faults.fail(&["replace"]);
        let session = browser.open(&bench.engine).await;
        session.insert("cart", [1]).unwrap();
        let error = session.save().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{policy}");
    }
}

#[tokio::test]
async fn what_was_saved_before_the_store_failed_reaches_the_browser() {
    let bench = server_bench(Config::new().set("SESSION_ON_STORE_FAILURE", "read-only"));
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    session.save().await.unwrap();
    session.insert("cart", [1]).unwrap();
    bench.faults.fail(&["replace"]);
    let reply = browser.close(&session).await;
    assert_eq!(reply.decision().reason, Reason::StoreFailed);
    bench.faults.fail(&[]);
    let session = browser.open(&bench.engine).await;
    assert_eq!(session.keys(), ["_permanent", "user"]);
}

/// A request that has a new id for its session, while another one has written `b` to the record under the old one.
async fn overtaken_by_a_write(bench: &Bench) -> (Browser, Session) {
    let browser = logged_in(bench).await;
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    session.insert("a", 1).unwrap();
    browser.clone().write(&bench.engine, "b", 2).await;
    (browser, session)
}

#[tokio::test]
async fn what_a_new_id_takes_over_is_not_lost_if_it_cannot_be_written_at_first() {
    for failing in ["load", "replace"] {
        let bench = server_bench(Config::new());
        let (mut browser, session) = overtaken_by_a_write(&bench).await;
        bench.faults.fail(&[failing]);
        let error = session.save().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{failing}");
        session.insert("c", 3).unwrap();
        assert!(session.save().await.is_err(), "{failing}");
        bench.faults.fail(&[]);
        session.save().await.unwrap();
        assert_eq!(bench.sessions().await, 1, "{failing}");
        browser.close(&session).await;
        let session = browser.open(&bench.engine).await;
        let mut keys = session.keys();
        keys.sort_unstable();
        assert_eq!(keys, ["_permanent", "a", "b", "c", "user"], "{failing}");
    }
}

#[tokio::test]
async fn a_browser_is_not_led_to_a_new_id_that_lacks_what_another_request_wrote() {
    for policy in ["fail", "read-only"] {
        let bench = server_bench(Config::new().set("SESSION_ON_STORE_FAILURE", policy));
        let (mut browser, session) = overtaken_by_a_write(&bench).await;
        bench.faults.fail(&["replace"]);
        match policy {
            "fail" => assert!(bench.engine.close(&session).await.is_err()),
            _ => {
                let reply = browser.close(&session).await;
                assert_eq!(reply.decision().reason, Reason::StoreFailed);
                assert_eq!(reply.set_cookie(), None);
                // The new id is forgotten: it leads nobody away later.
                bench.faults.fail(&[]);
                session.insert("c", 3).unwrap();
                assert!(session.save().await.is_err());
            }
        }
        bench.faults.fail(&[]);
        assert_eq!(browser.see::<u32>(&bench.engine, "b").await, Some(2));
    }
}

#[tokio::test]
async fn what_others_write_to_an_old_record_that_could_not_be_removed_is_taken_over() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let mut other = browser.clone();
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    session.insert("a", 1).unwrap();
    bench.faults.fail(&["delete_unchanged"]);
    session.save().await.unwrap();
    // What is saved in between is the session's as well.
    append(&session, 3);
    session.save().await.unwrap();
    other.write(&bench.engine, "b", 2).await;
    bench.faults.fail(&[]);
    append(&session, 4);
    browser.close(&session).await;
    assert_eq!(bench.sessions().await, 1);
    let session = browser.open(&bench.engine).await;
    for (key, value) in [("a", 1), ("b", 2)] {
        assert_eq!(session.get::<u32>(key).unwrap(), Some(value), "{key}");
    }
    let items = session.get::<Vec<u32>>("cart").unwrap();
    assert_eq!(items, Some(vec![3, 4]));
}

#[tokio::test]
async fn what_a_save_that_was_given_up_has_written_is_kept_when_an_old_record_is_taken_over() {
    for operation in ["replace", "answer to replace"] {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let mut other = browser.clone();
        let session = browser.open(&bench.engine).await;
        session.regenerate().unwrap();
        bench.faults.fail(&["delete_unchanged"]);
        session.save().await.unwrap();
        append(&session, 3);
        give_up(&bench, operation, &session).await;
        other.write(&bench.engine, "b", 2).await;
        bench.faults.fail(&[]);
        append(&session, 4);
        browser.close(&session).await;
        let session = browser.open(&bench.engine).await;
        let items = session.get::<Vec<u32>>("cart").unwrap();
        assert_eq!(items, Some(vec![3, 4]), "{operation}");
        assert_eq!(session.get::<u32>("b").unwrap(), Some(2), "{operation}");
    }
}

#[tokio::test]
async fn an_old_record_is_left_alone_once_the_browser_has_the_new_id() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let mut other = browser.clone();
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    bench.faults.fail(&["delete_unchanged"]);
    browser.close(&session).await;
    bench.faults.fail(&[]);
    other.write(&bench.engine, "b", 2).await;
    browser.write(&bench.engine, "c", 3).await;
    // A stream goes on with the session.
    session.insert("d", 4).unwrap();
    session.save().await.unwrap();
    assert_eq!(other.see::<u32>(&bench.engine, "b").await, Some(2));
    for (key, value) in [("c", 3), ("d", 4)] {
        let seen = browser.see::<u32>(&bench.engine, key).await;
        assert_eq!(seen, Some(value), "{key}");
    }
}

#[tokio::test]
async fn a_second_new_id_waits_for_the_record_from_before_the_first() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    bench.faults.fail(&["delete_unchanged"]);
    session.save().await.unwrap();
    session.regenerate().unwrap();
    assert!(bench.engine.close(&session).await.is_err());
    bench.faults.fail(&[]);
    browser.close(&session).await;
    assert_eq!(bench.sessions().await, 1);
    assert!(browser.open(&bench.engine).await.contains("user"));
}
