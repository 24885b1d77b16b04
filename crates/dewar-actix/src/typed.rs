use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use dewar::Snapshot;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Session};

/// The request's session as one struct, read when the handler starts.
///
/// It is a copy: what else the handler does to the session, [`reload`](dewar::Session::reload) included, is neither seen in it nor
/// undone by it.
///
/// ```
/// use dewar_actix::Typed;
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// #[serde(default)]
/// struct Visitor {
///     name: Option<String>,
///     visits: u64,
/// }
///
/// async fn home(mut visitor: Typed<Visitor>) -> actix_web::Result<String> {
///     visitor.value.visits += 1;
///     visitor.save()?;
///     Ok(format!("visit {}", visitor.value.visits))
/// }
/// # actix_web::web::get().to(home);
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
        self.session.write_changes(&self.value, &mut self.snapshot)
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl<T: Serialize + DeserializeOwned + 'static> FromRequest for Typed<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Typed<T>, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = Session::from_request(request, payload);
        Box::pin(async move {
            let session = session.await?;
            let (value, snapshot) = session.read_with_snapshot()?;
            Ok(Typed {
                value,
                session,
                snapshot,
            })
        })
    }
}
