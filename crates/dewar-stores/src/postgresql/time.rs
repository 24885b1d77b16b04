//! Times as PostgreSQL sends them: microseconds since 2000 as a number, so that no time zone and no date style matter.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use dewar::UnixTime;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A time in a column with or without a time zone; without one it is UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PgTime(pub(super) UnixTime);

/// 2000-01-01 in milliseconds since 1970.
const EPOCH: i64 = 946_684_800_000;

/// The times that Python has as well: the years 1 to 9999.
const EARLIEST: i64 = -62_135_596_800_000;
const LATEST: i64 = 253_402_300_799_000;

impl ToSql for PgTime {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let millis = self.0.millis().clamp(EARLIEST, LATEST) - EPOCH;
        out.put_i64(millis * 1000);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMP || *kind == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl FromSql<'_> for PgTime {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<PgTime, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(PgTime(UnixTime::from_millis(
            micros.div_euclid(1000).saturating_add(EPOCH),
        )))
    }

    fn accepts(kind: &Type) -> bool {
        <PgTime as ToSql>::accepts(kind)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_survive_the_way_there_and_back() {
        for millis in [0, -1, EPOCH, 1_700_000_000_123, EARLIEST, LATEST] {
            let mut wire = BytesMut::new();
            let time = PgTime(UnixTime::from_millis(millis));
            assert!(time.to_sql(&Type::TIMESTAMP, &mut wire).is_ok());
            assert_eq!(PgTime::from_sql(&Type::TIMESTAMP, &wire).unwrap(), time);
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for raw in [
            &[][..],
            &[0; 4],
            &[0xff; 8],
            &[0x7f; 8],
            &i64::MIN.to_be_bytes(),
        ] {
            let _ = PgTime::from_sql(&Type::TIMESTAMP, raw);
        }
        let mut wire = BytesMut::new();
        for millis in [i64::MIN, i64::MAX] {
            let time = PgTime(UnixTime::from_millis(millis));
            assert!(time.to_sql(&Type::TIMESTAMP, &mut wire).is_ok());
        }
    }
}
