//! The end of a request: from a session to `Set-Cookie` and `Vary`, by way of the plan.

use std::fmt;

use super::{Engine, Interface, Server};
use crate::config::OnStoreFailure;
use crate::cookie::SessionCookie;
use crate::data::{Document, Format};
use crate::events;
use crate::plan::{CookieAction, Decision, Fate, Kept, Plan, Reason, Vary, plan};
use crate::session::Session;
use crate::session::changes::Changes;
use crate::session::state::{Saved, State, StoredAs, Writable};
use crate::store::{Created, Deleted, Key, Replaced, Touched, Version};
use crate::{Error, ErrorKind, Result, UnixTime};

/// How often a write is merged with those of other requests and tried again.
const MAX_MERGES: u32 = 128;
/// How often another id is tried when one is taken, which a working random source never lets happen.
const MAX_IDS: u32 = 3;
/// How many expired records one request removes at most (`SESSION_CLEANUP_N_REQUESTS`).
const CLEANUP_STEP: usize = 100;

/// What the adapter copies into the response.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    set_cookie: Option<String>,
    decision: Decision,
    merges: u32,
}

impl Reply {
    /// The value of the `Set-Cookie` header to append, if there is one. It holds the session or its id: keep it
    /// out of logs.
    pub fn set_cookie(&self) -> Option<&str> {
        self.set_cookie.as_deref()
    }

    /// Whether `Vary: Cookie` belongs on the response.
    pub fn varies(&self) -> bool {
        self.decision.vary == Vary::Cookie
    }

    /// What was decided, and why.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// How often the changes were merged with those of other requests.
    pub fn merges(&self) -> u32 {
        self.merges
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("decision", &self.decision)
            .field("merges", &self.merges)
            .finish_non_exhaustive()
    }
}

/// How a plan was carried out.
enum Outcome {
    Done {
        merges: u32,
    },
    /// Another request ended the session.
    Gone,
}

impl Engine {
    /// Decides what becomes of the session, does it, and says what to put into the response.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the store fails (unless the policy is to go on), [`ErrorKind::CookieTooLarge`],
    /// [`ErrorKind::Value`] if a value cannot be stored in the format, [`ErrorKind::Contention`]. The changes stay
    /// in the session, so that the call can be repeated.
    pub async fn close(&self, session: &Session) -> Result<Reply> {
        let now = self.now();
        let (mut decision, outcome) = self.settle(session, now, Deadline::Response).await?;
        let merges = match outcome {
            Outcome::Done { merges } => merges,
            Outcome::Gone => {
                decision = GONE;
                0
            }
        };
        let set_cookie = {
            let mut state = session.lock();
            let set_cookie = self.cookie(&mut state, &decision, now)?;
            if decision.cookie == CookieAction::Set {
                state.announced = true;
            }
            state.closed = true;
            set_cookie
        };
        events::closed(&decision);
        self.cleanup(now).await;
        Ok(Reply {
            set_cookie,
            decision,
            merges,
        })
    }

    /// Saves in the middle of a request; see [`Session::save`].
    pub(crate) async fn save(&self, session: &Session) -> Result<()> {
        let now = self.now();
        let deadline = {
            let state = session.lock();
            match (state.kept, state.closed) {
                // The cookie is made at the end of the request; nothing to do now.
                (Kept::InCookie, false) => return state.check_writable(),
                (Kept::InCookie, true) if state.changes.is_empty() => return Ok(()),
                (Kept::InCookie, true) => return Err(headers_sent()),
                (Kept::InStore, false) => Deadline::Response,
                (Kept::InStore, true) => Deadline::Passed,
            }
        };
        self.settle(session, now, deadline).await.map(drop)
    }

    /// Decides and does it, as far as the store is concerned.
    async fn settle(
        &self,
        session: &Session,
        now: UnixTime,
        deadline: Deadline,
    ) -> Result<(Decision, Outcome)> {
        let decision = {
            let mut state = session.lock();
            let decision = plan(&state.snapshot(), &self.0.policy, now);
            if deadline == Deadline::Passed && needs_cookie(decision.plan) {
                return Err(headers_sent());
            }
            if self.0.policy.absolute_lifetime.is_some() && writes(decision.plan) {
                state.stamp_created(now);
            }
            decision
        };
        let Interface::Server(server) = &self.0.interface else {
            return Ok((decision, Outcome::Done { merges: 0 }));
        };
        match self.execute(server, session, decision.plan, now).await {
            Ok(outcome) => Ok((decision, outcome)),
            Err(error) => {
                if error.kind() == ErrorKind::Store {
                    events::store_failed("close", &error);
                    let goes_on = self.0.on_store_failure == OnStoreFailure::ReadOnlyEmpty;
                    // Nobody may be told that they are logged out while the record lives.
                    if goes_on && !matches!(decision.plan, Plan::Delete | Plan::Restart) {
                        return Ok((store_failed(decision), Outcome::Done { merges: 0 }));
                    }
                }
                Err(error)
            }
        }
    }

