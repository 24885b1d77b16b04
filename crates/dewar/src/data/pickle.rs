//! Pickles: those of old Flask-Session records and of cachelib's files, read without running anything, and those that
//! cachelib can read.
//!
//! A pickle is a program for a stack machine that can call any function by name. This machine knows the operations that build
//! plain types, and a short list of names, of which each stands for a plain type and none for a function that is called; any
//! other name is a fault. Protocols 0 to 5.
//!
//! Memory is bounded by the input's length: an operation makes at most one node, and a node that is used many times costs from
//! the budget of values each time that it is turned into one.

use super::fault::Fault;
use super::{Dict, Value};

mod build;
mod input;
mod machine;
mod names;
pub(super) mod write;

/// Reads a pickle of a dict.
pub(super) fn read(bytes: &[u8]) -> Result<Dict, Fault> {
    match machine::Machine::new(bytes).run()? {
        Value::Dict(dict) => Ok(dict),
        _ => Err(Fault::new("a session is a dict", 0)),
    }
}

/// The integer that a pickle is of, as cachelib keeps its count of files.
#[cfg(any(unix, test))]
pub(crate) fn read_count(bytes: &[u8]) -> Option<i64> {
    machine::Machine::new(bytes).run().ok()?.as_i64()
}

/// The pickle of an integer.
#[cfg(any(unix, test))]
pub(crate) fn write_count(count: i64) -> Vec<u8> {
    let mut out = write::START.to_vec();
    write::integer(&mut out, count);
    out.push(write::END);
    out
}

#[cfg(test)]
mod tests;
