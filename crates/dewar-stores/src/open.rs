//! From a configuration or a URL to a store: the one place that knows which builder takes which key.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dewar::config::{Code, Config, Problem, Report, Setting, Severity};
use dewar::store::Store;
use dewar::{Engine, Error, ErrorKind, Result};

use crate::Migrated;
use crate::kinds::{Availability, KINDS, Kind};
#[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
use crate::sql::{Table, Tables};

/// An engine for this configuration, whose store is opened as the configuration says.
///
/// ```no_run
/// use dewar::config::Config;
///
/// // FLASK_SESSION_TYPE=redis FLASK_SESSION_REDIS=redis://cache.example:6379
/// let engine = dewar_stores::engine(Config::from_env())?;
/// # let _ = engine; Ok::<(), dewar::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Config`] with every problem of the configuration, or if the store's URL or table cannot be; what a
/// server says shows when it is first used.
pub fn engine(config: Config) -> Result<Engine> {
    // All problems at once come before the first one of the store.
    let report = check(&config);
    if report.has_errors() {
        return Err(wrong(report.to_string()));
    }
    let builder = match open(&config)? {
        Some(store) => Engine::builder(config).shared_store(store),
        None => Engine::builder(config),
    };
    builder.build()
}

/// Checks everything, as [`Config::check`] does, and whether a key says where the store is.
///
/// ```
/// use dewar::config::{Code, Config};
///
/// let report = dewar_stores::check(&Config::new().session_type("postgresql"));
/// assert_eq!(report.problems[0].code, Code::AddressMissing);
/// ```
pub fn check(config: &Config) -> Report {
    let mut problems = config.check().problems;
    // A `SESSION_TYPE` that is no text is among the problems.
    if let Ok(Some(unsaid)) = Place::unsaid(config) {
        problems.push(unsaid.problem(config));
    }
    Report::of(problems)
}

/// The store that the configuration means; `None` where the engine needs none or makes it itself: `null`, `cookie`,
/// `memory`, `filesystem` and `cachelib`.
///
/// # Errors
/// [`ErrorKind::Config`] if the address is missing or wrong, or this program was built without that store.
pub fn open(config: &Config) -> Result<Option<Arc<dyn Store>>> {
    Place::of_config(config)?
        .map(|place| place.open())
        .transpose()
}

/// Where a store is, and how it is to be opened.
///
/// ```
/// use dewar_stores::Place;
///
/// let place = Place::of_url("redis://user:password@cache.example:6380/1")?;
/// assert_eq!(place.kind().name, "redis");
/// assert_eq!(place.to_string(), "redis at cache.example:6380/1");
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone)]
pub struct Place {
    kind: &'static Kind,
    url: String,
    /// The key that holds the URL, which messages name.
    key: Option<&'static str>,
    assumed: bool,
    expect_table: bool,
    as_modelled: bool,
    blocking: bool,
    config: Config,
}

impl Place {
    /// The store at a connection URL, with defaults for everything else.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if no store has URLs of this scheme.
    pub fn of_url(url: impl Into<String>) -> Result<Place> {
        let url = url.into();
        let kind = Kind::of_url(&url).ok_or_else(unknown_scheme)?;
        Ok(Place {
            kind,
            url,
            key: None,
            assumed: false,
            expect_table: false,
            as_modelled: false,
            blocking: false,
            config: Config::new(),
        })
    }

