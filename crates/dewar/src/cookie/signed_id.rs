use super::Rejection;
use crate::SessionId;
use crate::signing::{Keyring, Scheme, Signer};

/// Flask-Session's signed session id, `SESSION_USE_SIGNER`: `id . signature`.
///
/// Flask-Session signs and verifies with `SECRET_KEY` alone; here fallback keys verify too.
///
/// ```
/// use dewar::{OsRandom, SessionId, cookie::SignedId, signing::Keyring};
///
/// let cookie = SignedId::new(&Keyring::new("secret key"));
/// let id = SessionId::generate(&OsRandom, 32)?;
/// assert_eq!(cookie.open(cookie.sign(&id).as_bytes()), Ok(id));
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SignedId(Signer);

impl SignedId {
    /// The cookie as these keys sign it.
    pub fn new(keys: &Keyring) -> SignedId {
        SignedId(Signer::new(keys, &Scheme::flask("flask-session")))
    }

    /// The cookie's value for an id.
    pub fn sign(&self, id: &SessionId) -> String {
        let mut text = String::with_capacity(id.expose().len() + 28);
        text.push_str(id.expose());
        self.0.sign_text(&mut text, 0);
        text
    }

    /// The id in a cookie's value, if one of the keys signed it.
    ///
    /// # Errors
    /// The reason why the cookie is not accepted.
    pub fn open(&self, value: &[u8]) -> Result<SessionId, Rejection> {
        std::str::from_utf8(self.0.unsign(value)?)
            .ok()
            .and_then(SessionId::parse)
            .ok_or(Rejection::NotAnId)
    }
}
