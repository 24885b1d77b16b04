use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use dewar::config::Config;
use dewar::{Engine, ErrorKind, Session};
use tokio::task::JoinHandle;

use crate::support::{Bench, Browser, server_bench};

/// A browser whose session holds `{"user": "ada"}`.
async fn logged_in(bench: &Bench) -> Browser {
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    browser
}

/// Starts a task, and waits until the store holds it up at this operation.
async fn begun<F>(bench: &Bench, operation: &'static str, task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    bench.store.hang_after(operation, 0);
    let task = tokio::spawn(task);
    while !bench.store.hangs() {
        tokio::task::yield_now().await;
    }
    task
}

/// Starts to save in a task of its own.
async fn save_begun(
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
    let before = bench.store.calls();
    let polled = waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "it did not wait");
    assert_eq!(bench.store.calls(), before, "it did not wait");
    bench.store.let_go();
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
    assert_eq!(bench.store.sessions().await, 1);
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
    assert_eq!(bench.store.sessions().await, 1);
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
