use dewar::{Error, ErrorKind, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::tls::{Names, Paths};

/// A connection URL, read.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) verify: Verify,
    pub(super) paths: Paths,
    /// Whether statements are kept prepared on each connection.
    pub(super) prepared: bool,
}

/// Whether the server must prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verify {
    /// Only if authorities are named.
    No,
    /// To one of the authorities that are named, or to one that the system knows.
    Yes,
    /// To an authority that the system knows.
    BySystem,
}

/// As libpq calls them.
pub(super) static FILES: Names = Names {
    authorities: "sslrootcert",
    certificate: "sslcert",
    key: "sslkey",
};

/// Reads a URL as libpq and SQLAlchemy write it.
pub(super) fn parse(url: &str) -> Result<Target> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| {
        wrong("begins with postgresql://, as in postgresql://user:password@host/database")
    })?;
    let (dialect, _driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    if !["postgresql", "postgres"].contains(&dialect) {
        return Err(wrong("begins with postgresql://"));
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    // The driver takes what follows the first for a host, and a host is shown.
    let authority = place.split('/').next().unwrap_or_default();
    if authority.matches('@').count() > 1 {
        return Err(wrong(
            "has one @, before the host: in a user's name or a password it is written as %40",
        ));
    }
    let mut kept = Vec::new();
    let (mut verify, mut paths) = (Verify::No, Paths::new(&FILES));
    let mut prepared = false;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            // The driver knows only the modes that do not check certificates.
            Some(("sslmode", "verify-ca" | "verify-full")) => {
                verify = verify.max(Verify::Yes);
                kept.push("sslmode=require".to_owned());
            }
            Some(("sslmode", "allow")) => kept.push("sslmode=prefer".to_owned()),
            // As SQLAlchemy's asyncpg has it; there are fewer statements than any size that makes sense.
            Some(("prepared_statement_cache_size", size)) => {
                let what = "has a number in prepared_statement_cache_size: 0, or 100 to keep statements prepared";
                let size: u32 = size.parse().map_err(|_| wrong(what))?;
                prepared = size > 0;
            }
            Some(("sslrootcert", "system")) => verify = Verify::BySystem,
            Some((name, path)) if paths.take(name, path) => {}
            _ => kept.push(parameter.to_owned()),
        }
    }
    let plain = format!("postgresql://{place}?{}", kept.join("&"));
    // The driver's message tells which parameter is wrong, and nothing of their values but for a port's.
    let config: Config = plain.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let cause = cause.unwrap_or_else(|| "it cannot be read".to_owned());
        wrong(&format!("is understood: {cause}. Special characters in a password are written as %40 and the like"))
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(wrong(
            "names no host: write postgresql://user:password@host/database, or postgresql://user@/database?host=/run/postgresql for a socket",
        ));
    }
    Ok(Target {
        config,
        verify,
        paths,
        prepared,
    })
}

/// Where the server is, without user and password.
pub(super) fn describe(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(host) => format!("{host}:{port}"),
            #[cfg(unix)]
            Host::Unix(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
        }
    });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    match config.get_dbname() {
        Some(database) => format!("{hosts}/{database}"),
        None => hosts,
    }
}

/// Whether the connection may be one without TLS throughout.
pub(super) fn wants_tls(config: &Config) -> bool {
    config.get_ssl_mode() != SslMode::Disable
}

fn wrong(what: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the URL of a PostgreSQL server {what}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls_are_as_sqlalchemy_writes_them() {
        for (url, place) in [
            ("postgresql://u:p@db.example/app", "db.example:5432/app"),
            (
                "postgresql+psycopg2://u:p@db.example:6432/app",
                "db.example:6432/app",
            ),
            (
                "postgres://u@/app?host=/run/postgresql",
                "/run/postgresql/.s.PGSQL.5432/app",
            ),
            (
                "postgresql://u@a:1,b:2/app?target_session_attrs=read-write",
                "a:1,b:2/app",
            ),
        ] {
            assert_eq!(describe(&parse(url).unwrap().config), place);
        }
    }

    #[test]
    fn a_url_without_a_host_is_refused() {
        for url in ["postgresql://", "postgresql:///app", "postgres://u:p@/app"] {
            let message = parse(url).err().unwrap().to_string();
            assert!(message.contains("names no host"), "{url}: {message}");
        }
        assert!(parse("postgresql:///app?hostaddr=10.0.0.1").is_ok());
    }

    #[test]
    fn sslmode_decides_whether_the_server_is_checked() {
        let verify = |query: &str| {
            parse(&format!("postgresql://u@h/d?{query}"))
                .unwrap()
                .verify
        };
        assert_eq!(verify(""), Verify::No);
        assert_eq!(verify("sslmode=require"), Verify::No);
        assert_eq!(verify("sslmode=verify-full"), Verify::Yes);
        assert_eq!(
            verify("sslmode=require&sslrootcert=system"),
            Verify::BySystem
        );
        assert_eq!(
            verify("sslrootcert=system&sslmode=verify-full"),
            Verify::BySystem
        );
        let none = parse("postgresql://u@h/d?sslmode=disable").unwrap();
        assert!(!wants_tls(&none.config));
    }

    #[test]
    fn statements_are_prepared_where_the_url_has_room_for_them() {
        for (query, prepared) in [
            ("", false),
            ("?prepared_statement_cache_size=0", false),
            ("?prepared_statement_cache_size=100&sslmode=disable", true),
        ] {
            let target = parse(&format!("postgresql://u@h/d{query}")).unwrap();
            assert_eq!(target.prepared, prepared, "{query}");
        }
        let wrong = parse("postgresql://u@h/d?prepared_statement_cache_size=all");
        let message = wrong.err().unwrap().to_string();
        assert!(
            message.contains("prepared_statement_cache_size"),
            "{message}"
        );
    }

    #[test]
    fn no_message_shows_the_password() {
        for url in [
            "postgresql://u:hunter2@h:port/d",
            "postgresql://u:hunter2@h/d?unknown=hunter2",
            "postgresql://u:hunter2%@h/d",
            "postgresql://u:p@hunter2@h/d",
            "postgresql://u:hunter2%zz@h/d",
            "mysql://u:hunter2@h/d",
            "u:hunter2@h/d",
        ] {
            if let Err(error) = parse(url) {
                assert!(!format!("{error:?}").contains("hunter2"), "{url}");
            }
        }
    }
}
