//! The state behind a session handle. Everything here is synchronous; the engine does the I/O.

mod edits;
mod leftover;

use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

pub(crate) use leftover::{Leftover, Retired};

use super::changes::{Changes, Pending, Unanswered};
use crate::config::Permanence;
use crate::data::{Document, Text, Value};
use crate::flash::Flash;
use crate::plan::{Access, Content, Fate, Kept, Permanent, Presence, SessionState};
use crate::store::{Key, Version};
use crate::{Error, ErrorKind, Result, SessionId, UnixTime};

/// Flask's key for [`Session::is_permanent`](crate::Session::is_permanent).
pub(crate) const PERMANENT: &str = "_permanent";
/// Dewar's key for the time a session was made (whole Unix seconds), where an absolute lifetime is set.
pub(crate) const CREATED: &str = "_created";

/// Why a session cannot be written.
#[derive(Clone)]
pub(crate) enum Writable {
    Yes,
    /// A null session; the text names the setting that is missing.
    Null(Arc<str>),
    StoreFailed,
    /// Another request ended the session.
    Ended,
}

/// Where the session is kept now.
pub(crate) enum Saved {
    Nowhere,
    InCookie { issued: UnixTime },
    InStore(StoredAs),
}

/// A session's record in the store.
#[derive(Clone)]
pub(crate) struct StoredAs {
    pub(crate) key: Key,
    pub(crate) version: Version,
    /// When it was last extended, or seen not to be due; `None` if nobody can say.
    pub(crate) extended: Option<UnixTime>,
}

pub(crate) struct State {
    pub(crate) kept: Kept,
    pub(crate) saved: Saved,
    /// Whether the browser knows where the session is kept.
    pub(crate) announced: bool,
    pub(crate) document: Document,
    pub(crate) changes: Changes,
    /// What was changed before, by writes that may have arrived.
    unanswered: Vec<Unanswered>,
    /// Whether the record of an emptied session may be removed already.
    pub(crate) removing: bool,
    pub(crate) leftover: Option<Box<Leftover>>,
    pub(crate) fate: Fate,
    pub(crate) writable: Writable,
    pub(crate) cookie_received: bool,
    /// Whether the response's headers are made, so that no cookie can be sent any more.
    pub(crate) closed: bool,
    /// Whether something was left unsaved by then.
    pub(crate) left_unsaved: bool,
    pub(crate) accessed: bool,
    pub(crate) is_new: bool,
    /// Whether a task of the request saves the session, and who waits for it.
    pub(crate) saving: bool,
    pub(crate) waiting: Vec<Waker>,
    permanent_before: bool,
    /// When it was made, where an absolute lifetime is set: whatever is done to the data, it is the same session.
    pub(crate) created: Option<UnixTime>,
    /// The id that the session will have when it is next created.
    next_id: Option<SessionId>,
    /// The flash messages of this request, once they have been read.
    flashes: Option<Vec<Flash>>,
}

impl State {
    pub(crate) fn new(kept: Kept, permanence: Permanence, writable: Writable) -> State {
        let mut document = Document::new();
        if permanence == Permanence::Permanent {
            document.insert(PERMANENT.into(), Value::Bool(true));
        }
        State {
            kept,
            saved: Saved::Nowhere,
            announced: false,
            document,
            changes: Changes::default(),
            unanswered: Vec::new(),
            removing: false,
            leftover: None,
            fate: Fate::Kept,
            writable,
            cookie_received: false,
            closed: false,
            left_unsaved: false,
            accessed: false,
            is_new: true,
            saving: false,
            waiting: Vec::new(),
            permanent_before: false,
            created: None,
            next_id: None,
            flashes: None,
        }
    }

    pub(crate) fn loaded(kept: Kept, document: Document, saved: Saved) -> State {
        State {
            kept,
            saved,
            announced: true,
            permanent_before: permanent(&document),
            document,
            changes: Changes::default(),
            unanswered: Vec::new(),
            removing: false,
            leftover: None,
            fate: Fate::Kept,
            writable: Writable::Yes,
            cookie_received: true,
            closed: false,
            left_unsaved: false,
            accessed: false,
            is_new: false,
            saving: false,
            waiting: Vec::new(),
            created: None,
            next_id: None,
            flashes: None,
        }
    }

    pub(crate) fn permanent(&self) -> bool {
        permanent(&self.document)
    }

    /// Whether there is nothing worth keeping: `_permanent` alone counts in a cookie, as in Flask, and does not
    /// in a store, as in Flask-Session.
    pub(crate) fn content(&self) -> Content {
        let marks = |key: &Text| key == CREATED || (key == PERMANENT && self.kept == Kept::InStore);
        if self.document.keys().all(marks) {
            Content::Empty
        } else {
            Content::Filled
        }
    }

    /// Puts into the data when the session was made, if it does not say so: now, if it is new or from before there was an
    /// absolute lifetime.
    pub(crate) fn stamp_created(&mut self, now: UnixTime) {
        if created(&self.document).is_none() {
            let created = *self.created.get_or_insert(now);
            let key = Text::from(CREATED);
            self.changes.record_set(&key);
            self.document.insert(key, Value::Int(created.seconds()));
        }
    }

    /// The snapshot that the decision is made from.
    pub(crate) fn snapshot(&self) -> SessionState {
        SessionState {
            kept: self.kept,
            presence: match self.saved {
                Saved::Nowhere => Presence::New,
                _ if self.announced => Presence::Known,
                _ => Presence::Unannounced,
            },
            fate: self.fate,
            access: match self.writable {
                Writable::Yes => Access::ReadWrite,
                Writable::StoreFailed | Writable::Ended => Access::ReadOnly,
                Writable::Null(_) => Access::Null,
            },
            content: self.content(),
            accessed: self.accessed,
            modified: self.is_changed(),
            permanent: match (self.permanent_before, self.permanent()) {
                (true, true) => Permanent::Yes,
                (false, false) => Permanent::No,
                (false, true) => Permanent::NowYes,
                (true, false) => Permanent::NowNo,
            },
            cookie_received: self.cookie_received,
            extended: match &self.saved {
                Saved::Nowhere => None,
                Saved::InCookie { issued } => Some(*issued),
                Saved::InStore(stored) => stored.extended,
            },
        }
    }

