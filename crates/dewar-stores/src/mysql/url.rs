use dewar::{Error, ErrorKind, Result};
use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};

use crate::percent::decoded;
use crate::tls::{Files, Names, Paths};

/// A connection URL, read.
pub(super) struct Target {
    pub(super) options: OptsBuilder,
    pub(super) tls: Tls,
    pub(super) paths: Paths,
    /// Where the server is, without user and password.
    pub(super) address: String,
}

/// As SQLAlchemy and most drivers call them.
pub(super) static FILES: Names = Names {
    authorities: "ssl_ca",
    certificate: "ssl_cert",
    key: "ssl_key",
};

/// Whether the connection is encrypted, and the server must prove who it is: MySQL's `ssl_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Plain.
    Disabled,
    /// Encrypted; any certificate will do.
    Required,
    /// Encrypted; the certificate must be for the host's name, from an authority that is named, or else from one that
    /// browsers know.
    Verified,
}

impl Tls {
    pub(super) fn options(self, files: Files) -> Option<SslOpts> {
        let options = match (self, files.authorities) {
            (Tls::Disabled, _) => return None,
            (Tls::Required, _) => SslOpts::default()
                .with_danger_accept_invalid_certs(true)
                .with_danger_skip_domain_validation(true),
            (Tls::Verified, None) => SslOpts::default(),
            (Tls::Verified, Some(pem)) => SslOpts::default()
                .with_disable_built_in_roots(true)
                .with_root_certs(vec![pem.into()]),
        };
        let identity = files
            .identity
            .map(|ours| ClientIdentity::new(ours.certificate.into(), ours.key.into()));
        Some(options.with_client_identity(identity))
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
    let (mut mode, mut paths) = (Tls::Disabled, Paths::new(&FILES));
    // Otherwise the driver would leave TCP for a socket that the server names.
    let mut options = OptsBuilder::from_opts(options).prefer_socket(false);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("unix_socket" | "socket", path)) => {
                let path = decoded(path);
                address = format!("{path}/{database}");
                options = options.prefer_socket(true).socket(Some(path));
            }
            Some((name, path)) if paths.take(name, path) => {}
            Some(("ssl_mode" | "ssl-mode", given)) => {
                mode = match given.to_ascii_uppercase().as_str() {
                    "DISABLED" | "PREFERRED" => Tls::Disabled,
                    "REQUIRED" => Tls::Required,
                    "VERIFY_CA" | "VERIFY_IDENTITY" => Tls::Verified,
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
                    "has other parameters than {name:?}: unix_socket, ssl_ca, ssl_cert, ssl_key and ssl_mode"
                )));
            }
            None => return Err(wrong("has a value for each parameter")),
        }
    }
    // Whoever names authorities wants them asked, and whoever shows a certificate wants TLS.
    let tls = match (mode, paths.names_authorities()) {
        (_, true) => Tls::Verified,
        (Tls::Disabled, false) if !paths.is_empty() => Tls::Verified,
        (mode, false) => mode,
    };
    Ok(Target {
        options,
        tls,
        paths,
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
    fn the_url_decides_whether_the_server_is_checked() {
        for (query, tls) in [
            ("", Tls::Disabled),
            ("ssl_mode=REQUIRED", Tls::Required),
            ("ssl_mode=VERIFY_IDENTITY", Tls::Verified),
            ("ssl_ca=/ca.pem", Tls::Verified),
            ("ssl_ca=/ca.pem&ssl_mode=REQUIRED", Tls::Verified),
            ("ssl_mode=REQUIRED&ssl_ca=/ca.pem", Tls::Verified),
            ("ssl_cert=/cert.pem&ssl_key=/key.pem", Tls::Verified),
            ("ssl_cert=/cert.pem&ssl_mode=REQUIRED", Tls::Required),
        ] {
            let target = parse(&format!("mysql://u@h/d?{query}")).unwrap();
            assert_eq!(target.tls, tls, "{query}");
        }
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
