use super::{Digest, KeyDerivation};
use crate::{Error, ErrorKind, Result};

/// How values are signed: everything that both sides must agree on, except the keys.
///
/// ```
/// use dewar::signing::{Digest, Keyring, Scheme, Signer};
///
/// let scheme = Scheme::flask("activate").with_digest(Digest::Sha256);
/// let signer = Signer::new(&Keyring::new("secret"), &scheme);
/// assert!(signer.validate(&signer.sign(b"user 7")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    pub(super) salt: Vec<u8>,
    pub(super) digest: Digest,
    pub(super) derivation: KeyDerivation,
    pub(super) separator: Separator,
}

impl Scheme {
    /// itsdangerous' defaults: SHA-1, `django-concat`, separator `.`. The salt keeps purposes apart; where none is
    /// given, itsdangerous takes `itsdangerous.Signer` in a signer and `itsdangerous` in a serializer.
    pub fn new(salt: impl Into<Vec<u8>>) -> Scheme {
        Scheme {
            salt: salt.into(),
            digest: Digest::default(),
            derivation: KeyDerivation::DjangoConcat,
            separator: Separator::default(),
        }
    }

    /// Flask's defaults: SHA-1, `hmac`, separator `.`. The salt of its session cookie is `cookie-session`.
    pub fn flask(salt: impl Into<Vec<u8>>) -> Scheme {
        Scheme::new(salt).with_key_derivation(KeyDerivation::Hmac)
    }

    /// Another digest.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Scheme {
        self.digest = digest;
        self
    }

    /// Another key derivation.
    #[must_use]
    pub fn with_key_derivation(mut self, derivation: KeyDerivation) -> Scheme {
        self.derivation = derivation;
        self
    }

    /// Another separator.
    #[must_use]
    pub fn with_separator(mut self, separator: Separator) -> Scheme {
        self.separator = separator;
        self
    }
}

/// What stands between value, timestamp and signature: `.` by default, never a part of base64's alphabet.
///
/// ```
/// use dewar::signing::Separator;
///
/// assert!(Separator::new(":").is_ok());
/// assert!(Separator::new("_").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separator(Box<str>);

/// itsdangerous' `_base64_alphabet`, in its order, because it looks for the separator as a substring of it.
const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=";

impl Separator {
    /// A separator of this text.
    ///
    /// # Errors
    /// If it is empty or could be a part of a signature, as itsdangerous decides it.
    pub fn new(text: impl Into<Box<str>>) -> Result<Separator> {
        let text = text.into();
        if ALPHABET.contains(&*text) {
            let message = format!(
                "the separator {text:?} could be a part of a signature: use one without letters, digits and '-_='"
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Separator(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before and after the last separator.
    pub(super) fn split_last<'a>(&self, value: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let at = match self.0.as_bytes() {
            [byte] => memchr::memrchr(*byte, value),
            bytes => memchr::memmem::rfind(value, bytes),
        }?;
        Some((&value[..at], &value[at + self.0.len()..]))
    }
}

impl Default for Separator {
    fn default() -> Separator {
        Separator(".".into())
    }
}
