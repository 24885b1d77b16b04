//! From a session's values to Python's objects.

use dewar::data::{Document, Entry, Piece, Pieces, Text, Value};
use num_bigint::BigInt;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

use super::names::Known;
use super::python_types::python_types;
use super::same::is_key;
use super::waiting::{is_waiting, waiting};

/// From how many stored bytes on a list or a dict is long. Below, making it takes less than knowing that it waits.
const LONG: usize = 256;

/// When long lists and dicts are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Long {
    AtOnce,
    /// When somebody reaches for them.
    Later,
}

/// Puts all entries into `dict`, past whatever a subclass does when it is changed; whether any of them waits.
pub(crate) fn fill(
    dict: &Bound<'_, PyDict>,
    document: &Document,
    names: &mut Known<'_>,
    long: Long,
) -> PyResult<bool> {
    let py = dict.py();
    let mut waits = false;
    for (key, entry) in document.entries() {
        let object = match entry {
            Entry::Stored(pieces) if long == Long::Later && is_long(&pieces) => {
                waits = true;
                waiting(py)?.clone().into_any()
            }
            entry => make(py, entry, names)?,
        };
        dict.set_item(key_object(py, key, names)?, object)?;
    }
    Ok(waits)
}

/// Makes what waits in `dict`, which was filled from this document: under one key, or under all of them. Whether anything
/// still waits.
pub(crate) fn make_waiting(
    dict: &Bound<'_, PyDict>,
    document: &Document,
    names: &mut Known<'_>,
    only: Option<&Bound<'_, PyAny>>,
) -> PyResult<bool> {
    let py = dict.py();
    let mut waits = false;
    for (key, entry) in document.entries() {
        let name = key_object(py, key, names)?;
        if !waits_under(dict, &name)? {
            continue;
        }
        if !only.is_none_or(|only| is_key(only, key)) {
            waits = true;
            continue;
        }
        let object = make(py, entry, names)?;
        // Making it may let another thread run, which reached for it as well: both are to have the same object.
        with_critical_section(dict, || match waits_under(dict, &name)? {
            true => dict.set_item(&name, object),
            false => Ok(()),
        })?;
    }
    Ok(waits)
}

fn is_long(pieces: &Pieces<'_>) -> bool {
    pieces.container_len().is_some_and(|bytes| bytes >= LONG)
}

fn waits_under(dict: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    Ok(dict
        .get_item(name)?
        .is_some_and(|object| is_waiting(&object)))
}

/// The object of a key at the top.
fn key_object<'py>(
    py: Python<'py>,
    key: &Text,
    names: &mut Known<'_>,
) -> PyResult<Bound<'py, PyString>> {
    match key.as_str() {
        Some(key) => Ok(names.name(py, key)),
        None => text_object(py, key),
    }
}

/// The object of an entry.
fn make<'py>(
    py: Python<'py>,
    entry: Entry<'_>,
    names: &mut Known<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    match entry {
        Entry::Stored(mut pieces) => stored(py, &mut pieces, names),
        Entry::Value(value) => object(py, value),
    }
}

/// The object of a stored value.
fn stored<'py>(
    py: Python<'py>,
    pieces: &mut Pieces<'_>,
    names: &mut Known<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(match pieces.value() {
        Piece::List(mut items) => {
            let list = PyList::empty(py);
            while pieces.next_item(&mut items) {
                list.append(stored(py, pieces, names)?)?;
            }
            list.into_any()
        }
        Piece::Dict(mut items) => {
            let dict = PyDict::new(py);
            while let Some(key) = pieces.next_key(&mut items) {
                let object = stored(py, pieces, names)?;
                match key {
                    Piece::Str(key) => dict.set_item(names.name(py, key), object)?,
                    other => dict.set_item(leaf(py, other)?, object)?,
                }
            }
            dict.into_any()
        }
        other => leaf(py, other)?,
    })
}

