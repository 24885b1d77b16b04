//! Which keys say where the sessions of a `SESSION_TYPE` are.

use dewar::Result;
use dewar::config::{Code, Config, Problem, Setting, Severity};

use super::wrong;

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
    pub(crate) fn problem(&self, config: &Config) -> Problem {
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

/// The keys of a session type.
pub(super) struct Keys {
    session_type: &'static str,
    /// The kind of store; `None` where the URL decides.
    pub(super) kind: Option<&'static str>,
    /// The keys that may hold the address; the first that is set does.
    pub(super) addresses: &'static [&'static str],
    /// Where Flask-Session looks if the address is not set.
    pub(super) usual: Option<&'static str>,
    pub(super) example: &'static str,
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
pub(super) const SQL: &[&str] = &["mysql", "postgresql", "sqlite"];

impl Keys {
    pub(super) fn of(session_type: &str) -> Option<&'static Keys> {
        KEYS.iter().find(|keys| keys.session_type == session_type)
    }

    /// The key that says the address; an empty one says none, as where a variable that it was taken from is not there.
    pub(super) fn set(&self, config: &Config) -> Option<&'static str> {
        let mut addresses = self.addresses.iter().copied();
        addresses.find(|key| config.get(key).is_some_and(|value| !is_blank(value)))
    }

    /// The URL of an address that may be a bare `host:port`. `redis//host`, a URL without its colon, is none.
    pub(super) fn url(&self, given: String) -> String {
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
pub(super) fn address(config: &Config, key: &'static str) -> Result<Option<String>> {
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
