use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use dewar::adapter::{Closing, Scope};
use dewar::config::Config;
use dewar::{Engine, Session};

use crate::support::{Bench, Browser, server_bench};

/// What an extractor gets; the memory store never lets anybody wait.
fn extracted() -> Option<Session> {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(Scope::open([])).poll(&mut context) {
        std::task::Poll::Ready(session) => session.unwrap(),
        std::task::Poll::Pending => panic!("the memory store lets wait"),
    }
}

fn scopes<const N: usize>() -> [(Bench, Scope); N] {
    let mut names = "abc".chars().map(String::from);
    [(); N].map(|()| {
        let name = names.next().unwrap();
        let bench = server_bench(Config::new().set("SESSION_COOKIE_NAME", name));
        let scope = Scope::new(bench.engine.clone());
        (bench, scope)
    })
}

#[tokio::test]
async fn a_scope_has_one_session_which_is_closed_with_it() {
    let [(bench, mut scope)] = scopes();
    scope.enter(|| extracted().unwrap().insert("n", 1).unwrap());
    scope.enter(|| assert_eq!(extracted().unwrap().get("n").unwrap(), Some(1)));
    let mut browser = Browser::default();
    let Some(Closing::Waits(closing)) = scope.close() else {
        panic!("a store that may wait is waited for");
    };
    browser.obey(&closing.await.unwrap());
    assert!(!browser.open(&bench.engine).await.is_new());
    assert!(scope.close().is_none());
}

#[test]
fn a_session_in_memory_is_closed_at_once() {
    let engine = Engine::new(Config::new().session_type("memory")).unwrap();
    let mut scope = Scope::new(engine);
    scope.enter(|| extracted().unwrap().insert("n", 1).unwrap());
    let Some(Closing::Done(reply)) = scope.close() else {
        panic!("nothing is waited for");
    };
    assert!(reply.unwrap().set_cookie().is_some());
    assert!(scope.close().is_none());
}

#[test]
fn a_response_varies_by_the_cookie_if_somebody_goes_on_with_the_session() {
    let engine = Engine::new(Config::new().session_type("memory")).unwrap();
    for goes_on in [true, false] {
        let mut scope = Scope::new(engine.clone());
        let kept = scope.enter(extracted).filter(|_| goes_on);
        let Some(Closing::Done(reply)) = scope.close() else {
            panic!("nothing is waited for");
        };
        assert_eq!(reply.unwrap().varies(), goes_on);
        drop(kept);
    }
}

#[test]
fn a_scope_in_which_nobody_asked_has_nothing_to_close() {
    let [(bench, mut scope)] = scopes();
    scope.enter(|| ());
    assert!(scope.close().is_none());
    assert_eq!(bench.faults.calls(), 0);
}

#[test]
fn the_innermost_scope_counts_and_none_is_left_behind() {
    let [(_, mut outer), (_, mut inner)] = scopes();
    outer.enter(|| {
        extracted().unwrap().insert("in", "outer").unwrap();
        inner.enter(|| assert!(!extracted().unwrap().contains("in")));
        let panicked = catch_unwind(AssertUnwindSafe(|| inner.enter(|| panic!("inside"))));
        assert!(panicked.is_err());
        assert!(extracted().unwrap().contains("in"));
    });
    assert!(extracted().is_none());
}

#[tokio::test]
async fn extractors_that_wait_at_once_load_the_session_once() {
    let (bench, cookie) = saved().await;
    bench.faults.hang_after("load", 0);
    let before = bench.faults.calls();
    let mut scope = Scope::new(bench.engine.clone());
    let extract = || Scope::open([cookie.as_bytes()]);
    let mut all = pin!(async { tokio::try_join!(extract(), extract(), extract()) });
    let mut context = Context::from_waker(Waker::noop());
    let pending = scope.enter(|| all.as_mut().poll(&mut context).is_pending());
    assert!(pending);
    bench.faults.let_go();
    let all = poll_fn(|context| scope.enter(|| all.as_mut().poll(context)));
    let (one, other, third) = all.await.unwrap();
    one.unwrap().insert("n", 2).unwrap();
    for session in [other, third] {
        assert_eq!(session.unwrap().get("n").unwrap(), Some(2));
    }
    assert_eq!(bench.faults.calls() - before, 1);
}

#[tokio::test]
async fn an_extractor_that_gives_up_leaves_the_others_waiting_for_nothing() {
    let (bench, cookie) = saved().await;
    bench.faults.hang_after("load", 0);
    let mut scope = Scope::new(bench.engine.clone());
    let mut first = Box::pin(Scope::open([cookie.as_bytes()]));
    let mut second = pin!(Scope::open([cookie.as_bytes()]));
    let woken = Arc::new(Woken::default());
    scope.enter(|| {
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        assert!(second.as_mut().poll(&mut context).is_pending());
    });
    assert!(!woken.0.load(Ordering::SeqCst));
    drop(first);
    assert!(woken.0.load(Ordering::SeqCst));
    bench.faults.let_go();
    let second = poll_fn(|context| scope.enter(|| second.as_mut().poll(context)));
    assert_eq!(second.await.unwrap().unwrap().get("n").unwrap(), Some(1));
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A bench with one session, and the header that belongs to it.
async fn saved() -> (Bench, String) {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "n", 1).await;
    let cookie = format!("{}={}", bench.engine.cookie_name(), browser.cookie.unwrap());
    (bench, cookie)
}

#[tokio::test]
async fn vary_is_joined_to_what_a_response_says_unless_it_says_so() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let reply = browser.write(&bench.engine, "user", "ada").await;
    for (missing, joined) in [
        (&[][..], "Cookie"),
        (&["Accept"], "Accept, Cookie"),
        (
            &["Cookies", "X-Cookie, Accept"],
            "Cookies, X-Cookie, Accept, Cookie",
        ),
        (&[""], "Cookie"),
    ] {
        let already = missing.iter().map(|value| value.as_bytes());
        assert_eq!(reply.vary(already).unwrap(), joined, "{missing:?}");
    }
    for there in [&["Cookie"][..], &["*"], &["Accept", "Origin , cOOkie"]] {
        let already = there.iter().map(|value| value.as_bytes());
        assert_eq!(reply.vary(already), None, "{there:?}");
    }
    let untouched = browser.request(&bench.engine, |_| {}).await;
    assert_eq!(untouched.vary([]), None);
}
