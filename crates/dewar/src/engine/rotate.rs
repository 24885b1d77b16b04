//! A new id for a session, in steps of which each can be given up: what is left to do is in the session's state.

use super::execute::{MAX_MERGES, Outcome, contention, end_gone};
use super::in_flight::InFlight;
use super::turns::Turns;
use super::{Engine, Server};
use crate::data::Document;
use crate::events;
use crate::plan::{Content, Fate};
use crate::session::Session;
use crate::session::state::{Retired, Saved};
use crate::store::{Deleted, Key, Record, Replaced};
use crate::{Result, UnixTime};

/// How often a record is written that nobody else knows.
const OWN_TRIES: u32 = 3;

impl Engine {
    /// Writes everything under a new id, then removes the old record. If the second step fails, the data is safe
    /// under the new id and the old record is left to the next save, or to expire. `None` if nothing is left in the session then,
    /// or another task of this request has ended it, so that what to do is to be decided again.
    ///
    /// # Errors
    /// If the new record cannot be written, or lacks what another request has written to the old one.
    pub(super) async fn rotate(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<Outcome>> {
        let old = match &session.lock().saved {
            Saved::InStore(stored) => stored.clone(),
            Saved::Nowhere | Saved::InCookie { .. } => return Err(contention()),
        };
        let Some(pending) = self.create(server, session, now).await? else {
            return Ok(None);
        };
        {
            let mut state = session.lock();
            // As emptied, by a call whose answer nobody waited for.
            let unanswered = std::mem::take(&mut state.removing);
            state.leftover_mut().retired = Some(Retired {
                key: old.key,
                seen: old.version,
                pending,
                unanswered,
                ahead: false,
            });
            if state.fate == Fate::Destroyed {
                // By another task of this request meanwhile: nothing is taken over any more.
                state.leave_retired();
            }
        }
        let retired = self.retire(server, session, now).await;
        let state = session.lock();
        let emptied = state.is_changed() && state.content() == Content::Empty;
        let merges = match retired {
            Ok(Some(merges)) => merges,
            Ok(None) => return Ok(Some(Outcome::Gone)),
            Err(error) if emptied || state.lacks_writes_of_others() => return Err(error),
            Err(_) => 0,
        };
        let lives = !emptied && state.fate != Fate::Destroyed;
        Ok(lives.then_some(Outcome::Done { merges }))
    }

    /// Does what saves that were given up left to do; `false` if the session turns out to have been ended.
    ///
    /// # Errors
    /// If a record that should go cannot be removed. That is left to the next time.
    pub(super) async fn catch_up(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<bool> {
        let mut lives = Ok(true);
        if session.lock().retired_mut().is_some() {
            let retired = self.retire(server, session, now).await;
            lives = retired.map(|merges| merges.is_some());
        }
        if !matches!(lives, Ok(false)) {
            self.clear_away(server, session).await?;
        }
        lives
    }

    /// Removes the record of a session before it got its new id, and says how often it was merged with what others wrote; `None`
    /// if another request has ended the session.
    ///
    /// # Errors
    /// If that cannot be done. It is left as it is: others may write to it until it is.
    async fn retire(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<u32>> {
        let retired = self
            .retire_merging(server, session, now)
            .await
            .inspect_err(events::rotation_incomplete)?;
        let new = {
            let mut state = session.lock();
            state.leftover_mut().retired = None;
            state.tidy();
            match &state.saved {
                Saved::InStore(stored) => Some(stored.key.clone()),
                Saved::Nowhere | Saved::InCookie { .. } => None,
            }
        };
        if retired.is_some() {
            events::regenerated();
        } else {
            // The session was ended meanwhile: the new record must not bring it back.
            end_gone(session);
            session.lock().leftover_mut().keys.extend(new);
            // What fails is told, and left.
            let _ = self.clear_away(server, session).await;
        }
        Ok(retired)
    }

    /// Removes the old record of a rotated session, after taking over what other requests wrote to it meanwhile.
    /// `None` if it was gone.
    async fn retire_merging(
        &self,
        server: &Server,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<u32>> {
        let mut turns = Turns::new(self, server, now);
        for merges in 0..=MAX_MERGES {
            let known = session.lock().retired_mut().map(|retired| {
                let unanswered = std::mem::replace(&mut retired.unanswered, true);
                (retired.key.clone(), retired.seen.clone(), unanswered)
            });
            // Ended by another task of this request, it goes like the session.
            let Some((key, seen, unanswered)) = known else {
                return Ok(Some(merges));
            };
            turns.let_pass(&key).await;
            let answer = server.delete_unchanged(&key, &seen).await?;
            match session.lock().retired_mut() {
                Some(retired) => retired.unanswered = false,
                None => return Ok(Some(merges)),
            }
            match answer {
                Deleted::Done => return Ok(Some(merges)),
                // By the call before, whose answer nobody waited for.
                Deleted::Gone if unanswered => return Ok(Some(merges)),
                Deleted::Gone => return Ok(None),
                Deleted::Conflict => {}
            }
            if let Some(retired) = session.lock().retired_mut() {
                retired.ahead = true;
            }
            turns.step_aside(&key).await;
            let Some(record) = server.load(&key).await? else {
                return Ok(None);
            };
            let seen = record.version.clone();
            if take_over(server, session, record) {
                self.write_own(server, session, now).await?;
            }
            if let Some(retired) = session.lock().retired_mut() {
                retired.seen = seen;
                retired.ahead = false;
            }
        }
        Err(contention())
    }

    /// Writes the record of a session whose id nobody else knows yet.
    async fn write_own(&self, server: &Server, session: &Session, now: UnixTime) -> Result<()> {
        for _ in 0..OWN_TRIES {
            let (key, blob, expires, version, in_flight) = {
                let mut state = session.lock();
                let (key, version) = match &state.saved {
                    // Ended by another task of this request, it goes.
                    _ if state.fate == Fate::Destroyed => return Ok(()),
                    Saved::InStore(stored) => (stored.key.clone(), stored.version.clone()),
                    Saved::Nowhere | Saved::InCookie { .. } => return Ok(()),
                };
                if state.content() == Content::Empty {
                    // Nothing is left in it, and it goes when the old one has gone.
                    state.changes.record_marked();
                    return Ok(());
                }
                let blob = state.document.encode(server.format)?;
                let expires = self.expires(&state.document, now);
                // What was changed since is written with it.
                let in_flight = InFlight::take(session, &mut state);
                (key, blob, expires, version, in_flight)
            };
            let replaced = server
                .replace(&key, blob, expires, &version, &mut None)
                .await?;
            let (version, done) = match replaced {
                Replaced::Done(version) => (version, true),
                Replaced::Gone => return Ok(()),
                // There is nobody to conflict with but a write of this session whose answer nobody waited for.
                Replaced::Conflict => match server.load(&key).await? {
                    Some(record) => (record.version, false),
                    None => return Ok(()),
                },
            };
            let mut guard = session.lock();
            let state = &mut *guard;
            if let Saved::InStore(stored) = &mut state.saved {
                stored.version = version;
            }
            if done {
                let written = in_flight.landed_alone(state);
                state.know_written(&written);
                return Ok(());
            }
            // What is pending again takes the lock.
            drop(guard);
        }
        Err(contention())
    }

    /// Removes the records that are left and are no session's.
    pub(super) async fn clear_away(&self, server: &Server, session: &Session) -> Result<()> {
        while let Some(key) = next_to_clear(session) {
            if let Err(error) = server.delete(&key).await {
                events::store_failed("delete", &error);
                return Err(error);
            }
            session
                .lock()
                .leftover_mut()
                .keys
                .retain(|left| *left != key);
        }
        Ok(())
    }
}

/// Takes over what others wrote to the old record, if anybody did.
fn take_over(server: &Server, session: &Session, record: Record) -> bool {
    let mut state = session.lock();
    let Some(retired) = state.retired_mut() else {
        return false;
    };
    if retired.pending.recognise(&record.blob) {
        return false;
    }
    let pending = std::mem::take(&mut retired.pending);
    events::merged();
    let base = Document::detect(server.format, record.blob);
    let decoded = base.is_ok();
    match base {
        Ok(base) => state.rebase(base, &pending),
        Err(error) => events::undecodable(&error),
    }
    if let Some(retired) = state.retired_mut() {
        retired.pending = pending;
    }
    decoded
}

/// A record that is to be removed; with the last one, nothing is left.
fn next_to_clear(session: &Session) -> Option<Key> {
    let mut state = session.lock();
    if state.content() == Content::Empty || state.fate == Fate::Destroyed {
        state.abandon_created();
    }
    state.tidy();
    state.leftover.as_ref()?.keys.last().cloned()
}
