use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{known, strength};
use crate::{Random, Result};

/// A secret key: bytes that are never shown and are wiped from memory when dropped.
///
/// ```
/// use dewar::signing::SecretKey;
///
/// let key = SecretKey::new("correct horse battery staple");
/// assert_eq!(format!("{key:?}"), "SecretKey(28 bytes)");
/// ```
#[derive(Clone)]
pub struct SecretKey(Zeroizing<Vec<u8>>);

impl SecretKey {
    /// The bytes of a key that [`generate`](SecretKey::generate) makes: 256 bits.
    pub const GENERATED_LENGTH: usize = 32;

    /// A key of these bytes; text is taken as UTF-8, as Flask takes it.
    pub fn new(bytes: impl Into<Vec<u8>>) -> SecretKey {
        SecretKey(Zeroizing::new(bytes.into()))
    }

    /// A new key of 256 random bits.
    ///
    /// ```
    /// use dewar::{OsRandom, signing::SecretKey};
    ///
    /// assert_eq!(SecretKey::generate(&OsRandom)?.len(), 32);
    /// # Ok::<(), dewar::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the random source fails.
    pub fn generate(random: &dyn Random) -> Result<SecretKey> {
        let mut bytes = Zeroizing::new(vec![0; Self::GENERATED_LENGTH]);
        random.fill(&mut bytes)?;
        Ok(SecretKey(bytes))
    }

    /// How many bytes the key has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the key has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About how many bits of chance are in the key, at most: what its alphabet allows, less what repeats or reads as
    /// words. Fewer than 80 can be tried out; a new key has 256.
    ///
    /// ```
    /// use dewar::signing::SecretKey;
    ///
    /// assert!(SecretKey::new("9f3c1e77a05bd2846cf01b9de35a7482").estimated_bits() > 110);
    /// assert!(SecretKey::new("our company's key of 2024").estimated_bits() < 80);
    /// ```
    pub fn estimated_bits(&self) -> u32 {
        strength::estimated_bits(&self.0)
    }

    /// Where the key stands for everybody to read, if it is known to.
    ///
    /// ```
    /// use dewar::signing::SecretKey;
    ///
    /// assert!(SecretKey::new("Super-Secret-Key!").well_known().is_some());
    /// assert!(SecretKey::new("9f3c1e77a05bd2846cf01b9de35a7482").well_known().is_none());
    /// ```
    pub fn well_known(&self) -> Option<&'static str> {
        known::well_known(&self.0)
    }

    /// The key's bytes. Whoever has them can make any session: keep them out of logs.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Equality in a time that depends on the lengths alone.
impl PartialEq for SecretKey {
    fn eq(&self, other: &SecretKey) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretKey {}

impl From<&str> for SecretKey {
    fn from(text: &str) -> SecretKey {
        SecretKey::new(text)
    }
}

impl From<String> for SecretKey {
    fn from(text: String) -> SecretKey {
        SecretKey::new(text)
    }
}

impl From<&[u8]> for SecretKey {
    fn from(bytes: &[u8]) -> SecretKey {
        SecretKey::new(bytes)
    }
}

impl From<Vec<u8>> for SecretKey {
    fn from(bytes: Vec<u8>) -> SecretKey {
        SecretKey::new(bytes)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} bytes)", self.len())
    }
}

/// The key that signs, and older keys that are still accepted: `SECRET_KEY` and `SECRET_KEY_FALLBACKS`.
///
/// Only the first ever signs, so a fallback key goes out of use by itself as cookies are renewed.
///
/// ```
/// use dewar::signing::{Keyring, Scheme, Signer};
///
/// let before = Signer::new(&Keyring::new("old key"), &Scheme::flask("greeting"));
/// let after = Signer::new(&Keyring::new("new key").with_fallbacks(["old key"]), &Scheme::flask("greeting"));
/// assert_eq!(after.unsign(&before.sign(b"hello"))?, b"hello");
/// assert!(before.unsign(&after.sign(b"hello")).is_err());
/// # Ok::<(), dewar::signing::BadData>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    key: SecretKey,
    fallbacks: Vec<SecretKey>,
}

impl Keyring {
    /// A ring of one key, which signs and verifies.
    pub fn new(key: impl Into<SecretKey>) -> Keyring {
        Keyring {
            key: key.into(),
            fallbacks: Vec::new(),
        }
    }

    /// Adds keys that only verify, tried in this order after those that are there.
    #[must_use]
    pub fn with_fallbacks<K: Into<SecretKey>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Keyring {
        self.fallbacks.extend(keys.into_iter().map(Into::into));
        self
    }

    /// The key that signs.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The keys that only verify.
    pub fn fallbacks(&self) -> &[SecretKey] {
        &self.fallbacks
    }

    /// All keys, in the order in which they are tried.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.key).chain(&self.fallbacks)
    }
}
