//! From Python's objects to a session's values.

use dewar::data::{Decimal, Dict, Format, MAX_DEPTH, Text, Value};
use num_bigint::BigInt;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMemoryView, PySet,
    PyString, PyTuple, PyType,
};
use uuid::Uuid;

use super::python_types::python_types;

/// The value that an object means, to be stored in a format.
///
/// # Errors
/// `TypeError` if the object's type cannot be stored, `ValueError` if it is nested too deeply.
pub(crate) fn value(object: &Bound<'_, PyAny>, format: Format) -> PyResult<Value> {
    value_at(object, Place { format, depth: 0 })
}

/// Where an object is.
#[derive(Clone, Copy)]
struct Place {
    format: Format,
    depth: usize,
}

impl Place {
    /// Inside of the container that is here.
    fn inside(self) -> PyResult<Place> {
        if self.depth < MAX_DEPTH {
            let depth = self.depth + 1;
            return Ok(Place { depth, ..self });
        }
        Err(PyValueError::new_err(format!(
            "the value is nested deeper than {MAX_DEPTH} levels, or holds itself (Circular reference detected)"
        )))
    }
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
        let key = rare_key(key)?;
        match key.as_str() {
            Some(text) if !key.is_text() => text.to_owned(),
            _ => return Ok(key),
        }
    };
    Ok(Text::from(written))
}

/// A key of one of the types that are stored as text, such as a date, or of an enum.
#[inline(never)]
fn rare_key(key: &Bound<'_, PyAny>) -> PyResult<Text> {
    let refused = || {
        let found = type_name(key)?;
        Err(PyTypeError::new_err(format!(
            "a dict's key must be text, a number, a bool, None or of a type that a session stores as text, not {found}"
        )))
    };
    // As a key, a moment is the same text in every format.
    let place = Place {
        format: Format::Json,
        depth: 0,
    };
    match value_at(key, place) {
        Ok(value) => Text::of_any_key(&value).map_or_else(refused, Ok),
        Err(error) if error.is_instance_of::<PyTypeError>(key.py()) => refused(),
        Err(error) => Err(error),
    }
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
    match kept {
        Some(kept) => Text::of_key(&kept).map_or_else(|| key_text(key), Ok),
        None if key.is_instance_of::<PyInt>() => key_text(key),
        None => rare_key(key),
    }
}

fn value_at(object: &Bound<'_, PyAny>, place: Place) -> PyResult<Value> {
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
    if let Ok(items) = object.cast_exact::<PyList>() {
        return list(items, place);
    }
    if let Ok(entries) = object.cast_exact::<PyDict>() {
        return dict(entries, place);
    }
    if let Ok(number) = object.cast_exact::<PyFloat>() {
        return Ok(Value::Float(number.value()));
    }
    if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        return self::tuple(tuple, place);
    }
    if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return Ok(Value::Bytes(bytes.as_bytes().to_vec()));
    }
    rare(object, place)
}

/// The types that are not JSON's, and subclasses.
#[inline(never)]
fn rare(object: &Bound<'_, PyAny>, place: Place) -> PyResult<Value> {
    match Rare::of(object, place)? {
        Rare::Value(value) => Ok(value),
        Rare::Stands(object) => value_at(&object, place.inside()?),
        Rare::Entries(entries) => dict_with(entries, place),
        Rare::List(items) => list(&items, place),
        Rare::Tuple(items) => tuple(&items, place),
        Rare::Set(set) => set_of(&set, place),
        Rare::Fields(fields) => dict_of(fields, place),
    }
}

