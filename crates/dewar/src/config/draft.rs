use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;

use super::layers::UnlessSet;
use super::values::{self, Parse};
use super::{
    CacheSettings, Config, CookieSettings, Interface, KEYS, Kind, OnStoreFailure, Origin,
    Permanence, Problem, RecordFormat, Refresh, SameSite, Scope, ServerSideSettings, Settings,
    SignedCookieSettings, StoreSettings,
};
use crate::signing::{Digest, KeyDerivation, Keyring, SecretKey};

/// All values with the types of their keys, not yet checked against each other.
///
/// The outer `Option` of a field is `None` where the value could not be read, which has been reported then: no check
/// has anything to say about such a value.
pub(super) struct Draft {
    pub(super) session_type: Option<ChosenType>,
    pub(super) secret_key: Option<Option<SecretKey>>,
    pub(super) fallbacks: Option<Vec<SecretKey>>,
    pub(super) use_signer: Option<bool>,
    pub(super) lifetime: Option<SignedDuration>,
    pub(super) absolute_lifetime: Option<Option<SignedDuration>>,
    pub(super) refresh_each_request: Option<bool>,
    pub(super) refresh_after: Option<Option<SignedDuration>>,
    pub(super) cookie_name: Option<String>,
    pub(super) cookie_domain: Option<Option<String>>,
    pub(super) cookie_path: Option<Option<String>>,
    pub(super) application_root: Option<String>,
    pub(super) secure: Option<bool>,
    pub(super) http_only: Option<bool>,
    pub(super) partitioned: Option<bool>,
    pub(super) same_site: Option<Option<&'static str>>,
    pub(super) max_cookie_size: Option<usize>,
    pub(super) permanent: Option<Option<bool>>,
    pub(super) key_prefix: Option<String>,
    pub(super) id_length: Option<i64>,
    pub(super) format: Option<Option<&'static str>>,
    pub(super) cleanup: Option<Option<usize>>,
    pub(super) file_dir: Option<String>,
    pub(super) cachelib: Option<Option<String>>,
    pub(super) file_mode: Option<u32>,
    pub(super) memory_capacity: Option<usize>,
    pub(super) on_store_failure: Option<&'static str>,
    pub(super) cache_for: Option<Option<SignedDuration>>,
    pub(super) cache_entries: Option<usize>,
    pub(super) digest: Option<&'static str>,
    pub(super) key_derivation: Option<&'static str>,
    pub(super) salt: Option<String>,
    type_origin: Origin,
}

/// What `SESSION_TYPE` says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ChosenType {
    /// Nothing, so that the secret key decides, as in plain Flask.
    Unset,
    /// Nothing, and the engine is given a store.
    Given,
    /// One of the session types.
    Named(&'static str),
}

/// Where sessions live.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    Cookie,
    Store(&'static str),
}

impl Draft {
    pub(super) fn read(config: &Config, problems: &mut Vec<Problem>) -> Draft {
        let mut reader = Reader { config, problems };
        let draft = Draft {
            session_type: reader.session_type(),
            secret_key: reader.optional("SECRET_KEY", values::secret),
            fallbacks: reader
                .optional("SECRET_KEY_FALLBACKS", values::secrets)
                .map(Option::unwrap_or_default),
            use_signer: reader.value("SESSION_USE_SIGNER", values::boolean),
            lifetime: reader.value("PERMANENT_SESSION_LIFETIME", values::duration),
            absolute_lifetime: reader.optional("SESSION_ABSOLUTE_LIFETIME", values::duration),
            refresh_each_request: reader.value("SESSION_REFRESH_EACH_REQUEST", values::boolean),
            refresh_after: reader.optional("SESSION_REFRESH_AFTER", values::duration),
            cookie_name: reader.value("SESSION_COOKIE_NAME", values::text),
            cookie_domain: reader.text_or_empty("SESSION_COOKIE_DOMAIN"),
            cookie_path: reader.text_or_empty("SESSION_COOKIE_PATH"),
            application_root: reader.value("APPLICATION_ROOT", values::text),
            secure: reader.value("SESSION_COOKIE_SECURE", values::boolean),
            http_only: reader.value("SESSION_COOKIE_HTTPONLY", values::boolean),
            partitioned: reader.value("SESSION_COOKIE_PARTITIONED", values::boolean),
            same_site: reader.optional("SESSION_COOKIE_SAMESITE", values::choice),
            max_cookie_size: reader.value("MAX_COOKIE_SIZE", values::count),
            permanent: reader.optional("SESSION_PERMANENT", values::boolean),
            key_prefix: reader.value("SESSION_KEY_PREFIX", values::text),
            id_length: reader.value("SESSION_ID_LENGTH", values::integer),
            format: reader.optional("SESSION_SERIALIZATION_FORMAT", values::choice),
            cleanup: reader.optional("SESSION_CLEANUP_N_REQUESTS", values::count),
            file_dir: reader.value("SESSION_FILE_DIR", values::text),
            cachelib: reader.text_or_empty("SESSION_CACHELIB"),
            file_mode: reader.value("SESSION_FILE_MODE", values::file_mode),
            memory_capacity: reader.value("SESSION_MEMORY_CAPACITY", values::count),
            on_store_failure: reader.value("SESSION_ON_STORE_FAILURE", values::choice),
            cache_for: reader.optional("SESSION_CACHE_FOR", values::duration),
            cache_entries: reader.value("SESSION_CACHE_ENTRIES", values::count),
            digest: reader.value("SESSION_SIGNING_DIGEST", values::choice),
            key_derivation: reader.value("SESSION_SIGNING_KEY_DERIVATION", values::choice),
            salt: reader.value("SESSION_SIGNING_SALT", values::text),
            type_origin: config.origin("SESSION_TYPE").clone(),
        };
        reader.value("SESSION_FILE_THRESHOLD", values::integer);
        reader.keys_of_other_stores();
        draft
    }

