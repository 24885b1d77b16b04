//! Every row of the table in `docs/sessions.md` is produced by a real situation, and nothing in it is a secret.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dewar::adapter::Scope;
use dewar::config::Config;
use dewar::signing::{Keyring, Scheme, UrlSafeTimedSerializer};
use dewar::store::{Key, Store};
use dewar::{Engine, UnixTime};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::support::{Bench, Browser, KEY, START, cookie_bench, server_bench};

/// A value that a session holds; it must turn up nowhere.
const VALUE: &str = "confidential";

/// What happened, in order: a counter's name and its label, as the docs have them.
type Rows = &'static [&'static str];

/// What leads to it. What happens before the last [`Watch::restart`] does not count.
type Situation = for<'w> fn(&'w Watch) -> Pin<Box<dyn Future<Output = ()> + 'w>>;

const OPENED: &str = "dewar_sessions_opened_total";
const CREATED: &str = "dewar_sessions_created_total";
const MERGED: &str = "dewar_sessions_merged_total";
const GONE: &str = "dewar_sessions_gone_total";
const REGENERATED: &str = "dewar_sessions_regenerated_total";
const DESTROYED: &str = "dewar_sessions_destroyed_total";

macro_rules! closed {
    ($reason:literal) => {
        concat!("dewar_sessions_closed_total reason=", $reason)
    };
}

macro_rules! rejected {
    ($reason:literal) => {
        concat!("dewar_cookies_rejected_total reason=", $reason)
    };
}

macro_rules! store_error {
    ($operation:literal) => {
        concat!("dewar_store_errors_total operation=", $operation)
    };
}

