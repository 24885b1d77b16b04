//! itsdangerous 2.2: signed values that itsdangerous reads and the other way round; bytes in, bytes out.
//!
//! ```text
//! Signer                   value . signature
//! TimedSigner              value . timestamp . signature
//! UrlSafeSerializer        [.]payload . signature
//! UrlSafeTimedSerializer   [.]payload . timestamp . signature       Flask's session cookie
//! ```
//!
//! The signature, the timestamp and the payload are URL-safe base64 without padding; a leading `.` says that
//! the payload is compressed. Signed values are authentic, not secret: whoever has one can read it.

mod base64;
mod digest;
mod error;
mod key;
mod known;
mod scheme;
mod serializer;
mod signer;
mod strength;
mod timed;
mod zlib;

pub use digest::{Digest, KeyDerivation};
pub use error::BadData;
pub use key::{Keyring, SecretKey};
pub use known::well_known_keys;
pub use scheme::{Scheme, Separator};
pub(crate) use serializer::payload_as_it_is;
pub use serializer::{UrlSafeSerializer, UrlSafeTimedSerializer};
pub use signer::Signer;
pub use timed::TimedSigner;
