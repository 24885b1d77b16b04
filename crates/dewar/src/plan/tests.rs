use std::time::Duration;

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
const LIFETIME: Duration = Duration::from_secs(1000);
const PAUSE: Duration = Duration::from_secs(100);

fn policy() -> Policy {
    Policy {
        lifetime: LIFETIME,
        absolute_lifetime: None,
        refresh: Refresh::After(PAUSE),
    }
}

/// A known session of that kind that nobody reached for, extended just now.
fn known(kept: Kept) -> SessionState {
    SessionState {
        kept,
        presence: Presence::Known,
        fate: Fate::Kept,
        access: Access::ReadWrite,
        content: Content::Filled,
        accessed: false,
        modified: false,
        permanent: Permanent::No,
        cookie_received: true,
        extended: Some(NOW),
    }
}

fn new(kept: Kept) -> SessionState {
    SessionState {
        presence: Presence::New,
        content: Content::Empty,
        cookie_received: false,
        extended: None,
        ..known(kept)
    }
}

const STORE: Kept = Kept::InStore;
const COOKIE: Kept = Kept::InCookie;
const DUE: Option<UnixTime> = Some(UnixTime::from_seconds(1_700_000_000 - 100));
const NOT_DUE: Option<UnixTime> = Some(UnixTime::from_seconds(1_700_000_000 - 99));

