//! A request's session: the engine's handle, and the dict as it was filled, to find what differs at the end.

use std::sync::{Mutex, PoisonError};

use dewar::data::Text;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use crate::engine::{Engine, Kept};
use crate::errors::exception;
use crate::values::{fill, key_text, value};
use crate::wait::wait;

/// A session that was opened. The application works on a dict of its own; `close` finds what differs.
#[pyclass(frozen, module = "flask_dewar._native")]
pub(crate) struct Session {
    session: dewar::Session,
    kept: Kept,
    /// The dict as it was when it was last filled or saved.
    before: Mutex<Py<PyDict>>,
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
        self.session.is_new()
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
    ) -> PyResult<(Option<String>, bool)> {
        let py = data.py();
        if accessed {
            self.session.set_accessed();
        }
        let now = data.copy()?;
        self.apply(&now, cleared)?;
        if modified && !self.session.is_modified() {
            self.session
                .set_modified()
                .map_err(|error| exception(py, &error))?;
        }
        let engine = engine.get();
        let reply = engine.run(py, || wait(engine.engine().close(&self.session)));
        let reply = reply.map_err(|error| exception(py, &error))?;
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = now.unbind();
        Ok((reply.set_cookie().map(str::to_owned), reply.varies()))
    }
}

impl Session {
    /// Fills `data` from the session.
    pub(crate) fn filling(
        session: dewar::Session,
        kept: Kept,
        data: &Bound<'_, PyDict>,
    ) -> PyResult<Session> {
        fill(data, &session.mirror())?;
        let before = Mutex::new(data.copy()?.unbind());
        Ok(Session {
            session,
            kept,
            before,
        })
    }

    /// Tells the engine what differs between the dict before and now, key by key.
    fn apply(&self, now: &Bound<'_, PyDict>, cleared: bool) -> PyResult<()> {
        let py = now.py();
        let before = {
            let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
            before.clone_ref(py).into_bound(py)
        };
        let engine_error = |error: &dewar::Error| exception(py, error);
        if cleared && !before.is_empty() {
            self.session.clear().map_err(|error| engine_error(&error))?;
        }
        let mut kept = 0;
        for (key, entry) in now {
            let was = before.get_item(&key)?;
            kept += usize::from(was.is_some());
            if !cleared && was.is_some_and(|was| was.is(&entry)) && is_immutable(&entry) {
                continue;
            }
            let text = key_text(&key)?;
            let value = value(&entry).map_err(|error| self.about_key(py, &text, error))?;
            self.session
                .set_mirrored(&text, value)
                .map_err(|error| engine_error(&error))?;
        }
        if kept < before.len() {
            for (key, _) in &before {
                if !now.contains(&key)? {
                    let text = key_text(&key)?;
                    self.session
                        .remove_mirrored(&text)
                        .map_err(|error| engine_error(&error))?;
                }
            }
        }
        Ok(())
    }

    /// The error for a value that cannot be stored, with the key under which it is.
    fn about_key(&self, py: Python<'_>, key: &Text, error: PyErr) -> PyErr {
        if !error.is_instance_of::<PyTypeError>(py) {
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
        let with_key = PyTypeError::new_err(named);
        with_key.set_cause(py, error.cause(py));
        with_key
    }
}

/// Whether an object can only be replaced, not changed in place.
fn is_immutable(object: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_none()
        || object.is_exact_instance_of::<PyFloat>()
}
