use jiff::SignedDuration;

use super::Findings;
use crate::config::Code;
use crate::config::draft::Place;

/// A hundred years. Far beyond it a date does not fit into a cookie's `Expires`.
const LONGEST: SignedDuration = SignedDuration::from_hours(100 * 365 * 24);

/// Cookies count whole seconds.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

pub(super) fn out_of_range(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let lifetimes = [
        ("PERMANENT_SESSION_LIFETIME", draft.lifetime),
        (
            "SESSION_ABSOLUTE_LIFETIME",
            draft.absolute_lifetime.flatten(),
        ),
    ];
    for (key, lifetime) in lifetimes {
        let what = match lifetime {
            Some(lifetime) if lifetime < SHORTEST => {
                "a session would be over as soon as it is made: the lifetime is less than a second"
            }
            Some(lifetime) if lifetime > LONGEST => "the lifetime is longer than a hundred years",
            _ => continue,
        };
        let fix = "write a duration between a second and a hundred years, such as '31d' or '12h'";
        findings.error(Code::LifetimeOutOfRange, key, what, fix);
    }
}

pub(super) fn negative_refresh(findings: &mut Findings<'_>) {
    if findings
        .draft
        .refresh_after
        .flatten()
        .is_some_and(|after| after.is_negative())
    {
        findings.error(
            Code::OutOfRange,
            "SESSION_REFRESH_AFTER",
            "the duration is negative",
            "write how long use waits before it extends a session again; 0 for every request",
        );
    }
}

pub(super) fn long_cache(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let (Some(cache), true) = (draft.cache_for.flatten(), draft.server_side_likely()) else {
        return;
    };
    if cache.is_negative() {
        findings.error(
            Code::OutOfRange,
            "SESSION_CACHE_FOR",
            "the duration is negative",
            "write how long a session may be shown after another process ended it, such as 2; leave it unset for no cache",
        );
    } else if cache > SignedDuration::from_mins(1) {
        findings.warning(
            Code::OutOfRange,
            "SESSION_CACHE_FOR",
            format!("for {cache:#} after a logout, other processes may show the session as it was"),
            "write a few seconds, such as 2",
        );
    }
}

pub(super) fn absolute_shorter(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let (Some(idle), Some(absolute)) = (
        sound(draft.lifetime),
        sound(draft.absolute_lifetime.flatten()),
    ) else {
        return;
    };
    if absolute < idle {
        findings.warning(
            Code::AbsoluteLifetimeShorter,
            "SESSION_ABSOLUTE_LIFETIME",
            format!("it is {absolute:#}, shorter than PERMANENT_SESSION_LIFETIME with {idle:#}, which then never ends a session"),
            "set PERMANENT_SESSION_LIFETIME to less than SESSION_ABSOLUTE_LIFETIME",
        );
    }
}

pub(super) fn refresh_too_late(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let (Some(idle), Some(after)) = (sound(draft.lifetime), draft.refresh_after.flatten()) else {
        return;
    };
    if draft.refresh_each_request == Some(true) && after >= idle {
        findings.warning(
            Code::RefreshTooLate,
            "SESSION_REFRESH_AFTER",
            format!("it is {after:#}, and sessions expire after {idle:#}: use alone never extends one"),
            "set it to a part of PERMANENT_SESSION_LIFETIME, or SESSION_REFRESH_EACH_REQUEST to false if that is meant",
        );
    }
}

pub(super) fn of_browser_sessions(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let in_store = matches!(draft.place(), Some(Place::Store(_)));
    let unset = findings.config.get("PERMANENT_SESSION_LIFETIME").is_none();
    if in_store && unset && draft.permanent == Some(Some(false)) {
        findings.warning(
            Code::LifetimeOfBrowserSessions,
            "SESSION_PERMANENT",
            "cookies end with the browser, and records stay in the store for 31 days: PERMANENT_SESSION_LIFETIME, which is not set, holds for all sessions, as in Flask-Session",
            "set PERMANENT_SESSION_LIFETIME to how long a session may be unused, such as '12h'; '31d' if that is meant",
        );
    }
}

fn sound(lifetime: Option<SignedDuration>) -> Option<SignedDuration> {
    lifetime.filter(|lifetime| (SHORTEST..=LONGEST).contains(lifetime))
}
