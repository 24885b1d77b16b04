use std::time::Duration;

use super::Setting;

/// A configuration key: what everything that reads, explains or lists keys knows about it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Its value where nothing sets it.
    pub default: Preset,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// Whose documentation describes it.
    pub defined_by: DefinedBy,
    /// With which session types it means something.
    pub scope: Scope,
}

/// What a key's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// Seconds, `31d`, `12h 30m`, ISO 8601 such as `P31D`, or `12:30:00`.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a [session type](SESSION_TYPES).
    SessionType,
    /// Permission bits: a number as in Python (384), or octal digits as text (`"0600"`).
    FileMode,
    /// A secret: text or bytes.
    Secret,
    /// A list of secrets.
    SecretList,
    /// A connection or an object, checked by its store; may hold a password.
    Connection,
}

/// A key's value where nothing sets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Preset {
    /// None; the text says what follows from that.
    Unset(&'static str),
    /// True or false.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// A text.
    Text(&'static str),
    /// A duration.
    Seconds(u64),
}

/// Whose documentation describes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefinedBy {
    /// Flask.
    Flask,
    /// Flask-Session.
    FlaskSession,
    /// Dewar.
    Dewar,
}

/// With which session types a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// With all.
    Everywhere,
    /// With `cookie`.
    SignedCookie,
    /// With every store.
    ServerSide,
    /// With these stores.
    Stores(&'static [&'static str]),
}

/// A value of `SESSION_TYPE`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SessionType {
    /// The value.
    pub name: &'static str,
    /// Where sessions live with it.
    pub meaning: &'static str,
}

/// So many keys that may have been meant are told; more would be a list, not a hint.
const MOST_MEANT: usize = 3;

impl Key {
    /// The key of this name.
    pub fn find(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The key that was probably meant by `name`, which is none.
    pub fn nearest(name: &str) -> Option<&'static Key> {
        let upper = name.to_ascii_uppercase();
        nearest(&upper, KEYS.iter().map(|key| key.name)).and_then(Key::find)
    }

    /// The keys of which one was probably meant by `name`, which is none. None is where it resembles no key, as one that an
    /// application uses itself.
    pub fn meant_by(name: &str) -> Vec<&'static str> {
        let upper = name.to_ascii_uppercase();
        if let Some(key) = Key::find(&upper).or_else(|| Key::nearest(name)) {
            return vec![key.name];
        }
        let mut meant = Key::of_one_more_word(&upper);
        if meant.len() > MOST_MEANT {
            meant.clear();
        }
        meant
    }

    /// The keys that have all words of `name` and one more: of SESSION_LIFETIME, PERMANENT_SESSION_LIFETIME is one.
    fn of_one_more_word(name: &str) -> Vec<&'static str> {
        let words: Vec<&str> = name.split('_').collect();
        let fits = |key: &&'static str| {
            let of_key: Vec<&str> = key.split('_').collect();
            of_key.len() == words.len() + 1 && words.iter().all(|word| of_key.contains(word))
        };
        let names = KEYS.iter().map(|key| key.name);
        names.filter(|_| words.len() > 1).filter(fits).collect()
    }

    /// Whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(
            self.kind,
            Kind::Secret | Kind::SecretList | Kind::Connection
        )
    }
}

impl SessionType {
    /// The type that was probably meant by `name`, which is none.
    pub fn nearest(name: &str) -> Option<&'static str> {
        const OTHER_NAMES: &[(&str, &str)] = &[
            ("client", "cookie"),
            ("dynamo", "dynamodb"),
            ("file", "filesystem"),
            ("files", "filesystem"),
            ("fs", "filesystem"),
            ("in-memory", "memory"),
            ("mariadb", "mysql"),
            ("mongo", "mongodb"),
            ("none", "null"),
            ("postgres", "postgresql"),
            ("securecookie", "cookie"),
            ("signed_cookie", "cookie"),
            ("sql", "sqlalchemy"),
            ("valkey", "redis"),
        ];
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
        other
            .map(|(_, known)| *known)
            .or_else(|| nearest(name, SESSION_TYPES.iter().map(|known| known.name)))
    }
}

impl Preset {
    /// The value as if it had been configured.
    pub fn setting(self) -> Setting {
        match self {
            Preset::Unset(_) => Setting::Null,
            Preset::Bool(value) => value.into(),
            Preset::Integer(value) => value.into(),
            Preset::Text(value) => value.into(),
            Preset::Seconds(value) => Duration::from_secs(value).into(),
        }
    }
}

