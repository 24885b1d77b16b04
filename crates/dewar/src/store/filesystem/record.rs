//! The bytes of a record's file.
//!
//! ```text
//!  0   8   "DEWARv2\n"
//!  8   4   length of the key
//! 12   4   room for data in each half; 0 for a file of one half, which is as long as its data
//! 16   k   the key, and zeros up to a multiple of 16
//!          the first half
//!          the second half
//! ```
//!
//! Each half holds a whole record. A write goes into the one that is not the latest, so that the one before it stays whole until
//! the next: whoever reads meanwhile sees that, and so does whoever reads after the process was killed within a write. After the
//! machine went down, too, if each write has waited for the disk: otherwise the disk may have been at both halves.
//!
//! ```text
//!  0   8   expiry in milliseconds since 1970, signed
//!  8   8   the same with every bit inverted
//! 16   8   version: random, new with each write
//! 24   4   number of the write: the half with the higher one is the latest
//! 28   4   CRC-32 of the file's bytes 8..16, the key, and the half's bytes 16..28 and 32..48+n
//! 32   8   length of the data
//! 40   8   zeros
//! 48   n   the data
//! ```
//!
//! Numbers are little-endian. `touch` overwrites the expiry where it lies, in one aligned write, which is why it has a check of
//! its own and comes first, at a multiple of 16. The expiry is not the file's modification time, because copying and restoring
//! a folder changes that.

use bytes::Bytes;

use super::folder::LARGEST;
use crate::UnixTime;

/// The bytes before the key.
const START: usize = 16;
/// The bytes of a half before its data.
const HEAD: usize = 48;
/// Data beyond this is written to a file of its own each time: to write it costs more than a new file does, and to read it
/// twice as well.
const LARGEST_IN_HALVES: usize = 32 << 10;
/// Room is had in steps of so many bytes: a session that grows by little stays where it is.
const STEP: usize = 256;

const MAGIC: &[u8; 8] = b"DEWARv2\n";

/// What a file holds.
pub(super) struct Stored {
    pub(super) version: u64,
    pub(super) expires: UnixTime,
    /// The number of a later write that was not finished, or is under way.
    pub(super) unfinished: Option<u32>,
    file: Bytes,
    layout: Layout,
    at: usize,
    number: u32,
    length: usize,
}

impl Stored {
    /// Takes a whole file apart; `None` if it holds nothing whole, or if its expiry is being moved.
    pub(super) fn read(file: Vec<u8>) -> Option<Stored> {
        let layout = Layout::read(&file)?;
        let latest_first = {
            let mut heads = layout.heads(&file);
            match (heads.next(), heads.next()) {
                (Some(one), Some(other)) if other.is_after(&one) => [Some(other), Some(one)],
                (one, other) => [one, other],
            }
        };
        let mut unfinished = None;
        for head in latest_first.into_iter().flatten() {
            if layout.check(&file, &head) == Some(head.check) {
                return Some(Stored {
                    version: head.version,
                    expires: head.expires?,
                    unfinished,
                    layout,
                    at: head.at,
                    number: head.number,
                    length: head.length,
                    file: file.into(),
                });
            }
            unfinished = Some(head.number);
        }
        None
    }

    /// Whether a file is as long as its start says.
    pub(super) fn is_whole(file: &[u8]) -> bool {
        Layout::read(file).is_some_and(|layout| match layout.room {
            0 => Head::read(file, layout.first())
                .is_some_and(|head| head.at + HEAD + head.length == file.len()),
            room => layout.last() + HEAD + room == file.len(),
        })
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.file[START..START + self.layout.key_length]
    }

    pub(super) fn data(&self) -> Bytes {
        let start = self.at + HEAD;
        self.file.slice(start..start + self.length)
    }

    /// Where in the file the expiry is.
    pub(super) fn expiry_at(&self) -> u64 {
        self.at as u64
    }

