use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dewar::clock::Clock;
use dewar::config::Config;
use dewar::data::{Dict, Value};
use dewar::plan::{CookieAction, Plan, Reason};
use dewar::{Engine, ErrorKind, Random, Result, Session, UnixTime};

use tokio::task::JoinHandle;

use crate::support::{Bench, Browser, START, cookie_bench, server_bench};

/// A browser whose session holds `{"user": "ada"}`.
async fn logged_in(engine: &dewar::Engine) -> Browser {
    let mut browser = Browser::default();
    browser.write(engine, "user", "ada").await;
    browser
}

#[tokio::test]
async fn two_requests_that_change_different_keys_lose_nothing() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let slow = browser.open(&bench.engine).await;
    let quick = browser.open(&bench.engine).await;
    quick.insert("quick", 1).unwrap();
    quick.remove("user").unwrap();
    slow.insert("slow", 2).unwrap();
    assert_eq!(browser.close(&quick).await.merges(), 0);
    assert_eq!(browser.close(&slow).await.merges(), 1);

    let session = browser.open(&bench.engine).await;
    assert_eq!(session.get::<u32>("quick").unwrap(), Some(1));
    assert_eq!(session.get::<u32>("slow").unwrap(), Some(2));
    assert!(
        !session.contains("user"),
        "the merge brought a removed key back"
    );
}

#[tokio::test]
async fn two_requests_that_append_to_the_same_list_lose_nothing() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let append = |session: &Session, id: u64| {
        session
            .update("cart", |cart: &mut Vec<u64>| cart.push(id))
            .unwrap();
    };
    // The list is there for neither at first, and then for both.
    for (first, second) in [(1, 2), (3, 4)] {
        let slow = browser.open(&bench.engine).await;
        let quick = browser.open(&bench.engine).await;
        append(&slow, second);
        append(&slow, second);
        append(&quick, first);
        browser.close(&quick).await;
        assert_eq!(browser.close(&slow).await.merges(), 1);
    }
    let cart = browser.see::<Vec<u64>>(&bench.engine, "cart").await;
    assert_eq!(cart, Some(vec![1, 2, 2, 3, 4, 4]));
}

#[tokio::test]
async fn a_list_in_which_a_dict_got_another_order_was_not_only_appended_to() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let list = |keys: [&str; 2]| Value::from([Dict::from(keys.map(|key| (key, 1)))]);
    browser.write(&bench.engine, "list", list(["a", "b"])).await;
    let slow = browser.open(&bench.engine).await;
    let quick = browser.open(&bench.engine).await;
    slow.set_mirrored(&"list".into(), list(["b", "a"])).unwrap();
    quick.insert("quick", 1).unwrap();
    browser.close(&quick).await;
    assert_eq!(browser.close(&slow).await.merges(), 1);

    let session = browser.open(&bench.engine).await;
    let found = session.get::<Value>("list").unwrap().unwrap();
    let keys: Vec<_> = found.as_items().unwrap()[0]
        .as_dict()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(keys, ["b", "a"]);
}

#[tokio::test]
async fn a_list_that_was_not_only_appended_to_is_taken_as_a_whole() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    browser.write(&bench.engine, "cart", [1, 2]).await;
    let slow = browser.open(&bench.engine).await;
    let quick = browser.open(&bench.engine).await;
    slow.update("cart", |cart: &mut Vec<u64>| cart.push(3))
        .unwrap();
    slow.update("cart", |cart: &mut Vec<u64>| cart.remove(0))
        .unwrap();
    slow.update("cart", |cart: &mut Vec<u64>| cart.push(4))
        .unwrap();
    quick
        .update("cart", |cart: &mut Vec<u64>| cart.push(5))
        .unwrap();
    browser.close(&quick).await;
    browser.close(&slow).await;
    let cart = browser.see::<Vec<u64>>(&bench.engine, "cart").await;
    assert_eq!(cart, Some(vec![2, 3, 4]));
}