    /// Where sessions live, unless what decides it could not be read.
    pub(super) fn place(&self) -> Option<Place> {
        Some(match self.session_type? {
            ChosenType::Named("null") => Place::Nowhere,
            ChosenType::Named("cookie") => Place::Cookie,
            ChosenType::Named(store) => Place::Store(store),
            ChosenType::Given => Place::Store("given"),
            ChosenType::Unset if self.secret_key.as_ref()?.is_some() => Place::Cookie,
            ChosenType::Unset => Place::Nowhere,
        })
    }

    /// Whether sessions live in a store, or probably would if `SESSION_TYPE` were not misspelt.
    pub(super) fn server_side_likely(&self) -> bool {
        matches!(self.place(), Some(Place::Store(_)) | None)
    }

    /// Whether anything is signed with the secret key.
    pub(super) fn signs(&self) -> bool {
        match self.place() {
            Some(Place::Cookie) => true,
            Some(Place::Store(_)) | None => self.use_signer == Some(true),
            Some(Place::Nowhere) => false,
        }
    }

    /// Whether the cookie is `Secure`: Flask makes a partitioned one so.
    pub(super) fn effectively_secure(&self) -> Option<bool> {
        Some(self.secure? || self.partitioned?)
    }

    /// The settings, if all values could be read; only to be used if no check found an error.
    pub(super) fn into_settings(self) -> Option<Settings> {
        let place = self.place()?;
        let lifetime = self.lifetime?.unsigned_abs();
        let after = match self.refresh_after? {
            Some(after) => after.unsigned_abs(),
            None => (lifetime / 10).min(Duration::from_secs(3600)),
        };
        let permanent = self.permanent?.unwrap_or(matches!(place, Place::Store(_)));
        Some(Settings {
            cookie: self.cookie()?,
            lifetime,
            absolute_lifetime: self.absolute_lifetime?.map(SignedDuration::unsigned_abs),
            refresh: match self.refresh_each_request? {
                true => Refresh::After(after),
                false => Refresh::Never,
            },
            permanent: match permanent {
                true => Permanence::Permanent,
                false => Permanence::UntilBrowserCloses,
            },
            on_store_failure: match self.on_store_failure? {
                "read-only" => OnStoreFailure::ReadOnlyEmpty,
                _ => OnStoreFailure::Fail,
            },
            interface: match place {
                Place::Nowhere => Interface::Null {
                    missing: self.missing(),
                },
                Place::Cookie => Interface::SignedCookie(self.signed_cookie()?),
                Place::Store(name) => Interface::ServerSide(self.server_side(name)?),
            },
        })
    }

    fn missing(&self) -> String {
        match self.session_type {
            Some(ChosenType::Named(_)) => format!(
                "SESSION_TYPE is 'null' (from {}): set it to where sessions shall live, such as 'cookie' or 'filesystem'",
                self.type_origin
            ),
            _ => "neither SECRET_KEY nor SESSION_TYPE is set: set SECRET_KEY for sessions in signed cookies, or SESSION_TYPE for a store".into(),
        }
    }

    fn cookie(&self) -> Option<CookieSettings> {
        let path = self.cookie_path.clone()?;
        Some(CookieSettings {
            name: self.cookie_name.clone()?,
            domain: self.cookie_domain.clone()?,
            path: path.or_else(|| self.application_root.clone())?,
            secure: self.effectively_secure()?,
            http_only: self.http_only?,
            same_site: match self.same_site? {
                None => None,
                Some("Strict") => Some(SameSite::Strict),
                Some("Lax") => Some(SameSite::Lax),
                Some(_) => Some(SameSite::None),
            },
            partitioned: self.partitioned?,
            max_size: self
                .max_cookie_size
                .map(|size| (size > 0).then_some(size))?,
        })
    }

