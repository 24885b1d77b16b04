//! What a session adds to a response's headers, as Werkzeug keeps them: a list of names and values.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

/// Appends `Vary: Cookie`; false, and nothing done, if there is a `Vary` already, or something that is no header.
#[pyfunction]
pub(crate) fn add_vary(headers: &Bound<'_, PyList>) -> PyResult<bool> {
    let py = headers.py();
    for header in headers {
        if !header.cast::<PyTuple>().is_ok_and(is_other_than_vary) {
            return Ok(false);
        }
    }
    headers.append((intern!(py, "Vary"), intern!(py, "Cookie")))?;
    Ok(true)
}

fn is_other_than_vary(header: &Bound<'_, PyTuple>) -> bool {
    let Ok(name) = header.get_borrowed_item(0) else {
        return false;
    };
    let Ok(name) = name.cast::<PyString>() else {
        return false;
    };
    name.to_str()
        .is_ok_and(|name| !name.eq_ignore_ascii_case("vary"))
}