#[tokio::test]
async fn a_request_that_empties_the_session_takes_only_its_own_keys() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let emptying = browser.open(&bench.engine).await;
    emptying.remove("user").unwrap();
    browser.write(&bench.engine, "cart", [1]).await;
    let reply = browser.close(&emptying).await;
    assert_eq!((reply.decision().plan, reply.merges()), (Plan::Replace, 1));
    let session = browser.open(&bench.engine).await;
    assert!(
        !session.contains("user"),
        "the merge forgot that a key was removed"
    );
    assert_eq!(session.get::<Vec<u32>>("cart").unwrap(), Some(vec![1]));

    // A session that is cleared is cleared of everything, and one that ended meanwhile stays ended.
    let clearing = browser.open(&bench.engine).await;
    let late = browser.open(&bench.engine).await;
    clearing.clear().unwrap();
    late.clear().unwrap();
    browser.write(&bench.engine, "cart", [1, 2]).await;
    let reply = browser.close(&clearing).await;
    assert_eq!(
        (reply.decision().plan, reply.decision().cookie),
        (Plan::Delete, CookieAction::Delete)
    );
    assert_eq!(bench.sessions().await, 0);
    let reply = browser.close(&late).await;
    assert_eq!(
        (reply.decision().reason, reply.set_cookie()),
        (Reason::Gone, None)
    );
}

#[tokio::test]
async fn two_requests_that_each_remove_a_part_of_the_session_leave_none() {
    for new_id in [false, true] {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench.engine).await;
        browser.write(&bench.engine, "cart", [1]).await;
        let slow = browser.open(&bench.engine).await;
        slow.remove("user").unwrap();
        if new_id {
            slow.regenerate().unwrap();
        }
        browser
            .request(&bench.engine, |quick| drop(quick.remove("cart").unwrap()))
            .await;
        let reply = browser.close(&slow).await;
        assert_eq!(reply.decision().reason, Reason::Emptied);
        assert_eq!(browser.cookie, None);
        assert_eq!(bench.sessions().await, 0);
    }
}

#[tokio::test]
async fn a_logout_of_both_of_two_requests_keeps_the_farewell() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let session = browser.open(&bench.engine).await;
    session.destroy().unwrap();
    session.insert("farewell", true).unwrap();
    browser
        .request(&bench.engine, |other| other.destroy().unwrap())
        .await;
    session.reload().await.unwrap();
    browser.close(&session).await;
    let session = browser.open(&bench.engine).await;
    assert_eq!(session.keys(), ["_permanent", "farewell"]);
}

#[tokio::test]
async fn an_emptied_session_that_another_request_filled_gets_the_new_id_that_was_asked_for() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let before = browser.clone();
    let emptying = browser.open(&bench.engine).await;
    emptying.remove("user").unwrap();
    emptying.regenerate().unwrap();
    browser.write(&bench.engine, "cart", [1]).await;
    let reply = browser.close(&emptying).await;
    assert_eq!(reply.decision().plan, Plan::Rotate);
    assert_eq!(
        browser.open(&bench.engine).await.keys(),
        ["_permanent", "cart"]
    );
    assert_eq!(before.open(&bench.engine).await.keys(), ["_permanent"]);
    assert_eq!(bench.sessions().await, 1);
}

