//! A store that is not open yet: its kind, its URL, and what the configuration says of it.

mod builders;
mod keys;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dewar::config::{Code, Config, Problem, Severity};
use dewar::store::Store;
use dewar::{Error, ErrorKind, Result};

use crate::Migrated;
use crate::kinds::{Availability, KINDS, Kind};

pub use keys::Unsaid;
use keys::{Keys, SQL, address};

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

    /// What is wrong with the address that a configuration says, or with an option in it, as far as that is known without a server.
    pub(crate) fn wrong_address(config: &Config) -> Option<Problem> {
        let named = config.text("SESSION_TYPE").ok().flatten()?;
        let keys = Keys::of(&named.to_ascii_lowercase())?;
        let key = keys.set(config)?;
        let place = Place::of_config(config).and_then(|place| match place {
            Some(place) => place.try_build(),
            None => Ok(()),
        });
        let what = place.err()?.to_string();
        Some(Problem::new(
            Severity::Error,
            Code::AddressMissing,
            key,
            config.origin(key).clone(),
            (what, format!("set it to {}", keys.example)),
        ))
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

    /// Takes everything but the address from a configuration: the table's name, the timeouts, the numbers of connections.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if `SESSION_TABLE_EXISTS` is neither true nor false.
    pub fn configured_by(mut self, config: &Config) -> Result<Place> {
        self.expect_table |= config.flag("SESSION_TABLE_EXISTS")?;
        self.config = config.clone();
        Ok(self)
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
}

/// Kind and address, without user, password and options.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self
            .url
            .split_once("://")
            .map_or(&*self.url, |(_, rest)| rest);
        let (rest, options) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        if options.contains('@') && is_doubtful(rest, options) {
            let why =
                "an address that is not told from its password (percent-encode ?, # and @ there)";
            return write!(f, "{} at {why}", self.kind.name);
        }
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        // `sqlite:///app.db` is a relative path, `sqlite:////srv/app.db` an absolute one.
        let address = match self.kind.name {
            "sqlite" if self.url.contains("://") => rest.strip_prefix('/').unwrap_or(rest),
            _ => rest,
        };
        write!(f, "{} at {address}", self.kind.name)
    }
}

/// Whether what seems to be the options of a URL may be the end of a password, so that the password begins in what is before.
fn is_doubtful(address: &str, options: &str) -> bool {
    let is_word = |name: &str| {
        let takes = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !name.is_empty() && name.bytes().all(takes)
    };
    let is_option = |option: &str| {
        option
            .split_once('=')
            .is_some_and(|(name, _)| is_word(name))
    };
    let are_options = options
        .strip_prefix('?')
        .is_some_and(|options| options.split('&').all(is_option));
    // Without a colon there is no password.
    !are_options || (address.contains(':') && !address.contains('@'))
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
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

pub(crate) fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}
