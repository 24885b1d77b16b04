use bytes::Bytes;
use dewar::Result;
use dewar::store::{Cursor, Page};

pub(super) async fn page(
    _store: &super::RedisStore,
    _prefix: &str,
    _cursor: Cursor,
    _limit: usize,
) -> Result<Page> {
    let _ = Bytes::new();
    Ok(Page { entries: Vec::new(), next: None })
}
