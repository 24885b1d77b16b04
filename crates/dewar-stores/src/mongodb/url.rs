//! Connection strings, without what must not be shown.

use ::mongodb::options::{ConnectionString, HostInfo};
use dewar::{Error, ErrorKind, Result};

/// What a connection string says.
pub(super) struct Target {
    pub(super) connection: ConnectionString,
    /// Where it is, without user and password.
    pub(super) address: String,
}

/// Reads a connection string; no message repeats it, since it may hold a password.
pub(super) fn parse(url: &str) -> Result<Target> {
    // The driver's own words quote what they do not understand.
    let Ok(connection) = ConnectionString::parse(url) else {
        return Err(Error::new(
            ErrorKind::Config,
            "the connection string of the MongoDB store is not understood; it should look like \
             mongodb://user:password@host:27017/?replicaSet=name or mongodb+srv://user:password@host/, with special \
             characters of user and password percent-encoded, and the options that MongoDB documents",
        ));
    };
    let mut address = match &connection.host_info {
        HostInfo::HostIdentifiers(hosts) => {
            let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
            hosts.join(",")
        }
        HostInfo::DnsRecord(name) => format!("{name} (srv)"),
        _ => "an unknown place".to_owned(),
    };
    if let Some(name) = &connection.replica_set {
        address = format!("{address} (replica set {name})");
    }
    Ok(Target {
        connection,
        address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_holds_no_secret() {
        for (url, address) in [
            ("mongodb://u:hunter2@h", "h:27017"),
            (
                "mongodb://u:hunter2@a:1,b:2/admin?replicaSet=rs",
                "a:1,b:2 (replica set rs)",
            ),
            (
                "mongodb+srv://u:hunter2@cluster.example/?w=majority",
                "cluster.example (srv)",
            ),
        ] {
            assert_eq!(
                parse(url).unwrap_or_else(|error| panic!("{error}")).address,
                address
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_without_the_password() {
        for url in [
            "h/hunter2",
            "redis://u:hunter2@h",
            "mongodb://u:hunter2@h:port",
            "mongodb://u:hunter2@h/?maxPoolSize=hunter2",
            "mongodb://u:hun@ter2@h",
        ] {
            let error = parse(url)
                .err()
                .unwrap_or_else(|| panic!("{url} is understood"));
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error:?}").contains("ter2"), "{error}");
        }
    }
}
