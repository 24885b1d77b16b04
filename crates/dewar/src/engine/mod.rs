//! A request's way through a session: open it, let the handler change it, close it.

mod at_once;
mod build;
mod calls;
mod close;
mod execute;
mod in_flight;
mod keys;
mod lately;
mod open;
mod rejections;
mod rotate;
mod saving;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub use self::build::EngineBuilder;
pub use self::close::Reply;
pub use self::keys::Reload;
use self::keys::Signing;
use self::lately::Lately;
use self::rejections::Rejections;
use self::turns::Lines;
use crate::clock::Clock;
use crate::config::{Config, OnStoreFailure, Permanence};
use crate::cookie::{CookieTemplate, SessionCookie, SignedId};
use crate::data::{Document, Format};
use crate::plan::{Kept, Policy};
use crate::session::state::{State, created};
use crate::store::{Key, Purged, Store};
use crate::{Error, ErrorKind, Random, Result, SessionId, UnixTime};

/// Opens sessions from `Cookie` headers and closes them into `Set-Cookie` headers.
///
/// One engine serves the whole application; clones are cheap and share everything. Every adapter (tower, actix,
/// Python) is this pair of calls:
///
/// ```
/// use dewar::config::Config;
/// use dewar::Engine;
///
/// # async fn request(cookie_header: &[u8]) -> dewar::Result<()> {
/// let engine = Engine::new(Config::new().secret_key("an example: make yours with 32 random bytes"))?;
///
/// let session = engine.open([cookie_header]).await?;
/// session.insert("visits", 1 + session.get::<u32>("visits")?.unwrap_or(0))?;
/// let reply = engine.close(&session).await?;
///
/// if let Some(set_cookie) = reply.set_cookie() {
///     println!("Set-Cookie: {set_cookie}");
/// }
/// if reply.varies() {
///     println!("Vary: Cookie");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    interface: Interface,
    policy: Policy,
    permanence: Permanence,
    cookie: CookieTemplate,
    on_store_failure: OnStoreFailure,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    rejections: Rejections,
}

/// Flask's session interfaces.
enum Interface {
    /// Reads find nothing, writes fail and name the setting that is missing.
    Null { missing: Arc<str> },
    /// The data is in the cookie.
    Cookie(Signing<SessionCookie>),
    /// The data is in a store, the id in the cookie.
    Server(Server),
}

struct Server {
    store: Arc<dyn Store>,
    /// Whether `SESSION_TYPE` names a store; if not, the engine was given one.
    named: bool,
    key_prefix: String,
    signer: Option<Signing<SignedId>>,
    id_bytes: usize,
    format: Format,
    cleanup_every: Option<u32>,
    requests: AtomicU32,
    lines: Lines,
    /// `None` if the store is not asked for expiries, or need not be asked apart.
    lately: Option<Lately>,
}

impl Engine {
    /// An engine for this configuration, on the system's clock and random source.
    ///
    /// Makes the `memory` and `filesystem` stores itself; for any other, see [`Engine::builder`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`], with every problem of the configuration at once.
    pub fn new(config: Config) -> Result<Engine> {
        Engine::builder(config).build()
    }

    /// An engine whose store, clock or random source is given.
    pub fn builder(config: Config) -> EngineBuilder {
        EngineBuilder::new(config)
    }

