//! Connection URLs, the forms with several hosts included, which the driver does not know.

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use dewar::{Error, ErrorKind, Result};

use crate::tls::{Names, Paths};

/// A connection URL, read.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) place: Place,
    pub(super) paths: Paths,
}

/// As redis-py calls them.
pub(super) static FILES: Names = Names {
    authorities: "ssl_ca_certs",
    certificate: "ssl_certfile",
    key: "ssl_keyfile",
};

/// Which servers a URL means.
#[derive(Debug)]
pub(super) enum Place {
    Single(ConnectionInfo),
    Cluster(Vec<ConnectionInfo>),
    Sentinel {
        /// Each with the log-in of the master: the Sentinels' own is not in the URL.
        sentinels: Vec<ConnectionInfo>,
        service: String,
    },
}

const SENTINEL_PORT: u16 = 26379;

/// Reads a connection URL; no message repeats it, since it may hold a password.
pub(super) fn parse(url: &str) -> Result<Address> {
    let mut paths = Paths::new(&FILES);
    // The driver knows no files.
    let url = &without(url, |name, value| paths.take(name, value));
    let place = place(url)?;
    let servers = match &place {
        Place::Single(server) => std::slice::from_ref(server),
        Place::Cluster(servers) => servers,
        Place::Sentinel { sentinels, .. } => sentinels,
    };
    let tls = |server: &ConnectionInfo| matches!(server.addr(), ConnectionAddr::TcpTls { .. });
    if !paths.is_empty() && !servers.iter().all(tls) {
        return Err(bad(
            "names certificates, which only rediss:// and its kind use",
        ));
    }
    Ok(Address { place, paths })
}

fn place(url: &str) -> Result<Place> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(bad(
            "has no scheme; it should look like redis://localhost:6379/0",
        ));
    };
    let (tls, form) = match scheme {
        "redis" | "valkey" => (Tls::Off, Form::Single),
        "rediss" | "valkeys" => (Tls::On, Form::Single),
        "redis+unix" | "valkey+unix" | "unix" => (Tls::Off, Form::Unix),
        "redis+sentinel" => (Tls::Off, Form::Sentinel),
        "rediss+sentinel" => (Tls::On, Form::Sentinel),
        "redis+cluster" => (Tls::Off, Form::Cluster),
        "rediss+cluster" => (Tls::On, Form::Cluster),
        _ => {
            return Err(bad(
                "must begin with redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://",
            ));
        }
    };
    if let Form::Unix = form {
        check_options(rest, &["db", "user", "pass", "protocol"])?;
        return one(&format!("redis+unix:{rest}")).map(Place::Single);
    }
    check_options(rest, &["db", "protocol"])?;
    let parts = Parts::of(rest)?;
    match form {
        Form::Single | Form::Unix => match parts.hosts.as_slice() {
            [host] => parts.server(tls, host, parts.path).map(Place::Single),
            _ => Err(bad(
                "names several hosts, which only redis+sentinel:// and redis+cluster:// can",
            )),
        },
        Form::Cluster => {
            let node = |host: &&str| parts.server(tls, host, parts.path);
            parts
                .hosts
                .iter()
                .map(node)
                .collect::<Result<_>>()
                .map(Place::Cluster)
        }
        Form::Sentinel => {
            let (service, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
            if service.is_empty() {
                return Err(bad(
                    "must name the service, as in redis+sentinel://host:26379/mymaster/0",
                ));
            }
            let sentinel = |host: &&str| {
                let sentinel = parts.server(tls, host, database)?;
                let address = match (sentinel.addr().clone(), has_port(host)) {
                    (ConnectionAddr::Tcp(host, _), false) => {
                        ConnectionAddr::Tcp(host, SENTINEL_PORT)
                    }
                    (
                        ConnectionAddr::TcpTls {
                            host,
                            insecure,
                            tls_params,
                            ..
                        },
                        false,
                    ) => {
                        let port = SENTINEL_PORT;
                        ConnectionAddr::TcpTls {
                            host,
                            port,
                            insecure,
                            tls_params,
                        }
                    }
                    (address, _) => address,
                };
                Ok(sentinel.set_addr(address))
            };
            Ok(Place::Sentinel {
                sentinels: parts.hosts.iter().map(sentinel).collect::<Result<_>>()?,
                service: service.to_owned(),
            })
        }
    }
}

impl Place {
    /// Where it is, without user and password.
    pub(super) fn describe(&self) -> String {
        let hosts = |servers: &[ConnectionInfo]| {
            let hosts = servers.iter().map(|server| server.addr().to_string());
            hosts.collect::<Vec<_>>().join(",")
        };
        match self {
            Place::Single(server) => describe(server),
            Place::Cluster(nodes) => format!("{} (cluster)", hosts(nodes)),
            Place::Sentinel { sentinels, service } => {
                format!("{} (Sentinel, service {service})", hosts(sentinels))
            }
        }
    }
}

/// Where a server is, without user and password.
pub(super) fn describe(server: &ConnectionInfo) -> String {
    match server.redis_settings().db() {
        0 => server.addr().to_string(),
        database => format!("{}, database {database}", server.addr()),
    }
}

#[derive(Clone, Copy)]
enum Tls {
    On,
    Off,
}

#[derive(Clone, Copy)]
enum Form {
    Single,
    Unix,
    Sentinel,
    Cluster,
}

