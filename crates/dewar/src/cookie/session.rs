use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;

use super::Rejection;
use crate::UnixTime;
use crate::config::SignedCookieSettings;
use crate::signing::{self, Keyring, Scheme, UrlSafeTimedSerializer};

/// Flask's signed session cookie: `[.]payload . timestamp . signature`.
///
/// The keys are derived once, here; opening and sealing are then a hash each.
#[derive(Clone, Debug)]
pub struct SessionCookie(UrlSafeTimedSerializer);

/// The fewest bytes of JSON that are compressed: what makes a cookie of about 2 KB. Flask tries it on all sizes, which
/// costs far more than signing and saves a few bytes; both read both.
const COMPRESSED_FROM: usize = 1536;

/// What a session cookie holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The session: Flask's tagged JSON.
    pub payload: Bytes,
    /// When the cookie was made, in whole seconds.
    pub issued: UnixTime,
}

impl SessionCookie {
    /// The cookie as `settings` have it signed.
    pub fn new(settings: &SignedCookieSettings) -> SessionCookie {
        SessionCookie::with_keys(&settings.keys, &SessionCookie::scheme(settings))
    }

    /// How `settings` have it signed, apart from the keys.
    pub(crate) fn scheme(settings: &SignedCookieSettings) -> Scheme {
        Scheme::new(settings.salt.as_str())
            .with_digest(settings.digest)
            .with_key_derivation(settings.key_derivation)
    }

    /// The cookie with these keys.
    pub(crate) fn with_keys(keys: &Keyring, scheme: &Scheme) -> SessionCookie {
        let serializer = UrlSafeTimedSerializer::new(keys, scheme);
        SessionCookie(serializer.with_compression_from(COMPRESSED_FROM))
    }

    /// The session in a cookie's value, if one of the keys signed it, at most `max_age` (in whole seconds) ago.
    ///
    /// # Errors
    /// The reason why the cookie is not accepted.
    pub fn open(
        &self,
        value: &[u8],
        now: UnixTime,
        max_age: Duration,
    ) -> Result<Opened, Rejection> {
        let (payload, issued) = self.0.loads(value, now, Some(max_age))?;
        Ok(Opened {
            payload: payload.into(),
            issued,
        })
    }

    /// Whether a cookie's value may hold this key, which is plain ASCII, whoever signed it. `false` is certain.
    pub(crate) fn may_have(value: &[u8], key: &str) -> bool {
        match signing::payload_as_it_is(value) {
            // JSON can write a letter as `\u0061`, too.
            Some(json) => [key, "\\u00"]
                .iter()
                .any(|text| memmem::find(&json, text.as_bytes()).is_some()),
            None => true,
        }
    }

    /// The most bytes that [`seal`](SessionCookie::seal) appends for a payload of so many; exactly those if it is not
    /// compressed.
    pub fn sealed_length(&self, payload: usize) -> usize {
        self.0.room(payload)
    }

    /// Appends the cookie's value that holds `payload`.
    pub fn seal(&self, payload: &[u8], now: UnixTime, out: &mut String) {
        self.0.dumps_to(payload, now, out);
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("issued", &self.issued)
            .finish()
    }
}
