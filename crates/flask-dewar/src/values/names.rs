//! The `str` objects of keys, made once and used again by every session that has the same keys.
//!
//! A `str` that was made before knows its hash already. What is kept is bounded: a key takes the place of another.

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::PyString;

/// How many keys are kept; a power of two.
const PLACES: usize = 256;
/// How long the longest of them is.
const LONGEST: usize = 31;

/// The keys of one engine's sessions.
pub(crate) struct Names(Mutex<Box<[Place]>>);

/// The names, for as long as one session is filled.
pub(crate) struct Known<'n>(Option<MutexGuard<'n, Box<[Place]>>>);

struct Place {
    text: [u8; LONGEST],
    length: u8,
    name: Option<Py<PyString>>,
}

impl Names {
    pub(crate) fn new() -> Names {
        let places = (0..PLACES).map(|_| Place {
            text: [0; LONGEST],
            length: 0,
            name: None,
        });
        Names(Mutex::new(places.collect()))
    }

    /// The names, unless somebody else is just using them: another thread, or this one further up, as making an object may run
    /// code of the application.
    pub(crate) fn known(&self) -> Known<'_> {
        Known(self.0.try_lock().ok())
    }
}

impl Known<'_> {
    /// No names: each is made anew.
    pub(crate) fn none() -> Known<'static> {
        Known(None)
    }

    /// The key as a `str`.
    pub(super) fn name<'py>(&mut self, py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        let bytes = text.as_bytes();
        let (Some(places), Ok(length)) = (&mut self.0, u8::try_from(bytes.len())) else {
            return PyString::new(py, text);
        };
        if bytes.len() > LONGEST {
            return PyString::new(py, text);
        }
        let place = &mut places[place(bytes)];
        if let Some(name) = &place.name
            && place.length == length
            && place.text[..bytes.len()] == *bytes
        {
            return name.bind(py).clone();
        }
        let name = PyString::new(py, text);
        place.text[..bytes.len()].copy_from_slice(bytes);
        place.length = length;
        place.name = Some(name.clone().unbind());
        name
    }
}

/// Where a key is kept: by both ends of it, and its length.
fn place(text: &[u8]) -> usize {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let part = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |all, &byte| all << 8 | u64::from(byte))
    };
    let (start, end) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(start), Some(end)) => (u64::from_be_bytes(*start), u64::from_be_bytes(*end)),
        _ => (part(text), 0),
    };
    let mixed = (start ^ end.rotate_left(23) ^ text.len() as u64).wrapping_mul(MIX);
    (mixed >> 56) as usize % PLACES
}