    /// Whether something is still to be saved: data, a new id, or that the session has ended.
    pub(crate) fn is_modified(&self) -> bool {
        let ends_or_moves = self.fate != Fate::Kept && !matches!(self.saved, Saved::Nowhere);
        let left = self.leftover.as_ref().is_some_and(|left| !left.is_empty());
        ends_or_moves || self.is_changed() || left
    }

    /// Whether a record lacks what was changed since the response's headers were made.
    pub(crate) fn lacks_late_changes(&self) -> bool {
        self.closed && !self.left_unsaved && self.kept == Kept::InStore && self.is_modified()
    }

    pub(crate) fn is_changed(&self) -> bool {
        !self.changes.is_empty() || !self.unanswered.is_empty()
    }

    /// What is to be saved, which is then on its way.
    pub(crate) fn take_pending(&mut self) -> Pending {
        Pending {
            unanswered: std::mem::take(&mut self.unanswered),
            changes: std::mem::take(&mut self.changes),
        }
    }

    /// What was on its way is to be saved again, under what was changed since.
    pub(crate) fn put_back(&mut self, mut pending: Pending, sent: Option<Bytes>) {
        if let Some(blob) = sent {
            pending.doubt(blob);
        }
        pending.changes.absorb(std::mem::take(&mut self.changes));
        self.changes = pending.changes;
        self.unanswered = pending.unanswered;
    }

    /// An error if another request is known to have ended the session.
    pub(crate) fn check_lives(&self) -> Result<()> {
        match self.writable {
            Writable::Ended => Err(gone()),
            Writable::Yes | Writable::Null(_) | Writable::StoreFailed => Ok(()),
        }
    }

    /// The record under which the session is kept and stays.
    pub(crate) fn stored(&self) -> Option<&StoredAs> {
        match (&self.saved, self.fate) {
            (Saved::InStore(stored), Fate::Kept) => Some(stored),
            _ => None,
        }
    }

    /// The id that the session will have when it is next created.
    pub(crate) fn next_id(
        &mut self,
        generate: impl FnOnce() -> Result<SessionId>,
    ) -> Result<SessionId> {
        if let Some(id) = &self.next_id {
            return Ok(id.clone());
        }
        let id = generate()?;
        self.next_id = Some(id.clone());
        Ok(id)
    }

    /// Takes over what another request wrote, and makes this one's changes to it: those on their way to the store, then
    /// those to be saved since.
    pub(crate) fn rebase(&mut self, base: Document, in_flight: &Pending) {
        let newer = self.take_pending();
        self.document = in_flight.apply(base, &newer.together(), &self.document);
        self.put_back(newer, None);
    }

    /// Forgets the id that was planned: it is taken, or another one is asked for.
    pub(crate) fn forget_next_id(&mut self) {
        self.next_id = None;
        self.abandon_created();
    }

    /// The session is no longer kept anywhere, and its data is dropped.
    pub(crate) fn end(&mut self) {
        self.document.clear();
        self.changes = Changes::default();
        self.forget_record();
        self.fate = Fate::Kept;
    }

    /// The record is deleted; the browser is still to be told. What another task of the request wrote meanwhile stays, and
    /// starts a new session.
    pub(crate) fn end_deleted(&mut self) {
        if self.content() == Content::Empty || !self.is_changed() {
            self.end();
        } else {
            // No write will arrive any more.
            self.changes = self.take_pending().together();
            self.forget_record();
        }
        self.fate = Fate::Destroyed;
    }

    fn forget_record(&mut self) {
        self.leave_retired();
        self.saved = Saved::Nowhere;
        self.announced = false;
        self.created = None;
        self.unanswered.clear();
        self.removing = false;
        self.forget_next_id();
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        match &self.writable {
            Writable::Yes if self.closed && self.kept == Kept::InCookie => Err(Error::new(
                ErrorKind::ReadOnly,
                "the response's headers are already sent, and a session that is kept in the cookie cannot be changed any more; \
                 change it before the response starts, or use a server-side SESSION_TYPE",
            )),
            Writable::Yes => Ok(()),
            Writable::Null(missing) => Err(Error::new(
                ErrorKind::NoSecretKey,
                format!(
                    "The session is unavailable because no secret key was set.  Set the secret_key on the \
                     application to something unique and secret. ({missing})"
                ),
            )),
            Writable::StoreFailed => Err(Error::new(
                ErrorKind::ReadOnly,
                "the session store failed, so the session is empty and cannot be written (SESSION_ON_STORE_FAILURE is read-only)",
            )
            .temporary()),
            Writable::Ended => Err(gone()),
        }
    }
}

/// The error for a session that another request ended.
pub(crate) fn gone() -> Error {
    Error::new(
        ErrorKind::Gone,
        "another request ended the session (a logout, or a new id after login) while this one was running; \
         nothing more can be written to it",
    )
}

fn permanent(document: &Document) -> bool {
    document.is_truthy(PERMANENT)
}

/// When a session was made, if its data says so.
pub(crate) fn created(document: &Document) -> Option<UnixTime> {
    match document.get(CREATED).as_deref() {
        Some(Value::Int(seconds)) => Some(UnixTime::from_seconds(*seconds)),
        _ => None,
    }
}