/// The nearest of `known` that differs by few letters.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time and space by the product of the lengths; no key is near this long.
    if word.len() > 64 {
        return None;
    }
    let letters = word.chars().count();
    let most = |name: &str| (name.len() / 4).min(3);
    known
        // Most differ more in length alone; an application has hundreds of keys that are none of these.
        .filter(|name| name.len().abs_diff(letters) <= most(name))
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= most(name))
        .min()
        .map(|(_, name)| name)
}

/// All values of `SESSION_TYPE`.
pub const SESSION_TYPES: &[SessionType] = &[
    session_type("null", "nowhere: reading works, writing fails"),
    session_type("cookie", "in the cookie itself, signed, as in plain Flask"),
    session_type("memory", "in this process"),
    session_type("filesystem", "a file for each session"),
    session_type("redis", "Redis or Valkey"),
    session_type("memcached", "Memcached"),
    session_type("mongodb", "MongoDB"),
    session_type(
        "sqlalchemy",
        "an SQL database, in Flask-SQLAlchemy's layout",
    ),
    session_type("sqlite", "SQLite"),
    session_type("postgresql", "PostgreSQL"),
    session_type("mysql", "MySQL or MariaDB"),
    session_type("dynamodb", "DynamoDB"),
    session_type(
        "cachelib",
        "a folder of cachelib's files, or a cachelib cache",
    ),
];

const fn session_type(name: &'static str, meaning: &'static str) -> SessionType {
    SessionType { name, meaning }
}

const fn flask(name: &'static str, kind: Kind, default: Preset, meaning: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        meaning,
        defined_by: DefinedBy::Flask,
        scope: Scope::Everywhere,
    }
}

const fn flask_session(
    name: &'static str,
    kind: Kind,
    default: Preset,
    scope: Scope,
    meaning: &'static str,
) -> Key {
    Key {
        scope,
        defined_by: DefinedBy::FlaskSession,
        ..flask(name, kind, default, meaning)
    }
}

const fn dewar(
    name: &'static str,
    kind: Kind,
    default: Preset,
    scope: Scope,
    meaning: &'static str,
) -> Key {
    Key {
        scope,
        defined_by: DefinedBy::Dewar,
        ..flask(name, kind, default, meaning)
    }
}

const NONE: Preset = Preset::Unset("none");

const FILESYSTEM: Scope = Scope::Stores(&["filesystem"]);
const FILES: Scope = Scope::Stores(&["cachelib", "filesystem"]);
const REDIS: Scope = Scope::Stores(&["redis"]);
const MEMCACHED: Scope = Scope::Stores(&["memcached"]);
const CACHELIB: Scope = Scope::Stores(&["cachelib"]);
const MONGODB: Scope = Scope::Stores(&["mongodb"]);
const MYSQL: Scope = Scope::Stores(&["mysql"]);
/// The stores with the table of Flask-Session's `sqlalchemy` type.
const SQLALCHEMY: Scope = Scope::Stores(&["mysql", "sqlalchemy", "sqlite"]);
const SQLITE: Scope = Scope::Stores(&["sqlite"]);
const SQL: Scope = Scope::Stores(&["mysql", "postgresql", "sqlalchemy", "sqlite"]);
/// The stores that are reached by a network.
const SERVERS: Scope = Scope::Stores(&[
    "dynamodb",
    "memcached",
    "mongodb",
    "mysql",
    "postgresql",
    "redis",
    "sqlalchemy",
]);
/// The stores that a Flask application may have a client for.
const CLIENTS: Scope = Scope::Stores(&[
    "cachelib",
    "dynamodb",
    "memcached",
    "mongodb",
    "postgresql",
    "redis",
    "sqlalchemy",
]);
/// The stores with a pool of connections.
const POOLS: Scope = Scope::Stores(&["memcached", "mongodb", "mysql", "postgresql", "sqlalchemy"]);
const POSTGRESQL: Scope = Scope::Stores(&["postgresql"]);
const DYNAMODB: Scope = Scope::Stores(&["dynamodb"]);

