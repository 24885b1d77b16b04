use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Session};

/// The request's session as one struct, read when the handler starts.
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
}

impl<T: Serialize> Typed<T> {
    /// Puts the fields that differ back into the session, which is saved at the end of the request.
    ///
    /// # Errors
    /// As [`dewar::Session::write`].
    pub fn save(&self) -> Result<(), Error> {
        self.session.write(&self.value)
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Typed<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Typed<T>, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = Session::from_request(request, payload);
        Box::pin(async move {
            let session = session.await?;
            Ok(Typed {
                value: session.read()?,
                session,
            })
        })
    }
}