/// What an object of a rare type is. Finding out is not part of the recursion, of which each level takes from the stack.
enum Rare<'py> {
    Value(Value),
    /// This stands for it, such as an enum's value.
    Stands(Bound<'py, PyAny>),
    Entries(Entries<'py>),
    List(Bound<'py, PyList>),
    Tuple(Bound<'py, PyTuple>),
    Set(Bound<'py, PyAny>),
    Fields(Vec<(Text, Bound<'py, PyAny>)>),
}

impl<'py> Rare<'py> {
    /// In the order in which Flask looks for types.
    #[inline(never)]
    fn of(object: &Bound<'py, PyAny>, place: Place) -> PyResult<Rare<'py>> {
        let py = object.py();
        let types = python_types(py)?;
        let is = |class: &Py<PyType>| object.is_instance(class.bind(py));
        // A mixin such as `class Colour(str, Enum)` is what it is mixed with, as in JSON.
        let mixed = object.is_instance_of::<PyString>() || object.is_instance_of::<PyInt>();
        if is(&types.r#enum)? && !mixed {
            return object.getattr("value").map(Rare::Stands);
        }
        if place.format == Format::TaggedJson
            && let Some(found) = Rare::in_flask(object)?
        {
            return Ok(found);
        }
        if let Ok(entries) = object.cast::<PyDict>() {
            return entries_of(entries).map(Rare::Entries);
        }
        if let Ok(tuple) = object.cast::<PyTuple>() {
            return Ok(Rare::Tuple(tuple.clone()));
        }
        if let Ok(list) = object.cast::<PyList>() {
            return Ok(Rare::List(list.clone()));
        }
        if object.is_instance_of::<PySet>() || object.is_instance_of::<PyFrozenSet>() {
            return Ok(Rare::Set(object.clone()));
        }
        if let Some(value) = leaf(object, place)? {
            return Ok(Rare::Value(value));
        }
        if let Some(fields) = fields(object)? {
            return Ok(fields);
        }
        let found = type_name(object)?;
        Err(PyTypeError::new_err(format!(
            "Object of type {found} is not JSON serializable and cannot be stored in a session"
        )))
    }

    /// A container of a class of its own as Flask writes it into a cookie: by the methods of the class, so that a `MultiDict` has one
    /// value for each key, and so that a proxy is what it stands for.
    fn in_flask(object: &Bound<'py, PyAny>) -> PyResult<Option<Rare<'py>>> {
        let py = object.py();
        // As Python's `isinstance`: a proxy says that it is of the class of what it stands for.
        let (tuple, list) = (py.get_type::<PyTuple>(), py.get_type::<PyList>());
        Ok(if object.is_instance(&tuple)? {
            let items = tuple.call1((object,))?;
            Some(Rare::Tuple(items.cast_into::<PyTuple>()?))
        } else if object.is_instance(&py.get_type::<PyDict>())? {
            Some(Rare::Entries(items_of(object)?))
        } else if object.is_instance(&list)? {
            let items = list.call1((object,))?;
            Some(Rare::List(items.cast_into::<PyList>()?))
        } else {
            None
        })
    }
}

type Entries<'py> = Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>;

/// What is in a dict of a class of its own, as msgspec and so Flask-Session writes it: past the methods of the class. One that keeps
/// its entries elsewhere tells them by its methods.
fn entries_of<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Entries<'py>> {
    match dict.is_empty() {
        true => items_of(dict),
        // Where there is no GIL, another thread must not change it meanwhile.
        false => Ok(with_critical_section(dict, || dict.iter().collect())),
    }
}

fn items_of<'py>(dict: &Bound<'py, PyAny>) -> PyResult<Entries<'py>> {
    let items = dict.call_method0("items")?;
    items.try_iter()?.map(|entry| entry?.extract()).collect()
}

/// An object that holds no others, as a value.
fn leaf(object: &Bound<'_, PyAny>, place: Place) -> PyResult<Option<Value>> {
    let py = object.py();
    let types = python_types(py)?;
    let is = |class: &Py<PyType>| object.is_instance(class.bind(py));
    let value = if let Ok(bytes) = object.cast::<PyBytes>() {
        Value::Bytes(bytes.as_bytes().to_vec())
    } else if let Ok(bytes) = object.cast::<PyByteArray>() {
        Value::Bytes(bytes.to_vec())
    } else if let Ok(view) = object.cast::<PyMemoryView>() {
        let bytes = view.call_method0("tobytes")?.cast_into::<PyBytes>()?;
        Value::Bytes(bytes.as_bytes().to_vec())
    } else if let Some(html) = object.getattr_opt("__html__")?
        && html.is_callable()
        && !object.is_instance_of::<PyType>()
    {
        text(&html.call0()?.str()?).map(Value::Markup)?
    } else if is(&types.uuid)? {
        let number: String = object.getattr("hex")?.extract()?;
        let uuid =
            Uuid::try_parse(&number).map_err(|_| PyValueError::new_err("a UUID that is none"))?;
        Value::Uuid(uuid)
    } else if is(&types.datetime)? {
        datetime(object, place)?
    } else if is(&types.date)? {
        Value::Date(date(object)?)
    } else if is(&types.time)? {
        let time = time(object)?;
        match offset(object)? {
            // As msgspec writes it: a time is kept without a zone.
            Some(offset) => Value::from(clock(time) + &offset),
            None => Value::Time(time),
        }
    } else if is(&types.timedelta)? {
        let (seconds, nanoseconds) = timedelta(object)?;
        Value::TimeDelta(jiff::SignedDuration::new(seconds, nanoseconds))
    } else if is(&types.decimal)? {
        let written = object.str()?.to_string();
        let decimal: Decimal = written
            .parse()
            .map_err(|_| PyValueError::new_err("a Decimal that is none"))?;
        Value::Decimal(decimal)
    } else if let Ok(text) = object.cast::<PyString>() {
        Value::Str(self::text(text)?)
    } else if let Ok(number) = object.cast::<PyInt>() {
        integer(number)?
    } else if let Ok(number) = object.cast::<PyFloat>() {
        Value::Float(number.value())
    } else {
        return Ok(None);
    };
    Ok(Some(value))
}

/// The fields of a dataclass, of a class of attrs, or of a `msgspec.Struct`, as msgspec writes them.
fn fields<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Rare<'py>>> {
    let py = object.py();
    let is_made_with = |name: &str| object.get_type().hasattr(name);
    if object.is_instance_of::<PyType>() {
        return Ok(None);
    }
    let (fields, hidden) = if is_made_with("__dataclass_fields__")? {
        let dataclasses = py.import("dataclasses")?;
        (dataclasses.call_method1("fields", (object,))?, None)
    } else if is_made_with("__attrs_attrs__")? {
        (object.getattr("__attrs_attrs__")?, Some('_'))
    } else if is_made_with("__struct_config__")? {
        return struct_fields(object).map(|plain| Some(Rare::Stands(plain)));
    } else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for field in fields.try_iter()? {
        let name = field?.getattr("name")?.cast_into::<PyString>()?;
        let is_hidden = hidden.is_some_and(|start| name.to_string_lossy().starts_with(start));
        // One that was never set is left out.
        if let Some(entry) = object.getattr_opt(&name)?
            && !is_hidden
        {
            found.push((text(&name)?, entry));
        }
    }
    Ok(Some(Rare::Fields(found)))
}

/// A `msgspec.Struct` as a dict or list, by msgspec's own rules for names and tags; the types of what is in it stay.
fn struct_fields<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let types = python_types(py)?;
    let kept = [
        types.date.bind(py),
        types.datetime.bind(py),
        types.time.bind(py),
        types.timedelta.bind(py),
        types.decimal.bind(py),
        types.uuid.bind(py),
        &py.get_type::<PyBytes>(),
    ];
    let options = PyDict::new(py);
    options.set_item("builtin_types", PyTuple::new(py, kept)?)?;
    py.import("msgspec")?
        .call_method("to_builtins", (object,), Some(&options))
}

fn dict(entries: &Bound<'_, PyDict>, place: Place) -> PyResult<Value> {
    let inside = place.inside()?;
    let mut dict = Dict::with_capacity(entries.len());
    // A copy: reading a value may run code that changes the dict.
    for (key, entry) in &entries.copy()? {
        dict.insert(inner_key(&key)?, value_at(&entry, inside)?);
    }
    Ok(Value::Dict(dict))
}

fn dict_with(entries: Entries<'_>, place: Place) -> PyResult<Value> {
    let inside = place.inside()?;
    let mut dict = Dict::with_capacity(entries.len());
    for (key, entry) in entries {
        dict.insert(inner_key(&key)?, value_at(&entry, inside)?);
    }
    Ok(Value::Dict(dict))
}

fn dict_of(fields: Vec<(Text, Bound<'_, PyAny>)>, place: Place) -> PyResult<Value> {
    let inside = place.inside()?;
    let mut dict = Dict::with_capacity(fields.len());
    for (name, entry) in fields {
        dict.insert(name, value_at(&entry, inside)?);
    }
    Ok(Value::Dict(dict))
}

fn list(list: &Bound<'_, PyList>, place: Place) -> PyResult<Value> {
    let inside = place.inside()?;
    let items = list.iter().map(|item| value_at(&item, inside));
    items.collect::<PyResult<_>>().map(Value::List)
}

fn set_of(set: &Bound<'_, PyAny>, place: Place) -> PyResult<Value> {
    let inside = place.inside()?;
    // A copy: reading an item may run code that changes the set.
    let copy = set.py().get_type::<PyList>().call1((set,))?;
    let items = copy.cast::<PyList>()?.iter();
    let items = items.map(|item| value_at(&item, inside));
    items.collect::<PyResult<_>>().map(Value::Set)
}

fn tuple(tuple: &Bound<'_, PyTuple>, place: Place) -> PyResult<Value> {
    let inside = place.inside()?;
    let items = tuple.iter().map(|item| value_at(&item, inside));
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

fn datetime(object: &Bound<'_, PyAny>, place: Place) -> PyResult<Value> {
    let (date, time) = (date(object)?, time(object)?);
    let Some(offset) = offset(object)? else {
        return Ok(Value::NaiveDateTime(date.to_datetime(time)));
    };
    if place.format == Format::Json {
        let written = format!("{date}T{}{offset}", clock(time));
        return Ok(Value::from(written));
    }
    let epoch = python_types(object.py())?.epoch.bind(object.py());
    let (seconds, nanoseconds) = timedelta(&object.sub(epoch)?)?;
    match jiff::Timestamp::new(seconds, nanoseconds) {
        Ok(moment) => Ok(Value::DateTime(moment)),
        // The last hours of the year 9999 are kept as they stand in UTC.
        Err(_) => {
            let utc = python_types(object.py())?.utc.bind(object.py());
            let moved = object.call_method1("astimezone", (utc,))?;
            let (date, time) = (self::date(&moved)?, self::time(&moved)?);
            Ok(Value::NaiveDateTime(date.to_datetime(time)))
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

/// How far from UTC a `datetime` or `time` is, in whole minutes as msgspec writes it: `Z`, `+05:30`. None if it does not say.
fn offset(object: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let offset = object.call_method0("utcoffset")?;
    if offset.is_none() {
        return Ok(None);
    }
    let (seconds, _) = timedelta(&offset)?;
    // Half a minute is rounded towards zero; 24 hours are none.
    let minutes = (seconds.abs() + 29) / 60 % (24 * 60);
    let sign = if seconds < 0 { '-' } else { '+' };
    Ok(Some(match minutes {
        0 => "Z".to_owned(),
        _ => format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    }))
}

/// A time as ISO 8601 and Python write it, with all six digits of the microseconds or none.
fn clock(time: jiff::civil::Time) -> String {
    let written = format!(
        "{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    );
    match time.subsec_nanosecond() / 1000 {
        0 => written,
        microseconds => format!("{written}.{microseconds:06}"),
    }
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

fn type_name(object: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(object.get_type().qualname()?.to_string())
}
