//! What happened to sessions: a `tracing` event and, with the feature `metrics`, a counter for each. No secrets.

use std::sync::Once;

#[cfg(feature = "metrics")]
use metrics::{Key, Label, Level, Metadata};

use crate::Error;
use crate::config::Problem;
use crate::cookie::Rejection;
use crate::plan::Decision;
#[cfg(feature = "metrics")]
use crate::plan::Reason;

/// The target of every event.
const TARGET: &str = "dewar::session";

macro_rules! count {
    ($name:literal $(, $label:literal => $value:expr)*) => {
        #[cfg(feature = "metrics")]
        metrics::counter!($name $(, $label => $value)*).increment(1);
    };
}

pub(crate) fn opened() {
    tracing::trace!(target: TARGET, "session opened");
    count!("dewar_sessions_opened_total");
}

/// Once for the process: it is so at every request.
pub(crate) fn nested() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(target: TARGET, "the session middleware is around itself: what is inside of both has another session than what is between them, and the cookie of one is lost; keep one of the two, unless a handler calls its own application with another request");
    });
}

/// Once for the process, as above.
pub(crate) fn one_cookie() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(target: TARGET, "a session middleware is around another that has the same cookie, by name, domain and path: the browser keeps the cookie of one; give one of the two another SESSION_COOKIE_NAME or SESSION_COOKIE_PATH");
    });
}

pub(crate) fn shown_too_late() {
    tracing::warn!(target: TARGET, "flash messages were taken out of a session after its response began: its cookie has been sent, and they will be shown again; take them before");
}

pub(crate) fn changed_too_late() {
    tracing::warn!(target: TARGET, "a session was changed after its response began, and not saved: what was changed is lost; call save() where a stream, a WebSocket or a task of its own goes on with it");
}

/// Loudly if `untold` says of how many cookies nothing was said so far: somebody should look at those.
pub(crate) fn rejected(rejection: &Rejection, untold: Option<u64>) {
    let reason = rejection.reason();
    match untold {
        None => {
            tracing::debug!(target: TARGET, reason, "session cookie rejected: {rejection}");
        }
        Some(rejected) => {
            let advice = advice(rejection);
            tracing::warn!(target: TARGET, reason, rejected, "session cookie rejected: {rejection}{advice}");
        }
    }
    count!("dewar_cookies_rejected_total", "reason" => reason);
}

/// What to look at, where the rejection's own text does not say it.
fn advice(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::BadSignature { .. } => {
            "; if that goes on, another worker or server has another SECRET_KEY, the key was changed without \
             SECRET_KEY_FALLBACKS, or another application of this host has the same SESSION_COOKIE_NAME: \
             `dewar cookie verify` tells which"
        }
        _ => "",
    }
}

pub(crate) fn undecodable(error: &Error) {
    tracing::warn!(target: TARGET, error = error as &dyn std::error::Error, "a session record cannot be decoded: it is damaged, or something else writes under the same SESSION_KEY_PREFIX");
    count!("dewar_records_undecodable_total");
}

pub(crate) fn created() {
    tracing::debug!(target: TARGET, "session created");
    count!("dewar_sessions_created_total");
}

pub(crate) fn merged() {
    tracing::debug!(target: TARGET, "session was changed by another request meanwhile; merging");
    count!("dewar_sessions_merged_total");
}

pub(crate) fn gone() {
    tracing::info!(target: TARGET, "session was ended by another request meanwhile; nothing is written");
    count!("dewar_sessions_gone_total");
}

pub(crate) fn regenerated() {
    tracing::debug!(target: TARGET, "session regenerated");
    count!("dewar_sessions_regenerated_total");
}

pub(crate) fn rotation_incomplete(error: &Error) {
    tracing::warn!(target: TARGET, error = error as &dyn std::error::Error, "session regenerated, but the old record could not be removed; it will expire");
    count!("dewar_sessions_rotation_incomplete_total");
}

pub(crate) fn destroyed() {
    tracing::debug!(target: TARGET, "session destroyed");
    count!("dewar_sessions_destroyed_total");
}

pub(crate) fn store_failed(operation: &'static str, error: &Error) {
    tracing::error!(target: TARGET, operation, error = error as &dyn std::error::Error, "session store failed");
    count!("dewar_store_errors_total", "operation" => operation);
}

pub(crate) fn closed(decision: &Decision) {
    tracing::trace!(target: TARGET, plan = ?decision.plan, cookie = ?decision.cookie, reason = decision.reason.label(), "session closed");
    #[cfg(feature = "metrics")]
    count_closed(decision.reason);
}

/// Counts under a key that was made at compile time: one made here would be an allocation for every request.
#[cfg(feature = "metrics")]
fn count_closed(reason: Reason) {
    macro_rules! key_of {
        ($($known:ident)*) => {
            match reason {
                $(Reason::$known => {
                    static LABEL: [Label; 1] = [Label::from_static_parts("reason", Reason::$known.label())];
                    static KEY: Key = Key::from_static_parts("dewar_sessions_closed_total", &LABEL);
                    &KEY
                })*
            }
        };
    }
    let key = key_of!(
        Untouched OnlyRead ReadOnly NewAndEmpty NewWithData Changed Emptied RefreshDue SavedBefore Regenerated
        Destroyed DestroyedThenWritten Gone StoreFailed
    );
    static METADATA: Metadata<'_> =
        Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA)).increment(1);
}

pub(crate) fn keys_replaced(accepted: usize) {
    tracing::info!(target: TARGET, accepted, "secret keys replaced");
    count!("dewar_keys_replaced_total");
}

pub(crate) fn config_warning(problem: &Problem) {
    tracing::warn!(target: TARGET, "{problem}");
}