    /// The half for the next write, and where in the file it goes; `None` if the data does not fit, or would leave most of
    /// the file empty.
    pub(super) fn next(
        &self,
        data: &[u8],
        expires: UnixTime,
        version: u64,
    ) -> Option<(u64, Vec<u8>)> {
        let room = self.layout.room;
        if data.len() > room || room_for(data.len()) * 8 < room {
            return None;
        }
        let other = self.layout.halves().find(|at| *at != self.at)?;
        let number = self.number.wrapping_add(1);
        let mut half = half(
            &self.file[8..START],
            self.key(),
            data,
            expires,
            version,
            number,
        );
        // What was there is not left behind shorter data; a write that was cut off may have left what was before it as well.
        let before = match self.unfinished {
            Some(_) => room,
            None => Head::read(&self.file, other).map_or(0, |head| head.length.min(room)),
        };
        half.resize(half.len().max(HEAD + before), 0);
        Some((other as u64, half))
    }
}

/// Where what lies.
#[derive(Clone, Copy)]
struct Layout {
    key_length: usize,
    room: usize,
}

impl Layout {
    /// Reads the start of a file; `None` if it is none.
    fn read(file: &[u8]) -> Option<Layout> {
        if !file.starts_with(MAGIC) {
            return None;
        }
        let layout = Layout {
            key_length: number32(file, 8)? as usize,
            room: number32(file, 12)? as usize,
        };
        let possible =
            layout.room <= room_for(LARGEST_IN_HALVES) && layout.key_length as u64 <= LARGEST;
        possible.then_some(layout)
    }

    fn first(&self) -> usize {
        (START + self.key_length).next_multiple_of(START)
    }

    /// Where the halves begin.
    fn halves(&self) -> impl Iterator<Item = usize> + use<> {
        let first = self.first();
        let second = (self.room > 0).then(|| self.last());
        std::iter::once(first).chain(second)
    }

    /// The heads of the halves, as far as they are there.
    fn heads<'f>(&self, file: &'f [u8]) -> impl Iterator<Item = Head> + use<'f> {
        self.halves().filter_map(move |at| Head::read(file, at))
    }

    /// Where the last half begins.
    fn last(&self) -> usize {
        match self.room {
            0 => self.first(),
            room => self.first() + HEAD + room,
        }
    }

    /// What the check of a half must be; `None` if not all of it is there.
    fn check(&self, file: &[u8], head: &Head) -> Option<u32> {
        let half = file.get(head.at..head.at + HEAD + head.length)?;
        Some(check(
            &file[8..START],
            &file[START..START + self.key_length],
            half,
        ))
    }
}

/// The start of a half.
struct Head {
    at: usize,
    version: u64,
    /// `None` if it is none: it is being moved, or there is nothing yet.
    expires: Option<UnixTime>,
    number: u32,
    check: u32,
    length: usize,
}

impl Head {
    /// Reads the start of a half; `None` if the file ends before.
    fn read(file: &[u8], at: usize) -> Option<Head> {
        let head = file.get(at..at + HEAD)?;
        let expires = number64(head, 0)?;
        let is_expiry = number64(head, 8)? == !expires;
        Some(Head {
            at,
            version: number64(head, 16)?,
            expires: is_expiry.then(|| UnixTime::from_millis(expires.cast_signed())),
            number: number32(head, 24)?,
            check: number32(head, 28)?,
            length: number64(head, 32)?.min(LARGEST) as usize,
        })
    }

    fn is_after(&self, other: &Head) -> bool {
        (self.number.wrapping_sub(other.number) as i32) > 0
    }
}

/// What is left in a file that holds nothing whole.
pub(super) struct Remains {
    pub(super) key: Option<Vec<u8>>,
    /// The later one of what its halves say.
    pub(super) expires: Option<UnixTime>,
}

impl Remains {
    /// Reads what there is; `None` if nothing shows that it was such a file, unless a machine that went down left it empty.
    pub(super) fn read(file: &[u8]) -> Option<Remains> {
        let empty = file.iter().all(|byte| *byte == 0);
        if !empty && !file.starts_with(MAGIC) && !MAGIC.starts_with(file) {
            return None;
        }
        let layout = Layout::read(file);
        let key = layout.and_then(|layout| file.get(START..START + layout.key_length));
        let heads = layout.into_iter().flat_map(|layout| layout.heads(file));
        Some(Remains {
            key: key.map(<[u8]>::to_vec),
            expires: heads.filter_map(|head| head.expires).max(),
        })
    }
}