    async fn execute(
        &self,
        server: &Server,
        session: &Session,
        plan: Plan,
        now: UnixTime,
    ) -> Result<Outcome> {
        let done = Outcome::Done { merges: 0 };
        match plan {
            Plan::Nothing => Ok(done),
            Plan::Touch => self.touch(server, session, now).await,
            Plan::Create => self.create(server, session, now).await.map(|_| done),
            Plan::Replace => self.replace(server, session, now).await,
            Plan::Rotate => self.rotate(server, session, now).await,
            Plan::Restart => {
                self.delete(server, session).await?;
                events::destroyed();
                self.create(server, session, now).await.map(|_| done)
            }
            Plan::Delete => {
                self.delete(server, session).await?;
                events::destroyed();
                session.lock().end_deleted();
                Ok(done)
            }
        }
    }

    async fn touch(&self, server: &Server, session: &Session, now: UnixTime) -> Result<Outcome> {
        let (key, expires) = {
            let state = session.lock();
            (
                server.stored_key(&state),
                self.0.policy.expires(state.created(), now),
            )
        };
        match server.store.touch(&key, expires).await? {
            Touched::Done => {
                if let Saved::InStore(stored) = &mut session.lock().saved {
                    stored.extended = Some(now);
                }
                Ok(Outcome::Done { merges: 0 })
            }
            Touched::Gone => Ok(end_gone(session)),
        }
    }

    async fn delete(&self, server: &Server, session: &Session) -> Result<()> {
        let key = {
            let state = session.lock();
            server.stored_key(&state)
        };
        server.store.delete(&key).await?;
        let mut state = session.lock();
        state.saved = Saved::Nowhere;
        Ok(())
    }

