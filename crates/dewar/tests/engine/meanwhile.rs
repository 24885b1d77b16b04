use dewar::config::Config;

use crate::saving::{append, give_up, logged_in, save_begun};
use crate::support::{Bench, Browser, server_bench};

/// Lets go of what hangs, and waits until the store holds it up at this operation.
async fn go_on_until(bench: &Bench, operation: &'static str) {
    bench.faults.hang_after(operation, 0);
    while !bench.faults.hangs() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_session_that_is_ended_again_while_it_is_removed_leaves_no_record() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.destroy().unwrap();
    session.insert("farewell", true).unwrap();
    let saving = save_begun(&bench, "delete", &session).await;
    session.destroy().unwrap();
    bench.faults.let_go();
    saving.await.unwrap().unwrap();
    assert_eq!(bench.sessions().await, 0);
    browser.close(&session).await;
    assert_eq!(browser.cookie, None);
}

#[tokio::test]
async fn a_session_that_is_cleared_while_a_save_is_merged_leaves_no_record() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.insert("cart", [1]).unwrap();
    bench.faults.lose(1);
    let saving = save_begun(&bench, "load", &session).await;
    session.clear().unwrap();
    bench.faults.let_go();
    saving.await.unwrap().unwrap();
    assert_eq!(bench.sessions().await, 0);
    browser.close(&session).await;
    assert_eq!(browser.cookie, None);
}

#[tokio::test]
async fn a_logout_while_an_emptied_session_is_merged_ends_it() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.remove("user").unwrap();
    browser.clone().write(&bench.engine, "cart", [1]).await;
    let saving = save_begun(&bench, "load", &session).await;
    session.destroy().unwrap();
    bench.faults.let_go();
    saving.await.unwrap().unwrap();
    browser.close(&session).await;
    assert_eq!(browser.cookie, None);
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn a_logout_while_a_new_id_is_made_keeps_nothing_of_the_session() {
    for operation in ["create", "delete_unchanged", "load", "replace"] {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let session = browser.open(&bench.engine).await;
        session.regenerate().unwrap();
        browser.clone().write(&bench.engine, "cart", [1]).await;
        let saving = save_begun(&bench, operation, &session).await;
        session.destroy().unwrap();
        session.insert("farewell", true).unwrap();
        bench.faults.let_go();
        saving.await.unwrap().unwrap();
        assert_eq!(bench.sessions().await, 1, "{operation}");
        browser.close(&session).await;
        let session = browser.open(&bench.engine).await;
        assert_eq!(session.keys(), ["_permanent", "farewell"], "{operation}");
    }
}

#[tokio::test]
async fn a_logout_while_a_record_that_was_made_before_is_written_ends_the_session() {
    for new_id in [false, true] {
        let bench = server_bench(Config::new());
        let mut browser = Browser::default();
        if new_id {
            browser = logged_in(&bench).await;
        }
        let session = browser.open(&bench.engine).await;
        session.insert("cart", [1]).unwrap();
        session.regenerate().unwrap();
        give_up(&bench, "answer to create", &session).await;
        let saving = save_begun(&bench, "load", &session).await;
        session.destroy().unwrap();
        bench.faults.let_go();
        saving.await.unwrap().unwrap();
        assert_eq!(bench.sessions().await, 0);
        browser.close(&session).await;
        assert_eq!(browser.cookie, None);
    }
}

#[tokio::test]
async fn what_is_changed_while_a_new_id_takes_over_what_others_wrote_is_done_once() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let mut rival = browser.clone();
    let session = browser.open(&bench.engine).await;
    session.regenerate().unwrap();
    rival.request(&bench.engine, |other| append(other, 1)).await;
    let saving = save_begun(&bench, "load", &session).await;
    append(&session, 2);
    session.remove("user").unwrap();
    go_on_until(&bench, "replace").await;
    rival.request(&bench.engine, |other| append(other, 3)).await;
    bench.faults.let_go();
    saving.await.unwrap().unwrap();
    session.reload().await.unwrap();
    browser.close(&session).await;
    let session = browser.open(&bench.engine).await;
    assert_eq!(session.keys(), ["_permanent", "cart"]);
    assert_eq!(
        session.get::<Vec<u32>>("cart").unwrap(),
        Some(vec![1, 3, 2])
    );
}

#[tokio::test]
async fn a_new_id_that_is_asked_for_while_a_record_is_made_loses_nothing() {
    for operation in ["load", "replace"] {
        let bench = server_bench(Config::new());
        let mut browser = Browser::default();
        let session = browser.open(&bench.engine).await;
        session.insert("user", "ada").unwrap();
        give_up(&bench, "answer to create", &session).await;
        let saving = save_begun(&bench, operation, &session).await;
        session.regenerate().unwrap();
        append(&session, 1);
        bench.faults.let_go();
        saving.await.unwrap().unwrap();
        session.reload().await.unwrap();
        // Its answer may be lost as well.
        give_up(&bench, "answer to create", &session).await;
        browser.close(&session).await;
        let session = browser.open(&bench.engine).await;
        assert_eq!(
            session.keys(),
            ["_permanent", "user", "cart"],
            "{operation}"
        );
        assert_eq!(session.get::<Vec<u32>>("cart").unwrap(), Some(vec![1]));
        assert_eq!(bench.sessions().await, 1, "{operation}");
    }
}

#[tokio::test]
async fn what_is_appended_while_a_new_record_is_written_again_is_appended_once() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    append(&session, 1);
    give_up(&bench, "answer to create", &session).await;
    let saving = save_begun(&bench, "load", &session).await;
    append(&session, 2);
    bench.faults.let_go();
    saving.await.unwrap().unwrap();
    session.reload().await.unwrap();
    browser.close(&session).await;
    let cart = browser.see(&bench.engine, "cart").await;
    assert_eq!(cart, Some(vec![1, 2]));
}

#[tokio::test]
async fn a_logout_while_a_record_is_written_that_this_request_removed_sets_no_cookie() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    append(&session, 1);
    session.save().await.unwrap();
    session.clear().unwrap();
    give_up(&bench, "answer to delete_unchanged", &session).await;
    append(&session, 2);
    let closing = session.clone();
    let closing = tokio::spawn(async move { closing.engine().close(&closing).await });
    go_on_until(&bench, "replace").await;
    session.destroy().unwrap();
    bench.faults.let_go();
    browser.obey(&closing.await.unwrap().unwrap());
    assert_eq!(bench.sessions().await, 0);
    assert_eq!(browser.cookie, None);
}
