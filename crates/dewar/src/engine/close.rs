//! The end of a request: from a session to `Set-Cookie` and `Vary`, by way of the plan.

use std::fmt;

use bytes::Bytes;

use super::execute::{MAX_MERGES, Outcome, contention, end_gone};
use super::saving::Saving;
use super::{Engine, Interface, Server};
use crate::config::OnStoreFailure;
use crate::cookie::SessionCookie;
use crate::data::Format;
use crate::events;
use crate::plan::{CookieAction, Decision, Fate, Kept, Plan, Presence, Reason, Vary, plan};
use crate::session::Session;
use crate::session::changes::Changes;
use crate::session::state::{Saved, State, gone};
use crate::{Error, ErrorKind, Result, UnixTime};

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

    /// The same, taken out of the reply, so that it need not be copied.
    pub fn take_set_cookie(&mut self) -> Option<String> {
        self.set_cookie.take()
    }

    /// Whether `Vary: Cookie` belongs on the response.
    pub fn varies(&self) -> bool {
        self.decision.vary == Vary::Cookie
    }

    /// The value of the one `Vary` header that is to take the place of those that a response has, if that is to change.
    ///
    /// It is a single one, since other middleware may look at the first alone, and replace all by what it makes of that.
    ///
    /// ```
    /// # fn adapter(reply: dewar::engine::Reply) {
    /// let of_the_response: [&[u8]; 1] = [b"Accept-Encoding"];
    /// if let Some(vary) = reply.vary(of_the_response) {
    ///     assert_eq!(vary, "Accept-Encoding, Cookie");
    /// }
    /// # }
    /// ```
    pub fn vary<'v>(&self, already: impl IntoIterator<Item = &'v [u8]>) -> Option<Bytes> {
        if !self.varies() {
            return None;
        }
        let mut joined = Vec::new();
        for value in already {
            let mut names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            if names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie")) {
                return None;
            }
            if !value.is_empty() {
                joined.extend_from_slice(value);
                joined.extend_from_slice(b", ");
            }
        }
        if joined.is_empty() {
            return Some(Bytes::from_static(b"Cookie"));
        }
        joined.extend_from_slice(b"Cookie");
        Some(joined.into())
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

impl Engine {
    /// Decides what becomes of the session, does it, and says what to put into the response. A [`Session::save`] that is under
    /// way is waited for.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the store fails (unless the policy is to go on), [`ErrorKind::CookieTooLarge`],
    /// [`ErrorKind::Value`] if a value cannot be stored in the format, [`ErrorKind::Contention`]. The changes stay
    /// in the session, so that the call can be repeated.
    pub async fn close(&self, session: &Session) -> Result<Reply> {
        self.end(session, Deadline::Response).await
    }

    /// As [`close`](Engine::close), for a request that failed without a response: no cookie reaches the browser.
    ///
    /// So what needs one is not done. A session that is new is not saved, and one that was regenerated stays as it was before
    /// the request, under the id that the browser has; other changes are saved, and a session that was destroyed ends. What a
    /// [`Session::save`] has finished is not undone.
    ///
    /// # Errors
    /// As [`close`](Engine::close).
    pub async fn close_unanswered(&self, session: &Session) -> Result<Reply> {
        self.end(session, Deadline::NoResponse).await
    }

    async fn end(&self, session: &Session, deadline: Deadline) -> Result<Reply> {
        let _saving = self.begin_saving(session).await;
        if deadline == Deadline::NoResponse {
            session.lock().forget_new_id();
        }
        let now = self.now();
        let on_failure = self.0.on_store_failure;
        let (decision, outcome) = self.settle(session, now, deadline, on_failure).await?;
        self.cleanup(now).await;
        // Nothing is waited for from here on: who gives up before this can close the session again.
        self.reply(&mut session.lock(), decision, outcome, now)
    }

