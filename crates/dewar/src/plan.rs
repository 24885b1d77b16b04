//! The one decision: what to do at the end of a request, from session state, policy and time alone.
//!
//! Nothing here does any I/O, so that every rule is a row in a table of tests.

use std::fmt;
use std::time::Duration;

use crate::UnixTime;
use crate::config::Refresh;

/// Where the session's data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the cookie itself.
    InCookie,
    /// In a store, under an id.
    InStore,
}

/// Whether the session existed when the request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It did not: nothing is kept anywhere.
    New,
    /// It is kept, and the browser knows it.
    Known,
    /// It was saved during this request; the browser does not know it yet.
    Unannounced,
}

/// What the application did to the session as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Kept,
    /// Asked for a new id (`regenerate`).
    Regenerated,
    /// Ended it (`destroy`); what was written since belongs to a new session.
    Destroyed,
}

/// Whether the session can be written at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can.
    ReadWrite,
    /// It cannot: the store failed and the policy is to go on without, or another request ended it.
    ReadOnly,
    /// It cannot, and no cookie is ever looked at: a null session.
    Null,
}

/// What the session's data looks like now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// There is nothing that is worth keeping.
    Empty,
    /// There is something.
    Filled,
}

/// How long the browser keeps the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permanent {
    /// As long as the session lives, and the cookie says so already.
    Yes,
    /// Until it is closed, and the cookie says so already.
    No,
    /// As long as the session lives; set by this request.
    NowYes,
    /// Until it is closed; set by this request.
    NowNo,
}

/// What the decision depends on: a snapshot of the session.
#[derive(Clone, Copy, Debug)]
pub struct SessionState {
    /// Where the data is kept.
    pub kept: Kept,
    /// Whether the session existed before.
    pub presence: Presence,
    /// What the application did to it as a whole.
    pub fate: Fate,
    /// Whether it can be written.
    pub access: Access,
    /// Whether there is anything in it.
    pub content: Content,
    /// Whether the handler reached for it.
    pub accessed: bool,
    /// Whether its data was changed.
    pub modified: bool,
    /// Whether it is permanent.
    pub permanent: Permanent,
    /// Whether the request carried a session cookie, acceptable or not.
    pub cookie_received: bool,
    /// When it was last written or extended; `None` if nobody can tell.
    pub extended: Option<UnixTime>,
}

/// The rules that the configuration sets.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a session lives after its last use.
    pub lifetime: Duration,
    /// How long it lives after it was made, however much it is used.
    pub absolute_lifetime: Option<Duration>,
    /// When use alone extends it.
    pub refresh: Refresh,
}

impl Policy {
    /// When a session ends that is used now.
    pub fn expires(&self, created: Option<UnixTime>, now: UnixTime) -> UnixTime {
        let idle = now + self.lifetime;
        match self.absolute_lifetime {
            Some(absolute) => idle.min(created.unwrap_or(now) + absolute),
            None => idle,
        }
    }

    /// Whether a session that was made at `created` has reached its absolute lifetime.
    pub fn is_over(&self, created: Option<UnixTime>, now: UnixTime) -> bool {
        match (self.absolute_lifetime, created) {
            (Some(absolute), Some(created)) => created + absolute <= now,
            _ => false,
        }
    }

    fn refresh_due(&self, extended: Option<UnixTime>, now: UnixTime) -> bool {
        match (self.refresh, extended) {
            (Refresh::Never, _) => false,
            (Refresh::After(_), None) => true,
            (Refresh::After(pause), Some(extended)) => extended + pause <= now,
        }
    }
}

/// What to do with the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Leave everything as it is.
    Nothing,
    /// Extend the expiry.
    Touch,
    /// Keep a session that was not kept before.
    Create,
    /// Write the changes.
    Replace,
    /// Write everything under a new id, then remove the old record.
    Rotate,
    /// Remove the old record, then write what came after under a new id.
    Restart,
    /// Remove the record.
    Delete,
}

