//! The session that a handler works with.

pub(crate) mod changes;
mod mirror;
pub(crate) mod state;
mod typed;

pub use self::typed::Snapshot;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::state::{PERMANENT, State};
use crate::data::{Dict, Value, from_entry, to_value};
use crate::engine::Engine;
use crate::flash::Flash;
use crate::{Result, SessionId, events};

/// A visitor's session: a dictionary with Flask's semantics, loaded once and saved at the end of the request.
///
/// The handle is cheap to clone, and all clones are the same session; several tasks of one request may use it.
/// Reading and writing is synchronous: only [`Engine::open`], [`Engine::close`] and [`Session::save`] do I/O.
///
/// ```
/// # async fn handler(session: dewar::Session) -> dewar::Result<()> {
/// let name: Option<String> = session.get("name")?;
/// session.insert("visits", 1 + session.get::<u32>("visits")?.unwrap_or(0))?;
/// session.update("cart", |cart: &mut Vec<u64>| cart.push(42))?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session(Arc<Shared>);

struct Shared {
    engine: Engine,
    state: Mutex<State>,
    /// The thread that is inside `update`'s closure, to tell a deadlock from a wait.
    updating: Mutex<Option<ThreadId>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.lacks_late_changes() {
            events::changed_too_late();
        }
    }
}

