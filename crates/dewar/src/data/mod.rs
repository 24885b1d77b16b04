//! What a session holds, and the formats it is stored in.
//!
//! A [`Document`] is a session's top-level dict. It is validated when it is read, and a [`Value`] is made only when one is
//! asked for; entries that nobody changed are copied when the document is written again.
//!
//! ```
//! use dewar::data::{Document, Format, Value};
//!
//! let cookie = r#"{"_permanent":true,"cart":[{" t":["apple",3]}],"user":"ada"}"#;
//! let mut document = Document::parse(Format::TaggedJson, cookie.into())?;
//! let line = Value::Tuple(vec!["apple".into(), 3.into()]);
//! assert_eq!(document.get("cart").as_deref(), Some(&Value::List(vec![line])));
//!
//! document.remove("cart");
//! assert_eq!(document.encode(Format::TaggedJson)?, br#"{"_permanent":true,"user":"ada"}"#);
//! # Ok::<(), dewar::Error>(())
//! ```

mod dates;
mod de;
mod decimal;
mod dict;
mod distinct;
mod document;
mod fault;
mod json;
mod json_scan;
mod json_text;
mod keyed;
mod msgpack;
pub(crate) mod pickle;
mod pieces;
mod ser;
mod tagged_json;
mod text;
mod token;
mod value;

pub(crate) use de::{from_entry, from_session};
pub use de::{from_value, from_value_ref};
pub use decimal::Decimal;
pub use dict::Dict;
pub use document::{Document, Format};
pub(crate) use keyed::Keyed;
pub use pieces::{Entry, Items, Piece, Pieces};
pub use ser::to_value;
pub use text::Text;
pub use value::Value;

/// How deeply containers may be nested in stored bytes. Flask under Python's default recursion limit writes up to 662 levels of
/// JSON, msgspec up to 990 of msgpack.
pub const MAX_DEPTH: usize = 1024;

/// How many decimal digits an integer may have, as in Python since 3.11.
pub const MAX_INTEGER_DIGITS: usize = 4300;

/// How deeply types may be nested on their way through serde, which takes more stack for a level.
const MAX_SERDE_DEPTH: usize = 128;