#[rustfmt::skip]
const SITUATIONS: &[(&str, Rows, Situation)] = &[
    ("a new session is asked for nothing", &[closed!("untouched")], |watch| Box::pin(async move {
        let bench = server_bench(Config::new());
        watch.restart();
        Browser::default().request(&bench.engine, |_| {}).await;
    })),
    ("a new session is read", &[closed!("new_and_empty")], |watch| Box::pin(async move {
        let bench = server_bench(Config::new());
        watch.restart();
        Browser::default().request(&bench.engine, |session| assert!(!session.contains("user"))).await;
    })),
    ("an empty cookie is none", &[closed!("new_and_empty"), closed!("new_and_empty")], |_| Box::pin(async move {
        for bench in [server_bench(Config::new()), cookie_bench(Config::new())] {
            let mut browser = Browser { cookie: Some(String::new()) };
            browser.request(&bench.engine, |session| assert!(!session.contains("user"))).await;
        }
    })),
    ("a new session is written", &[CREATED, closed!("new_with_data")], |watch| Box::pin(async move {
        let bench = server_bench(Config::new());
        watch.restart();
        let mut browser = Browser::default();
        browser.write(&bench.engine, "user", VALUE).await;
        watch.secret(browser.cookie.as_deref().unwrap());
    })),
    ("a known session is opened and read", &[OPENED, closed!("only_read")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        browser.request(&bench.engine, |session| assert!(session.contains("user"))).await;
    })),
    ("a session in its cookie is opened and changed", &[OPENED, closed!("changed")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known_in_cookie().await;
        browser.write(&bench.engine, "cart", VALUE).await;
        watch.secret(browser.cookie.as_deref().unwrap());
    })),
    ("the expiry is moved", &[OPENED, closed!("refresh_due")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        bench.clock.advance(Duration::from_secs(86_400));
        browser.request(&bench.engine, |session| assert!(session.contains("user"))).await;
    })),
    ("a session is emptied", &[OPENED, DESTROYED, closed!("emptied")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        browser.request(&bench.engine, |session| drop(session.remove("user").unwrap())).await;
    })),
    ("a session is destroyed", &[OPENED, DESTROYED, closed!("destroyed")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        browser.request(&bench.engine, |session| session.destroy().unwrap()).await;
    })),
    ("a farewell starts a new session", &[OPENED, DESTROYED, CREATED, closed!("destroyed_then_written")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        browser.request(&bench.engine, |session| {
            session.destroy().unwrap();
            session.flash("info", VALUE).unwrap();
        }).await;
        watch.secret(browser.cookie.as_deref().unwrap());
    })),
    ("new keys are taken, and the same once more", &["dewar_keys_replaced_total"], |watch| Box::pin(async move {
        const NEW: &str = "9f3c1e77a05bd2846cf01b9de35a7482";
        let bench = cookie_bench(Config::new());
        watch.restart();
        watch.secret(NEW);
        for _ in 0..2 {
            let keys = Keyring::new(NEW).with_fallbacks([KEY]);
            assert!(bench.engine.replace_keys(keys).is_ok());
        }
    })),
    ("a session gets a new id", &[OPENED, CREATED, REGENERATED, closed!("regenerated")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        browser.request(&bench.engine, |session| session.regenerate().unwrap()).await;
        watch.secret(browser.cookie.as_deref().unwrap());
    })),
    ("the record under the old id stays", &[OPENED, CREATED, "dewar_sessions_rotation_incomplete_total", closed!("regenerated")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        bench.faults.fail(&["delete_unchanged"]);
        browser.request(&bench.engine, |session| session.regenerate().unwrap()).await;
        watch.secret(browser.cookie.as_deref().unwrap());
    })),
    ("a stream saves before its response ends", &[CREATED, closed!("saved_before")], |watch| Box::pin(async move {
        let bench = server_bench(Config::new());
        watch.restart();
        let mut browser = Browser::default();
        let session = browser.open(&bench.engine).await;
        session.insert("user", VALUE).unwrap();
        session.save().await.unwrap();
        browser.close(&session).await;
        watch.secret(browser.cookie.as_deref().unwrap());
    })),
    ("two requests write", &[OPENED, OPENED, closed!("changed"), MERGED, closed!("changed")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        let slow = browser.open(&bench.engine).await;
        browser.write(&bench.engine, "cart", VALUE).await;
        slow.insert("step", VALUE).unwrap();
        browser.close(&slow).await;
    })),
    ("a slow request writes after a logout", &[OPENED, OPENED, DESTROYED, closed!("destroyed"), GONE, closed!("gone")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        let slow = browser.open(&bench.engine).await;
        browser.request(&bench.engine, |session| session.destroy().unwrap()).await;
        slow.insert("step", VALUE).unwrap();
        browser.close(&slow).await;
    })),
    ("another request wrote what nobody can read", &[OPENED, MERGED, "dewar_records_undecodable_total", closed!("changed")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        let session = browser.open(&bench.engine).await;
        session.insert("step", VALUE).unwrap();
        spoil(&bench, &browser).await;
        browser.close(&session).await;
    })),
    ("a null session is read", &[closed!("read_only")], |watch| Box::pin(async move {
        let engine = Engine::new(Config::new()).unwrap();
        watch.restart();
        Browser::default().request(&engine, |session| assert!(!session.contains("user"))).await;
    })),
    ("a record cannot be loaded", &[store_error!("load"), closed!("read_only")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(read_only_on_failure()).await;
        bench.faults.fail(&["load"]);
        browser.request(&bench.engine, |session| assert!(!session.contains("user"))).await;
    })),
    ("a record cannot be saved", &[OPENED, store_error!("close"), closed!("store_failed")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(read_only_on_failure()).await;
        bench.faults.fail(&["replace"]);
        browser.write(&bench.engine, "cart", VALUE).await;
    })),
    ("a session that is over cannot be deleted", &[store_error!("delete"), rejected!("over"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new().absolute_lifetime(Duration::from_secs(600))).await;
        let stricter = Config::new().session_type("memory").absolute_lifetime(Duration::from_secs(60));
        let stricter = Engine::builder(stricter).clock(bench.clock.clone()).store(bench.store.clone()).build().unwrap();
        bench.clock.advance(Duration::from_secs(60));
        bench.faults.fail(&["delete"]);
        browser.request(&stricter, |_| {}).await;
    })),
    ("expired sessions cannot be removed", &[OPENED, store_error!("delete_expired"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new().set("SESSION_CLEANUP_N_REQUESTS", 1)).await;
        bench.faults.fail(&["delete_expired"]);
        browser.request(&bench.engine, |_| {}).await;
    })),
    ("a cookie is no signed one", &[rejected!("malformed"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, _) = watch.known_in_cookie().await;
        watch.present(&bench, "no-dots-in-here").await;
    })),
    ("a cookie was changed", &[rejected!("bad_signature"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, browser) = watch.known_in_cookie().await;
        watch.present(&bench, &format!("x{}", browser.cookie.unwrap())).await;
    })),
    ("a cookie is too old", &[rejected!("expired"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, browser) = watch.known_in_cookie().await;
        bench.clock.advance(Duration::from_secs(31 * 86_400 + 1));
        watch.present(&bench, &browser.cookie.unwrap()).await;
    })),
    ("a cookie was made by a clock that is wrong", &[rejected!("from_the_future"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, _) = watch.known_in_cookie().await;
        watch.present(&bench, &sealed(b"{}", START + Duration::from_secs(60))).await;
    })),
    ("a cookie inflates to more than is allowed", &[rejected!("too_large"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, _) = watch.known_in_cookie().await;
        let bomb = format!("{{\"v\":\"{}\"}}", " ".repeat(2 << 20));
        watch.present(&bench, &sealed(bomb.as_bytes(), START)).await;
    })),
    ("a cookie holds what cannot be decoded", &[rejected!("undecodable"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, _) = watch.known_in_cookie().await;
        watch.present(&bench, &sealed(VALUE.as_bytes(), START)).await;
    })),
    ("a record that nobody can read", &["dewar_records_undecodable_total", rejected!("undecodable"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, mut browser) = watch.known(Config::new()).await;
        spoil(&bench, &browser).await;
        let session = browser.open(&bench.engine).await;
        browser.close(&session).await;
    })),
    ("a cookie holds what could not be an id", &[rejected!("not_an_id"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, _) = watch.known(Config::new()).await;
        watch.present(&bench, "../../etc/passwd").await;
    })),
    ("a cookie holds an id that nobody made", &[rejected!("unknown"), closed!("untouched")], |watch| Box::pin(async move {
        let (bench, _) = watch.known(Config::new()).await;
        watch.present(&bench, "PLANTED-PLANTED-PLANTED-PLANTED-PLANTED-123").await;
    })),
];

