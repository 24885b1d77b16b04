//! Sessions that are loaded when somebody first reaches for them, and long values when somebody reaches for those: the part
//! of `flask_dewar.lazy` that most requests come by.

use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::engine::Engine;
use crate::session::Session;
use crate::values::{Long, is_waiting};

/// Fills the session, if that has not been done, and gives it its real class, or the one for as long as values wait.
#[pyfunction]
pub(crate) fn load(session: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = session.py();
    let state = state(session)?;
    let Some(pending) = state.get_item(intern!(py, "_pending"))? else {
        return Ok(());
    };
    let pending = pending.cast_into::<PyTuple>()?;
    let (partly, engine, header) = (
        pending.get_borrowed_item(1)?,
        pending.get_borrowed_item(2)?,
        pending.get_borrowed_item(3)?,
    );
    // Filled aside: another thread or greenlet may reach for the session meanwhile, and be the first to have it. After an error,
    // whoever reaches for it next meets it again.
    let data = PyDict::new(py);
    let (handle, waits) = match engine.cast::<Engine>() {
        Ok(engine) => {
            let header = match header.is_none() {
                true => None,
                false => Some(header.cast::<PyString>()?),
            };
            let long = match partly.is_none() {
                true => Long::AtOnce,
                false => Long::Later,
            };
            let (handle, waits) = engine.get().opened(py, header.as_deref(), &data, long)?;
            (Bound::new(py, handle)?.into_any(), waits)
        }
        // One that works aside, on a thread of its own.
        Err(_) => (
            engine.call_method1(intern!(py, "open"), (header, &data))?,
            false,
        ),
    };
    let class = pending.get_borrowed_item(if waits { 1 } else { 0 })?;
    with_critical_section(&state, || {
        if !state.contains(intern!(py, "_pending"))? {
            return Ok(());
        }
        // As the dict that it is, past its class.
        session.cast::<PyDict>()?.update(data.as_mapping())?;
        state.set_item(intern!(py, "_handle"), handle)?;
        session.setattr(intern!(py, "__class__"), class)?;
        state.del_item(intern!(py, "_pending"))
    })
}

/// Makes the value that waits under a key, and gives it. When none waits any more, the session gets its real class.
#[pyfunction]
pub(crate) fn make<'py>(
    session: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let data = session.cast::<PyDict>()?;
    make_waiting(session, data, Some(key))?;
    if let Some(object) = made(data, key)? {
        return Ok(object);
    }
    // The key is equal to the stored one, but not the same text.
    make_waiting(session, data, None)?;
    made(data, key)?.ok_or_else(|| PyKeyError::new_err(key.clone().unbind()))
}

fn made<'py>(
    data: &Bound<'py, PyDict>,
    key: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(data.get_item(key)?.filter(|object| !is_waiting(object)))
}

/// Makes all values that wait, and gives the session its real class.
#[pyfunction]
pub(crate) fn make_all(session: &Bound<'_, PyAny>) -> PyResult<()> {
    make_waiting(session, session.cast()?, None)
}

fn make_waiting(
    session: &Bound<'_, PyAny>,
    data: &Bound<'_, PyDict>,
    only: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = session.py();
    let handle = state(session)?.get_item(intern!(py, "_handle"))?;
    let waits = match handle {
        Some(handle) => handle.cast::<Session>()?.get().make_waiting(data, only)?,
        None => false,
    };
    // Another thread may have been faster.
    if !waits && let Some(class) = session.get_type().getattr_opt(intern!(py, "_loaded"))? {
        session.setattr(intern!(py, "__class__"), class)?;
    }
    Ok(())
}

fn state<'py>(session: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let state = session.getattr(intern!(session.py(), "__dict__"))?;
    Ok(state.cast_into::<PyDict>()?)
}

/// `session.accessed` of a session that is not loaded: by setting it Flask says that a request reaches for it.
#[pyclass(frozen, module = "flask_dewar._native")]
pub(crate) struct Accessed;

#[pymethods]
impl Accessed {
    #[new]
    fn new() -> Accessed {
        Accessed
    }

    fn __get__(&self, _session: &Bound<'_, PyAny>, _owner: Option<&Bound<'_, PyAny>>) -> bool {
        false
    }

    fn __set__(&self, session: &Bound<'_, PyAny>, accessed: &Bound<'_, PyAny>) -> PyResult<()> {
        if accessed.is_truthy()? {
            load(session)?;
            // By its real class.
            session.setattr(intern!(session.py(), "accessed"), accessed)?;
        }
        Ok(())
    }
}
