use super::Findings;
use crate::config::draft::{ChosenType, Place};
use crate::config::setting::quoted;
use crate::config::{Code, Key, Scope};

pub(super) fn unknown_keys(findings: &mut Findings<'_>) {
    for name in findings.config.keys() {
        if Key::find(name).is_some() {
            continue;
        }
        let no_effect = "there is no such key, so it has no effect";
        let (what, fix) = match &Key::meant_by(name)[..] {
            [] => (
                "it is no key of sessions, which take nothing from it",
                "leave it if something else reads it, or remove it; all keys are in the documentation".into(),
            ),
            [key] if *key == name.to_ascii_uppercase() => {
                (no_effect, format!("write {key}: keys are upper case, as in Flask"))
            }
            keys => (no_effect, format!("did you mean {}?", keys.join(" or "))),
        };
        findings.warning(Code::UnknownKey, name, what, fix);
    }
}

pub(super) fn unused_settings(findings: &mut Findings<'_>) {
    let Some(place) = findings.draft.place() else {
        return;
    };
    let unset = findings.draft.session_type == Some(ChosenType::Unset);
    if unset && findings.source_failed() {
        return;
    }
    let chosen = match place {
        Place::Nowhere => "null",
        Place::Cookie => "cookie",
        Place::Store(name) => name,
    };
    let config = findings.config;
    for key in config.keys().filter_map(Key::find) {
        let used_with = match (key.scope, place) {
            (Scope::Everywhere, _) | (Scope::ServerSide, Place::Store(_)) => continue,
            (Scope::SignedCookie, Place::Cookie) => continue,
            (Scope::Stores(names), Place::Store(name)) if names.contains(&name) => continue,
            (Scope::SignedCookie, _) => "cookie".to_owned(),
            (Scope::ServerSide, _) => "a store".to_owned(),
            (Scope::Stores(names), _) => names.join(" or "),
        };
        if config.get(key.name).is_none() {
            continue;
        }
        let (what, fix) = match findings.draft.session_type {
            Some(ChosenType::Unset) => (
                format!(
                    "it has no effect: SESSION_TYPE is not set, so sessions live {}",
                    home(place)
                ),
                format!("set SESSION_TYPE to {used_with}, or remove {}", key.name),
            ),
            Some(ChosenType::Given) => (
                "it has no effect: sessions live in the store that the engine is given".to_owned(),
                "remove it".to_owned(),
            ),
            Some(ChosenType::Named(_)) | None => (
                format!("it has no effect: SESSION_TYPE is '{chosen}'"),
                format!("remove it, or set SESSION_TYPE to {used_with} if that was meant"),
            ),
        };
        findings.warning(Code::UnusedSetting, key.name, what, fix);
    }
}

fn home(place: Place) -> &'static str {
    match place {
        Place::Nowhere => "nowhere",
        Place::Cookie => "in signed cookies",
        Place::Store(_) => "in a store",
    }
}

pub(super) fn memory_capacity(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    if draft.place() == Some(Place::Store("memory")) && draft.memory_capacity == Some(0) {
        findings.error(
            Code::OutOfRange,
            "SESSION_MEMORY_CAPACITY",
            "with room for 0 sessions none can be made",
            "write the most sessions that may live at once",
        );
    }
}

pub(super) fn id_length(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let Some(length) = draft.id_length.filter(|_| draft.server_side_likely()) else {
        return;
    };
    let what = match length {
        ..16 => format!("{length} random bytes can be guessed"),
        193.. => {
            format!("{length} random bytes make an id that is longer than is accepted in a cookie")
        }
        _ => return,
    };
    findings.error(
        Code::IdLength,
        "SESSION_ID_LENGTH",
        what,
        "write a number from 16 to 192; 32 is the default",
    );
}

/// Stores that keep sessions in a table of their own, with nothing else in it.
const WITH_A_TABLE: [&str; 6] = [
    "sqlalchemy",
    "sqlite",
    "postgresql",
    "mysql",
    "mongodb",
    "dynamodb",
];

pub(super) fn empty_key_prefix(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let alone = matches!(draft.place(), Some(Place::Store(store)) if WITH_A_TABLE.contains(&store));
    if draft.server_side_likely() && !alone && draft.key_prefix.as_deref() == Some("") {
        findings.warning(
            Code::KeyPrefixEmpty,
            "SESSION_KEY_PREFIX",
            "without a prefix, sessions cannot be told from what else is in the store",
            "set a prefix that only these sessions have; the default is 'session:'",
        );
    }
}

pub(super) fn open_key_prefix(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let Some(prefix) = draft.key_prefix.as_ref() else {
        return;
    };
    // What may stand in a session id may stand in the rest of a longer prefix, and both together in a cookie.
    let open = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if draft.server_side_likely() && prefix.ends_with(open) {
        findings.warning(
            Code::KeyPrefixOpen,
            "SESSION_KEY_PREFIX",
            format!(
                "keys of others may begin with it, such as {}: listing, counting and removing sessions would meet them, and their ids could be used here",
                quoted(&format!("{prefix}2_"))
            ),
            format!("end it with a sign that is in no id: {}; sessions under the old prefix are not found then", quoted(&format!("{}:", prefix.trim_end_matches(['-', '_'])))),
        );
    }
}

pub(super) fn unusable_key_prefix(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let (Some(Place::Store(store)), Some(prefix), Some(bytes)) =
        (draft.place(), &draft.key_prefix, draft.id_length)
    else {
        return;
    };
    let longest = match store {
        "memcached" => 250,
        "sqlalchemy" | "sqlite" | "postgresql" | "mysql" => 255,
        _ => return,
    };
    // Base64 without padding.
    let id = usize::try_from(bytes)
        .unwrap_or(0)
        .saturating_mul(4)
        .div_ceil(3);
    let what = if store == "memcached" && prefix.contains(|c: char| c == ' ' || c.is_control()) {
        format!("{store} takes no keys with spaces or control characters")
    } else if prefix.len().saturating_add(id) > longest {
        format!(
            "{store} takes keys of at most {longest} bytes; prefix and session id make {}",
            prefix.len() + id
        )
    } else {
        return;
    };
    findings.error(
        Code::KeyPrefixUnusable,
        "SESSION_KEY_PREFIX",
        what,
        "write a short prefix of letters and digits with a sign at its end; the default is 'session:'",
    );
}

pub(super) fn open_file_mode(findings: &mut Findings<'_>) {
    let (Some(Place::Store("cachelib" | "filesystem")), Some(mode)) =
        (findings.draft.place(), findings.draft.file_mode)
    else {
        return;
    };
    if mode & 0o077 != 0 {
        findings.warning(
            Code::FileModeOpen,
            "SESSION_FILE_MODE",
            format!("with mode {mode:04o} other users of this machine may reach session files"),
            "set it to \"0600\", unless several users run the application",
        );
    }
}
