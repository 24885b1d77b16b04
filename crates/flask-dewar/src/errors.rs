//! From the engine's errors to the exceptions of `flask_dewar.errors`.

use dewar::{Error, ErrorKind};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// The exception for an error of the engine, its cause in words behind it.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let message = in_full(error);
    let name = match error.kind() {
        ErrorKind::Config => "ConfigurationError",
        ErrorKind::Value => return PyTypeError::new_err(message),
        ErrorKind::NoSecretKey => return PyRuntimeError::new_err(message),
        ErrorKind::ReadOnly => "SessionReadOnly",
        ErrorKind::Gone => "SessionGone",
        ErrorKind::Contention => "SessionContention",
        ErrorKind::Store => "StoreError",
        _ => "SessionError",
    };
    match class(py, name).and_then(|class| class.call1((message,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

/// An error with its causes, in words. Behind a question, such as whether the address is right, the cause is in brackets.
pub(crate) fn in_full(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // A cause that only passes on its own is said once.
        let text = cause.to_string();
        if !message.contains(&text) {
            if message.ends_with('?') {
                message = format!("{message} ({text})");
            } else {
                message = format!("{message}: {text}");
            }
        }
        source = cause.source();
    }
    message
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module =
        MODULE.get_or_try_init(py, || py.import("flask_dewar.errors").map(Bound::unbind))?;
    let class = module.bind(py).getattr(name)?;
    Ok(class.cast_into::<PyType>()?.into_any())
}
