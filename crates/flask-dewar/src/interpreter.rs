//! One interpreter of a process has the module: what is imported or made once would be that one's in all others.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// `ImportError` in every interpreter of the process but the first that asks.
pub(crate) fn must_be_the_only_one(py: Python<'_>) -> PyResult<()> {
    // Each interpreter has a module `sys` of its own.
    static FIRST: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let own = py.import("sys")?;
    if FIRST.get_or_init(py, || own.clone().unbind()).is(&own) {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "another interpreter of this process has imported flask_dewar, and only one can: run the applications in one \
         interpreter (uWSGI: single-interpreter = true; mod_wsgi: WSGIApplicationGroup %{GLOBAL}), or in processes of \
         their own",
    ))
}