/// All keys: Flask's, Flask-Session's, Dewar's own.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    flask("SECRET_KEY", Kind::Secret, NONE, "Signs session cookies"),
    flask("SECRET_KEY_FALLBACKS", Kind::SecretList, NONE, "Older keys that are still accepted, but sign nothing"),
    flask("APPLICATION_ROOT", Kind::Text, Preset::Text("/"), "The application's path, and the cookie's where it has none of its own"),
    flask("MAX_COOKIE_SIZE", Kind::Integer, Preset::Integer(4093), "The most bytes of a Set-Cookie header; 0 for no limit"),
    flask("PERMANENT_SESSION_LIFETIME", Kind::Duration, Preset::Seconds(31 * 86_400), "How long a session lives after its last use"),
    flask("SESSION_COOKIE_NAME", Kind::Text, Preset::Text("session"), "The cookie's name"),
    flask("SESSION_COOKIE_DOMAIN", Kind::Text, Preset::Unset("this host only"), "The domain whose hosts all get the cookie"),
    flask("SESSION_COOKIE_PATH", Kind::Text, Preset::Unset("APPLICATION_ROOT"), "The path below which the cookie is sent"),
    flask("SESSION_COOKIE_HTTPONLY", Kind::Bool, Preset::Bool(true), "Whether scripts in the page cannot read the cookie"),
    flask("SESSION_COOKIE_SECURE", Kind::Bool, Preset::Bool(false), "Whether the cookie is sent over HTTPS only"),
    flask("SESSION_COOKIE_PARTITIONED", Kind::Bool, Preset::Bool(false), "Whether each embedding site gets a cookie of its own"),
    flask("SESSION_COOKIE_SAMESITE", Kind::Choice(&["Strict", "Lax", "None"]), Preset::Unset("the browser's choice"), "Whether requests from other sites carry the cookie"),
    flask("SESSION_REFRESH_EACH_REQUEST", Kind::Bool, Preset::Bool(true), "Whether use alone extends a permanent session"),

    flask_session("SESSION_TYPE", Kind::SessionType, Preset::Unset("cookie where SECRET_KEY is set, or else null"), Scope::Everywhere, "Where sessions live"),
    flask_session("SESSION_PERMANENT", Kind::Bool, Preset::Unset("true with a store, false with cookies"), Scope::Everywhere, "Whether a new session outlives the browser"),
    flask_session("SESSION_USE_SIGNER", Kind::Bool, Preset::Bool(false), Scope::ServerSide, "Whether the session id in the cookie is signed"),
    flask_session("SESSION_KEY_PREFIX", Kind::Text, Preset::Text("session:"), Scope::ServerSide, "What stands before the session id in every store key"),
    flask_session("SESSION_ID_LENGTH", Kind::Integer, Preset::Integer(32), Scope::ServerSide, "The random bytes of a session id"),
    flask_session("SESSION_SERIALIZATION_FORMAT", Kind::Choice(&["msgpack", "json", "msgpack-typed"]), Preset::Unset("msgpack; msgpack-typed with filesystem"), Scope::ServerSide, "How records are written; all formats are read"),
    flask_session("SESSION_CLEANUP_N_REQUESTS", Kind::Integer, Preset::Unset("never"), Scope::ServerSide, "About every how many requests expired records are removed"),
    flask_session("SESSION_FILE_DIR", Kind::Text, Preset::Text("flask_session"), FILES, "The folder of the session files"),
    flask_session("SESSION_FILE_MODE", Kind::FileMode, Preset::Integer(0o600), FILES, "The permission bits of the session files"),
    flask_session("SESSION_FILE_THRESHOLD", Kind::Integer, Preset::Integer(500), FILESYSTEM, "Accepted and without effect: Flask-Session deletes live sessions beyond this number, Dewar never does"),
    flask_session("SESSION_REDIS", Kind::Connection, Preset::Unset("redis://127.0.0.1:6379; none with flask-dewar"), REDIS, "The Redis client, or its URL"),
    flask_session("SESSION_MEMCACHED", Kind::Connection, Preset::Unset("memcached://127.0.0.1:11211; none with flask-dewar"), MEMCACHED, "The Memcached client, or its address"),
    flask_session("SESSION_CACHELIB", Kind::Connection, NONE, CACHELIB, "The cachelib cache, or its folder; SESSION_FILE_DIR unless set"),
    flask_session("SESSION_MONGODB", Kind::Connection, Preset::Unset("mongodb://127.0.0.1:27017; none with flask-dewar"), MONGODB, "The MongoDB client, or its URL"),
    flask_session("SESSION_MONGODB_DB", Kind::Text, Preset::Text("flask_session"), MONGODB, "The database"),
    flask_session("SESSION_MONGODB_COLLECT", Kind::Text, Preset::Text("sessions"), MONGODB, "The collection"),
    flask_session("SESSION_SQLALCHEMY", Kind::Connection, NONE, SQLALCHEMY, "The SQLAlchemy object, or the database's URL"),
    flask_session("SESSION_SQLALCHEMY_TABLE", Kind::Text, Preset::Text("sessions"), SQLALCHEMY, "The table"),
    flask_session("SESSION_SQLALCHEMY_SEQUENCE", Kind::Text, NONE, SQLALCHEMY, "The sequence of the table's primary key"),
    flask_session("SESSION_SQLALCHEMY_SCHEMA", Kind::Text, NONE, SQLALCHEMY, "The schema of the table"),
    flask_session("SESSION_SQLALCHEMY_BIND_KEY", Kind::Text, NONE, SQLALCHEMY, "The bind key of the database"),
    flask_session("SESSION_POSTGRESQL", Kind::Connection, NONE, POSTGRESQL, "The PostgreSQL client, or its URL"),
    flask_session("SESSION_POSTGRESQL_TABLE", Kind::Text, Preset::Text("flask_sessions"), POSTGRESQL, "The table"),
    flask_session("SESSION_POSTGRESQL_SCHEMA", Kind::Text, Preset::Text("public"), POSTGRESQL, "The schema of the table"),
    flask_session("SESSION_DYNAMODB", Kind::Connection, NONE, DYNAMODB, "The DynamoDB client, or its endpoint"),
    flask_session("SESSION_DYNAMODB_TABLE", Kind::Text, Preset::Text("Sessions"), DYNAMODB, "The table"),
    flask_session("SESSION_DYNAMODB_TABLE_EXISTS", Kind::Bool, Preset::Bool(false), DYNAMODB, "Whether the table is there already"),

    dewar("SESSION_ABSOLUTE_LIFETIME", Kind::Duration, Preset::Unset("no limit"), Scope::Everywhere, "How long a session lives after it was made, however much it is used"),
    dewar("SESSION_REFRESH_AFTER", Kind::Duration, Preset::Unset("a tenth of the lifetime, at most an hour; 0 in Flask with signed cookies"), Scope::Everywhere, "How long after the last extension use extends a session again"),
    dewar("SESSION_ON_STORE_FAILURE", Kind::Choice(&["fail", "read-only"]), Preset::Text("fail"), Scope::ServerSide, "What a request meets when the store fails: an error, or an empty session that cannot be written"),
    dewar("SESSION_MYSQL", Kind::Connection, NONE, MYSQL, "The database's URL"),
    dewar("SESSION_SQLITE", Kind::Connection, NONE, SQLITE, "The path of the database's file, or its URL"),
    dewar("SESSION_SQLALCHEMY_KEY_COLUMN", Kind::Text, Preset::Text("session_id"), SQLALCHEMY, "The column of the session's key"),
    dewar("SESSION_TABLE_EXISTS", Kind::Bool, Preset::Bool(false), SQL, "Whether the table is there already and must not be made"),
    dewar("SESSION_CONNECT_TIMEOUT", Kind::Duration, Preset::Seconds(2), SERVERS, "How long a request waits for a connection to the store"),
    dewar("SESSION_OPERATION_TIMEOUT", Kind::Duration, Preset::Unset("2 s; 5 s with sqlite"), Scope::Stores(&["dynamodb", "memcached", "mongodb", "mysql", "postgresql", "redis", "sqlalchemy", "sqlite"]), "How long the store may take to answer"),
    dewar("SESSION_CONNECTIONS", Kind::Integer, Preset::Unset("64 with memcached, 16 with mongodb, or else 8"), POOLS, "The most connections to a server at a time"),
    dewar("SESSION_DEWAR_CONNECTION", Kind::Choice(&["native", "client"]), Preset::Unset("native where the client's settings can be read"), CLIENTS, "In a Flask application: whose connection carries the records, the engine's or the client's"),
    dewar("SESSION_CACHE_FOR", Kind::Duration, Preset::Unset("no cache"), Scope::ServerSide, "How long a process may show a session from its memory after another one changed or ended it"),
    dewar("SESSION_CACHE_ENTRIES", Kind::Integer, Preset::Integer(10_000), Scope::ServerSide, "The most sessions in that memory"),
    dewar("SESSION_MEMORY_CAPACITY", Kind::Integer, Preset::Integer(100_000), Scope::Stores(&["memory"]), "The most sessions that live at once"),
    dewar("SESSION_SIGNING_DIGEST", Kind::Choice(&["sha1", "sha256", "sha512"]), Preset::Text("sha1"), Scope::SignedCookie, "The digest of the cookie's signature"),
    dewar("SESSION_SIGNING_KEY_DERIVATION", Kind::Choice(&["hmac", "django-concat", "concat", "none"]), Preset::Text("hmac"), Scope::SignedCookie, "How the signing key is made from secret key and salt"),
    dewar("SESSION_SIGNING_SALT", Kind::Text, Preset::Text("cookie-session"), Scope::SignedCookie, "The salt of the cookie's signature"),
];