    /// Keeps the session under its next id.
    async fn create(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<(StoredAs, InFlight)> {
        for _ in 0..MAX_IDS {
            let (id, blob, expires, in_flight) = {
                let mut state = session.lock();
                let id = state.id(|| self.generate_id(server))?;
                let blob = state.document.encode(server.format)?;
                let expires = self.0.policy.expires(state.created(), now);
                (id, blob, expires, InFlight::take(&mut state))
            };
            match server
                .store
                .create(&server.key(&id), blob.into(), expires)
                .await
            {
                Ok(Created::Done(version)) => {
                    let stored = StoredAs {
                        id,
                        version,
                        extended: Some(now),
                    };
                    let mut state = session.lock();
                    state.forget_next_id();
                    state.saved = Saved::InStore(stored.clone());
                    state.announced = false;
                    events::created();
                    return Ok((stored, in_flight));
                }
                Ok(Created::Taken) => {
                    let mut state = session.lock();
                    in_flight.put_back(&mut state);
                    state.forget_next_id();
                }
                Err(error) => {
                    in_flight.put_back(&mut session.lock());
                    return Err(error);
                }
            }
        }
        Err(Error::new(
            ErrorKind::Random,
            "new session ids are taken already: the random source repeats itself",
        ))
    }

    /// Writes the changes; on a conflict applies them to what the other request wrote.
    async fn replace(&self, server: &Server, session: &Session, now: UnixTime) -> Result<Outcome> {
        let in_flight = InFlight::take(&mut session.lock());
        match self.replace_merging(server, session, &in_flight, now).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                in_flight.put_back(&mut session.lock());
                Err(error)
            }
        }
    }

    async fn replace_merging(
        &self,
        server: &Server,
        session: &Session,
        in_flight: &InFlight,
        now: UnixTime,
    ) -> Result<Outcome> {
        for merges in 0..=MAX_MERGES {
            let (key, blob, expires, version) = {
                let state = session.lock();
                let Saved::InStore(stored) = &state.saved else {
                    return Ok(Outcome::Done { merges });
                };
                let blob = state.document.encode(server.format)?;
                let expires = self.0.policy.expires(state.created(), now);
                (
                    server.key(&stored.id),
                    blob,
                    expires,
                    stored.version.clone(),
                )
            };
            match server
                .store
                .replace(&key, blob.into(), expires, &version)
                .await?
            {
                Replaced::Done(version) => {
                    if let Saved::InStore(stored) = &mut session.lock().saved {
                        stored.version = version;
                        stored.extended = Some(now);
                    }
                    return Ok(Outcome::Done { merges });
                }
                Replaced::Gone => return Ok(end_gone(session)),
                Replaced::Conflict => {
                    if !self.merge(server, session, &key, in_flight).await? {
                        return Ok(end_gone(session));
                    }
                    if session.lock().fate == Fate::Destroyed {
                        // Another task of this request ended the session meanwhile; the next save does it.
                        return Ok(Outcome::Done { merges });
                    }
                }
            }
        }
        Err(contention())
    }

    /// Loads the record again and applies this request's changes to it; `false` if it is no longer there.
    async fn merge(
        &self,
        server: &Server,
        session: &Session,
        key: &Key,
        in_flight: &InFlight,
    ) -> Result<bool> {
        let Some(record) = server.store.load(key).await? else {
            return Ok(false);
        };
        events::merged();
        let mut state = session.lock();
        if state.fate == Fate::Destroyed {
            return Ok(true);
        }
        match Document::detect(server.format, record.blob) {
            Ok(base) => {
                let merged = in_flight.changes.apply(base, &state.document);
                state.document = state.changes.apply(merged, &state.document);
            }
            // Nobody can read what the other side wrote: this request's data is the better one.
            Err(_) => events::undecodable(),
        }
        if let Saved::InStore(stored) = &mut state.saved {
            stored.version = record.version;
        }
        Ok(true)
    }

    /// Writes everything under a new id, then removes the old record. If the second step fails, the data is safe
    /// under the new id and the old record is left to expire.
    async fn rotate(&self, server: &Server, session: &Session, now: UnixTime) -> Result<Outcome> {
        let old = {
            let state = session.lock();
            match &state.saved {
                Saved::InStore(stored) => stored.clone(),
                _ => return Err(contention()),
            }
        };
        let old_key = server.key(&old.id);
        let (new, in_flight) = self.create(server, session, now).await?;
        match self
            .retire(server, session, &old_key, old.version, &in_flight, now)
            .await
        {
            Ok(Some(merges)) => {
                events::regenerated();
                Ok(Outcome::Done { merges })
            }
            Ok(None) => {
                // The session was ended meanwhile: the new record must not bring it back.
                if let Err(error) = server.store.delete(&server.key(&new.id)).await {
                    events::store_failed("delete", &error);
                }
                Ok(end_gone(session))
            }
            Err(error) => {
                events::rotation_incomplete(&error);
                Ok(Outcome::Done { merges: 0 })
            }
        }
    }

    /// Removes the old record of a rotated session, after taking over what other requests wrote to it meanwhile.
    /// `None` if it was gone.
    async fn retire(
        &self,
        server: &Server,
        session: &Session,
        old_key: &Key,
        mut seen: Version,
        in_flight: &InFlight,
        now: UnixTime,
    ) -> Result<Option<u32>> {
        for merges in 0..=MAX_MERGES {
            match server.store.delete_unchanged(old_key, &seen).await? {
                Deleted::Done => return Ok(Some(merges)),
                Deleted::Gone => return Ok(None),
                Deleted::Conflict => {}
            }
            let Some(record) = server.store.load(old_key).await? else {
                return Ok(None);
            };
            seen = record.version;
            events::merged();
            let Ok(base) = Document::detect(server.format, record.blob) else {
                events::undecodable();
                continue;
            };
            let (key, blob, expires, version) = {
                let mut state = session.lock();
                let merged = in_flight.changes.apply(base, &state.document);
                state.document = state.changes.apply(merged, &state.document);
                let Saved::InStore(stored) = &state.saved else {
                    return Ok(Some(merges));
                };
                let blob = state.document.encode(server.format)?;
                let expires = self.0.policy.expires(state.created(), now);
                (
                    server.key(&stored.id),
                    blob,
                    expires,
                    stored.version.clone(),
                )
            };
            // Nobody else knows the new id, so there is nobody to conflict with.
            if let Replaced::Done(version) = server
                .store
                .replace(&key, blob.into(), expires, &version)
                .await?
                && let Saved::InStore(stored) = &mut session.lock().saved
            {
                stored.version = version;
            }
        }
        Err(contention())
    }

    /// The `Set-Cookie` header's value, as decided.
    fn cookie(
        &self,
        state: &mut State,
        decision: &Decision,
        now: UnixTime,
    ) -> Result<Option<String>> {
        match decision.cookie {
            CookieAction::Keep => Ok(None),
            CookieAction::Delete => {
                if self.kept() == Kept::InCookie {
                    state.end();
                }
                Ok(Some(self.0.cookie.delete()))
            }
            CookieAction::Set => {
                let expires = state
                    .permanent()
                    .then(|| self.0.policy.expires(state.created(), now));
                let set_cookie = match &self.0.interface {
                    Interface::Cookie(cookie) => self.seal(cookie, state, expires, now)?,
                    Interface::Server(server) => {
                        let Saved::InStore(stored) = &state.saved else {
                            return Ok(None);
                        };
                        match &server.signer {
                            Some(signer) => self.0.cookie.set(&signer.sign(&stored.id), expires)?,
                            None => self.0.cookie.set(stored.id.expose(), expires)?,
                        }
                    }
                    Interface::Null { .. } => return Ok(None),
                };
                Ok(Some(set_cookie))
            }
        }
    }

    fn seal(
        &self,
        cookie: &SessionCookie,
        state: &mut State,
        expires: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<String> {
        let payload = state.document.encode(Format::TaggedJson)?;
        let set_cookie = self
            .0
            .cookie
            .set_with(expires, |value| cookie.seal(&payload, now, value))?;
        state.saved = Saved::InCookie { issued: now };
        state.changes = Changes::default();
        state.fate = Fate::Kept;
        Ok(set_cookie)
    }

    /// Removes some expired records, where the configuration asks requests to do it.
    async fn cleanup(&self, now: UnixTime) {
        if let Interface::Server(server) = &self.0.interface
            && server.cleanup_due()
            && let Err(error) = server.store.delete_expired(now, CLEANUP_STEP).await
        {
            events::store_failed("delete_expired", &error);
        }
    }
}