#[tokio::test]
async fn each_situation_is_told_by_its_events_and_counters_and_by_no_others() {
    // Without a listener for all threads, an event that another test's thread meets just then is taken for one that
    // nobody listens to.
    let _ = tracing::subscriber::set_global_default(Everybody);
    for (name, expected, situation) in SITUATIONS {
        let watch = Watch::default();
        let _told = tracing::subscriber::set_default(watch.clone());
        #[cfg(feature = "metrics")]
        let _counted = metrics::set_default_local_recorder(&watch);
        situation(&watch).await;

        let seen = watch.lock();
        assert_eq!(seen.told, *expected, "{name}");
        #[cfg(feature = "metrics")]
        assert_eq!(seen.counted, *expected, "{name}");
        for secret in &seen.secrets {
            assert!(
                !seen.text.contains(secret),
                "{name}: a secret is in an event"
            );
        }
    }
}

#[tokio::test]
async fn mistakes_of_the_application_are_warned_of() {
    let _ = tracing::subscriber::set_global_default(Everybody);
    let watch = Watch::default();
    let _told = tracing::subscriber::set_default(watch.clone());

    let bench = cookie_bench(Config::new());
    let mut browser = Browser::default();
    let flash = |session: &dewar::Session| session.flash("saved", "message").unwrap();
    browser.request(&bench.engine, flash).await;
    let session = browser.open(&bench.engine).await;
    browser.close(&session).await;
    assert!(!watch.lock().text.contains("shown again"));
    assert_eq!(session.flashes().len(), 1);
    assert!(watch.lock().text.contains("shown again"));

    let scope = || Scope::new(bench.engine.clone());
    assert!(!watch.lock().text.contains("around itself"));
    for _ in 0..2 {
        scope().enter(|| drop(scope()));
    }
    assert_eq!(watch.lock().text.matches("around itself").count(), 1);

    let cookie = |key: &str, value: &str| server_bench(Config::new().set(key, value.to_owned()));
    for (key, value) in [
        ("SESSION_COOKIE_NAME", "shop"),
        ("SESSION_COOKIE_DOMAIN", "shop.example"),
        ("SESSION_COOKIE_PATH", "/shop"),
    ] {
        let another = cookie(key, value);
        scope().enter(|| drop(Scope::new(another.engine)));
    }
    assert!(!watch.lock().text.contains("same cookie"));
    for _ in 0..2 {
        // The browser does not tell cookies apart by their flags.
        let same = cookie("SESSION_COOKIE_SAMESITE", "Lax");
        scope().enter(|| drop(Scope::new(same.engine)));
    }
    assert_eq!(watch.lock().text.matches("same cookie").count(), 1);
}

