//! Carrying out a plan on the store: nothing is lost on a conflict, nothing that ended comes back.

use super::turns::Turns;
use super::{Engine, Server};
use crate::data::Document;
use crate::events;
use crate::plan::{Content, Fate, Plan};
use crate::session::Session;
use crate::session::changes::Changes;
use crate::session::state::{Saved, State, StoredAs, Writable};
use crate::store::{Created, Deleted, Key, Replaced, Touched, Version};
use crate::{Error, ErrorKind, Result, UnixTime};

/// How often a write is merged with those of other requests and tried again.
const MAX_MERGES: u32 = 128;
/// How often another id is tried when one is taken, which a working random source never lets happen.
const MAX_IDS: u32 = 3;

/// How a plan was carried out.
pub(super) enum Outcome {
    Done {
        merges: u32,
    },
    /// It was emptied, but another request put something into it, so it was written instead.
    Refilled {
        merges: u32,
    },
    /// Another request ended the session.
    Gone,
}

impl Engine {
    /// Does what the plan says.
    pub(super) async fn execute(
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
            Plan::Delete if session.lock().fate == Fate::Destroyed => {
                self.delete(server, session).await?;
                events::destroyed();
                session.lock().end_deleted();
                Ok(done)
            }
            Plan::Delete => self.delete_emptied(server, session, now).await,
        }
    }

    async fn touch(&self, server: &Server, session: &Session, now: UnixTime) -> Result<Outcome> {
        let (key, expires) = {
            let state = session.lock();
            (server.stored_key(&state), self.expires(&state, now))
        };
        match server.touch(&key, expires).await? {
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
        server.delete(&key).await?;
        let mut state = session.lock();
        state.saved = Saved::Nowhere;
        Ok(())
    }

    /// Removes the record of a session that this request emptied, unless another request put something into it.
    async fn delete_emptied(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<Outcome> {
        let mut turns = Turns::new(self, server, now);
        for _ in 0..=MAX_MERGES {
            let (key, version) = {
                let state = session.lock();
                let Saved::InStore(stored) = &state.saved else {
                    return Ok(Outcome::Done { merges: 0 });
                };
                (stored.key.clone(), stored.version.clone())
            };
            turns.let_pass(&key).await;
            match server.delete_unchanged(&key, &version).await? {
                Deleted::Done => {
                    events::destroyed();
                    session.lock().end_deleted();
                    return Ok(Outcome::Done { merges: 0 });
                }
                Deleted::Gone => return Ok(end_gone(session)),
                Deleted::Conflict => {}
            }
            events::merged();
            turns.step_aside(&key).await;
            if !self
                .merge(server, session, &key, &Changes::default())
                .await?
            {
                return Ok(end_gone(session));
            }
            if session.lock().snapshot().content == Content::Filled {
                // The write stands in line by itself.
                drop(turns);
                return Ok(match self.replace(server, session, now).await? {
                    Outcome::Done { merges } => Outcome::Refilled { merges: merges + 1 },
                    other => other,
                });
            }
        }
        Err(contention())
    }

    /// Keeps the session under its next id.
    async fn create(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<(StoredAs, InFlight)> {
        for _ in 0..MAX_IDS {
            let (key, blob, expires, in_flight) = {
                let mut state = session.lock();
                let key = match state.stored() {
                    Some(stored) => stored.key.clone(),
                    None => server.key(state.next_id(|| self.generate_id(server))?.expose()),
                };
                let blob = state.document.encode(server.format)?;
                let expires = self.expires(&state, now);
                (key, blob, expires, InFlight::take(&mut state))
            };
            match server.create(&key, blob, expires).await {
                Ok(Created::Done(version)) => {
                    let stored = StoredAs {
                        key,
                        version,
                        extended: Some(now),
                    };
                    let mut state = session.lock();
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
        let mut turns = Turns::new(self, server, now);
        for merges in 0..=MAX_MERGES {
            let (key, blob, expires, version) = {
                let state = session.lock();
                let Saved::InStore(stored) = &state.saved else {
                    return Ok(Outcome::Done { merges });
                };
                let blob = state.document.encode(server.format)?;
                let expires = self.expires(&state, now);
                (stored.key.clone(), blob, expires, stored.version.clone())
            };
            turns.let_pass(&key).await;
            match server.replace(&key, blob, expires, &version).await? {
                Replaced::Done(version) => {
                    if let Saved::InStore(stored) = &mut session.lock().saved {
                        stored.version = version;
                        stored.extended = Some(now);
                    }
                    return Ok(Outcome::Done { merges });
                }
                Replaced::Gone => return Ok(end_gone(session)),
                Replaced::Conflict => {
                    events::merged();
                    turns.step_aside(&key).await;
                    if !self
                        .merge(server, session, &key, &in_flight.changes)
                        .await?
                    {
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
    pub(super) async fn merge(
        &self,
        server: &Server,
        session: &Session,
        key: &Key,
        changes: &Changes,
    ) -> Result<bool> {
        let Some(record) = server.load(key).await? else {
            return Ok(false);
        };
        let mut state = session.lock();
        if state.fate == Fate::Destroyed {
            return Ok(true);
        }
        match Document::detect(server.format, record.blob) {
            Ok(base) => {
                state.rebase(base, changes);
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
        let (new, in_flight) = self.create(server, session, now).await?;
        match self
            .retire(server, session, &old.key, old.version, &in_flight, now)
            .await
        {
            Ok(Some(merges)) => {
                events::regenerated();
                Ok(Outcome::Done { merges })
            }
            Ok(None) => {
                // The session was ended meanwhile: the new record must not bring it back.
                if let Err(error) = server.delete(&new.key).await {
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
        let mut turns = Turns::new(self, server, now);
        for merges in 0..=MAX_MERGES {
            turns.let_pass(old_key).await;
            match server.delete_unchanged(old_key, &seen).await? {
                Deleted::Done => return Ok(Some(merges)),
                Deleted::Gone => return Ok(None),
                Deleted::Conflict => turns.step_aside(old_key).await,
            }
            let Some(record) = server.load(old_key).await? else {
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
                state.rebase(base, &in_flight.changes);
                let Saved::InStore(stored) = &state.saved else {
                    return Ok(Some(merges));
                };
                let blob = state.document.encode(server.format)?;
                let expires = self.expires(&state, now);
                (stored.key.clone(), blob, expires, stored.version.clone())
            };
            // Nobody else knows the new id, so there is nobody to conflict with.
            if let Replaced::Done(version) = server.replace(&key, blob, expires, &version).await?
                && let Saved::InStore(stored) = &mut session.lock().saved
            {
                stored.version = version;
            }
        }
        Err(contention())
    }
}

impl Server {
    fn stored_key(&self, state: &State) -> Key {
        match &state.saved {
            Saved::InStore(stored) => stored.key.clone(),
            // Not reached: the plan touches and deletes only what is kept. An absent key is harmless.
            Saved::Nowhere | Saved::InCookie { .. } => Key::new(self.key_prefix.as_str()),
        }
    }
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

/// Drops the session's data: the record is gone, and must stay so.
pub(super) fn end_gone(session: &Session) -> Outcome {
    events::gone();
    let mut state = session.lock();
    state.end();
    state.writable = Writable::Ended;
    Outcome::Gone
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
