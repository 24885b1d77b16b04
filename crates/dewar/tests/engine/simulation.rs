//! Requests of two browsers at the same time, in random order, on a store that is slow and, for every second seed, fails.
//!
//! All of it comes from the seed: in which order the requests are polled, what they do, and what the store does to them. A failure
//! prints the seed and what happened.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dewar::config::Config;
use dewar::engine::Reply;
use dewar::plan::Reason;
use dewar::{Engine, Error, ErrorKind, Result, Session};
use dewar_store_tests::HookedStore;

use crate::support::{Bench, Browser, server_bench};
use crate::unruly::{Script, Unruly};

/// About three seconds of a debug build.
const SEEDS: u64 = 10_000;

/// Many times what the longest round took.
const MOST_POLLS: u32 = 20_000;

#[tokio::test]
async fn whatever_comes_together_nothing_is_lost_mixed_up_or_brought_back() {
    let seeds = std::env::var("DEWAR_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        Simulation::new(seed).run().await;
    }
}

/// Lists of messages by key: all values are what a flash message is, so that they can be compared alike.
type Contents = BTreeMap<String, Vec<Message>>;
type Message = (String, String);

fn contents(session: &Session) -> Contents {
    let keys = session.keys().into_iter();
    keys.map(|key| (key.clone(), session.get(&key).unwrap().unwrap()))
        .collect()
}

/// What one request did to its session, and what of that it knows to be done.
struct Request {
    script: Arc<Script>,
    browser: usize,
    session: Session,
    /// What it came with, if that named a session.
    cookie: Option<String>,
    /// What the session holds after it, if it is alone.
    held: Contents,
    /// Its messages were taken out.
    shown: bool,
    done: Done,
    /// What of that is known to be stored.
    saved: Done,
    /// It was told that the session has ended.
    gone: bool,
    answered: bool,
}

#[derive(Clone, Default)]
struct Done {
    operations: u32,
    appended: Vec<Message>,
    cleared: bool,
    destroyed: bool,
    moved: bool,
}

impl Request {
    /// Does anything to the session.
    fn operate(&mut self) {
        let script = &self.script;
        let key = format!("key {}", script.below(2));
        let text = format!("{} {}", self.browser, script.rolls());
        let message = ("info".to_owned(), text);
        let session = &self.session;
        let (name, done) = match script.below(100) {
            0..=20 => ("insert", session.insert(&key, [&message])),
            21..=39 => ("remove", session.remove(&key).map(drop)),
            40..=68 => {
                let append = |log: &mut Vec<Message>| log.push(message.clone());
                ("append", session.update("log", append))
            }
            69..=78 => ("flash", session.flash("info", message.1.clone())),
            79..=83 => {
                session.flashes();
                ("show", Ok(()))
            }
            84..=87 => ("clear", session.clear()),
            88..=93 => ("destroy", session.destroy()),
            _ => ("regenerate", session.regenerate()),
        };
        script.note(format!("{name} {key} {message:?} {done:?}"));
        if let Err(error) = done {
            return self.check(&error);
        }
        self.done.operations += 1;
        match name {
            "insert" => drop(self.held.insert(key, vec![message])),
            "remove" => drop(self.held.remove(&key)),
            "append" | "flash" => {
                let list = if name == "append" { "log" } else { "_flashes" };
                let list = self.held.entry(list.to_owned()).or_default();
                list.push(message.clone());
                let appended = (name == "append").then_some(message);
                self.done.appended.extend(appended);
            }
            "show" if std::mem::replace(&mut self.shown, true) => {}
            "show" => drop(self.held.remove("_flashes")),
            "regenerate" => self.done.moved = true,
            _ => {
                self.held.clear();
                self.done.cleared |= name == "clear";
                self.done.destroyed |= name == "destroy";
            }
        }
    }

    fn check(&mut self, error: &Error) {
        self.gone |= error.kind() == ErrorKind::Gone;
        self.script.check(error);
    }

