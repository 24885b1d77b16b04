use super::Findings;
use crate::config::Code;
use crate::config::draft::{ChosenType, Place};
use crate::signing::SecretKey;

const MAKE_ONE: &str = "make one with: python3 -c 'import secrets; print(secrets.token_hex())'";

/// Keys below this many bytes can be found by trying.
const SHORTEST: usize = 16;

pub(super) fn sessions_unavailable(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let unset = draft.session_type == Some(ChosenType::Unset);
    if unset && matches!(draft.secret_key, Some(None)) {
        findings.warning(
            Code::SessionsUnavailable,
            "SECRET_KEY",
            "neither SECRET_KEY nor SESSION_TYPE is set: sessions can be read (they are empty), and writing fails",
            format!("set SECRET_KEY for sessions in signed cookies ({MAKE_ONE}), or SESSION_TYPE for a store"),
        );
    }
}

pub(super) fn secret_key_missing(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    if draft.signs() && matches!(draft.secret_key, Some(None)) {
        let what = match draft.place() {
            Some(Place::Store(_)) | None => {
                "SESSION_USE_SIGNER is set, and there is no key to sign with"
            }
            _ => "SESSION_TYPE is 'cookie', and there is no key to sign cookies with",
        };
        let fix = format!("set SECRET_KEY; {MAKE_ONE}");
        findings.error(Code::SecretKeyMissing, "SECRET_KEY", what, fix);
    }
}

pub(super) fn secret_key_empty(findings: &mut Findings<'_>) {
    if used_key(findings).is_some_and(SecretKey::is_empty) {
        let fix = format!("write a key of {SHORTEST} bytes or more; {MAKE_ONE}");
        findings.error(Code::SecretKeyEmpty, "SECRET_KEY", "the key is empty", fix);
    }
}

pub(super) fn secret_key_short(findings: &mut Findings<'_>) {
    let length = used_key(findings).map_or(0, SecretKey::len);
    if (1..SHORTEST).contains(&length) {
        findings.warning(
            Code::SecretKeyShort,
            "SECRET_KEY",
            format!("the key has {length} bytes: whoever finds it by trying can make any session"),
            format!("use {SHORTEST} random bytes or more; {MAKE_ONE}"),
        );
    }
}

pub(super) fn fallback_empty(findings: &mut Findings<'_>) {
    let Some(keys) = used_fallbacks(findings) else {
        return;
    };
    let Some(at) = keys.iter().position(SecretKey::is_empty) else {
        return;
    };
    findings.error(
        Code::FallbackEmpty,
        "SECRET_KEY_FALLBACKS",
        format!(
            "key {} of {} is empty: anybody could sign with it",
            at + 1,
            keys.len()
        ),
        "remove the empty entry",
    );
}

pub(super) fn fallback_is_secret_key(findings: &mut Findings<'_>) {
    let (Some(key), Some(keys)) = (used_key(findings), used_fallbacks(findings)) else {
        return;
    };
    if let Some(at) = keys.iter().position(|fallback| fallback == key) {
        // An empty key is a finding of its own.
        if !key.is_empty() {
            findings.warning(
                Code::FallbackIsSecretKey,
                "SECRET_KEY_FALLBACKS",
                format!("key {} of {} is SECRET_KEY itself", at + 1, keys.len()),
                "list only keys that were SECRET_KEY before",
            );
        }
    }
}

fn used_key<'a>(findings: &Findings<'a>) -> Option<&'a SecretKey> {
    let draft = findings.draft;
    draft
        .secret_key
        .as_ref()?
        .as_ref()
        .filter(|_| draft.signs())
}

fn used_fallbacks<'a>(findings: &Findings<'a>) -> Option<&'a [SecretKey]> {
    let draft = findings.draft;
    draft.fallbacks.as_deref().filter(|_| draft.signs())
}
