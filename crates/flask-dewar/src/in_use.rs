//! Whether an application still says what an engine for Flask's signed cookies was built from.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};
use pyo3::{PyTraverseError, PyVisit};

use crate::engine::Engine;
use crate::session::{Closed, Session};

/// An engine for signed cookies, the application that it is for, and what of the session interface it was built from.
///
/// It is asked in every request, when Flask's own work has emptied the processor's caches: one call that looks at little.
#[pyclass(frozen, module = "flask_dewar._native")]
pub(crate) struct InUse {
    app: Py<PyAny>,
    engine: Py<Engine>,
    class: Py<PyType>,
    /// The interface's attributes that count, by name.
    parts: Vec<(Py<PyString>, Py<PyAny>)>,
    /// How many attributes the interface has of its own: one that is replaced on the object is one more.
    own: usize,
    serializer: Py<PyAny>,
    /// How many tags the serializer knows.
    tags: usize,
    json_provider: Py<PyType>,
}

#[pymethods]
impl InUse {
    /// `parts` are the names of the attributes that count, `json_provider` is the class of Flask's own.
    #[new]
    fn new(
        app: Py<PyAny>,
        interface: &Bound<'_, PyAny>,
        parts: Vec<Bound<'_, PyString>>,
        json_provider: Py<PyType>,
        engine: Py<Engine>,
    ) -> PyResult<InUse> {
        let serializer = interface.getattr("serializer")?;
        let named = |name: Bound<'_, PyString>| {
            let part = interface.getattr(&name)?.unbind();
            Ok((name.unbind(), part))
        };
        Ok(InUse {
            app,
            engine,
            class: interface.get_type().unbind(),
            parts: parts.into_iter().map(named).collect::<PyResult<_>>()?,
            own: own_attributes(interface)?.len(),
            tags: tags(&serializer)?,
            serializer: serializer.unbind(),
            json_provider,
        })
    }

    /// The engine, if it can open the sessions of this application; for closing them, the rest of the configuration counts
    /// as well.
    fn opens(
        &self,
        app: &Bound<'_, PyAny>,
        interface: &Bound<'_, PyAny>,
    ) -> PyResult<Option<&Py<Engine>>> {
        let same = self.is_built_from(app, interface)? && self.engine.get().opens(&config(app)?)?;
        Ok(same.then_some(&self.engine))
    }

    /// Closes a session that the engine opened for this application; None, and nothing done, if this is for another one, or
    /// there is something to write and the configuration is another by now.
    fn close(
        &self,
        app: &Bound<'_, PyAny>,
        handle: &Bound<'_, Session>,
        data: &Bound<'_, PyDict>,
        modified: bool,
        accessed: bool,
    ) -> PyResult<Option<Closed>> {
        if !app.is(&self.app) {
            return Ok(None);
        }
        let engine = self.engine.get();
        handle
            .get()
            .close_under(&config(app)?, engine, data, modified, accessed)
    }

    /// The application leads back here by its interface: Python's collector of cycles has to know.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.app)?;
        visit.call(&self.engine)?;
        visit.call(&self.class)?;
        visit.call(&self.serializer)?;
        visit.call(&self.json_provider)?;
        self.parts.iter().try_for_each(|(_, part)| visit.call(part))
    }
}

impl InUse {
    /// Whether all is as it was, but for the configuration.
    fn is_built_from(
        &self,
        app: &Bound<'_, PyAny>,
        interface: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = app.py();
        if !app.is(&self.app)
            || !interface.get_type().is(&self.class)
            || own_attributes(interface)?.len() != self.own
        {
            return Ok(false);
        }
        for (name, before) in &self.parts {
            let now = interface.getattr(name.bind(py))?;
            if !now.is(before) && !now.eq(before)? {
                return Ok(false);
            }
        }
        let json = app.getattr(intern!(py, "json"))?;
        Ok(tags(self.serializer.bind(py))? == self.tags
            && json.get_type().is(&self.json_provider)
            && writes_as_flask(&json)?)
    }
}

/// Whether Flask's own JSON provider writes and reads as Flask made it.
fn writes_as_flask(json: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = json.py();
    let own = own_attributes(json)?;
    // Flask gives it one attribute, the application.
    if own.len() > 1 {
        for method in [
            intern!(py, "default"),
            intern!(py, "dumps"),
            intern!(py, "loads"),
        ] {
            if own.contains(method)? {
                return Ok(false);
            }
        }
    }
    // On the object or its class.
    Ok(json.getattr(intern!(py, "sort_keys"))?.is_truthy()?
        && json.getattr(intern!(py, "ensure_ascii"))?.is_truthy()?)
}

fn own_attributes<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let attributes = object.getattr(intern!(object.py(), "__dict__"))?;
    Ok(attributes.cast_into::<PyDict>()?)
}

fn tags(serializer: &Bound<'_, PyAny>) -> PyResult<usize> {
    match serializer.getattr_opt(intern!(serializer.py(), "order"))? {
        Some(order) => order.len(),
        None => Ok(0),
    }
}

fn config<'py>(app: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let config = app.getattr(intern!(app.py(), "config"))?;
    Ok(config.cast_into::<PyDict>()?)
}
