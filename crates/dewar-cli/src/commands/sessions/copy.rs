use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use dewar::UnixTime;
use dewar::data::{Document, Format};
use dewar::store::{Created, Deleted, Entry, Key, Replaced, Store, Touched, Version};

use super::Sessions;
use super::state::State;
use crate::exit::{Failure, Outcome};

/// Copies sessions, several at once, in a way that can be done again at any time while both stores are in use.
pub(super) struct Copier<'a> {
    pub(super) from: &'a Sessions,
    pub(super) to: &'a Sessions,
    format: Target,
    state: RefCell<State>,
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Target {
    /// As they are; only legacy pickles become msgpack
    Keep,
    /// msgpack, Flask-Session's default
    Msgpack,
    /// JSON as Flask-Session writes it
    Json,
    /// msgpack that keeps all of Python's types, for Dewar alone
    MsgpackTyped,
    /// A pickle, the one form of cachelib's files
    #[value(skip)]
    Pickle,
}

/// What became of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// It was not in the target and is now.
    Made,
    /// It was there in an older state.
    Renewed,
    /// It was there already, as it is.
    Same,
    /// It was changed in the target since it was copied, and left alone.
    Kept,
    /// It ended meanwhile in one of the stores; nothing of this run is left of it in the other.
    Gone,
    /// It cannot be read.
    Undecodable,
    /// It was written to all the time.
    Busy,
    /// It is no session: what follows the prefix is no session id, but as a rule the rest of a longer prefix.
    Foreign,
}

/// How often a session is tried that changes while it is copied.
const ATTEMPTS: usize = 8;

/// Stores round expiries to their own grain.
const GRAIN: Duration = Duration::from_secs(1);

/// What sessions get whose store knows no expiry: Flask's default.
const LIFETIME: Duration = Duration::from_secs(31 * 86_400);

