use std::fmt;
use std::str::FromStr;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::SecretKey;
use crate::{Error, ErrorKind};

/// The hash under the signatures and the key derivation, by hashlib's names.
///
/// ```
/// use dewar::signing::Digest;
///
/// assert_eq!("sha256".parse::<Digest>()?, Digest::Sha256);
/// assert_eq!(Digest::default().to_string(), "sha1");
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digest {
    /// `sha1`, which Flask and itsdangerous use. Its broken collision resistance does not matter inside HMAC.
    #[default]
    Sha1,
    /// `sha256`.
    Sha256,
    /// `sha512`.
    Sha512,
}

/// How a signing key is made from the secret key and the salt, by itsdangerous' names.
///
/// There is no default: Flask's is [`Hmac`](KeyDerivation::Hmac), itsdangerous' own is
/// [`DjangoConcat`](KeyDerivation::DjangoConcat).
///
/// ```
/// use dewar::signing::KeyDerivation;
///
/// assert_eq!("django-concat".parse::<KeyDerivation>()?, KeyDerivation::DjangoConcat);
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyDerivation {
    /// `hmac`: HMAC of the salt under the secret key.
    Hmac,
    /// `django-concat`: digest of the salt, the word `signer` and the secret key.
    DjangoConcat,
    /// `concat`: digest of the salt and the secret key.
    Concat,
    /// `none`: the secret key itself, so that the salt separates nothing.
    None,
}

impl Digest {
    const ALL: [Digest; 3] = [Digest::Sha1, Digest::Sha256, Digest::Sha512];

    fn name(self) -> &'static str {
        match self {
            Digest::Sha1 => "sha1",
            Digest::Sha256 => "sha256",
            Digest::Sha512 => "sha512",
        }
    }
}

impl KeyDerivation {
    const ALL: [KeyDerivation; 4] = [
        KeyDerivation::Hmac,
        KeyDerivation::DjangoConcat,
        KeyDerivation::Concat,
        KeyDerivation::None,
    ];

    fn name(self) -> &'static str {
        match self {
            KeyDerivation::Hmac => "hmac",
            KeyDerivation::DjangoConcat => "django-concat",
            KeyDerivation::Concat => "concat",
            KeyDerivation::None => "none",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for KeyDerivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(name: &str) -> Result<Digest, Error> {
        Self::ALL
            .into_iter()
            .find(|digest| digest.name() == name)
            .ok_or_else(|| {
                let message =
                    format!("no digest is named {name:?}: use 'sha1', 'sha256' or 'sha512'");
                Error::new(ErrorKind::Config, message)
            })
    }
}

impl FromStr for KeyDerivation {
    type Err = Error;

    fn from_str(name: &str) -> Result<KeyDerivation, Error> {
        Self::ALL
            .into_iter()
            .find(|derivation| derivation.name() == name)
            .ok_or_else(|| {
                let message = format!(
                    "no key derivation is named {name:?}: use 'hmac', 'django-concat', 'concat' or 'none'"
                );
                Error::new(ErrorKind::Config, message)
            })
    }
}

/// HMAC with its key already absorbed: a clone for each message saves half of the hashing.
#[derive(Clone)]
pub(super) enum KeyedHmac {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl KeyedHmac {
    /// The state for the signing key that is derived from `secret` and `salt`.
    pub(super) fn derive(
        secret: &SecretKey,
        salt: &[u8],
        digest: Digest,
        derivation: KeyDerivation,
    ) -> KeyedHmac {
        let secret = secret.expose();
        match digest {
            Digest::Sha1 => KeyedHmac::Sha1(derived::<Hmac<Sha1>, Sha1>(secret, salt, derivation)),
            Digest::Sha256 => {
                KeyedHmac::Sha256(derived::<Hmac<Sha256>, Sha256>(secret, salt, derivation))
            }
            Digest::Sha512 => {
                KeyedHmac::Sha512(derived::<Hmac<Sha512>, Sha512>(secret, salt, derivation))
            }
        }
    }

    /// The HMAC of a message.
    pub(super) fn tag(&self, message: &[u8]) -> Tag {
        match self {
            KeyedHmac::Sha1(mac) => Tag::new(absorb(mac, message).finalize().as_bytes()),
            KeyedHmac::Sha256(mac) => Tag::new(absorb(mac, message).finalize().as_bytes()),
            KeyedHmac::Sha512(mac) => Tag::new(absorb(mac, message).finalize().as_bytes()),
        }
    }

    /// How many bytes a [`tag`](KeyedHmac::tag) has.
    pub(super) fn tag_length(&self) -> usize {
        match self {
            KeyedHmac::Sha1(_) => 20,
            KeyedHmac::Sha256(_) => 32,
            KeyedHmac::Sha512(_) => 64,
        }
    }

    /// Whether the signature is the HMAC of the message, compared in constant time.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            KeyedHmac::Sha1(mac) => absorb(mac, message).verify_slice(signature),
            KeyedHmac::Sha256(mac) => absorb(mac, message).verify_slice(signature),
            KeyedHmac::Sha512(mac) => absorb(mac, message).verify_slice(signature),
        }
        .is_ok()
    }
}

/// The output of an HMAC.
pub(super) struct Tag {
    bytes: [u8; Tag::MAX_LENGTH],
    length: usize,
}

impl Tag {
    /// The length of SHA-512's output.
    pub(super) const MAX_LENGTH: usize = 64;

    fn new(output: &[u8]) -> Tag {
        let mut bytes = [0; Tag::MAX_LENGTH];
        bytes[..output.len()].copy_from_slice(output);
        Tag {
            bytes,
            length: output.len(),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn derived<M: Mac + KeyInit, D: sha2::Digest>(
    secret: &[u8],
    salt: &[u8],
    derivation: KeyDerivation,
) -> M {
    let hashed = |parts: &[&[u8]]| {
        let mut hash = D::new();
        parts.iter().for_each(|part| hash.update(part));
        Zeroizing::new(hash.finalize().to_vec())
    };
    match derivation {
        KeyDerivation::Hmac => {
            let key = keyed::<M>(secret).chain_update(salt).finalize();
            keyed(&Zeroizing::new(key.into_bytes().to_vec()))
        }
        KeyDerivation::DjangoConcat => keyed(&hashed(&[salt, b"signer", secret])),
        KeyDerivation::Concat => keyed(&hashed(&[salt, secret])),
        KeyDerivation::None => keyed(secret),
    }
}

fn absorb<M: Mac + Clone>(mac: &M, message: &[u8]) -> M {
    mac.clone().chain_update(message)
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}
