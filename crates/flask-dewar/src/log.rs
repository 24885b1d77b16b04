//! What the engine has to say goes to Python's `logging`, by the logger `flask_dewar`.
//!
//! Events are kept by the thread that they happen on until its call into the engine is over: only then it surely has the
//! interpreter, and no lock of the engine. The engine answers on the thread that asks it.

use std::cell::RefCell;
use std::fmt::{self, Write};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::errors::in_full;

thread_local! {
    static SAID: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// Listens from here on; called once, when the module is imported.
pub(crate) fn listen() {
    // Fails if it listens already, as in a second interpreter of the process.
    let _ = tracing::subscriber::set_global_default(Listener);
}

/// Drops what was said, where somebody else says it.
pub(crate) fn forget() {
    SAID.take();
}

/// What a call into the engine gave; what was said during it is logged, unless an exception will say it.
pub(crate) fn said<T>(py: Python<'_>, outcome: dewar::Result<T>) -> dewar::Result<T> {
    let said = SAID.take();
    if outcome.is_ok() && !said.is_empty() {
        tell(py, said);
    }
    outcome
}

#[cold]
fn tell(py: Python<'_>, said: Vec<(Level, String)>) {
    let told = || {
        let logger = py
            .import("logging")?
            .call_method1("getLogger", ("flask_dewar",))?;
        said.into_iter().try_for_each(|(level, text)| {
            let method = if level == Level::ERROR {
                "error"
            } else {
                "warning"
            };
            logger.call_method1(method, ("%s", text)).map(|_| ())
        })
    };
    // A session is not lost because a handler of the application's log fails.
    if let Err(failed) = told() {
        failed.write_unraisable(py, None);
    }
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.is_event() && is_ours(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let said = (*event.metadata().level(), text.message + &text.fields);
        SAID.with_borrow_mut(|all| all.push(said));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The drivers of stores have much to say that is nobody's business here.
fn is_ours(target: &str) -> bool {
    let ours = target.strip_prefix("dewar");
    ours.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '_']))
}

/// An event in words.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name}: {value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{}", in_full(value)));
    }
}
