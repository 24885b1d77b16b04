//! The three ways to keep a session that the demo offers side by side.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use dewar::config::Config;
use dewar::signing::SecretKey;

/// Where a shop keeps its sessions. Each has a shop of its own, under a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    Cookie,
    Memory,
    Filesystem,
}

impl Store {
    /// All of them, in the order of the switch.
    pub const ALL: [Store; 3] = [Store::Cookie, Store::Memory, Store::Filesystem];

    /// The value of Flask-Session's `SESSION_TYPE`, and of `--store`.
    pub fn name(self) -> &'static str {
        match self {
            Store::Cookie => "cookie",
            Store::Memory => "memory",
            Store::Filesystem => "filesystem",
        }
    }

    /// What the switch calls it.
    pub fn title(self) -> &'static str {
        match self {
            Store::Cookie => "Signed cookie",
            Store::Memory => "Memory",
            Store::Filesystem => "Filesystem",
        }
    }

    /// Where its shop is, and so the `Path` of its cookie: the three shops never see each other's sessions.
    pub fn path(self) -> &'static str {
        match self {
            Store::Cookie => "/cookie",
            Store::Memory => "/memory",
            Store::Filesystem => "/filesystem",
        }
    }

    /// The configuration of its sessions, by the keys of Flask and Flask-Session.
    pub fn config(self, secret_key: &SecretKey, sessions: &Path) -> Config {
        let config = Config::new()
            .secret_key(secret_key.clone())
            .session_type(self.name())
            .set("SESSION_COOKIE_PATH", self.path())
            .set("SESSION_COOKIE_SAMESITE", "Lax")
            // A session ends with the browser, unless the visitor asks to be remembered.
            .set("SESSION_PERMANENT", false)
            .set("PERMANENT_SESSION_LIFETIME", "31d");
        match self {
            Store::Cookie | Store::Memory => config,
            Store::Filesystem => {
                config.set("SESSION_FILE_DIR", sessions.to_string_lossy().into_owned())
            }
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Store, String> {
        Store::ALL
            .into_iter()
            .find(|store| store.name() == text)
            .ok_or_else(|| "a store is cookie, memory or filesystem".to_owned())
    }
}
