use md5::{Digest, Md5};

/// Which server a key belongs to: a hundred points of each server on a circle, as libmemcached places them.
///
/// With one server more or less, only the keys next to its points move.
#[derive(Debug)]
pub(super) struct Ring(Box<[(u32, usize)]>);

const POINTS: usize = 100;

/// It is not written into the points' names.
const DEFAULT_PORT: &str = ":11211";

impl Ring {
    /// A ring of servers, written `host:port`.
    pub(super) fn of<'a>(servers: impl IntoIterator<Item = &'a str>) -> Ring {
        let points = servers.into_iter().enumerate().flat_map(|(index, server)| {
            let name = server.strip_suffix(DEFAULT_PORT).unwrap_or(server);
            (0..POINTS).map(move |point| (hash(format!("{name}-{point}").as_bytes()), index))
        });
        let mut points: Box<[_]> = points.collect();
        points.sort_unstable();
        Ring(points)
    }

    /// The index of the server that has this key.
    pub(super) fn place_of(&self, key: &[u8]) -> usize {
        let hash = hash(key);
        let next = self.0.partition_point(|(point, _)| *point < hash);
        let first = self.0.first();
        self.0.get(next).or(first).map_or(0, |(_, server)| *server)
    }
}

fn hash(text: &[u8]) -> u32 {
    let [a, b, c, d, ..] = <[u8; 16]>::from(Md5::digest(text));
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where pylibmc 1.6.3 with the behaviors `{"distribution": "consistent ketama", "hash": "md5"}` put `session:k0`,
    /// `session:k1` and so on, asked of three real servers.
    const OF_PYLIBMC: &str = "110112210200002020111001121112002012111112020001211102200010222021200022022012101020100111\
                              122212201211022022121200222011";

    #[test]
    fn keys_are_where_pylibmc_puts_them() {
        let ring = Ring::of(["127.0.0.1:11211", "127.0.0.1:18642", "127.0.0.1:18643"]);
        let places = (0..OF_PYLIBMC.len()).map(|key| {
            let place = ring.place_of(format!("session:k{key}").as_bytes());
            place.to_string()
        });
        assert_eq!(places.collect::<String>(), OF_PYLIBMC);
    }

    #[test]
    fn all_servers_have_their_share() {
        let ring = Ring::of(["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11212"]);
        let mut shares = [0; 3];
        for key in 0..3_000 {
            shares[ring.place_of(format!("session:{key}").as_bytes())] += 1;
        }
        assert!(
            shares.iter().all(|share| (700..1_300).contains(share)),
            "{shares:?}"
        );
    }

    #[test]
    fn only_the_keys_of_a_server_that_leaves_move() {
        let all = Ring::of(["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"]);
        let less = Ring::of(["10.0.0.1:11211", "10.0.0.3:11211"]);
        for key in 0..1_000 {
            let key = format!("session:{key}");
            match all.place_of(key.as_bytes()) {
                0 => assert_eq!(less.place_of(key.as_bytes()), 0),
                2 => assert_eq!(less.place_of(key.as_bytes()), 1),
                _ => {}
            }
        }
    }
}