    /// The store that a configuration means; `None` for those that the engine makes itself.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is no address, or it is one of another store.
    pub fn of_config(config: &Config) -> Result<Option<Place>> {
        let named = config.text("SESSION_TYPE")?.unwrap_or_default();
        let named = named.to_ascii_lowercase();
        let Some(keys) = Keys::of(&named) else {
            return match named.as_str() {
                "" | "null" | "cookie" | "memory" | "filesystem" | "cachelib" => Ok(None),
                _ => Err(wrong(format!(
                    "SESSION_TYPE is {}, and this program has no store of that name",
                    match named.contains("://") {
                        // It may hold a password.
                        true => "a URL".to_owned(),
                        false => format!("'{}'", named.escape_debug()),
                    }
                ))),
            };
        };
        let said = keys.set(config);
        let key = said.unwrap_or(keys.addresses[0]);
        let given = said.map(|key| address(config, key)).transpose()?.flatten();
        let assumed = given.is_none();
        let Some(given) = given.or_else(|| keys.usual.map(str::to_owned)) else {
            return Err(wrong(format!(
                "{} is not set, so it is not known where the sessions are: set it to {}",
                key, keys.example
            )));
        };
        let url = keys.url(given);
        let kind = match keys.kind {
            Some(name) => Kind::named(name),
            None => Kind::of_url(&url).filter(|kind| SQL.contains(&kind.name)),
        };
        let kind = kind.ok_or_else(|| {
            wrong(format!(
                "{} is not the URL of such a store: write one like {}",
                key, keys.example
            ))
        })?;
        Ok(Some(Place {
            kind,
            url,
            key: Some(key),
            assumed,
            expect_table: config.flag("SESSION_TABLE_EXISTS")?,
            as_modelled: false,
            blocking: false,
            config: config.clone(),
        }))
    }

    /// The address that a configuration does not say, for programs that assume none; `None` if a key says it, or the engine makes
    /// the store itself.
    ///
    /// ```
    /// use dewar::config::Config;
    /// use dewar_stores::Place;
    ///
    /// let unsaid = Place::unsaid(&Config::new().session_type("postgresql"))?.unwrap();
    /// assert_eq!(unsaid.key, "SESSION_POSTGRESQL");
    /// # Ok::<(), dewar::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if `SESSION_TYPE` is no text.
    pub fn unsaid(config: &Config) -> Result<Option<Unsaid>> {
        let named = config.text("SESSION_TYPE")?.unwrap_or_default();
        let keys = Keys::of(&named.to_ascii_lowercase());
        Ok(keys
            .filter(|keys| keys.set(config).is_none())
            .map(|keys| Unsaid {
                key: keys.addresses[0],
                example: keys.example,
                usual: keys.usual,
            }))
    }

    /// What kind of store it is.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// The file that the store is, if it is one: SQLite's.
    ///
    /// ```
    /// use dewar_stores::Place;
    ///
    /// assert_eq!(Place::of_url("redis://localhost")?.file(), None);
    /// # Ok::<(), dewar::Error>(())
    /// ```
    pub fn file(&self) -> Option<PathBuf> {
        match self.kind.name {
            #[cfg(feature = "sqlite")]
            "sqlite" => crate::sqlite::path(&self.url).ok(),
            _ => None,
        }
    }

