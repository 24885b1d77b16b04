//! What saves that were given up may have left in the store.

use super::{Saved, State};
use crate::SessionId;
use crate::session::changes::Pending;
use crate::store::{Key, Version};

/// What saves that were given up left in the store, besides the session.
#[derive(Default)]
pub(crate) struct Leftover {
    /// The record that may have been made under the next id.
    pub(crate) created: Option<Key>,
    /// The session's record before it got a new id.
    pub(crate) retired: Option<Retired>,
    /// Records that are to be removed, whatever is in them.
    pub(crate) keys: Vec<Key>,
}

/// A record that is to be removed once what others wrote to it is taken over.
pub(crate) struct Retired {
    pub(crate) key: Key,
    pub(crate) seen: Version,
    /// What the session has beyond this record.
    pub(crate) pending: Pending,
    /// Whether it may be removed already.
    pub(crate) unanswered: bool,
    /// Whether others wrote to it what the record under the new id may lack.
    pub(crate) ahead: bool,
}

impl Leftover {
    pub(crate) fn is_empty(&self) -> bool {
        self.created.is_none() && self.retired.is_none() && self.keys.is_empty()
    }
}

impl State {
    pub(crate) fn leftover_mut(&mut self) -> &mut Leftover {
        self.leftover.get_or_insert_default()
    }

    pub(crate) fn retired(&self) -> Option<&Retired> {
        self.leftover.as_ref()?.retired.as_ref()
    }

    pub(crate) fn retired_mut(&mut self) -> Option<&mut Retired> {
        self.leftover.as_mut()?.retired.as_mut()
    }

    /// Whether others wrote what the session's record may lack, to the one from before the new id.
    pub(crate) fn lacks_writes_of_others(&self) -> bool {
        self.retired().is_some_and(|retired| retired.ahead)
    }

    /// The session's record holds these changes, and so has them beyond the one from before the new id.
    pub(crate) fn know_written(&mut self, written: &Pending) {
        if let Some(retired) = self.retired_mut() {
            retired.pending.changes.absorb(written.together());
        }
    }

    /// The browser is told of the new id, so that others may write to its record too, and nothing can be taken over any more: the record from
    /// before, if it is still there, is left to expire.
    pub(crate) fn leave_to_expire(&mut self) {
        if let Some(leftover) = &mut self.leftover {
            leftover.retired = None;
            self.tidy();
        }
    }

    /// The record that may have been made under this key, and nobody waited for the answer.
    pub(crate) fn doubt_created(&mut self, key: Key) {
        let planned = self.next_id.is_some();
        let leftover = self.leftover_mut();
        match planned {
            true => leftover.created = Some(key),
            // Another id was asked for meanwhile.
            false => leftover.keys.push(key),
        }
    }

    /// The browser will not learn of a new id: what was begun under one goes, and the record under the old one stays.
    pub(crate) fn forget_new_id(&mut self) {
        self.abandon_created();
        if let Some(leftover) = &mut self.leftover
            && leftover.retired.take().is_some()
            && let Saved::InStore(new) = std::mem::replace(&mut self.saved, Saved::Nowhere)
        {
            leftover.keys.push(new.key);
        }
    }

    /// Whether a record may have been made under this key by a try whose answer nobody waited for.
    pub(crate) fn may_have_created(&self, key: &Key) -> bool {
        let leftover = self.leftover.as_ref();
        leftover.is_some_and(|leftover| leftover.created.as_ref() == Some(key))
    }

    /// The session's record is made, under this id and key.
    pub(crate) fn know_created(&mut self, id: &SessionId, key: &Key) {
        self.next_id.take_if(|next| next == id);
        if let Some(leftover) = &mut self.leftover {
            leftover.created = None;
            // Where another id was asked for meanwhile, it was to go.
            leftover.keys.retain(|left| left != key);
        }
        self.tidy();
    }

    /// Forgets what is left, if that is nothing.
    pub(crate) fn tidy(&mut self) {
        self.leftover.take_if(|leftover| leftover.is_empty());
    }

    /// A record that may have been made under the next id is not the session's.
    pub(crate) fn abandon_created(&mut self) {
        if let Some(leftover) = &mut self.leftover {
            leftover.keys.extend(leftover.created.take());
        }
    }

    /// The record before the new id is to go, whatever others write to it.
    pub(crate) fn leave_retired(&mut self) {
        if let Some(leftover) = &mut self.leftover {
            let retired = leftover.retired.take();
            leftover.keys.extend(retired.map(|retired| retired.key));
        }
    }
}