    /// Saves or closes the session, while another task may go on with it. It may be given up.
    async fn saved_by<T>(
        &mut self,
        saving: impl Future<Output = Result<T>>,
        busy: bool,
    ) -> Option<T> {
        let begun = self.done.clone();
        let mut left = match self.script.chance(self.script.given_up) {
            true => self.script.below(8),
            false => u64::MAX,
        };
        let mut saving = pin!(saving);
        let result = poll_fn(|context| {
            let polled = saving.as_mut().poll(context);
            if polled.is_pending() && left == 0 {
                return Poll::Ready(None);
            }
            left = left.saturating_sub(1);
            if polled.is_pending() && busy && self.script.chance(20) {
                self.operate();
            }
            polled.map(Some)
        });
        let result = result.await;
        let told = result.as_ref().map(|result| result.as_ref().map(drop));
        self.script.note(format!("saved: {told:?}"));
        match result? {
            Ok(done) => {
                // What comes after the end of the session is not written.
                if !self.gone {
                    self.saved = begun;
                }
                Some(done)
            }
            Err(error) => {
                self.check(&error);
                None
            }
        }
    }

    async fn save(&mut self) {
        let session = self.session.clone();
        let busy = self.script.chance(60);
        self.saved_by(session.save(), busy).await;
    }

    async fn close(&mut self, busy: bool) -> Option<Reply> {
        let session = self.session.clone();
        let closing = async {
            let reply = session.engine().close(&session).await?;
            match reply.decision().reason {
                Reason::Gone => Err(Error::new(ErrorKind::Gone, "said the reply")),
                _ => Ok(reply),
            }
        };
        self.saved_by(closing, busy).await
    }
}