#[test]
fn every_row_of_the_table_is_decided_as_written() {
    use CookieAction as C;
    use Plan as P;
    use Reason as R;

    let read = |state| SessionState {
        accessed: true,
        ..state
    };
    let written = |state| SessionState {
        accessed: true,
        modified: true,
        content: Content::Filled,
        ..state
    };
    let emptied = |state| SessionState {
        accessed: true,
        modified: true,
        content: Content::Empty,
        ..state
    };
    let permanent = |state| SessionState {
        permanent: Permanent::Yes,
        ..state
    };
    let due = |state| SessionState {
        extended: DUE,
        ..state
    };
    let regenerated = |state| SessionState {
        accessed: true,
        fate: Fate::Regenerated,
        ..state
    };
    let destroyed = |state| SessionState {
        accessed: true,
        fate: Fate::Destroyed,
        content: Content::Empty,
        ..state
    };
    let filled = |state| SessionState {
        content: Content::Filled,
        ..state
    };
    let destroyed_then_written = |state| {
        written(SessionState {
            fate: Fate::Destroyed,
            ..state
        })
    };
    let unannounced = |state| SessionState {
        presence: Presence::Unannounced,
        cookie_received: false,
        accessed: true,
        ..state
    };
    let read_only = |state| SessionState {
        access: Access::ReadOnly,
        ..state
    };
    let null = |state| SessionState {
        access: Access::Null,
        ..state
    };
    let stale_cookie = |state| SessionState {
        cookie_received: true,
        ..state
    };

    #[rustfmt::skip]
    let table = [
        // Nobody reached for it: nothing, whatever it is, however old it is.
        ("new store, untouched", new(STORE), P::Nothing, C::Keep, Vary::No, R::Untouched),
        ("new cookie, untouched", new(COOKIE), P::Nothing, C::Keep, Vary::No, R::Untouched),
        ("known store, untouched", due(known(STORE)), P::Nothing, C::Keep, Vary::No, R::Untouched),
        ("known permanent store, untouched", permanent(due(known(STORE))), P::Nothing, C::Keep, Vary::No, R::Untouched),
        ("known permanent cookie, untouched", permanent(due(known(COOKIE))), P::Nothing, C::Keep, Vary::No, R::Untouched),

        // Read.
        ("new, read", read(new(STORE)), P::Nothing, C::Keep, Vary::Cookie, R::NewAndEmpty),
        ("new with its default keys, read", SessionState { content: Content::Filled, ..read(new(COOKIE)) }, P::Nothing, C::Keep, Vary::Cookie, R::NewAndEmpty),
        ("stale cookie, read", stale_cookie(read(new(STORE))), P::Nothing, C::Keep, Vary::Cookie, R::NewAndEmpty),
        ("known store, read", read(known(STORE)), P::Nothing, C::Keep, Vary::Cookie, R::OnlyRead),
        ("known store, read, due", due(read(known(STORE))), P::Touch, C::Keep, Vary::Cookie, R::RefreshDue),
        ("permanent store, read, due", permanent(due(read(known(STORE)))), P::Touch, C::Set, Vary::Cookie, R::RefreshDue),
        ("permanent store, read, not due", permanent(SessionState { extended: NOT_DUE, ..read(known(STORE)) }), P::Nothing, C::Keep, Vary::Cookie, R::OnlyRead),
        ("store cannot tell, read", SessionState { extended: None, ..read(known(STORE)) }, P::Touch, C::Keep, Vary::Cookie, R::RefreshDue),
        ("known cookie, read, due", due(read(known(COOKIE))), P::Nothing, C::Keep, Vary::Cookie, R::OnlyRead),
        ("permanent cookie, read, due", permanent(due(read(known(COOKIE)))), P::Touch, C::Set, Vary::Cookie, R::RefreshDue),
        ("permanent cookie, read, not due", permanent(read(known(COOKIE))), P::Nothing, C::Keep, Vary::Cookie, R::OnlyRead),

        // Written.
        ("new store, written", written(new(STORE)), P::Create, C::Set, Vary::Cookie, R::NewWithData),
        ("new cookie, written", written(new(COOKIE)), P::Create, C::Set, Vary::Cookie, R::NewWithData),
        ("known store, written", written(known(STORE)), P::Replace, C::Keep, Vary::Cookie, R::Changed),
        ("permanent store, written", permanent(written(known(STORE))), P::Replace, C::Set, Vary::Cookie, R::Changed),
        ("store, made permanent", SessionState { permanent: Permanent::NowYes, ..written(known(STORE)) }, P::Replace, C::Set, Vary::Cookie, R::Changed),
        ("store, made not permanent", SessionState { permanent: Permanent::NowNo, ..written(known(STORE)) }, P::Replace, C::Set, Vary::Cookie, R::Changed),
        ("known cookie, written", written(known(COOKIE)), P::Replace, C::Set, Vary::Cookie, R::Changed),

        // Emptied.
        ("new, emptied", emptied(new(STORE)), P::Nothing, C::Keep, Vary::Cookie, R::Emptied),
        ("stale cookie, emptied", stale_cookie(emptied(new(STORE))), P::Nothing, C::Delete, Vary::Cookie, R::Emptied),
        ("known store, emptied", emptied(known(STORE)), P::Delete, C::Delete, Vary::Cookie, R::Emptied),
        ("known cookie, emptied", emptied(known(COOKIE)), P::Delete, C::Delete, Vary::Cookie, R::Emptied),

        // Regenerated.
        ("new, regenerated, empty", regenerated(new(STORE)), P::Nothing, C::Keep, Vary::Cookie, R::NewAndEmpty),
        ("new, regenerated, written", regenerated(written(new(STORE))), P::Create, C::Set, Vary::Cookie, R::NewWithData),
        ("known store, regenerated", regenerated(known(STORE)), P::Rotate, C::Set, Vary::Cookie, R::Regenerated),
        ("known store, regenerated, written", regenerated(written(known(STORE))), P::Rotate, C::Set, Vary::Cookie, R::Regenerated),
        ("known cookie, regenerated", regenerated(known(COOKIE)), P::Replace, C::Set, Vary::Cookie, R::Regenerated),
        ("known store, regenerated, emptied", regenerated(emptied(known(STORE))), P::Delete, C::Delete, Vary::Cookie, R::Emptied),

        // Destroyed.
        ("new, destroyed", destroyed(new(STORE)), P::Nothing, C::Keep, Vary::Cookie, R::Destroyed),
        ("stale cookie, destroyed", stale_cookie(destroyed(new(STORE))), P::Nothing, C::Delete, Vary::Cookie, R::Destroyed),
        ("known store, destroyed", destroyed(known(STORE)), P::Delete, C::Delete, Vary::Cookie, R::Destroyed),
        ("known cookie, destroyed", destroyed(known(COOKIE)), P::Delete, C::Delete, Vary::Cookie, R::Destroyed),
        ("new cookie, destroyed, holds what it is made with", filled(destroyed(new(COOKIE))), P::Nothing, C::Keep, Vary::Cookie, R::Destroyed),
        ("known cookie, destroyed, holds what it is made with", filled(destroyed(known(COOKIE))), P::Delete, C::Delete, Vary::Cookie, R::Destroyed),
        ("new, destroyed, written", destroyed_then_written(new(STORE)), P::Create, C::Set, Vary::Cookie, R::DestroyedThenWritten),
        ("known store, destroyed, written", destroyed_then_written(known(STORE)), P::Restart, C::Set, Vary::Cookie, R::DestroyedThenWritten),

        // Saved in the middle of the request.
        ("saved before", unannounced(known(STORE)), P::Nothing, C::Set, Vary::Cookie, R::SavedBefore),
        ("saved before, written again", written(unannounced(known(STORE))), P::Replace, C::Set, Vary::Cookie, R::Changed),
        ("saved before, destroyed", destroyed(unannounced(known(STORE))), P::Delete, C::Keep, Vary::Cookie, R::Destroyed),

        // Read-only.
        ("null, untouched", null(new(COOKIE)), P::Nothing, C::Keep, Vary::No, R::ReadOnly),
        ("null, read", null(read(new(COOKIE))), P::Nothing, C::Keep, Vary::No, R::ReadOnly),
        ("store failed, read", read_only(read(stale_cookie(new(STORE)))), P::Nothing, C::Keep, Vary::Cookie, R::ReadOnly),
    ];
    for (name, state, plan_, cookie, vary, reason) in table {
        let decision = plan(&state, &policy(), NOW);
        assert_eq!(
            decision,
            Decision {
                plan: plan_,
                cookie,
                vary,
                reason
            },
            "{name}"
        );
    }
}