    /// The key that is not set although it should say where the store is, so that the usual address on this machine
    /// was assumed, as Flask-Session does.
    pub fn assumed(&self) -> Option<&'static str> {
        self.key.filter(|_| self.assumed)
    }

    /// Makes no table, and no SQLite file, that is not there: its absence is an error of the first operation.
    #[must_use]
    pub fn expect_table(mut self) -> Place {
        self.expect_table = true;
        self
    }

    /// Makes an SQL table that is absent as Flask-Session's model has it (`sql::Tables::CreateAsModelled`): for a
    /// database whose migrations would change back what is made otherwise.
    #[must_use]
    pub fn as_modelled(mut self) -> Place {
        self.as_modelled = true;
        self
    }

    /// Has the store wait on the calling thread where it can, for a program that has a store for each thread: see
    /// `RedisBuilder::blocking`. The other stores know no such difference.
    #[must_use]
    pub fn blocking(mut self) -> Place {
        self.blocking = true;
        self
    }

    /// Opens the store; a server is not connected to before it is first used.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the URL or a setting cannot be, or this program was built without that store.
    pub fn open(&self) -> Result<Arc<dyn Store>> {
        if let Some(key) = self.assumed() {
            tracing::warn!(target: "dewar", "{key} is not set: sessions go to {self}, as with Flask-Session; set it to say so");
        }
        self.build().map_err(|error| self.said_by_key(error))
    }

    /// The same error; what the address has wrong names the key that says it.
    fn said_by_key(&self, error: Error) -> Error {
        match self.key {
            Some(key) if error.kind() == ErrorKind::Config => {
                wrong(format!("{key} ({}): {error}", self.config.origin(key)))
            }
            _ => error,
        }
    }

    /// Makes what the store needs and has not: the table with its index (SQL), the indexes (MongoDB), the table with its
    /// expiry (DynamoDB). What is there stays as it is. `None` where nothing is needed.
    ///
    /// For whoever does not want the application to make tables (`SESSION_TABLE_EXISTS`): run it where the rights are,
    /// before the application starts.
    ///
    /// # Errors
    /// Those of [`open`](Place::open), and what the server says.
    pub async fn migrate(&self) -> Result<Option<Migrated>> {
        let made = self.make_what_is_absent().await;
        made.map_err(|error| self.said_by_key(error))
    }

    async fn make_what_is_absent(&self) -> Result<Option<Migrated>> {
        Ok(match self.kind.name {
            #[cfg(feature = "dynamodb")]
            "dynamodb" => Some(self.dynamodb()?.migrate().await?),
            #[cfg(feature = "mongodb")]
            "mongodb" => Some(self.mongodb()?.migrate().await?),
            #[cfg(feature = "mysql")]
            "mysql" => Some(self.mysql()?.migrate().await?),
            #[cfg(feature = "postgresql")]
            "postgresql" => Some(self.postgresql()?.migrate().await?),
            #[cfg(feature = "sqlite")]
            "sqlite" => Some(self.sqlite()?.migrate()?),
            // One that this program was built without is an error.
            _ => self.build().map(|_| None)?,
        })
    }

    fn build(&self) -> Result<Arc<dyn Store>> {
        match self.kind.name {
            #[cfg(feature = "dynamodb")]
            "dynamodb" => {
                use crate::dynamodb::Tables;
                let exists =
                    self.expect_table || self.config.flag("SESSION_DYNAMODB_TABLE_EXISTS")?;
                let tables = match exists {
                    true => Tables::Expect,
                    false => Tables::Create,
                };
                Ok(Arc::new(self.dynamodb()?.tables(tables).build()?))
            }
            #[cfg(feature = "memcached")]
            "memcached" => Ok(Arc::new(self.memcached()?.build()?)),
            #[cfg(feature = "mongodb")]
            "mongodb" => {
                use crate::mongodb::Indexes;
                let indexes = match self.expect_table {
                    true => Indexes::Expect,
                    false => Indexes::Create,
                };
                Ok(Arc::new(self.mongodb()?.indexes(indexes).build()?))
            }
            #[cfg(feature = "mysql")]
            "mysql" => Ok(Arc::new(self.mysql()?.tables(self.tables()).build()?)),
            #[cfg(feature = "postgresql")]
            "postgresql" => Ok(Arc::new(self.postgresql()?.tables(self.tables()).build()?)),
            #[cfg(feature = "redis")]
            "redis" => Ok(Arc::new(self.redis()?.build()?)),
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Arc::new(self.sqlite()?.tables(self.tables()).open()?)),
            name => Err(wrong(format!(
                "this program was built without the store '{name}': build it with the feature `{}` of dewar-stores",
                self.kind.feature
            ))),
        }
    }

    #[cfg(feature = "dynamodb")]
    fn dynamodb(&self) -> Result<crate::dynamodb::DynamodbBuilder> {
        use crate::dynamodb::{DynamodbBuilder, DynamodbStore};
        let limits = self.limits()?;
        let builder = DynamodbStore::builder(&*self.url);
        let table = self.config.text("SESSION_DYNAMODB_TABLE")?;
        let builder = set(builder, table, DynamodbBuilder::table);
        let builder = set(builder, limits.connect, DynamodbBuilder::connect_timeout);
        Ok(set(
            builder,
            limits.operation,
            DynamodbBuilder::operation_timeout,
        ))
    }

    #[cfg(feature = "memcached")]
    fn memcached(&self) -> Result<crate::memcached::MemcachedBuilder> {
        use crate::memcached::{MemcachedBuilder, MemcachedStore};
        let limits = self.limits()?;
        let builder = MemcachedStore::builder(&*self.url);
        let builder = set(builder, limits.connect, MemcachedBuilder::connect_timeout);
        let builder = set(
            builder,
            limits.operation,
            MemcachedBuilder::operation_timeout,
        );
        Ok(set(
            builder,
            limits.connections,
            MemcachedBuilder::connections,
        ))
    }

    #[cfg(feature = "mongodb")]
    fn mongodb(&self) -> Result<crate::mongodb::MongodbBuilder> {
        use crate::mongodb::{MongodbBuilder, MongodbStore};
        let limits = self.limits()?;
        let builder = MongodbStore::builder(&*self.url);
        let database = self.config.text("SESSION_MONGODB_DB")?;
        let builder = set(builder, database, MongodbBuilder::database);
        let collection = self.config.text("SESSION_MONGODB_COLLECT")?;
        let builder = set(builder, collection, MongodbBuilder::collection);
        let builder = set(builder, limits.connect, MongodbBuilder::connect_timeout);
        let builder = set(builder, limits.operation, MongodbBuilder::operation_timeout);
        Ok(set(
            builder,
            limits.connections,
            MongodbBuilder::connections,
        ))
    }

    #[cfg(feature = "mysql")]
    fn mysql(&self) -> Result<crate::mysql::MysqlBuilder> {
        use crate::mysql::{MysqlBuilder, MysqlStore};
        let limits = self.limits()?;
        let builder = MysqlStore::builder(&*self.url).table(self.sqlalchemy_table()?);
        let builder = set(builder, limits.connect, MysqlBuilder::connect_timeout);
        let builder = set(builder, limits.operation, MysqlBuilder::operation_timeout);
        Ok(set(builder, limits.connections, MysqlBuilder::connections))
    }

    #[cfg(feature = "postgresql")]
    fn postgresql(&self) -> Result<crate::postgresql::PostgresqlBuilder> {
        use crate::postgresql::{PostgresqlBuilder, PostgresqlStore};
        let limits = self.limits()?;
        let table = match self.key {
            Some("SESSION_SQLALCHEMY") => self.sqlalchemy_table()?,
            _ => self.postgresql_table()?,
        };
        let builder = PostgresqlStore::builder(&*self.url).table(table);
        let builder = set(builder, limits.connect, PostgresqlBuilder::connect_timeout);
        let builder = set(
            builder,
            limits.operation,
            PostgresqlBuilder::operation_timeout,
        );
        Ok(set(
            builder,
            limits.connections,
            PostgresqlBuilder::connections,
        ))
    }

    #[cfg(feature = "redis")]
    fn redis(&self) -> Result<crate::redis::RedisBuilder> {
        use crate::redis::{RedisBuilder, RedisStore};
        let limits = self.limits()?;
        let builder = RedisStore::builder(&*self.url);
        let builder = set(builder, limits.connect, RedisBuilder::connect_timeout);
        let builder = set(builder, limits.operation, RedisBuilder::operation_timeout);
        Ok(match self.blocking {
            true => builder.blocking(),
            false => builder,
        })
    }

    #[cfg(feature = "sqlite")]
    fn sqlite(&self) -> Result<crate::sqlite::SqliteBuilder> {
        use crate::sqlite::{SqliteBuilder, SqliteStore};
        let limits = self.limits()?;
        let builder = SqliteStore::builder(&*self.url).table(self.sqlalchemy_table()?);
        Ok(set(
            builder,
            limits.operation,
            SqliteBuilder::operation_timeout,
        ))
    }

    #[allow(dead_code, reason = "whether it is used depends on the features")]
    fn limits(&self) -> Result<Limits> {
        Ok(Limits {
            connect: self.config.duration("SESSION_CONNECT_TIMEOUT")?,
            operation: self.config.duration("SESSION_OPERATION_TIMEOUT")?,
            connections: self.config.number("SESSION_CONNECTIONS")?,
        })
    }

    #[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
    fn tables(&self) -> Tables {
        match (self.expect_table, self.as_modelled) {
            (true, _) => Tables::Expect,
            (false, true) => Tables::CreateAsModelled,
            (false, false) => Tables::Create,
        }
    }

    #[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
    fn sqlalchemy_table(&self) -> Result<Table> {
        let mut table = self.shaped(
            Table::sqlalchemy(),
            "SESSION_SQLALCHEMY_TABLE",
            "SESSION_SQLALCHEMY_SCHEMA",
        )?;
        if let Some(column) = self.config.text("SESSION_SQLALCHEMY_KEY_COLUMN")? {
            table = named("SESSION_SQLALCHEMY_KEY_COLUMN", table.key_column(&column))?;
        }
        if let Some(sequence) = self.config.text("SESSION_SQLALCHEMY_SEQUENCE")? {
            table = named(
                "SESSION_SQLALCHEMY_SEQUENCE",
                table.with_sequence(&sequence),
            )?;
        }
        Ok(table)
    }

    #[cfg(feature = "postgresql")]
    fn postgresql_table(&self) -> Result<Table> {
        self.shaped(
            Table::postgresql(),
            "SESSION_POSTGRESQL_TABLE",
            "SESSION_POSTGRESQL_SCHEMA",
        )
    }

    #[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
    fn shaped(&self, mut table: Table, name: &str, schema: &str) -> Result<Table> {
        if let Some(text) = self.config.text(name)? {
            table = named(name, table.named(&text))?;
        }
        if let Some(text) = self.config.text(schema)? {
            table = named(schema, table.in_schema(&text))?;
        }
        Ok(table)
    }
}

