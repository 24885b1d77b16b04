//! A request's session: the engine's handle, and what the dict was filled with, to find what differs at the end.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dewar::data::{Document, Text};
use dewar::engine::Reply;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyDict, PyString};

use crate::engine::{Engine, Kept};
use crate::errors::exception;
use crate::values::{Long, Names, fill, is_key, key_text, make_waiting, surely_same, value};
use crate::wait::wait;

/// A session that was opened. The application works on a dict of its own; `close` finds what differs.
#[pyclass(frozen, module = "flask_dewar._native")]
pub(crate) struct Session {
    session: dewar::Session,
    kept: Kept,
    /// What the dict held when it was last filled or saved.
    before: Mutex<Arc<Document>>,
    names: Arc<Names>,
}

#[pymethods]
impl Session {
    /// The session id; None if the session is kept in the cookie.
    #[getter]
    fn sid(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let id = self.session.id().map_err(|error| exception(py, &error))?;
        Ok(id.map(|id| id.expose().to_owned()))
    }

    /// Whether the session did not exist before this request.
    #[getter(new)]
    fn is_new(&self) -> bool {
        self.session.is_mirror_new()
    }

    /// Gives the session a new id at the end of the request.
    fn regenerate(&self, py: Python<'_>) -> PyResult<()> {
        self.session
            .regenerate()
            .map_err(|error| exception(py, &error))
    }

    /// Decides what becomes of the session, does it, and gives the value of `Set-Cookie`, if there is one, and whether
    /// `Vary: Cookie` is needed.
    ///
    /// `cleared` says that the dict was emptied as a whole before it got what is in it now.
    fn close(
        &self,
        engine: &Bound<'_, Engine>,
        data: &Bound<'_, PyDict>,
        cleared: bool,
        modified: bool,
        accessed: bool,
    ) -> PyResult<Closed> {
        let before = self.before();
        let difference = Difference::between(&before, data, cleared);
        self.finish(
            engine.get(),
            data.py(),
            &before,
            difference,
            modified,
            accessed,
        )
    }

    /// As `close` of a session that only was read, if the store has nothing to do for it; None otherwise, and then it is not closed.
    fn close_at_once(
        &self,
        engine: &Bound<'_, Engine>,
        data: &Bound<'_, PyDict>,
        accessed: bool,
    ) -> PyResult<Option<Closed>> {
        if !Difference::between(&self.before(), data, false).is_none() {
            return Ok(None);
        }
        if accessed {
            self.session.set_accessed();
        }
        let (py, engine) = (data.py(), engine.get());
        let close = || engine.engine().close_at_once(&self.session).transpose();
        let reply = engine.run(py, close);
        let reply = reply.map_err(|error| exception(py, &error))?;
        Ok(reply.as_ref().map(closed_by))
    }
}

/// The value of `Set-Cookie`, if there is one, and whether `Vary: Cookie` is needed.
pub(crate) type Closed = (Option<String>, bool);

impl Session {
    /// As `close`; but where there is something to write, the engine must serve `config`: otherwise this does nothing and
    /// gives None.
    pub(crate) fn close_under(
        &self,
        config: &Bound<'_, PyDict>,
        engine: &Engine,
        data: &Bound<'_, PyDict>,
        modified: bool,
        accessed: bool,
    ) -> PyResult<Option<Closed>> {
        let py = data.py();
        let before = self.before();
        let difference = Difference::between(&before, data, false);
        let writes =
            modified || !difference.is_none() || data.contains(intern!(py, "_permanent"))?;
        if writes && !engine.serves(config)? {
            return Ok(None);
        }
        self.finish(engine, py, &before, difference, modified, accessed)
            .map(Some)
    }

    fn finish(
        &self,
        engine: &Engine,
        py: Python<'_>,
        before: &Document,
        difference: Difference<'_, '_>,
        modified: bool,
        accessed: bool,
    ) -> PyResult<Closed> {
        if accessed {
            self.session.set_accessed();
        }
        self.apply(py, engine, before, difference)?;
        if modified && !self.session.is_modified() {
            self.session
                .set_modified()
                .map_err(|error| exception(py, &error))?;
        }
        if engine.announces() {
            self.session.announce_changes();
        }
        let reply = engine.run(py, || wait(engine.engine().close(&self.session)));
        let reply = reply.map_err(|error| exception(py, &error))?;
        Ok(closed_by(&reply))
    }

    /// Fills `data` from the session; whether anything in it waits until somebody reaches for it.
    pub(crate) fn filling(
        session: dewar::Session,
        kept: Kept,
        data: &Bound<'_, PyDict>,
        names: &Arc<Names>,
        long: Long,
    ) -> PyResult<(Session, bool)> {
        let before = session.mirror();
        let waits = fill(data, &before, &mut names.known(), long)?;
        let session = Session {
            session,
            kept,
            before: Mutex::new(Arc::new(before)),
            names: Arc::clone(names),
        };
        Ok((session, waits))
    }

