use std::fmt;
use std::sync::Mutex;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::BadData;

/// zlib as Python's `zlib.compress` and `zlib.decompress` use it, with a bound on what comes out.
pub(super) struct Zlib {
    limit: usize,
    /// Payloads that are shorter are not compressed.
    shortest: usize,
    /// The state of the last compression: a third of a megabyte that is better reset than made anew.
    idle: Mutex<Option<Compress>>,
}

impl Zlib {
    pub(super) fn new(limit: usize) -> Zlib {
        Zlib {
            limit,
            shortest: 0,
            idle: Mutex::new(None),
        }
    }

    pub(super) fn set_shortest(&mut self, shortest: usize) {
        self.shortest = shortest;
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The compressed form if it is shorter by more than the byte that marks it: itsdangerous' rule.
    pub(super) fn compress_if_shorter(&self, payload: &[u8]) -> Option<Vec<u8>> {
        // The longest form that is of use: with its mark, still shorter than the payload.
        let room = payload.len().checked_sub(2)?;
        if room < SHORTEST || payload.len() < self.shortest {
            return None;
        }
        let mut state = self
            .idle
            .try_lock()
            .ok()
            .and_then(|mut idle| idle.take())
            .unwrap_or_else(|| Compress::new(Compression::default(), true));
        let mut compressed = Vec::with_capacity(room);
        let status = state.compress_vec(payload, &mut compressed, FlushCompress::Finish);
        // More than the vector's capacity is never written: a longer form does not come to its end.
        let shorter = matches!(status, Ok(Status::StreamEnd)) && compressed.len() <= room;
        state.reset();
        if let Ok(mut idle) = self.idle.try_lock() {
            *idle = Some(state);
        }
        shorter.then_some(compressed)
    }

    /// Inflates at most the limit; what follows the end of the zlib data is ignored, as in Python.
    pub(super) fn inflate(&self, compressed: &[u8]) -> Result<Vec<u8>, BadData> {
        let mut state = Decompress::new(true);
        let mut payload = Vec::new();
        loop {
            if payload.len() == payload.capacity() {
                // One byte above the limit tells a payload that just fits from one that does not.
                let most = self.limit.saturating_add(1);
                let wanted = (payload.len() * 2)
                    .max(compressed.len().saturating_mul(4))
                    .max(64)
                    .min(most);
                if wanted <= payload.len() {
                    return Err(BadData::PayloadTooLarge { limit: self.limit });
                }
                payload.reserve_exact(wanted - payload.len());
            }
            let read = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
            let rest = compressed.get(read..).unwrap_or_default();
            let before = (state.total_in(), payload.len());
            match state.decompress_vec(rest, &mut payload, FlushDecompress::None) {
                Ok(Status::StreamEnd) if payload.len() <= self.limit => return Ok(payload),
                Ok(Status::StreamEnd) => {
                    return Err(BadData::PayloadTooLarge { limit: self.limit });
                }
                Ok(_) if payload.len() > self.limit => {
                    return Err(BadData::PayloadTooLarge { limit: self.limit });
                }
                // Neither input nor output moved though there was room: the data is cut off.
                Ok(_)
                    if before == (state.total_in(), payload.len())
                        && payload.len() < payload.capacity() =>
                {
                    return Err(BadData::PayloadNotZlib);
                }
                Ok(_) => {}
                Err(_) => return Err(BadData::PayloadNotZlib),
            }
        }
    }
}

/// The fewest bytes of zlib data that hold anything: two of header, two of deflate, four of checksum.
const SHORTEST: usize = 8;

impl Clone for Zlib {
    fn clone(&self) -> Zlib {
        Zlib {
            limit: self.limit,
            shortest: self.shortest,
            idle: Mutex::new(None),
        }
    }
}

impl fmt::Debug for Zlib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zlib").field("limit", &self.limit).finish()
    }
}