#[tokio::test]
async fn a_request_that_only_reads_never_overwrites() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let reader = browser.open(&bench.engine).await;
    assert_eq!(
        reader.get::<String>("user").unwrap().as_deref(),
        Some("ada")
    );
    browser.write(&bench.engine, "user", "grace").await;
    bench.clock.advance(std::time::Duration::from_secs(86_400));
    let reply = browser.close(&reader).await;
    assert_eq!(reply.decision().plan, Plan::Touch);
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("grace")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_of_their_own_keys_lose_nothing() {
    let bench = server_bench(Config::new());
    let browser = logged_in(&bench.engine).await;
    let browser = Arc::new(browser);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..64 {
        let (engine, browser) = (bench.engine.clone(), browser.clone());
        tasks.spawn(async move {
            for round in 0..5 {
                let session = browser.open(&engine).await;
                session
                    .insert(&format!("writer {writer} round {round}"), round)
                    .unwrap();
                loop {
                    match engine.close(&session).await {
                        Ok(_) => break,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Contention),
                    }
                }
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    let session = browser.open(&bench.engine).await;
    for writer in 0..64 {
        for round in 0..5 {
            let key = format!("writer {writer} round {round}");
            assert_eq!(
                session.get::<u32>(&key).unwrap(),
                Some(round),
                "{key} is lost"
            );
        }
    }
}

#[tokio::test]
async fn those_who_lose_in_one_process_come_one_after_the_other() {
    let bench = server_bench(Config::new());
    let browser = logged_in(&bench.engine).await;
    let mut sessions = Vec::new();
    for writer in 0..64 {
        let session = browser.open(&bench.engine).await;
        session.insert(&format!("writer {writer}"), writer).unwrap();
        sessions.push(session);
    }
    // Whoever waits is called, not woken by a clock: no pause ends.
    bench.faults.slow_down();
    let before = bench.faults.calls();
    let mut tasks = tokio::task::JoinSet::new();
    for session in sessions {
        let engine = bench.engine.clone();
        tasks.spawn(async move { engine.close(&session).await.map(|reply| reply.merges()) });
    }
    let all = tokio::time::timeout(Duration::from_secs(60), tasks.join_all()).await;
    let merges = all.expect("somebody was not called").into_iter();
    let merges: u32 = merges.map(Result::unwrap).sum();
    assert_eq!(merges, 63, "all but the first, once each");
    assert_eq!(bench.faults.calls() - before, 64 + 63 * 2);
    let session = browser.open(&bench.engine).await;
    for writer in 0..64 {
        assert_eq!(
            session.get::<u32>(&format!("writer {writer}")).unwrap(),
            Some(writer)
        );
    }
}

/// Closes a session in a task of its own, which hangs as the store was told.
async fn close_until_it_hangs(bench: &Bench, session: Session) -> JoinHandle<Result<()>> {
    let closing = tokio::spawn(async move { session.engine().close(&session).await.map(|_| ()) });
    while !bench.faults.hangs() {
        tokio::task::yield_now().await;
    }
    closing
}

#[tokio::test]
async fn nobody_waits_for_ever_for_one_who_hangs() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let [hangs, waits] = [
        browser.open(&bench.engine).await,
        browser.open(&bench.engine).await,
    ];
    browser.write(&bench.engine, "first", 1).await;
    hangs.insert("hangs", 1).unwrap();
    waits.insert("waits", 1).unwrap();
    // It loses, and then loads for ever.
    bench.faults.hang_after("load", 0);
    let hanging = close_until_it_hangs(&bench, hangs).await;
    assert_eq!(browser.close(&waits).await.merges(), 1);
    let pauses = bench.faults.pauses();
    let pauses: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128]);
    hanging.abort();

    // Who is stopped stands in nobody's way.
    assert!(hanging.await.unwrap_err().is_cancelled());
    let late = browser.open(&bench.engine).await;
    late.insert("late", 1).unwrap();
    browser.write(&bench.engine, "second", 2).await;
    browser.close(&late).await;
    assert_eq!(bench.faults.pauses().len(), 8);
}

#[tokio::test]
async fn a_clock_that_is_set_forward_during_a_try_makes_nobody_wait_for_long() {
    let bench = server_bench(Config::new());
    let browser = logged_in(&bench.engine).await;
    let session = browser.open(&bench.engine).await;
    session.insert("a", 1).unwrap();
    bench.faults.lose(4);
    bench.faults.hang_after("replace", 1);
    let closing = close_until_it_hangs(&bench, session).await;
    bench.clock.advance(Duration::from_secs(3600));
    bench.faults.let_go();
    closing.await.unwrap().unwrap();
    let pauses = bench.faults.pauses();
    assert_eq!(pauses.len(), 3);
    assert!(
        pauses.iter().all(|pause| pause.as_secs() <= 4),
        "{pauses:?}"
    );
}