struct Simulation {
    script: Arc<Script>,
    /// Sees what is stored without waiting, and without faults.
    bench: Bench,
    /// As two processes would have them.
    engines: [Engine; 2],
    browsers: [Mutex<Browser>; 2],
    /// Cookies of sessions that ended.
    ended: Vec<String>,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let config = || Config::new().set("SESSION_PERMANENT", false);
        let script = Arc::new(Script::new(seed));
        let bench = server_bench(config());
        let engine = || {
            let config = config().session_type("memory");
            let engine = Engine::builder(config).clock(bench.clock.clone());
            let unruly = Unruly::new(bench.clock.clone(), script.clone());
            let store = HookedStore::new(bench.store.clone(), Arc::new(unruly));
            engine.store(store).build().unwrap()
        };
        Simulation {
            engines: [engine(), engine()],
            browsers: Default::default(),
            ended: Vec::new(),
            script,
            bench,
        }
    }

    async fn run(&mut self) {
        for round in 0..1 + self.script.below(3) as usize {
            let before = [self.seen_by(0).await, self.seen_by(1).await];
            let requests = self.all_at_once(10 * round).await;
            let days = self.script.below(4);
            self.bench.clock.advance(Duration::from_secs(86_400 * days));
            for request in requests.iter().filter(|one| one.answered) {
                let saved = &request.saved;
                if saved.destroyed || saved.moved && !self.script.has_faults() {
                    self.ended.extend(request.cookie.clone());
                }
            }
            for cookie in self.ended.iter().cloned().map(Some) {
                let old = Browser { cookie }.open(&self.bench.engine).await;
                assert!(old.is_new(), "an ended session is back");
            }
            for (browser, before) in before.iter().enumerate() {
                let after = self.seen_by(browser).await;
                let requests = requests.iter().filter(|one| one.browser == browser);
                let requests: Vec<_> = requests.collect();
                if let [alone] = requests[..] {
                    judge_alone(alone, &after);
                }
                judge_together(&requests, before, &after, self.script.has_faults());
            }
        }
    }

    async fn seen_by(&self, browser: usize) -> Contents {
        let cookie = self.browsers[browser].lock().unwrap().clone();
        let seen = contents(&cookie.open(&self.bench.engine).await);
        check_owner(&seen, browser);
        seen
    }

    /// One to four requests, polled in any order.
    async fn all_at_once(&self, first: usize) -> Vec<Request> {
        let count = 1 + self.script.below(4) as usize;
        let numbers = first..first + count;
        let request = |number| (number, Box::pin(self.request()));
        let mut running: Vec<_> = numbers.map(request).collect();
        let mut finished = Vec::new();
        let mut polls = 0;
        while !running.is_empty() {
            polls += 1;
            assert!(polls < MOST_POLLS, "it does not end");
            let next = self.script.below(running.len() as u64) as usize;
            let (number, request) = &mut running[next];
            self.script.turn_to(*number);
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(request) = request.as_mut().poll(&mut context) {
                finished.extend(request);
                drop(running.swap_remove(next));
            }
        }
        finished
    }

    /// Nothing, if the session cannot even be opened.
    async fn request(&self) -> Option<Request> {
        let script = &self.script;
        script.wait().await;
        let browser = usize::from(script.chance(25));
        let engine = &self.engines[usize::from(script.chance(15))];
        let sender = self.browsers[browser].lock().unwrap().clone();
        script.note(format!("opened by {browser}: {:.4?}", sender.cookie));
        let opened = sender.try_open(engine).await;
        let session = opened.inspect_err(|error| script.check(error)).ok()?;
        let cookie = sender.cookie.filter(|_| !session.is_new());
        let held = contents(&session);
        check_owner(&held, browser);
        let only_reads = !session.is_new() && script.chance(15);
        let mut request = Request {
            script: script.clone(),
            browser,
            session,
            cookie,
            held,
            shown: false,
            done: Done::default(),
            saved: Done::default(),
            gone: false,
            answered: false,
        };
        for _ in 0..if only_reads { 0 } else { 1 + script.below(5) } {
            match script.chance(80) {
                true => request.operate(),
                false => request.save().await,
            }
        }
        let reply = loop {
            let busy = !only_reads && script.chance(25);
            if let Some(reply) = request.close(busy).await {
                break reply;
            }
            if request.gone || script.chance(10) {
                return Some(request);
            }
            if !only_reads && script.chance(20) {
                request.operate();
            }
        };
        assert!(!only_reads || !script.wrote(), "it only read, and wrote");
        self.obey(&reply, browser).await;
        request.answered = true;
        Some(request)
    }

    async fn obey(&self, reply: &Reply, browser: usize) {
        self.script.note(format!("told {:?}", reply.decision()));
        if reply.set_cookie().is_none() {
            return;
        }
        let mut obedient = Browser::default();
        obedient.obey(reply);
        *self.browsers[browser].lock().unwrap() = obedient.clone();
        if let Some(cookie) = &obedient.cookie {
            let lives = !obedient.open(&self.bench.engine).await.is_new();
            let removed = self.script.removed_by_another(cookie);
            assert!(lives || removed, "a cookie names no record");
        }
    }
}

/// One after the other, each operation counts.
fn judge_alone(request: &Request, after: &Contents) {
    assert!(!request.gone, "nobody else could have ended the session");
    if request.answered && request.saved.operations == request.done.operations {
        assert_eq!(*after, request.held, "what a request did that was alone");
    }
}

/// What is known to be appended is there, where nobody ended or moved the session: once, and after a fault perhaps again.
fn judge_together(requests: &[&Request], before: &Contents, after: &Contents, faults: bool) {
    let cookie = requests.first().and_then(|first| first.cookie.as_ref());
    let stays = |request: &&Request| {
        let done = &request.done;
        let ends = done.cleared || done.destroyed || done.moved;
        !ends && cookie.is_some() && request.cookie.as_ref() == cookie
    };
    if !requests.iter().all(stays) {
        return;
    }
    let log = |contents: &Contents| contents.get("log").cloned().unwrap_or_default();
    let saved = requests.iter().flat_map(|request| &request.saved.appended);
    for message in log(before).iter().chain(saved) {
        let times = log(after).iter().filter(|found| *found == message).count();
        let expected = times == 1 || faults && times > 1;
        assert!(expected, "{message:?} is there {times} times");
    }
}

fn check_owner(seen: &Contents, browser: usize) {
    let own = format!("{browser} ");
    let mut messages = seen.values().flatten();
    let foreign = messages.find(|(_, text)| !text.starts_with(&own));
    assert_eq!(foreign, None, "seen by browser {browser}");
}
