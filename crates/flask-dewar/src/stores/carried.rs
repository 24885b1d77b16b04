//! A store over a client that the application made: a Python object carries the bytes, under the GIL.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Entry, Expiry, Key, Listing, Page, Purged, Record,
    Replaced, Sharing, Store, Touched, Version,
};
use dewar::{Error, ErrorKind, Result, UnixTime};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction};

use crate::wait::pause;

/// A `flask_dewar.carriers.Carrier`. A record's version is its bytes, which every carrier takes as a token.
pub(super) struct Carried {
    carrier: Py<PyAny>,
    name: String,
}

impl Carried {
    pub(super) fn new(carrier: &Bound<'_, PyAny>) -> PyResult<Carried> {
        let name = carrier.getattr("name")?.extract()?;
        Ok(Carried {
            carrier: carrier.clone().unbind(),
            name,
        })
    }

    /// Runs a call of the carrier; what it raises becomes an error of the store.
    fn call<T>(
        &self,
        operation: &str,
        call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> Result<T> {
        Python::attach(|py| {
            call(self.carrier.bind(py)).map_err(|error| self.failed(py, operation, &error))
        })
    }

    /// Only the package's own errors are known to hold no key and no data; of others, the type is all that is said.
    fn failed(&self, py: Python<'_>, operation: &str, error: &PyErr) -> Error {
        let kind = error.get_type(py);
        let own = kind
            .module()
            .is_ok_and(|module| module.to_string_lossy().starts_with("flask_dewar."));
        let what = match own {
            true => error.value(py).to_string(),
            false => {
                let kind = kind
                    .qualname()
                    .map_or_else(|_| "an exception".into(), |name| name.to_string());
                format!("{}: {operation} raised {kind}", self.name)
            }
        };
        Error::new(ErrorKind::Store, what).temporary()
    }

    fn outcome<T>(&self, operation: &str, word: &str, outcomes: [(&str, T); 3]) -> Result<T> {
        let found = outcomes.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, outcome)| outcome).ok_or_else(|| {
            let what = format!(
                "{}: {operation} answered neither 'done', nor 'conflict', nor 'gone'",
                self.name
            );
            Error::new(ErrorKind::Store, what)
        })
    }
}

fn seconds(time: UnixTime) -> f64 {
    time.millis() as f64 / 1000.0
}

/// The bytes that were seen; this store gives no other version.
fn seen_bytes<'py>(py: Python<'py>, seen: &Version) -> Bound<'py, PyBytes> {
    PyBytes::new(py, seen.as_content().map_or(&[], |bytes| bytes))
}

#[async_trait]
impl Store for Carried {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        self.call("load", |carrier| {
            let found: Option<(Vec<u8>, Py<PyAny>)> =
                carrier.call_method1("load", (key.expose(),))?.extract()?;
            Ok(found.map(|(data, _)| {
                let blob = Bytes::from(data);
                Record {
                    version: Version::content(blob.clone()),
                    blob,
                    expires: None,
                }
            }))
        })
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let made: bool = self.call("create", |carrier| {
            let data = PyBytes::new(carrier.py(), &blob);
            carrier
                .call_method1("create", (key.expose(), data, seconds(expires)))?
                .extract()
        })?;
        Ok(if made {
            Created::Done(Version::content(blob))
        } else {
            Created::Taken
        })
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let (word, _): (String, Py<PyAny>) = self.call("replace", |carrier| {
            let data = PyBytes::new(carrier.py(), &blob);
            let seen = seen_bytes(carrier.py(), seen);
            carrier
                .call_method1("replace", (key.expose(), data, seconds(expires), seen))?
                .extract()
        })?;
        let done = Replaced::Done(Version::content(blob));
        self.outcome(
            "replace",
            &word,
            [
                ("done", done),
                ("conflict", Replaced::Conflict),
                ("gone", Replaced::Gone),
            ],
        )
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let done: bool = self.call("touch", |carrier| {
            carrier
                .call_method1("touch", (key.expose(), seconds(expires)))?
                .extract()
        })?;
        Ok(if done { Touched::Done } else { Touched::Gone })
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.call("delete", |carrier| {
            carrier.call_method1("delete", (key.expose(),)).map(drop)
        })
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let word: String = self.call("delete_unchanged", |carrier| {
            let seen = seen_bytes(carrier.py(), seen);
            carrier
                .call_method1("delete_unchanged", (key.expose(), seen))?
                .extract()
        })?;
        let outcomes = [
            ("done", Deleted::Done),
            ("conflict", Deleted::Conflict),
            ("gone", Deleted::Gone),
        ];
        self.outcome("delete_unchanged", &word, outcomes)
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let (removed, more): (u64, bool) = self.call("delete_expired", |carrier| {
            carrier
                .call_method1("delete_expired", (seconds(now), limit))?
                .extract()
        })?;
        Ok(if more {
            Purged::More(removed)
        } else {
            Purged::Finished(removed)
        })
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        type Found = Option<(Vec<(String, u64, Option<f64>)>, Option<String>)>;
        let found: Found = self.call("list", |carrier| {
            let place = cursor.place();
            let cursor = (!place.is_empty()).then(|| String::from_utf8_lossy(place).into_owned());
            carrier
                .call_method1("list", (prefix, cursor, limit))?
                .extract()
        })?;
        Ok(found.map(|(records, next)| Page {
            entries: records
                .into_iter()
                .map(|(key, size, expires)| Entry {
                    key: Key::new(key),
                    size: Some(size),
                    expires: expires.map(|at| UnixTime::from_millis((at * 1000.0) as i64)),
                })
                .collect(),
            next: next.map(|next| Cursor::at(next.into_bytes())),
        }))
    }

    /// Where Python's `sleep` is patched by that, as other greenlets run meanwhile, of which one may be waited for.
    async fn pause(&self, time: Duration) {
        match Python::attach(|py| patched_sleep(py, time)) {
            Ok(true) => {}
            Ok(false) => pause(time).await,
            Err(error) => Python::attach(|py| error.write_unraisable(py, None)),
        }
    }

    fn capabilities(&self) -> Capabilities {
        // Asking a server that expires records by itself to remove expired ones is harmless.
        Capabilities {
            expiry: Expiry::Purged,
            listing: Listing::Supported,
            sharing: Sharing::Network,
        }
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (the application's client)", self.name)
    }
}

/// Sleeps by `time.sleep` if that is no longer Python's own; whether it is not.
fn patched_sleep(py: Python<'_>, time: Duration) -> PyResult<bool> {
    let sleep = py.import("time")?.getattr("sleep")?;
    if sleep.is_exact_instance_of::<PyCFunction>() {
        return Ok(false);
    }
    sleep.call1((time.as_secs_f64(),))?;
    Ok(true)
}
