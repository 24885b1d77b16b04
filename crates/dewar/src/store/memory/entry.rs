//! How a record lies in memory: key and data in one allocation.
//!
//! ```text
//! 1 byte   form of the key: ID, PREFIXED_ID or TEXT
//! 32       the session id's raw bytes, unless TEXT
//! 4        length of the rest of the key, little-endian, unless ID
//! n        the rest of the key (its prefix, or all of it), unless ID
//! m        the data, unless it is so large that it is kept beside
//! ```
//!
//! So the key `session:` + 43 characters takes 33 bytes, not 51.

use std::hash::{BuildHasher, Hasher, RandomState};

use base64_simd::Out;
use bytes::Bytes;

use crate::store::Key;

/// `session:` and an id.
const ID: u8 = 1;
/// Another prefix and an id.
const PREFIXED_ID: u8 = 2;
/// Anything else.
const TEXT: u8 = 0;

const USUAL_PREFIX: &str = "session:";
const ID_CHARACTERS: usize = 43;
const ID_BYTES: usize = 32;
/// The size from which data is not copied out of its record under the lock.
const LARGE: usize = 4096;

/// A key as a shard looks for it.
pub(super) struct Search<'a> {
    parts: Parts<'a>,
    hash: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(key: &'a Key, hasher: &RandomState) -> Search<'a> {
        let parts = Parts::of(key.expose());
        let hash = parts.hash(hasher);
        Search { parts, hash }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// A record's key and data.
pub(super) enum Payload {
    Together(Box<[u8]>),
    Apart(Box<Apart>),
}

/// A large record, whose data is shared with those who read it.
pub(super) struct Apart {
    key: Box<[u8]>,
    blob: Bytes,
}

impl Payload {
    pub(super) fn new(search: &Search<'_>, blob: &[u8]) -> Payload {
        if blob.len() < LARGE {
            Payload::Together(search.parts.write(blob))
        } else {
            Payload::Apart(Box::new(Apart {
                key: search.parts.write(&[]),
                blob: Bytes::copy_from_slice(blob),
            }))
        }
    }

    pub(super) fn is(&self, search: &Search<'_>) -> bool {
        self.parts().0 == search.parts
    }

    pub(super) fn hash(&self, hasher: &RandomState) -> u64 {
        self.parts().0.hash(hasher)
    }

    pub(super) fn key(&self) -> String {
        self.parts().0.text()
    }

    pub(super) fn blob(&self) -> Bytes {
        match self {
            Payload::Together(_) => Bytes::copy_from_slice(self.parts().1),
            Payload::Apart(apart) => apart.blob.clone(),
        }
    }

    pub(super) fn blob_len(&self) -> usize {
        match self {
            Payload::Together(_) => self.parts().1.len(),
            Payload::Apart(apart) => apart.blob.len(),
        }
    }

    fn parts(&self) -> (Parts<'_>, &[u8]) {
        match self {
            Payload::Together(bytes) => Parts::read(bytes),
            Payload::Apart(apart) => Parts::read(&apart.key),
        }
    }
}

/// A key, taken apart.
#[derive(PartialEq, Eq)]
struct Parts<'a> {
    form: u8,
    id: [u8; ID_BYTES],
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(key: &'a str) -> Parts<'a> {
        if let Some(at) = key.len().checked_sub(ID_CHARACTERS)
            && let Some((prefix, id)) = key.split_at_checked(at)
            && let Some(id) = decode(id)
        {
            return match prefix {
                USUAL_PREFIX => Parts {
                    form: ID,
                    id,
                    rest: &[],
                },
                _ => Parts {
                    form: PREFIXED_ID,
                    id,
                    rest: prefix.as_bytes(),
                },
            };
        }
        Parts {
            form: TEXT,
            id: [0; ID_BYTES],
            rest: key.as_bytes(),
        }
    }

    fn text(&self) -> String {
        let rest = String::from_utf8_lossy(self.rest);
        let prefix = match self.form {
            ID => USUAL_PREFIX,
            PREFIXED_ID => &rest,
            _ => return rest.into_owned(),
        };
        format!(
            "{prefix}{}",
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(self.id)
        )
    }

    fn hash(&self, hasher: &RandomState) -> u64 {
        let mut hasher = hasher.build_hasher();
        match self.form {
            ID => hasher.write(&self.id),
            PREFIXED_ID => {
                hasher.write(&self.id);
                hasher.write(self.rest);
            }
            _ => hasher.write(self.rest),
        }
        hasher.finish()
    }

    fn write(&self, blob: &[u8]) -> Box<[u8]> {
        let mut bytes = Vec::with_capacity(1 + ID_BYTES + 4 + self.rest.len() + blob.len());
        bytes.push(self.form);
        if self.form != TEXT {
            bytes.extend_from_slice(&self.id);
        }
        if self.form != ID {
            bytes.extend_from_slice(&(self.rest.len() as u32).to_le_bytes());
            bytes.extend_from_slice(self.rest);
        }
        bytes.extend_from_slice(blob);
        bytes.into_boxed_slice()
    }

    /// The key and the data that were written.
    fn read(bytes: &'a [u8]) -> (Parts<'a>, &'a [u8]) {
        let (form, mut bytes) = (bytes[0], &bytes[1..]);
        let mut id = [0; ID_BYTES];
        if form != TEXT {
            id.copy_from_slice(&bytes[..ID_BYTES]);
            bytes = &bytes[ID_BYTES..];
        }
        if form == ID {
            return (
                Parts {
                    form,
                    id,
                    rest: &[],
                },
                bytes,
            );
        }
        let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        let (rest, blob) = bytes[4..].split_at(length);
        (Parts { form, id, rest }, blob)
    }
}

/// The raw bytes of an id, if exactly this text is what they are written as: the decoder refuses a last
/// character with bits that would be lost.
fn decode(id: &str) -> Option<[u8; ID_BYTES]> {
    let mut raw = [0; ID_BYTES];
    base64_simd::URL_SAFE_NO_PAD
        .decode(id.as_bytes(), Out::from_slice(&mut raw))
        .ok()?;
    Some(raw)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_and_blob_comes_back(
            prefix in "(session:|app:|)", id in "[A-Za-z0-9_-]{40,46}|\\PC{0,60}", blob: Vec<u8>,
        ) {
            let key = Key::new(format!("{prefix}{id}"));
            let hasher = RandomState::new();
            let search = Search::new(&key, &hasher);
            let payload = Payload::new(&search, &blob);
            prop_assert!(payload.is(&search));
            prop_assert_eq!(payload.hash(&hasher), search.hash());
            prop_assert_eq!(payload.key(), key.expose());
            prop_assert_eq!(payload.blob(), blob);
        }
    }

    #[test]
    fn ids_that_differ_in_unused_bits_are_different_keys() {
        let hasher = RandomState::new();
        let id = "kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZ";
        let (one, other) = (
            Key::new(format!("session:{id}o")),
            Key::new(format!("session:{id}p")),
        );
        let payload = Payload::new(&Search::new(&one, &hasher), &[]);
        assert!(!payload.is(&Search::new(&other, &hasher)));
    }

    #[test]
    fn the_usual_key_takes_33_bytes() {
        let key = Key::new("session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo");
        let search = Search::new(&key, &RandomState::new());
        assert_eq!(search.parts.write(b"data").len(), 33 + 4);
        assert_eq!(size_of::<Payload>(), 16);
    }
}
