//! What a handler does to its session's data.

use std::borrow::Cow;

use super::{PERMANENT, Saved, State, Writable};
use crate::config::Permanence;
use crate::data::{Text, Value};
use crate::flash::{FLASHES, Flash};
use crate::plan::{Fate, Kept};
use crate::session::changes::appended;
use crate::{Result, events};

impl State {
    pub(crate) fn insert(&mut self, key: &Text, value: Value) -> Result<()> {
        self.check_writable()?;
        self.changes.record_set(key);
        self.document.insert(key.clone(), value);
        Ok(())
    }

    /// Stores what a change in place made of the value under `key`.
    pub(crate) fn change(
        &mut self,
        key: &Text,
        before: Option<&Value>,
        after: Value,
    ) -> Result<()> {
        self.check_writable()?;
        self.changes.record_changed(key, before, &after);
        self.document.insert(key.clone(), after);
        Ok(())
    }

    /// Stores what was made of a copy of the value under `key`, which was `before` when it was copied. What was appended to a
    /// list is appended to the list that is there now.
    pub(crate) fn change_copied(
        &mut self,
        key: &Text,
        before: Option<&Value>,
        after: Value,
    ) -> Result<()> {
        let now = self.document.get_text(key).map(Cow::into_owned);
        let after = match (&now, appended(before, &after)) {
            (Some(Value::List(now)), Some(appended)) => Value::List([now, appended].concat()),
            (None, Some(appended)) => Value::List(appended.to_vec()),
            _ => after,
        };
        self.change(key, now.as_ref(), after)
    }

    /// Stores that there is nothing under `key`: the key goes, so that `in` says no. One that holds null stays as it is.
    pub(crate) fn change_to_none(&mut self, key: &Text) -> Result<()> {
        match self.document.get_text(key).as_deref() {
            None | Some(Value::Null) => self.check_writable(),
            Some(_) => self.remove(key).map(drop),
        }
    }

    pub(crate) fn remove(&mut self, key: &Text) -> Result<Option<Value>> {
        self.check_writable()?;
        let removed = self.document.remove_text(key);
        if removed.is_some() {
            self.changes.record_removed(key);
        }
        Ok(removed)
    }

    /// Empties the session; in a store `_permanent` stays, as in Flask-Session.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.check_writable()?;
        let keep = (self.kept == Kept::InStore && self.permanent()).then_some(PERMANENT);
        self.document.clear();
        self.changes.record_cleared();
        if let Some(key) = keep {
            self.insert(&key.into(), Value::Bool(true))?;
        }
        Ok(())
    }

    pub(crate) fn destroy(&mut self, permanence: Permanence) -> Result<()> {
        self.check_writable()?;
        self.abandon_created();
        self.leave_retired();
        *self = State {
            saved: std::mem::replace(&mut self.saved, Saved::Nowhere),
            announced: self.announced,
            fate: Fate::Destroyed,
            cookie_received: self.cookie_received,
            closed: self.closed,
            accessed: true,
            leftover: self.leftover.take(),
            saving: self.saving,
            waiting: std::mem::take(&mut self.waiting),
            permanent_before: self.permanent_before,
            flashes: self.flashes.take(),
            ..State::new(self.kept, permanence, Writable::Yes)
        };
        Ok(())
    }

    pub(crate) fn regenerate(&mut self) -> Result<()> {
        self.check_writable()?;
        if self.fate == Fate::Kept {
            self.fate = Fate::Regenerated;
        }
        self.forget_next_id();
        Ok(())
    }

    pub(crate) fn flash(&mut self, flash: &Flash) -> Result<()> {
        self.flash_stored(flash.to_stored())
    }

    /// Adds a message as it is to be stored, whatever it is.
    pub(crate) fn flash_stored(&mut self, stored: Value) -> Result<()> {
        self.check_writable()?;
        let mut messages = match self.document.remove(FLASHES) {
            Some(Value::List(messages) | Value::Tuple(messages)) => messages,
            _ => Vec::new(),
        };
        messages.push(stored.clone());
        self.document.insert(FLASHES.into(), Value::List(messages));
        self.changes.record_flashed(stored);
        Ok(())
    }

    /// The messages for this request: taken out of the session at the first call, the same at every later one.
    pub(crate) fn flashes(&mut self) -> &[Flash] {
        if self.flashes.is_none() {
            let messages = self.take_flashes();
            self.flashes = Some(messages.into_iter().map(Flash::from_stored).collect());
        }
        self.flashes.as_deref().unwrap_or_default()
    }

    /// Takes the messages that are there now out of the session, as they are stored.
    pub(crate) fn take_flashes(&mut self) -> Vec<Value> {
        let messages = match self.document.remove(FLASHES) {
            Some(Value::List(messages) | Value::Tuple(messages)) => messages,
            _ => Vec::new(),
        };
        if self.closed && self.kept == Kept::InCookie && !messages.is_empty() {
            events::shown_too_late();
        }
        self.changes.record_shown(messages.clone());
        messages
    }
}
