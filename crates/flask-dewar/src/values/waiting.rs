//! What stands in a session's dict for a long value until somebody reaches for it.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The only object of this class, in place of every value that waits: where it is found, the stored value still holds.
#[pyclass(frozen, module = "flask_dewar._native")]
pub(crate) struct Waiting;

#[pymethods]
impl Waiting {
    fn __repr__(&self) -> &'static str {
        "<a long value that is made when the session is asked for it>"
    }

    /// Whoever writes what it does not know as text must not write this.
    fn __str__(&self) -> PyResult<String> {
        Err(PyTypeError::new_err(
            "a long value of the session that was not made yet, since the dict was looked into past its methods: use \
             dict(session)",
        ))
    }
}

static WAITING: PyOnceLock<Py<Waiting>> = PyOnceLock::new();

/// The object that stands for a value.
pub(crate) fn waiting(py: Python<'_>) -> PyResult<&Bound<'_, Waiting>> {
    Ok(WAITING
        .get_or_try_init(py, || Py::new(py, Waiting))?
        .bind(py))
}

/// Whether this is the object that stands for a value.
pub(crate) fn is_waiting(object: &Bound<'_, PyAny>) -> bool {
    WAITING
        .get(object.py())
        .is_some_and(|waiting| object.is(waiting))
}
