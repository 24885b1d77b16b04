use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;
use tokio_postgres::types::Type;

use super::statements::Statements;
use crate::Migrated;
use crate::sql::link::Trouble;
use crate::sql::{Column, Dialect, Found, Layout, Need, Table, Tables};

/// Checks the table; makes it where it is absent and was to be made.
pub(super) async fn prepare(
    client: &ClientWrapper,
    table: &Table,
    tables: Tables,
    prepared: bool,
) -> Result<(Statements, Migrated), Trouble<Error>> {
    let (found, migrated) = match describe(client, table).await? {
        Some(found) => (found, Migrated::Unchanged),
        None if tables == Tables::Expect => return Err(Trouble::Absent),
        None => {
            client.batch_execute(&create(table, tables)).await?;
            let found = describe(client, table).await?;
            (found.ok_or(Trouble::Absent)?, Migrated::Created)
        }
    };
    match found.complaint(table) {
        Some(complaint) => Err(Trouble::Foreign(complaint)),
        None => Ok((Statements::new(table, &found, prepared), migrated)),
    }
}

/// Makes the table as Flask-Session does, and an index on `expiry` unless a model forbids it; nothing if another process
/// was faster.
///
/// Sent as one message it is one transaction, which the lock makes one at a time.
fn create(table: &Table, tables: Tables) -> String {
    let t = table.qualified(Dialect::Postgresql);
    let key = table.key(Dialect::Postgresql);
    let index = match tables {
        Tables::CreateAsModelled => String::new(),
        _ => {
            let index = table.expiry_index(Dialect::Postgresql);
            format!("; CREATE INDEX IF NOT EXISTS {index} ON {t} (expiry)")
        }
    };
    let mut sequence = String::new();
    let columns = match (table.layout, &table.sequence) {
        (Layout::Postgresql, _) => format!(
            "{key} VARCHAR(255) NOT NULL PRIMARY KEY, \
             created TIMESTAMP WITHOUT TIME ZONE DEFAULT (NOW() AT TIME ZONE 'utc'), \
             data BYTEA, expiry TIMESTAMP WITHOUT TIME ZONE"
        ),
        (Layout::Sqlalchemy, numbers) => {
            let id = match numbers {
                None => "SERIAL",
                Some(name) => {
                    sequence = format!("CREATE SEQUENCE IF NOT EXISTS {};", name.quoted('"'));
                    "INTEGER"
                }
            };
            format!(
                "id {id} NOT NULL, {key} VARCHAR(255), data BYTEA, \
                 expiry TIMESTAMP WITHOUT TIME ZONE, PRIMARY KEY (id), UNIQUE ({key})"
            )
        }
    };
    format!(
        "SELECT pg_advisory_xact_lock({LOCK}); {sequence} \
         CREATE TABLE IF NOT EXISTS {t} ({columns}){index}"
    )
}

/// The advisory lock of those who make tables; the bytes of `dewar`.
const LOCK: i64 = 0x64_6577_6172;

async fn describe(client: &ClientWrapper, table: &Table) -> Result<Option<Found>, Error> {
    let name = table.qualified(Dialect::Postgresql);
    let rows = client.query_typed(COLUMNS, &[(&name, Type::TEXT)]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut found = Found {
        columns: Vec::new(),
        unique: Vec::new(),
    };
    for row in rows {
        let name: String = row.try_get(0)?;
        if row.try_get(3)? {
            found.unique.push(name.clone());
        }
        found.columns.push(Column {
            name,
            kind: row.try_get(1)?,
            need: match row.try_get(2)? {
                true => Need::Required,
                false => Need::Optional,
            },
        });
    }
    Ok(Some(found))
}

const COLUMNS: &str = "SELECT a.attname::text, lower(format_type(a.atttypid, NULL)), \
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
    EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique \
        AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) \
    FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
