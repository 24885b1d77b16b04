use std::path::PathBuf;

use dewar::{Error, ErrorKind, Result};

use super::connection::{Address, LogIn};
use crate::percent::credential;

/// What a connection URL says.
pub(super) struct Place {
    pub(super) addresses: Vec<Address>,
    pub(super) log_in: LogIn,
}

const PORT: u16 = 11_211;

/// Reads a connection URL; no message repeats it, since it may hold a password.
pub(super) fn parse(url: &str) -> Result<Place> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| bad("should look like memcached://localhost:11211"))?;
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    if scheme == "memcached+unix" {
        let (log_in, path) = rest.rsplit_once('@').unwrap_or(("", rest));
        if !path.starts_with('/') {
            return Err(bad(
                "must have an absolute path, as in memcached+unix:///run/memcached.sock",
            ));
        }
        return Ok(Place {
            addresses: vec![Address::Unix(PathBuf::from(path))],
            log_in: read_log_in(log_in, options)?,
        });
    }
    if scheme != "memcached" {
        return Err(bad("must begin with memcached:// or memcached+unix://"));
    }
    let (log_in, hosts) = rest.rsplit_once('@').unwrap_or(("", rest));
    let hosts = hosts.trim_end_matches('/');
    if hosts.contains('/') {
        return Err(bad("has a path, which means nothing to memcached"));
    }
    Ok(Place {
        addresses: hosts.split(',').map(read_address).collect::<Result<_>>()?,
        log_in: read_log_in(log_in, options)?,
    })
}

fn read_address(host: &str) -> Result<Address> {
    let no_port = || bad("has a port that is no number");
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, "")) => (host, PORT),
        Some((host, port)) => {
            let port = port.strip_prefix(':').ok_or_else(no_port)?;
            (host, port.parse().map_err(|_| no_port())?)
        }
        None => match host.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| no_port())?),
            None => (host, PORT),
        },
    };
    let host = if host.is_empty() { "localhost" } else { host };
    if host.contains([' ', '%', '[', ']']) {
        return Err(bad("has a host that is no name or address"));
    }
    let host = host.to_owned();
    Ok(Address::Tcp { host, port })
}

fn read_log_in(log_in: &str, options: &str) -> Result<LogIn> {
    let text = match options {
        "" | "auth=sasl" => false,
        "auth=text" => true,
        _ => return Err(bad("has an option other than auth=sasl and auth=text")),
    };
    let Some((user, password)) = log_in.split_once(':') else {
        return match log_in {
            "" => Ok(LogIn::None),
            _ => Err(bad("has a user without a password")),
        };
    };
    let (user, password) = (
        credential(user).map_err(bad)?,
        credential(password).map_err(bad)?,
    );
    if text
        && [&user, &password]
            .iter()
            .any(|part| part.contains([' ', '\r', '\n']))
    {
        return Err(bad(
            "has a user or password with a space, which the text protocol cannot carry",
        ));
    }
    match text {
        true => Ok(LogIn::Text { user, password }),
        false => Ok(LogIn::Sasl { user, password }),
    }
}

fn bad(what: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the URL of the memcached servers {what}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn hosts_and_ports() {
        let cases = [
            ("memcached://", "localhost:11211"),
            (
                "memcached://a,b:1,[::1],[::2]:3/",
                "a:11211 b:1 [::1]:11211 [::2]:3",
            ),
            ("memcached://u:p@ss@host", "host:11211"),
            (
                "memcached+unix:///run/memcached.sock",
                "/run/memcached.sock",
            ),
        ];
        for (url, expected) in cases {
            let place = parse(url).unwrap();
            let addresses: Vec<_> = place.addresses.iter().map(Address::to_string).collect();
            assert_eq!(addresses.join(" "), expected, "{url}");
        }
    }

    #[test]
    fn log_ins() {
        let log_in = |url| parse(url).unwrap().log_in;
        assert!(matches!(log_in("memcached://host"), LogIn::None));
        let LogIn::Sasl { user, password } = log_in("memcached://us%40er:p%3aw@host") else {
            panic!("SASL");
        };
        assert_eq!((user.as_str(), password.as_str()), ("us@er", "p:w"));
        assert!(matches!(
            log_in("memcached://u:p@host?auth=text"),
            LogIn::Text { .. }
        ));
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_the_url() {
        let urls = [
            "secret",
            "http://secret",
            "memcached:secret",
            "memcached://secret@host",
            "memcached://user:secret@host:99999",
            "memcached://user:secret@host/0",
            "memcached://user:secret@host?auth=secret",
            "memcached://user:%secret@host",
            "memcached://user:secret%ff@host",
            "memcached://user:secret%20@host?auth=text",
            "memcached+unix://secret",
            "memcached://[secret",
        ];
        for url in urls {
            let result = parse(url);
            let Err(error) = result else { panic!("{url}") };
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error:?}").contains("secret"), "{error}");
        }
    }
}
