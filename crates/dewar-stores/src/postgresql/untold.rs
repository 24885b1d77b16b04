//! A value that the driver sends and does not tell: it writes the parameters of a prepared statement to the log (DEBUG), and they
//! are a session's key and its data.

use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

pub(super) struct Untold<'a>(pub(super) &'a (dyn ToSql + Sync));

impl fmt::Debug for Untold<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Untold<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql_checked(kind, out)
    }

    /// What is inside is asked when it is sent.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql_checked(kind, out)
    }

    fn encode_format(&self, kind: &Type) -> Format {
        self.0.encode_format(kind)
    }
}
