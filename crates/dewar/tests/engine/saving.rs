use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use dewar::config::Config;
use dewar::plan::Plan;
use dewar::{Engine, ErrorKind, Session};
use tokio::task::JoinHandle;

use crate::support::{Bench, Browser, server_bench};

/// A browser whose session holds `{"user": "ada"}`.
pub(crate) async fn logged_in(bench: &Bench) -> Browser {
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    browser
}

/// Starts a task, and waits until the store holds it up at this operation.
async fn begun<F>(bench: &Bench, operation: &'static str, task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    bench.faults.hang_after(operation, 0);
    let task = tokio::spawn(task);
    while !bench.faults.hangs() {
        tokio::task::yield_now().await;
    }
    task
}

/// Starts to save in a task of its own.
pub(crate) async fn save_begun(
    bench: &Bench,
    operation: &'static str,
    session: &Session,
) -> JoinHandle<dewar::Result<()>> {
    let session = session.clone();
    begun(bench, operation, async move { session.save().await }).await
}

/// Polls what has to wait for the task that hangs, and lets that go.
async fn wait_for<F: Future>(bench: &Bench, waiting: F) -> F::Output {
    let mut waiting = pin!(waiting);
    let before = bench.faults.calls();
    let polled = waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "it did not wait");
    assert_eq!(bench.faults.calls(), before, "it did not wait");
    bench.faults.let_go();
    waiting.await
}

#[tokio::test]
async fn two_tasks_that_save_a_new_session_make_one_record() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    session.insert("first", 1).unwrap();
    let first = save_begun(&bench, "create", &session).await;
    session.insert("second", 2).unwrap();
    wait_for(&bench, session.save()).await.unwrap();
    first.await.unwrap().unwrap();
    browser.close(&session).await;
    assert_eq!(bench.sessions().await, 1);
    assert_eq!(browser.see(&bench.engine, "first").await, Some(1));
    assert_eq!(browser.see(&bench.engine, "second").await, Some(2));
}

#[tokio::test]
async fn a_response_waits_for_the_save_that_makes_its_session() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    session.insert("user", "ada").unwrap();
    let saving = save_begun(&bench, "create", &session).await;
    assert!(bench.engine.close_at_once(&session).is_none());
    let reply = wait_for(&bench, bench.engine.close(&session)).await;
    browser.obey(&reply.unwrap());
    saving.await.unwrap().unwrap();
    let user = browser.see::<String>(&bench.engine, "user").await;
    assert_eq!(user.as_deref(), Some("ada"));
    assert_eq!(bench.sessions().await, 1);
}

#[tokio::test]
async fn a_save_that_waits_for_the_response_needs_no_cookie_any_more() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.insert("step", 1).unwrap();
    let closing = session.clone();
    let closing = begun(&bench, "replace", async move {
        closing.engine().close(&closing).await
    });
    let closing = closing.await;
    session.regenerate().unwrap();
    let error = wait_for(&bench, session.save()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    browser.obey(&closing.await.unwrap().unwrap());
    assert_eq!(browser.see(&bench.engine, "step").await, Some(1));
}

#[tokio::test]
async fn what_is_loaded_again_waits_for_what_is_being_saved() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.insert("step", 1).unwrap();
    browser.write(&bench.engine, "cart", [1]).await;
    let saving = save_begun(&bench, "replace", &session).await;
    wait_for(&bench, session.reload()).await.unwrap();
    saving.await.unwrap().unwrap();
    assert_eq!(session.get("step").unwrap(), Some(1));
    assert_eq!(browser.see(&bench.engine, "step").await, Some(1));
    assert_eq!(browser.see(&bench.engine, "cart").await, Some(vec![1]));
}

#[tokio::test]
async fn nobody_waits_for_a_save_that_is_given_up() {
    let bench = server_bench(Config::new());
    let browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.insert("step", 1).unwrap();
    let saving = save_begun(&bench, "replace", &session).await;
    let waiting = session.clone();
    let waiting = tokio::spawn(async move { waiting.save().await });
    tokio::task::yield_now().await;
    saving.abort();
    assert!(saving.await.unwrap_err().is_cancelled());
    waiting.await.unwrap().unwrap();
}

