use rusqlite::{Connection, OptionalExtension};

use crate::Migrated;
use crate::sql::{Column, Dialect, Found, Need, Table, Tables};

/// What is wrong with the table.
pub(super) enum Trouble {
    /// SQLite's own complaint.
    Sqlite(rusqlite::Error),
    /// The table is absent and was not to be made.
    Absent,
    /// The table is another one; why.
    Foreign(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        Trouble::Sqlite(error)
    }
}

/// Checks the table; makes it where it is absent and was to be made.
pub(super) fn prepare(
    connection: &Connection,
    table: &Table,
    tables: Tables,
) -> Result<Migrated, Trouble> {
    if let Some(found) = describe(connection, table)? {
        return match found.complaint(table) {
            Some(complaint) => Err(Trouble::Foreign(complaint)),
            None => Ok(Migrated::Unchanged),
        };
    }
    if tables == Tables::Expect {
        return Err(Trouble::Absent);
    }
    create(connection, table, tables)?;
    Ok(Migrated::Created)
}

/// Makes the table as SQLAlchemy does, and an index on `expiry` unless a model forbids it; nothing if another process
/// was faster.
fn create(connection: &Connection, table: &Table, tables: Tables) -> rusqlite::Result<()> {
    let t = table.qualified(Dialect::Sqlite);
    let key = table.key(Dialect::Sqlite);
    let index = match tables {
        Tables::CreateAsModelled => String::new(),
        _ => {
            let index = table.expiry_index(Dialect::Sqlite);
            format!("CREATE INDEX IF NOT EXISTS {index} ON {t} (expiry);\n")
        }
    };
    let made = connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;\n\
         CREATE TABLE IF NOT EXISTS {t} (\n\
         \tid INTEGER NOT NULL,\n\t{key} VARCHAR(255),\n\tdata BLOB,\n\texpiry DATETIME,\n\
         \tPRIMARY KEY (id),\n\tUNIQUE ({key})\n);\n\
         {index}COMMIT;"
    ));
    if made.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    made
}

fn describe(connection: &Connection, table: &Table) -> rusqlite::Result<Option<Found>> {
    let name = table.name.as_str();
    // SQLite's names differ in more than case.
    let exists =
        "SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    if connection
        .query_row(exists, [name], |_| Ok(()))
        .optional()?
        .is_none()
    {
        return Ok(None);
    }
    let mut columns = connection.prepare(
        "SELECT name, lower(type), \"notnull\" AND dflt_value IS NULL AND NOT (pk AND lower(type) = 'integer') \
         FROM pragma_table_info(?1)",
    )?;
    let columns = columns.query_map([name], |row| {
        Ok(Column {
            name: row.get(0)?,
            kind: row.get(1)?,
            need: match row.get(2)? {
                true => Need::Required,
                false => Need::Optional,
            },
        })
    })?;
    let mut unique = connection.prepare(
        "SELECT min(at.name) FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS at \
         WHERE list.\"unique\" AND NOT list.partial GROUP BY list.name HAVING count(*) = 1",
    )?;
    let unique = unique.query_map([name], |row| row.get(0))?;
    Ok(Some(Found {
        columns: columns.collect::<rusqlite::Result<_>>()?,
        unique: unique.collect::<rusqlite::Result<_>>()?,
    }))
}
