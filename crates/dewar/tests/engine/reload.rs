//! New keys in a running engine end no session.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dewar::config::Config;
use dewar::engine::Reload;
use dewar::signing::Keyring;
use dewar::{Engine, ErrorKind};

use crate::support::{Browser, KEY, cookie_bench, server_bench};

/// The key of a moment; no key is in another.
fn key(number: usize) -> String {
    format!("9f3c1e77a05bd2846cf01b9de35a7482-{number:08}")
}

/// The key of this number in front, all before it behind.
fn ring(number: usize) -> Keyring {
    Keyring::new(key(number)).with_fallbacks((0..number).rev().map(key))
}

async fn visit(browser: &mut Browser, engine: &Engine) -> u32 {
    let session = browser.open(engine).await;
    let visits = 1 + session.get::<u32>("visits").unwrap().unwrap_or(0);
    session.insert("visits", visits).unwrap();
    browser.close(&session).await;
    visits
}

/// Threads of browsers count their requests in their sessions while the keys change as fast as they can.
fn no_session_is_lost(engine: &Engine) {
    const BROWSERS: usize = 8;
    const REQUESTS: u32 = 1000;
    const ROTATIONS: usize = 60;
    let (done, rotated) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let lost = AtomicBool::new(false);
    let during = std::thread::scope(|scope| {
        let browsers: Vec<_> = (0..BROWSERS)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    let mut browser = Browser::default();
                    let mut during = 0;
                    for expected in 1..=REQUESTS {
                        let before = rotated.load(Ordering::SeqCst);
                        let visits = runtime.block_on(visit(&mut browser, engine));
                        if visits != expected {
                            lost.store(true, Ordering::SeqCst);
                            break;
                        }
                        during += usize::from(rotated.load(Ordering::SeqCst) > before);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                    during
                })
            })
            .collect();
        scope.spawn(|| {
            for number in 1..=ROTATIONS {
                // Spread over the requests, however fast they are.
                let share = BROWSERS * REQUESTS as usize * number / (ROTATIONS + 1);
                while done.load(Ordering::SeqCst) < share && !lost.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                assert_eq!(engine.replace_keys(ring(number)).unwrap(), Reload::Changed);
                rotated.fetch_add(1, Ordering::SeqCst);
            }
        });
        let during = browsers.into_iter().map(|browser| browser.join().unwrap());
        during.sum::<usize>()
    });
    assert!(!lost.load(Ordering::SeqCst), "a session was lost");
    assert_eq!(rotated.load(Ordering::SeqCst), ROTATIONS);
    assert!(during > 0, "no request met a change of keys");
}

#[test]
fn under_load_no_session_in_a_cookie_is_lost() {
    no_session_is_lost(&Engine::new(Config::new().secret_key(key(0))).unwrap());
}

#[test]
fn under_load_no_signed_id_is_lost() {
    let config = Config::new()
        .session_type("memory")
        .secret_key(key(0))
        .set("SESSION_USE_SIGNER", true);
    no_session_is_lost(&Engine::new(config).unwrap());
}

#[tokio::test]
async fn the_new_key_signs_and_the_old_one_counts_while_it_is_a_fallback() {
    let engine = cookie_bench(Config::new()).engine;
    let other = Engine::new(Config::new().secret_key(key(1))).unwrap();
    let mut browser = Browser::default();
    assert_eq!(visit(&mut browser, &engine).await, 1);

    let config = Config::new().secret_key(key(1)).secret_key_fallbacks([KEY]);
    assert_eq!(engine.reload_keys(&config).unwrap(), Reload::Changed);
    assert_eq!(engine.reload_keys(&config).unwrap(), Reload::Unchanged);
    // Clones are the same engine.
    assert_eq!(visit(&mut browser, &engine.clone()).await, 2);
    let session = browser.open(&engine).await;
    session.insert("visits", 3).unwrap();
    browser.close(&session).await;
    assert_eq!(
        engine
            .reload_keys(&Config::new().secret_key(key(1)))
            .unwrap(),
        Reload::Changed
    );
    assert_eq!(visit(&mut browser, &engine).await, 4);

    let mut late = Browser::default();
    visit(&mut late, &other).await;
    assert_eq!(
        engine.replace_keys(Keyring::new(key(2))).unwrap(),
        Reload::Changed
    );
    assert_eq!(visit(&mut late, &engine).await, 1);
}

#[tokio::test]
async fn keys_that_cannot_be_taken_leave_the_old_ones_at_work() {
    let engine = cookie_bench(Config::new()).engine;
    let mut browser = Browser::default();
    visit(&mut browser, &engine).await;
    let refused = [
        engine.reload_keys(&Config::new().secret_key("")),
        engine.reload_keys(&Config::new()),
        engine.reload_keys(&Config::new().session_type("memory").secret_key(key(1))),
        engine.replace_keys(Keyring::new("")),
        engine.replace_keys(Keyring::new(key(1)).with_fallbacks([""])),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config);
    }
    assert_eq!(visit(&mut browser, &engine).await, 2);
}

#[tokio::test]
async fn where_nothing_is_signed_that_is_said() {
    let engine = server_bench(Config::new()).engine;
    let config = Config::new().session_type("memory").secret_key(key(1));
    assert_eq!(engine.reload_keys(&config).unwrap(), Reload::NothingSigned);
    let signed = config.set("SESSION_USE_SIGNER", true);
    let error = engine.reload_keys(&signed).unwrap_err().to_string();
    assert!(error.contains("SESSION_USE_SIGNER"), "{error}");
}
