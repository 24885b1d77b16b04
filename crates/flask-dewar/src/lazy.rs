//! Sessions that are loaded when somebody first reaches for them: the part of `flask_dewar.lazy` that most requests come by.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::engine::Engine;

/// Fills the session, if that has not been done, and gives it its real class.
#[pyfunction]
pub(crate) fn load(session: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = session.py();
    let state = session.getattr(intern!(py, "__dict__"))?;
    let state = state.cast::<PyDict>()?;
    let Some(pending) = state.get_item(intern!(py, "_pending"))? else {
        return Ok(());
    };
    let pending = pending.cast::<PyTuple>()?;
    let (class, engine, header) = (
        pending.get_borrowed_item(0)?,
        pending.get_borrowed_item(1)?,
        pending.get_borrowed_item(2)?,
    );
    // It is filled as the dict that it is, past its class. After an error, whoever reaches for it next meets it again.
    let handle = match engine.cast::<Engine>() {
        Ok(engine) => {
            let header = match header.is_none() {
                true => None,
                false => Some(header.cast::<PyString>()?),
            };
            let handle = engine.get().open(py, header.as_deref(), session.cast()?)?;
            Bound::new(py, handle)?.into_any()
        }
        // One that works aside, on a thread of its own.
        Err(_) => engine.call_method1(intern!(py, "open"), (header, session))?,
    };
    state.set_item(intern!(py, "_handle"), handle)?;
    state.del_item(intern!(py, "_pending"))?;
    session.setattr(intern!(py, "__class__"), class)
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
