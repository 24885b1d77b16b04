//! Extractors for axum.

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Session};

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Session, Error> {
        Session::open(&parts.headers).await
    }
}

/// The request's session as one struct, read when the handler starts.
///
/// ```
/// use dewar_tower::{Error, Typed};
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// #[serde(default)]
/// struct Visitor {
///     name: Option<String>,
///     visits: u64,
/// }
///
/// async fn home(mut visitor: Typed<Visitor>) -> Result<String, Error> {
///     visitor.value.visits += 1;
///     visitor.save()?;
///     Ok(format!("visit {}", visitor.value.visits))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Typed<T> {
    /// The struct: one field for each key.
    pub value: T,
    session: Session,
}

impl<T: Serialize> Typed<T> {
    /// Puts the fields that differ back into the session, which is saved at the end of the request.
    ///
    /// # Errors
    /// As [`dewar::Session::write`].
    pub fn save(&self) -> Result<(), Error> {
        Ok(self.session.write(&self.value)?)
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Typed<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Typed<T>, Error> {
        let session = Session::open(&parts.headers).await?;
        Ok(Typed {
            value: session.read()?,
            session,
        })
    }
}
