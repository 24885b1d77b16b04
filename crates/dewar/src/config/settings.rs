use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::data::Format;
use crate::signing::{Digest, KeyDerivation, Keyring};

/// A checked configuration: what the engine works with, each part by the name of its Flask key.
///
/// Made by [`Config::settings`](super::Config::settings); every combination that exists is a valid one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// `SESSION_TYPE`: where sessions live.
    pub interface: Interface,
    /// The cookie's name, scope and flags.
    pub cookie: CookieSettings,
    /// `PERMANENT_SESSION_LIFETIME`: how long a session lives after its last use; whole seconds for cookies.
    pub lifetime: Duration,
    /// `SESSION_ABSOLUTE_LIFETIME`: how long a session lives after it was made, however much it is used.
    pub absolute_lifetime: Option<Duration>,
    /// `SESSION_REFRESH_EACH_REQUEST` and `SESSION_REFRESH_AFTER`: when use alone extends a session.
    pub refresh: Refresh,
    /// `SESSION_PERMANENT`: whether a new session is permanent.
    pub permanent: Permanence,
    /// `SESSION_ON_STORE_FAILURE`: what a request meets when the store fails.
    pub on_store_failure: OnStoreFailure,
}

/// Where sessions live.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Interface {
    /// Nowhere: reads find nothing, writes fail and say why.
    Null {
        /// What to set, and where, to have sessions.
        missing: String,
    },
    /// In the cookie itself, signed: Flask's `SecureCookieSessionInterface`.
    SignedCookie(SignedCookieSettings),
    /// In a store, under an id in the cookie: Flask-Session's way.
    ServerSide(ServerSideSettings),
}

/// How signed cookies are signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedCookieSettings {
    /// `SECRET_KEY` and `SECRET_KEY_FALLBACKS`.
    pub keys: Keyring,
    /// The salt; Flask's is `cookie-session`.
    pub salt: String,
    /// The digest; Flask's is SHA-1.
    pub digest: Digest,
    /// The key derivation; Flask's is `hmac`.
    pub key_derivation: KeyDerivation,
}

/// How sessions are kept in a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerSideSettings {
    /// Which store.
    pub store: StoreSettings,
    /// `SESSION_KEY_PREFIX`: before the id in every store key.
    pub key_prefix: String,
    /// The keys that sign the id in the cookie, where `SESSION_USE_SIGNER` is set.
    pub signer: Option<Keyring>,
    /// `SESSION_ID_LENGTH`: random bytes in an id.
    pub id_bytes: usize,
    /// `SESSION_SERIALIZATION_FORMAT`: how records are written.
    pub format: RecordFormat,
    /// `SESSION_CLEANUP_N_REQUESTS`: about every how many requests expired records are removed.
    pub cleanup_every: Option<u32>,
    /// `SESSION_CACHE_FOR` and `SESSION_CACHE_ENTRIES`: a cache in this process, where one is asked for.
    pub cache: Option<CacheSettings>,
}

/// A cache of sessions in this process, before the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheSettings {
    /// How long a session may be shown after another process changed or ended it.
    pub staleness: Duration,
    /// The most sessions in it.
    pub entries: NonZeroUsize,
}

/// Which store, with what it needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreSettings {
    /// `memory`: in this process.
    Memory {
        /// `SESSION_MEMORY_CAPACITY`: the most sessions that live at once.
        capacity: usize,
    },
    /// `filesystem`: a file for each session.
    Filesystem {
        /// `SESSION_FILE_DIR`.
        directory: PathBuf,
        /// `SESSION_FILE_MODE`: permission bits of the files.
        mode: u32,
    },
    /// `cachelib`: a file for each session, as cachelib writes them.
    Cachelib {
        /// `SESSION_CACHELIB`, or else `SESSION_FILE_DIR`.
        directory: PathBuf,
        /// `SESSION_FILE_MODE`: permission bits of the files.
        mode: u32,
    },
    /// Any other name: a store that is handed to the engine.
    Other {
        /// The value of `SESSION_TYPE`.
        name: String,
    },
}

/// How records are written; all formats are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordFormat {
    /// `msgpack`: as Flask-Session 0.8 writes it to servers by default.
    Msgpack,
    /// `json`: as Flask-Session 0.8 writes it.
    Json,
    /// `msgpack-typed`: plain types as in `msgpack`, the types that it loses as extensions; the default of `filesystem`.
    MsgpackTyped,
    /// A pickle: the one form of `cachelib`, whatever `SESSION_SERIALIZATION_FORMAT` is, as with Flask-Session.
    Pickle,
}

impl From<RecordFormat> for Format {
    fn from(format: RecordFormat) -> Format {
        match format {
            RecordFormat::Msgpack => Format::Msgpack,
            RecordFormat::Json => Format::Json,
            RecordFormat::MsgpackTyped => Format::MsgpackTyped,
            RecordFormat::Pickle => Format::Pickle,
        }
    }
}

/// The cookie's name, scope and flags (RFC 6265bis).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CookieSettings {
    /// `SESSION_COOKIE_NAME`.
    pub name: String,
    /// `SESSION_COOKIE_DOMAIN`.
    pub domain: Option<String>,
    /// `SESSION_COOKIE_PATH`, or else `APPLICATION_ROOT`.
    pub path: String,
    /// `SESSION_COOKIE_SECURE`.
    pub secure: bool,
    /// `SESSION_COOKIE_HTTPONLY`.
    pub http_only: bool,
    /// `SESSION_COOKIE_SAMESITE`.
    pub same_site: Option<SameSite>,
    /// `SESSION_COOKIE_PARTITIONED`.
    pub partitioned: bool,
    /// `MAX_COOKIE_SIZE`: the most bytes of a `Set-Cookie` header's value; `None` for no limit.
    pub max_size: Option<usize>,
}

impl Default for CookieSettings {
    /// Flask's defaults.
    fn default() -> CookieSettings {
        CookieSettings {
            name: "session".into(),
            domain: None,
            path: "/".into(),
            secure: false,
            http_only: true,
            same_site: None,
            partitioned: false,
            max_size: Some(4093),
        }
    }
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent only from the site's own pages.
    Strict,
    /// Sent also when a link leads to the site.
    Lax,
    /// Sent always; needs `Secure`.
    None,
}

/// When use alone extends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Never; only changes do.
    Never,
    /// When at least this much time has passed since it was last extended.
    After(Duration),
}

/// Whether a new session is permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permanence {
    /// It is: the cookie outlives the browser.
    Permanent,
    /// It is not, unless the application says so.
    UntilBrowserCloses,
}

/// What a request meets when the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStoreFailure {
    /// An error.
    Fail,
    /// An empty session that cannot be written.
    ReadOnlyEmpty,
}
