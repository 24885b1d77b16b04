//! What a request changed, key by key, so that it can be applied again to what another request wrote.

use crate::data::{Document, Text, Value};
use crate::flash::FLASHES;

/// The keys that a request set and removed since the session was loaded or last saved.
#[derive(Default)]
pub(crate) struct Changes {
    cleared: bool,
    set: Vec<Text>,
    removed: Vec<Text>,
    /// Flash messages that were read, and so are to go.
    shown: Vec<Value>,
    /// Flash messages that were added, and not read.
    flashed: Vec<Value>,
    /// Set by hand (`set_modified`), without any key.
    marked: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        !self.cleared
            && !self.marked
            && self.set.is_empty()
            && self.removed.is_empty()
            && self.shown.is_empty()
            && self.flashed.is_empty()
    }

    pub(crate) fn record_set(&mut self, key: &Text) {
        self.removed.retain(|removed| removed != key);
        if !self.set.contains(key) {
            self.set.push(key.clone());
        }
    }

    pub(crate) fn record_removed(&mut self, key: &Text) {
        self.set.retain(|set| set != key);
        if !self.removed.contains(key) {
            self.removed.push(key.clone());
        }
    }

    pub(crate) fn record_cleared(&mut self) {
        *self = Changes {
            cleared: true,
            ..Changes::default()
        };
    }

    pub(crate) fn record_marked(&mut self) {
        self.marked = true;
    }

    pub(crate) fn record_flashed(&mut self, message: Value) {
        self.flashed.push(message);
    }

    /// `messages` were read. Those that this request itself had added need no trace.
    pub(crate) fn record_shown(&mut self, messages: Vec<Value>) {
        let mut own = std::mem::take(&mut self.flashed);
        for message in messages {
            match own.iter().position(|flashed| *flashed == message) {
                Some(position) => drop(own.remove(position)),
                None => self.shown.push(message),
            }
        }
    }

    /// Adds changes that were made after these.
    pub(crate) fn absorb(&mut self, newer: Changes) {
        if newer.cleared {
            *self = newer;
            return;
        }
        for key in &newer.set {
            self.record_set(key);
        }
        for key in &newer.removed {
            self.record_removed(key);
        }
        self.record_shown(newer.shown);
        self.flashed.extend(newer.flashed);
        self.marked |= newer.marked;
    }

    /// `base` with these changes; the values of set keys are taken from `current`.
    pub(crate) fn apply(&self, mut base: Document, current: &Document) -> Document {
        if self.cleared {
            base.clear();
        }
        for key in &self.removed {
            base.remove_text(key);
        }
        for key in &self.set {
            if let Some(value) = current.get_text(key) {
                base.insert(key.clone(), value.into_owned());
            }
        }
        if !(self.shown.is_empty() && self.flashed.is_empty()) {
            let mut messages = match base.remove(FLASHES) {
                Some(Value::List(messages) | Value::Tuple(messages)) => messages,
                _ => Vec::new(),
            };
            for shown in &self.shown {
                let position = messages
                    .iter()
                    .position(|message| same_message(message, shown));
                if let Some(position) = position {
                    messages.remove(position);
                }
            }
            messages.extend(self.flashed.iter().cloned());
            if !messages.is_empty() {
                base.insert(FLASHES.into(), Value::List(messages));
            }
        }
        base
    }
}

/// Equality of two stored messages, whichever of tuple and list a format made of them.
fn same_message(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b)) => a == b,
        _ => a == b,
    }
}
