//! Secret keys: where they are kept, where they are found, and how good they are.

mod file;
mod foreign;
mod sources;
mod toml;

pub(crate) use file::{KeyFile, Place, Rotated};
pub(crate) use sources::{FoundKey, KeyOptions, Keys, environment, variable_bytes};