#[test]
fn threads_that_save_a_session_in_memory_come_one_after_the_other() {
    let engine = Engine::new(Config::new().session_type("memory")).unwrap();
    let at_once = |session: &Session| match engine.close_at_once(session) {
        Some(reply) => reply.unwrap(),
        None => panic!("a store that never waits is waited for"),
    };
    for _ in 0..2000 {
        let mut opened = pin!(engine.open([]));
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(session)) = opened.as_mut().poll(&mut context) else {
            panic!("no session");
        };
        session.insert("user", "ada").unwrap();
        let both = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let saving = scope.spawn(|| {
                both.wait();
                let mut context = Context::from_waker(Waker::noop());
                pin!(session.save()).poll(&mut context)
            });
            both.wait();
            let reply = at_once(&session);
            assert!(reply.set_cookie().is_some(), "{reply:?}");
            assert!(matches!(saving.join().unwrap(), Poll::Ready(Ok(()))));
        });
    }
}

/// Starts to save, and gives up while the store is at this operation.
pub(crate) async fn give_up(bench: &Bench, operation: &'static str, session: &Session) {
    let saving = save_begun(bench, operation, session).await;
    saving.abort();
    assert!(saving.await.unwrap_err().is_cancelled());
    bench.faults.let_go();
    assert!(session.is_modified(), "{operation}: it counts as saved");
}

pub(crate) fn append(session: &Session, item: u32) {
    session
        .update("cart", |cart: &mut Vec<u32>| cart.push(item))
        .unwrap();
}

/// A write that does not arrive, and one that does.
const REPLACED: [&str; 2] = ["replace", "answer to replace"];
const CREATED: [&str; 2] = ["create", "answer to create"];
const REMOVED: [&str; 2] = ["delete_unchanged", "answer to delete_unchanged"];

