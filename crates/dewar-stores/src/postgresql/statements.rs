use tokio_postgres::types::Type;

use crate::sql::{Dialect, Found, Table};

/// The SQL of a store, with the names of its table, and the types of its columns.
///
/// The types of all parameters are sent along, so a statement that is not to be kept prepared is one round trip and leaves
/// nothing on the server's side.
pub(crate) struct Statements {
    pub(super) load: String,
    pub(super) create: String,
    pub(super) replace: String,
    pub(super) touch: String,
    pub(super) delete: String,
    pub(super) delete_unchanged: String,
    pub(super) delete_expired: String,
    pub(super) list: String,
    /// The type of `expiry`. Were a time sent as the other type, the server would convert it by its time zone.
    pub(super) expiry: Type,
    /// The type of `created`, where the table has that column.
    pub(super) created: Option<Type>,
    /// Whether each connection keeps them prepared.
    pub(super) prepared: bool,
}

impl Statements {
    /// For a table as it was found to be.
    pub(super) fn new(table: &Table, found: &Found, prepared: bool) -> Statements {
        let t = table.qualified(Dialect::Postgresql);
        let key = table.key(Dialect::Postgresql);
        let created = found.kind("created").and_then(time_type);
        let (mut columns, mut values) = (format!("{key}, data, expiry"), "$1, $2, $3".to_owned());
        let mut anew = "data = excluded.data, expiry = excluded.expiry".to_owned();
        if created.is_some() {
            columns.push_str(", created");
            values.push_str(", $5");
            anew.push_str(", created = excluded.created");
        }
        if let Some(sequence) = &table.sequence {
            columns.push_str(", id");
            values.push_str(&format!(", nextval('{}')", sequence.quoted('"')));
        }
        // 2: done, 1: another version, 0: not there. Both parts see the table as it was when the statement began.
        let outcome = |write: String, now: &str| {
            format!(
                "WITH done AS ({write} RETURNING 1) SELECT CASE WHEN EXISTS (SELECT FROM done) THEN 2 \
                 WHEN EXISTS (SELECT FROM {t} WHERE {key} = $1 AND expiry > {now} AND data IS NOT NULL) THEN 1 \
                 ELSE 0 END"
            )
        };
        Statements {
            load: format!(
                "SELECT data, expiry FROM {t} WHERE {key} = $1 AND expiry > $2 AND data IS NOT NULL"
            ),
            create: format!(
                "INSERT INTO {t} AS old ({columns}) VALUES ({values}) \
                 ON CONFLICT ({key}) DO UPDATE SET {anew} \
                 WHERE old.expiry IS NULL OR old.expiry <= $4 OR old.data IS NULL"
            ),
            replace: outcome(
                format!(
                    "UPDATE {t} SET data = $2, expiry = $3 \
                     WHERE {key} = $1 AND expiry > $5 AND data = $4"
                ),
                "$5",
            ),
            touch: format!(
                "UPDATE {t} SET expiry = $2 WHERE {key} = $1 AND expiry > $3 AND data IS NOT NULL"
            ),
            delete: format!("DELETE FROM {t} WHERE {key} = $1"),
            delete_unchanged: outcome(
                format!("DELETE FROM {t} WHERE {key} = $1 AND expiry > $3 AND data = $2"),
                "$3",
            ),
            // The array is made once, so the limit holds; rows that others lock are theirs to remove.
            delete_expired: format!(
                "DELETE FROM {t} WHERE {key} = ANY (ARRAY(SELECT {key} FROM {t} \
                 WHERE (expiry <= $1 OR expiry IS NULL) AND {key} IS NOT NULL LIMIT $2 \
                 FOR UPDATE SKIP LOCKED)) AND (expiry <= $1 OR expiry IS NULL)"
            ),
            list: format!(
                "SELECT {key}::text, octet_length(data), expiry FROM {t} \
                 WHERE {key} > $1 ORDER BY {key} LIMIT $2"
            ),
            expiry: found
                .kind("expiry")
                .and_then(time_type)
                .unwrap_or(Type::TIMESTAMP),
            created,
            prepared,
        }
    }
}

fn time_type(kind: &str) -> Option<Type> {
    match kind {
        "timestamp without time zone" => Some(Type::TIMESTAMP),
        "timestamp with time zone" => Some(Type::TIMESTAMPTZ),
        _ => None,
    }
}
