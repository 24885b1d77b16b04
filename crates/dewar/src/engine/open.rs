//! The beginning of a request: from `Cookie` headers to a session.

use std::borrow::Cow;
use std::future::Future;

use super::{Engine, Interface, Server};
use crate::config::{OnStoreFailure, Permanence};
use crate::cookie::{self, Rejection, SessionCookie};
use crate::data::{Document, Format};
use crate::events;
use crate::plan::Kept;
use crate::session::Session;
use crate::session::state::{PERMANENT, Saved, State, StoredAs, Writable, created};
use crate::store::{Key, Record};
use crate::{Result, SessionId, UnixTime};

impl Engine {
    /// Opens the session of a request from its `Cookie` headers; loads it if it is kept in a store.
    ///
    /// A cookie that cannot be accepted gives a fresh session, never an error; an event says why.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store fails, unless the policy is to go on with an
    /// empty, read-only session.
    pub fn open<'c, H>(
        &self,
        cookie_headers: H,
    ) -> impl Future<Output = Result<Session>> + Send + use<'_, 'c, H>
    where
        H: IntoIterator<Item = &'c [u8]>,
    {
        // All reading of headers happens here, so that the future holds no iterator.
        let now = self.now();
        let begun = self.begin(self.cookie_value(cookie_headers), now);
        async move {
            match begun {
                Begun::Opened(session) => Ok(session),
                Begun::Stored(server, key) => self.load(server, key, now).await,
            }
        }
    }

    /// Whether the session in a signed cookie may be permanent, as far as can be seen without verifying it.
    ///
    /// `false` is certain: no cookie with these headers opens as a permanent session. Flask extends permanent sessions that no
    /// request reached for; of all others, this says at little cost that there is nothing to do.
    pub fn may_be_permanent<'c, H>(&self, cookie_headers: H) -> bool
    where
        H: IntoIterator<Item = &'c [u8]>,
    {
        if self.0.permanence == Permanence::Permanent {
            return true;
        }
        match (&self.0.interface, self.cookie_value(cookie_headers)) {
            (_, None) | (Interface::Null { .. }, _) => false,
            (Interface::Cookie(_), Some(value)) => SessionCookie::may_have(&value, PERMANENT),
            (Interface::Server(_), Some(_)) => true,
        }
    }

    /// The value of the first session cookie; one that is empty counts as none.
    fn cookie_value<'c, H>(&self, cookie_headers: H) -> Option<Cow<'c, [u8]>>
    where
        H: IntoIterator<Item = &'c [u8]>,
    {
        let name = self.cookie_name();
        cookie_headers
            .into_iter()
            .find_map(|header| cookie::find(header, name))
            .filter(|value| !value.is_empty())
    }

    fn begin(&self, value: Option<Cow<'_, [u8]>>, now: UnixTime) -> Begun<'_> {
        let Some(value) = value else {
            return Begun::Opened(self.fresh(Browser::SentNothing));
        };
        let opened = match &self.0.interface {
            Interface::Null { .. } => return Begun::Opened(self.fresh(Browser::SentCookie)),
            Interface::Cookie(cookie) => self.unseal(&cookie.now().signer, &value, now),
            Interface::Server(server) => match server.read_key(&value) {
                Ok(key) => return Begun::Stored(server, key),
                Err(rejection) => Err(rejection),
            },
        };
        Begun::Opened(opened.unwrap_or_else(|rejection| self.reject(&rejection, now)))
    }

    fn unseal(
        &self,
        cookie: &SessionCookie,
        value: &[u8],
        now: UnixTime,
    ) -> Result<Session, Rejection> {
        let opened = cookie.open(value, now, self.0.policy.lifetime)?;
        let document = Document::parse(Format::TaggedJson, opened.payload)
            .map_err(|_| Rejection::Undecodable)?;
        if self.is_over(&document, now) {
            return Err(Rejection::Over);
        }
        let saved = Saved::InCookie {
            issued: opened.issued,
        };
        Ok(self.loaded(Kept::InCookie, document, saved))
    }

    async fn load(&self, server: &Server, key: Key, now: UnixTime) -> Result<Session> {
        let not_due = server.is_not_due(&key, now);
        match server.load_first(&key, not_due).await {
            Ok(record) => {
                let opened = self.accept(server, record, key, not_due, now).await;
                Ok(opened.unwrap_or_else(|rejection| self.reject(&rejection, now)))
            }
            Err(error) => {
                events::store_failed("load", &error);
                if self.0.on_store_failure == OnStoreFailure::Fail {
                    return Err(error);
                }
                let session = self.fresh(Browser::SentCookie);
                session.lock().writable = Writable::StoreFailed;
                Ok(session)
            }
        }
    }

    async fn accept(
        &self,
        server: &Server,
        record: Option<Record>,
        key: Key,
        not_due: bool,
        now: UnixTime,
    ) -> Result<Session, Rejection> {
        let record = record.ok_or(Rejection::Unknown)?;
        let document = Document::detect(server.format, record.blob).map_err(|error| {
            // No browser can bring this about, as it can other rejections: somebody should look at the store.
            events::undecodable(&error);
            Rejection::Undecodable
        })?;
        if self.is_over(&document, now) {
            // Best effort: the record is refused at every request, and the store expires it in the end.
            if let Err(error) = server.delete(&key).await {
                events::store_failed("delete", &error);
            }
            return Err(Rejection::Over);
        }
        // By what use would move the expiry now: that it stands at the end of the absolute lifetime is no reason to touch it.
        let extended = match record.expires {
            Some(expires) => {
                let extended = now - self.expires(&document, now).since(expires);
                server.note_extended(&key, extended, now);
                Some(extended)
            }
            // As if it was extended just now: it is not to be extended by this request, unless that goes on for long.
            None => not_due.then_some(now),
        };
        let stored = StoredAs {
            key,
            version: record.version,
            extended,
        };
        Ok(self.loaded(Kept::InStore, document, Saved::InStore(stored)))
    }

    /// Whether the session has reached its absolute lifetime, if there is one.
    fn is_over(&self, document: &Document, now: UnixTime) -> bool {
        let policy = &self.0.policy;
        policy.absolute_lifetime.is_some() && policy.is_over(created(document), now)
    }

    fn loaded(&self, kept: Kept, document: Document, saved: Saved) -> Session {
        events::opened();
        let mut state = State::loaded(kept, document, saved);
        if self.0.policy.absolute_lifetime.is_some() {
            state.created = created(&state.document);
        }
        Session::from_state(self.clone(), state)
    }

    fn reject(&self, rejection: &Rejection, now: UnixTime) -> Session {
        self.0.rejections.tell(rejection, now);
        self.fresh(Browser::SentCookie)
    }

    /// A session that does not exist yet.
    fn fresh(&self, browser: Browser) -> Session {
        let writable = match &self.0.interface {
            Interface::Null { missing } => Writable::Null(missing.clone()),
            Interface::Cookie(_) | Interface::Server(_) => Writable::Yes,
        };
        let mut state = State::new(self.kept(), self.0.permanence, writable);
        state.cookie_received = browser == Browser::SentCookie;
        Session::from_state(self.clone(), state)
    }
}

/// Whether the request carried a session cookie, acceptable or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Browser {
    SentCookie,
    SentNothing,
}

/// What can be said of a session before the store is asked.
enum Begun<'e> {
    Opened(Session),
    Stored(&'e Server, Key),
}

impl Server {
    /// The key of the record that a cookie's value names.
    fn read_key(&self, value: &[u8]) -> Result<Key, Rejection> {
        match &self.signer {
            Some(signer) => Ok(self.key(signer.now().signer.open(value)?.expose())),
            None => std::str::from_utf8(value)
                .ok()
                .filter(|text| SessionId::could_be(text))
                .map(|id| self.key(id))
                .ok_or(Rejection::NotAnId),
        }
    }
}
