//! The bytes of a record's file.
//!
//! ```text
//!  0   8   "DEWARv1\n"
//!  8   8   version: random, new with each write
//! 16   8   expiry in milliseconds since 1970, signed
//! 24   8   the same with every bit inverted
//! 32   4   length of the key
//! 36   4   CRC-32 of bytes 0..16, of 32..36 and of everything from 40 on
//! 40   8   length of the data
//! 48   k   the key
//! 48+k n   the data
//! ```
//!
//! Numbers are little-endian. `touch` overwrites bytes 16..32 where they lie, in one aligned write, which
//! is why they have a check of their own. The expiry is not the file's modification time, because copying
//! and restoring a folder changes that.

use bytes::Bytes;

use crate::UnixTime;

pub(super) const HEADER: usize = 48;
/// Where [`expiry_bytes`] lie.
pub(super) const EXPIRY_AT: u64 = 16;

const MAGIC: &[u8; 8] = b"DEWARv1\n";

/// What a file holds.
pub(super) struct Stored {
    pub(super) version: u64,
    pub(super) expires: UnixTime,
    file: Bytes,
    key_length: usize,
}

impl Stored {
    /// Takes a whole file apart; `None` if it does not hold what its layout says.
    pub(super) fn read(file: Vec<u8>) -> Option<Stored> {
        let header = Header::read(&file)?;
        if header.length() != Some(file.len() as u64) || header.check != check(&file) {
            return None;
        }
        Some(Stored {
            version: header.version,
            expires: header.expires,
            key_length: header.key_length as usize,
            file: file.into(),
        })
    }

    /// Whether a file is as long as its start says.
    pub(super) fn is_whole(file: &[u8]) -> bool {
        Header::read(file).is_some_and(|header| header.length() == Some(file.len() as u64))
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.file[HEADER..HEADER + self.key_length]
    }

    pub(super) fn data(&self) -> Bytes {
        self.file.slice(HEADER + self.key_length..)
    }
}

/// The first bytes of a file, which say how long the rest is.
pub(super) struct Header {
    pub(super) expires: UnixTime,
    pub(super) key_length: u32,
    pub(super) data_length: u64,
    version: u64,
    check: u32,
}

impl Header {
    /// Reads the start of a file; `None` if it is none. The check of the whole is not made.
    pub(super) fn read(file: &[u8]) -> Option<Header> {
        let start = file.first_chunk::<HEADER>()?;
        if !start.starts_with(MAGIC) {
            return None;
        }
        let expires = number(start, 16);
        if number(start, 24) != !expires {
            return None;
        }
        let lengths = number(start, 32);
        Some(Header {
            version: number(start, 8),
            expires: UnixTime::from_millis(expires.cast_signed()),
            key_length: lengths as u32,
            check: (lengths >> 32) as u32,
            data_length: number(start, 40),
        })
    }

    /// How long the whole file is; `None` if no file is so long.
    fn length(&self) -> Option<u64> {
        (HEADER as u64 + u64::from(self.key_length)).checked_add(self.data_length)
    }
}

/// A whole file.
pub(super) fn write(key: &str, data: &[u8], expires: UnixTime, version: u64) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEADER + key.len() + data.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&version.to_le_bytes());
    file.extend_from_slice(&expiry_bytes(expires));
    file.extend_from_slice(&(key.len() as u32).to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&(data.len() as u64).to_le_bytes());
    file.extend_from_slice(key.as_bytes());
    file.extend_from_slice(data);
    let check = check(&file);
    file[36..40].copy_from_slice(&check.to_le_bytes());
    file
}

/// The bytes 16..32.
pub(super) fn expiry_bytes(expires: UnixTime) -> [u8; 16] {
    let millis = expires.millis().cast_unsigned();
    let both = u128::from(millis) | u128::from(!millis) << 64;
    both.to_le_bytes()
}

fn check(file: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&file[..16]);
    crc.update(&file[32..36]);
    crc.update(&file[40..]);
    crc.sum()
}

fn number(start: &[u8; HEADER], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&start[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn file(data: &[u8]) -> Vec<u8> {
        write(
            "session:key",
            data,
            UnixTime::from_millis(1_700_000_000_123),
            42,
        )
    }

    #[test]
    fn the_layout_is_frozen() {
        let expected = "44455741527631 0a 2a00000000000000 7b68e5cf8b010000 84971a3074feffff 0b000000 \
                        xxxxxxxx 0400000000000000 73657373696f6e3a6b6579 64617461";
        let mut hex = String::new();
        for (at, byte) in file(b"data").iter().enumerate() {
            let text = format!("{byte:02x}");
            hex += if (36..40).contains(&at) { "xx" } else { &text };
        }
        assert_eq!(hex, expected.replace(' ', ""));
    }

    #[test]
    fn every_single_flipped_bit_is_noticed() {
        let good = file(b"some data");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Stored::read(bad).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_and_every_zeroed_end_is_noticed() {
        let good = file(b"some data");
        for end in 0..good.len() {
            assert!(Stored::read(good[..end].to_vec()).is_none(), "cut at {end}");
            let mut zeroed = good.clone();
            zeroed[end..].fill(0);
            assert!(Stored::read(zeroed).is_none(), "zeroed from {end}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(key in "\\PC{0,80}", data: Vec<u8>, expires: i64, version: u64) {
            let expires = UnixTime::from_millis(expires);
            let stored = Stored::read(write(&key, &data, expires, version)).unwrap();
            prop_assert_eq!(stored.key(), key.as_bytes());
            prop_assert_eq!(stored.data(), data);
            prop_assert_eq!((stored.expires, stored.version), (expires, version));
        }

        #[test]
        fn no_bytes_make_it_panic(start in prop_oneof![Just(&MAGIC[..]), Just(&b""[..])], rest: Vec<u8>) {
            drop(Stored::read([start, &rest].concat()));
        }
    }
}
