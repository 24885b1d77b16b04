//! What is on its way to the store, and what becomes of it if nobody waits for the answer.

use bytes::Bytes;

use crate::plan::Fate;
use crate::session::Session;
use crate::session::changes::Pending;
use crate::session::state::State;
use crate::store::Key;

/// Changes that are on their way to the store, with what the application asked for meanwhile kept apart. Unless they have
/// landed, they are pending again when this is dropped: by an error, or with the future of who gave up.
pub(super) struct InFlight<'s> {
    /// `None` once they have landed.
    session: Option<&'s Session>,
    pub(super) pending: Pending,
    fate: Fate,
    /// What is written over the record, until the store has answered.
    pub(super) sent: Option<Bytes>,
    /// Where a record is being made, until the store has answered.
    pub(super) creating: Option<Key>,
}

impl<'s> InFlight<'s> {
    pub(super) fn take(session: &'s Session, state: &mut State) -> InFlight<'s> {
        InFlight {
            session: Some(session),
            pending: state.take_pending(),
            fate: std::mem::replace(&mut state.fate, Fate::Kept),
            sent: None,
            creating: None,
        }
    }

    /// They are in the store, or are wanted no more.
    pub(super) fn landed(mut self) -> Pending {
        self.session = None;
        std::mem::take(&mut self.pending)
    }

    /// They are in the store; a new id or the end, where one was asked for, is still to come.
    pub(super) fn landed_alone(self, state: &mut State) -> Pending {
        if state.fate == Fate::Kept {
            state.fate = self.fate;
        }
        self.landed()
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let Some(session) = self.session else {
            return;
        };
        let mut state = session.lock();
        if let Some(key) = self.creating.take() {
            state.doubt_created(key);
        }
        if state.fate == Fate::Destroyed {
            return;
        }
        state.put_back(std::mem::take(&mut self.pending), self.sent.take());
        if state.fate == Fate::Kept {
            state.fate = self.fate;
        }
    }
}