    async fn begin_saving<'s>(&self, session: &'s Session) -> Option<Saving<'s>> {
        match &self.0.interface {
            Interface::Server(server) => Some(server.begin_saving(session).await),
            Interface::Null { .. } | Interface::Cookie(_) => None,
        }
    }

    /// Says what to put into the response, when the store has done its part.
    pub(super) fn reply(
        &self,
        state: &mut State,
        mut decision: Decision,
        outcome: Outcome,
        now: UnixTime,
    ) -> Result<Reply> {
        let merges = match outcome {
            Outcome::Done { merges } => merges,
            Outcome::Gone => {
                decision = GONE;
                0
            }
        };
        let set_cookie = self.cookie(state, &decision, now)?;
        if decision.cookie == CookieAction::Set {
            state.announced = true;
            state.leave_to_expire();
        } else if state.lacks_writes_of_others() {
            state.forget_new_id();
        }
        state.closed = true;
        state.left_unsaved = state.is_modified();
        events::closed(&decision);
        Ok(Reply {
            set_cookie,
            decision,
            merges,
        })
    }

    /// Saves in the middle of a request; see [`Session::save`].
    pub(crate) async fn save(&self, session: &Session) -> Result<()> {
        let _saving = self.begin_saving(session).await;
        let now = self.now();
        let deadline = {
            let mut state = session.lock();
            state.check_lives()?;
            match (state.kept, state.closed) {
                // The cookie is sent at the end of the request; nothing to do now but to see that it can be.
                (Kept::InCookie, false) => {
                    state.check_writable()?;
                    return self.check_cookie(&mut state, now);
                }
                (Kept::InCookie, true) if state.changes.is_empty() => return Ok(()),
                (Kept::InCookie, true) => return Err(headers_sent()),
                (Kept::InStore, false) => Deadline::Response,
                (Kept::InStore, true) => Deadline::Passed,
            }
        };
        // Nobody may be told that something is saved which is not.
        let on_failure = OnStoreFailure::Fail;
        match self.settle(session, now, deadline, on_failure).await? {
            (_, Outcome::Done { .. }) => Ok(()),
            (_, Outcome::Gone) => Err(gone()),
        }
    }

    /// Loads again what is kept; see [`Session::reload`].
    pub(crate) async fn reload(&self, session: &Session) -> Result<()> {
        let Interface::Server(server) = &self.0.interface else {
            return Ok(());
        };
        let _saving = server.begin_saving(session).await;
        let key = {
            let state = session.lock();
            state.check_lives()?;
            match &state.saved {
                Saved::InStore(stored) => stored.key.clone(),
                Saved::Nowhere | Saved::InCookie { .. } => return Ok(()),
            }
        };
        if self.look_again(server, session, &key).await? {
            return Ok(());
        }
        {
            let mut state = session.lock();
            if state.removing {
                // By this request, which emptied it and did not wait for the answer.
                state.end_deleted();
                return Ok(());
            }
        }
        match end_gone(session) {
            Outcome::Done { .. } => Ok(()),
            Outcome::Gone => Err(gone()),
        }
    }

    /// Decides and does it, as far as the store is concerned.
    async fn settle(
        &self,
        session: &Session,
        now: UnixTime,
        deadline: Deadline,
        on_failure: OnStoreFailure,
    ) -> Result<(Decision, Outcome)> {
        let Interface::Server(server) = &self.0.interface else {
            let decision = self.decide(&mut session.lock(), now, deadline)?;
            return Ok((decision, Outcome::Done { merges: 0 }));
        };
        let decided = {
            let mut state = session.lock();
            let up_to_date = state.leftover.is_none();
            up_to_date.then(|| self.decide(&mut state, now, deadline))
        };
        let mut behind = None;
        let mut decision = match decided {
            Some(decision) => decision?,
            None => {
                // In a place of its own: most requests never get here, and would carry it about.
                let caught_up = Box::pin(self.catch_up(server, session, now)).await;
                let decision = self.decide(&mut session.lock(), now, deadline)?;
                match caught_up {
                    Ok(true) => decision,
                    Ok(false) => return Ok((GONE, Outcome::Gone)),
                    // Nobody may be told that they are logged out while a record lives.
                    Err(error) if ends(decision.reason) => return Err(error),
                    Err(error) if waits_for_old_record(&session.lock(), decision.plan) => {
                        behind = Some(error);
                        decision
                    }
                    Err(_) => decision,
                }
            }
        };
        let done = match behind {
            Some(error) => Err(error),
            None => {
                let done = self.carry_out(server, session, &mut decision, now, deadline);
                done.await
            }
        };
        match done {
            Ok(outcome) => Ok((decision, outcome)),
            Err(error) => {
                if error.kind() == ErrorKind::Store {
                    events::store_failed("close", &error);
                    let goes_on = on_failure == OnStoreFailure::ReadOnlyEmpty;
                    // Nobody may be told that they are logged out while the record lives.
                    if goes_on && !matches!(decision.plan, Plan::Delete | Plan::Restart) {
                        let decision = store_failed(decision, &session.lock());
                        return Ok((decision, Outcome::Done { merges: 0 }));
                    }
                }
                Err(error)
            }
        }
    }

    /// Does what was decided, and decides again as long as that turns out to be overtaken (see [`Engine::execute`]).
    async fn carry_out(
        &self,
        server: &Server,
        session: &Session,
        decision: &mut Decision,
        now: UnixTime,
        deadline: Deadline,
    ) -> Result<Outcome> {
        for overtaken in 0..=MAX_MERGES {
            match self.execute(server, session, decision.plan, now).await? {
                Some(Outcome::Done { merges }) => {
                    let merges = merges + overtaken;
                    return Ok(Outcome::Done { merges });
                }
                Some(Outcome::Gone) => return Ok(Outcome::Gone),
                None => {
                    // In a place of its own, as most requests never get here.
                    Box::pin(self.clear_away(server, session)).await?;
                    *decision = self.decide(&mut session.lock(), now, deadline)?;
                }
            }
        }
        Err(contention())
    }

    fn decide(&self, state: &mut State, now: UnixTime, deadline: Deadline) -> Result<Decision> {
        let mut decision = plan(&state.snapshot(), &self.0.policy, now);
        match deadline {
            Deadline::Response => {}
            Deadline::Passed if needs_cookie(decision.plan) => return Err(headers_sent()),
            Deadline::Passed => {}
            Deadline::NoResponse => {
                decision.plan = without_cookie(decision.plan);
                decision.cookie = CookieAction::Keep;
            }
        }
        if self.0.policy.absolute_lifetime.is_some() && writes(decision.plan) {
            state.stamp_created(now);
        }
        Ok(decision)
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
                let expires = self.cookie_expires(state, now);
                let set_cookie = match &self.0.interface {
                    Interface::Cookie(cookie) => {
                        let set_cookie = self.seal(&cookie.now().signer, state, expires, now)?;
                        state.saved = Saved::InCookie { issued: now };
                        state.changes = Changes::default();
                        state.fate = Fate::Kept;
                        set_cookie
                    }
                    Interface::Server(server) => {
                        let Saved::InStore(stored) = &state.saved else {
                            return Ok(None);
                        };
                        match &server.signer {
                            Some(signer) => {
                                let value = signer.now().signer.sign(&server.id(&stored.key));
                                self.0.cookie.set(&value, expires)?
                            }
                            None => self.0.cookie.set(server.id_text(&stored.key), expires)?,
                        }
                    }
                    Interface::Null { .. } => return Ok(None),
                };
                Ok(Some(set_cookie))
            }
        }
    }

    /// Whether a session that is kept in the cookie can be: if not, the end of the request would be too late to say so.
    fn check_cookie(&self, state: &mut State, now: UnixTime) -> Result<()> {
        let Interface::Cookie(cookie) = &self.0.interface else {
            return Ok(());
        };
        let decision = self.decide(state, now, Deadline::Response)?;
        if decision.cookie == CookieAction::Set {
            let expires = self.cookie_expires(state, now);
            self.seal(&cookie.now().signer, state, expires, now)?;
        }
        Ok(())
    }

    /// When the cookie expires, if it outlives the browser.
    fn cookie_expires(&self, state: &State, now: UnixTime) -> Option<UnixTime> {
        let permanent = state.permanent();
        permanent.then(|| self.expires(&state.document, now))
    }

    fn seal(
        &self,
        cookie: &SessionCookie,
        state: &State,
        expires: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<String> {
        let payload = state.document.encode(Format::TaggedJson)?;
        let length = cookie.sealed_length(payload.len());
        let template = &self.0.cookie;
        Ok(template.set_with(length, expires, |value| cookie.seal(&payload, now, value))?)
    }

    /// Removes some expired records, where the configuration asks requests to do it.
    async fn cleanup(&self, now: UnixTime) {
        if let Interface::Server(server) = &self.0.interface
            && server.cleanup_due()
            && let Err(error) = server.delete_expired(now, CLEANUP_STEP).await
        {
            events::store_failed("delete_expired", &error);
        }
    }
}

