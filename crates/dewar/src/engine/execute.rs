//! Carrying out a plan on the store: nothing is lost on a conflict, nothing that ended comes back.

use super::in_flight::InFlight;
use super::turns::Turns;
use super::{Engine, Server};
use crate::data::Document;
use crate::events;
use crate::plan::{Content, Fate, Plan};
use crate::session::Session;
use crate::session::changes::Pending;
use crate::session::state::{Saved, State, StoredAs, Writable};
use crate::store::{Created, Deleted, Key, Record, Replaced, Touched, Version};
use crate::{Error, ErrorKind, Result, UnixTime};

/// How often a write is merged with those of other requests and tried again.
pub(super) const MAX_MERGES: u32 = 128;
/// How often another id is tried when one is taken, which a working random source never lets happen.
const MAX_IDS: u32 = 3;

/// How a plan was carried out.
pub(super) enum Outcome {
    Done {
        merges: u32,
    },
    /// Another request ended the session.
    Gone,
}

impl Engine {
    /// Does what the plan says; `None` if what to do is to be decided again: another request has put something into what was to
    /// be removed as emptied or has removed the rest of what was to be written, another task of this request has ended the
    /// session, or it turns out to be removed already.
    pub(super) async fn execute(
        &self,
        server: &Server,
        session: &Session,
        plan: Plan,
        now: UnixTime,
    ) -> Result<Option<Outcome>> {
        let done = Some(Outcome::Done { merges: 0 });
        Ok(match plan {
            Plan::Nothing => done,
            Plan::Touch => Some(self.touch(server, session, now).await?),
            Plan::Create => self.create(server, session, now).await?.and(done),
            Plan::Replace => self.replace(server, session, now).await?,
            Plan::Rotate => self.rotate(server, session, now).await?,
            Plan::Restart => {
                self.delete(server, session).await?;
                events::destroyed();
                if session.lock().content() == Content::Empty {
                    // Another task of this request ended it once more meanwhile.
                    return Ok(None);
                }
                self.create(server, session, now).await?.and(done)
            }
            Plan::Delete if session.lock().fate == Fate::Destroyed => {
                self.delete(server, session).await?;
                events::destroyed();
                session.lock().end_deleted();
                done
            }
            Plan::Delete => self.delete_emptied(server, session, now).await?,
        })
    }