    /// Makes what waits in `data` under a key, or under all of them; whether anything still waits.
    pub(crate) fn make_waiting(
        &self,
        data: &Bound<'_, PyDict>,
        only: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let before = self.before();
        make_waiting(data, &before, &mut self.names.known(), only)
    }

    /// Tells the engine what differs between the dict before and now, key by key.
    fn apply(
        &self,
        py: Python<'_>,
        engine: &Engine,
        before: &Document,
        difference: Difference<'_, '_>,
    ) -> PyResult<()> {
        if difference.is_none() {
            return Ok(());
        }
        // All of it, before the engine is told anything: after a value that cannot be stored the application may take back what it
        // changed, and only what the engine was told is in `before` then.
        let changed = difference.changed.iter().map(|(key, object)| {
            let text = key_text(key)?;
            let value =
                value(object, engine.format()).map_err(|error| self.about_key(py, &text, error))?;
            Ok((text, value))
        });
        let changed = changed.collect::<PyResult<Vec<_>>>()?;
        let engine_error = |error: dewar::Error| exception(py, &error);
        if difference.cleared && !before.is_empty() {
            self.session.clear().map_err(engine_error)?;
        }
        for key in difference.removed {
            self.session.remove_mirrored(key).map_err(engine_error)?;
        }
        for (key, value) in changed {
            self.session
                .set_mirrored(&key, value)
                .map_err(engine_error)?;
        }
        // What the dict holds now, whatever the engine merges it with. A cookie is not written twice.
        if self.kept == Kept::InStore {
            *self.lock() = Arc::new(self.session.mirror());
        }
        Ok(())
    }

    fn before(&self) -> Arc<Document> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Document>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error for a value that cannot be stored, with the key under which it is.
    fn about_key(&self, py: Python<'_>, key: &Text, error: PyErr) -> PyErr {
        let is_value = error.is_instance_of::<PyValueError>(py);
        if !is_value && !error.is_instance_of::<PyTypeError>(py) {
            return error;
        }
        let place = match self.kept {
            Kept::InStore => "server-side session",
            Kept::InCookie | Kept::Nowhere => "session cookie",
        };
        let named = format!(
            "session[{:?}] cannot be kept in a {place}: {}",
            key.to_string_lossy(),
            error.value(py)
        );
        let with_key = match is_value {
            true => PyValueError::new_err(named),
            false => PyTypeError::new_err(named),
        };
        with_key.set_cause(py, error.cause(py));
        with_key
    }
}

fn closed_by(reply: &Reply) -> Closed {
    (reply.set_cookie().map(str::to_owned), reply.varies())
}

/// What differs between a session's data and a dict, as far as that can be said without running code of the application.
struct Difference<'d, 'py> {
    /// What may differ: converting it will show.
    changed: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    removed: Vec<&'d Text>,
    cleared: bool,
}

impl<'d, 'py> Difference<'d, 'py> {
    fn between(before: &'d Document, now: &Bound<'py, PyDict>, cleared: bool) -> Self {
        // Where there is no GIL, another thread must not change the dict meanwhile.
        with_critical_section(now, || Difference::find(before, now, cleared))
    }

    fn find(before: &'d Document, now: &Bound<'py, PyDict>, cleared: bool) -> Self {
        let mut changed = Vec::new();
        let mut kept = 0;
        let mut stored = before.entries();
        for (key, object) in now {
            // Nearly always the keys are in the order in which they were stored.
            let entry = match stored.next() {
                Some((name, entry)) if is_key(&key, name) => Some(entry),
                _ => text_of(&key).and_then(|text| before.entry_of(&text)),
            };
            kept += usize::from(entry.is_some());
            if cleared || !entry.is_some_and(|entry| surely_same(entry, &object)) {
                changed.push((key, object));
            }
        }
        let removed = match kept < before.len() {
            true => removed(before, now),
            false => Vec::new(),
        };
        Difference {
            changed,
            removed,
            cleared,
        }
    }

    fn is_none(&self) -> bool {
        !self.cleared && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// The keys that the dict no longer has.
#[cold]
fn removed<'d>(before: &'d Document, now: &Bound<'_, PyDict>) -> Vec<&'d Text> {
    let left: HashSet<Text> = now.iter().filter_map(|(key, _)| text_of(&key)).collect();
    before
        .keys()
        .filter(|key| !left.contains::<Text>(key))
        .collect()
}

/// The text of a key that is a plain `str`.
fn text_of(key: &Bound<'_, PyAny>) -> Option<Text> {
    key_text(key.cast_exact::<PyString>().ok()?).ok()
}
