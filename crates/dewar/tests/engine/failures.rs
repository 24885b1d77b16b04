use dewar::config::Config;
use dewar::plan::Reason;
use dewar::{ErrorKind, Result, Session};

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
