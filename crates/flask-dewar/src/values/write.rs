//! From Python's objects to a session's values.

use dewar::data::{Decimal, Dict, MAX_DEPTH, Text, Value};
use num_bigint::BigInt;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString,
    PyTuple, PyType,
};
use uuid::Uuid;

use super::python_types::python_types;

/// The value that an object means.
///
/// # Errors
/// `TypeError` if the object's type cannot be stored, `ValueError` if it is nested too deeply.
pub(crate) fn value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    value_at(object, 0)
}

/// A dict's key as text: what is no text, as JSON writes it.
pub(crate) fn key_text(key: &Bound<'_, PyAny>) -> PyResult<Text> {
    if let Ok(text) = key.cast::<PyString>() {
        return self::text(text);
    }
    let written = if let Ok(truth) = key.cast_exact::<PyBool>() {
        if truth.is_true() { "true" } else { "false" }.to_owned()
    } else if key.is_none() {
        "null".to_owned()
    } else if key.is_instance_of::<PyInt>() || key.is_instance_of::<PyFloat>() {
        key.str()?.to_string()
    } else {
        let found = type_name(key)?;
        return Err(PyTypeError::new_err(format!(
            "a dict's key must be str, int, float, bool or None to be stored in a session, not {found}"
        )));
    };
    Ok(Text::from(written))
}

/// The key of a dict inside of a session: what is no text keeps its type where the format can hold it.
fn inner_key(key: &Bound<'_, PyAny>) -> PyResult<Text> {
    if let Ok(text) = key.cast::<PyString>() {
        return self::text(text);
    }
    let kept = if let Ok(truth) = key.cast_exact::<PyBool>() {
        Some(Value::Bool(truth.is_true()))
    } else if key.is_none() {
        Some(Value::Null)
    } else if let Ok(number) = key.cast::<PyInt>() {
        Some(integer(number)?)
            .filter(|number| number.as_i64().is_some() || number.as_u64().is_some())
    } else if let Ok(number) = key.cast::<PyFloat>() {
        Some(Value::Float(number.value()))
    } else {
        None
    };
    match kept.as_ref().and_then(Text::of_key) {
        Some(kept) => Ok(kept),
        None => key_text(key),
    }
}

fn value_at(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if let Ok(text) = object.cast_exact::<PyString>() {
        return self::text(text).map(Value::Str);
    }
    if let Ok(truth) = object.cast_exact::<PyBool>() {
        return Ok(Value::Bool(truth.is_true()));
    }
    if let Ok(number) = object.cast_exact::<PyInt>() {
        return integer(number);
    }
    if object.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        check_depth(depth)?;
        let items = list.iter().map(|item| value_at(&item, depth + 1));
        return items.collect::<PyResult<_>>().map(Value::List);
    }
    if let Ok(entries) = object.cast_exact::<PyDict>() {
        return dict(entries, depth);
    }
    if let Ok(number) = object.cast_exact::<PyFloat>() {
        return Ok(Value::Float(number.value()));
    }
    if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        return self::tuple(tuple, depth);
    }
    if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return Ok(Value::Bytes(bytes.as_bytes().to_vec()));
    }
    rare(object, depth)
}

/// The types that are not JSON's, and subclasses; in the order in which Flask looks for them.
#[inline(never)]
fn rare(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let py = object.py();
    let types = python_types(py)?;
    let is = |class: &Py<PyType>| object.is_instance(class.bind(py));
    // A mixin such as `class Colour(str, Enum)` is what it is mixed with, as in JSON.
    let mixed = object.is_instance_of::<PyString>() || object.is_instance_of::<PyInt>();
    if is(&types.r#enum)? && !mixed {
        check_depth(depth)?;
        return value_at(&object.getattr("value")?, depth + 1);
    }
    if let Ok(entries) = object.cast::<PyDict>() {
        return dict(entries, depth);
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return self::tuple(tuple, depth);
    }
    if let Ok(list) = object.cast::<PyList>() {
        check_depth(depth)?;
        let items = list.iter().map(|item| value_at(&item, depth + 1));
        return items.collect::<PyResult<_>>().map(Value::List);
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Value::Bytes(bytes.as_bytes().to_vec()));
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Ok(Value::Bytes(bytes.to_vec()));
    }
    if let Some(html) = object.getattr_opt("__html__")?
        && html.is_callable()
        && !object.is_instance_of::<PyType>()
    {
        let html = html.call0()?.str()?;
        return text(&html).map(Value::Markup);
    }
    if is(&types.uuid)? {
        let number: String = object.getattr("hex")?.extract()?;
        let uuid =
            Uuid::try_parse(&number).map_err(|_| PyValueError::new_err("a UUID that is none"))?;
        return Ok(Value::Uuid(uuid));
    }
    if is(&types.datetime)? {
        return datetime(object);
    }
    if is(&types.date)? {
        return Ok(Value::Date(date(object)?));
    }
    if is(&types.time)? {
        return Ok(Value::Time(time(object)?));
    }
    if is(&types.timedelta)? {
        let (seconds, nanoseconds) = timedelta(object)?;
        return Ok(Value::TimeDelta(jiff::SignedDuration::new(
            seconds,
            nanoseconds,
        )));
    }
    if is(&types.decimal)? {
        let written = object.str()?.to_string();
        let decimal: Decimal = written
            .parse()
            .map_err(|_| PyValueError::new_err("a Decimal that is none"))?;
        return Ok(Value::Decimal(decimal));
    }
    if let Ok(set) = object.cast::<PySet>() {
        check_depth(depth)?;
        let items = set.copy_items()?;
        return items
            .iter()
            .map(|item| value_at(item, depth + 1))
            .collect::<PyResult<_>>()
            .map(Value::Set);
    }
    if let Ok(set) = object.cast::<PyFrozenSet>() {
        check_depth(depth)?;
        return set
            .iter()
            .map(|item| value_at(&item, depth + 1))
            .collect::<PyResult<_>>()
            .map(Value::Set);
    }
    if let Ok(text) = object.cast::<PyString>() {
        return self::text(text).map(Value::Str);
    }
    if let Ok(number) = object.cast::<PyInt>() {
        return integer(number);
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(Value::Float(number.value()));
    }
    if object.hasattr("__dataclass_fields__")? && !object.is_instance_of::<PyType>() {
        let plain = py
            .import("dataclasses")?
            .call_method1("asdict", (object,))?;
        return dict(plain.cast::<PyDict>()?, depth);
    }
    let found = type_name(object)?;
    Err(PyTypeError::new_err(format!(
        "Object of type {found} is not JSON serializable and cannot be stored in a session"
    )))
}