/// What to do with the browser's cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CookieAction {
    /// Send none.
    Keep,
    /// Send one.
    Set,
    /// Send one that deletes it.
    Delete,
}

/// Whether a cache must tell cookies apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vary {
    /// The response does not depend on the session.
    No,
    /// The response needs `Vary: Cookie`.
    Cookie,
}

/// Why the decision is what it is; `Display` is one sentence for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody reached for the session.
    Untouched,
    /// It was only read, and it was extended not long ago.
    OnlyRead,
    /// It cannot be written.
    ReadOnly,
    /// It is new and nothing was written to it.
    NewAndEmpty,
    /// It is new and has data.
    NewWithData,
    /// It was changed.
    Changed,
    /// It was emptied.
    Emptied,
    /// It was used, and its expiry is due to be moved.
    RefreshDue,
    /// It was saved during the request, and the browser must learn of it.
    SavedBefore,
    /// A new id was asked for.
    Regenerated,
    /// It was destroyed.
    Destroyed,
    /// It was destroyed, and something was written afterwards.
    DestroyedThenWritten,
    /// Another request ended it meanwhile.
    Gone,
    /// The store failed, and the policy is to go on.
    StoreFailed,
}

impl Reason {
    /// A short, stable label, for counters.
    pub const fn label(self) -> &'static str {
        match self {
            Reason::Untouched => "untouched",
            Reason::OnlyRead => "only_read",
            Reason::ReadOnly => "read_only",
            Reason::NewAndEmpty => "new_and_empty",
            Reason::NewWithData => "new_with_data",
            Reason::Changed => "changed",
            Reason::Emptied => "emptied",
            Reason::RefreshDue => "refresh_due",
            Reason::SavedBefore => "saved_before",
            Reason::Regenerated => "regenerated",
            Reason::Destroyed => "destroyed",
            Reason::DestroyedThenWritten => "destroyed_then_written",
            Reason::Gone => "gone",
            Reason::StoreFailed => "store_failed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Untouched => "nobody reached for the session",
            Reason::OnlyRead => "it was only read, and its expiry was moved not long ago",
            Reason::ReadOnly => "the session cannot be written",
            Reason::NewAndEmpty => "it is new and nothing was written to it",
            Reason::NewWithData => "it is new and has data",
            Reason::Changed => "its data was changed",
            Reason::Emptied => "it was emptied",
            Reason::RefreshDue => "it was used, and its expiry was due to be moved",
            Reason::SavedBefore => {
                "it was saved during the request, and the browser must learn of it"
            }
            Reason::Regenerated => "a new id was asked for",
            Reason::Destroyed => "it was destroyed",
            Reason::DestroyedThenWritten => {
                "it was destroyed, and what was written afterwards starts a new one"
            }
            Reason::Gone => "another request ended it meanwhile, so nothing is written",
            Reason::StoreFailed => {
                "the store failed, and the configuration says to go on without it"
            }
        })
    }
}

/// What to do at the end of a request, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do with the data.
    pub plan: Plan,
    /// What to do with the browser's cookie.
    pub cookie: CookieAction,
    /// Whether a cache must tell cookies apart.
    pub vary: Vary,
    /// Why.
    pub reason: Reason,
}