#[tokio::test]
async fn who_pauses_for_other_processes_holds_up_nobody() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let [pauses, comes_next] = [
        browser.open(&bench.engine).await,
        browser.open(&bench.engine).await,
    ];
    browser.write(&bench.engine, "first", 1).await;
    pauses.insert("pauses", 1).unwrap();
    comes_next.insert("next", 1).unwrap();
    // It loses to another process when it is its turn, too, and pauses before it tries again.
    bench.faults.lose(2);
    bench.faults.hang_after("pause", 0);
    let pausing = close_until_it_hangs(&bench, pauses).await;
    assert_eq!(browser.close(&comes_next).await.merges(), 1);
    let paused = bench.faults.pauses().len();
    assert_eq!(paused, 1, "who came next waited for one who sleeps");
    pausing.abort();
}

#[tokio::test]
async fn who_has_lost_again_and_again_is_let_pass() {
    for (conflicts, waited) in [(7, 0), (8, 8)] {
        let bench = server_bench(Config::new());
        let mut browser = logged_in(&bench.engine).await;
        let loses = browser.open(&bench.engine).await;
        loses.insert("loses", 1).unwrap();
        bench.faults.lose(conflicts);
        bench.faults.hang_after("load", conflicts - 1);
        let losing = close_until_it_hangs(&bench, loses).await;
        let comes_new = browser.open(&bench.engine).await;
        comes_new.insert("new", 1).unwrap();
        let before = bench.faults.pauses().len();
        browser.close(&comes_new).await;
        let pauses = bench.faults.pauses().len() - before;
        assert_eq!(pauses, waited, "after {conflicts} conflicts");

        // Nobody is let pass who is no longer there.
        losing.abort();
        assert!(losing.await.unwrap_err().is_cancelled());
        browser.write(&bench.engine, "later", 1).await;
        assert_eq!(bench.faults.pauses().len() - before, waited);
    }
}

#[tokio::test]
async fn who_loses_while_emptying_and_while_writing_does_not_wait_for_itself() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let emptying = browser.open(&bench.engine).await;
    emptying.remove("user").unwrap();
    browser.write(&bench.engine, "cart", [1]).await;
    // The record was written to before it is removed, and again before what is left is written.
    bench.faults.lose(1);
    let reply = browser.close(&emptying).await;
    assert_eq!((reply.decision().plan, reply.merges()), (Plan::Replace, 2));
    assert_eq!(bench.faults.pauses(), []);
}

/// A source that always gives the same.
#[derive(Debug)]
struct Same(u8);

impl Random for Same {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.fill(self.0);
        Ok(())
    }
}

/// A clock on which a millisecond passes, or ten, whenever somebody looks.
#[derive(Debug)]
struct Passing(AtomicI64, i64);

impl Clock for Passing {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.0.fetch_add(self.1, Ordering::SeqCst))
    }
}

/// How many milliseconds a request waits that loses so often.
async fn pauses(conflicts: u32, random: u8, tick: i64) -> (Vec<u128>, Result<u32>) {
    let bench = server_bench(Config::new());
    let engine = Engine::builder(Config::new().session_type("memory"))
        .store(bench.store.clone())
        .clock(Passing(AtomicI64::new(START.millis()), tick))
        .random(Same(random))
        .build()
        .unwrap();
    let mut browser = logged_in(&engine).await;
    let session = browser.open(&engine).await;
    session.insert("late", true).unwrap();
    bench.faults.lose(conflicts);
    let saved = engine.close(&session).await.map(|reply| reply.merges());
    if saved.is_err() {
        bench.faults.lose(0);
        browser.close(&session).await;
    }
    assert_eq!(browser.see::<bool>(&engine, "late").await, Some(true));
    let pauses = bench.faults.pauses();
    (pauses.iter().map(Duration::as_millis).collect(), saved)
}

#[tokio::test]
async fn who_loses_again_and_again_waits_longer_and_longer() {
    let (pauses, saved) = pauses(10, 0xff, 0).await;
    assert_eq!(saved.unwrap(), 10);
    assert_eq!(
        pauses,
        [1, 2, 4, 8, 16, 32, 64, 64, 64],
        "the second try comes at once"
    );
}