    async fn touch(&self, server: &Server, session: &Session, now: UnixTime) -> Result<Outcome> {
        let (key, expires) = {
            let state = session.lock();
            (
                server.stored_key(&state),
                self.expires(&state.document, now),
            )
        };
        match server.touch(&key, expires).await? {
            Touched::Done => {
                server.note_extended(&key, now, now);
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

    /// Removes the record of a session that this request emptied; `None` if another request has put something into it.
    async fn delete_emptied(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<Outcome>> {
        let done = Some(Outcome::Done { merges: 0 });
        let mut turns = Turns::new(self, server, now);
        for _ in 0..=MAX_MERGES {
            let (key, version) = {
                let state = session.lock();
                if state.fate == Fate::Destroyed {
                    // By another task of this request: it goes whatever others wrote to it.
                    return Ok(None);
                }
                let Saved::InStore(stored) = &state.saved else {
                    return Ok(done);
                };
                (stored.key.clone(), stored.version.clone())
            };
            turns.let_pass(&key).await;
            let unanswered = std::mem::replace(&mut session.lock().removing, true);
            let answer = server.delete_unchanged(&key, &version).await?;
            session.lock().removing = false;
            match answer {
                Deleted::Done => {
                    events::destroyed();
                    session.lock().end_deleted();
                    return Ok(done);
                }
                // By the call before, whose answer nobody waited for.
                Deleted::Gone if unanswered => {
                    session.lock().end_deleted();
                    return Ok(done);
                }
                Deleted::Gone => return Ok(Some(end_gone(session))),
                Deleted::Conflict => {}
            }
            events::merged();
            turns.step_aside(&key).await;
            if !self.look_again(server, session, &key).await? {
                return Ok(Some(end_gone(session)));
            }
            if session.lock().content() == Content::Filled {
                return Ok(None);
            }
        }
        Err(contention())
    }

    /// Keeps the session under its next id, and gives what was written; `None` if another task of this request ended it meanwhile.
    pub(super) async fn create(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<Pending>> {
        // At every try the same: what is changed meanwhile is left to the next save.
        let (mut in_flight, blob, expires) = {
            let mut state = session.lock();
            let blob = state.document.encode(server.format)?;
            let expires = self.expires(&state.document, now);
            (InFlight::take(session, &mut state), blob, expires)
        };
        // The record that an earlier try has made.
        let mut own: Option<(Key, Version)> = None;
        for _ in 0..MAX_IDS {
            let (id, key, doubted) = {
                let mut state = session.lock();
                if state.fate == Fate::Destroyed {
                    return Ok(None);
                }
                let id = state.next_id(|| self.generate_id(server))?;
                let key = server.key(id.expose());
                let doubted = state.may_have_created(&key);
                (id, key, doubted)
            };
            in_flight.creating = Some(key.clone());
            // Another id may have been asked for meanwhile.
            let created = match own.take().filter(|(made, _)| *made == key) {
                None => server.create(&key, &blob, expires).await?,
                Some((_, seen)) => {
                    let (blob, sent) = (blob.clone(), &mut None);
                    match server.replace(&key, blob, expires, &seen, sent).await? {
                        Replaced::Done(version) => Created::Done(version),
                        Replaced::Conflict | Replaced::Gone => Created::Taken,
                    }
                }
            };
            match created {
                Created::Done(version) => {
                    in_flight.creating = None;
                    server.note_extended(&key, now, now);
                    let mut state = session.lock();
                    state.know_created(&id, &key);
                    state.saved = Saved::InStore(StoredAs {
                        key,
                        version,
                        extended: Some(now),
                    });
                    state.announced = false;
                    events::created();
                    drop(state);
                    return Ok(Some(in_flight.landed()));
                }
                // Nobody else knows the id.
                Created::Taken if doubted => {
                    let made = server.load(&key).await?;
                    own = made.map(|record| (key, record.version));
                }
                Created::Taken => {
                    in_flight.creating = None;
                    session.lock().forget_next_id();
                }
            }
        }
        Err(Error::new(
            ErrorKind::Random,
            "new session ids are taken already: the random source repeats itself",
        ))
    }

    /// Writes the changes; on a conflict applies them to what the other request wrote. `None` if nothing is left in it then, or if
    /// this request has removed the record before, by a call whose answer nobody waited for, and wrote what starts a new session.
    async fn replace(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<Outcome>> {
        let mut in_flight = InFlight::take(session, &mut session.lock());
        let outcome = self
            .replace_merging(server, session, &mut in_flight, now)
            .await?;
        if outcome.is_some() {
            let written = in_flight.landed();
            session.lock().know_written(&written);
        } else {
            // They are pending again.
            drop(in_flight);
            let mut state = session.lock();
            if state.removing {
                state.end_deleted();
            }
        }
        Ok(outcome)
    }

    async fn replace_merging(
        &self,
        server: &Server,
        session: &Session,
        in_flight: &mut InFlight<'_>,
        now: UnixTime,
    ) -> Result<Option<Outcome>> {
        let mut turns = Turns::new(self, server, now);
        for merges in 0..=MAX_MERGES {
            let (key, blob, expires, version) = {
                let mut guard = session.lock();
                let state = &mut *guard;
                if state.fate == Fate::Destroyed {
                    // Another task of this request ended the session meanwhile; the next save does it.
                    return Ok(Some(Outcome::Done { merges }));
                }
                let Saved::InStore(stored) = &state.saved else {
                    return Ok(Some(Outcome::Done { merges }));
                };
                let (key, version) = (stored.key.clone(), stored.version.clone());
                // What was changed since is written with it.
                let newer = std::mem::take(&mut state.changes);
                in_flight.pending.changes.absorb(newer);
                if merges > 0 && in_flight.pending.is_empty() {
                    // An earlier write turned out to have arrived.
                    return Ok(Some(Outcome::Done { merges }));
                }
                if state.content() == Content::Empty {
                    // Others have removed the rest of it, or another task of this request has.
                    return Ok(None);
                }
                let blob = state.document.encode(server.format)?;
                (key, blob, self.expires(&state.document, now), version)
            };
            turns.let_pass(&key).await;
            let sent = &mut in_flight.sent;
            match server.replace(&key, blob, expires, &version, sent).await? {
                Replaced::Done(version) => {
                    server.note_extended(&key, now, now);
                    let mut state = session.lock();
                    state.removing = false;
                    if let Saved::InStore(stored) = &mut state.saved {
                        stored.version = version;
                        stored.extended = Some(now);
                    }
                    return Ok(Some(Outcome::Done { merges }));
                }
                Replaced::Gone if session.lock().removing => return Ok(None),
                Replaced::Gone => return Ok(Some(end_gone(session))),
                Replaced::Conflict => {
                    // Neither was it removed before, nor will it be: it is another version.
                    session.lock().removing = false;
                    turns.step_aside(&key).await;
                    let Some(record) = server.load(&key).await? else {
                        return Ok(Some(end_gone(session)));
                    };
                    if !in_flight.pending.recognise(&record.blob) {
                        events::merged();
                    }
                    let mut state = session.lock();
                    if state.fate != Fate::Destroyed {
                        server.merge(&mut state, record, &in_flight.pending);
                    }
                }
            }
        }
        Err(contention())
    }

    /// Loads the record again, without writing; `false` if it is no longer there.
    pub(super) async fn look_again(
        &self,
        server: &Server,
        session: &Session,
        key: &Key,
    ) -> Result<bool> {
        let Some(record) = server.load(key).await? else {
            return Ok(false);
        };
        let mut state = session.lock();
        if state.fate != Fate::Destroyed {
            let mut pending = state.take_pending();
            pending.recognise(&record.blob);
            server.merge(&mut state, record, &pending);
            state.put_back(pending, None);
        }
        Ok(true)
    }
}

impl Server {
    /// Applies this request's changes to what is in the record now.
    fn merge(&self, state: &mut State, record: Record, pending: &Pending) {
        match Document::detect(self.format, record.blob) {
            Ok(base) => state.rebase(base, pending),
            // Nobody can read what the other side wrote: this request's data is the better one.
            Err(error) => events::undecodable(&error),
        }
        if let Saved::InStore(stored) = &mut state.saved {
            stored.version = record.version;
        }
    }

    fn stored_key(&self, state: &State) -> Key {
        match &state.saved {
            Saved::InStore(stored) => stored.key.clone(),
            // Not reached: the plan touches and deletes only what is kept. An absent key is harmless.
            Saved::Nowhere | Saved::InCookie { .. } => Key::new(self.key_prefix.as_str()),
        }
    }
}

/// Drops the session's data: the record is gone, and must stay so. If this request has ended the session too, what it wrote
/// since is left to the next save.
pub(super) fn end_gone(session: &Session) -> Outcome {
    let mut state = session.lock();
    if state.fate == Fate::Destroyed {
        state.end_deleted();
        return Outcome::Done { merges: 0 };
    }
    events::gone();
    state.end();
    state.writable = Writable::Ended;
    Outcome::Gone
}

pub(super) fn contention() -> Error {
    Error::new(
        ErrorKind::Contention,
        format!(
            "the session was changed by other requests {MAX_MERGES} times while this one tried to save it; \
             the changes were not saved, and the request can be repeated"
        ),
    )
    .temporary()
}
