//! Keys that are replaced while the engine serves requests.

use arc_swap::{ArcSwap, Guard};

use super::{Engine, Interface};
use crate::config::{self, Config};
use crate::signing::Keyring;
use crate::{Error, ErrorKind, Result, events};

/// What came of new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "keys that are not used because nothing is signed are probably a mistake"]
pub enum Reload {
    /// They sign and verify from now on.
    Changed,
    /// They are those that were in use already.
    Unchanged,
    /// Nothing is signed: sessions are in a store, and `SESSION_USE_SIGNER` is not set, or there are none.
    NothingSigned,
}

impl Engine {
    /// Takes the keys of a configuration that was read anew, without a restart: `SECRET_KEY` and its fallbacks.
    ///
    /// Everything else stays as it was when the engine was built. Requests that are under way are not disturbed:
    /// each verifies with the keys of the moment it opens its session, and signs with those of the moment it closes
    /// it. Sessions go on as long as the key that signed them is among the fallbacks.
    ///
    /// Dewar starts no task of its own: call this on a signal, or every minute; it costs as much as reading the
    /// configuration does.
    ///
    /// ```
    /// use dewar::config::{Config, Environment};
    /// use dewar::engine::Reload;
    /// use dewar::Engine;
    ///
    /// fn configuration() -> Config {
    ///     // FLASK_SECRET_KEY_FILE names the file that changes.
    ///     Config::new().session_type("cookie").environment(Environment::of_process())
    /// }
    /// # let configuration = || configuration().secret_key("9f3c1e77a05bd2846cf01b9de35a7482");
    ///
    /// let engine = Engine::new(configuration())?;
    /// // Later, on SIGHUP:
    /// match engine.reload_keys(&configuration()) {
    ///     Ok(Reload::Changed) => println!("new keys"),
    ///     Ok(_) => {}
    ///     Err(error) => println!("the keys stay as they are: {error}"),
    /// }
    /// # Ok::<(), dewar::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the configuration has errors, or sessions are not kept in the way that they were when
    /// the engine was built. The keys then stay as they are.
    pub fn reload_keys(&self, config: &Config) -> Result<Reload> {
        let checked = match &self.0.interface {
            Interface::Server(server) if !server.named => {
                config.clone().for_a_given_store().settings()?
            }
            _ => config.settings()?,
        };
        let settings = checked.settings;
        let keys = match (&self.0.interface, settings.interface) {
            (Interface::Cookie(_), config::Interface::SignedCookie(signed)) => Some(signed.keys),
            (Interface::Server(server), config::Interface::ServerSide(now)) => {
                if server.signer.is_some() != now.signer.is_some() {
                    return Err(needs_restart("SESSION_USE_SIGNER"));
                }
                now.signer
            }
            (Interface::Null { .. }, config::Interface::Null { .. }) => None,
            _ => return Err(needs_restart("SESSION_TYPE")),
        };
        match keys {
            Some(keys) => self.replace_keys(keys),
            None => Ok(Reload::NothingSigned),
        }
    }

    /// Signs and verifies with these keys from now on, as [`reload_keys`](Engine::reload_keys) does.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if one of the keys is empty; the keys then stay as they are.
    pub fn replace_keys(&self, keys: Keyring) -> Result<Reload> {
        if keys.key().is_empty() || keys.fallbacks().iter().any(|key| key.is_empty()) {
            return Err(Error::new(
                ErrorKind::Config,
                "one of the new keys is empty, so that anybody could sign with it; the keys stay as they are",
            ));
        }
        let accepted = 1 + keys.fallbacks().len();
        let reload = match &self.0.interface {
            Interface::Cookie(cookie) => cookie.replace(keys),
            Interface::Server(server) => match &server.signer {
                Some(signer) => signer.replace(keys),
                None => Reload::NothingSigned,
            },
            Interface::Null { .. } => Reload::NothingSigned,
        };
        if reload == Reload::Changed {
            events::keys_replaced(accepted);
        }
        Ok(reload)
    }
}

fn needs_restart(key: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "{key} has changed since the engine was built, which needs a restart; the keys stay as they are"
        ),
    )
}

/// What signs with the keys of the moment; reading it takes no lock.
pub(super) struct Signing<T> {
    now: ArcSwap<Keyed<T>>,
    derive: Box<dyn Fn(&Keyring) -> T + Send + Sync>,
}

/// A signer with the keys that it was made from.
pub(super) struct Keyed<T> {
    keys: Keyring,
    pub(super) signer: T,
}

impl<T> Signing<T> {
    pub(super) fn new(
        keys: Keyring,
        derive: impl Fn(&Keyring) -> T + Send + Sync + 'static,
    ) -> Signing<T> {
        let signer = derive(&keys);
        Signing {
            now: ArcSwap::from_pointee(Keyed { keys, signer }),
            derive: Box::new(derive),
        }
    }

    /// The signer of the moment.
    pub(super) fn now(&self) -> Guard<std::sync::Arc<Keyed<T>>> {
        self.now.load()
    }

    fn replace(&self, keys: Keyring) -> Reload {
        if self.now.load().keys == keys {
            return Reload::Unchanged;
        }
        let signer = (self.derive)(&keys);
        self.now.store(Keyed { keys, signer }.into());
        Reload::Changed
    }
}
