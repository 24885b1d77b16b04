//! What a session holds, and the formats it is stored in.

mod value;

pub use value::Value;

/// Placeholder.
#[derive(Clone, Debug, PartialEq)]
pub struct Text;
/// Placeholder.
#[derive(Clone, Debug, PartialEq)]
pub struct Decimal;
/// Placeholder.
#[derive(Clone, Debug, PartialEq)]
pub struct Dict;
