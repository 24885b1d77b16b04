//! Whether an object still is what is stored, without making anything of either.

use dewar::data::{Entry, Piece, Pieces, Text, Value};
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::waiting::is_waiting;

/// Whether an object surely means what is stored: of the same plain types, in the same order. No code of the application runs.
///
/// Where this cannot say, the object has to be converted and compared.
pub(crate) fn surely_same(entry: Entry<'_>, object: &Bound<'_, PyAny>) -> bool {
    match entry {
        _ if is_waiting(object) => true,
        Entry::Stored(mut pieces) => same(&mut pieces, object),
        Entry::Value(value) => is_value(object, value),
    }
}

/// Whether a dict's key is this text.
pub(crate) fn is_key(key: &Bound<'_, PyAny>, text: &Text) -> bool {
    is_text(key, text)
}

fn same(pieces: &mut Pieces<'_>, object: &Bound<'_, PyAny>) -> bool {
    match pieces.value() {
        Piece::Null => object.is_none(),
        Piece::Bool(value) => is_bool(object, value),
        Piece::Int(value) => is_int(object, value),
        Piece::Float(value) => is_float(object, value),
        Piece::Str(text) => is_str(object, text),
        Piece::List(mut items) => {
            let Ok(list) = object.cast_exact::<PyList>() else {
                return false;
            };
            let all = list
                .iter()
                .all(|item| pieces.next_item(&mut items) && same(pieces, &item));
            all && !pieces.next_item(&mut items)
        }
        Piece::Dict(mut items) => {
            let Ok(dict) = object.cast_exact::<PyDict>() else {
                return false;
            };
            // Where there is no GIL, another thread must not change it meanwhile.
            with_critical_section(dict, || {
                let all = dict.iter().all(|(key, item)| {
                    let stored = pieces.next_key(&mut items);
                    stored.is_some_and(|stored| is_piece(&key, stored)) && same(pieces, &item)
                });
                all && pieces.next_key(&mut items).is_none()
            })
        }
        leaf => is_piece(object, leaf),
    }
}

/// Whether an object is a piece that holds no others.
fn is_piece(object: &Bound<'_, PyAny>, piece: Piece<'_>) -> bool {
    match piece {
        Piece::Null => object.is_none(),
        Piece::Bool(value) => is_bool(object, value),
        Piece::Int(value) => is_int(object, value),
        Piece::Float(value) => is_float(object, value),
        Piece::Str(text) => is_str(object, text),
        Piece::Value(Value::Str(text)) => is_text(object, &text),
        _ => false,
    }
}

/// Whether an object is a value that was decoded already: one with tags, as those with tuples are.
fn is_value(object: &Bound<'_, PyAny>, value: &Value) -> bool {
    match value {
        Value::Null => object.is_none(),
        Value::Bool(value) => is_bool(object, *value),
        Value::Int(value) => is_int(object, *value),
        Value::Float(value) => is_float(object, *value),
        Value::Str(text) => is_text(object, text),
        Value::Bytes(bytes) => object
            .cast_exact::<PyBytes>()
            .is_ok_and(|it| it.as_bytes() == bytes),
        Value::Tuple(values) => object.cast_exact::<PyTuple>().is_ok_and(|tuple| {
            tuple.len() == values.len()
                && values
                    .iter()
                    .zip(tuple)
                    .all(|(value, item)| is_value(&item, value))
        }),
        Value::List(values) => object.cast_exact::<PyList>().is_ok_and(|list| {
            list.len() == values.len()
                && values
                    .iter()
                    .zip(list)
                    .all(|(value, item)| is_value(&item, value))
        }),
        Value::Dict(entries) => object.cast_exact::<PyDict>().is_ok_and(|dict| {
            with_critical_section(dict, || {
                dict.len() == entries.len()
                    && entries
                        .iter()
                        .zip(dict)
                        .all(|((name, value), (key, item))| {
                            name.is_text() && is_text(&key, name) && is_value(&item, value)
                        })
            })
        }),
        _ => false,
    }
}

fn is_bool(object: &Bound<'_, PyAny>, value: bool) -> bool {
    object
        .cast_exact::<PyBool>()
        .is_ok_and(|truth| truth.is_true() == value)
}

fn is_int(object: &Bound<'_, PyAny>, value: i64) -> bool {
    object.is_exact_instance_of::<PyInt>() && object.extract::<i64>().is_ok_and(|it| it == value)
}

/// By their bits: 0.0 and -0.0 differ, and NaN is what it was.
fn is_float(object: &Bound<'_, PyAny>, value: f64) -> bool {
    object
        .cast_exact::<PyFloat>()
        .is_ok_and(|it| it.value().to_bits() == value.to_bits())
}

fn is_str(object: &Bound<'_, PyAny>, text: &str) -> bool {
    object
        .cast_exact::<PyString>()
        .is_ok_and(|it| it.to_str().is_ok_and(|it| it == text))
}

fn is_text(object: &Bound<'_, PyAny>, text: &Text) -> bool {
    text.as_str().is_some_and(|text| is_str(object, text))
}