impl Server {
    fn stored_key(&self, state: &State) -> Key {
        match &state.saved {
            Saved::InStore(stored) => self.key(&stored.id),
            // Not reached: the plan touches and deletes only what is kept. An absent key is harmless.
            Saved::Nowhere | Saved::InCookie { .. } => Key::new(self.key_prefix.as_str()),
        }
    }
}

/// Whether the response's headers can still carry a cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deadline {
    Response,
    Passed,
}

/// Changes that are on their way to the store, with what the application asked for meanwhile kept apart.
struct InFlight {
    changes: Changes,
    fate: Fate,
}

impl InFlight {
    fn take(state: &mut State) -> InFlight {
        InFlight {
            changes: std::mem::take(&mut state.changes),
            fate: std::mem::replace(&mut state.fate, Fate::Kept),
        }
    }

    /// The write failed: the changes are pending again, under those made since.
    fn put_back(self, state: &mut State) {
        if state.fate == Fate::Destroyed {
            return;
        }
        let newer = std::mem::replace(&mut state.changes, self.changes);
        state.changes.absorb(newer);
        if state.fate == Fate::Kept {
            state.fate = self.fate;
        }
    }
}

fn end_gone(session: &Session) -> Outcome {
    events::gone();
    let mut state = session.lock();
    state.end();
    state.writable = Writable::Ended;
    Outcome::Gone
}

/// No cookie: a newer response may have set a newer one.
const GONE: Decision = Decision {
    plan: Plan::Nothing,
    cookie: CookieAction::Keep,
    vary: Vary::Cookie,
    reason: Reason::Gone,
};

fn store_failed(decision: Decision) -> Decision {
    Decision {
        plan: Plan::Nothing,
        cookie: CookieAction::Keep,
        reason: Reason::StoreFailed,
        ..decision
    }
}

fn needs_cookie(plan: Plan) -> bool {
    matches!(plan, Plan::Create | Plan::Rotate | Plan::Restart)
}

fn writes(plan: Plan) -> bool {
    matches!(
        plan,
        Plan::Create | Plan::Replace | Plan::Rotate | Plan::Restart
    )
}

fn headers_sent() -> Error {
    Error::new(
        ErrorKind::ReadOnly,
        "the response's headers are already sent, and saving this needs a cookie: create, regenerate or restart the \
         session, or write to a session that is kept in its cookie, before the response starts",
    )
}

fn contention() -> Error {
    Error::new(
        ErrorKind::Contention,
        format!(
            "the session was changed by other requests {MAX_MERGES} times while this one tried to save it; \
             the changes were not saved, and the request can be repeated"
        ),
    )
    .temporary()
}