/// What a configuration says about time and connections.
#[allow(dead_code, reason = "which are used depends on the features")]
struct Limits {
    connect: Option<Duration>,
    operation: Option<Duration>,
    connections: Option<usize>,
}

/// A store's address that no key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsaid {
    /// The key that should.
    pub key: &'static str,
    /// What it could say.
    pub example: &'static str,
    /// Where the store is taken to be then; `None` where nothing is assumed.
    pub usual: Option<&'static str>,
}

impl Unsaid {
    fn problem(&self, config: &Config) -> Problem {
        let Unsaid {
            key,
            example,
            usual,
        } = self;
        let origin = config.origin(key).clone();
        let (severity, what) = match usual {
            Some(usual) => (
                Severity::Warning,
                format!(
                    "it is not set: {usual} is assumed, as with Flask-Session; an application with flask-dewar does not start"
                ),
            ),
            None => (
                Severity::Error,
                "it is not set, so it is not known where the sessions are".to_owned(),
            ),
        };
        let fix = format!("set it to {example}");
        Problem::new(severity, Code::AddressMissing, key, origin, (what, fix))
    }
}

/// Kind and address, without user, password and options.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self
            .url
            .split_once("://")
            .map_or(&*self.url, |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        // `sqlite:///app.db` is a relative path, `sqlite:////srv/app.db` an absolute one.
        let address = match self.kind.name {
            "sqlite" if self.url.contains("://") => rest.strip_prefix('/').unwrap_or(rest),
            _ => rest,
        };
        write!(f, "{} at {address}", self.kind.name)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

/// The builder with a value, where there is one.
#[allow(dead_code, reason = "whether it is used depends on the features")]
fn set<B, T>(builder: B, value: Option<T>, setter: fn(B, T) -> B) -> B {
    match value {
        Some(value) => setter(builder, value),
        None => builder,
    }
}

/// The keys of a session type.
struct Keys {
    session_type: &'static str,
    /// The kind of store; `None` where the URL decides.
    kind: Option<&'static str>,
    /// The keys that may hold the address; the first that is set does.
    addresses: &'static [&'static str],
    /// Where Flask-Session looks if the address is not set.
    usual: Option<&'static str>,
    example: &'static str,
}

