//! The session for those who keep its data in a dict of their own, as the Python binding does: everything at once when it is
//! opened, what differs when it is closed.

use std::borrow::Cow;

use super::Session;
use super::changes::after_prefix;
use crate::Result;
use crate::data::{Document, Text, Value};
use crate::flash::FLASHES;

impl Session {
    /// Everything in the session as it is now, without counting as an access.
    pub fn mirror(&self) -> Document {
        self.lock().document.clone()
    }

    /// As [`is_new`](Session::is_new), without counting as an access.
    pub fn is_mirror_new(&self) -> bool {
        self.lock().is_new
    }

    /// Has the browser told of the session once more, if this request changed it: where somebody else than the engine says how
    /// long the cookie is kept.
    pub fn announce_changes(&self) {
        let mut state = self.lock();
        if state.is_changed() {
            state.announced = false;
        }
    }

    /// Counts as an access, so that caches are told to tell cookies apart.
    pub fn set_accessed(&self) {
        drop(self.accessed());
    }

    /// What is under `key` in the mirror now: a change if it differs from what the session holds, be it in the order of a dict
    /// inside of it, the type of a key, or the sign of a zero.
    ///
    /// Lists that were only appended to, and flash messages that were read or added, are noticed as such, so that what
    /// other requests did to them meanwhile is kept.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn set_mirrored(&self, key: &Text, value: Value) -> Result<()> {
        let mut state = self.accessed();
        let before = state.document.get_text(key);
        if before
            .as_deref()
            .is_some_and(|before| before.is_same(&value))
        {
            return Ok(());
        }
        let before = before.map(Cow::into_owned);
        if *key == *FLASHES
            && let Value::List(messages) = &value
            && !(messages.is_empty() && before.is_none())
        {
            state.check_writable()?;
            let kept = before
                .as_ref()
                .and_then(Value::as_items)
                .unwrap_or_default();
            // What was there is either still there, with more behind it, or was read.
            let added = match after_prefix(messages, kept) {
                Some(added) => added,
                None => {
                    state.take_flashes();
                    messages.as_slice()
                }
            };
            for message in added {
                state.flash_stored(message.clone())?;
            }
            return Ok(());
        }
        state.change(key, before.as_ref(), value)
    }

    /// What is no longer in the mirror.
    ///
    /// # Errors
    /// As [`insert`](Session::insert).
    pub fn remove_mirrored(&self, key: &Text) -> Result<()> {
        let mut state = self.accessed();
        if *key == *FLASHES {
            state.check_writable()?;
            state.take_flashes();
            return Ok(());
        }
        state.remove(key).map(drop)
    }
}