impl Session {
    /// Whether there is another handle to it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    pub(crate) fn from_state(engine: Engine, state: State) -> Session {
        Session(Arc::new(Shared {
            engine,
            state: Mutex::new(state),
            updating: Mutex::new(None),
        }))
    }

    /// The value under `key`, as `T`; `None` if there is none, and where it is null and no `T` can be that.
    ///
    /// So what a Flask application set to `None` reads as what is absent; [`contains`](Session::contains) tells them apart.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) if the value is there and is not a `T`; it names the key, and never the
    /// value.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        read(key, self.value(key).as_ref())
    }

    /// The value under `key` as it is stored.
    pub fn value(&self, key: &str) -> Option<Value> {
        self.accessed()
            .document
            .get(key)
            .map(|value| value.into_owned())
    }

    /// Whether there is a value under `key`: Flask's `in`.
    pub fn contains(&self, key: &str) -> bool {
        self.accessed().document.contains(key)
    }

    /// The keys, in the order in which they were stored.
    pub fn keys(&self) -> Vec<String> {
        let state = self.accessed();
        state
            .document
            .keys()
            .map(|key| key.to_string_lossy().into_owned())
            .collect()
    }

    /// How many keys there are: Flask's `len`. `_permanent` is one, which a new session has where new ones are permanent.
    pub fn len(&self) -> usize {
        self.accessed().document.len()
    }

    /// Whether there are no keys. A new session has `_permanent` where new ones are permanent: for one that nobody has written to, ask
    /// [`is_new`](Session::is_new) or [`contains`](Session::contains).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything in the session.
    pub fn to_dict(&self) -> Dict {
        self.accessed().document.to_dict()
    }

    /// Stores `value` under `key`.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) if the value cannot be represented,
    /// [`ErrorKind::NoSecretKey`](crate::ErrorKind::NoSecretKey) for a null session,
    /// [`ErrorKind::ReadOnly`](crate::ErrorKind::ReadOnly) if the store failed and the policy is to go on.
    pub fn insert<T: Serialize>(&self, key: &str, value: T) -> Result<()> {
        let value = to_value(&value)?;
        self.accessed().insert(&key.into(), value)
    }

    /// Takes the value under `key` out of the session as it is stored: Flask's `pop`. [`take`](Session::take) gives it as a type.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn remove(&self, key: &str) -> Result<Option<Value>> {
        self.accessed().remove(&key.into())
    }

    /// Takes the value under `key` out of the session, as `T`: for what is used once, such as the state of a login by OAuth.
    /// Of two requests at once both may get it, as there is no lock between them.
    ///
    /// ```
    /// # fn handler(session: dewar::Session) -> dewar::Result<()> {
    /// let verifier: Option<String> = session.take("pkce_verifier")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`get`](Session::get) and [`insert`](Session::insert); nothing is removed then.
    pub fn take<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let mut state = self.accessed();
        state.check_writable()?;
        let value = read(key, state.document.get(key).as_deref())?;
        state.remove(&key.into())?;
        Ok(value)
    }

    /// Removes everything; a server-side session stays permanent if it was. Without anything new in it, the
    /// session is deleted at the end of the request; with it, it is the same session, as old as before
    /// (`SESSION_ABSOLUTE_LIFETIME`).
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn clear(&self) -> Result<()> {
        self.accessed().clear()
    }

    /// Changes the value under `key` in place, however deep; starts from `T::default()` if [`get`](Session::get) gives none.
    ///
    /// The change is noticed by comparison, so nothing needs to be marked; a default that stays as it is, is no change. A
    /// value that becomes `None` takes its key out of the session.
    ///
    /// Other tasks of the request wait meanwhile; other requests do not. Of what two of them change under one key at once, only
    /// appending is merged: a list to which both append gets what both appended, if the session is kept in a store. Any other
    /// change (of a counter, a map, a set) replaces the value, and the later one wins. There is no lock between requests: what
    /// must not be lost gets keys of its own (`"seen 42"`), or is appended to a list; what must be counted exactly belongs in a
    /// database.
    ///
    /// ```
    /// # fn handler(session: dewar::Session) -> dewar::Result<()> {
    /// let size = session.update("cart", |cart: &mut Vec<u64>| {
    ///     cart.push(7);
    ///     cart.len()
    /// })?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`get`](Session::get) and [`insert`](Session::insert); nothing is changed then.
    ///
    /// # Panics
    /// If `change` uses the same session: it would wait for itself for ever.
    pub fn update<T, R>(&self, key: &str, change: impl FnOnce(&mut T) -> R) -> Result<R>
    where
        T: Serialize + DeserializeOwned + Default,
    {
        let mut state = self.accessed();
        state.check_writable()?;
        let stored = state.document.get(key).map(|value| value.into_owned());
        let (mut value, before, start) = match read(key, stored.as_ref())? {
            Some(value) => (value, stored, None),
            None => {
                let value = T::default();
                let start = to_value(&value)?;
                (value, None, Some(start))
            }
        };
        let result = {
            let _marker = UpdateMarker::set(&self.0.updating);
            change(&mut value)
        };
        let after = to_value(&value)?;
        if before.as_ref().or(start.as_ref()) != Some(&after) {
            let key = key.into();
            match after {
                Value::Null => state.change_to_none(&key)?,
                after => state.change(&key, before.as_ref(), after)?,
            }
        }
        Ok(result)
    }

    /// Queues a message for the next page: Flask's `flash`, category first.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn flash(&self, category: &str, message: impl Into<Value>) -> Result<()> {
        self.accessed().flash(&Flash::new(category, message))
    }

    /// The messages that were queued: taken out of the session once per request, the same at every call in it.
    /// Flask's `get_flashed_messages`.
    pub fn flashes(&self) -> Vec<Flash> {
        self.accessed().flashes().to_vec()
    }

    /// The messages of these categories; all are taken out of the session, as in Flask.
    pub fn flashes_of(&self, categories: &[&str]) -> Vec<Flash> {
        let mut flashes = self.flashes();
        flashes.retain(|flash| categories.contains(&flash.category()));
        flashes
    }

    /// Gives the session a new id and keeps its data: to be called at login, so that an id that somebody planted
    /// before is worth nothing. The old record is removed when the new one is there.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn regenerate(&self) -> Result<()> {
        self.accessed().regenerate()
    }

    /// Ends the session: to be called at logout. The record and the cookie are deleted, and no request that is still
    /// running can bring them back. What is written afterwards (a farewell message) starts a new session.
    ///
    /// A session that is kept in the cookie ends in this browser only: a copy of the cookie stays valid until it expires.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn destroy(&self) -> Result<()> {
        let permanence = self.0.engine.new_session_permanence();
        self.accessed().destroy(permanence)
    }

    /// Whether the cookie outlives the browser: Flask's `permanent`.
    pub fn is_permanent(&self) -> bool {
        self.accessed().permanent()
    }

    /// Sets Flask's `permanent`, which is the key `_permanent`.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn set_permanent(&self, permanent: bool) -> Result<()> {
        self.accessed()
            .insert(&PERMANENT.into(), Value::Bool(permanent))
    }

    /// Whether anything was changed in this request, the id included: Flask's `modified`.
    pub fn is_modified(&self) -> bool {
        self.lock().is_modified()
    }

    /// Has the session written at the end of the request though no key was changed: Flask's `modified = True`.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn set_modified(&self) -> Result<()> {
        let mut state = self.accessed();
        state.check_writable()?;
        state.changes.record_marked();
        Ok(())
    }

    /// Whether the session was read or written in this request: Flask's `accessed`.
    pub fn is_accessed(&self) -> bool {
        self.lock().accessed
    }

    /// Whether the session did not exist before this request: Flask's `new`. A page that depends on it depends on the
    /// cookie, so it counts as reading.
    pub fn is_new(&self) -> bool {
        self.accessed().is_new
    }

    /// The id under which the store keeps the session, or will: Flask-Session's `sid`; `None` if it is kept in the cookie.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn id(&self) -> Result<Option<SessionId>> {
        let mut state = self.accessed();
        self.0.engine.session_id(&mut state)
    }

    /// Saves what was changed so far, for handlers that go on after the response has started (streams, server-sent
    /// events, WebSockets). At the end of a usual request the adapter saves by itself.
    ///
    /// A session in a signed cookie is sent with the response, and this says whether it can be: ask before what cannot be undone.
    ///
    /// A save that is dropped, by a timeout say, leaves the changes to be saved by the next one, whether it arrived or not.
    ///
    /// Saves of one session, its [`close`](Engine::close) and [`reload`](Session::reload) come one after the other, so a save
    /// that was begun is to be awaited or dropped: one that is kept and no longer polled holds up those that come after it.
    ///
    /// # Errors
    /// As [`Engine::close`], but [`ErrorKind::Store`](crate::ErrorKind::Store) whatever the policy is if the store fails;
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone) if another request ended the session;
    /// [`ErrorKind::ReadOnly`](crate::ErrorKind::ReadOnly) if the response has started and the browser does not know
    /// the session: its cookie can no longer be sent.
    pub async fn save(&self) -> Result<()> {
        self.0.engine.clone().save(self).await
    }

    /// Loads what other requests have written since, and keeps this one's unsaved changes: for handlers that run long.
    /// Behind a cache (`SESSION_CACHE_FOR`, [`CachedStore`](crate::store::cached::CachedStore)) it may load what the cache
    /// still shows.
    ///
    /// ```
    /// # async fn charge(session: &dewar::Session) -> dewar::Result<()> { Ok(()) }
    /// # async fn handler(session: dewar::Session) -> dewar::Result<()> {
    /// // After a long wait: does the session still live, and what is in it now?
    /// session.reload().await?;
    /// charge(&session).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone) if another request ended the session; if the store fails. A session
    /// that is kept in its cookie stays as it is.
    pub async fn reload(&self) -> Result<()> {
        self.0.engine.clone().reload(self).await
    }

    /// The engine that opened the session.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        match self.0.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let updating = *lock(&self.0.updating);
                assert!(
                    updating != Some(thread::current().id()),
                    "the closure given to Session::update uses the same session; read what it needs before the call"
                );
                lock(&self.0.state)
            }
        }
    }

    fn accessed(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.accessed = true;
        state
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Session");
        if let Ok(state) = self.0.state.try_lock() {
            out.field("keys", &state.document.len())
                .field("new", &state.is_new)
                .field("accessed", &state.accessed)
                .field("modified", &state.is_modified());
        }
        out.finish_non_exhaustive()
    }
}

/// What is stored under `key`, as `T`; null that is no `T` is nothing.
fn read<T: DeserializeOwned>(key: &str, stored: Option<&Value>) -> Result<Option<T>> {
    match stored {
        None => Ok(None),
        Some(Value::Null) => Ok(from_entry(key, &Value::Null).ok()),
        Some(value) => from_entry(key, value).map(Some),
    }
}

/// A panic in a closure leaves the state as it was, so poison means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes which thread is inside `update`, for as long as it is.
struct UpdateMarker<'a>(&'a Mutex<Option<ThreadId>>);

impl<'a> UpdateMarker<'a> {
    fn set(updating: &'a Mutex<Option<ThreadId>>) -> UpdateMarker<'a> {
        *lock(updating) = Some(thread::current().id());
        UpdateMarker(updating)
    }
}

impl Drop for UpdateMarker<'_> {
    fn drop(&mut self) {
        *lock(self.0) = None;
    }
}