/// `//[user[:password]@]host[:port][,host[:port]…][/path][?options][#insecure]`
struct Parts<'a> {
    log_in: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
    tail: &'a str,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Result<Parts<'a>> {
        let rest = rest
            .strip_prefix("//")
            .ok_or_else(|| bad("lacks // after the scheme"))?;
        let (rest, tail) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts = authority.rfind('@').map_or(0, |at| at + 1);
        let (log_in, hosts) = authority.split_at(hosts);
        Ok(Parts {
            log_in,
            hosts: hosts.split(',').collect(),
            path: path.trim_end_matches('/'),
            tail,
        })
    }

    fn server(&self, tls: Tls, host: &str, database: &str) -> Result<ConnectionInfo> {
        let scheme = match tls {
            Tls::On => "rediss",
            Tls::Off => "redis",
        };
        let host = if host.is_empty() { "localhost" } else { host };
        let (log_in, tail) = (self.log_in, self.tail);
        let server = one(&format!("{scheme}://{log_in}{host}/{database}{tail}"))?;
        // As redis-py reads it.
        let option = options(tail).find_map(|(name, value)| (name == "db").then_some(value));
        let Some(database) = option else {
            return Ok(server);
        };
        let database = database
            .parse()
            .map_err(|_| bad("has a db that is no number"))?;
        let settings: RedisConnectionInfo = server.redis_settings().clone();
        Ok(server.set_redis_settings(settings.set_db(database)))
    }
}

fn one(url: &str) -> Result<ConnectionInfo> {
    url.into_connection_info().map_err(|error| {
        let what = match error.to_string() {
            text if text.contains("database") => {
                "has a database that is no number; if the password has @, / or #, percent-encode it"
            }
            text if text.contains("wildcard") => "names 0.0.0.0 or ::, which is no address to connect to",
            text if text.contains("insecure") => {
                "has a fragment other than #insecure; if the password has @, / or #, percent-encode it"
            }
            text if text.contains("protocol") => "has a protocol other than resp2 and resp3",
            text if text.contains("UTF-8") => "has a user or password that is not UTF-8",
            text if text.contains("path") => "must have an absolute path, as in redis+unix:///run/redis.sock",
            _ => {
                "cannot be read; it should look like redis://user:password@localhost:6379/0, special characters in user \
                 and password percent-encoded"
            }
        };
        bad(what)
    })
}

fn has_port(host: &str) -> bool {
    let after_address = host.rfind(']').map_or(0, |end| end + 1);
    host[after_address..].contains(':')
}

fn check_options(rest: &str, known: &[&str]) -> Result<()> {
    match options(rest).find(|(name, _)| !known.contains(name)) {
        None => Ok(()),
        Some(_) => Err(bad(&format!(
            "has an option that is not known here; known are {}",
            known.join(", ")
        ))),
    }
}

fn options(rest: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, options) = rest.split_once('?').unwrap_or_default();
    let (options, _) = options.split_once('#').unwrap_or((options, ""));
    let options = options.split('&').filter(|option| !option.is_empty());
    options.map(name_and_value)
}

fn name_and_value(option: &str) -> (&str, &str) {
    option.split_once('=').unwrap_or((option, ""))
}

/// The URL without the options that are taken.
fn without(url: &str, mut take: impl FnMut(&str, &str) -> bool) -> String {
    let (url, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let Some((place, query)) = url.split_once('?') else {
        return format!("{url}{fragment}");
    };
    let mut taken = |option: &&str| {
        let (name, value) = name_and_value(option);
        take(name, value)
    };
    let kept: Vec<_> = query.split('&').filter(|option| !taken(option)).collect();
    format!("{place}?{}{fragment}", kept.join("&"))
}

fn bad(what: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the URL of the Redis server {what}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn descriptions_hold_no_credentials() {
        let cases = [
            ("redis://", "localhost:6379"),
            ("redis://:secret@cache.example", "cache.example:6379"),
            (
                "redis://user:s%40cret@cache.example:7000/3",
                "cache.example:7000, database 3",
            ),
            (
                "redis://user:secret@cache.example?db=2",
                "cache.example:6379, database 2",
            ),
            ("rediss://user:secret@[::1]:7000", "::1:7000"),
            ("valkey://cache.example/", "cache.example:6379"),
            (
                "unix:///run/redis.sock?pass=secret&db=1",
                "/run/redis.sock, database 1",
            ),
            ("redis+unix:///run/redis.sock", "/run/redis.sock"),
            (
                "redis+cluster://user:secret@a:7001,b:7002",
                "a:7001,b:7002 (cluster)",
            ),
            (
                "redis+sentinel://user:secret@a,b:7002,[::1]/main/1",
                "a:26379,b:7002,::1:26379 (Sentinel, service main)",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(parse(url).unwrap().place.describe(), expected, "{url}");
        }
    }

    #[test]
    fn log_in_and_database_reach_the_server() {
        let Place::Single(server) = place("redis://user:s%40cr%3Aet@host/5").unwrap() else {
            panic!("a single server");
        };
        let settings = server.redis_settings();
        assert_eq!(settings.username(), Some("user"));
        assert_eq!(settings.password(), Some("s@cr:et"));
        assert_eq!(settings.db(), 5);
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_the_url() {
        let urls = [
            "secret",
            "http://secret",
            "redis:secret",
            "redis://user:secret@host/x",
            "redis://user:secret@host:99999",
            "redis://user:secret@host?ssl_cert_reqs=none",
            "redis://user:secret@host?ssl_ca_certs=/secret",
            "redis://user:secret@a,b",
            "redis://0.0.0.0/secret",
            "redis+sentinel://user:secret@host",
            "rediss://user:secret@host#other",
            "redis+unix://user:secret@host?db=x",
            "redis+unix:///path?pass=secret&password=secret",
        ];
        for url in urls {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            let text = format!("{error} {error:?}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
