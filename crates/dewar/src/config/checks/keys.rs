use super::Findings;
use crate::config::draft::{ChosenType, Place};
use crate::config::layers::Overlooked;
use crate::config::{Code, Config, Origin, Severity, Stage};
use crate::signing::SecretKey;

const MAKE_ONE: &str = "make one with: python3 -c 'import secrets; print(secrets.token_hex())'";

/// Keys below this many bytes can be found by trying.
const SHORTEST: usize = 16;

/// Keys with fewer bits of chance can too, however long they are.
const FEWEST_BITS: u32 = 80;

/// So many variables without the prefix are told.
const MOST_OVERLOOKED: usize = 3;

pub(super) fn sessions_unavailable(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let unset = draft.session_type == Some(ChosenType::Unset);
    if unset && matches!(draft.secret_key, Some(None)) && !findings.source_failed() {
        let mut what = String::from(
            "neither SECRET_KEY nor SESSION_TYPE is set: sessions can be read (they are empty), and writing fails",
        );
        let overlooked = overlooked(findings.config);
        for Overlooked { name, read, origin } in &overlooked {
            what += &match origin {
                Origin::Variable(_) => {
                    format!("; the {origin} is there, but only {read} is read")
                }
                _ => format!("; {name} is there ({origin}), but only {read} is read"),
            };
        }
        let fix = match overlooked.first() {
            Some(first) if decides(&first.name) => {
                let read: Vec<_> = overlooked.iter().map(|variable| &*variable.read).collect();
                format!("write {}, or have plain names read too", read.join(" and "))
            }
            _ => format!(
                "set SECRET_KEY for sessions in signed cookies ({MAKE_ONE}), or SESSION_TYPE for a store"
            ),
        };
        findings.warning(Code::SessionsUnavailable, "SECRET_KEY", what, fix);
    }
}

/// The variables about sessions that lack the prefix, those that decide where sessions live first.
fn overlooked(config: &Config) -> Vec<&Overlooked> {
    let about = |name: &str| name.starts_with("SESSION_") || name.starts_with("SECRET_KEY");
    let mut found: Vec<_> = config
        .overlooked()
        .iter()
        .filter(|variable| about(&variable.name))
        .collect();
    found.sort_by_key(|variable| !decides(&variable.name));
    found.truncate(MOST_OVERLOOKED);
    found
}

/// Whether a variable of this name says where sessions live.
fn decides(name: &str) -> bool {
    matches!(name, "SECRET_KEY" | "SECRET_KEY_FILE" | "SESSION_TYPE")
}

pub(super) fn secret_key_missing(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let missing = draft.signs() && matches!(draft.secret_key, Some(None));
    if missing && !findings.source_failed() {
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

pub(super) fn well_known(findings: &mut Findings<'_>) {
    each_key(findings, Code::SecretKeyWellKnown, |key| {
        let place = key.well_known()?;
        let what = format!("is well known, from {place}: anybody can make any session with it");
        Some((what, MAKE_ONE.into()))
    });
}

pub(super) fn short(findings: &mut Findings<'_>) {
    each_key(findings, Code::SecretKeyShort, |key| {
        let unknown = key.well_known().is_none();
        (unknown && (1..SHORTEST).contains(&key.len())).then(|| {
            let bytes = match key.len() {
                1 => "1 byte".to_owned(),
                bytes => format!("{bytes} bytes"),
            };
            (
                format!("has {bytes}: whoever finds it by trying can make any session"),
                format!("use {SHORTEST} random bytes or more; {MAKE_ONE}"),
            )
        })
    });
}

pub(super) fn weak(findings: &mut Findings<'_>) {
    each_key(findings, Code::SecretKeyWeak, |key| {
        let bits = key.estimated_bits();
        let other = key.len() < SHORTEST || key.well_known().is_some();
        (!other && bits < FEWEST_BITS).then(|| {
            (
                format!("leaves at most about {bits} bits to chance: whoever finds it by trying can make any session"),
                format!("draw a key by chance; {MAKE_ONE}"),
            )
        })
    });
}

/// Of the key that signs: one that was replaced for this stays among the fallbacks as it is.
pub(super) fn wrapped(findings: &mut Findings<'_>) {
    if let Some(what) = used_key(findings).and_then(wrapping) {
        findings.warning(
            Code::SecretKeyWrapped,
            "SECRET_KEY",
            what,
            "write the key alone; that is another key, so put this one into SECRET_KEY_FALLBACKS for as long as sessions live",
        );
    }
}

/// What stands around a key of text that was hardly meant to be a part of it.
fn wrapping(key: &SecretKey) -> Option<&'static str> {
    let text = std::str::from_utf8(key.expose()).ok()?;
    let line = text.trim_end_matches(['\n', '\r']);
    let quoted = |quote| line.len() > 1 && line.starts_with(quote) && line.ends_with(quote);
    if line.contains(char::is_control) {
        // Bytes drawn by chance may end in anything.
        None
    } else if line.len() < text.len() {
        Some(
            "the key ends in a line's end, which is a part of it: whoever reads it as a line has another",
        )
    } else if quoted('"') || quoted('\'') {
        Some(
            "the key stands in quotes, which are a part of it: whoever reads it without has another",
        )
    } else {
        None
    }
}

pub(super) fn open_files(findings: &mut Findings<'_>) {
    for key in ["SECRET_KEY", "SECRET_KEY_FALLBACKS"] {
        if findings.draft.signs() && findings.config.is_exposed(key) {
            let file = match findings.config.origin(key) {
                Origin::SecretFile { path, .. } => path.display().to_string(),
                Origin::Source { name, .. } => name.clone(),
                // Nothing else is found open.
                origin => origin.to_string(),
            };
            findings.warning(
                Code::SecretFileOpen,
                key,
                "every user of this machine may read the file that the key is in",
                format!(
                    "make it its owner's alone: chmod 600 '{}'; in Kubernetes set defaultMode to 0400",
                    file.replace('\'', r"'\''")
                ),
            );
        }
    }
}

/// Reports the first key of the setting, and the first of its fallbacks, that `judge` finds fault with; with such a
/// key no engine is made in production.
fn each_key(
    findings: &mut Findings<'_>,
    code: Code,
    judge: impl Fn(&SecretKey) -> Option<(String, String)>,
) {
    let severity = match findings.config.current_stage() {
        Stage::Production => Severity::Error,
        Stage::Development => Severity::Warning,
    };
    if let Some((what, fix)) = used_key(findings).and_then(&judge) {
        findings.push(severity, code, "SECRET_KEY", format!("the key {what}"), fix);
    }
    let Some(keys) = used_fallbacks(findings) else {
        return;
    };
    let found = keys
        .iter()
        .enumerate()
        .find_map(|(at, key)| Some((at, judge(key)?)));
    if let Some((at, (what, fix))) = found {
        let what = format!("key {} of {} {what}", at + 1, keys.len());
        findings.push(severity, code, "SECRET_KEY_FALLBACKS", what, fix);
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