#[tokio::test]
async fn cookies_of_another_key_or_clock_are_warned_of_now_and_then() {
    let _ = tracing::subscriber::set_global_default(Everybody);
    let watch = Watch::default();
    let _told = tracing::subscriber::set_default(watch.clone());
    let warned = || {
        let warnings = std::mem::take(&mut watch.lock().warnings);
        warnings.into_iter().map(|fields| fields.numbers)
    };

    let (bench, browser) = watch.known_in_cookie().await;
    let changed = format!("x{}", browser.cookie.unwrap());
    for other in ["no-dots-in-here", &sealed(VALUE.as_bytes(), START)] {
        watch.present(&bench, other).await;
    }
    assert_eq!(warned().count(), 0);
    for _ in 0..4 {
        watch.present(&bench, &changed).await;
    }
    assert_eq!(warned().collect::<Vec<_>>(), ["rejected=1"]);
    let ahead = sealed(b"{}", START + Duration::from_secs(9_999));
    watch.present(&bench, &ahead).await;
    assert_eq!(warned().collect::<Vec<_>>(), ["rejected=1"]);

    bench.clock.advance(Duration::from_millis(599_999));
    watch.present(&bench, &changed).await;
    assert_eq!(warned().count(), 0);
    bench.clock.advance(Duration::from_millis(1));
    watch.present(&bench, &changed).await;
    assert_eq!(warned().collect::<Vec<_>>(), ["rejected=5"]);

    // A clock that was ahead, and is set right: it was warned of something in what is the future now.
    bench.clock.advance(Duration::from_secs(999_999));
    watch.present(&bench, &changed).await;
    assert_eq!(warned().collect::<Vec<_>>(), ["rejected=1"]);
    bench.clock.set(START);
    watch.present(&bench, &changed).await;
    watch.present(&bench, &changed).await;
    assert_eq!(warned().collect::<Vec<_>>(), ["rejected=1"]);
}

#[tokio::test]
async fn what_is_changed_after_the_response_began_and_not_saved_is_warned_of() {
    let _ = tracing::subscriber::set_global_default(Everybody);
    let watch = Watch::default();
    let _told = tracing::subscriber::set_default(watch.clone());
    let warned = || std::mem::take(&mut watch.lock().text).contains("what was changed is lost");

    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", VALUE).await;
    // A stream that saves, and one that gives up a new session that nobody will know.
    let streamed = browser.open(&bench.engine).await;
    browser.close(&streamed).await;
    streamed.insert("progress", 50).unwrap();
    streamed.save().await.unwrap();
    drop(streamed);
    let failed = Browser::default().open(&bench.engine).await;
    failed.insert("progress", 50).unwrap();
    bench.engine.close_unanswered(&failed).await.unwrap();
    drop(failed);
    // A request that is dropped before its end has changed nothing.
    let dropped = browser.open(&bench.engine).await;
    dropped.insert("progress", 50).unwrap();
    drop(dropped);
    assert!(!warned());

    for change in [
        (|session| session.insert("progress", VALUE)) as fn(&dewar::Session) -> dewar::Result<()>,
        |session| session.destroy(),
    ] {
        let streamed = browser.open(&bench.engine).await;
        browser.close(&streamed).await;
        change(&streamed).unwrap();
        let clone = streamed.clone();
        drop(streamed);
        assert!(!warned(), "somebody may still save it");
        drop(clone);
        assert!(warned());
    }
    assert!(!watch.lock().text.contains(VALUE));
}

