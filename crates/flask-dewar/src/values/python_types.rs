//! Python's types that are not built in, imported once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

pub(super) struct PythonTypes {
    pub(super) date: Py<PyType>,
    pub(super) datetime: Py<PyType>,
    pub(super) time: Py<PyType>,
    pub(super) timedelta: Py<PyType>,
    pub(super) utc: Py<PyAny>,
    /// 1970 in UTC, as a `datetime`.
    pub(super) epoch: Py<PyAny>,
    pub(super) decimal: Py<PyType>,
    pub(super) r#enum: Py<PyType>,
    pub(super) markup: Py<PyType>,
    pub(super) uuid: Py<PyType>,
}

static TYPES: PyOnceLock<PythonTypes> = PyOnceLock::new();

pub(super) fn python_types(py: Python<'_>) -> PyResult<&'static PythonTypes> {
    TYPES.get_or_try_init(py, || {
        let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
            let found = py.import(module)?.getattr(name)?;
            Ok(found.cast_into::<PyType>()?.unbind())
        };
        let utc = py.import("datetime")?.getattr("timezone")?.getattr("utc")?;
        let datetime = class("datetime", "datetime")?;
        let epoch = datetime.bind(py).call1((1970, 1, 1, 0, 0, 0, 0, &utc))?;
        Ok(PythonTypes {
            date: class("datetime", "date")?,
            time: class("datetime", "time")?,
            timedelta: class("datetime", "timedelta")?,
            decimal: class("decimal", "Decimal")?,
            r#enum: class("enum", "Enum")?,
            markup: class("markupsafe", "Markup")?,
            uuid: class("uuid", "UUID")?,
            epoch: epoch.unbind(),
            utc: utc.unbind(),
            datetime,
        })
    })
}