#[tokio::test]
async fn the_pause_is_measured_by_what_a_try_takes_and_has_an_end() {
    let (pauses, _) = pauses(8, 0xff, 10).await;
    assert_eq!(pauses, [10, 20, 40, 80, 160, 250, 250]);
}

#[tokio::test]
async fn the_pause_is_a_random_part_of_the_range() {
    let (pauses, _) = pauses(10, 0x80, 0).await;
    assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 32, 32]);
}

#[tokio::test]
async fn tries_end_with_an_error_that_says_that_it_may_be_repeated() {
    let (pauses, saved) = pauses(129, 0xff, 0).await;
    let error = saved.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_temporary()),
        (ErrorKind::Contention, true)
    );
    assert_eq!(pauses.len(), 128);
}

#[tokio::test]
async fn a_slow_request_does_not_undo_a_logout() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let before = browser.clone();
    let slow = browser.open(&bench.engine).await;
    slow.insert("step", "slow").unwrap();

    browser
        .request(&bench.engine, |session| session.destroy().unwrap())
        .await;
    assert_eq!(browser.cookie, None);

    let reply = browser.close(&slow).await;
    assert_eq!(reply.decision().reason, Reason::Gone);
    assert_eq!(reply.set_cookie(), None, "the slow request sent a cookie");
    assert_eq!(bench.sessions().await, 0);
    assert_eq!(before.see::<String>(&bench.engine, "user").await, None);

    // Nor can the slow handler start over by writing again.
    let error = slow.insert("user", "ada").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
    assert_eq!(bench.engine.close(&slow).await.unwrap().set_cookie(), None);
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn a_handler_that_runs_long_can_ask_whether_the_session_still_lives() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let long = browser.open(&bench.engine).await;
    long.insert("step", 1).unwrap();
    browser.write(&bench.engine, "user", "grace").await;
    long.reload().await.unwrap();
    assert_eq!(
        long.get::<String>("user").unwrap().as_deref(),
        Some("grace")
    );
    assert_eq!(long.get::<u32>("step").unwrap(), Some(1));
    assert!(long.is_modified(), "the unsaved change is forgotten");

    browser
        .request(&bench.engine, |session| session.destroy().unwrap())
        .await;
    assert_eq!(long.reload().await.unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(long.get::<String>("user").unwrap(), None);
}

#[tokio::test]
async fn a_save_of_a_session_that_has_ended_says_so() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let long = browser.open(&bench.engine).await;
    long.insert("step", 1).unwrap();
    browser
        .request(&bench.engine, |session| session.destroy().unwrap())
        .await;
    for _ in 0..2 {
        assert_eq!(long.save().await.unwrap_err().kind(), ErrorKind::Gone);
        assert_eq!(long.reload().await.unwrap_err().kind(), ErrorKind::Gone);
    }
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn a_slow_request_that_only_reads_does_not_undo_a_logout_by_a_refresh() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    bench.clock.advance(std::time::Duration::from_secs(86_400));
    let slow = browser.open(&bench.engine).await;
    assert!(slow.contains("user"));
    browser
        .request(&bench.engine, |session| session.destroy().unwrap())
        .await;
    let reply = browser.close(&slow).await;
    assert_eq!(reply.decision().reason, Reason::Gone);
    assert_eq!(reply.decision().cookie, CookieAction::Keep);
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn a_slow_request_does_not_revive_the_id_before_a_regeneration() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let old = browser.clone();
    let slow = browser.open(&bench.engine).await;
    slow.insert("step", "slow").unwrap();
    browser
        .request(&bench.engine, |session| session.regenerate().unwrap())
        .await;
    assert_ne!(browser.cookie, old.cookie);

    assert_eq!(browser.close(&slow).await.decision().reason, Reason::Gone);
    assert_eq!(old.see::<String>(&bench.engine, "user").await, None);
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("ada")
    );
    assert_eq!(bench.sessions().await, 1);
}

