//! Extractors for axum.

use axum_core::extract::FromRequestParts;
use dewar::Snapshot;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Session};

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Session, Error> {
        let found = Session::find(&parts.headers).await?;
        // In a task of its own, where no layer is around, a middleware may have put it into the extensions.
        found
            .or_else(|| parts.extensions.get().cloned())
            .ok_or_else(Error::no_layer)
    }
}

/// The request's session as one struct, read when the handler starts.
///
/// It is a copy: what else the handler does to the session, [`reload`](dewar::Session::reload) included, is neither seen in it nor
/// undone by it.
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
    snapshot: Snapshot,
}

impl<T: Serialize> Typed<T> {
    /// Stores the fields that were changed since they were read or last saved; the session itself is saved at the end of the
    /// request. A field that became `None` takes its key out of the session.
    ///
    /// # Errors
    /// As [`dewar::Session::write_changes`].
    pub fn save(&mut self) -> Result<(), Error> {
        Ok(self
            .session
            .write_changes(&self.value, &mut self.snapshot)?)
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl<S: Sync, T: Serialize + DeserializeOwned> FromRequestParts<S> for Typed<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Typed<T>, Error> {
        let session = Session::from_request_parts(parts, state).await?;
        let (value, snapshot) = session.read_with_snapshot()?;
        Ok(Typed {
            value,
            session,
            snapshot,
        })
    }
}