const KEYS: &[Keys] = &[
    Keys {
        session_type: "dynamodb",
        kind: Some("dynamodb"),
        addresses: &["SESSION_DYNAMODB"],
        usual: None,
        example: "dynamodb://eu-central-1",
    },
    Keys {
        session_type: "memcached",
        kind: Some("memcached"),
        addresses: &["SESSION_MEMCACHED"],
        usual: Some("memcached://127.0.0.1:11211"),
        example: "memcached://127.0.0.1:11211",
    },
    Keys {
        session_type: "mongodb",
        kind: Some("mongodb"),
        addresses: &["SESSION_MONGODB"],
        usual: Some("mongodb://127.0.0.1:27017"),
        example: "mongodb://127.0.0.1:27017",
    },
    Keys {
        session_type: "mysql",
        kind: Some("mysql"),
        addresses: &["SESSION_MYSQL", "SESSION_SQLALCHEMY"],
        usual: None,
        example: "mysql://user:password@host/database",
    },
    Keys {
        session_type: "postgresql",
        kind: Some("postgresql"),
        addresses: &["SESSION_POSTGRESQL"],
        usual: None,
        example: "postgresql://user:password@host/database",
    },
    Keys {
        session_type: "redis",
        kind: Some("redis"),
        addresses: &["SESSION_REDIS"],
        usual: Some("redis://127.0.0.1:6379"),
        example: "redis://127.0.0.1:6379",
    },
    Keys {
        session_type: "sqlalchemy",
        kind: None,
        addresses: &["SESSION_SQLALCHEMY"],
        usual: None,
        example: "sqlite:///sessions.db or postgresql://user:password@host/database",
    },
    Keys {
        session_type: "sqlite",
        kind: Some("sqlite"),
        addresses: &["SESSION_SQLITE", "SESSION_SQLALCHEMY"],
        usual: None,
        example: "sqlite:///sessions.db",
    },
];

