use std::fmt;

use super::base64;
use super::digest::{KeyedHmac, Tag};
use super::{BadData, Keyring, Scheme, Separator};

/// Signs values without a time: itsdangerous' `Signer`.
///
/// The keys are derived once, here, so keep a signer rather than make one for each value.
///
/// ```
/// use dewar::signing::{Keyring, Scheme, Signer};
///
/// let signer = Signer::new(&Keyring::new("secret key"), &Scheme::new("itsdangerous.Signer"));
/// let signed = signer.sign(b"my string");
/// assert_eq!(signed, b"my string.x6ONyf4Cd_nglxazxCI3S8prPO0");
/// assert_eq!(signer.unsign(&signed)?, b"my string");
/// # Ok::<(), dewar::signing::BadData>(())
/// ```
#[derive(Clone)]
pub struct Signer {
    /// The one that signs first; never empty.
    keys: Box<[KeyedHmac]>,
    separator: Separator,
}

impl Signer {
    /// A signer with these keys.
    pub fn new(keys: &Keyring, scheme: &Scheme) -> Signer {
        let derive = |key| KeyedHmac::derive(key, &scheme.salt, scheme.digest, scheme.derivation);
        Signer {
            keys: keys.iter().map(derive).collect(),
            separator: scheme.separator.clone(),
        }
    }

    /// The value with separator and signature after it.
    pub fn sign(&self, value: &[u8]) -> Vec<u8> {
        let signature = self.signature(value);
        [
            value,
            self.separator.as_str().as_bytes(),
            signature.as_bytes(),
        ]
        .concat()
    }

    /// The signature alone, as text.
    pub fn signature(&self, value: &[u8]) -> String {
        let mut text = String::new();
        base64::encode_to(self.keys[0].tag(value).as_bytes(), &mut text);
        text
    }

    /// The value without separator and signature, if the signature is right for any of the keys.
    ///
    /// # Errors
    /// [`BadData::NoSeparator`] or [`BadData::SignatureMismatch`].
    pub fn unsign<'a>(&self, signed: &'a [u8]) -> Result<&'a [u8], BadData> {
        let (value, signature) = self
            .separator
            .split_last(signed)
            .ok_or(BadData::NoSeparator)?;
        let mismatch = BadData::SignatureMismatch {
            keys: self.keys.len(),
        };
        let (mut buffer, mut spare) = ([0; Tag::MAX_LENGTH], Vec::new());
        let signature = base64::decode_short(signature, &mut buffer, &mut spare).ok_or(mismatch)?;
        if self.keys.iter().any(|key| key.verify(value, signature)) {
            Ok(value)
        } else {
            Err(mismatch)
        }
    }

    /// Whether the signature is right.
    pub fn validate(&self, signed: &[u8]) -> bool {
        self.unsign(signed).is_ok()
    }

    /// How many bytes separator and signature have.
    pub(super) fn signature_length(&self) -> usize {
        self.separator.as_str().len() + base64::encoded_length(self.keys[0].tag_length())
    }

    pub(super) fn separator(&self) -> &Separator {
        &self.separator
    }

    /// Appends separator and signature to the text that begins at `start`.
    pub(crate) fn sign_text(&self, text: &mut String, start: usize) {
        let tag = self.keys[0].tag(&text.as_bytes()[start..]);
        text.push_str(self.separator.as_str());
        base64::encode_to(tag.as_bytes(), text);
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("keys", &self.keys.len())
            .field("separator", &self.separator)
            .finish()
    }
}