#[test]
fn every_row_of_the_docs_has_its_situation() {
    let produced: BTreeSet<_> = SITUATIONS
        .iter()
        .flat_map(|(_, rows, _)| rows.iter().map(|row| (*row).to_owned()))
        .collect();
    assert_eq!(documented(), produced);
}

#[test]
fn everything_that_can_be_told_is_in_the_docs() {
    let docs = include_str!("../../../../docs/sessions.md");
    let counters = include_str!("../../src/events.rs")
        .split('"')
        .filter(|text| text.starts_with("dewar_"));
    let labels = [
        include_str!("../../src/plan.rs"),
        include_str!("../../src/cookie/rejection.rs"),
    ];
    let labels = labels
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .filter(|text| !text.contains(' '));
    for name in counters.chain(labels) {
        assert!(
            docs.contains(&format!("`{name}`")),
            "{name} is not in docs/sessions.md"
        );
    }
}

/// The rows of the docs' table, one for each value that a label is said to have.
fn documented() -> BTreeSet<String> {
    let docs = include_str!("../../../../docs/sessions.md");
    let code = |text: &str| text.trim().trim_matches('`').to_owned();
    let mut rows = BTreeSet::new();
    for line in docs.lines().filter(|line| line.starts_with("| `dewar_")) {
        let [_, name, label, text, _] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("a row of another shape: {line}");
        };
        let (name, label) = (code(name), code(label));
        if label.is_empty() {
            rows.insert(name);
            continue;
        }
        let values: Vec<_> = text.split('`').skip(1).step_by(2).collect();
        assert!(!values.is_empty(), "which values has {label} of {name}?");
        rows.extend(values.iter().map(|value| format!("{name} {label}={value}")));
    }
    rows
}

/// What was told and counted, and what must be in none of it.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    told: Vec<String>,
    #[cfg(feature = "metrics")]
    counted: Vec<String>,
    text: String,
    warnings: Vec<Fields>,
    secrets: Vec<String>,
}

impl Watch {
    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    /// Forgets what led here; what follows is what counts.
    fn restart(&self) {
        *self.lock() = Seen {
            secrets: vec![KEY.into(), VALUE.into()],
            ..Seen::default()
        };
    }

    /// Each part of a cookie is a secret.
    fn secret(&self, cookie: &str) {
        let parts = cookie.split('.').filter(|part| part.len() > 5);
        self.lock().secrets.extend(parts.map(str::to_owned));
    }

    /// A server with a browser that it knows.
    async fn known(&self, config: Config) -> (Bench, Browser) {
        self.visited(server_bench(config)).await
    }

    /// A browser whose cookie holds its session.
    async fn known_in_cookie(&self) -> (Bench, Browser) {
        self.visited(cookie_bench(Config::new())).await
    }

    async fn visited(&self, bench: Bench) -> (Bench, Browser) {
        let mut browser = Browser::default();
        browser.write(&bench.engine, "user", VALUE).await;
        self.restart();
        self.secret(browser.cookie.as_deref().unwrap());
        (bench, browser)
    }

    /// A request with this cookie, whose handler does not care.
    async fn present(&self, bench: &Bench, cookie: &str) {
        self.secret(cookie);
        let mut browser = Browser {
            cookie: Some(cookie.to_owned()),
        };
        browser.request(&bench.engine, |_| {}).await;
    }
}

fn read_only_on_failure() -> Config {
    Config::new().set("SESSION_ON_STORE_FAILURE", "read-only")
}