    fn keyring(&self) -> Option<Keyring> {
        let key = self.secret_key.clone()??;
        Some(Keyring::new(key).with_fallbacks(self.fallbacks.clone()?))
    }

    fn signed_cookie(&self) -> Option<SignedCookieSettings> {
        Some(SignedCookieSettings {
            keys: self.keyring()?,
            salt: self.salt.clone()?,
            digest: self.digest?.parse::<Digest>().ok()?,
            key_derivation: self.key_derivation?.parse::<KeyDerivation>().ok()?,
        })
    }

    fn server_side(&self, store: &'static str) -> Option<ServerSideSettings> {
        Some(ServerSideSettings {
            store: match store {
                "memory" => StoreSettings::Memory {
                    capacity: self.memory_capacity?,
                },
                "filesystem" => StoreSettings::Filesystem {
                    directory: PathBuf::from(self.file_dir.clone()?),
                    mode: self.file_mode?,
                },
                "cachelib" => StoreSettings::Cachelib {
                    directory: PathBuf::from(
                        self.cachelib.clone()?.or_else(|| self.file_dir.clone())?,
                    ),
                    mode: self.file_mode?,
                },
                other => StoreSettings::Other { name: other.into() },
            },
            key_prefix: self.key_prefix.clone()?,
            signer: match self.use_signer? {
                true => Some(self.keyring()?),
                false => None,
            },
            id_bytes: usize::try_from(self.id_length?).ok()?,
            format: match self.format? {
                _ if store == "cachelib" => RecordFormat::Pickle,
                Some("json") => RecordFormat::Json,
                Some("msgpack-typed") => RecordFormat::MsgpackTyped,
                // Nobody else reads these records; Flask-Session's own pickles keep every type.
                None if store == "filesystem" => RecordFormat::MsgpackTyped,
                _ => RecordFormat::Msgpack,
            },
            cleanup_every: self
                .cleanup?
                .filter(|every| *every > 0)
                .map(|every| u32::try_from(every).unwrap_or(u32::MAX)),
            cache: match (self.cache_for?, NonZeroUsize::new(self.cache_entries?)) {
                (Some(staleness), Some(entries)) if staleness.is_positive() => {
                    Some(CacheSettings {
                        staleness: staleness.unsigned_abs(),
                        entries,
                    })
                }
                _ => None,
            },
        })
    }
}

/// Reads values key by key and reports each that cannot be read.
struct Reader<'a> {
    config: &'a Config,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// The value, or the key's default; `None` if it cannot be read.
    fn value<T>(&mut self, name: &'static str, parse: Parse<T>) -> Option<T> {
        self.optional(name, parse)?
    }

    /// The value, or the key's default, if it has any.
    fn optional<T>(&mut self, name: &'static str, parse: Parse<T>) -> Option<Option<T>> {
        match self.config.read(name, parse) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problems.push(*problem);
                None
            }
        }
    }

    /// Text, where the empty text means that it is not set.
    fn text_or_empty(&mut self, name: &'static str) -> Option<Option<String>> {
        let text = self.optional(name, values::text)?;
        Some(text.filter(|text| !text.is_empty()))
    }

    fn session_type(&mut self) -> Option<ChosenType> {
        let name = self.optional("SESSION_TYPE", values::session_type)?;
        Some(match (name, self.config.unless_set()) {
            (Some(name), _) => ChosenType::Named(name),
            (None, UnlessSet::AsInFlask) => ChosenType::Unset,
            (None, UnlessSet::InTheStoreGiven) => ChosenType::Given,
        })
    }

    /// The types of values that are only passed through.
    fn keys_of_other_stores(&mut self) {
        for key in KEYS {
            match (key.scope, key.kind) {
                (Scope::Stores(["filesystem" | "memory"] | ["cachelib", "filesystem"]), _) => {}
                (Scope::Stores(_), Kind::Text) => self.look(key.name, values::text),
                (Scope::Stores(_), Kind::Bool) => self.look(key.name, values::boolean),
                (Scope::Stores(_), Kind::Choice(_)) => self.look(key.name, values::choice),
                (Scope::Stores(_), Kind::Duration) => self.look(key.name, values::duration),
                (Scope::Stores(_), Kind::Integer) => self.look(key.name, values::count),
                _ => {}
            }
        }
    }

    /// Reports a value that cannot be read.
    fn look<T>(&mut self, name: &'static str, parse: Parse<T>) {
        self.optional(name, parse);
    }
}