#[test]
fn refresh_never_means_that_use_extends_nothing() {
    let policy = Policy {
        refresh: Refresh::Never,
        ..policy()
    };
    for kept in [STORE, COOKIE] {
        let state = SessionState {
            accessed: true,
            extended: DUE,
            permanent: Permanent::Yes,
            ..known(kept)
        };
        assert_eq!(plan(&state, &policy, NOW).plan, Plan::Nothing);
    }
}

#[test]
fn every_set_cookie_comes_with_vary_and_untouched_sessions_do_nothing() {
    for_all_states(|state| {
        let decision = plan(&state, &policy(), NOW);
        if decision.cookie != CookieAction::Keep {
            assert_eq!(decision.vary, Vary::Cookie, "{state:?}");
        }
        if state.accessed && state.access != Access::Null {
            assert_eq!(decision.vary, Vary::Cookie, "{state:?}");
        }
        let untouched = !state.accessed
            && !state.modified
            && state.fate == Fate::Kept
            && state.presence != Presence::Unannounced;
        if untouched {
            assert_eq!(decision.plan, Plan::Nothing, "{state:?}");
            assert_eq!(decision.cookie, CookieAction::Keep, "{state:?}");
        }
    });
}

#[test]
fn nothing_empty_is_ever_written_and_nothing_absent_deleted() {
    for_all_states(|state| {
        let decision = plan(&state, &policy(), NOW);
        if state.content == Content::Empty && state.modified {
            let harmless = matches!(decision.plan, Plan::Nothing | Plan::Delete);
            assert!(harmless, "{state:?} gave {decision:?}");
            assert_ne!(decision.cookie, CookieAction::Set, "{state:?}");
        }
        if state.presence == Presence::New {
            let creates = matches!(decision.plan, Plan::Nothing | Plan::Create);
            assert!(creates, "{state:?} gave {decision:?}");
        }
        if state.access != Access::ReadWrite {
            assert_eq!(decision.plan, Plan::Nothing);
            assert_eq!(decision.cookie, CookieAction::Keep);
        }
    });
}

#[test]
fn a_session_ends_at_the_earlier_of_idle_and_absolute_lifetime() {
    let policy = Policy {
        absolute_lifetime: Some(Duration::from_secs(5000)),
        ..policy()
    };
    assert_eq!(policy.expires(None, NOW), NOW + LIFETIME);
    assert_eq!(
        policy.expires(Some(NOW - Duration::from_secs(4500)), NOW),
        NOW + Duration::from_secs(500)
    );
    assert!(!policy.is_over(Some(NOW - Duration::from_secs(4999)), NOW));
    assert!(policy.is_over(Some(NOW - Duration::from_secs(5000)), NOW));
    assert!(!policy.is_over(None, NOW));
}

fn for_all_states(check: impl Fn(SessionState)) {
    for kept in [Kept::InCookie, Kept::InStore] {
        for presence in [Presence::New, Presence::Known, Presence::Unannounced] {
            for fate in [Fate::Kept, Fate::Regenerated, Fate::Destroyed] {
                for access in [Access::ReadWrite, Access::ReadOnly, Access::Null] {
                    for content in [Content::Empty, Content::Filled] {
                        for permanent in [
                            Permanent::Yes,
                            Permanent::No,
                            Permanent::NowYes,
                            Permanent::NowNo,
                        ] {
                            for extended in [None, DUE, NOT_DUE] {
                                for bits in 0..8u8 {
                                    check(SessionState {
                                        kept,
                                        presence,
                                        fate,
                                        access,
                                        content,
                                        permanent,
                                        extended,
                                        accessed: bits & 1 != 0,
                                        modified: bits & 2 != 0,
                                        cookie_received: bits & 4 != 0,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