#[tokio::test]
async fn a_save_that_is_given_up_loses_nothing_and_does_nothing_twice() {
    for operation in REPLACED {
        for again in [false, true] {
            let bench = server_bench(Config::new());
            let mut browser = Browser::default();
            browser.write(&bench.engine, "cart", [1]).await;
            let session = browser.open(&bench.engine).await;
            append(&session, 2);
            session.insert("paid", true).unwrap();
            session.flash("info", "thank you").unwrap();
            give_up(&bench, operation, &session).await;
            if again {
                give_up(&bench, operation, &session).await;
                append(&session, 3);
                give_up(&bench, "replace", &session).await;
                session.reload().await.unwrap();
                assert!(session.is_modified());
            }
            append(&session, 4);
            browser.close(&session).await;
            assert!(!session.is_modified());
            let expected = if again {
                vec![1, 2, 3, 4]
            } else {
                vec![1, 2, 4]
            };
            assert_eq!(
                browser.see(&bench.engine, "cart").await,
                Some(expected),
                "{operation}"
            );
            assert_eq!(browser.see(&bench.engine, "paid").await, Some(true));
            assert_eq!(browser.open(&bench.engine).await.flashes().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_save_that_arrived_though_it_was_given_up_is_not_written_again() {
    let bench = server_bench(Config::new());
    let browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    append(&session, 1);
    give_up(&bench, "answer to replace", &session).await;
    let before = bench.faults.calls();
    session.save().await.unwrap();
    assert_eq!(bench.faults.calls() - before, 2, "a try and a look");
    assert!(!session.is_modified());
    assert_eq!(browser.see(&bench.engine, "cart").await, Some(vec![1]));
}

#[tokio::test]
async fn a_save_that_is_given_up_is_merged_with_what_others_write() {
    for operation in REPLACED {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let session = browser.open(&bench.engine).await;
        session.insert("paid", true).unwrap();
        give_up(&bench, operation, &session).await;
        browser.write(&bench.engine, "other", 1).await;
        session.remove("user").unwrap();
        browser.close(&session).await;
        let session = browser.open(&bench.engine).await;
        assert_eq!(session.get("paid").unwrap(), Some(true), "{operation}");
        assert_eq!(session.get("other").unwrap(), Some(1));
        assert!(!session.contains("user"));
    }
}

#[tokio::test]
async fn what_is_appended_while_a_list_is_being_set_is_appended_once() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.insert("cart", [1]).unwrap();
    browser.write(&bench.engine, "other", 1).await;
    let saving = save_begun(&bench, "replace", &session).await;
    append(&session, 2);
    bench.faults.let_go();
    saving.await.unwrap().unwrap();
    browser.write(&bench.engine, "other", 2).await;
    browser.close(&session).await;
    assert_eq!(browser.see(&bench.engine, "cart").await, Some(vec![1, 2]));
}

#[tokio::test]
async fn a_new_session_whose_save_is_given_up_is_one_record_in_the_end() {
    for operation in CREATED {
        let bench = server_bench(Config::new());
        let mut browser = Browser::default();
        let session = browser.open(&bench.engine).await;
        let id = session.id().unwrap();
        session.insert("first", 1).unwrap();
        give_up(&bench, operation, &session).await;
        session.insert("second", 2).unwrap();
        assert!(browser.close(&session).await.set_cookie().is_some());
        assert_eq!(session.id().unwrap(), id);
        assert_eq!(browser.see(&bench.engine, "first").await, Some(1));
        assert_eq!(browser.see(&bench.engine, "second").await, Some(2));
        assert_eq!(bench.sessions().await, 1, "{operation}");
    }
}

#[tokio::test]
async fn a_new_session_that_ends_after_its_save_was_given_up_leaves_no_record() {
    for operation in CREATED {
        for (end, sessions) in [
            (Session::destroy as fn(&Session) -> dewar::Result<()>, 0),
            (Session::clear, 0),
            (Session::regenerate, 1),
        ] {
            let bench = server_bench(Config::new());
            let mut browser = Browser::default();
            let session = browser.open(&bench.engine).await;
            session.insert("first", 1).unwrap();
            give_up(&bench, operation, &session).await;
            end(&session).unwrap();
            browser.close(&session).await;
            assert_eq!(bench.sessions().await, sessions, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_logout_that_cannot_remove_what_a_save_left_is_never_reported_as_done() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    session.insert("user", "ada").unwrap();
    give_up(&bench, "answer to create", &session).await;
    session.destroy().unwrap();
    bench.faults.fail(&["delete"]);
    let error = bench.engine.close(&session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    bench.faults.fail(&[]);
    browser.close(&session).await;
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn a_new_id_whose_save_is_given_up_at_any_step_ends_the_old_one() {
    for operation in [CREATED, REMOVED].concat() {
        for (end, sessions) in [
            ((|_| Ok(())) as fn(&Session) -> dewar::Result<()>, 1),
            (Session::set_modified, 1),
            (Session::regenerate, 1),
            (Session::destroy, 0),
        ] {
            let bench = server_bench(Config::new());
            let mut browser = logged_in(&bench).await;
            let old = browser.clone();
            let session = browser.open(&bench.engine).await;
            session.regenerate().unwrap();
            session.insert("user", "grace").unwrap();
            give_up(&bench, operation, &session).await;
            end(&session).unwrap();
            assert!(bench.engine.close_at_once(&session).is_none());
            browser.close(&session).await;
            let seen = old.see::<String>(&bench.engine, "user").await;
            assert_eq!(seen, None, "{operation}: the old id is good");
            let seen = browser.see::<String>(&bench.engine, "user").await;
            assert_eq!(seen.is_some(), sessions == 1, "{operation}");
            assert_eq!(bench.sessions().await, sessions, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_new_id_whose_save_is_given_up_takes_over_once_what_others_wrote() {
    let all = [&CREATED[..], &REMOVED, &["load"], &REPLACED].concat();
    for operation in all {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let old = browser.clone();
        let session = browser.open(&bench.engine).await;
        session.regenerate().unwrap();
        append(&session, 2);
        let mut rival = browser.clone();
        rival.request(&bench.engine, |other| append(other, 1)).await;
        give_up(&bench, operation, &session).await;
        if REMOVED.contains(&operation) {
            append(&session, 3);
        } else {
            rival.request(&bench.engine, |other| append(other, 3)).await;
        }
        browser.close(&session).await;
        assert_ne!(browser.cookie, old.cookie);
        let cart = browser.see(&bench.engine, "cart").await;
        let expected = match REMOVED.contains(&operation) {
            true => [1, 2, 3],
            false => [1, 3, 2],
        };
        assert_eq!(cart, Some(expected.to_vec()), "{operation}");
        assert_eq!(bench.sessions().await, 1, "{operation}");
    }
}

#[tokio::test]
async fn a_new_id_after_a_save_that_was_given_up_does_nothing_twice() {
    for operation in REPLACED {
        let bench = server_bench(Config::new());
        let mut browser = Browser::default();
        browser.write(&bench.engine, "cart", [1]).await;
        let session = browser.open(&bench.engine).await;
        append(&session, 2);
        give_up(&bench, operation, &session).await;
        session.regenerate().unwrap();
        append(&session, 3);
        assert_eq!(browser.close(&session).await.decision().plan, Plan::Rotate);
        let cart = browser.see(&bench.engine, "cart").await;
        assert_eq!(cart, Some(vec![1, 2, 3]), "{operation}");
        assert_eq!(bench.sessions().await, 1, "{operation}");
    }
}

#[tokio::test]
async fn a_new_id_whose_save_is_given_up_does_not_undo_a_logout() {
    for operation in CREATED {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let session = browser.open(&bench.engine).await;
        session.regenerate().unwrap();
        give_up(&bench, operation, &session).await;
        browser
            .request(&bench.engine, |other| other.destroy().unwrap())
            .await;
        let reply = browser.close(&session).await;
        assert_eq!(reply.set_cookie(), None);
        assert_eq!(bench.sessions().await, 0, "{operation}");
    }
}

#[tokio::test]
async fn an_emptied_session_whose_save_is_given_up_ends() {
    for operation in REMOVED {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let session = browser.open(&bench.engine).await;
        session.remove("user").unwrap();
        give_up(&bench, operation, &session).await;
        browser.close(&session).await;
        assert_eq!(browser.cookie, None, "{operation}");
        assert_eq!(bench.sessions().await, 0);
    }
}

#[tokio::test]
async fn a_new_session_that_was_saved_after_all_can_get_a_new_id() {
    for operation in CREATED {
        let bench = server_bench(Config::new());
        let mut browser = Browser::default();
        let session = browser.open(&bench.engine).await;
        session.insert("first", 1).unwrap();
        give_up(&bench, operation, &session).await;
        session.save().await.unwrap();
        let id = session.id().unwrap();
        session.regenerate().unwrap();
        session.save().await.unwrap();
        assert_ne!(session.id().unwrap(), id);
        browser.close(&session).await;
        assert_eq!(browser.see(&bench.engine, "first").await, Some(1));
        assert_eq!(bench.sessions().await, 1, "{operation}");
    }
}

#[tokio::test]
async fn a_change_that_is_made_while_a_save_is_merged_is_not_lost_by_the_next_conflict() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench).await;
    let session = browser.open(&bench.engine).await;
    session.insert("early", 1).unwrap();
    bench.faults.lose(2);
    let saving = save_begun(&bench, "load", &session).await;
    session.insert("late", 2).unwrap();
    bench.faults.let_go();
    saving.await.unwrap().unwrap();
    browser.close(&session).await;
    assert_eq!(browser.see(&bench.engine, "early").await, Some(1));
    assert_eq!(browser.see(&bench.engine, "late").await, Some(2));
}

#[tokio::test]
async fn what_was_done_is_not_done_again_at_the_end_of_the_request() {
    let config = Config::new()
        .set("SESSION_REFRESH_AFTER", 100)
        .set("SESSION_PERMANENT", false);
    let bench = server_bench(config);
    let mut browser = logged_in(&bench).await;
    bench.clock.advance(std::time::Duration::from_secs(100));
    let session = browser.open(&bench.engine).await;
    assert!(session.contains("user"));
    let before = bench.faults.calls();
    session.save().await.unwrap();
    assert_eq!(bench.faults.calls(), before + 1, "its expiry is moved");
    let reply = browser.close(&session).await;
    assert_eq!(reply.decision().plan, Plan::Nothing);
    // Nor is a cookie sent again.
    let session = Browser::default().open(&bench.engine).await;
    session.insert("user", "grace").unwrap();
    assert!(browser.close(&session).await.set_cookie().is_some());
    assert!(browser.close(&session).await.set_cookie().is_none());
}

#[tokio::test]
async fn what_is_written_while_a_session_is_being_removed_starts_a_new_one() {
    let endings: [(_, fn(&Session)); 2] = [
        ("delete", |session| session.destroy().unwrap()),
        ("delete_unchanged", |session| {
            session.remove("user").unwrap();
        }),
    ];
    for (operation, end) in endings {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let old = browser.cookie.clone();
        let session = browser.open(&bench.engine).await;
        end(&session);
        let saving = save_begun(&bench, operation, &session).await;
        session.insert("farewell", true).unwrap();
        bench.faults.let_go();
        saving.await.unwrap().unwrap();
        assert_eq!(bench.sessions().await, 0, "{operation}");
        browser.close(&session).await;
        assert_ne!(browser.cookie, old, "{operation}");
        let session = browser.open(&bench.engine).await;
        assert_eq!(session.keys(), ["_permanent", "farewell"], "{operation}");
    }
}

#[tokio::test]
async fn a_close_that_is_given_up_can_be_repeated() {
    for operation in ["create", "answer to create", "delete_expired"] {
        let bench = server_bench(Config::new().set("SESSION_CLEANUP_N_REQUESTS", 1));
        let mut browser = Browser::default();
        let session = browser.open(&bench.engine).await;
        session.insert("user", "ada").unwrap();
        let closing = session.clone();
        let closing = begun(&bench, operation, async move {
            closing.engine().close(&closing).await.map(drop)
        });
        let closing = closing.await;
        closing.abort();
        assert!(closing.await.unwrap_err().is_cancelled());
        bench.faults.let_go();
        browser.close(&session).await;
        let user = browser.see::<String>(&bench.engine, "user").await;
        assert_eq!(user.as_deref(), Some("ada"), "{operation}");
        assert_eq!(bench.sessions().await, 1);
    }
}

#[tokio::test]
async fn a_new_id_whose_save_is_given_up_is_none_without_a_response() {
    for operation in [&CREATED[..], &["delete_unchanged"]].concat() {
        let bench = server_bench(Config::new());
        let browser = logged_in(&bench).await;
        let session = browser.open(&bench.engine).await;
        session.regenerate().unwrap();
        session.insert("user", "grace").unwrap();
        give_up(&bench, operation, &session).await;
        bench.engine.close_unanswered(&session).await.unwrap();
        let user = browser.see::<String>(&bench.engine, "user").await;
        assert_eq!(user.as_deref(), Some("ada"), "{operation}");
        assert_eq!(bench.sessions().await, 1, "{operation}");
    }
    for operation in CREATED {
        let bench = server_bench(Config::new());
        let session = Browser::default().open(&bench.engine).await;
        session.insert("user", "ada").unwrap();
        give_up(&bench, operation, &session).await;
        bench.engine.close_unanswered(&session).await.unwrap();
        assert_eq!(bench.sessions().await, 0, "{operation}");
    }
}

#[tokio::test]
async fn what_is_written_after_an_emptied_session_was_removed_unnoticed_is_not_lost() {
    for operation in REMOVED {
        for new_id in [false, true] {
            let bench = server_bench(Config::new());
            let mut browser = logged_in(&bench).await;
            let session = browser.open(&bench.engine).await;
            session.clear().unwrap();
            give_up(&bench, operation, &session).await;
            session.insert("farewell", true).unwrap();
            if new_id {
                session.regenerate().unwrap();
            }
            browser.close(&session).await;
            let session = browser.open(&bench.engine).await;
            assert_eq!(session.keys(), ["_permanent", "farewell"], "{operation}");
            assert_eq!(bench.sessions().await, 1, "{operation}");
        }
        // Twice in doubt.
        for written in REPLACED {
            let bench = server_bench(Config::new());
            let mut browser = logged_in(&bench).await;
            let session = browser.open(&bench.engine).await;
            session.clear().unwrap();
            give_up(&bench, operation, &session).await;
            session.insert("farewell", true).unwrap();
            give_up(&bench, written, &session).await;
            browser.close(&session).await;
            let farewell = browser.see(&bench.engine, "farewell").await;
            assert_eq!(farewell, Some(true), "{operation}, {written}");
        }
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench).await;
        let session = browser.open(&bench.engine).await;
        session.clear().unwrap();
        give_up(&bench, operation, &session).await;
        session.reload().await.unwrap();
        browser.close(&session).await;
        assert_eq!(browser.cookie, None, "{operation}");
    }
}
