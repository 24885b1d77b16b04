//! The native half of `flask_dewar`: Flask's object model stays Python, Dewar's engine does the work.
//!
//! It does not need the GIL: what threads share is immutable or behind a lock, and there is no unsafe code but PyO3's.
//!
//! Python hands over `app.config`, a `Cookie` header and the dict to fill; the engine decides, and Python copies headers.

mod config;
mod engine;
mod errors;
mod headers;
mod in_use;
mod interpreter;
mod lazy;
mod log;
mod session;
mod stores;
mod values;
mod wait;

/// The module `flask_dewar._native`; private to the package.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::config::{check, keys, store_keys};
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::headers::add_vary;
    #[pymodule_export]
    use crate::in_use::InUse;
    #[pymodule_export]
    use crate::lazy::{Accessed, load, make, make_all};
    #[pymodule_export]
    use crate::session::Session;
    #[pymodule_export]
    use crate::stores::Store;
    #[pymodule_export]
    use crate::values::{Waiting, decode, encode};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::must_be_the_only_one(module.py())?;
        crate::log::listen();
        module.add("WAITING", crate::values::waiting(module.py())?)
    }
}
