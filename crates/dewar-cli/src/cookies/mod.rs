//! Cookies as people have them: pasted from somewhere, whole or not, signed with one of the keys or not.

mod judge;
mod pasted;
mod shape;
mod trial;

pub(crate) use judge::{Judge, Verdict, content, id_of, too_large};
pub(crate) use pasted::Pasted;
pub(crate) use shape::{Flask, Shape, payload, timestamp};
