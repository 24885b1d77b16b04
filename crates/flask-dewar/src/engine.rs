//! The engine for one configuration of an application.

use std::borrow::Cow;
use std::sync::Arc;

use dewar::config::Interface;
use dewar::data::Format;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::config::{Watched, read};
use crate::errors::exception;
use crate::log;
use crate::session::Session;
use crate::stores::Store;
use crate::values::{Long, Names};
use crate::wait::wait;

/// Opens and closes the sessions of an application, as its configuration says.
#[pyclass(frozen, module = "flask_dewar._native")]
pub(crate) struct Engine {
    engine: dewar::Engine,
    watched: Watched,
    kept: Kept,
    format: Format,
    names: Arc<Names>,
    announces: bool,
}

/// Where sessions are kept: what is in the cookie needs no waiting, so the GIL stays held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nowhere,
    InCookie,
    InStore,
}

#[pymethods]
impl Engine {
    /// `config` is Flask's, `overrides` win; sessions are kept in `store`, where there is one. `announces` asks for a cookie with
    /// each change.
    #[new]
    #[pyo3(signature = (config, overrides, store=None, announces=false))]
    fn new(
        py: Python<'_>,
        config: &Bound<'_, PyDict>,
        overrides: &Bound<'_, PyDict>,
        store: Option<&Bound<'_, Store>>,
        announces: bool,
    ) -> PyResult<Engine> {
        let watched = Watched::of(config, overrides)?;
        let config = read(config, overrides)?;
        let checked = config.settings().map_err(|error| exception(py, &error))?;
        let (kept, format) = match checked.settings.interface {
            Interface::SignedCookie(_) => (Kept::InCookie, Format::TaggedJson),
            Interface::ServerSide(server) => (Kept::InStore, server.format.into()),
            _ => (Kept::Nowhere, Format::TaggedJson),
        };
        let mut builder = dewar::Engine::builder(config);
        if let Some(store) = store {
            builder = builder.shared_store(store.get().shared());
        }
        let engine = builder.build().map_err(|error| exception(py, &error))?;
        // The findings are logged once for the application, and engines are built anew.
        log::forget();
        Ok(Engine {
            engine,
            watched,
            kept,
            format,
            names: Arc::new(Names::new()),
            announces,
        })
    }

    /// Whether the configuration still says what this engine was built from.
    pub(crate) fn serves(&self, config: &Bound<'_, PyDict>) -> PyResult<bool> {
        self.watched.holds(config)
    }

    /// Opens the session of a request and fills `data` with it.
    fn open(
        &self,
        py: Python<'_>,
        cookie_header: Option<&Bound<'_, PyString>>,
        data: &Bound<'_, PyDict>,
    ) -> PyResult<Session> {
        let (session, _) = self.opened(py, cookie_header, data, Long::AtOnce)?;
        Ok(session)
    }

    /// Whether the session of a request is permanent, of those that are kept in the cookie.
    fn is_permanent(&self, py: Python<'_>, cookie_header: &Bound<'_, PyString>) -> PyResult<bool> {
        let header = header_bytes(cookie_header)?;
        if !self.engine.may_be_permanent([&*header]) {
            return Ok(false);
        }
        let session = self.run(py, || wait(self.engine.open([&*header])));
        let session = session.map_err(|error| exception(py, &error))?;
        Ok(session.is_permanent())
    }

    /// Removes at most `limit` expired sessions: how many, and whether more may be left.
    fn delete_expired(&self, py: Python<'_>, limit: usize) -> PyResult<(u64, bool)> {
        let purged = self.run(py, || wait(self.engine.delete_expired(limit)));
        let purged = purged.map_err(|error| exception(py, &error))?;
        Ok((
            purged.removed(),
            matches!(purged, dewar::store::Purged::More(_)),
        ))
    }
}

impl Engine {
    /// Opens the session of a request and fills `data` with it; whether long values in it wait until somebody reaches for them.
    pub(crate) fn opened(
        &self,
        py: Python<'_>,
        cookie_header: Option<&Bound<'_, PyString>>,
        data: &Bound<'_, PyDict>,
        long: Long,
    ) -> PyResult<(Session, bool)> {
        let header = cookie_header.map(header_bytes).transpose()?;
        let opened = self.run(py, || wait(self.engine.open(header.as_deref())));
        let session = opened.map_err(|error| exception(py, &error))?;
        Session::filling(session, self.kept, data, &self.names, long)
    }

    /// Whether sessions can be opened by this engine under a configuration.
    pub(crate) fn opens(&self, config: &Bound<'_, PyDict>) -> PyResult<bool> {
        self.watched.holds_for_opening(config)
    }

    /// Whether the browser is told of a session with each change.
    pub(crate) fn announces(&self) -> bool {
        self.announces
    }

    /// How sessions are written.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn engine(&self) -> &dewar::Engine {
        &self.engine
    }

    /// Runs the engine; other threads run meanwhile, if it may have to wait.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce() -> dewar::Result<T> + Send,
    ) -> dewar::Result<T> {
        let outcome = match self.kept {
            Kept::InStore => py.detach(call),
            Kept::InCookie | Kept::Nowhere => call(),
        };
        log::said(py, outcome)
    }
}

/// The header's bytes: WSGI hands them over as Latin-1.
fn header_bytes<'a>(header: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, [u8]>> {
    let text = header.to_str()?;
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    // A character beyond Latin-1 comes from a test client, which means its UTF-8.
    let latin = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
    Ok(latin
        .collect::<Option<Vec<u8>>>()
        .map_or(Cow::Borrowed(text.as_bytes()), Cow::Owned))
}
