use std::time::Duration;

use super::zlib::Zlib;
use super::{BadData, Keyring, Scheme, Signer, TimedSigner, base64};
use crate::UnixTime;

/// Signed payloads as URL-safe text, without a time: itsdangerous' `URLSafeSerializer` below its JSON.
///
/// ```
/// use dewar::signing::{Keyring, Scheme, UrlSafeSerializer};
///
/// let serializer = UrlSafeSerializer::new(&Keyring::new("secret key"), &Scheme::new("auth"));
/// let text = serializer.dumps(br#"{"id":5,"name":"itsdangerous"}"#);
/// assert_eq!(text, "eyJpZCI6NSwibmFtZSI6Iml0c2Rhbmdlcm91cyJ9.6YP6T0BaO67XP--9UzTrmurXSmg");
/// assert_eq!(serializer.loads(text.as_bytes())?, br#"{"id":5,"name":"itsdangerous"}"#);
/// # Ok::<(), dewar::signing::BadData>(())
/// ```
#[derive(Clone, Debug)]
pub struct UrlSafeSerializer {
    signer: Signer,
    zlib: Zlib,
}

/// Signed and timed payloads as URL-safe text: itsdangerous' `URLSafeTimedSerializer` below its JSON.
///
/// ```
/// use std::time::Duration;
/// use dewar::{UnixTime, signing::{Keyring, Scheme, UrlSafeTimedSerializer}};
///
/// let serializer = UrlSafeTimedSerializer::new(&Keyring::new("k"), &Scheme::flask("cookie-session"));
/// let now = UnixTime::from_seconds(1_700_000_000);
/// let text = serializer.dumps(br#"{"cart":[1,2]}"#, now);
///
/// let (payload, issued) = serializer.loads(text.as_bytes(), now, Some(Duration::from_secs(60)))?;
/// assert_eq!(payload, br#"{"cart":[1,2]}"#);
/// assert_eq!(issued, now);
/// # Ok::<(), dewar::signing::BadData>(())
/// ```
#[derive(Clone, Debug)]
pub struct UrlSafeTimedSerializer {
    signer: TimedSigner,
    zlib: Zlib,
}

/// How many bytes a payload may inflate to if nothing else is said: 1 MiB.
///
/// A cookie of 4 KB, the most that browsers keep, could make three megabytes with zlib's best ratio of about
/// 1000 to 1; text that anybody means to keep in a session shrinks by a factor of ten at most.
const DEFAULT_LIMIT: usize = 1 << 20;

impl UrlSafeSerializer {
    /// A serializer with these keys.
    pub fn new(keys: &Keyring, scheme: &Scheme) -> UrlSafeSerializer {
        UrlSafeSerializer {
            signer: Signer::new(keys, scheme),
            zlib: Zlib::new(DEFAULT_LIMIT),
        }
    }

    /// Changes how many bytes a compressed payload may inflate to; 1 MiB if this is not called.
    #[must_use]
    pub fn with_inflated_limit(mut self, bytes: usize) -> UrlSafeSerializer {
        self.zlib.set_limit(bytes);
        self
    }

    /// The signed text of a payload, compressed where that makes it shorter.
    pub fn dumps(&self, payload: &[u8]) -> String {
        let room = base64::encoded_length(payload.len()) + self.signer.signature_length();
        let mut text = String::with_capacity(room);
        encode_payload(&self.zlib, payload, &mut text);
        self.signer.sign_text(&mut text, 0);
        text
    }

    /// The payload of a signed text.
    ///
    /// # Errors
    /// If the signature is wrong, or what it signs is not a payload.
    pub fn loads(&self, text: &[u8]) -> Result<Vec<u8>, BadData> {
        decode_payload(&self.zlib, self.signer.unsign(text)?)
    }
}

impl UrlSafeTimedSerializer {
    /// A serializer with these keys.
    pub fn new(keys: &Keyring, scheme: &Scheme) -> UrlSafeTimedSerializer {
        UrlSafeTimedSerializer {
            signer: TimedSigner::new(keys, scheme),
            zlib: Zlib::new(DEFAULT_LIMIT),
        }
    }

    /// Changes how many bytes a compressed payload may inflate to; 1 MiB if this is not called.
    #[must_use]
    pub fn with_inflated_limit(mut self, bytes: usize) -> UrlSafeTimedSerializer {
        self.zlib.set_limit(bytes);
        self
    }

    /// Leaves payloads of less than this many bytes as they are; without this call compression is tried on all of
    /// them, as itsdangerous does. Trying costs a hundred times what signing does.
    #[must_use]
    pub fn with_compression_from(mut self, bytes: usize) -> UrlSafeTimedSerializer {
        self.zlib.set_shortest(bytes);
        self
    }

    /// The signed text of a payload, compressed where that makes it shorter.
    pub fn dumps(&self, payload: &[u8], now: UnixTime) -> String {
        let mut text = String::with_capacity(self.room(payload.len()));
        self.dumps_to(payload, now, &mut text);
        text
    }

    /// The room that [`dumps_to`](UrlSafeTimedSerializer::dumps_to) takes for a payload of so many bytes; it takes less
    /// if that is compressed.
    pub(crate) fn room(&self, payload: usize) -> usize {
        base64::encoded_length(payload) + self.signer.signature_length()
    }

    /// As [`dumps`](UrlSafeTimedSerializer::dumps), appended to a text.
    pub fn dumps_to(&self, payload: &[u8], now: UnixTime, out: &mut String) {
        let start = out.len();
        encode_payload(&self.zlib, payload, out);
        self.signer.sign_text(out, start, now);
    }

    /// The payload of a signed text and when it was signed; [`TimedSigner::unsign`] says how ages are counted.
    ///
    /// # Errors
    /// If the signature is wrong, its age is not allowed, or what it signs is not a payload.
    pub fn loads(
        &self,
        text: &[u8],
        now: UnixTime,
        max_age: Option<Duration>,
    ) -> Result<(Vec<u8>, UnixTime), BadData> {
        let (value, issued) = self.signer.unsign(text, now, max_age)?;
        Ok((decode_payload(&self.zlib, value)?, issued))
    }
}

/// The payload of a timed text that nobody verified; `None` if that is not to be seen without more work.
pub(crate) fn payload_as_it_is(text: &[u8]) -> Option<Vec<u8>> {
    // Signature and timestamp are at the end.
    match text.rsplitn(3, |&byte| byte == b'.').nth(2)? {
        [b'.', ..] => None,
        value => base64::decode(value),
    }
}

fn encode_payload(zlib: &Zlib, payload: &[u8], out: &mut String) {
    let compressed = zlib.compress_if_shorter(payload);
    let bytes = compressed.as_deref().unwrap_or(payload);
    if compressed.is_some() {
        out.push('.');
    }
    base64::encode_to(bytes, out);
}

fn decode_payload(zlib: &Zlib, value: &[u8]) -> Result<Vec<u8>, BadData> {
    match value.strip_prefix(b".") {
        Some(compressed) => {
            zlib.inflate(&base64::decode(compressed).ok_or(BadData::PayloadNotBase64)?)
        }
        None => base64::decode(value).ok_or(BadData::PayloadNotBase64),
    }
}