/// Decides what to do at the end of a request.
///
/// ```
/// use std::time::Duration;
/// use dewar::config::Refresh;
/// use dewar::plan::*;
/// use dewar::UnixTime;
///
/// let state = SessionState {
///     kept: Kept::InStore,
///     presence: Presence::New,
///     fate: Fate::Kept,
///     access: Access::ReadWrite,
///     content: Content::Filled,
///     accessed: true,
///     modified: true,
///     permanent: Permanent::No,
///     cookie_received: false,
///     extended: None,
/// };
/// let policy = Policy {
///     lifetime: Duration::from_secs(3600),
///     absolute_lifetime: None,
///     refresh: Refresh::After(Duration::from_secs(360)),
/// };
/// let decision = plan(&state, &policy, UnixTime::from_seconds(1_700_000_000));
/// assert_eq!(decision.plan, Plan::Create);
/// assert_eq!(decision.cookie, CookieAction::Set);
/// ```
pub fn plan(state: &SessionState, policy: &Policy, now: UnixTime) -> Decision {
    use CookieAction::{Delete, Keep, Set};

    let saved = state.presence != Presence::New;
    let delete_cookie = if state.cookie_received || state.presence == Presence::Known {
        Delete
    } else {
        Keep
    };
    let delete_data = if saved { Plan::Delete } else { Plan::Nothing };

    match state.access {
        Access::ReadWrite => {}
        Access::ReadOnly => return decide(state, Plan::Nothing, Keep, Reason::ReadOnly),
        // The same for everybody, so that a cache need not tell cookies apart.
        Access::Null => {
            return Decision {
                plan: Plan::Nothing,
                cookie: Keep,
                vary: Vary::No,
                reason: Reason::ReadOnly,
            };
        }
    }
    match (state.fate, state.content) {
        (Fate::Destroyed, content) if content == Content::Empty || !state.modified => {
            return decide(state, delete_data, delete_cookie, Reason::Destroyed);
        }
        (Fate::Destroyed, _) => {
            let plan = if saved { Plan::Restart } else { Plan::Create };
            return decide(state, plan, Set, Reason::DestroyedThenWritten);
        }
        (_, Content::Empty) if state.modified => {
            return decide(state, delete_data, delete_cookie, Reason::Emptied);
        }
        (_, Content::Empty) if !saved => {
            let reason = if state.accessed {
                Reason::NewAndEmpty
            } else {
                Reason::Untouched
            };
            return decide(state, Plan::Nothing, Keep, reason);
        }
        _ => {}
    }
    if !saved {
        // A new session that holds only what it was made with was never written to.
        return if state.modified {
            decide(state, Plan::Create, Set, Reason::NewWithData)
        } else {
            let reason = if state.accessed {
                Reason::NewAndEmpty
            } else {
                Reason::Untouched
            };
            decide(state, Plan::Nothing, Keep, reason)
        };
    }
    if state.fate == Fate::Regenerated {
        // A session in a cookie has no id; signing it again is all that there is to renew.
        let plan = match state.kept {
            Kept::InStore => Plan::Rotate,
            Kept::InCookie => Plan::Replace,
        };
        return decide(state, plan, Set, Reason::Regenerated);
    }

    let announce = if state.presence == Presence::Unannounced {
        Set
    } else {
        Keep
    };
    if state.modified {
        let cookie = match (state.kept, state.permanent) {
            // The cookie holds the data, or its expiry moves, or its kind changes.
            (Kept::InCookie, _) | (_, Permanent::Yes | Permanent::NowYes | Permanent::NowNo) => Set,
            (Kept::InStore, Permanent::No) => announce,
        };
        return decide(state, Plan::Replace, cookie, Reason::Changed);
    }
    if state.accessed && policy.refresh_due(state.extended, now) {
        match (state.kept, state.permanent) {
            (_, Permanent::Yes | Permanent::NowYes) => {
                return decide(state, Plan::Touch, Set, Reason::RefreshDue);
            }
            (Kept::InStore, _) => {
                return decide(state, Plan::Touch, announce, Reason::RefreshDue);
            }
            // Flask never extends a cookie session that is not permanent.
            (Kept::InCookie, _) => {}
        }
    }
    if announce == Set {
        return decide(state, Plan::Nothing, Set, Reason::SavedBefore);
    }
    let reason = if state.accessed {
        Reason::OnlyRead
    } else {
        Reason::Untouched
    };
    decide(state, Plan::Nothing, Keep, reason)
}

fn decide(state: &SessionState, plan: Plan, cookie: CookieAction, reason: Reason) -> Decision {
    // Every Set-Cookie implies Vary: Cookie.
    let vary = if state.accessed || cookie != CookieAction::Keep {
        Vary::Cookie
    } else {
        Vary::No
    };
    Decision {
        plan,
        cookie,
        vary,
        reason,
    }
}

#[cfg(test)]
mod tests;