/// Whether the response's headers can still carry a cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deadline {
    Response,
    Passed,
    /// There is no response.
    NoResponse,
}

/// No cookie: a newer response may have set a newer one.
const GONE: Decision = Decision {
    plan: Plan::Nothing,
    cookie: CookieAction::Keep,
    vary: Vary::Cookie,
    reason: Reason::Gone,
};

/// Without the changes: the browser learns of what was saved before, unless it would lose by that what others wrote.
fn store_failed(decision: Decision, state: &State) -> Decision {
    let cookie = match (decision.cookie, state.snapshot().presence) {
        (CookieAction::Set, Presence::Unannounced) if !state.lacks_writes_of_others() => {
            CookieAction::Set
        }
        _ => CookieAction::Keep,
    };
    Decision {
        plan: Plan::Nothing,
        cookie,
        reason: Reason::StoreFailed,
        ..decision
    }
}

/// Whether this cannot be done before the record from before a new id is merged and removed.
fn waits_for_old_record(state: &State, plan: Plan) -> bool {
    state.lacks_writes_of_others() || (plan == Plan::Rotate && state.retired().is_some())
}

fn needs_cookie(plan: Plan) -> bool {
    matches!(plan, Plan::Create | Plan::Rotate | Plan::Restart)
}

/// As much of a plan as makes sense where the browser learns of no new id.
fn without_cookie(plan: Plan) -> Plan {
    match plan {
        Plan::Create | Plan::Rotate => Plan::Nothing,
        Plan::Restart => Plan::Delete,
        Plan::Nothing | Plan::Touch | Plan::Replace | Plan::Delete => plan,
    }
}

fn writes(plan: Plan) -> bool {
    matches!(
        plan,
        Plan::Create | Plan::Replace | Plan::Rotate | Plan::Restart
    )
}

fn ends(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Destroyed | Reason::DestroyedThenWritten | Reason::Emptied
    )
}

fn headers_sent() -> Error {
    Error::new(
        ErrorKind::ReadOnly,
        "the response's headers are already sent, and saving this needs a cookie: create, regenerate or restart the \
         session, or write to a session that is kept in its cookie, before the response starts",
    )
}
