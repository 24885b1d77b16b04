use std::ops::Deref;

use dewar::adapter::Scope;
use http::HeaderMap;
use http::header::COOKIE;

use crate::Error;

/// The request's session, open and loaded: an axum extractor that is a [`dewar::Session`].
///
/// Several extractors in one request are the same session.
///
/// ```
/// use dewar_tower::{Error, Session};
///
/// async fn add_to_cart(session: Session) -> Result<&'static str, Error> {
///     session.update("cart", |cart: &mut Vec<u64>| cart.push(42))?;
///     Ok("added")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Session(pub dewar::Session);

impl Session {
    /// Opens the session of the request with these headers, or gives the one that is open already. For services
    /// without axum; to be called inside of the layer's service.
    ///
    /// # Errors
    /// If there is no [`SessionLayer`](crate::SessionLayer) around, or the store fails.
    pub async fn open(headers: &HeaderMap) -> Result<Session, Error> {
        Session::find(headers).await?.ok_or_else(Error::no_layer)
    }

    /// The same; `None` if there is no layer around.
    pub(crate) async fn find(headers: &HeaderMap) -> Result<Option<Session>, Error> {
        let cookies = headers
            .get_all(COOKIE)
            .into_iter()
            .map(|value| value.as_bytes());
        Ok(Scope::open(cookies).await?.map(Session))
    }
}

impl Deref for Session {
    type Target = dewar::Session;

    fn deref(&self) -> &dewar::Session {
        &self.0
    }
}