#[tokio::test]
async fn a_regeneration_takes_over_what_others_wrote_meanwhile() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let login = browser.open(&bench.engine).await;
    browser.write(&bench.engine, "cart", [1, 2]).await;
    login.regenerate().unwrap();
    login.insert("user", "grace").unwrap();
    let reply = browser.close(&login).await;
    assert_eq!(reply.decision().plan, Plan::Rotate);
    assert_eq!(reply.merges(), 1);
    assert_eq!(
        browser.see::<Vec<u32>>(&bench.engine, "cart").await,
        Some(vec![1, 2])
    );
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("grace")
    );
    assert_eq!(bench.sessions().await, 1);
}

#[tokio::test]
async fn a_regeneration_does_not_undo_a_logout() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let login = browser.open(&bench.engine).await;
    login.regenerate().unwrap();
    browser
        .request(&bench.engine, |session| session.destroy().unwrap())
        .await;
    let reply = browser.close(&login).await;
    assert_eq!(reply.decision().reason, Reason::Gone);
    assert_eq!(browser.cookie, None);
    assert_eq!(bench.sessions().await, 0);
}

#[tokio::test]
async fn a_regeneration_does_not_undo_a_logout_after_it_has_taken_over_what_others_wrote() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let login = browser.open(&bench.engine).await;
    login.regenerate().unwrap();
    browser.write(&bench.engine, "cart", [1]).await;
    // The first try meets what was written; the second comes after the logout.
    bench.faults.hang_after("delete_unchanged", 1);
    let saving = login.clone();
    let saving = tokio::spawn(async move { saving.save().await });
    while !bench.faults.hangs() {
        tokio::task::yield_now().await;
    }
    browser
        .request(&bench.engine, |session| session.destroy().unwrap())
        .await;
    bench.faults.let_go();
    let error = saving.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
    assert_eq!(bench.sessions().await, 0);
    // Whoever goes on with it finds that it has ended.
    assert!(login.is_empty());
    let error = login.insert("user", "grace").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
}

#[tokio::test]
async fn a_list_that_was_appended_to_and_then_replaced_is_what_it_was_replaced_by() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    browser.write(&bench.engine, "cart", [7]).await;
    let session = browser.open(&bench.engine).await;
    session
        .update("cart", |cart: &mut Vec<u32>| cart.push(1))
        .unwrap();
    session.insert("cart", [9]).unwrap();
    browser.write(&bench.engine, "other", true).await;
    assert_eq!(browser.close(&session).await.merges(), 1);
    let cart: Option<Vec<u32>> = browser.see(&bench.engine, "cart").await;
    assert_eq!(cart, Some(vec![9]));
}

#[tokio::test]
async fn a_message_that_was_queued_again_in_the_request_that_shows_it_is_shown_once() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let flash = |session: &Session| session.flash("info", "saved").unwrap();
    browser.request(&bench.engine, flash).await;
    let session = browser.open(&bench.engine).await;
    flash(&session);
    assert_eq!(session.flashes().len(), 2);
    browser.write(&bench.engine, "other", true).await;
    assert_eq!(browser.close(&session).await.merges(), 1);
    assert_eq!(browser.open(&bench.engine).await.flashes(), []);
}

#[tokio::test]
async fn a_login_that_is_clicked_twice_leaves_the_browser_logged_in() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let (first, second) = (
        browser.open(&bench.engine).await,
        browser.open(&bench.engine).await,
    );
    for click in [&first, &second] {
        click.regenerate().unwrap();
        click.insert("user", "grace").unwrap();
    }
    browser.close(&first).await;
    browser.close(&second).await;
    assert_eq!(
        browser
            .see::<String>(&bench.engine, "user")
            .await
            .as_deref(),
        Some("grace")
    );
    assert_eq!(bench.sessions().await, 1);
}

