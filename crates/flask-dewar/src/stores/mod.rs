//! Where sessions are kept: a store that the engine opens itself, or a client that the application made.

mod carried;
mod lanes;
mod open;

use std::path::PathBuf;
use std::sync::Arc;

use dewar::UnixTime;
use dewar::store::{Cursor, Key, Purged};
use dewar_stores::Place;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use self::carried::Carried;
use crate::errors::exception;
use crate::log::said;
use crate::wait::wait;

/// A place that keeps sessions; one for the whole application, whatever becomes of its configuration.
#[pyclass(frozen, module = "flask_dewar._native")]
pub(crate) struct Store(Arc<dyn dewar::store::Store>);

/// (key, size in bytes, expiry in Unix seconds) of each record, and where the next page begins.
type Listing = (Vec<(String, Option<u64>, Option<f64>)>, Option<Vec<u8>>);

impl Store {
    fn opened(
        py: Python<'_>,
        config: &Bound<'_, PyDict>,
        overrides: &Bound<'_, PyDict>,
        shaped: fn(Place) -> Place,
    ) -> PyResult<Store> {
        let config = crate::config::read(config, overrides)?;
        let store = said(py, py.detach(|| open::open_at(&config, shaped)));
        store.map(Store).map_err(|error| exception(py, &error))
    }
}

#[pymethods]
impl Store {
    /// The store that a configuration means. Connects when it is first used.
    #[staticmethod]
    fn open(
        py: Python<'_>,
        config: &Bound<'_, PyDict>,
        overrides: &Bound<'_, PyDict>,
    ) -> PyResult<Store> {
        Store::opened(py, config, overrides, |place| place)
    }

    /// The same for a database that the application's SQLAlchemy opens as well: a table that is absent is made as
    /// Flask-Session's model has it, with which migrations compare it.
    #[staticmethod]
    fn open_as_modelled(
        py: Python<'_>,
        config: &Bound<'_, PyDict>,
        overrides: &Bound<'_, PyDict>,
    ) -> PyResult<Store> {
        Store::opened(py, config, overrides, Place::as_modelled)
    }

    /// The SQLite file that a configuration means; None if it means another store, or none that can be opened.
    #[staticmethod]
    fn file(
        config: &Bound<'_, PyDict>,
        overrides: &Bound<'_, PyDict>,
    ) -> PyResult<Option<PathBuf>> {
        let config = crate::config::read(config, overrides)?;
        let place = Place::of_config(&config).ok().flatten();
        Ok(place.and_then(|place| place.file()))
    }

    /// A store over a client that the application made: see `flask_dewar.carriers.Carrier`.
    #[staticmethod]
    fn carried(carrier: &Bound<'_, PyAny>) -> PyResult<Store> {
        Ok(Store(Arc::new(Carried::new(carrier)?)))
    }

    /// The bytes of a record, or None.
    fn load<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let key = Key::new(key);
        let record = said(py, py.detach(|| wait(self.0.load(&key))));
        let record = record.map_err(|error| exception(py, &error))?;
        Ok(record.map(|record| PyBytes::new(py, &record.blob)))
    }

    /// Removes a record; one that is absent is a success.
    fn delete(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        let key = Key::new(key);
        said(py, py.detach(|| wait(self.0.delete(&key)))).map_err(|error| exception(py, &error))
    }

    /// Removes at most `limit` records that had expired at `now`: how many, and whether more may be left.
    fn delete_expired(&self, py: Python<'_>, now: f64, limit: usize) -> PyResult<(u64, bool)> {
        let now = UnixTime::from_millis((now * 1000.0) as i64);
        let purged = said(py, py.detach(|| wait(self.0.delete_expired(now, limit))));
        let purged = purged.map_err(|error| exception(py, &error))?;
        Ok((purged.removed(), matches!(purged, Purged::More(_))))
    }

    /// A page of the records whose key starts with `prefix`; None if the store cannot list.
    #[pyo3(signature = (prefix, cursor, limit))]
    fn list(
        &self,
        py: Python<'_>,
        prefix: &str,
        cursor: Option<Vec<u8>>,
        limit: usize,
    ) -> PyResult<Option<Listing>> {
        let cursor = cursor.map_or_else(Cursor::start, Cursor::at);
        let page = said(py, py.detach(|| wait(self.0.list(prefix, cursor, limit))));
        let page = page.map_err(|error| exception(py, &error))?;
        Ok(page.map(|page| {
            let entries = page.entries.into_iter().map(|entry| {
                let expires = entry.expires.map(|at| at.millis() as f64 / 1000.0);
                (entry.key.expose().to_owned(), entry.size, expires)
            });
            (
                entries.collect(),
                page.next.map(|next| next.place().to_vec()),
            )
        }))
    }

    fn __repr__(&self) -> String {
        format!("<Store {:?}>", self.0)
    }
}

impl Store {
    pub(crate) fn shared(&self) -> Arc<dyn dewar::store::Store> {
        self.0.clone()
    }
}