/// What a file says of the record in it, without the data.
pub(super) struct Summary {
    pub(super) key: Vec<u8>,
    pub(super) expires: UnixTime,
    pub(super) length: u64,
    room: usize,
}

impl Summary {
    /// Reads the start of a file, which is not checked.
    pub(super) fn read(start: &[u8]) -> Option<Summary> {
        let layout = Layout::read(start)?;
        let latest = layout
            .heads(start)
            .filter(|head| head.expires.is_some())
            .reduce(|one, other| if other.is_after(&one) { other } else { one })?;
        Some(Summary {
            key: start[START..START + layout.key_length].to_vec(),
            expires: latest.expires?,
            length: latest.length as u64,
            room: layout.room,
        })
    }

    pub(super) fn of(stored: &Stored) -> Summary {
        Summary {
            key: stored.key().to_vec(),
            expires: stored.expires,
            length: stored.length as u64,
            room: stored.layout.room,
        }
    }

    /// Whether there is one half only: its data is large.
    pub(super) fn is_alone(&self) -> bool {
        self.room == 0
    }

    /// Whether the heads of all halves are in the start of a file.
    pub(super) fn is_in(start: &[u8]) -> bool {
        let layout = Layout::read(start);
        layout.is_some_and(|layout| Head::read(start, layout.last()).is_some())
    }
}

/// The bytes of a file of one half.
pub(super) fn length_alone(key: &str, data: &[u8]) -> u64 {
    let layout = Layout {
        key_length: key.len(),
        room: 0,
    };
    (layout.first() + HEAD + data.len()) as u64
}

/// A whole file, with room for the next write.
pub(super) fn file(key: &str, data: &[u8], expires: UnixTime, version: u64) -> Vec<u8> {
    let room = match data.len() {
        large if large > LARGEST_IN_HALVES => 0,
        length => room_for(length),
    };
    let layout = Layout {
        key_length: key.len(),
        room,
    };
    let first = layout.first();
    let mut file = Vec::with_capacity(first + 2 * HEAD + 2 * room.max(data.len()));
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&(key.len() as u32).to_le_bytes());
    file.extend_from_slice(&(room as u32).to_le_bytes());
    file.extend_from_slice(key.as_bytes());
    file.resize(first, 0);
    let half = half(&file[8..START], key.as_bytes(), data, expires, version, 1);
    file.extend_from_slice(&half);
    if room > 0 {
        file.resize(first + 2 * (HEAD + room), 0);
    }
    file
}

fn half(
    start: &[u8],
    key: &[u8],
    data: &[u8],
    expires: UnixTime,
    version: u64,
    number: u32,
) -> Vec<u8> {
    let mut half = Vec::with_capacity(HEAD + data.len());
    half.extend_from_slice(&expiry_bytes(expires));
    half.extend_from_slice(&version.to_le_bytes());
    half.extend_from_slice(&number.to_le_bytes());
    half.extend_from_slice(&[0; 4]);
    half.extend_from_slice(&(data.len() as u64).to_le_bytes());
    half.extend_from_slice(&[0; 8]);
    half.extend_from_slice(data);
    let check = check(start, key, &half);
    half[28..32].copy_from_slice(&check.to_le_bytes());
    half
}

/// The room for data of this length and a little more.
fn room_for(length: usize) -> usize {
    (length + length / 4).next_multiple_of(STEP).max(STEP)
}

/// The expiry as it lies in a half.
pub(super) fn expiry_bytes(expires: UnixTime) -> [u8; 16] {
    let millis = expires.millis().cast_unsigned();
    let both = u128::from(millis) | u128::from(!millis) << 64;
    both.to_le_bytes()
}

