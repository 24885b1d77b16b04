use std::path::PathBuf;

use dewar::{Error, ErrorKind, Result};
use mysql_async::{Opts, OptsBuilder, SslOpts};

use crate::sql::decoded;

/// A connection URL, read.
pub(super) struct Target {
    pub(super) options: OptsBuilder,
    pub(super) tls: Tls,
    /// Where the server is, without user and password.
    pub(super) address: String,
}

/// Whether the connection is encrypted, and whom it trusts: MySQL's `ssl_mode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Plain.
    Disabled,
    /// Encrypted; any certificate will do.
    Required,
    /// Encrypted; the certificate must be for the host's name, from an authority that browsers know.
    Verified,
    /// Encrypted; the certificate must be for the host's name, from an authority in this PEM file.
    VerifiedBy(PathBuf),
}

impl Tls {
    pub(super) fn options(&self) -> Option<SslOpts> {
        match self {
            Tls::Disabled => None,
            Tls::Required => Some(
                SslOpts::default()
                    .with_danger_accept_invalid_certs(true)
                    .with_danger_skip_domain_validation(true),
            ),
            Tls::Verified => Some(SslOpts::default()),
            Tls::VerifiedBy(path) => Some(
                SslOpts::default()
                    .with_disable_built_in_roots(true)
                    .with_root_certs(vec![path.clone().into()]),
            ),
        }
    }
}

/// Reads a URL as SQLAlchemy and MySQL's own programs write it.
pub(super) fn parse(url: &str) -> Result<Target> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| wrong("begins with mysql://, as in mysql://user:password@host/database"))?;
    let (dialect, _driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    if !["mysql", "mariadb"].contains(&dialect) {
        return Err(wrong("begins with mysql:// or mariadb://"));
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let options = Opts::from_url(&format!("mysql://{place}")).map_err(|_| {
        wrong("is understood as mysql://user:password@host:port/database; special characters in a password are written as %40 and the like")
    })?;
    if options.db_name().is_none_or(str::is_empty) {
        return Err(wrong(
            "names a database: mysql://user:password@host/database",
        ));
    }
    let database = options.db_name().unwrap_or_default().to_owned();
    let mut address = format!(
        "{}:{}/{database}",
        options.ip_or_hostname(),
        options.tcp_port()
    );
    let mut tls = Tls::Disabled;
    // Otherwise the driver would leave TCP for a socket that the server names.
    let mut options = OptsBuilder::from_opts(options).prefer_socket(false);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("unix_socket" | "socket", path)) => {
                let path = decoded(path);
                address = format!("{path}/{database}");
                options = options.prefer_socket(true).socket(Some(path));
            }
            Some(("ssl_ca", path)) => tls = Tls::VerifiedBy(decoded(path).into()),
            Some(("ssl_mode" | "ssl-mode", mode)) => {
                tls = match (mode.to_ascii_uppercase().as_str(), tls) {
                    ("DISABLED" | "PREFERRED", Tls::Disabled) => Tls::Disabled,
                    ("REQUIRED", Tls::Disabled) => Tls::Required,
                    ("VERIFY_CA" | "VERIFY_IDENTITY", Tls::Disabled) => Tls::Verified,
                    (
                        "DISABLED" | "PREFERRED" | "REQUIRED" | "VERIFY_CA" | "VERIFY_IDENTITY",
                        given,
                    ) => given,
                    _ => {
                        return Err(wrong(
                            "has one of MySQL's modes in ssl_mode, such as VERIFY_IDENTITY",
                        ));
                    }
                };
            }
            // Text is always UTF-8 here, and sessions are bytes.
            Some(("charset", _)) => {}
            Some((name, _)) => {
                return Err(wrong(&format!(
                    "has other parameters than {name:?}: unix_socket, ssl_ca and ssl_mode"
                )));
            }
            None => return Err(wrong("has a value for each parameter")),
        }
    }
    Ok(Target {
        options,
        tls,
        address,
    })
}

fn wrong(what: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the URL of a MySQL server {what}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls_are_as_sqlalchemy_writes_them() {
        for (url, address) in [
            ("mysql://u:p@db.example/app", "db.example:3306/app"),
            (
                "mysql+pymysql://u:p@db.example:3307/app?charset=utf8mb4",
                "db.example:3307/app",
            ),
            ("mariadb+mariadbconnector://u@db/app", "db:3306/app"),
            (
                "mysql://u@localhost/app?unix_socket=%2Frun%2Fmysql.sock",
                "/run/mysql.sock/app",
            ),
        ] {
            assert_eq!(parse(url).unwrap().address, address);
        }
    }

    #[test]
    fn the_url_decides_whom_to_trust() {
        let tls = |query: &str| parse(&format!("mysql://u@h/d?{query}")).unwrap().tls;
        let authority = || Tls::VerifiedBy("/ca.pem".into());
        assert_eq!(tls(""), Tls::Disabled);
        assert_eq!(tls("ssl_mode=REQUIRED"), Tls::Required);
        assert_eq!(tls("ssl_mode=VERIFY_IDENTITY"), Tls::Verified);
        assert_eq!(tls("ssl_ca=/ca.pem"), authority());
        assert_eq!(tls("ssl_ca=/ca.pem&ssl_mode=REQUIRED"), authority());
        assert_eq!(tls("ssl_mode=REQUIRED&ssl_ca=/ca.pem"), authority());
    }

    #[test]
    fn what_is_not_understood_is_an_error_without_the_password() {
        for url in [
            "mysql://u:hunter2@h",
            "mysql://u:hunter2@h:port/d",
            "mysql://u:hunter2@h/d?unknown=hunter2",
            "mysql://u:hunter2@h/d?ssl_mode=hunter2",
            "postgresql://u:hunter2@h/d",
            "u:hunter2@h/d",
        ] {
            let error = parse(url).err().unwrap();
            assert!(!format!("{error:?}").contains("hunter2"), "{error}");
        }
    }
}
