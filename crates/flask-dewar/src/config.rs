//! From Flask's `app.config` to Dewar's configuration.

use dewar::config::{Code, Config, KEYS, Key, Problem, Scope, Setting, Severity};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};

/// All findings about a configuration: dicts with `code`, `severity`, `key`, `origin`, `what` and `fix`.
#[pyfunction]
pub(crate) fn check<'py>(
    py: Python<'py>,
    config: &Bound<'py, PyDict>,
    overrides: &Bound<'py, PyDict>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let report = read(config, overrides)?.check();
    let told = report
        .problems
        .iter()
        .filter(|one| !is_about_a_key_of_the_application(one));
    let findings = told.map(|problem| {
        let finding = PyDict::new(py);
        finding.set_item("code", problem.code.as_str())?;
        finding.set_item(
            "severity",
            match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
        )?;
        finding.set_item("key", &problem.key)?;
        finding.set_item("origin", problem.origin.to_string())?;
        finding.set_item("what", &problem.what)?;
        finding.set_item("fix", &problem.fix)?;
        Ok(finding)
    });
    findings.collect()
}

/// Whether a finding is about a key that is none of sessions, and resembles none: in `app.config` an application has keys of its
/// own, and `SESSION_SERVER_SIDE` may be one.
fn is_about_a_key_of_the_application(problem: &Problem) -> bool {
    problem.code == Code::UnknownKey && Key::meant_by(&problem.key).is_empty()
}

/// The names of all configuration keys.
#[pyfunction]
pub(crate) fn keys() -> Vec<&'static str> {
    KEYS.iter().map(|key| key.name).collect()
}

/// The names of the keys that only count with sessions in a store, where what they say when it is opened holds: an engine does not
/// watch them.
#[pyfunction]
pub(crate) fn store_keys() -> Vec<&'static str> {
    let of_stores = KEYS.iter().filter(|key| !is_watched(key));
    of_stores.map(|key| key.name).collect()
}

/// Whether a key means something with every session type, or with those that are kept in the cookie.
fn is_watched(key: &Key) -> bool {
    matches!(key.scope, Scope::Everywhere | Scope::SignedCookie)
}

/// The keys that are about sessions, or look like it; `overrides` win.
pub(crate) fn read(config: &Bound<'_, PyDict>, overrides: &Bound<'_, PyDict>) -> PyResult<Config> {
    let values = collected(config)?;
    let overrides = collected(overrides)?;
    Ok(Config::new()
        .source("app.config", values)
        .source("app.config", overrides))
}

fn collected(config: &Bound<'_, PyDict>) -> PyResult<Vec<(String, Setting)>> {
    let mut values = Vec::with_capacity(config.len());
    for (key, value) in &config.copy()? {
        // What is no text is not Flask's either.
        let Ok(key) = key.extract::<String>() else {
            continue;
        };
        let setting = match key.as_str() {
            // Flask and Flask-Session ask only whether they are true.
            "SESSION_COOKIE_HTTPONLY" | "SESSION_PERMANENT" | "SESSION_REFRESH_EACH_REQUEST"
                if value.is_none() =>
            {
                false.into()
            }
            _ => setting(&value)?,
        };
        values.push((key, setting));
    }
    Ok(values)
}

/// A value as a setting; an object that is none, such as a client, counts as not set.
fn setting(value: &Bound<'_, PyAny>) -> PyResult<Setting> {
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(truth.is_true().into());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_string_lossy().into_owned().into());
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().into());
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(match value.extract::<i64>() {
            Ok(number) => Setting::Integer(number),
            Err(_) => Setting::Float(value.extract().unwrap_or(f64::INFINITY)),
        });
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(number.value().into());
    }
    if value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>()
    {
        let items = value.try_iter()?.map(|item| setting(&item?));
        return items.collect::<PyResult<_>>().map(Setting::List);
    }
    // Of the type: MongoClient has every name for an attribute.
    let class = value.get_type();
    if let Some(seconds) = class.getattr_opt("total_seconds")? {
        return Ok(Setting::Float(seconds.call1((value,))?.extract()?));
    }
    if let Some(path) = class.getattr_opt("__fspath__")?
        && let Ok(path) = path.call1((value,))?.extract::<String>()
    {
        return Ok(path.into());
    }
    Ok(Setting::Null)
}

/// What only counts when a cookie is made: a session is opened without it.
const LATE: [&str; 10] = [
    "APPLICATION_ROOT",
    "MAX_COOKIE_SIZE",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_PARTITIONED",
    "SESSION_COOKIE_PATH",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_SECURE",
    "SESSION_REFRESH_AFTER",
    "SESSION_REFRESH_EACH_REQUEST",
];

/// The values that an engine was built from, to notice when the application sets others.
pub(crate) struct Watched {
    early: Vec<(Py<PyString>, Seen)>,
    late: Vec<(Py<PyString>, Seen)>,
}

enum Seen {
    Absent,
    One(Py<PyAny>),
    /// A list may change in place: its items as they were.
    Many(Py<PyAny>),
}

impl Watched {
    /// The values of the keys that are followed.
    pub(crate) fn of(
        config: &Bound<'_, PyDict>,
        overrides: &Bound<'_, PyDict>,
    ) -> PyResult<Watched> {
        let py = config.py();
        let (mut early, mut late) = (Vec::new(), Vec::new());
        for key in KEYS.iter().filter(|key| is_watched(key)) {
            let name = PyString::intern(py, key.name);
            let is_late = LATE.contains(&key.name);
            // What overrides one of the others does not depend on the configuration.
            if !is_late
                && overrides
                    .get_item(&name)?
                    .is_some_and(|value| !value.is_none())
            {
                continue;
            }
            let seen = match config.get_item(&name)? {
                None => Seen::Absent,
                Some(value) if value.is_instance_of::<PyList>() => Seen::Many(
                    value
                        .cast::<PyList>()?
                        .as_sequence()
                        .to_list()?
                        .into_any()
                        .unbind(),
                ),
                Some(value) => Seen::One(value.unbind()),
            };
            let when = match is_late {
                true => &mut late,
                false => &mut early,
            };
            when.push((name.unbind(), seen));
        }
        Ok(Watched { early, late })
    }

    /// Whether the configuration still says the same.
    pub(crate) fn holds(&self, config: &Bound<'_, PyDict>) -> PyResult<bool> {
        Ok(self.holds_for_opening(config)? && hold(&self.late, config)?)
    }

    /// Whether the configuration still says the same, as far as that counts when a session is opened.
    pub(crate) fn holds_for_opening(&self, config: &Bound<'_, PyDict>) -> PyResult<bool> {
        hold(&self.early, config)
    }
}

fn hold(watched: &[(Py<PyString>, Seen)], config: &Bound<'_, PyDict>) -> PyResult<bool> {
    let py = config.py();
    for (name, seen) in watched {
        let now = config.get_item(name.bind(py))?;
        let same = match (seen, now) {
            (Seen::Absent, None) => true,
            (Seen::One(before), Some(now)) => now.is(before) || now.eq(before)?,
            (Seen::Many(before), Some(now)) => now.eq(before)?,
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}