fn check(start: &[u8], key: &[u8], half: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(start);
    crc.update(key);
    crc.update(&half[16..28]);
    crc.update(&half[32..]);
    crc.sum()
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

fn number64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const EXPIRES: UnixTime = UnixTime::from_millis(1_700_000_000_123);

    fn first(data: &[u8]) -> Vec<u8> {
        file("session:key", data, EXPIRES, 42)
    }

    /// A file in which these were written one after the other.
    fn written(all: &[&[u8]]) -> Vec<u8> {
        let mut file = first(all[0]);
        for (version, data) in all.iter().enumerate().skip(1) {
            let stored = Stored::read(file.clone()).unwrap();
            let (at, half) = stored.next(data, EXPIRES, version as u64).unwrap();
            let at = usize::try_from(at).unwrap();
            file[at..at + half.len()].copy_from_slice(&half);
        }
        file
    }

    fn data(file: Vec<u8>) -> Option<Bytes> {
        Stored::read(file).map(|stored| stored.data())
    }

    #[test]
    fn the_layout_is_frozen() {
        let expected = "44455741527632 0a 0b000000 00010000 73657373696f6e3a6b6579 0000000000 \
                        7b68e5cf8b010000 84971a3074feffff 2a00000000000000 01000000 xxxxxxxx 0400000000000000 \
                        0000000000000000 64617461";
        let whole = first(b"data");
        assert_eq!(whole.len(), 32 + 2 * (48 + 256));
        let mut hex = String::new();
        for (at, byte) in whole[..32 + 48 + 4].iter().enumerate() {
            let text = format!("{byte:02x}");
            hex += if (60..64).contains(&at) { "xx" } else { &text };
        }
        assert_eq!(hex, expected.replace(' ', ""));
    }

    #[test]
    fn each_write_goes_into_the_half_that_is_not_the_latest() {
        let all: [&[u8]; 4] = [b"one", b"two", b"three", b""];
        let halves: Vec<_> = (1..=4)
            .map(|number| {
                let stored = Stored::read(written(&all[..number])).unwrap();
                assert_eq!(stored.data(), all[number - 1]);
                assert_eq!(stored.unfinished, None);
                stored.at
            })
            .collect();
        assert!(halves[0] == halves[2] && halves[1] == halves[3] && halves[0] != halves[1]);
    }

    #[test]
    fn a_write_that_was_cut_off_anywhere_leaves_the_one_before_it() {
        let before = written(&[b"one", b"two"]);
        let (at, half) = Stored::read(before.clone())
            .unwrap()
            .next(b"three", EXPIRES, 7)
            .unwrap();
        let at = usize::try_from(at).unwrap();
        for end in 0..half.len() {
            let mut file = before.clone();
            file[at..at + end].copy_from_slice(&half[..end]);
            let stored = Stored::read(file.clone()).unwrap();
            assert_eq!(stored.data(), &b"two"[..], "cut off at {end}");
            // The next write goes where that one went.
            assert_eq!(stored.next(b"four", EXPIRES, 8).unwrap().0, at as u64);
        }
    }

    #[test]
    fn nothing_but_the_last_write_and_the_one_before_it_is_in_the_file() {
        let file = written(&[b"a long first one", b"second", b"third", b"4"]);
        let has = |text: &[u8]| file.windows(text.len()).any(|part| part == text);
        assert!(has(b"third") && !has(b"one") && !has(b"econd"));
    }

    #[test]
    fn a_write_that_was_cut_off_leaves_nothing_that_it_was_to_overwrite() {
        let before = written(&[b"a long first one", b"second"]);
        let stored = Stored::read(before.clone()).unwrap();
        let (at, half) = stored.next(b"3", EXPIRES, 3).unwrap();
        let at = usize::try_from(at).unwrap();
        let mut file = before;
        // Its head is there, its data is not.
        file[at..at + HEAD].copy_from_slice(&half[..HEAD]);
        let stored = Stored::read(file.clone()).unwrap();
        assert_eq!(stored.data(), &b"second"[..]);
        let (at, half) = stored.next(b"4", EXPIRES, 4).unwrap();
        let at = usize::try_from(at).unwrap();
        file[at..at + half.len()].copy_from_slice(&half);
        assert_eq!(data(file.clone()).as_deref(), Some(&b"4"[..]));
        assert!(!file.windows(5).any(|part| part == b"first"));
    }

    #[test]
    fn a_half_whose_expiry_is_being_moved_does_not_give_way_to_the_one_before_it() {
        let mut file = written(&[b"one", b"two"]);
        let at = Stored::read(file.clone()).unwrap().expiry_at();
        file[usize::try_from(at).unwrap()] ^= 1;
        assert!(Stored::read(file).is_none());
    }

    #[test]
    fn a_flipped_bit_never_makes_data_that_was_not_written() {
        let good = written(&[b"before", b"some data"]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let Some(stored) = Stored::read(bad) else {
                continue;
            };
            // One in the latest half may leave the one before it.
            let latest = 32 + 48 + 256..32 + 2 * 48 + 256 + 9;
            let expected = match latest.contains(&(bit / 8)) {
                true => &b"before"[..],
                false => &b"some data"[..],
            };
            assert_eq!(stored.data(), expected, "bit {bit}");
        }
    }

    #[test]
    fn every_cut_and_every_zeroed_end_leaves_what_is_whole() {
        let good = first(b"some data");
        let end_of_data = 32 + 48 + 9;
        for end in 0..good.len() {
            let expected = (end >= end_of_data).then_some(&b"some data"[..]);
            assert_eq!(
                data(good[..end].to_vec()).as_deref(),
                expected,
                "cut at {end}"
            );
            let mut zeroed = good.clone();
            zeroed[end..].fill(0);
            assert_eq!(data(zeroed).as_deref(), expected, "zeroed from {end}");
        }
    }

    #[test]
    fn the_start_of_a_file_says_what_is_in_it() {
        let whole = written(&[b"before", b"some data"]);
        let needed = 32 + 48 + 256 + 48;
        assert!(!Summary::is_in(&whole[..needed - 1]) && Summary::is_in(&whole[..needed]));
        let summary = Summary::read(&whole[..needed]).unwrap();
        assert_eq!((summary.expires, summary.length), (EXPIRES, 9));
        assert_eq!(summary.key, b"session:key");
        let summary = Summary::read(&first(b"one")).unwrap();
        assert_eq!(summary.length, 3);
        assert!(Summary::read(b"a text").is_none());
    }

    #[test]
    fn what_does_not_fit_or_leaves_most_of_it_empty_gets_a_file_of_its_own() {
        let small = Stored::read(first(&[b'x'; 200])).unwrap();
        assert!(small.next(&[b'x'; 256], EXPIRES, 1).is_some());
        assert!(small.next(&[b'x'; 257], EXPIRES, 1).is_none());
        let large = Stored::read(first(&[b'x'; 30_000])).unwrap();
        assert!(large.next(&[b'x'; 8_000], EXPIRES, 1).is_some());
        assert!(large.next(&[b'x'; 3_000], EXPIRES, 1).is_none());
        let whole = first(&[b'x'; 40_000]);
        assert!(Stored::is_whole(&whole) && !Stored::is_whole(&whole[..40_000]));
        assert_eq!(whole.len(), 32 + 48 + 40_000);
        let alone = Stored::read(whole).unwrap();
        assert!(alone.next(b"x", EXPIRES, 1).is_none());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(key in "\\PC{0,80}", data: Vec<u8>, expires: i64, version: u64) {
            let expires = UnixTime::from_millis(expires);
            let whole = file(&key, &data, expires, version);
            prop_assert!(Stored::is_whole(&whole));
            let stored = Stored::read(whole).unwrap();
            prop_assert_eq!(stored.key(), key.as_bytes());
            prop_assert_eq!(stored.data(), data);
            prop_assert_eq!((stored.expires, stored.version), (expires, version));
        }

        #[test]
        fn no_bytes_make_it_panic(start in prop_oneof![Just(&MAGIC[..]), Just(&b""[..])], rest: Vec<u8>) {
            let file = [start, &rest].concat();
            drop(Summary::read(&file));
            Summary::is_in(&file);
            Stored::is_whole(&file);
            drop(Remains::read(&file));
            drop(Stored::read(file));
        }

        #[test]
        fn no_small_numbers_make_it_panic(
            key_length in 0_u32..40,
            room in prop_oneof![0_u32..3, Just(256)],
            rest in prop::collection::vec(0_u8..3, 0..700),
        ) {
            let file = [&MAGIC[..], &key_length.to_le_bytes(), &room.to_le_bytes(), &rest].concat();
            drop(Summary::read(&file));
            Summary::is_in(&file);
            Stored::is_whole(&file);
            drop(Remains::read(&file));
            drop(Stored::read(file));
        }
    }
}