impl<'a> Copier<'a> {
    pub(super) fn new(
        from: &'a Sessions,
        to: &'a Sessions,
        format: Target,
        state: State,
    ) -> Copier<'a> {
        Copier {
            from,
            to,
            format,
            state: RefCell::new(state),
        }
    }

    /// Copies one session and verifies what was written.
    pub(super) async fn copy(&self, entry: &Entry) -> Outcome<Copied> {
        let from = &entry.key;
        let Some(id) = self.from.session_id(from) else {
            return Ok(Copied::Foreign);
        };
        let to = self.to.key(&id);
        let mut first = None;
        for _ in 0..ATTEMPTS {
            let Some(record) = self.source().load(from).await? else {
                return Ok(Copied::Gone);
            };
            let Some(blob) = self.convert(&record.blob) else {
                return Ok(Copied::Undecodable);
            };
            let expires = record
                .expires
                .or(entry.expires)
                .unwrap_or_else(|| UnixTime::now() + LIFETIME);
            let Some((done, version)) = self.write(&to, &blob, expires).await? else {
                continue;
            };
            let Some(version) = version else {
                return Ok(done);
            };
            // What the first successful attempt did is what became of the session.
            let done = *first.get_or_insert(done);
            match self.source().load(from).await? {
                // Nothing was written, so there is nothing to take back.
                None if done == Copied::Same => return Ok(Copied::Gone),
                // Logged out meanwhile: the copy must not bring it back.
                None => match self.target().delete_unchanged(&to, &version).await? {
                    Deleted::Done | Deleted::Gone => return Ok(Copied::Gone),
                    Deleted::Conflict => {}
                },
                Some(now) if now.version == record.version => {
                    self.remember(&to, &blob, expires)?;
                    return Ok(done);
                }
                Some(_) => {}
            }
        }
        Ok(Copied::Busy)
    }

    /// Ends in the target what has ended in the source; says whether it had.
    pub(super) async fn mirror(&self, entry: &Entry) -> Outcome<bool> {
        let Some(id) = self.to.session_id(&entry.key) else {
            return Ok(false);
        };
        let from = self.from.key(&id);
        if self.source().load(&from).await?.is_some() {
            return Ok(false);
        }
        let Some(record) = self.target().load(&entry.key).await? else {
            return Ok(false);
        };
        Ok(self
            .target()
            .delete_unchanged(&entry.key, &record.version)
            .await?
            == Deleted::Done)
    }

    /// Writes a record and reads it back, with its version; `None` if somebody else was faster, no version if nothing was
    /// written because the target's word counts.
    async fn write(
        &self,
        key: &Key,
        blob: &Bytes,
        expires: UnixTime,
    ) -> Outcome<Option<(Copied, Option<Version>)>> {
        let store = self.to.place.store.clone();
        let done = match store.load(key).await? {
            // It was copied, and then ended in the target: it must not come back.
            None if self.state.borrow().has_ended(key, UnixTime::now()) => {
                return Ok(Some((Copied::Gone, None)));
            }
            None => match store.create(key, blob.clone(), expires).await? {
                Created::Done(_) => Copied::Made,
                Created::Taken => return Ok(None),
            },
            Some(there) if there.blob == *blob => {
                // Only ever later: the target may have extended it since.
                if there.expires.is_some_and(|there| there + GRAIN < expires)
                    && store.touch(key, expires).await? == Touched::Gone
                {
                    return Ok(None);
                }
                Copied::Same
            }
            Some(there) if self.state.borrow().was_changed(key, &there.blob) => {
                return Ok(Some((Copied::Kept, None)));
            }
            Some(there) => {
                // First the memory, of both: a run that is killed leaves one of them, and the next must know it for its own. The
                // old one is news where this run made it and the source has changed since.
                self.remember(key, &there.blob, expires)?;
                self.remember(key, blob, expires)?;
                match store
                    .replace(key, blob.clone(), expires, &there.version)
                    .await?
                {
                    Replaced::Done(_) => Copied::Renewed,
                    Replaced::Conflict | Replaced::Gone => return Ok(None),
                }
            }
        };
        match store.load(key).await? {
            Some(there) if there.blob == *blob => Ok(Some((done, Some(there.version)))),
            // Written to by others, expired, or not what was stored: the next attempt tells.
            _ => Ok(None),
        }
    }

    /// The record as it is to be written; `None` if it cannot be read.
    fn convert(&self, blob: &Bytes) -> Option<Bytes> {
        let is = |format| Document::parse(format, blob.clone()).is_ok();
        let format = match self.format {
            Target::Keep if is(Format::Msgpack) || is(Format::Json) => return Some(blob.clone()),
            Target::Keep | Target::Msgpack => Format::Msgpack,
            Target::Json => Format::Json,
            Target::MsgpackTyped => Format::MsgpackTyped,
            Target::Pickle => Format::Pickle,
        };
        let document = Document::detect(Format::Msgpack, blob.clone()).ok()?;
        Some(document.encode(format).ok()?.into())
    }

    fn remember(&self, key: &Key, record: &[u8], expires: UnixTime) -> Outcome<()> {
        self.state.borrow_mut().remember(key, record, expires)
    }

    fn source(&self) -> &dyn Store {
        &*self.from.place.store
    }

    fn target(&self) -> &dyn Store {
        &*self.to.place.store
    }
}

/// Refuses to copy a store into itself, and under a prefix of which the other's keys cannot be told.
pub(super) fn different(from: &str, from_prefix: &str, to: &str, to_prefix: &str) -> Outcome<()> {
    if from != to {
        return Ok(());
    }
    let longer = |one: &str, other: &str| Some(one.strip_prefix(other)?.to_owned());
    let rest = longer(from_prefix, to_prefix).or_else(|| longer(to_prefix, from_prefix));
    match rest.as_deref() {
        Some("") => Err(Failure::usage("source and target are the same store")),
        Some(rest) if rest.bytes().all(of_id) => Err(Failure::usage(format!(
            "in one store, keys under '{from_prefix}' and under '{to_prefix}' cannot be told from each other: '{rest}' could begin a session id"
        ))
        .hint("end the new prefix with a sign that is in no session id, such as ':'")),
        _ => Ok(()),
    }
}

/// Whether session ids are made of it.
fn of_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