/// A signed cookie that holds `payload`.
fn sealed(payload: &[u8], at: UnixTime) -> String {
    UrlSafeTimedSerializer::new(&Keyring::new(KEY), &Scheme::flask("cookie-session"))
        .dumps(payload, at)
}

/// Another request writes what is no session.
async fn spoil(bench: &Bench, browser: &Browser) {
    let key = Key::new(format!("session:{}", browser.cookie.as_deref().unwrap()));
    let record = bench.store.load(&key).await.unwrap().unwrap();
    let later = START + Duration::from_secs(1000);
    let blob = VALUE.as_bytes().into();
    bench
        .store
        .replace(&key, blob, later, &record.version)
        .await
        .unwrap();
}

impl tracing::Subscriber for Watch {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("dewar")
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        assert_eq!(event.metadata().target(), "dewar::session");
        let mut seen = self.lock();
        seen.text.push_str(&fields.text);
        // What is wrong with the configuration or the application is told, and not counted.
        if !MISTAKES
            .iter()
            .any(|mistake| fields.message.starts_with(mistake))
        {
            seen.told.push(fields.row());
        }
        if *event.metadata().level() == tracing::Level::WARN {
            seen.warnings.push(fields);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Listens to everything and keeps nothing.
struct Everybody;

impl tracing::Subscriber for Everybody {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// An event's fields, as a log would show them.
#[derive(Default)]
struct Fields {
    message: String,
    label: String,
    numbers: String,
    text: String,
}

impl Fields {
    /// The row of the docs that the event stands for.
    fn row(&self) -> String {
        let (_, name) = MESSAGES
            .iter()
            .find(|(message, _)| self.message.starts_with(message))
            .unwrap_or_else(|| panic!("an event that no row stands for: {}", self.message));
        format!("{name}{}", self.label)
    }
}

const MISTAKES: [&str; 5] = [
    "warning[",
    "a session was changed after its response began",
    "flash messages were taken out of a session after",
    "the session middleware is around itself",
    "a session middleware is around another",
];

/// How the events begin, and the row of each; the first that fits counts.
const MESSAGES: &[(&str, &str)] = &[
    ("session opened", OPENED),
    ("session cookie rejected", "dewar_cookies_rejected_total"),
    ("session created", CREATED),
    ("session was changed by another request", MERGED),
    ("session was ended by another request", GONE),
    (
        "session regenerated, but",
        "dewar_sessions_rotation_incomplete_total",
    ),
    ("session regenerated", REGENERATED),
    ("session destroyed", DESTROYED),
    (
        "a session record cannot be decoded",
        "dewar_records_undecodable_total",
    ),
    ("session closed", "dewar_sessions_closed_total"),
    ("secret keys replaced", "dewar_keys_replaced_total"),
    ("session store failed", "dewar_store_errors_total"),
];

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        self.text.push_str(&text);
        if field.name() == "message" {
            self.message = text;
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.numbers = format!("{}={value}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text.push_str(value);
        self.label = format!(" {}={value}", field.name());
    }

    fn record_error(&mut self, _: &Field, mut error: &(dyn std::error::Error + 'static)) {
        self.text.push_str(&format!("{error} {error:?}"));
        while let Some(source) = error.source() {
            error = source;
            self.text.push_str(&format!("{error} {error:?}"));
        }
    }
}

#[cfg(feature = "metrics")]
mod counting {
    use metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::{Arc, Watch};

    impl Recorder for Watch {
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let mut row = key.name().to_owned();
            for label in key.labels() {
                row.push_str(&format!(" {}={}", label.key(), label.value()));
            }
            Counter::from_arc(Arc::new(Row(self.clone(), row)))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }

        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    }

    struct Row(Watch, String);

    impl CounterFn for Row {
        fn increment(&self, value: u64) {
            assert_eq!(value, 1, "each happens once");
            self.0.lock().counted.push(self.1.clone());
        }

        fn absolute(&self, _: u64) {
            panic!("a counter is counted up");
        }
    }
}
