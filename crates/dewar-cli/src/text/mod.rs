//! How results read: times, sizes, Python's values.

pub(crate) mod python;
pub(crate) mod time;

/// A count with its noun: `1 key`, `2 keys`.
pub(crate) fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}
