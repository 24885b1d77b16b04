//! Between Python's objects and the values of a session.

mod names;
mod python_types;
mod read;
mod same;
mod waiting;
mod write;

use bytes::Bytes;
use dewar::data::{Document, Format};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

pub(crate) use names::{Known, Names};
pub(crate) use read::{Long, fill, make_waiting};
pub(crate) use same::{is_key, surely_same};
pub(crate) use waiting::{Waiting, is_waiting, waiting};
pub(crate) use write::{key_text, value};

use crate::errors::exception;

/// A session's dict in one of the formats of records.
#[pyfunction]
pub(crate) fn encode<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyDict>,
    format: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let format = format_named(format)?;
    let mut document = Document::new();
    for (key, entry) in &data.copy()? {
        document.insert(key_text(&key)?, value(&entry, format)?);
    }
    let bytes = document
        .encode(format)
        .map_err(|error| exception(py, &error))?;
    Ok(PyBytes::new(py, &bytes))
}

/// The dict in a record, whichever format it has; None if it has none of them.
#[pyfunction]
pub(crate) fn decode<'py>(
    py: Python<'py>,
    record: &[u8],
    preferred: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Ok(document) = Document::detect(format_named(preferred)?, Bytes::copy_from_slice(record))
    else {
        return Ok(None);
    };
    let dict = PyDict::new(py);
    fill(&dict, &document, &mut Known::none(), Long::AtOnce)?;
    Ok(Some(dict))
}

fn format_named(name: &str) -> PyResult<Format> {
    match name {
        "msgpack" => Ok(Format::Msgpack),
        "msgpack-typed" => Ok(Format::MsgpackTyped),
        "json" => Ok(Format::Json),
        "pickle" => Ok(Format::Pickle),
        "cookie" => Ok(Format::TaggedJson),
        _ => Err(PyValueError::new_err(
            "a format is one of 'msgpack', 'msgpack-typed', 'json', 'pickle' and 'cookie'",
        )),
    }
}
