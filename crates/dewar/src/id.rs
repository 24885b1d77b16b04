use std::fmt;

use crate::{Random, Result};

/// A session id as it stands in the cookie: made by the server, URL-safe text, never shown in `Debug`.
///
/// New ids are `secrets.token_urlsafe(n)` of Flask-Session: `n` random bytes (32 by default, so
/// 256 bits and 43 characters) in unpadded URL-safe base64.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// The fewest characters that an id from outside may have: 20, about 120 bits.
    pub const MIN_LENGTH: usize = 20;
    /// The most characters that an id from outside may have.
    pub const MAX_LENGTH: usize = 256;

    /// A new id of `bytes` random bytes.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn generate(random: &dyn Random, bytes: usize) -> Result<SessionId> {
        let mut buffer = zeroize::Zeroizing::new([0; 192]);
        let raw = &mut buffer[..bytes.clamp(16, 192)];
        random.fill(raw)?;
        let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(raw);
        Ok(SessionId(text.into()))
    }

    /// Accepts text from a cookie if it could be an id: 20 to 256 characters of `A-Z a-z 0-9 - _`.
    ///
    /// This takes the ids of Flask-Session 0.8 and, older, uuid4 text. It says nothing about whether such a
    /// session exists; an id that the store does not know is never adopted.
    ///
    /// ```
    /// use dewar::SessionId;
    ///
    /// assert!(SessionId::parse("kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo").is_some());
    /// assert!(SessionId::parse("../../etc/passwd").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<SessionId> {
        SessionId::could_be(text).then(|| SessionId::known(text))
    }

    /// Whether [`parse`](SessionId::parse) would accept the text.
    pub(crate) fn could_be(text: &str) -> bool {
        let fits = (Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&text.len());
        fits && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    }

    /// An id that was accepted or made before.
    pub(crate) fn known(text: &str) -> SessionId {
        SessionId(text.into())
    }

    /// The id's text. Whoever has it has the session: keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}
