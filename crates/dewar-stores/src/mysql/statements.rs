use crate::sql::{Dialect, Found, Need, Table};

/// The SQL of a store, with the names of its table.
///
/// The key is compared twice: by the column's collation, which has the index but usually takes `a` and `A` for
/// the same, and by its bytes.
pub(crate) struct Statements {
    pub(super) load: String,
    pub(super) create: String,
    pub(super) create_over: String,
    pub(super) replace: String,
    pub(super) touch: String,
    pub(super) delete: String,
    pub(super) delete_unchanged: String,
    pub(super) delete_expired: String,
    pub(super) list: String,
}

impl Statements {
    /// For a table as it was found to be. Parameters are named: `:key`, `:data`, `:expiry`, `:seen`, `:now`, …
    pub(super) fn new(table: &Table, found: &Found) -> Statements {
        let t = table.qualified(Dialect::Mysql);
        let key = table.key(Dialect::Mysql);
        let same = format!(
            "{key} = :key AND CAST(CONVERT({key} USING utf8mb4) AS BINARY) = CAST(:key AS BINARY)"
        );
        let lives = "expiry > :now AND data IS NOT NULL";
        let numbered = table
            .sequence
            .as_ref()
            .filter(|_| found.need("id") == Some(Need::Required));
        let (id, number) = match numbered {
            Some(sequence) => (", id", format!(", NEXTVAL({})", sequence.quoted('`'))),
            None => ("", String::new()),
        };
        Statements {
            load: format!("SELECT data, expiry FROM {t} WHERE {same} AND {lives}"),
            create: format!(
                "INSERT INTO {t} ({key}, data, expiry{id}) VALUES (:key, :data, :expiry{number})"
            ),
            create_over: format!(
                "UPDATE {t} SET data = :data, expiry = :expiry \
                 WHERE {same} AND (expiry IS NULL OR expiry <= :now OR data IS NULL)"
            ),
            replace: format!(
                "UPDATE {t} SET data = :data, expiry = :expiry \
                 WHERE {same} AND expiry > :now AND data = :seen"
            ),
            touch: format!("UPDATE {t} SET expiry = :expiry WHERE {same} AND {lives}"),
            delete: format!("DELETE FROM {t} WHERE {same}"),
            delete_unchanged: format!(
                "DELETE FROM {t} WHERE {same} AND expiry > :now AND data = :seen"
            ),
            delete_expired: format!(
                "DELETE FROM {t} WHERE expiry <= :now OR expiry IS NULL LIMIT :rows"
            ),
            list: format!(
                "SELECT CONVERT({key} USING utf8mb4), LENGTH(data), expiry FROM {t} \
                 WHERE {key} > :after ORDER BY {key} LIMIT :rows"
            ),
        }
    }
}