/// A set's items, taken at once: reading one may run code that changes it.
trait CopyItems<'py> {
    fn copy_items(&self) -> PyResult<Vec<Bound<'py, PyAny>>>;
}

impl<'py> CopyItems<'py> for Bound<'py, PySet> {
    fn copy_items(&self) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let list = self.py().get_type::<PyList>().call1((self,))?;
        Ok(list.cast_into::<PyList>()?.iter().collect())
    }
}

fn dict(entries: &Bound<'_, PyDict>, depth: usize) -> PyResult<Value> {
    check_depth(depth)?;
    let mut dict = Dict::with_capacity(entries.len());
    // A copy: reading a value may run code that changes the dict.
    for (key, entry) in &entries.copy()? {
        dict.insert(inner_key(&key)?, value_at(&entry, depth + 1)?);
    }
    Ok(Value::Dict(dict))
}

fn tuple(tuple: &Bound<'_, PyTuple>, depth: usize) -> PyResult<Value> {
    check_depth(depth)?;
    let items = tuple.iter().map(|item| value_at(&item, depth + 1));
    items.collect::<PyResult<_>>().map(Value::Tuple)
}

fn text(text: &Bound<'_, PyString>) -> PyResult<Text> {
    if let Ok(utf8) = text.to_str() {
        return Ok(Text::from(utf8));
    }
    let encoded = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
    let bytes = encoded.cast_into::<PyBytes>()?;
    Text::from_wtf8(bytes.as_bytes())
        .ok_or_else(|| PyValueError::new_err("text that cannot be encoded"))
}

fn integer(number: &Bound<'_, PyInt>) -> PyResult<Value> {
    if let Ok(small) = number.extract::<i64>() {
        return Ok(Value::Int(small));
    }
    let digits: String = number.call_method1("__format__", ("x",))?.extract()?;
    BigInt::parse_bytes(digits.as_bytes(), 16)
        .map(Value::from)
        .ok_or_else(|| PyValueError::new_err("an int that cannot be read"))
}

fn datetime(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    let naive = Value::NaiveDateTime(date(object)?.to_datetime(time(object)?));
    if object.call_method0("utcoffset")?.is_none() {
        return Ok(naive);
    }
    let epoch = python_types(object.py())?.epoch.bind(object.py());
    let (seconds, nanoseconds) = timedelta(&object.sub(epoch)?)?;
    match jiff::Timestamp::new(seconds, nanoseconds) {
        Ok(moment) => Ok(Value::DateTime(moment)),
        // The last hours of the year 9999 are kept as they stand in UTC.
        Err(_) => {
            let utc = python_types(object.py())?.utc.bind(object.py());
            let moved = object.call_method1("astimezone", (utc,))?;
            Ok(Value::NaiveDateTime(
                date(&moved)?.to_datetime(time(&moved)?),
            ))
        }
    }
}

fn date(object: &Bound<'_, PyAny>) -> PyResult<jiff::civil::Date> {
    let part = |name: &str| object.getattr(name)?.extract::<i16>();
    let (year, month, day) = (part("year")?, part("month")?, part("day")?);
    jiff::civil::Date::new(year, month as i8, day as i8)
        .map_err(|_| PyValueError::new_err("a date that is none"))
}

fn time(object: &Bound<'_, PyAny>) -> PyResult<jiff::civil::Time> {
    let part = |name: &str| object.getattr(name)?.extract::<i8>();
    let nanoseconds = object.getattr("microsecond")?.extract::<i32>()? * 1000;
    jiff::civil::Time::new(part("hour")?, part("minute")?, part("second")?, nanoseconds)
        .map_err(|_| PyValueError::new_err("a time that is none"))
}

/// Whole seconds, and nanoseconds from 0 on.
fn timedelta(object: &Bound<'_, PyAny>) -> PyResult<(i64, i32)> {
    let part = |name: &str| object.getattr(name)?.extract::<i64>();
    let microseconds = object.getattr("microseconds")?.extract::<i32>()?;
    Ok((
        part("days")? * 86_400 + part("seconds")?,
        microseconds * 1000,
    ))
}

fn check_depth(depth: usize) -> PyResult<()> {
    if depth < MAX_DEPTH {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "the value is nested deeper than {MAX_DEPTH} levels, or holds itself (Circular reference detected)"
    )))
}

fn type_name(object: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(object.get_type().qualname()?.to_string())
}
