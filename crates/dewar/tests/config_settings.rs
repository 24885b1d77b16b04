//! What the values of a sound configuration become.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use dewar::config::{
    Config, Interface, KEYS, Kind, OnStoreFailure, Permanence, Preset, RecordFormat, Refresh,
    SESSION_TYPES, SameSite, ServerSideSettings, Setting, Settings, StoreSettings,
};
use dewar::signing::{Digest, KeyDerivation, Keyring};
use dewar::{Engine, ErrorKind};
use serde_json::json;

const KEY: &str = "0f3a9c5e7b1d2468ace013579bdf0246";

fn settings(config: Config) -> Settings {
    config.settings().unwrap().settings
}

fn server_side(config: Config) -> ServerSideSettings {
    match settings(config).interface {
        Interface::ServerSide(server_side) => server_side,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_secret_key_alone_gives_flasks_defaults() {
    let settings = settings(Config::new().secret_key(KEY));
    let Interface::SignedCookie(signed) = &settings.interface else {
        panic!("{settings:?}");
    };
    assert_eq!(signed.keys, Keyring::new(KEY));
    assert_eq!(signed.salt, "cookie-session");
    assert_eq!(
        (signed.digest, signed.key_derivation),
        (Digest::Sha1, KeyDerivation::Hmac)
    );
    let cookie = &settings.cookie;
    assert_eq!(
        (cookie.name.as_str(), cookie.path.as_str()),
        ("session", "/")
    );
    assert_eq!(
        (&cookie.domain, cookie.same_site, cookie.max_size),
        (&None, None, Some(4093))
    );
    assert_eq!(
        (cookie.secure, cookie.http_only, cookie.partitioned),
        (false, true, false)
    );
    assert_eq!(settings.lifetime, Duration::from_secs(31 * 86_400));
    assert_eq!(settings.absolute_lifetime, None);
    assert_eq!(settings.refresh, Refresh::After(Duration::from_secs(3600)));
    assert_eq!(settings.permanent, Permanence::UntilBrowserCloses);
    assert_eq!(settings.on_store_failure, OnStoreFailure::Fail);
}

#[test]
fn a_store_has_flask_sessions_defaults() {
    let config = || Config::new().session_type("filesystem");
    let server_side = server_side(config());
    assert_eq!(server_side.key_prefix, "session:");
    assert_eq!(server_side.signer, None);
    assert_eq!(server_side.id_bytes, 32);
    // As its pickles keep every type.
    assert_eq!(server_side.format, RecordFormat::MsgpackTyped);
    assert_eq!(server_side.cleanup_every, None);
    let StoreSettings::Filesystem { directory, mode } = server_side.store else {
        panic!("not the filesystem");
    };
    assert_eq!((directory, mode), (PathBuf::from("flask_session"), 0o600));
    assert_eq!(settings(config()).permanent, Permanence::Permanent);
    for other in ["redis", "sqlalchemy", "memory"] {
        let format = self::server_side(Config::new().session_type(other)).format;
        assert_eq!(format, RecordFormat::Msgpack);
    }
    let plain = config().set("SESSION_SERIALIZATION_FORMAT", "msgpack");
    assert_eq!(self::server_side(plain).format, RecordFormat::Msgpack);
}

#[test]
fn cachelibs_folder_is_its_own_or_flask_sessions_and_holds_pickles() {
    let folder = |config: Config| {
        let settings = server_side(config.session_type("cachelib"));
        assert_eq!(settings.format, RecordFormat::Pickle);
        let StoreSettings::Cachelib { directory, mode } = settings.store else {
            panic!("not cachelib");
        };
        (directory, mode)
    };
    let named = |name: &str| PathBuf::from(name);
    assert_eq!(folder(Config::new()), (named("flask_session"), 0o600));
    let config = Config::new()
        .set("SESSION_FILE_DIR", "files")
        .set("SESSION_FILE_MODE", "0660")
        .set("SESSION_SERIALIZATION_FORMAT", "json");
    assert_eq!(folder(config.clone()), (named("files"), 0o660));
    let config = config.set("SESSION_CACHELIB", "cache");
    assert_eq!(folder(config).0, named("cache"));
}

#[test]
fn each_setting_reaches_its_place() {
    let checked = settings(
        Config::new()
            .session_type("memory")
            .secret_key(KEY.as_bytes())
            .secret_key_fallbacks(["an older key"])
            .lifetime(Duration::from_secs(600))
            .absolute_lifetime(Duration::from_secs(6000))
            .set("SESSION_USE_SIGNER", true)
            .set("SESSION_ID_LENGTH", 16)
            .set("SESSION_KEY_PREFIX", "shop:")
            .set("SESSION_SERIALIZATION_FORMAT", "msgpack-typed")
            .set("SESSION_CLEANUP_N_REQUESTS", 50)
            .set("SESSION_MEMORY_CAPACITY", 7)
            .set("SESSION_ON_STORE_FAILURE", "read-only")
            .set("SESSION_PERMANENT", false)
            .set("SESSION_COOKIE_DOMAIN", "example.org")
            .set("SESSION_COOKIE_PATH", "/shop")
            .set("SESSION_COOKIE_SAMESITE", "NONE")
            .set("SESSION_COOKIE_SECURE", "on")
            .set("SESSION_COOKIE_HTTPONLY", 0)
            .set("SESSION_COOKIE_PARTITIONED", true)
            .set("MAX_COOKIE_SIZE", 0),
    );
    let Interface::ServerSide(server_side) = &checked.interface else {
        panic!("{checked:?}");
    };
    assert_eq!(
        server_side.signer,
        Some(Keyring::new(KEY).with_fallbacks(["an older key"]))
    );
    assert_eq!(
        (server_side.id_bytes, server_side.cleanup_every),
        (16, Some(50))
    );
    assert_eq!(
        (server_side.key_prefix.as_str(), server_side.format),
        ("shop:", RecordFormat::MsgpackTyped)
    );
    assert!(matches!(
        server_side.store,
        StoreSettings::Memory { capacity: 7 }
    ));
    assert_eq!(checked.refresh, Refresh::After(Duration::from_secs(60)));
    assert_eq!(checked.absolute_lifetime, Some(Duration::from_secs(6000)));
    assert_eq!(checked.permanent, Permanence::UntilBrowserCloses);
    assert_eq!(checked.on_store_failure, OnStoreFailure::ReadOnlyEmpty);
    let cookie = &checked.cookie;
    assert_eq!(
        (cookie.domain.as_deref(), cookie.path.as_str()),
        (Some("example.org"), "/shop")
    );
    assert_eq!(
        (cookie.same_site, cookie.max_size),
        (Some(SameSite::None), None)
    );
    assert_eq!(
        (cookie.secure, cookie.http_only, cookie.partitioned),
        (true, false, true)
    );
}

#[test]
fn a_partitioned_cookie_is_secure() {
    let config = Config::new()
        .secret_key(KEY)
        .set("SESSION_COOKIE_PARTITIONED", true);
    assert!(settings(config).cookie.secure);
}

#[test]
fn a_cookie_without_a_path_has_the_applications() {
    let root = || {
        Config::new()
            .secret_key(KEY)
            .set("APPLICATION_ROOT", "/shop")
    };
    assert_eq!(settings(root()).cookie.path, "/shop");
    assert_eq!(
        settings(root().set("SESSION_COOKIE_PATH", "")).cookie.path,
        "/shop"
    );
    assert_eq!(
        settings(root().set("SESSION_COOKIE_PATH", "/a"))
            .cookie
            .path,
        "/a"
    );
}

#[test]
fn without_key_and_type_there_is_a_null_session_that_names_both() {
    let Interface::Null { missing } = settings(Config::new()).interface else {
        panic!("not null");
    };
    assert!(missing.contains("SECRET_KEY") && missing.contains("SESSION_TYPE"));
    let Interface::Null { missing } =
        settings(Config::new().secret_key(KEY).session_type("null")).interface
    else {
        panic!("not null");
    };
    assert!(
        missing.contains("SESSION_TYPE is 'null'") && missing.contains("config_settings.rs"),
        "{missing}"
    );
}

#[test]
fn a_store_of_another_crate_is_passed_on_by_name() {
    for name in [
        "redis",
        "memcached",
        "mongodb",
        "sqlalchemy",
        "sqlite",
        "postgresql",
        "mysql",
        "dynamodb",
    ] {
        let store = server_side(Config::new().session_type(name)).store;
        assert!(matches!(store, StoreSettings::Other { name: found } if found == name));
    }
    let error = Engine::new(Config::new().session_type("redis")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for needed in [
        "\"redis\"",
        "`dewar-stores`",
        "dewar_stores::engine(config)",
    ] {
        assert!(error.to_string().contains(needed), "{error}");
    }
}

#[test]
fn lifetimes_are_read_in_every_usual_way() {
    for (value, seconds) in [
        (json!(3600), 3600),
        (json!(90.0), 90),
        (json!("3600"), 3600),
        (json!("31d"), 2_678_400),
        (json!("12h"), 43_200),
        (json!("30m"), 1800),
        (json!("1d 12h"), 129_600),
        (json!("2 weeks"), 1_209_600),
        (json!("P31D"), 2_678_400),
        (json!("PT1H30M"), 5400),
        (json!("P1W"), 604_800),
        (json!("12:30:00"), 45_000),
        (json!(" 45s "), 45),
        // Python's `str(timedelta(days=31))`.
        (json!("31 days, 0:00:00"), 2_678_400),
    ] {
        let values = json!({ "SECRET_KEY": KEY, "PERMANENT_SESSION_LIFETIME": value });
        let checked = Config::new().merge("table", values).settings();
        let checked = checked.unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(
            checked.settings.lifetime,
            Duration::from_secs(seconds),
            "{value}"
        );
    }
}

#[test]
fn file_modes_are_octal_as_text_and_pythons_numbers() {
    let values: [(Setting, u32); 5] = [
        ("0600".into(), 0o600),
        ("600".into(), 0o600),
        ("0o660".into(), 0o660),
        (384.into(), 0o600),
        (0o640.into(), 0o640),
    ];
    for (value, expected) in values {
        let config = Config::new()
            .session_type("filesystem")
            .set("SESSION_FILE_MODE", value);
        let store = server_side(config).store;
        assert!(
            matches!(store, StoreSettings::Filesystem { mode, .. } if mode == expected),
            "{store:?}"
        );
    }
}

#[test]
fn refresh_waits_a_tenth_of_the_lifetime_unless_told_otherwise() {
    let refresh = |config: Config| settings(config.secret_key(KEY)).refresh;
    let short = || Config::new().lifetime(Duration::from_secs(300));
    assert_eq!(refresh(short()), Refresh::After(Duration::from_secs(30)));
    assert_eq!(
        refresh(short().set("SESSION_REFRESH_AFTER", 0)),
        Refresh::After(Duration::ZERO)
    );
    assert_eq!(
        refresh(short().set("SESSION_REFRESH_EACH_REQUEST", false)),
        Refresh::Never
    );
}

/// Every key of the table is read by its kind: a value of no sensible type is refused by all but pass-through keys.
#[test]
fn every_key_checks_the_type_of_its_value() {
    for key in KEYS.iter().filter(|key| key.kind != Kind::Connection) {
        let config = Config::new().set(key.name, Setting::Table(Default::default()));
        let found = config.check().problems;
        let refused = found
            .iter()
            .any(|problem| problem.key == key.name && problem.code.as_str() == "DW0102");
        assert!(refused, "{}", key.name);
    }
}

/// The defaults in the table are values that their own keys accept.
#[test]
fn every_default_is_sound_when_it_is_written_out() {
    for key in KEYS
        .iter()
        .filter(|key| !matches!(key.default, Preset::Unset(_)))
    {
        for kind in SESSION_TYPES {
            let config = Config::new()
                .secret_key(KEY)
                .session_type(kind.name)
                .set(key.name, key.default.setting());
            assert!(
                !config.check().has_errors(),
                "{}: {}",
                key.name,
                config.check()
            );
        }
    }
}

#[test]
fn keys_and_session_types_are_listed_once() {
    for (at, key) in KEYS.iter().enumerate() {
        assert!(
            KEYS[..at].iter().all(|other| other.name != key.name),
            "{}",
            key.name
        );
        assert!(
            !key.meaning.is_empty() && !key.meaning.ends_with('.'),
            "{}",
            key.name
        );
    }
    for (at, kind) in SESSION_TYPES.iter().enumerate() {
        assert!(
            SESSION_TYPES[..at]
                .iter()
                .all(|other| other.name != kind.name),
            "{}",
            kind.name
        );
    }
}
