//! From a configuration to an engine with its store.

use std::sync::Arc;

use dewar::config::{Config, Report};
use dewar::store::Store;
use dewar::{Engine, Result};

use crate::place::{Place, wrong};

/// An engine for this configuration, whose store is opened as the configuration says.
///
/// ```no_run
/// use dewar::config::Config;
///
/// // FLASK_SESSION_TYPE=redis FLASK_SESSION_REDIS=redis://cache.example:6379
/// let engine = dewar_stores::engine(Config::from_env())?;
/// # let _ = engine; Ok::<(), dewar::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Config`](dewar::ErrorKind::Config) with every problem of the configuration, or if the store's URL or table cannot be; what a
/// server says shows when it is first used.
pub fn engine(config: Config) -> Result<Engine> {
    // All problems at once come before the first one of the store.
    let report = said(&config);
    if report.has_errors() {
        return Err(wrong(report.to_string()));
    }
    // What is wrong with an address shows when the store is made of it, which is done once.
    let store = open(&config).map_err(|error| {
        let report = check(&config);
        match report.has_errors() {
            true => wrong(report.to_string()),
            false => error,
        }
    })?;
    let builder = match store {
        Some(store) => Engine::builder(config).shared_store(store),
        None => Engine::builder(config),
    };
    builder.build()
}

/// Checks everything, as [`Config::check`] does, and whether a key says where the store is, in a way that can be. No server is asked.
///
/// ```
/// use dewar::config::{Code, Config};
///
/// let report = dewar_stores::check(&Config::new().session_type("postgresql"));
/// assert_eq!(report.problems[0].code, Code::AddressMissing);
/// ```
pub fn check(config: &Config) -> Report {
    let report = said(config);
    if report.has_errors() {
        // What else is wrong would be found a second time.
        return report;
    }
    let mut problems = report.problems;
    problems.extend(Place::wrong_address(config));
    Report::of(problems)
}

/// What is wrong in the configuration, and whether a key says where the store is.
fn said(config: &Config) -> Report {
    let mut problems = config.check().problems;
    // A `SESSION_TYPE` that is no text is among the problems.
    if let Ok(Some(unsaid)) = Place::unsaid(config) {
        problems.push(unsaid.problem(config));
    }
    Report::of(problems)
}

/// The store that the configuration means; `None` where the engine needs none or makes it itself: `null`, `cookie`,
/// `memory`, `filesystem` and `cachelib`.
///
/// # Errors
/// [`ErrorKind::Config`](dewar::ErrorKind::Config) if the address is missing or wrong, or this program was built without that store.
pub fn open(config: &Config) -> Result<Option<Arc<dyn Store>>> {
    Place::of_config(config)?
        .map(|place| place.open())
        .transpose()
}