    /// The store, if sessions are kept in one.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        match &self.0.interface {
            Interface::Server(server) => Some(&server.store),
            Interface::Null { .. } | Interface::Cookie(_) => None,
        }
    }

    /// Whether it is the same one, or a clone of it.
    pub(crate) fn is(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a browser takes the cookies of both for one.
    pub(crate) fn has_cookie_of(&self, other: &Engine) -> bool {
        self.0.cookie.replaces(&other.0.cookie)
    }

    /// The rules by which sessions end.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The cookie's name.
    pub fn cookie_name(&self) -> &str {
        self.0.cookie.name()
    }

    /// Removes at most `limit` expired sessions from the store: one step of bounded work.
    ///
    /// Dewar starts no task of its own: call this from a timer, or set `SESSION_CLEANUP_N_REQUESTS`.
    ///
    /// ```
    /// # async fn clean_up(engine: dewar::Engine) -> dewar::Result<()> {
    /// use dewar::store::Purged;
    ///
    /// while let Purged::More(_) = engine.delete_expired(1000).await? {}
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the store fails.
    pub async fn delete_expired(&self, limit: usize) -> Result<Purged> {
        match &self.0.interface {
            Interface::Server(server) => server.delete_expired(self.now(), limit).await,
            Interface::Null { .. } | Interface::Cookie(_) => Ok(Purged::Finished(0)),
        }
    }

    /// Ends a session by its id, as where an account is closed or another device logged out: its record is removed, and requests
    /// that are under way with it find it [gone](ErrorKind::Gone). One that is not there has ended already.
    ///
    /// ```
    /// # async fn example(engine: dewar::Engine, kept_at_login: &str) -> dewar::Result<()> {
    /// use dewar::SessionId;
    ///
    /// if let Some(id) = SessionId::parse(kept_at_login) {
    ///     engine.end_session(&id).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if sessions are kept in signed cookies, where only the browser can end them; or if the store fails.
    pub async fn end_session(&self, id: &SessionId) -> Result<()> {
        match &self.0.interface {
            Interface::Server(server) => server.delete(&server.key(id.expose())).await,
            Interface::Null { .. } | Interface::Cookie(_) => Err(Error::new(
                ErrorKind::Config,
                "a session in a signed cookie cannot be ended by its id: set SESSION_TYPE to a store, or compare a number in the \
                 session with one that is kept with the user",
            )),
        }
    }

    fn now(&self) -> UnixTime {
        self.0.clock.now()
    }

    /// When a session ends that is used now.
    fn expires(&self, document: &Document, now: UnixTime) -> UnixTime {
        let policy = &self.0.policy;
        // Only an absolute lifetime counts from the beginning.
        let created = policy.absolute_lifetime.and_then(|_| created(document));
        policy.expires(created, now)
    }

    fn kept(&self) -> Kept {
        match &self.0.interface {
            Interface::Null { .. } | Interface::Cookie(_) => Kept::InCookie,
            Interface::Server(_) => Kept::InStore,
        }
    }

    pub(crate) fn new_session_permanence(&self) -> Permanence {
        self.0.permanence
    }

    pub(crate) fn session_id(&self, state: &mut State) -> Result<Option<SessionId>> {
        match &self.0.interface {
            Interface::Server(server) => match state.stored() {
                Some(stored) => Ok(Some(server.id(&stored.key))),
                None => state.next_id(|| self.generate_id(server)).map(Some),
            },
            Interface::Null { .. } | Interface::Cookie(_) => Ok(None),
        }
    }

    fn generate_id(&self, server: &Server) -> Result<SessionId> {
        SessionId::generate(&*self.0.random, server.id_bytes)
    }
}

impl Server {
    /// The key of the record under an id.
    fn key(&self, id: &str) -> Key {
        let mut key = String::with_capacity(self.key_prefix.len() + id.len());
        key.push_str(&self.key_prefix);
        key.push_str(id);
        Key::new(key)
    }

    /// The id in a key that [`key`](Server::key) made.
    fn id(&self, key: &Key) -> SessionId {
        SessionId::known(self.id_text(key))
    }

    fn id_text<'k>(&self, key: &'k Key) -> &'k str {
        key.expose()
            .get(self.key_prefix.len()..)
            .unwrap_or_default()
    }

    /// Whether it is this request's turn to remove expired records.
    fn cleanup_due(&self) -> bool {
        self.cleanup_every.is_some_and(|every| {
            self.requests.fetch_add(1, Ordering::Relaxed) % every.max(1) == every.max(1) - 1
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Engine");
        match &self.0.interface {
            Interface::Null { missing } => out.field("null", missing),
            Interface::Cookie(_) => out.field("kept", &"in a signed cookie"),
            Interface::Server(server) => out.field("store", &server.store),
        };
        out.field("policy", &self.0.policy).finish_non_exhaustive()
    }
}
