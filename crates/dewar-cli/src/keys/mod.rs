//! Secret keys: where they are kept, where they are found, and how good they are.

mod dotenv;
mod file;
mod known;
mod sources;
mod strength;
mod toml;

pub(crate) use file::{KeyFile, Place};
pub(crate) use known::{all as well_known_keys, well_known};
pub(crate) use sources::{FoundKey, KeyOptions, Keys, environment, variable_bytes};
pub(crate) use strength::estimated_bits;
