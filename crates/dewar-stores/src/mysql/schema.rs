use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Params};

use super::statements::Statements;
use crate::Migrated;
use crate::sql::link::Trouble;
use crate::sql::{Column, Dialect, Found, Need, Table, Tables};

/// Checks the table; makes it where it is absent and was to be made.
pub(super) async fn prepare(
    connection: &mut Conn,
    table: &Table,
    tables: Tables,
) -> Result<(Statements, Migrated), Trouble<Error>> {
    let (found, migrated) = match describe(connection, table).await? {
        Some(found) => (found, Migrated::Unchanged),
        None if tables == Tables::Expect => return Err(Trouble::Absent),
        None => {
            connection.query_drop(create(table, tables)).await?;
            let found = describe(connection, table).await?;
            (found.ok_or(Trouble::Absent)?, Migrated::Created)
        }
    };
    match found.complaint(table) {
        Some(complaint) => Err(Trouble::Foreign(complaint)),
        None => Ok((Statements::new(table, &found), migrated)),
    }
}

/// The table as SQLAlchemy makes it, with keys that are compared by their bytes; and, unless a model forbids it, with
/// an index on `expiry` and room for more than 64 KB.
fn create(table: &Table, tables: Tables) -> String {
    let t = table.qualified(Dialect::Mysql);
    let key = table.key(Dialect::Mysql);
    let (data, index) = match tables {
        Tables::CreateAsModelled => ("BLOB", String::new()),
        _ => {
            let index = table.expiry_index(Dialect::Mysql);
            ("LONGBLOB", format!(", INDEX {index} (expiry)"))
        }
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {t} (id INTEGER NOT NULL AUTO_INCREMENT, \
         {key} VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, data {data}, expiry DATETIME, \
         PRIMARY KEY (id), UNIQUE ({key}){index})"
    )
}

async fn describe(connection: &mut Conn, table: &Table) -> Result<Option<Found>, Error> {
    let schema = table.schema.as_ref().map(|schema| schema.as_str());
    let parameters = || Params::from((schema, table.name.as_str()));
    let columns: Vec<(String, String, bool)> = connection.exec(COLUMNS, parameters()).await?;
    if columns.is_empty() {
        return Ok(None);
    }
    let columns = columns.into_iter().map(|(name, kind, required)| Column {
        name,
        kind,
        need: match required {
            true => Need::Required,
            false => Need::Optional,
        },
    });
    Ok(Some(Found {
        columns: columns.collect(),
        unique: connection.exec(UNIQUE, parameters()).await?,
    }))
}

const COLUMNS: &str = "SELECT COLUMN_NAME, LOWER(DATA_TYPE), \
    IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL AND EXTRA NOT LIKE '%auto_increment%' \
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? \
    ORDER BY ORDINAL_POSITION";

const UNIQUE: &str = "SELECT MIN(COLUMN_NAME) FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND NON_UNIQUE = 0 \
    GROUP BY INDEX_NAME HAVING COUNT(*) = 1 AND MIN(SUB_PART) IS NULL";
