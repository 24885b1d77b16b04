use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{COOKIE, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use dewar::adapter::Scope;
use dewar::data::Value;
use dewar::{SessionId, Snapshot};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// The request's session, open and loaded: an extractor that is a [`dewar::Session`].
///
/// Several extractors in one request are the same session. What can fail, fails with an [`Error`] that handlers can
/// return as it is, also where they return an `actix_web::Result`.
///
/// ```
/// use dewar_actix::Session;
///
/// async fn add_to_cart(session: Session) -> actix_web::Result<&'static str> {
///     session.update("cart", |cart: &mut Vec<u64>| cart.push(42))?;
///     Ok("added")
/// }
/// # actix_web::web::get().to(add_to_cart);
/// ```
#[derive(Clone, Debug)]
pub struct Session(pub dewar::Session);

type Result<T> = std::result::Result<T, Error>;

impl FromRequest for Session {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Session>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let cookies = request.headers().get_all(COOKIE).map(HeaderValue::as_bytes);
            let found = Scope::open(cookies).await?.map(Session);
            // In a task of its own, where no middleware is around, one may have put it into the extensions.
            found
                .or_else(|| request.extensions().get().cloned())
                .ok_or_else(Error::no_middleware)
        })
    }
}

impl Deref for Session {
    type Target = dewar::Session;

    fn deref(&self) -> &dewar::Session {
        &self.0
    }
}

/// The methods that can fail, with the error of this crate. What they do is said at those of [`dewar::Session`].
impl Session {
    /// As [`dewar::Session::get`].
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        Ok(self.0.get(key)?)
    }

    /// As [`dewar::Session::insert`].
    pub fn insert<T: Serialize>(&self, key: &str, value: T) -> Result<()> {
        Ok(self.0.insert(key, value)?)
    }

    /// As [`dewar::Session::remove`].
    pub fn remove(&self, key: &str) -> Result<Option<Value>> {
        Ok(self.0.remove(key)?)
    }

    /// As [`dewar::Session::take`].
    pub fn take<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        Ok(self.0.take(key)?)
    }

    /// As [`dewar::Session::clear`].
    pub fn clear(&self) -> Result<()> {
        Ok(self.0.clear()?)
    }

    /// As [`dewar::Session::update`].
    pub fn update<T, R>(&self, key: &str, change: impl FnOnce(&mut T) -> R) -> Result<R>
    where
        T: Serialize + DeserializeOwned + Default,
    {
        Ok(self.0.update(key, change)?)
    }

    /// As [`dewar::Session::flash`].
    pub fn flash(&self, category: &str, message: impl Into<Value>) -> Result<()> {
        Ok(self.0.flash(category, message)?)
    }

    /// As [`dewar::Session::regenerate`].
    pub fn regenerate(&self) -> Result<()> {
        Ok(self.0.regenerate()?)
    }

    /// As [`dewar::Session::destroy`].
    pub fn destroy(&self) -> Result<()> {
        Ok(self.0.destroy()?)
    }

    /// As [`dewar::Session::set_permanent`].
    pub fn set_permanent(&self, permanent: bool) -> Result<()> {
        Ok(self.0.set_permanent(permanent)?)
    }

    /// As [`dewar::Session::set_modified`].
    pub fn set_modified(&self) -> Result<()> {
        Ok(self.0.set_modified()?)
    }

    /// As [`dewar::Session::id`].
    pub fn id(&self) -> Result<Option<SessionId>> {
        Ok(self.0.id()?)
    }

    /// As [`dewar::Session::read`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(self.0.read()?)
    }

    /// As [`dewar::Session::read_with_snapshot`].
    pub fn read_with_snapshot<T>(&self) -> Result<(T, Snapshot)>
    where
        T: Serialize + DeserializeOwned,
    {
        Ok(self.0.read_with_snapshot()?)
    }

    /// As [`dewar::Session::write_changes`].
    pub fn write_changes<T: Serialize>(&self, value: &T, snapshot: &mut Snapshot) -> Result<()> {
        Ok(self.0.write_changes(value, snapshot)?)
    }

    /// As [`dewar::Session::write`].
    pub fn write<T: Serialize>(&self, value: &T) -> Result<()> {
        Ok(self.0.write(value)?)
    }

    /// As [`dewar::Session::edit`].
    pub fn edit<T, R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R>
    where
        T: Serialize + DeserializeOwned,
    {
        Ok(self.0.edit(change)?)
    }

    /// As [`dewar::Session::save`].
    pub async fn save(&self) -> Result<()> {
        Ok(self.0.save().await?)
    }

    /// As [`dewar::Session::reload`].
    pub async fn reload(&self) -> Result<()> {
        Ok(self.0.reload().await?)
    }
}