/// What the next page shows, if the requests of `handle` and of another one, which flashed `"other"`, were at the same time.
async fn flashed_beside_another(handle: impl FnOnce(&Session)) -> Vec<String> {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    browser
        .request(&bench.engine, |session| {
            session.flash("info", "old").unwrap()
        })
        .await;
    let session = browser.open(&bench.engine).await;
    handle(&session);
    browser
        .clone()
        .request(&bench.engine, |session| {
            session.flash("info", "other").unwrap()
        })
        .await;
    browser.close(&session).await;
    let page = browser.open(&bench.engine).await;
    page.flashes().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn flash_messages_that_are_written_by_their_key_are_shown_as_often_as_they_are_there() {
    let none = Vec::<Value>::new;
    let flash = |session: &Session| session.flash("info", "mine").unwrap();
    let shown = flashed_beside_another(|session| {
        session.insert("_flashes", none()).unwrap();
        flash(session);
    });
    assert_eq!(shown.await, ["mine"]);
    let shown = flashed_beside_another(|session| {
        flash(session);
        session.insert("_flashes", none()).unwrap();
    });
    assert_eq!(shown.await, [""; 0]);
    let shown = flashed_beside_another(|session| {
        session.insert("_flashes", none()).unwrap();
        flash(session);
        assert_eq!(session.flashes().len(), 1);
    });
    assert_eq!(shown.await, [""; 0]);
    let shown = flashed_beside_another(|session| {
        flash(session);
        session.remove("_flashes").unwrap();
    });
    assert_eq!(shown.await, [""; 0]);
    let shown = flashed_beside_another(|session| {
        session.remove("_flashes").unwrap();
        flash(session);
    });
    assert_eq!(shown.await, ["mine"]);
}

#[tokio::test]
async fn flash_messages_of_two_requests_are_both_shown_and_none_twice() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    browser
        .request(&bench.engine, |session| {
            session.flash("info", "first").unwrap()
        })
        .await;

    let page = browser.open(&bench.engine).await;
    let other = browser.open(&bench.engine).await;
    other.flash("info", "second").unwrap();
    let shown: Vec<_> = page.flashes().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["first"]);
    browser.close(&other).await;
    browser.close(&page).await;

    let next = browser.open(&bench.engine).await;
    let shown: Vec<_> = next.flashes().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["second"]);
}

#[tokio::test]
async fn all_tasks_of_one_request_share_the_session() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let session = browser.open(&bench.engine).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let session = session.clone();
        tasks.spawn(async move { session.update("hits", |hits: &mut u32| *hits += 1).unwrap() });
    }
    tasks.join_all().await;
    browser.close(&session).await;
    assert_eq!(browser.see::<u32>(&bench.engine, "hits").await, Some(32));
}

#[tokio::test]
async fn a_change_that_is_made_while_the_session_is_saved_is_not_lost() {
    let bench = server_bench(Config::new());
    let mut browser = logged_in(&bench.engine).await;
    let session = browser.open(&bench.engine).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let session: Session = session.clone();
        tasks.spawn(async move {
            session.insert(&format!("key {number}"), number).unwrap();
            session.save().await.unwrap();
        });
    }
    tasks.join_all().await;
    browser.close(&session).await;
    for number in 0..16 {
        let seen = browser
            .see::<u32>(&bench.engine, &format!("key {number}"))
            .await;
        assert_eq!(seen, Some(number));
    }
}

#[tokio::test]
async fn a_session_that_is_ended_by_its_id_is_gone_for_its_requests_and_others_stay() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let other = logged_in(&bench.engine).await;
    let login = browser.open(&bench.engine).await;
    login.regenerate().unwrap();
    login.insert("user", "ada").unwrap();
    let id = login.id().unwrap().unwrap();
    browser.close(&login).await;
    let under_way = browser.open(&bench.engine).await;
    under_way.insert("cart", 1).unwrap();

    bench.engine.end_session(&id).await.unwrap();
    assert_eq!(under_way.save().await.unwrap_err().kind(), ErrorKind::Gone);
    assert!(browser.open(&bench.engine).await.is_new());
    assert!(!other.open(&bench.engine).await.is_new());
    bench.engine.end_session(&id).await.unwrap();

    let cookies = cookie_bench(Config::new());
    let error = cookies.engine.end_session(&id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
