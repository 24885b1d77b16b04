use dewar::store::Key;
use rusqlite::{Connection, OptionalExtension};

use crate::outcome::Outcome;
use crate::sql::{Dialect, Table};

/// The SQL of a store, with the names of its table.
///
/// A row lives if its `expiry`, compared as text, is later than the time that is passed, and its `data` is not NULL.
pub(super) struct Statements {
    pub(super) load: String,
    pub(super) create: String,
    pub(super) replace: String,
    pub(super) touch: String,
    pub(super) delete: String,
    pub(super) delete_unchanged: String,
    pub(super) delete_expired: String,
    pub(super) list: String,
    lives: String,
}

impl Statements {
    pub(super) fn new(table: &Table) -> Statements {
        let t = table.qualified(Dialect::Sqlite);
        let key = table.key(Dialect::Sqlite);
        // The cast is for rows that somebody wrote as text: SQLite never finds text and bytes equal.
        let unchanged = "CAST(data AS BLOB)";
        Statements {
            load: format!(
                "SELECT data, expiry FROM {t} WHERE {key} = ?1 AND expiry > ?2 AND data IS NOT NULL"
            ),
            create: format!(
                "INSERT INTO {t} AS row ({key}, data, expiry) VALUES (?1, ?2, ?3) \
                 ON CONFLICT ({key}) DO UPDATE SET data = excluded.data, expiry = excluded.expiry \
                 WHERE row.expiry IS NULL OR row.expiry <= ?4 OR row.data IS NULL"
            ),
            replace: format!(
                "UPDATE {t} SET data = ?2, expiry = ?3 \
                 WHERE {key} = ?1 AND expiry > ?5 AND {unchanged} = ?4"
            ),
            touch: format!(
                "UPDATE {t} SET expiry = ?2 WHERE {key} = ?1 AND expiry > ?3 AND data IS NOT NULL"
            ),
            delete: format!("DELETE FROM {t} WHERE {key} = ?1"),
            delete_unchanged: format!(
                "DELETE FROM {t} WHERE {key} = ?1 AND expiry > ?3 AND {unchanged} = ?2"
            ),
            delete_expired: format!(
                "DELETE FROM {t} WHERE {key} IN \
                 (SELECT {key} FROM {t} WHERE expiry <= ?1 OR expiry IS NULL LIMIT ?2)"
            ),
            // A key of bytes is no session's: SQLite never finds it equal to text.
            list: format!(
                "SELECT {key}, length(CAST(data AS BLOB)), expiry FROM {t} \
                 WHERE {key} > ?1 AND {key} >= ?2 AND typeof({key}) = 'text' \
                 ORDER BY {key} LIMIT ?3"
            ),
            lives: format!(
                "SELECT 1 FROM {t} WHERE {key} = ?1 AND expiry > ?2 AND data IS NOT NULL"
            ),
        }
    }

    /// Why a conditional write changed nothing.
    pub(super) fn outcome_of_no_change(
        &self,
        connection: &Connection,
        key: &Key,
        now: &str,
    ) -> rusqlite::Result<Outcome> {
        let mut lives = connection.prepare_cached(&self.lives)?;
        let row = lives
            .query_row([key.expose(), now], |_| Ok(()))
            .optional()?;
        Ok(match row {
            Some(()) => Outcome::Conflict,
            None => Outcome::Gone,
        })
    }
}