/// The object of a piece that holds no others.
fn leaf<'py>(py: Python<'py>, piece: Piece<'_>) -> PyResult<Bound<'py, PyAny>> {
    match piece {
        Piece::Bool(value) => value.into_bound_py_any(py),
        Piece::Int(value) => value.into_bound_py_any(py),
        Piece::Float(value) => value.into_bound_py_any(py),
        Piece::Str(text) => Ok(PyString::new(py, text).into_any()),
        Piece::Value(value) => object(py, &value),
        // Lists and dicts were taken apart before.
        _ => Ok(py.None().into_bound(py)),
    }
}

/// Text as `str`, lone surrogates included.
fn text_object<'py>(py: Python<'py>, text: &Text) -> PyResult<Bound<'py, PyString>> {
    match text.as_str() {
        Some(text) => Ok(PyString::new(py, text)),
        None => {
            let bytes = PyBytes::new(py, text.as_wtf8());
            let decoded = bytes.call_method1("decode", ("utf-8", "surrogatepass"))?;
            Ok(decoded.cast_into::<PyString>()?)
        }
    }
}

fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::Int(value) => value.into_bound_py_any(py),
        Value::Float(value) => value.into_bound_py_any(py),
        Value::Str(text) => Ok(text_object(py, text)?.into_any()),
        Value::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Value::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(object(py, item)?)?;
            }
            Ok(list.into_any())
        }
        Value::Tuple(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| object(py, item))
                .collect::<PyResult<_>>()?;
            Ok(PyTuple::new(py, items)?.into_any())
        }
        Value::Set(items) => {
            let set = PySet::empty(py)?;
            for item in items {
                set.add(hashable(py, item)?)?;
            }
            Ok(set.into_any())
        }
        Value::Dict(entries) => {
            let dict = PyDict::new(py);
            for (key, value) in entries {
                let key = match key.is_text() {
                    true => text_object(py, key)?.into_any(),
                    false => object(py, &key.to_key())?,
                };
                dict.set_item(key, object(py, value)?)?;
            }
            Ok(dict.into_any())
        }
        other => rare(py, other),
    }
}

/// The object of a value that is in a set, where Python takes nothing that may change.
fn hashable<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let all = |items: &[Value]| -> PyResult<Vec<_>> {
        items.iter().map(|item| hashable(py, item)).collect()
    };
    match value {
        Value::Set(items) => Ok(PyFrozenSet::new(py, all(items)?)?.into_any()),
        Value::List(items) | Value::Tuple(items) => Ok(PyTuple::new(py, all(items)?)?.into_any()),
        other => object(py, other),
    }
}

#[inline(never)]
fn rare<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let types = python_types(py)?;
    match value {
        Value::BigInt(value) => big_integer(py, value),
        Value::DateTime(moment) => {
            let (seconds, nanoseconds) = (moment.as_second(), moment.subsec_nanosecond());
            let since = types
                .timedelta
                .bind(py)
                .call1((0, seconds, nanoseconds / 1000))?;
            types.epoch.bind(py).add(since)
        }
        Value::NaiveDateTime(at) => types.datetime.bind(py).call1((
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.subsec_nanosecond() / 1000,
        )),
        Value::Date(date) => types
            .date
            .bind(py)
            .call1((date.year(), date.month(), date.day())),
        Value::Time(time) => types.time.bind(py).call1((
            time.hour(),
            time.minute(),
            time.second(),
            time.subsec_nanosecond() / 1000,
        )),
        Value::TimeDelta(delta) => {
            types
                .timedelta
                .bind(py)
                .call1((0, delta.as_secs(), delta.subsec_micros()))
        }
        Value::Uuid(uuid) => types.uuid.bind(py).call1((uuid.hyphenated().to_string(),)),
        Value::Decimal(decimal) => types.decimal.bind(py).call1((decimal.as_str(),)),
        Value::Markup(text) => types.markup.bind(py).call1((text_object(py, text)?,)),
        // Everything else was handled before; a type that the engine learns later must be added here.
        _ => Ok(py.None().into_bound(py)),
    }
}

fn big_integer<'py>(py: Python<'py>, value: &BigInt) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyInt>().call1((value.to_str_radix(16), 16))
}
