//! What a request changed, key by key, so that it can be applied again to what another request wrote.

use bytes::Bytes;

use crate::data::{Document, Keyed, Text, Value};
use crate::flash::FLASHES;

/// The keys that a request set and removed since the session was loaded or last saved.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    cleared: bool,
    // There may be as many as a session has keys: a search through all of them for each would take its time.
    set: Keyed<()>,
    removed: Keyed<()>,
    /// Lists that were only appended to, and with what: another request may append to them too.
    grown: Keyed<Vec<Value>>,
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
            && self.grown.is_empty()
            && self.shown.is_empty()
            && self.flashed.is_empty()
    }

    pub(crate) fn record_set(&mut self, key: &Text) {
        self.removed.remove(key.as_wtf8());
        self.forget_additions(key);
        self.set.insert(key.clone(), ());
    }

    pub(crate) fn record_removed(&mut self, key: &Text) {
        self.set.remove(key.as_wtf8());
        self.forget_additions(key);
        self.removed.insert(key.clone(), ());
    }

    /// The value is another one now: what was added to it before, or read of it, counts no more.
    fn forget_additions(&mut self, key: &Text) {
        self.grown.remove(key.as_wtf8());
        if *key == *FLASHES {
            self.shown.clear();
            self.flashed.clear();
        }
    }

    /// A list was changed from `before` to `after`. If it was only appended to, what was appended is all that counts.
    pub(crate) fn record_changed(&mut self, key: &Text, before: Option<&Value>, after: &Value) {
        match appended(before, after) {
            Some(appended) => self.record_grown(key, appended),
            None => self.record_set(key),
        }
    }

    fn record_grown(&mut self, key: &Text, appended: &[Value]) {
        // What was replaced or removed by this request is replaced, whatever came after.
        if self.cleared || self.set.contains(key) || self.removed.contains(key) {
            return self.record_set(key);
        }
        match self.grown.get_mut(key.as_wtf8()) {
            Some(elements) => elements.extend_from_slice(appended),
            None => drop(self.grown.insert(key.clone(), appended.to_vec())),
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
        for key in newer.set.keys() {
            self.record_set(key);
        }
        for key in newer.removed.keys() {
            self.record_removed(key);
        }
        for (key, appended) in newer.grown.entries() {
            self.record_grown(key, appended);
        }
        // Whoever reads messages reads all of them.
        if !newer.shown.is_empty() {
            self.record_shown(newer.shown);
        }
        self.flashed.extend(newer.flashed);
        self.marked |= newer.marked;
    }

    /// `base` with these changes; the values of set keys are taken from `current`.
    pub(crate) fn apply(&self, mut base: Document, current: &Document) -> Document {
        if self.cleared {
            base.clear();
        }
        for key in self.removed.keys() {
            base.remove_text(key);
        }
        for key in self.set.keys() {
            match current.get_text(key) {
                Some(value) => base.insert(key.clone(), value.into_owned()),
                // Messages that were set, and then read.
                None => drop(base.remove_text(key)),
            }
        }
        for (key, appended) in self.grown.entries() {
            let mut elements = match base.get_text(key).map(|value| value.into_owned()) {
                Some(Value::List(elements)) => elements,
                _ => Vec::new(),
            };
            elements.extend_from_slice(appended);
            base.insert(key.clone(), Value::List(elements));
        }
        // Messages that were set are what they have become since.
        let are_set = self.set.contains(&FLASHES.into());
        let none = self.shown.is_empty() && self.flashed.is_empty();
        if !(are_set || none) {
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

/// What was appended to a list, if nothing else was done to it.
pub(crate) fn appended<'a>(before: Option<&Value>, after: &'a Value) -> Option<&'a [Value]> {
    match (before, after) {
        (None, Value::List(after)) => Some(after),
        (Some(Value::List(before)), Value::List(after)) => after_prefix(after, before),
        _ => None,
    }
}

/// What comes after the items of `prefix`, if those are unchanged, the order of dicts inside of them included.
pub(super) fn after_prefix<'a>(items: &'a [Value], prefix: &[Value]) -> Option<&'a [Value]> {
    let (start, rest) = items.split_at_checked(prefix.len())?;
    let same = start
        .iter()
        .zip(prefix)
        .all(|(now, then)| now.is_same(then));
    same.then_some(rest)
}

/// What is still to be saved: the changes of writes that nobody waited for until the store had answered, then those made since.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) unanswered: Vec<Unanswered>,
    pub(crate) changes: Changes,
}

/// A write that may have arrived: what was written, and what it changes beyond the one before.
pub(crate) struct Unanswered {
    blob: Bytes,
    changes: Changes,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.unanswered.is_empty() && self.changes.is_empty()
    }

    /// Drops what is in this record already; whether the record is as one of the writes left it, with nothing written since.
    pub(crate) fn recognise(&mut self, record: &[u8]) -> bool {
        let arrived = self.unanswered.iter().rposition(|w| w.blob == record);
        if let Some(last) = arrived {
            self.unanswered.drain(..=last);
        }
        arrived.is_some()
    }

    /// These were written as `blob`, and nobody waited for the answer.
    pub(crate) fn doubt(&mut self, blob: Bytes) {
        let changes = std::mem::take(&mut self.changes);
        match self.unanswered.last_mut() {
            // The same once more.
            Some(last) if last.blob == blob => last.changes.absorb(changes),
            _ => self.unanswered.push(Unanswered { blob, changes }),
        }
    }

    /// `base` with these changes and the newer ones; the values of set keys are taken from `current`.
    pub(crate) fn apply(&self, base: Document, newer: &Changes, current: &Document) -> Document {
        let mut all = self.together();
        all.absorb(newer.clone());
        all.apply(base, current)
    }

    /// All of them, whether they may have arrived or not.
    pub(crate) fn together(&self) -> Changes {
        let mut all = Changes::default();
        for write in &self.unanswered {
            all.absorb(write.changes.clone());
        }
        all.absorb(self.changes.clone());
        all
    }
}

/// Equality of two stored messages, whichever of tuple and list a format made of them.
fn same_message(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b)) => a == b,
        _ => a == b,
    }
}
