/// A kind of store: what configuration, the command line and the tests must know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kind {
    /// The name in `SESSION_TYPE`.
    pub name: &'static str,
    /// The cargo feature of this crate that builds it.
    pub feature: &'static str,
    /// The schemes of its connection URLs, the usual one first.
    pub schemes: &'static [&'static str],
    /// What it is, in one line.
    pub summary: &'static str,
    /// Whether it was built into this program.
    pub availability: Availability,
}

/// Whether a kind of store was built into this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Its cargo feature is on.
    BuiltIn,
    /// Its cargo feature is off.
    NotBuilt,
}

/// Every kind of store in this crate, alphabetical.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "dynamodb",
        feature: "dynamodb",
        schemes: &["dynamodb", "dynamodb+https", "dynamodb+http"],
        summary: "a table in DynamoDB, on AWS or where the same is spoken",
        availability: availability(cfg!(feature = "dynamodb")),
    },
    Kind {
        name: "memcached",
        feature: "memcached",
        schemes: &["memcached", "memcached+unix"],
        summary: "one or several memcached servers; sessions are lost when a server restarts",
        availability: availability(cfg!(feature = "memcached")),
    },
    Kind {
        name: "mongodb",
        feature: "mongodb",
        schemes: &["mongodb", "mongodb+srv"],
        summary: "MongoDB 5 and newer: a single server or a replica set",
        availability: availability(cfg!(feature = "mongodb")),
    },
    Kind {
        name: "mysql",
        feature: "mysql",
        schemes: &["mysql", "mariadb"],
        summary: "MySQL 8 or MariaDB 10.6 and newer",
        availability: availability(cfg!(feature = "mysql")),
    },
    Kind {
        name: "postgresql",
        feature: "postgresql",
        schemes: &["postgresql", "postgres"],
        summary: "PostgreSQL 13 and newer",
        availability: availability(cfg!(feature = "postgresql")),
    },
    Kind {
        name: "redis",
        feature: "redis",
        schemes: &[
            "redis",
            "rediss",
            "redis+unix",
            "redis+sentinel",
            "rediss+sentinel",
            "redis+cluster",
            "rediss+cluster",
            "valkey",
            "valkeys",
            "unix",
        ],
        summary: "Redis 6.2 and newer or Valkey: a single server, Sentinel or Cluster",
        availability: availability(cfg!(feature = "redis")),
    },
    Kind {
        name: "sqlite",
        feature: "sqlite",
        schemes: &["sqlite"],
        summary: "an SQLite file that several processes of one machine share; no server",
        availability: availability(cfg!(feature = "sqlite")),
    },
];

impl Kind {
    /// The kind of this name in `SESSION_TYPE`, in any case.
    ///
    /// ```
    /// use dewar_stores::Kind;
    ///
    /// assert_eq!(Kind::named("Redis").unwrap().feature, "redis");
    /// assert!(Kind::named("null").is_none());
    /// ```
    pub fn named(name: &str) -> Option<&'static Kind> {
        KINDS
            .iter()
            .find(|kind| kind.name.eq_ignore_ascii_case(name))
    }

    /// The kind that a connection URL means by its scheme; a driver after `+`, as SQLAlchemy writes it, is no matter.
    ///
    /// ```
    /// use dewar_stores::Kind;
    ///
    /// assert_eq!(Kind::of_url("rediss://cache.example:6380/1").unwrap().name, "redis");
    /// assert_eq!(Kind::of_url("postgresql+psycopg2://db.example/app").unwrap().name, "postgresql");
    /// assert!(Kind::of_url("https://example.org").is_none());
    /// ```
    pub fn of_url(url: &str) -> Option<&'static Kind> {
        let (scheme, _) = url.split_once(':')?;
        let with_scheme = |scheme: &str| {
            let same = |known: &&str| known.eq_ignore_ascii_case(scheme);
            KINDS.iter().find(|kind| kind.schemes.iter().any(same))
        };
        let (dialect, _) = scheme.split_once('+').unwrap_or((scheme, ""));
        with_scheme(scheme).or_else(|| with_scheme(dialect))
    }
}

const fn availability(feature: bool) -> Availability {
    if feature {
        Availability::BuiltIn
    } else {
        Availability::NotBuilt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_schemes_are_unique_and_sorted() {
        assert!(KINDS.is_sorted_by(|a, b| a.name < b.name));
        let mut schemes: Vec<_> = KINDS.iter().flat_map(|kind| kind.schemes).collect();
        let all = schemes.len();
        schemes.sort();
        schemes.dedup();
        assert_eq!(schemes.len(), all);
    }

    #[test]
    fn every_kind_is_a_cargo_feature() {
        let manifest = include_str!("../Cargo.toml");
        for kind in KINDS {
            let line = format!("\n{} = [", kind.feature);
            assert!(manifest.contains(&line), "no feature {}", kind.feature);
        }
    }
}