/// The kinds that `sqlalchemy` may mean.
const SQL: &[&str] = &["mysql", "postgresql", "sqlite"];

impl Keys {
    fn of(session_type: &str) -> Option<&'static Keys> {
        KEYS.iter().find(|keys| keys.session_type == session_type)
    }

    /// The key that says the address; an empty one says none, as where a variable that it was taken from is not there.
    fn set(&self, config: &Config) -> Option<&'static str> {
        let mut addresses = self.addresses.iter().copied();
        addresses.find(|key| config.get(key).is_some_and(|value| !is_blank(value)))
    }

    /// The URL of an address that may be a bare `host:port`. `redis//host`, a URL without its colon, is none.
    fn url(&self, given: String) -> String {
        let bare = !given.contains(':') && !given.contains("//");
        match self.session_type {
            "memcached" | "redis" if bare || is_host_and_port(&given) => {
                format!("{}://{given}", self.session_type)
            }
            _ => given,
        }
    }
}

fn is_blank(address: &Setting) -> bool {
    match address {
        Setting::Text(text) => text.trim().is_empty(),
        Setting::List(servers) => servers.iter().all(is_blank),
        _ => false,
    }
}

fn is_host_and_port(address: &str) -> bool {
    !address.contains('/')
        && address.split(',').all(|one| {
            one.rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        })
}

/// The text of an address; a list of texts is one of several servers.
fn address(config: &Config, key: &'static str) -> Result<Option<String>> {
    let Some(Setting::List(servers)) = config.get(key) else {
        return config.text(key);
    };
    let texts = servers.iter().map(|server| match server {
        Setting::Text(text) => Ok(text.as_str()),
        _ => Err(wrong(format!(
            "{key} ({}): write a list of texts, such as [\"10.0.0.1:11211\", \"10.0.0.2:11211\"]",
            config.origin(key)
        ))),
    });
    let texts = texts.collect::<Result<Vec<_>>>()?;
    Ok(Some(texts.join(",")))
}

#[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
fn named(key: &str, table: Result<Table>) -> Result<Table> {
    table.map_err(|error| wrong(format!("{key}: {error}")))
}

fn unknown_scheme() -> Error {
    let built = KINDS
        .iter()
        .filter(|kind| kind.availability == Availability::BuiltIn);
    let schemes: Vec<_> = built
        .filter_map(|kind| Some(format!("{}://", kind.schemes.first()?)))
        .collect();
    wrong(format!(
        "that is not the URL of a store: write one that starts with {}",
        schemes.join(" or ")
    ))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}
